"""What travels with the package follows from the whole evidence, is small, and is told when it does not follow."""

import pytest

from gradproof.audit import report
from gradproof.evidence import summary
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.summary import HASHES, KEPT, KEY, SHIPPED, hashes, place, stale, write
from literature import CLAIMS

WHOLE = report.REPORTS / "evidence"
ELU = "activation/elu"
LIMIT = 2_000_000  # bytes
FOUND = [
    Finding("sweep", ELU, "", "slope", "float32", "torch", "inaccurate", 9, 2.5, 0.1, "0x1p+0", "0x0p+0", "0x1p-1",
            "why", {"strict": 7.123456, "ordinary": 1.0}),
    Finding("sweep", ELU, "alpha = 2", "slope", "float32", "torch", "agrees", 9, 0.5),
    Finding("accuracy", "layer/lstm", "", "∂/∂x", "float64", "jax", why="no such function"),
    Finding("curve", ELU, "", "slope", "float32", "torch", more={"shown": [1.0]}),
]  # fmt: skip


@pytest.fixture
def evidence(tmp_path):
    write_evidence(tmp_path / "whole" / "accuracy.jsonl", {"made": "today", "versions": {"torch": "2"}}, FOUND)
    return tmp_path / "whole"


def test_findings_keep_their_key_their_verdict_and_what_is_named(evidence, tmp_path):
    write(evidence, tmp_path / "out")
    header, found = read_evidence(tmp_path / "out" / "accuracy.jsonl")
    assert header["versions"] == {"torch": "2"}
    assert [f.row for f in found] == [
        {"kind": "accuracy", "formula": "layer/lstm", "quantity": "∂/∂x", "dtype": "float64", "side": "jax",
         "why": "no such function"},
        {"kind": "sweep", "formula": ELU, "quantity": "slope", "dtype": "float32", "side": "torch",
         "verdict": "inaccurate", "entries": 9, "max": 2.5, "at": "0x1p+0", "got": "0x0p+0", "truth": "0x1p-1",
         "more": {"strict": 7.123}},
    ]  # fmt: skip
    kept, whole = hashes(tmp_path / "out"), hashes(evidence)
    assert kept == {id: whole[id] for id in ("layer/lstm", ELU)}, "those of all that was measured"
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"accuracy.jsonl", HASHES}


@pytest.mark.parametrize("change", ["evidence", "edit", "gone", "new"])
def test_what_does_not_follow_is_named(evidence, tmp_path, change):
    out = tmp_path / "out"
    assert stale(evidence, out) == ["accuracy.jsonl", HASHES]
    write(evidence, out)
    assert stale(evidence, out) == []
    if change == "evidence":
        write_evidence(evidence / "accuracy.jsonl", {}, FOUND[1:])
    elif change == "edit":
        (out / "accuracy.jsonl").write_text((out / "accuracy.jsonl").read_text().replace("2.5", "2.4"))
    elif change == "gone":
        (out / "accuracy.jsonl").unlink()
    else:
        (out / "old.jsonl").write_text("")
    assert stale(evidence, out) == {"evidence": ["accuracy.jsonl", HASHES], "new": ["old.jsonl"]}.get(
        change, ["accuracy.jsonl"]
    )


def test_the_report_writes_it_and_its_check_says_when_it_is_stale(evidence, tmp_path, monkeypatch):
    """In the reports of a checkout alone: an audit elsewhere leaves the package as it is."""
    reports, shipped = evidence.parent, tmp_path / "shipped"
    evidence.rename(reports / "evidence")
    monkeypatch.setattr(report, "AREAS", {})
    monkeypatch.setattr(report, "PAGES", {"accuracy": lambda evidence, folder: None})
    monkeypatch.setattr(report.pages.front, "write", lambda evidence, folder: None)
    monkeypatch.setattr(report.pages.frameworks, "write", lambda evidence, folder: None)
    monkeypatch.setattr(summary.write, "__defaults__", (shipped,))
    monkeypatch.setattr(summary.stale, "__defaults__", (shipped,))
    report.write_report(reports)
    assert not shipped.exists()
    monkeypatch.setattr(report, "REPORTS", reports.resolve())
    assert report.check_report(reports)[0].endswith(
        f"accuracy.jsonl, which travels with the package, does not follow from {reports / 'evidence'}; "
        "run 'gradproof report'"
    )
    report.write_report(reports)
    assert stale(reports / "evidence") == report.check_report(reports) == []


@pytest.mark.parametrize("text", ["", "[]", '{"a": ', "\ufeff"])
def test_damaged_hashes_are_refused(tmp_path, text):
    (tmp_path / HASHES).write_text(text)
    with pytest.raises(EvidenceError, match=f"{HASHES}: cannot be read"):
        hashes(tmp_path)


def test_damaged_evidence_is_refused_and_does_not_travel(evidence, tmp_path):
    (evidence / "accuracy.jsonl").write_text("{")
    with pytest.raises(EvidenceError, match="accuracy"):
        write(evidence, tmp_path / "out")
    with pytest.raises(EvidenceError, match="accuracy"):
        hashes(evidence)


def test_the_place_of_evidence_is_the_package_unless_reports_are_named(tmp_path):
    assert place(None) == SHIPPED
    assert place(tmp_path) == tmp_path / "evidence"


# ---------------------------------------------------------------- what is committed


@pytest.mark.skipif(not WHOLE.is_dir(), reason="not in a checkout")
def test_what_travels_follows_from_the_committed_evidence():
    assert stale(WHOLE) == []


def test_what_travels_is_small_and_names_every_formula_and_claim():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < LIMIT
    assert {path.stem for path in SHIPPED.glob("*.jsonl")} == {*KEPT}
    found = [f for area in KEPT for f in read_evidence(SHIPPED / f"{area}.jsonl").findings]
    assert {f.formula for f in found} == hashes(SHIPPED).keys()
    assert {*CLAIMS} <= {f.formula for f in found if f.kind == "claim"}
    named = {name for kinds in KEPT.values() for names in kinds.values() for name in names}
    assert {name for f in found for name in f.more} <= named
    assert {*KEY} <= {*Finding.__dataclass_fields__}
