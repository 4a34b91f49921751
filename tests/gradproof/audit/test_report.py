"""Pages follow from evidence alone, and what is committed is checked: edited, stale, partial, damaged."""

import re
from pathlib import Path

import pytest

from gradproof.audit import report
from gradproof.audit.areas import AREAS
from gradproof.audit.report import check_report, write_report
from gradproof.claims import literature
from gradproof.conventions import ask
from gradproof.evidence.environment import header
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding

REPORTS = Path(__file__).parents[3] / "reports"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Reports of one area, which is all there is."""
    monkeypatch.setattr(report, "AREAS", {"conventions": AREAS["conventions"]})
    monkeypatch.setattr("gradproof.evidence.environment.source_hash", lambda *packages: "as it is")
    monkeypatch.setattr(report, "source_hash", lambda *packages: "as it is")
    found = [f for id in ("cost/kl_div", "cost/huber_error") for f in ask.measure(id, ())]
    write_evidence(tmp_path / "evidence" / "conventions.jsonl", header(AREAS["conventions"].uses, {}), found)
    assert write_report(tmp_path) == ["conventions"]
    return tmp_path


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_pages_are_made_again_from_evidence_alone_and_pass_the_check(folder):
    before = contents(folder)
    for path in before:
        if path.parts[0] != "evidence":
            (folder / path).unlink()
    write_report(folder)
    assert check_report(folder) == []
    assert contents(folder) == before
    assert re.findall(r"\]\((\w+\.md)\)", (folder / "README.md").read_text()) == ["conventions.md"]


@pytest.mark.parametrize("name", ["conventions.md", "README.md", "csv/conventions.csv", "tex/conventions.tex"])
@pytest.mark.parametrize("edit", ["changed", "deleted"])
def test_an_edited_or_missing_page_is_noticed(folder, name, edit):
    if edit == "deleted":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes() + b" ")
    before = contents(folder)
    assert check_report(folder) == [f"{folder / name} does not follow from the evidence; run 'gradproof report'"]
    assert contents(folder) == before, "a check changes nothing"


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"source": "older"}, "was made from formulas older, the source is now as it is; audit again"),
        ({"only": ["cost/l1"]}, "is a part (only); run 'gradproof audit'"),
        ({"dtype": ["float32"], "oracle": ["jax"]}, "is a part (dtype, oracle); run 'gradproof audit'"),
    ],
)
def test_stale_and_partial_evidence_is_noticed(folder, given, problem):
    path = folder / "evidence" / "conventions.jsonl"
    top, found = read_evidence(path)
    write_evidence(path, {**top, **given}, found)
    write_report(folder)
    assert check_report(folder) == [f"{path} {problem}"]


def test_missing_areas_and_claims_are_noticed(folder, monkeypatch):
    monkeypatch.setattr(report, "AREAS", {name: AREAS[name] for name in ("conventions", "literature")})
    path = folder / "evidence" / "literature.jsonl"
    assert check_report(folder) == [f"{path} is missing; run 'gradproof audit --only literature --out {folder}'"]
    claim = Finding("claim", "nielsen-2015/bp2", more={"source": "another text of it"})
    monkeypatch.setattr(literature, "CLAIMS", {claim.formula: literature.CLAIMS[claim.formula]})
    monkeypatch.setitem(report.PAGES, "literature", lambda evidence, folder: None)
    write_evidence(path, header((), {}), [claim])
    write_report(folder)
    assert check_report(folder) == [f"{path} is stale about nielsen-2015/bp2; run 'gradproof audit --only literature'"]


@pytest.mark.parametrize("act", [write_report, check_report])
def test_evidence_that_is_damaged_or_not_there_is_said(folder, act):
    path = folder / "evidence" / "conventions.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:5] + lines[6:]) + "\n")
    before = contents(folder)
    with pytest.raises(EvidenceError, match=r"conventions\.jsonl: .* its end is missing; run the audit again"):
        act(folder)
    path.unlink()
    with pytest.raises(EvidenceError, match="no evidence here; run 'gradproof audit' first"):
        act(folder)
    assert contents(folder).items() <= before.items()


FOUND = [Finding("convention", "cost/l1"), Finding("overview", "4-5-3", "architecture", more={"verdicts": 3})]


@pytest.mark.parametrize("found", FOUND, ids=lambda f: f.kind)
@pytest.mark.parametrize("area", AREAS)
def test_findings_that_no_page_is_made_of_are_refused_with_the_name_of_the_file(tmp_path, area, found):
    """Those of another area, and its own that lack what its pages show."""
    pytest.importorskip("matplotlib")
    write_evidence(tmp_path / "evidence" / f"{area}.jsonl", header(AREAS[area].uses, {}), [found])
    own = found.kind in AREAS[area].kinds
    said = "not the findings that its pages need .*" if own else rf"has findings of \w+ \({found.kind} .*\)"
    with pytest.raises(EvidenceError, match=rf"evidence(/{area}\.jsonl)?: {said}; run the audit again"):
        write_report(tmp_path)


def test_every_kind_of_committed_findings_is_of_one_area():
    kinds = [kind for area in AREAS.values() for kind in area.kinds]
    assert len(kinds) == len(set(kinds))
    for name, area in AREAS.items():
        assert {f.kind for f in read_evidence(REPORTS / "evidence" / f"{name}.jsonl").findings} <= {*area.kinds}


def test_what_another_version_left_behind_is_of_no_page(folder):
    (folder / "evidence" / "penalties.jsonl").write_text('{"header":{"seed":0}}\n')
    assert write_report(folder) == ["conventions"]
    assert check_report(folder) == []
