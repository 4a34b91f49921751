"""Sweeps as a person runs them: what is refused, what a kill costs, and what stands in the evidence."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from bare import environment, start

pytest.importorskip("flint")

from gradproof import executors, workers
from gradproof.answers.answer import Answer
from gradproof.answers.ours import ours
from gradproof.audit.report import write_area
from gradproof.cli import main
from gradproof.evidence.environment import cpu
from gradproof.evidence.files import EvidenceError, read_evidence
from gradproof.lookup import UsageError
from gradproof.sweeps import measure
from gradproof.sweeps import run as sweeps
from gradproof.sweeps.inputs import run_length
from gradproof.sweeps.run import asked, run

N = run_length("float32")
SPANS = [(0x3F800000 + k * N, N) for k in range(4)]


def quietly(*_):
    pass


@pytest.fixture(autouse=True)
def threads(monkeypatch):
    """Any executor will do; threads of this process begin at once."""
    monkeypatch.setattr(executors, "pool", lambda jobs, log: ThreadPoolExecutor(1))


def sweep(out, id="activation/tanh", part="slope", names=("ours",), **more):
    return run(out, asked(id, "float32", part, names), quietly, jobs=1, only=SPANS, **more)


def test_processes_and_threads_find_the_same(tmp_path, monkeypatch):
    found = sweep(tmp_path)
    monkeypatch.setattr(executors, "pool", workers.pool)
    assert sweep(tmp_path) == found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "activation/tanh --dtype float64",
            "float64 has 2⁶⁴ inputs, which nobody can ask for; there are sweeps of float32",
        ),
        ("activation/tanh --dtype float8", "no dtype 'float8'; there are sweeps of float32, float16, bfloat16"),
        ("activation/tanh --part gradient", "--part gradient: there are value and slope"),
        ("activation/tanh --side tensorflow", "--side tensorflow: there are ours, torch, jax"),
        ("activation/tahn", "did you mean activation/tanh"),
        ("activation/softmax", "activation/softmax takes whole arrays"),
        ("activation/tanh --jobs some", "'some' is not a number 0, 1, 2, …"),
    ],
)
def test_what_does_not_exist_is_refused_before_anything_is_written(words, said, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        code = main(["sweep", *words.split()])
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.jsonl"))


def test_evidence_is_kept_beside_that_of_other_sweeps_and_small(tmp_path):
    pytest.importorskip("matplotlib")
    first = sweep(tmp_path)
    second = sweep(tmp_path, part=None)
    found = read_evidence(tmp_path / "evidence" / "sweeps.jsonl").findings
    assert [f.quantity for f in found] == ["slope", "value"]
    assert first == [f for f in second if f.quantity == "slope"]
    assert {f.entries for f in second} == {4 * N}
    sweep(tmp_path, "activation/sigmoid")
    path = tmp_path / "evidence" / "sweeps.jsonl"
    assert len(read_evidence(path).findings) == 3
    assert path.stat().st_size < 5000
    write_area("sweeps", tmp_path)
    page = (tmp_path / "sweeps.md").read_text()
    assert "| tanh | slope | ours | all | all | 0.50 |" in page
    assert (tmp_path / "figures" / "sweep-tanh-float32.svg").exists()
    assert not (tmp_path / "sweeping").exists()


def test_a_pattern_is_every_activation_of_it_and_resumed_those_that_are_not_there(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    words = ["sweep", "activation/*elu6", "--dtype", "float16", "--side", "ours", "--out", str(tmp_path)]
    assert main([*words, "--part", "slope"]) == 0
    assert "relu6" in capsys.readouterr().out
    spans = measured(monkeypatch)
    assert main([*words, "--part", "slope", "--resume"]) == 0
    assert spans == []
    assert main([*words, "--resume"]) == 0
    assert spans
    assert [f.quantity for f in read_evidence(tmp_path / "evidence" / "sweeps.jsonl").findings] == ["slope", "value"]
    assert main(["sweep", "cost/*", "--out", str(tmp_path)]) == 2
    assert "no elementwise activation matches 'cost/*'" in capsys.readouterr().err


def test_other_parameters_are_another_sweep(tmp_path):
    sweep(tmp_path, "activation/leaky_relu")
    run(tmp_path, replace(asked("activation/leaky_relu", "float32", "slope", ("ours",)),
                          parameters={"negative_slope": 0.3}), quietly, jobs=1, only=SPANS)  # fmt: skip
    found = read_evidence(tmp_path / "evidence" / "sweeps.jsonl").findings
    assert [f.what for f in found] == ["", "negative_slope = 0.3"]


def test_evidence_of_two_computers_names_both(tmp_path):
    sweep(tmp_path)
    path = tmp_path / "evidence" / "sweeps.jsonl"
    here = cpu()
    path.write_text(path.read_text().replace(f'"cpu":"{here}"', '"cpu":"Abacus"'))
    sweep(tmp_path, "activation/sigmoid")
    said = read_evidence(path).header["cpu"]
    assert "Abacus" in said
    assert here in said


def test_evidence_made_with_other_versions_is_not_mixed(tmp_path, monkeypatch):
    sweep(tmp_path)
    path = tmp_path / "evidence" / "sweeps.jsonl"
    path.write_text(path.read_text().replace('"numpy":"', '"numpy":"0.'))
    before = path.read_bytes()
    with pytest.raises(EvidenceError, match=r"made with another versions; choose another --out, or remove the file"):
        sweep(tmp_path)
    assert path.read_bytes() == before


def measured(monkeypatch, fails_after=None):
    """The spans that tasks are submitted for, by threads of this process; the later ones fail."""
    spans = []

    def measure(about, first, n):
        spans.append(first)
        if fails_after is not None and len(spans) > fails_after:
            raise MemoryError("no room")
        return original(about, first, n)

    original = sweeps.measure
    monkeypatch.setattr(sweeps, "measure", measure)
    return spans


def test_a_task_that_fails_costs_itself_and_resume_takes_the_rest(tmp_path, monkeypatch):
    whole = sweep(tmp_path / "whole")
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        spans = measured(patch, fails_after=2)
        with pytest.raises(UsageError, match=r"a task failed \(MemoryError: no room\); go on from here with --resume"):
            sweep(out)
        assert len(list((out / "sweeping").glob("*.jsonl"))) == 2
        assert not (out / "evidence").exists()
    spans = measured(monkeypatch)
    assert sweep(out, resume=True) == whole
    assert spans == [first for first, _ in SPANS[2:]]
    assert read_evidence(out / "evidence" / "sweeps.jsonl").findings == whole


def test_resume_refuses_parts_of_another_sweep_and_without_it_they_go(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        measured(patch, fails_after=1)
        with pytest.raises(UsageError):
            sweep(tmp_path)
    with pytest.raises(EvidenceError, match="measured with another formula; run again without --resume"):
        sweep(tmp_path, "activation/sigmoid", resume=True)
    spans = measured(monkeypatch)
    sweep(tmp_path)
    assert len(spans) == 4


def half_way(process, out):
    end = time.monotonic() + 100
    while not any((out / "sweeping").glob("*.jsonl")):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_two_at_once_are_one_too_many_and_a_killed_one_goes_on(tmp_path):
    out, env = tmp_path / "out", environment(tmp_path, "python-flint", "matplotlib")
    words = ["sweep", "activation/relu", "--part", "slope", "--jobs", "1", "--out", out]
    with start(words, env) as first:
        half_way(first, out)
        with start(words, env) as second:
            told = second.communicate(timeout=100)[1]
        assert second.returncode == 2
        assert told.startswith(f"gradproof: {out}: another audit or sweep is writing here")
        first.send_signal(signal.SIGKILL)
    kept = {path: path.read_bytes() for path in (out / "sweeping").glob("*.jsonl")}
    with start([*words, "--resume"], env) as again:
        end = time.monotonic() + 100
        while len(list((out / "sweeping").glob("*.jsonl"))) <= len(kept):
            assert time.monotonic() < end
            time.sleep(0.05)
        again.send_signal(signal.SIGTERM)
        assert again.wait(60) == 128 + signal.SIGTERM
    assert all(path.read_bytes() == data for path, data in kept.items())
    assert not (out / "evidence").exists()


@pytest.mark.parametrize(("wrong", "code"), [(False, 0), (True, 1)])
def test_the_command_prints_a_row_a_part_and_fails_where_ours_does(wrong, code, tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")

    def off(case):
        outputs, gradients = ours(case)
        here = case.arguments["z"] == 3
        return Answer(outputs, {"z": np.where(here, np.nextafter(gradients["z"], np.float16(2)), gradients["z"])})

    if wrong:
        monkeypatch.setattr(measure, "sides", lambda names: {"ours": off})
    assert main(["sweep", "activation/relu", "--dtype", "float16", "--side", "ours", "--out", str(tmp_path)]) == code
    slope, value = (line.split() for line in capsys.readouterr().out.splitlines()[1:])
    assert value[:5] == ["relu", "value", "ours", "all", "all"]
    assert slope[1:4] == ["slope", "ours", "all" if not wrong else "99.998"]
    assert (tmp_path / "README.md").exists()
