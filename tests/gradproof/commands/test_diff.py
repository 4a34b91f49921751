"""What two evidences differ by, told to a person and kept for a page."""

from dataclasses import replace

import pytest

from gradproof.cli import main
from gradproof.commands.diff import MOST, findings, keep, summary, table
from gradproof.evidence.compare import Comparison, compare
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding

SLOPE = Finding("sweep", "activation/tanh", quantity="slope", dtype="float32", side="jax", verdict="agrees", max=0.5)
OTHER = replace(SLOPE, side="torch")
GONE = replace(SLOPE, formula="activation/elu", what="alpha = 2")


@pytest.fixture
def found(tmp_path):
    """One finding became wrong, one is gone, one differs in bits; torch is another."""
    for name, torch, rows in (("old", "2.13", [SLOPE, OTHER, GONE]),
                              ("new", "2.14", [replace(SLOPE, verdict="wrong"), replace(OTHER, max=0.6)])):  # fmt: skip
        header = {"versions": {"torch": torch}, "cpu": "one", "source": "abc"}
        write_evidence(tmp_path / name / "evidence" / "accuracy.jsonl", header, rows)
    return compare(tmp_path / "old", tmp_path / "new")


def test_a_summary_counts_and_names_what_the_two_were_made_with(found):
    assert summary(found) == (
        "made with: torch 2.13 → 2.14\n"
        "0 findings are the same, 1 differ in bits alone, 2 changed in meaning, 1 of these for the worse"
    )
    same = "made with: the same versions, processor and formulas\n1,234 findings are the same, 0 differ"
    assert summary(Comparison([], {}, 1234, 0)).startswith(same)
    assert "seed – → 3" in summary(Comparison([], {"seed": ("", "3")}, 0, 0)), "one of the two had none"


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_a_comparison_is_added_to_a_file(found, tmp_path, capsys, more):
    file = tmp_path / "summary.md"
    assert main(["diff", str(tmp_path / "old"), str(tmp_path / "new"), "--summary", str(file), *more]) == 1
    head, said, rows = file.read_text(encoding="utf-8").strip().split("\n\n")
    assert (head, said.replace("\\\n", "\n")) == ("## What changed", summary(found))
    assert (
        rows.splitlines()[2] == "| accuracy | verdict | activation/tanh: slope float32 jax | agrees | wrong | worse |"
    )
    assert capsys.readouterr().out.startswith("{" if more else "made with: torch 2.13 → 2.14")


def test_a_table_has_the_worst_first_and_says_how_many_it_leaves_out(found):
    told = table(found)
    assert told.rows == [
        ["accuracy", "verdict", "activation/tanh: slope float32 jax", "agrees", "wrong", "worse"],
        ["accuracy", "gone", "activation/elu (alpha = 2): slope float32 jax", "agrees", "–", ""],
    ]
    assert told.note == ""
    many = table(replace(found, changes=found.changes[1:] * (MOST + 1234)))
    assert (len(many.rows), many.note) == (MOST, "and 1,234 more")


def test_a_comparison_is_kept_whole_under_its_title(found, tmp_path):
    kept = tmp_path / "reports"
    keep(found, "torch 2.14", kept)
    path = kept / "evidence" / "drift.jsonl"
    assert read_evidence(path).findings == sorted(findings(found, "torch 2.14"), key=lambda f: f.key)
    *changes, whole = read_evidence(path).findings
    assert (whole.kind, whole.formula, whole.entries) == ("comparison", "torch 2.14", 3)
    assert whole.more == {"title": "torch 2.14", "made_with": {"torch": ["2.13", "2.14"]}, "same": 0, "bits": 1}
    assert {(f.formula, f.more["how"], f.more["what"], f.more["worse"]) for f in changes} == {
        ("activation/tanh", "verdict", "", True), ("activation/elu", "gone", "alpha = 2", False)
    }  # fmt: skip
    keep(found, "again", kept)
    keep(replace(found, changes=[]), "torch 2.14", kept)
    left = read_evidence(path).findings
    assert sorted((f.kind, f.more["title"]) for f in left) == [
        ("change", "again"), ("change", "again"), ("comparison", "again"), ("comparison", "torch 2.14")
    ]  # fmt: skip
    assert (kept / "drift.md").read_text().count("\n## ") == 2


def test_a_damaged_file_of_comparisons_is_not_replaced(found, tmp_path):
    path = tmp_path / "evidence" / "drift.jsonl"
    write_evidence(path, {}, [])
    path.write_text(path.read_text()[:-3])
    with pytest.raises(EvidenceError, match=r"drift\.jsonl, line 2: not JSON"):
        keep(found, "one", tmp_path)
    assert not (tmp_path / "drift.md").exists()
