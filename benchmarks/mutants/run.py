"""Mutants are drawn, planted one after another, and judged: by the audit's checks, then by the tests."""

from __future__ import annotations

import inspect
import json
import math
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import reference
from benchmarks.mutants import judge, probe
from benchmarks.mutants.mutate import Mutant, mutants
from benchmarks.mutants.plant import Functions, Key, at_import, changed, planted, running, watched
from gradproof.evidence.finding import Finding
from gradproof.evidence.finding import finding as read_finding
from reference import CATALOGUE

REFERENCE = Path(reference.__file__).parent
ROOT = REFERENCE.parent
LEFT_OUT = ("__init__.py", "formula.py")  # records, no formulas
PATIENCE, SLOW = 20.0, 90.0  # seconds of CPU for a check of a mutant, and for the tests
FEW, MANY = 3, 10  # formulas, of those that call the changed code, whose tests are run, and which are asked


class Endless(BaseException):
    """A mutant that does not come to an end; no `except Exception` of a check takes it for an answer."""


@dataclass
class Bench:
    """What is the same for every mutant: who calls which code, and what the formulas themselves say."""

    functions: Functions
    checked: Mapping[Key, Sequence[str]]  # ids by the code that their checks call
    asked: Mapping[Key, Sequence[str]]  # and their probes
    imported: set[Key]  # what runs at import alone, where no mutant can be planted
    right: Mapping[str, Mapping[str, Any]]  # answers of the formulas to their probes, by id


def bench(progress: Callable[[str], None] = lambda line: None, ids: Sequence[str] = ()) -> Bench:
    """Let every check see the right formulas, and note what they call. Raises ValueError if one is not content."""
    imported = at_import("reference", REFERENCE)
    checked: dict[Key, list[str]] = {}
    asked: dict[Key, list[str]] = {}
    right: dict[str, Mapping[str, Any]] = {}
    for id in ids or judge.formulas():
        progress(f"{id} itself")
        seen: set[Key] = set()
        with watched(seen, REFERENCE):
            for name, check in judge.checks(id).items():
                if said := judge.noticed(check):
                    raise ValueError(f"{id} itself does not pass {name}: {said}")
        probed: set[Key] = set()
        with watched(probed, REFERENCE):
            right[id] = probe.answers(id)
        for called, codes in ((checked, seen), (asked, seen | probed)):
            for code in codes:
                called.setdefault(code, []).append(id)
    return Bench(running(REFERENCE), checked, asked, imported - asked.keys(), right)


def drawn(quota: int, seed: int, imported: Container[Key], only: str = "") -> Iterator[tuple[Mutant, Key]]:
    """Mutants of every module, at most `quota` of each: in turns from its functions, and of these from each kind.

    With each comes the code that it changes, which is none of `imported`. `only` is a part of the names of files.
    """
    for path in sorted(REFERENCE.rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        if path.name in LEFT_OUT or only not in file:
            continue
        source = path.read_text(encoding="utf-8")
        before = compile(source, str(path), "exec", dont_inherit=True)
        every = [*mutants(source, file, str(path))]
        random.Random(f"{seed} {file}").shuffle(every)
        groups: dict[str, dict[str, list[Mutant]]] = {}
        for m in every:
            groups.setdefault(m.top, {}).setdefault(m.kind, []).append(m)
        taken: set[str] = set()  # two changes may come to the same, as where(c, 0, 0) → 0
        for m in in_turns([in_turns([*kinds.values()]) for kinds in groups.values()]):
            if len(taken) == quota:
                break
            where = changed(before, m.compiled())
            if where[2] != "<module>" and where not in imported and name(m) not in taken:
                taken.add(name(m))
                yield m, where


def in_turns(groups: Sequence[Sequence[Any]]) -> list[Any]:
    """One of each group, then the next of each.

    >>> in_turns(["abc", "x"])
    ['a', 'x', 'b', 'c']
    """
    longest = max(map(len, groups), default=0)
    return [group[k] for k in range(longest) for group in groups if k < len(group)]


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Raises Endless after so many seconds of CPU."""

    def stop(number: int, frame: Any) -> None:
        raise Endless

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def order(m: Mutant, calling: Sequence[str]) -> list[str]:
    """Ids of formulas that call the changed code: the one whose body it is, those of its module, then the others."""

    def distance(id: str) -> int:
        function = body(id)
        near = function.__code__.co_filename == str(ROOT / m.file)
        return 0 if near and function.__name__ == m.top else 1 if near else 2

    return sorted(calling, key=distance)


def body(id: str) -> Any:
    """The function of a formula as it is written, without what lifts it."""
    return inspect.unwrap(CATALOGUE[id].function)


def by_checks(m: Mutant, where: Key, b: Bench) -> tuple[str, str, str]:
    """The formula, the check that notices, and what it says; empty where none does."""
    for id in some(order(m, b.checked.get(where, ()))):
        for name, check in judge.checks(id).items():
            try:
                with patience(PATIENCE):
                    said = judge.noticed(check)
            except Endless:
                said = "does not come to an end"
            except Exception as error:
                said = f"raises {type(error).__name__}"
            if said:
                return id, name, said
    return "", "", ""


def with_tests(work: Callable[[Sequence[Any]], None], *paths: str) -> None:
    """Collect the tests of the formulas once, and let `work` have them. Raises what it raises."""
    import pytest

    loop = Loop(work)
    where = paths or (str(ROOT / "tests" / "reference"),)
    plain = ["-p", "no:terminal", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-s"]
    code = pytest.main(["-c", str(ROOT / "pyproject.toml"), *plain, *where], plugins=[loop])
    if loop.raised is not None:
        raise loop.raised
    if not loop.ran:
        raise RuntimeError(f"pytest cannot collect {', '.join(where)} (exit {code}); run it to see why")


class Loop:
    """A plugin of pytest that does other work with the tests than to run them all."""

    def __init__(self, work: Callable[[Sequence[Any]], None]) -> None:
        self.work, self.ran = work, False
        self.raised: BaseException | None = None

    def pytest_runtestloop(self, session: Any) -> bool:
        """Work."""
        self.ran = True
        try:
            self.work(session.items)
        except BaseException as error:
            self.raised = error
        return True


def by_tests(m: Mutant, ids: Sequence[str], items: Sequence[Any], seconds: float = math.inf) -> str:
    """The first test that fails, in a process of its own; empty where none does.

    Run are the tests about the formulas `ids`, and those that stand beside the module, in this order and as many as
    begin within so many seconds of CPU.
    """
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:  # the mutant is planted here too
        os.close(read)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(1, 2)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, min(SLOW, 20 + seconds))
        os.write(write, _first_failure(chosen(m.file, ids, items), seconds).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8", errors="replace") as pipe:
        failed = pipe.read()
    _, status = os.waitpid(child, 0)
    return failed if os.waitstatus_to_exitcode(status) == 0 else "does not come to an end"


def _first_failure(items: Sequence[Any], seconds: float) -> str:
    """The name of the first test that fails."""
    end = time.process_time() + seconds
    failed: list[str] = []

    class Notes:
        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.failed:
                failed.append(report.nodeid)

    for item in items:
        if not failed and time.process_time() < end:
            manager = item.config.pluginmanager
            if not manager.has_plugin("notes of mutants"):
                manager.register(Notes(), "notes of mutants")
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
    return failed[0] if failed else ""


def chosen(file: str, ids: Sequence[str], items: Sequence[Any]) -> list[Any]:
    """Tests for a module of `reference/`: all that name one of the formulas, then those in its own file or folder."""
    folder = ROOT / "tests" / Path(file).parent
    own = folder / f"test_{Path(file).name}"
    names = {id.partition("/")[2] for id in ids[:FEW]}

    def beside(path: Path) -> bool:
        return path == own if own.exists() else path.parent == folder != ROOT / "tests" / "reference"

    def about(item: Any) -> bool:
        words = set(item.name.replace("[", "-").replace("]", "-").replace("/", "-").split("-"))
        return bool(words & names)

    named, near = ([item for item in items if wanted(item)] for wanted in (about, lambda item: beside(item.path)))
    found = (
        [*named, *near] if ids[:1] == [*CATALOGUE.keys() & ids[:1]] else [*near, *named]
    )  # near first if it is shared
    return [*dict.fromkeys(found)]


def subject(m: Mutant) -> str:
    """The id of the formula whose body was changed; of what several share, module and function."""
    for id in CATALOGUE:
        function = body(id)
        if function.__name__ == m.top and function.__code__.co_filename == str(ROOT / m.file):
            return id
    return f"{Path(m.file).stem}.{m.top}"


def judged(m: Mutant, where: Key, b: Bench, items: Sequence[Any] = (), seconds: float = 10.0) -> Finding:
    """Plant a mutant and see who notices; the tests among `items` are asked last, for so many seconds of CPU."""
    asked = order(m, b.asked.get(where, ()))
    with planted(m.compiled(), b.functions):
        id, by, said = by_checks(m, where, b)
        if id:
            return finding(m, "caught", by, f"{id}: {said}")
        if test := by_tests(m, [subject(m), *asked], items, seconds):
            return finding(m, "caught", "tests", test.removeprefix("tests/"))
        others = {id: answers_of(id) for id in some(asked)}
    differences = {id: probe.compare(b.right[id], said) for id, said in others.items()}
    for id, difference in differences.items():
        if difference.where:
            return finding(m, "missed", why=f"{id}, {difference.where}")
    numbers, differ = (sum(getattr(d, name) for d in differences.values()) for name in ("numbers", "differ"))
    if not numbers:
        return finding(m, "missed", why="nothing calls it and no test fails")
    same = f"the last bits of {differ:,} in {numbers:,} numbers" if differ else f"the same bits in {numbers:,} numbers"
    return finding(m, "equivalent", why=same, entries=numbers)


def some(ids: Sequence[str]) -> Sequence[str]:
    """The first of the formulas that call the changed code, and evenly of the others: not more than `MANY`."""
    return [*ids[:FEW], *ids[FEW :: max(1, len(ids) // (MANY - FEW))]][:MANY]


def answers_of(id: str) -> Mapping[str, Any]:
    """What a mutant says to the questions about a formula; nothing where it does not come to an end."""
    try:
        with patience(PATIENCE):
            return probe.answers(id)
    except Endless:
        return {}


def journalled(path: Path, ticket: Mapping[str, Any]) -> Iterator[Finding]:
    """What a run that was stopped has found, if it was one with this first line; what it missed is judged again."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []  # the last may be half written
    rows = [json.loads(line) for line in lines]
    if rows[:1] == [ticket]:
        yield from (f for f in map(read_finding, rows[1:]) if f.verdict != "missed")


def name(m: Mutant) -> str:
    """Place and change, by which a mutant is known."""
    return f"{m.place}:{m.column} {m.change}"


def finding(m: Mutant, verdict: str, by: str = "", why: str = "", entries: int = 0) -> Finding:
    """The finding on one mutant: by whom it was caught and what was said, or why nobody can."""
    more = {"function": m.function, "before": m.before, "after": m.after, "by": by}
    return Finding("mutant", subject(m), name(m), m.kind, verdict=verdict, entries=entries,
                   why=why, more={name: said for name, said in more.items() if said})  # fmt: skip
