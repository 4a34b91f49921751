"""Caught, equivalent and missed are told apart: one of each is planted. A run that was stopped is taken up."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("flint")
pytest.importorskip("torch")

from benchmarks.mutants import __main__, judge, probe, read, run
from benchmarks.mutants.mutate import Mutant, mutants
from gradproof.evidence.finding import Finding

ID = "activation/squared_relu"
FILE = "reference/activations/piecewise.py"


@pytest.fixture(scope="module")
def bench():
    with judge.memory():
        yield run.bench(ids=[ID, "activation/relu"])


def planted(before, after, function="squared_relu"):
    """The mutant of a piece of source, by hand, and the code that it changes."""
    path = run.ROOT / FILE
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1
    at = source[: source.index(before)].count("\n") + 1
    code = compile(source.replace(before, after), str(path), "exec", dont_inherit=True)
    m = Mutant(FILE, at, 0, function, "operator", before, after, lambda: code)
    return m, run.changed(compile(source, str(path), "exec", dont_inherit=True), code)


@pytest.fixture
def no_tests(monkeypatch):
    """As if no test failed."""
    monkeypatch.setattr(run, "by_tests", lambda *given: "")


@pytest.mark.parametrize(
    ("before", "after"),
    [("return m * m, 2 * m", "return m * m, 3 * m"), ("return m * m, 2 * m", "return m + m, 2 * m")],
)
def test_a_wrong_one_is_caught_by_the_checks(bench, before, after):
    f = run.judged(*planted(before, after), bench)
    assert (f.verdict, f.formula) == ("caught", ID)
    assert "sweep in float64" in f.more["by"]


def test_a_wrong_kink_is_caught(bench):
    f = run.judged(*planted("(z > 0.0).astype(z.dtype)", "(z >= 0.0).astype(z.dtype)", "relu"), bench)
    assert (f.verdict, f.more["by"]) == ("caught", "kinks")


@pytest.mark.parametrize("after", ["return m * m, m * 2", "return m**2, m + m"])
def test_one_that_says_the_same_is_equivalent(bench, no_tests, after):
    f = run.judged(*planted("return m * m, 2 * m", after), bench)
    assert f.verdict == "equivalent"
    assert f.why.startswith("the same bits in")
    assert f.entries > 1000


def test_one_that_nobody_notices_is_missed(bench, no_tests, monkeypatch):
    monkeypatch.setattr(judge, "checks", lambda id: {})
    f = run.judged(*planted("return m * m, 2 * m", "return m * m, 3 * m"), bench)
    assert f.verdict == "missed"
    assert "∂/∂z" in f.why


def test_one_that_does_not_end_is_caught(bench, monkeypatch):
    monkeypatch.setattr(run, "PATIENCE", 0.2)
    change = "[m for _ in iter(int, 1)]"
    f = run.judged(*planted("return m * m, 2 * m", f"{change}; return m * m, 2 * m"), bench)
    assert f.verdict == "caught"
    assert "does not come to an end" in f.why


def test_a_failing_test_is_named(bench):
    m, _ = planted("return m * m, 2 * m", "return m * m, 3 * m")
    failed = []

    def work(tests):
        failed.append(run.by_tests(m, [ID], tests))
        with run.planted(m.compiled(), bench.functions):
            failed.append(run.by_tests(m, [ID], tests))

    run.with_tests(work, str(run.ROOT / "tests" / "reference" / "test_accuracy.py"))
    assert failed[0] == ""
    assert "squared_relu" in failed[1]


def test_what_fails_inside_the_loop_of_pytest_is_raised():
    def work(tests):
        raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        run.with_tests(work, str(run.ROOT / "tests" / "reference" / "test_exact.py"))
    with pytest.raises(RuntimeError, match="pytest cannot collect nowhere"):
        run.with_tests(work, "nowhere")


def test_the_right_formulas_must_pass(monkeypatch):
    monkeypatch.setattr(judge, "noticed", lambda check: "wrong")
    with pytest.raises(ValueError, match="itself does not pass"):
        run.bench(ids=[ID])


def test_rounding_is_no_difference_in_earnest_and_a_lost_digit_is():
    right = {"plain 0": {"value": probe.np.array([1.0, 2.0])}}
    assert probe.compare(right, {"plain 0": {"value": probe.np.array([1.0, 2.0 + 4e-16])}}).where == ""
    assert "value is 2, not 2.1" in probe.compare(right, {"plain 0": {"value": probe.np.array([1.0, 2.1])}}).where
    assert "an answer, not an error" in probe.compare(right, {"plain 0": "ValueError: no"}).where
    assert "an answer, not an error" in probe.compare(right, {}).where


def test_a_draw_takes_every_module_and_is_the_same_again():
    drawn = [m for m, _ in run.drawn(2, 5, set())]
    files = {m.file for m in drawn}
    modules = [p for p in run.REFERENCE.rglob("*.py") if p.name not in run.LEFT_OUT]
    assert {p.parent.name for p in map(Path, files)} == {p.parent.name for p in modules}
    assert max(sum(m.file == file for m in drawn) for file in files) == 2
    assert [run.name(m) for m in drawn] == [run.name(m) for m, _ in run.drawn(2, 5, set())]


def test_every_reason_is_about_a_mutant_that_there_is():
    every = {
        f"{run.subject(m)} {m.change}"
        for path in run.REFERENCE.rglob("*.py")
        for m in mutants(path.read_text(encoding="utf-8"), path.relative_to(run.ROOT).as_posix())
    }
    assert read.REASONS.keys() <= every


def test_a_reason_stands_beside_what_was_asked():
    what = next(iter(read.REASONS))
    subject, _, change = what.partition(" ")
    before, _, after = change.partition(" → ")
    f = Finding("mutant", subject, verdict="equivalent", why="asked", more={"before": before, "after": after})
    assert read.explained(f).why == f"{read.REASONS[what]} (asked)"
    assert read.explained(replace(f, verdict="missed")).why == "asked"
    assert read.explained(replace(f, formula="cost/other")).why == "asked"


def test_no_mutant_is_drawn_twice():
    names = [run.name(m) for m, _ in run.drawn(10**6, 0, set(), "updates/clipping")]
    assert len(set(names)) == len(names) > 100


def test_a_journal_is_read_up_to_where_it_was_cut(tmp_path, bench):
    f = run.judged(*planted("return m * m, 2 * m", "return m * m, 3 * m"), bench)
    path = tmp_path / "mutants.jsonl"
    path.write_text(json.dumps({"seed": 0}) + "\n" + json.dumps(f.row) + "\n" + '{"kind": "mut')
    assert [*run.journalled(path, {"seed": 0})] == [f]
    assert [*run.journalled(path, {"seed": 1})] == []
    assert [*run.journalled(tmp_path / "none", {"seed": 0})] == []


@pytest.mark.parametrize(
    ("given", "said"), [(["--quota", "0"], "at least one"), (["--out", "/dev/null/x"], "cannot write to")]
)
def test_bad_options_are_refused(monkeypatch, capsys, given, said):
    monkeypatch.setattr(sys, "argv", ["mutants", *given])
    with pytest.raises(SystemExit) as stop:
        __main__.arguments()
    assert stop.value.code == 2
    assert said in capsys.readouterr().err
