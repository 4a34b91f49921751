"""`python -m benchmarks` leaves evidence in the present schema, and the page that follows from it."""

import sys
from functools import partial

import pytest

from benchmarks import __main__ as command
from benchmarks import checkers, gradients, norms, sizes
from benchmarks.peers import Problem
from gradproof.evidence.files import read_evidence
from gradproof.networks.configurations import REGULARIZERS


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Everything on the smallest network, in this process, on as many CPUs as it has."""
    for package in command.NEEDED:
        pytest.importorskip(package)
    smallest = Problem((784, 30, 10), 2, "float64", *gradients.COMBINATIONS[0])
    one_each = checkers.sample("2-3-2")[:: len(REGULARIZERS)]
    monkeypatch.setattr(command, "one_thread", lambda: None)
    monkeypatch.setattr(gradients, "problems", lambda: [smallest])
    monkeypatch.setattr(norms, "problems", lambda: [smallest])
    monkeypatch.setattr(checkers, "sample", lambda architecture: one_each[:1])
    monkeypatch.setattr(checkers, "DRAWS", 2)
    monkeypatch.setattr(checkers, "measure", partial(checkers.measure, architectures=("2-3-2",)))
    monkeypatch.setattr(sizes, "measure", partial(sizes.measure, chosen=[]))
    counts = ["--rounds", "2", "--check-rounds", "1", "--size-rounds", "1"]
    monkeypatch.setattr(sys, "argv", ["benchmarks", *counts, "--out", str(tmp_path)])
    return command.main


def test_measured_evidence_makes_the_page(run, tmp_path):
    run()
    header, found = read_evidence(tmp_path / "evidence" / "speed.jsonl")
    assert {f.kind for f in found} == {"gradient", "norms", "checking"}
    assert (header["block"], header["versions"]["autograd"] != "not installed") == (command.BLOCK, True)
    page = (tmp_path / "speed.md").read_text(encoding="utf-8")
    assert "| 784-30-10 | torch/ours ≥ 3 | " in page
    assert "| 2-3-2 | 17 | " in page
    assert "| 784-30-10 | jax/planned ≥ 2.5 | " in page
    assert "## Norms of each example's gradient" in page


def test_nothing_is_written_where_contenders_disagree(run, tmp_path, monkeypatch):
    def differing(rounds, seconds, progress):
        raise gradients.Disagreement("C by torch differs")

    monkeypatch.setattr(gradients, "measure", differing)
    with pytest.raises(SystemExit, match="nothing written: C by torch differs"):
        run()
    assert not list((tmp_path / "evidence").iterdir())
