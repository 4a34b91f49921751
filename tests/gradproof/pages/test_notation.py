"""The pages follow from their records: notation from the notations, literature and errata from the evidence."""

from pathlib import Path

import pytest

from gradproof.claims.literature import stale
from gradproof.evidence.files import read_lines
from gradproof.pages import errata, notation
from literature import CLAIMS
from literature.notation import NOTATIONS, QUANTITIES

REPORTS = Path(__file__).parents[3] / "reports"
EVIDENCE = REPORTS / "evidence" / "literature.jsonl"


def test_the_table_has_a_row_a_quantity_and_a_column_a_source():
    table = notation.table()
    assert [row[0] for row in table.rows] == list(QUANTITIES)
    assert list(table.columns[1:]) == [n.name for n in NOTATIONS]


def test_the_committed_notation_page_follows_from_the_records(tmp_path):
    notation.write_page(tmp_path)
    for file in ("notation.md", "csv/notation.csv"):
        assert (tmp_path / file).read_text() == (REPORTS / file).read_text()


def test_the_committed_pages_follow_from_the_committed_evidence(tmp_path):
    errata.write_pages(EVIDENCE, tmp_path)
    for file in ("literature.md", "errata.md", "csv/literature.csv"):
        assert (tmp_path / file).read_text() == (REPORTS / file).read_text()


def test_the_committed_evidence_is_of_the_claims_as_they_stand():
    _, rows = read_lines(EVIDENCE)
    assert stale(rows) == []
    assert len(rows) == len(CLAIMS)


def test_every_misprint_and_ambiguity_is_in_the_errata_and_nothing_else():
    _, rows = read_lines(EVIDENCE)
    page = (REPORTS / "errata.md").read_text()
    for row in rows:
        assert (f"`{row['claim']}`, as printed" in page) == (row["verdict"] in ("misprint", "ambiguous"))


def test_an_erratum_has_an_example_with_the_numbers_of_the_oracles():
    _, rows = read_lines(EVIDENCE)
    page = (REPORTS / "errata.md").read_text()
    faulty = [row for row in rows if row["verdict"] in ("misprint", "ambiguous")]
    assert page.count("*For example.*") == len(faulty) > 10
    for row in faulty:
        assert errata.example(row) in page
    (cross_entropy,) = (row for row in rows if row["claim"] == "dong-2016/1.2-cross-entropy")
    assert "cross-entropy is 0.6931; the printed sum is −0.6931" in errata.example(cross_entropy)


def test_every_claim_has_its_line():
    page = (REPORTS / "literature.md").read_text()
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert len(lines) == len(CLAIMS)


@pytest.mark.parametrize("page", ["literature.md", "errata.md"])
def test_links_lead_somewhere(page):
    import re

    text = (REPORTS / page).read_text()
    for target in re.findall(r"\]\(([^)#]+\.(?:py|md|jsonl))", text):
        assert (REPORTS / target).exists(), target
    for target, anchor in re.findall(r"\]\(([^)#]*)#([^)]+)\)", text):
        where = text if not target else (REPORTS / target).read_text()
        assert f'<a id="{anchor}"></a>' in where


@pytest.mark.parametrize(
    ("latex", "page"), [(r"\|y\|^2", r"\Vert y\Vert ^2"), ("x | y", r"x \vert  y"), ("a_b", "a_b")]
)
def test_a_bar_does_not_end_a_cell(latex, page):
    assert errata.inline(latex) == f"$`{page}`$"


def test_a_page_of_evidence_from_one_oracle_alone():
    row = dict.fromkeys(["convention", "wrong", "charity", "doubt", "unchecked", "remark"], "")
    row |= {"claim": "dong-2016/1.2-cross-entropy", "verdict": "holds", "place": "1", "latex": {"printed": "x"}}
    row |= {
        "supports": [],
        "readings": {"printed": {"balls": {"outcome": "holds", "compared": 3, "difference": 1e-99}}},
    }
    page = errata.literature_page({"oracles": {"balls": "0.9"}, "bits": 400}, [row])
    assert "1e-99" in page
    assert "PyTorch 2" not in page
