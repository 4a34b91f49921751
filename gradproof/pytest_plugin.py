"""Gradients of one's own in pytest: a mark over formulas, a fixture that checks, reports, expected deviations.

    @pytest.mark.gradproof("activation/*elu")                         # once for every formula that matches
    def test_slopes(formula, check_gradient):
        check_gradient(gradproof.slope(MINE[formula]), formula)       # fails with the report of the check

`--gradproof-report=FILE` writes all reports, as .json or .sarif; `--gradproof-expect=FILE` lists wrong gradients that
are known (see `gradproof.yours.expected`). Nothing but pytest is imported until a test asks for a check.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from gradproof.yours.expected import Expectation
    from gradproof.yours.report import Report

SUFFIXES = (".json", ".sarif")
expectations = pytest.StashKey[list["Expectation"]]()
checked = pytest.StashKey[list[str]]()  # of a test: its checks, a line of JSON each
narrowed = pytest.StashKey[bool]()  # whether tests were left out


def pytest_addoption(parser: pytest.Parser) -> None:
    """Two files."""
    group = parser.getgroup("gradproof", "gradients before the truth")
    group.addoption("--gradproof-report", metavar="FILE", help="write the reports of all checks, as .json or .sarif")
    group.addoption("--gradproof-expect", metavar="FILE", help="TOML list of wrong gradients that are known: they "
                    "xfail, and an entry that no check needed fails the run")  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Refuse files that cannot be used before any test runs."""
    config.addinivalue_line(
        "markers", "gradproof(*formulas): run the test with `formula` the id of each that an id or a pattern names"
    )
    config.stash[expectations], config.stash[narrowed] = [], False
    here = config.invocation_params.dir
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Gathered(config), "gradproof-gathered")
        if config.option.gradproof_report:
            config.option.gradproof_report = str(_writable(here / config.option.gradproof_report))
    if config.option.gradproof_expect:
        from gradproof.lookup import UsageError
        from gradproof.yours.expected import read_expectations

        config.option.gradproof_expect = str(here / config.option.gradproof_expect)  # workers may stand elsewhere
        try:
            config.stash[expectations] = read_expectations(Path(config.option.gradproof_expect))
        except UsageError as error:
            raise pytest.UsageError(f"--gradproof-expect: {error}") from None


def _writable(path: Path) -> Path:
    """The path of a report. Raises pytest.UsageError where none could be written there."""
    nearest = next((folder for folder in path.parents if folder.exists()), path)
    if path.suffix not in SUFFIXES:
        why = f"its suffix is none of {', '.join(SUFFIXES)}"
    elif path.is_dir():
        why = "it is a folder"
    elif not nearest.is_dir():
        why = f"{nearest} is no folder"
    elif not os.access(nearest, os.W_OK):
        why = f"{nearest} is not writable"
    else:
        return path
    raise pytest.UsageError(f"--gradproof-report: {path} cannot be written: {why}")


# ---------------------------------------------------------------- the mark


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A marked test once for every formula. Raises CollectError where a mark names none."""
    marks = list(metafunc.definition.iter_markers("gradproof"))
    if not marks:
        return
    from gradproof.lookup import UsageError

    try:
        if "formula" not in metafunc.fixturenames:
            raise UsageError("it has no argument `formula`")
        words = [word for mark in reversed(marks) for word in mark.args]
        if not words or any(mark.kwargs for mark in marks):
            raise UsageError("name formulas by ids or patterns, as @pytest.mark.gradproof('activation/*')")
        ids = [id for word in words for id in _formulas(word)]
    except UsageError as error:
        place = metafunc.definition.nodeid
        raise pytest.Collector.CollectError(f"{place}, marked gradproof: {error}") from None
    metafunc.parametrize("formula", list(dict.fromkeys(ids)), ids=str)


def _formulas(word: Any) -> list[str]:
    """The formulas that gradients can be judged by among those that an id, an alias or a pattern names.

    A former id stays as it is, for the parameters that it stands for. Raises UsageError where there is none.
    """
    from fnmatch import fnmatchcase

    from gradproof.cases import DRAWS
    from gradproof.lookup import UsageError, find, identify, suggestion
    from reference import ALIASES, CATALOGUE

    if not isinstance(word, str):
        raise UsageError(f"{word!r} is no id or pattern")
    if set(word) & set("*?["):
        named = [id for id in CATALOGUE if fnmatchcase(id, word)]
        if not named:
            raise UsageError(f"nothing matches {word!r}; {suggestion(word, [*CATALOGUE, *ALIASES])}")
    else:
        find(word)  # which says what a block can be asked
        named = [identify(word)]
    judges = [id for id in named if (record := find(id)[0]).elementwise or record.id in DRAWS]
    if not judges:
        raise UsageError(f"no gradient can be judged by {', '.join(named)}: there are no cases to ask")
    return judges


# ---------------------------------------------------------------- the fixture


@pytest.fixture
def check_gradient(request: pytest.FixtureRequest) -> Callable[..., Report]:
    """`check_gradient(subject, against, **how)` as `gradproof.check`; raises WrongGradient unless it is right.

    An expected wrong gradient is an xfail. Raises UsageError for what cannot be asked. Verdict and causes are
    properties of the test, for JUnit's XML.
    """

    def check_gradient(subject: Any, against: Any = None, **how: Any) -> Report:
        __tracebackhide__ = True
        from gradproof.lookup import OPTIONAL, UsageError, not_installed
        from gradproof.yours.check import check
        from gradproof.yours.report import WrongGradient
        from gradproof.yours.subject import subject_of

        try:
            mine = subject_of(subject)
            report = check(mine, against, **how)
        except UsageError as error:
            raise UsageError(str(error)) from None  # at the line of the test
        except ImportError as error:
            if (error.name or "").split(".")[0] not in OPTIONAL:
                raise  # a mistake of the test
            raise UsageError(not_installed(error)) from None
        known = next((e for e in request.config.stash[expectations] if e.meets(report)), None)
        report = _kept(request.node, mine, report, how, known)
        properties = {name: getattr(report, name) for name in ("subject", "standard", "verdict")}
        said = [*properties.items(), *(("cause", str(cause)) for cause in report.causes)]
        request.node.user_properties += [(f"gradproof.{name}", value) for name, value in said]
        if known is not None:
            pytest.xfail(known.reason)
        if not report.ok:
            raise WrongGradient(report)
        return report

    return check_gradient


def _kept(node: pytest.Item, subject: Any, report: Report, how: dict[str, Any], known: Expectation | None) -> Report:
    """The report with the line that makes it again, and kept for the files at the end."""
    from dataclasses import replace

    from gradproof.evidence.files import encode
    from gradproof.yours.place import again, place, relative, root_of

    file, line, name = place(subject) or (node.path, (node.location[1] or 0) + 1, report.subject)
    report = replace(report, again=again(report, subject, how, node.config.invocation_params.dir, node.nodeid))
    said = {
        "test": node.nodeid,
        "name": name,
        "file": relative(file, root_of(node.config.rootpath)),
        "line": line,
        "text": str(report),
        "expected": known.reason if known else "",
        "entry": known.place if known else "",
    }
    node.stash.setdefault(checked, []).append(encode({**said, **report.as_json}))
    return report


# ---------------------------------------------------------------- the end of the run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the checks of a test along with its last report: a worker of xdist is another process."""
    report = yield
    if report.when == "teardown" and checked in item.stash:
        vars(report)["gradproof"] = item.stash[checked]
        del item.stash[checked]
    return report


def pytest_deselected(items: list[pytest.Item]) -> None:
    """A run without some of its tests does not say what they need."""
    for item in items:
        item.config.stash[narrowed] = True


class Gathered:
    """The checks of a run, where it is steered from; `notes` are for the end of its output."""

    def __init__(self, config: pytest.Config):
        self.config, self.narrowed = config, False
        self.records: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what came along with a test."""
        import json

        self.records += [json.loads(line) for line in getattr(report, "gradproof", ())]

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Whether a worker of xdist left tests out."""
        self.narrowed |= getattr(node, "workeroutput", {}).get("gradproof_narrowed", False)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the report, unless the run was interrupted, and judge the list of expectations."""
        ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
        if self.config.option.collectonly:
            return
        if file := self.config.option.gradproof_report:
            try:
                self.notes.append(_write(Path(file), self.records, self.config) if ended else
                                  f"{file} is as it was: the run did not come to its end")  # fmt: skip
            except OSError as error:
                self.notes.append(f"{file} is as it was: {error.strerror or error}")
                session.exitstatus = pytest.ExitCode.USAGE_ERROR
        if not ended or self.narrowed or self.config.stash[narrowed] or _narrowed(session):
            return
        needed = {record["entry"] for record in self.records}
        stale = [e for e in self.config.stash[expectations] if e.place not in needed]
        self.notes += [f"stale: {e.place} ({e.subject}: {e.reason}): no check needed it; remove it" for e in stale]
        if stale and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was written and what is stale."""
        if self.notes:
            terminalreporter.section("gradproof")
        for note in self.notes:
            terminalreporter.write_line(note)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Of a worker of xdist: say whether tests were left out."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["gradproof_narrowed"] = session.config.stash[narrowed]


def _narrowed(session: pytest.Session) -> bool:
    """Whether the command line named files or tests, or an option left some out."""
    option = session.config.option
    named = session.config.args if session.config.args_source is pytest.Config.ArgsSource.ARGS else []
    files = any("::" in word or Path(session.config.invocation_params.dir, word).is_file() for word in named)
    return bool(files or getattr(option, "lf", False) or session.shouldfail or session.shouldstop)


def _write(path: Path, records: list[dict[str, Any]], config: pytest.Config) -> str:
    """Write the checks in the order of their tests, whole or not at all. Raises OSError as `open` does."""
    import json

    from gradproof.evidence.files import write_whole
    from gradproof.yours.sarif import sarif

    records = sorted(records, key=lambda record: str(record["test"]))
    said = records if path.suffix == ".json" else sarif(records)
    write_whole(path, json.dumps(said, ensure_ascii=False, indent=1) + "\n")
    failed = sum(record["verdict"] not in ("right", "inaccurate") for record in records)
    return f"{path}: {len(records)} checks, {failed} of them wrong"
