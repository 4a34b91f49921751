"""What the tasks of sweeps take: time that is spent is counted, where it is spent; the page follows, and is a model."""

import sys
import time

import pytest

from benchmarks import workers as command
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages import workers as page

for package in command.NEEDED:
    pytest.importorskip(package)


def test_measured_evidence_makes_the_page(tmp_path, monkeypatch):
    first = dict([*command.CATALOGUE.items()][:1])
    for name, few in {"RUNS": 2, "PLACES": 2, "CATALOGUE": first}.items():
        monkeypatch.setattr(command, name, few)
    monkeypatch.setattr(command, "by_workers", lambda id, jobs, tasks: workers(id, jobs))
    monkeypatch.setattr(sys, "argv", ["benchmarks.workers", "--out", str(tmp_path)])
    command.main()
    found = read_evidence(tmp_path / "evidence" / "workers.jsonl").findings
    assert [(f.dtype, f.what) for f in found if f.kind == "run"] == [
        ("float32", "slope"), ("float32", "value and slope"), ("float64", "value and slope")
    ]  # fmt: skip
    text = (tmp_path / "workers.md").read_text(encoding="utf-8")
    assert "A model, not a measurement" in text


def workers(id, jobs):
    seconds = {"start": 3.0, "tasks": 8.0 / jobs, "write": 0.001}
    return Finding("workers", id, f"{jobs} of 32", "slope", "float32", entries=32 << 22,
                   more={"seconds": seconds, "bytes": 1000, "jobs": jobs, "tasks": 32})  # fmt: skip


def test_time_is_counted_where_it_is_spent(monkeypatch):
    before = command.of_float32("activation/relu", ("slope",), 2).more["ns"]
    truth, n = command.sweep.truth, 2 * command.run_length("float32")

    def slow(*arguments):
        end = time.process_time() + 0.05
        while time.process_time() < end:
            pass
        return truth(*arguments)

    monkeypatch.setattr(command.sweep, "truth", slow)
    ns = command.of_float32("activation/relu", ("slope",), 2).more["ns"]
    assert {*ns} == {"all", "ours", "torch", "jax", "truth"}
    assert ns["truth"] >= 2 * 0.05e9 / n
    assert ns["all"] - before["all"] > 0.5 * 2 * 0.05e9 / n
    assert ns["ours"] < 0.5 * ns["truth"]


def test_two_workers_do_the_same_tasks():
    found = command.by_workers("activation/relu", 2, 3, command.run_length("float32"))
    assert (found.entries, found.more["jobs"], found.more["tasks"]) == (3 << 16, 2, 3)
    assert all(s > 0 for s in found.more["seconds"].values())
    assert 500 < found.more["bytes"] < 10_000


def run(dtype, ns, what="value and slope"):
    return Finding("run", "activation/gelu", what, dtype=dtype, entries=9, more={"ns": {"all": ns, "truth": 7.0}})


def test_the_model_is_arithmetic():
    linear = [workers("activation/gelu", jobs) for jobs in (1, 2)]
    table = page.model([run("float32", 50.0), run("float64", 700.0)], linear)
    small, *_, impossible = table.rows
    seconds = 2**32 * 50e-9
    assert small[-2:] == [page.lasting(3 + seconds / 2), page.lasting(3 + max(seconds / 64, 1024 * 0.001))]
    assert small[3] == "0.21"
    assert impossible[-1].endswith("years")
    fast = page.model([run("float32", 0.1), run("float64", 700.0)], linear).rows[0]
    assert fast[-1] == page.lasting(3 + 1024 * 0.001), "one process writes what all have found"


@pytest.mark.parametrize(("ns", "said"), [(100.0, "met"), (200.0, "**missed**")])
def test_a_goal_is_met_or_missed(ns, said):
    (row,) = page.goals([run("float32", ns, "slope")]).rows
    assert row[1] == round(ns * 2**32 * 1e-9 / 120, 1)
    assert row[2:] == ["≤ 5", said]
