"""The plugin as its users have it: runs of pytest over files with right and wrong gradients."""

import functools
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
from plugin_runs import BOTH, MINE, QUIET, run_pytest

import gradproof.yours.check as checking  # before pytester, which forgets what is imported in a run
from gradproof.cases import DRAWS
from gradproof.cli import parser
from reference import ALIASES, CATALOGUE

pytest_plugins = "pytester"
ROOT = Path(__file__).parents[2]
pytest.importorskip("flint")


@pytest.fixture
def run(pytester):
    """`run_pytest` over a file of its own."""
    return functools.partial(run_pytest, pytester)


# ---------------------------------------------------------------- pass and fail


def test_a_right_gradient_passes_and_a_wrong_one_fails_with_the_report_at_the_line_of_the_test(run, pytester):
    result = run(BOTH)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E * wrong, by slope: WRONG", "E * judged by activation/tanh, over balls (exact)",
                                 "E * ULP off at x = *: got *, truth *"])  # fmt: skip
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
        f"{file}right' --as slope --against activation/tanh --seed 3 --ulp 0.01 --dtype float32",
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
        ("'l1'", "'l1' may be cost/l1 or regularizer/l1: say which"),
        ("'nn.Flatten'", "no formula 'nn.Flatten'; torch.nn.Flatten: entries move*"),
    ],
)
def test_a_mark_that_names_nothing_is_an_error_of_collection_in_words(run, words, said):
    result = run(MARKED.format(words=words))
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(f"test_mine.py::test_one, marked gradproof: {said}")
    assert "Traceback" not in result.stdout.str()


def test_a_mark_takes_the_names_of_frameworks(run):
    result = run(MARKED.format(words="'nn.GELU', 'mse', 'cost/mse'"), "--collect-only", "-q")
    assert collected(result) == ["activation/gelu", "cost/squared_error", "cost/mse"]


def test_what_is_not_installed_is_said_in_a_line(run):
    code = """
import sys

def test_one(monkeypatch, check_gradient):
    for name in [name for name in sys.modules if name.startswith("oracles.arb_truth")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "flint", None)
    check(right, check_gradient)
"""
    result = run(code, apart=True)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines("*UsageError: python-flint: not installed; pip install*")
    assert "import arb" not in result.stdout.str()


def test_a_marked_test_must_take_a_formula(run):
    result = run("\n@pytest.mark.gradproof('activation/tanh')\ndef test_one():\n    pass\n")
    result.stdout.fnmatch_lines("test_mine.py::test_one, marked gradproof: it has no argument `formula`")
    assert result.ret == pytest.ExitCode.INTERRUPTED


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
def test_an_entry_is_met_by_all_that_it_says_or_is_stale(expect, monkeypatch, toml, met):
    monkeypatch.setattr(checking, "causes", lambda *_: ["a factor 2"])
    result = expect(toml)
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


def test_a_run_that_stopped_early_does_not_judge_the_list(expect):
    result = expect(entry("gone"), "-x")
    result.assert_outcomes(passed=1, failed=1)
    assert "stale:" not in result.stdout.str()


def test_runxfail_runs_what_is_expected_as_any_other(expect):
    result = expect(entry(), "--runxfail")
    result.assert_outcomes(passed=1, failed=1)


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


# ---------------------------------------------------------------- what is written about it


def test_the_example_runs_as_it_says(pytester):
    for file in (ROOT / "examples" / "pytest").iterdir():
        if file.is_file():
            (pytester.path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    result = pytester.runpytest(*QUIET, "--gradproof-expect=expected.toml", "-rx")
    result.assert_outcomes(passed=2, xfailed=1)
    assert result.ret == pytest.ExitCode.OK


def test_recipes_call_commands_that_exist(pytester):
    text = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    calls = re.findall(r"^gradproof (.+)$", text, re.M)
    assert {parser().parse_args(shlex.split(call, comments=True)).command for call in calls} == {
        "audit",
        "check",
        "diff",
        "lock",
    }
    options = {*re.findall(r"--gradproof-[a-z]+", text)}
    result = pytester.runpytest(*QUIET, "--help")
    assert {line.split("=")[0].strip() for line in result.outlines if "--gradproof-" in line[:20]} == options
