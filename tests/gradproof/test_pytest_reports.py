"""Reports of a run of pytest: JSON, SARIF and JUnit's XML, whole or not at all."""

import functools
import json
import os
from pathlib import Path
from xml.etree import ElementTree

import pytest
from plugin_runs import BOTH, MINE, QUIET, run_pytest

import gradproof.yours.check as checking  # before pytester, which forgets what is imported in a run

pytest_plugins = "pytester"
pytest.importorskip("flint")


@pytest.fixture
def run(pytester):
    """`run_pytest` over a file of its own."""
    return functools.partial(run_pytest, pytester)


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

    before = prints(first := log(run, pytester))
    assert len({*before}) == len(before) == 3
    pytester.makepyfile(test_mine=f"# a line more\n\n{MINE}{EACH}")
    pytester.runpytest(*QUIET, "--gradproof-report=out.sarif")
    moved = json.loads((pytester.path / "out.sarif").read_text(encoding="utf-8"))
    assert moved != first
    assert prints(moved) == before
    twice = EACH + "\ndef test_again(check_gradient):\n    check(wrong, check_gradient)\n"
    assert sorted(prints(log(run, pytester, twice))) == sorted(before)


def test_sarif_has_a_rule_for_every_cause(run, pytester, monkeypatch):
    causes = iter(["a factor 2 too large: got 3.0", "a factor 3 too large: got 1.0", "the sign (of everything)"])
    monkeypatch.setattr(checking, "causes", lambda *_: [next(causes)])
    driver, results = (lambda r: (r["tool"]["driver"], r["results"]))(log(run, pytester, EACH)["runs"][0])
    assert [rule["id"] for rule in driver["rules"]] == ["cause/a-factor-too-large", "cause/the-sign"]
    assert sorted(r["ruleId"] for r in results) == ["cause/a-factor-too-large"] * 2 + ["cause/the-sign"]
    assert all(driver["rules"][r["ruleIndex"]]["id"] == r["ruleId"] for r in results)


def test_an_expected_wrong_gradient_is_suppressed_in_sarif(run, pytester):
    toml = "[[expect]]\nsubject = 'wrong'\nverdict = 'wrong'\nreason = 'issue 12'\n"
    (pytester.path / "expect.toml").write_text(toml, encoding="utf-8")
    (one,) = log(run, pytester, BOTH, "--gradproof-expect=expect.toml")["runs"]
    assert [r["suppressions"] for r in one["results"]] == [[{"kind": "external", "justification": "issue 12"}]]


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


def test_an_interrupted_run_leaves_the_report_as_it_was(run, pytester):
    file = pytester.path / "out.json"
    file.write_text("before")
    code = BOTH + "\ndef test_stop():\n    raise KeyboardInterrupt\n"
    result = run(code, "--gradproof-report=out.json", apart=True)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert file.read_text() == "before"
