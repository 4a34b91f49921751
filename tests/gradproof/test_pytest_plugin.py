"""The plugin as its users have it: runs of pytest over files that are written here."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path
from xml.etree import ElementTree

import pytest

import gradproof.yours.check as checking  # before pytester, which forgets what is imported in a run
from gradproof.cases import DRAWS
from reference import ALIASES, CATALOGUE

pytest_plugins = "pytester"
pytest.importorskip("flint")

INSTALLED = any(point.name == "gradproof" for point in entry_points(group="pytest11"))
PLUGIN = [] if INSTALLED else ["-p", "gradproof.pytest_plugin"]
QUIET = [*PLUGIN, "-p", "no:cacheprovider", "-p", "no:randomly"]

MINE = """
import numpy as np
import gradproof, pytest

def right(x):
    return np.tanh(x), 1 / np.cosh(np.clip(x, -350, 350)) ** 2

def wrong(x):
    return np.tanh(x), 1 + np.tanh(x) ** 2

def raises(x):
    raise RuntimeError("no such luck")

def check(f, check_gradient, id="activation/tanh"):
    return check_gradient(gradproof.slope(f), id, dtypes=["float64"])
"""


@pytest.fixture
def run(pytester):
    """Run pytest over a file with `code` below the functions of MINE; what came of it."""

    def run(code, *options, name="test_mine"):
        pytester.makepyfile(**{name: MINE + code})
        return pytester.runpytest(*QUIET, *options)

    return run


BOTH = """
def test_right(check_gradient):
    assert check(right, check_gradient).ok

def test_wrong(check_gradient):
    check(wrong, check_gradient)
"""

# ---------------------------------------------------------------- pass and fail


def test_a_right_gradient_passes_and_a_wrong_one_fails_with_the_report_at_the_line_of_the_test(run, pytester):
    result = run(BOTH)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * wrong, by slope: WRONG", "E * judged by activation/tanh, over balls (exact)",
                                 "E * worst at x = *: got *, truth *"])  # fmt: skip
    assert len([line for line in result.outlines if re.match(r"test_mine\.py:\d+: ", line)]) == 2  # `check`, its caller
    assert not any("pytest_plugin" in line or "gradproof/" in line for line in result.outlines)


def test_the_line_that_checks_again_fails_again(run, pytester):
    result = run(BOTH)
    (line,) = (line.split("again: ")[1] for line in result.outlines if "again: " in line)
    assert line == "gradproof check test_mine:wrong --as slope --against activation/tanh --dtype float64"
    command = [sys.executable, "-m", *line.split()]
    again = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, cwd=pytester.path)
    assert again.returncode == 1
    assert "wrong, by slope: WRONG" in again.stdout


def test_a_file_in_a_folder_is_named_as_a_file_and_what_has_no_name_by_its_test(run, pytester):
    """What the command line cannot ask in the same way is asked by the test."""
    code = """
def test_folder(check_gradient):
    check(wrong, check_gradient)

def test_lambda(check_gradient):
    check(lambda x: (x, x), check_gradient)

def test_names(check_gradient):
    check_gradient(gradproof.slope(wrong), "activation/tanh", names={"z": "x"}, dtypes=["float64"])

def test_asked(check_gradient):
    check_gradient(gradproof.slope(right), "activation/tanh", ulp=0.01, seed=3, dtypes=["float32"])
"""
    (pytester.path / "some tests").mkdir()
    pytester.makepyfile(**{"some tests/test_mine": MINE + code})
    result = pytester.runpytest(*QUIET)
    lines = {line.split("again: ")[1] for line in result.outlines if "again: " in line}
    file = "gradproof check 'some tests/test_mine.py:"
    assert lines == {
        f"{file}wrong' --as slope --against activation/tanh --dtype float64",
        "pytest 'some tests/test_mine.py::test_lambda'",
        "pytest 'some tests/test_mine.py::test_names'",
        f"{file}right' --as slope --against activation/tanh --seed 3 --dtype float32 --ulp 0.01",
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("check(raises, check_gradient)", "*raised RuntimeError in float64*no such luck*"),
        ("check(right, check_gradient, 'activation/tan')", "*UsageError: no formula 'activation/tan'; did you mean*"),
        ("check_gradient(right, 'activation/tanh')", "*UsageError: right is a function: say what it returns*"),
        ("check_gradient(gradproof.slope(right), 'activation/tanh', dtypes=['int8'])", "*UsageError: dtype 'int8' *"),
        ("check_gradient(gradproof.slope(right), 'activation/tanh', typo=1)", "*TypeError: *'typo'*"),
    ],
)
def test_what_cannot_be_checked_fails_without_frames_of_ours(run, call, said):
    result = run(f"\ndef test_one(check_gradient):\n    {call}\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(said)
    assert len([line for line in result.outlines if re.match(r"\S+\.py:\d+: ", line)]) <= 2


# ---------------------------------------------------------------- the mark

MARKED = """
@pytest.mark.gradproof({words})
def test_one(formula):
    print(formula)
"""


def collected(result):
    return [line.split("[")[1][:-1] for line in result.outlines if line.startswith("test_mine.py::test_one[")]


@pytest.mark.parametrize(
    "words",
    [["activation/tanh"], ["activation/*elu"], ["cost/*"], ["*"], ["activation/soft*", "activation/softmax"],
     [next(iter(ALIASES))]],
    ids=str,
)  # fmt: skip
def test_a_mark_runs_a_test_for_every_formula_that_can_judge(run, words):
    from fnmatch import fnmatchcase

    found = collected(run(MARKED.format(words=", ".join(map(repr, words))), "--collect-only", "-q"))
    judges = [id for id, record in CATALOGUE.items() if record.elementwise or id in DRAWS]
    expected = {id for id in judges if any(fnmatchcase(id, word) for word in words)}
    assert len(found) == len({*found}) > 0
    assert {*found} == expected | {word for word in words if word in ALIASES}


def test_k_picks_formulas_by_their_ids(run):
    code = MARKED.format(words="'activation/*'")
    found = collected(run(code, "--collect-only", "-q", "-k", "activation/gelu and not tanh"))
    assert "activation/gelu" in found
    assert all("gelu" in id and "tanh" not in id for id in found)


def test_marks_of_a_class_and_of_its_methods_add_up(run):
    code = """
@pytest.mark.gradproof("activation/tanh")
class TestThem:
    @pytest.mark.gradproof("activation/sigmoid", "activation/t*nh")
    def test_one(self, formula):
        pass
"""
    result = run(code, "-q", "--collect-only", "--strict-markers")
    found = [line.split("[")[1][:-1] for line in result.outlines if "[" in line]
    assert sorted(found) == ["activation/sigmoid", "activation/tanh"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("'activation/tan'", "no formula 'activation/tan'; did you mean activation/tanh*"),
        ("'activatoin/*'", "nothing matches 'activatoin/[*]'; *"),
        ("", "name formulas by ids or patterns*"),
        ("'activation/tanh', dtype='float32'", "name formulas by ids or patterns*"),
        ("None", "None is no id or pattern"),
        ("'network/*'", "no gradient can be judged by network/*: there are no cases to ask"),
    ],
)
def test_a_mark_that_names_nothing_is_an_error_of_collection_in_words(run, words, said):
    result = run(MARKED.format(words=words))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(f"test_mine.py::test_one, marked gradproof: {said}")
    assert "Traceback" not in result.stdout.str()


def test_a_marked_test_must_take_a_formula(run):
    result = run("\n@pytest.mark.gradproof('activation/tanh')\ndef test_one():\n    pass\n")
    result.stdout.fnmatch_lines("test_mine.py::test_one, marked gradproof: it has no argument `formula`")
    assert result.ret == pytest.ExitCode.INTERRUPTED


# ---------------------------------------------------------------- reports

EACH = """
@pytest.mark.gradproof("activation/tanh", "activation/sigmoid", "activation/relu")
def test_each(formula, check_gradient):
    check(wrong, check_gradient, formula)

def test_right(check_gradient):
    check(right, check_gradient)
    check(right, check_gradient)
"""


@pytest.mark.parametrize("workers", [0, 2])
def test_a_report_has_every_check_of_every_worker(run, pytester, workers):
    result = run(EACH, "--gradproof-report=new/out.json", "-n", str(workers))
    result.assert_outcomes(passed=1, failed=3)
    file = pytester.path / "new" / "out.json"
    result.stdout.fnmatch_lines(f"{file}: 5 checks, 3 of them wrong")
    said = json.loads(file.read_text(encoding="utf-8"))
    assert [(r["test"].split("::")[1], r["verdict"]) for r in said] == [
        ("test_each[activation/relu]", "wrong"), ("test_each[activation/sigmoid]", "wrong"),
        ("test_each[activation/tanh]", "wrong"), ("test_right", said[3]["verdict"]), ("test_right", said[4]["verdict"]),
    ]  # fmt: skip
    assert all(r["control"]["planted"] > 0 for r in said if r["test"].endswith("right"))
    assert all(r["findings"] for r in said)
    assert [file.name] == [p.name for p in file.parent.iterdir()]  # nothing half-written beside it


def log(run, pytester, code=EACH, *options, name="test_mine"):
    run(code, "--gradproof-report=out.sarif", *options, name=name)
    return json.loads((pytester.path / "out.sarif").read_text(encoding="utf-8"))


def test_sarif_names_the_line_of_the_function(run, pytester):
    code = """
def forward(z):
    p = np.exp(z - z.max(-1, keepdims=True))
    p = p / p.sum(-1, keepdims=True)
    return p, p

def backward(v, p):
    return p * v

def test_pair(check_gradient):
    check_gradient(gradproof.forward_backward(forward, backward), "activation/softmax", dtypes=["float64"])
"""
    (pytester.path / ".git").mkdir()
    (pytester.path / "a b").mkdir()
    (result,) = log(run, pytester, code, name="a b/test_mine")["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "a%20b/test_mine.py", "uriBaseId": "%SRCROOT%"}
    lines = (pytester.path / "a b" / "test_mine.py").read_text(encoding="utf-8").splitlines()
    assert lines[place["region"]["startLine"] - 1] == "def backward(v, p):"
    assert "WRONG" in result["message"]["text"]


def test_a_fingerprint_stays_when_lines_move_and_is_one_for_each_wrong_gradient(run, pytester):
    def prints(log):
        return [r["partialFingerprints"]["gradproofCheck/v1"] for r in log["runs"][0]["results"]]

    before = prints(log(run, pytester))
    assert len({*before}) == len(before) == 3
    assert prints(log(run, pytester, "\n# a line more\n" + EACH)) == before
    twice = EACH + "\ndef test_again(check_gradient):\n    check(wrong, check_gradient)\n"
    assert sorted(prints(log(run, pytester, twice))) == sorted(before)


def test_sarif_has_a_rule_for_every_cause(run, pytester, monkeypatch):
    causes = iter(["a factor 2 too large: got 3.0", "a factor 3 too large: got 1.0", "the sign (of everything)"])
    monkeypatch.setattr(checking, "causes", lambda *_: [next(causes)])
    driver, results = (lambda r: (r["tool"]["driver"], r["results"]))(log(run, pytester, EACH)["runs"][0])
    assert [rule["id"] for rule in driver["rules"]] == ["cause/a-factor-too-large", "cause/the-sign"]
    assert sorted(r["ruleId"] for r in results) == ["cause/a-factor-too-large"] * 2 + ["cause/the-sign"]
    assert all(driver["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in results)


def test_sarif_says_what_its_standard_and_code_review_require(run, pytester):
    said = log(run, pytester, EACH + "\ndef test_broken(check_gradient):\n    check(raises, check_gradient)\n")
    assert said["version"] == "2.1.0"
    (one,) = said["runs"]
    assert one["tool"]["driver"]["name"] == "gradproof"
    for rule in one["tool"]["driver"]["rules"]:
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help"))
    assert len(one["results"]) == 4
    for result in one["results"]:
        assert result["message"]["text"]
        assert result["level"] in ("error", "warning", "note")
        assert result["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
        assert all(isinstance(text, str) for text in result["partialFingerprints"].values())
    schema = os.environ.get("SARIF_SCHEMA")
    if schema:  # a copy of the official sarif-schema-2.1.0.json
        jsonschema = pytest.importorskip("jsonschema")
        jsonschema.validate(said, json.loads(Path(schema).read_text(encoding="utf-8")))


def test_junit_has_verdicts_as_properties(run, pytester):
    run(EACH, "--junitxml=out.xml", "-W", "error")
    found = ElementTree.parse(pytester.path / "out.xml").iter("property")
    verdicts = [p.get("value") for p in found if p.get("name") == "gradproof.verdict"]
    assert verdicts.count("wrong") == 3
    assert len(verdicts) == 5


@pytest.mark.parametrize(
    ("file", "why"),
    [("out.xml", "its suffix is none of .json, .sarif"), ("out", "its suffix is none of .json, .sarif"),
     ("folder.json", "it is a folder"), ("test_mine.py/out.json", "*test_mine.py is no folder")],
)  # fmt: skip
def test_a_report_that_cannot_be_written_is_refused_before_any_test(run, pytester, file, why):
    (pytester.path / "folder.json").mkdir()
    result = run(BOTH, f"--gradproof-report={file}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: --gradproof-report: *{file} cannot be written: {why}")


def test_what_cannot_be_written_at_the_end_fails_the_run_in_words(run, pytester):
    code = "\ndef test_one():\n    import os\n    os.mkdir('out.json')\n"
    result = run(code, "--gradproof-report=out.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stdout.fnmatch_lines("*out.json is as it was: Is a directory")
    assert sorted(p.name for p in pytester.path.iterdir() if "out" in p.name) == ["out.json"]


def test_an_interrupted_run_leaves_the_report_as_it_was(pytester):
    file = pytester.path / "out.json"
    file.write_text("before")
    pytester.makepyfile(test_mine=f"{MINE}{BOTH}\ndef test_stop():\n    raise KeyboardInterrupt\n")
    result = pytester.runpytest_subprocess(*QUIET, "--gradproof-report=out.json")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert file.read_text() == "before"


# ---------------------------------------------------------------- expected deviations


def entry(subject="wrong", more='verdict = "wrong"', reason="issue 12"):
    return f'[[expect]]\nsubject = "{subject}"\n{more}\nreason = "{reason}"\n'


@pytest.fixture
def expect(run, pytester):
    """Run BOTH, or other code, with a list of expectations."""

    def expect(toml, *options, code=BOTH):
        (pytester.path / "expect.toml").write_text(toml, encoding="utf-8")
        return run(code, "--gradproof-expect=expect.toml", "-rx", *options)

    return expect


@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_expected_wrong_gradient_is_an_xfail_with_its_reason(expect, workers):
    result = expect(entry(), "-n", workers)
    result.assert_outcomes(passed=1, xfailed=1)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines("XFAIL test_mine.py::test_wrong - *issue 12")


@pytest.mark.parametrize(
    ("toml", "met"),
    [
        (entry("wr*"), True),
        (entry("right"), False),
        (entry(more='verdict = "wrong"\nagainst = "activation/t*"'), True),
        (entry(more='verdict = "wrong"\nagainst = "activation/s*"'), False),
        (entry(more='verdict = "broken"'), False),
        (entry(more='cause = "a factor*"'), True),
        (entry(more='cause = "a sign*"'), False),
    ],
)
@pytest.mark.parametrize("workers", ["0", "2"])
def test_an_entry_is_met_by_all_that_it_says_or_is_stale(expect, monkeypatch, toml, met, workers):
    if workers == "2" and "cause" in toml:
        pytest.skip("the planted cause is in this process alone")
    monkeypatch.setattr(checking, "causes", lambda *_: ["a factor 2"])
    result = expect(toml, "-n", workers)
    result.assert_outcomes(passed=1, xfailed=int(met), failed=int(not met))
    assert ("stale: expect.toml, entry 1" in result.stdout.str()) == (not met)


@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_stale_entry_fails_a_run_that_would_have_passed(expect, workers):
    result = expect(entry() + entry("gone", reason="issue 7"), "-n", workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines("stale: expect.toml, entry 2 (gone: issue 7): no check needed it; remove it")
    assert "entry 1" not in result.stdout.str()


@pytest.mark.parametrize("narrow", [["-k", "right"], ["-k", "right", "-n", "2"], ["test_mine.py"],
                                    ["test_mine.py::test_right"], ["--collect-only"]])  # fmt: skip
def test_a_run_of_some_tests_does_not_say_that_an_entry_is_stale(expect, narrow):
    result = expect(entry() + entry("gone"), *narrow)
    assert result.ret == pytest.ExitCode.OK
    assert "stale:" not in result.stdout.str()


def test_runxfail_runs_what_is_expected_as_any_other(expect):
    result = expect(entry(), "--runxfail")
    result.assert_outcomes(passed=1, failed=1)


def test_an_expected_wrong_gradient_is_suppressed_in_sarif(expect, pytester):
    expect(entry(), "--gradproof-report=out.sarif")
    (one,) = json.loads((pytester.path / "out.sarif").read_text(encoding="utf-8"))["runs"]
    assert [r["suppressions"] for r in one["results"]] == [[{"kind": "external", "justification": "issue 12"}]]


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[[expect]\n", "not TOML (*line 1*)"),
        ("[[expected]]\nsubject = 'f'\n", "has 'expected'; every entry begins with [[][[]expect]]"),
        ("expect = 3", "expect is no list; every entry begins with [[][[]expect]]"),
        ("expect = [3]", "*entry 1: 3 is no table; *"),
        ("[[expect]]\nsubject = 'f'\nverdict = 'wrong'", "*entry 1: says no reason"),
        ("[[expect]]\nreason = 'f'\nverdict = 'wrong'", "*entry 1: says no subject"),
        (entry() + entry(more=""), "*entry 2: say what is expected, as verdict = 'wrong' or cause = *"),
        (entry(more="verdict = 'right'"), "*entry 1: verdict = 'right'; a check fails by wrong, broken, cannot tell"),
        (entry(more="verdict = 3"), "*entry 1: verdict = 3 is no text"),
        (entry(reason=" "), "*entry 1: reason = ' ' is no text"),
        (entry(more="verdict = 'wrong'\ncauses = 'x'"), "*entry 1: no key 'causes'; there are subject, *"),
    ],
)
def test_a_list_that_says_something_else_is_refused_before_any_test(expect, toml, said):
    result = expect(toml)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(f"ERROR: --gradproof-expect: *{said}")


def test_a_list_that_is_not_there_is_refused(run):
    result = run(BOTH, "--gradproof-expect=nowhere.toml")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines("ERROR: --gradproof-expect: *nowhere.toml: cannot be read (No such file or directory)")


# ---------------------------------------------------------------- cost


def test_a_run_without_checks_loads_nothing_of_ours_but_the_plugin(pytester):
    pytester.makepyfile("def test_one():\n    import sys\n    print('loaded', *sys.modules)\n")
    options = [*QUIET, "-rP", "-p", "no:hypothesispytest"]
    result = pytester.runpytest_subprocess(*options)
    (line,) = (line for line in result.outlines if line.startswith("loaded"))
    found = {name for name in line.split() if name.split(".")[0] in ("gradproof", "reference", "oracles", "numpy")}
    assert found == {"gradproof", "gradproof.pytest_plugin"}
