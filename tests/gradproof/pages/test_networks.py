"""The plan of our gradient has its columns where it was asked, and is no framework on the front page."""

import pytest

from gradproof.audit.report import write_report
from gradproof.commands.show import _verdicts
from gradproof.evidence.environment import PLANNED
from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.networks.configurations import by_id
from gradproof.networks.run import measure
from gradproof.networks.summary import fold

pytest.importorskip("matplotlib")
HEADER = {
    "made": "2024-05-06T07:08:09+00:00",
    "source": "0123456789abcdef",
    "cpu": "Abacus",
    "versions": {"torch": "2.9"},
}


def test_a_side_of_its_own(tmp_path):
    found = fold(measure([by_id("2-3-2/float64/tanh/identity/quadratic/none")], 0, [PLANNED]))
    framework = Finding("overview", "activation/tanh", "hidden", dtype="float64", side="torch", entries=5, max=0.25,
                        at="2-3-2/float64/tanh/identity/l1/none zero", more={"verdicts": {"agrees": 5}})  # fmt: skip
    write_evidence(tmp_path / "evidence" / "networks.jsonl", HEADER, [*found, framework])
    write_report(tmp_path)
    pages = {p.stem: p.read_text(encoding="utf-8") for p in tmp_path.glob("*.md")}
    head = "| activation | dtype | cases | torch | jax | ours, planned | ours–torch median |"
    assert head in pages["activations"]
    assert "| tanh | float64 | 5 | agrees 5 | not installed | exact 2, agrees 3 |" in pages["activations"]
    assert "planned" not in pages["README"]
    evidence = read_evidence(tmp_path / "evidence" / "networks.jsonl")
    rows = [f for f in evidence.findings if f.formula == "activation/tanh"]
    said = [" ".join(line.split()) for line in _verdicts(rows, evidence.header)]
    assert "hidden float64 ours, planned exact 2, agrees 3" in said
    assert "hidden float64 torch 2.9 agrees 5" in said
