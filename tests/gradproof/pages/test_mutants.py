"""The page on mutants follows from its evidence."""

import pytest

from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages import mutants

HEADER = {"made": "2026-01-02T03:04:05+00:00", "seed": 7, "source": "abc", "versions": {}, "cpu": ""}


def mutant(line, verdict, by="", why="", file="reference/costs/margin.py", formula="cost/hinge"):
    more = {"function": "hinge", "before": "a | b", "after": "a & b"} | ({"by": by} if by else {})
    return Finding("mutant", formula, f"{file}:{line}:4 a | b → a & b", "operator", verdict=verdict, why=why, more=more)


FOUND = [
    mutant(1, "caught", "accuracy in float64"),
    mutant(2, "caught", "trajectory in float64, defaults"),
    mutant(3, "equivalent", why="the same bits in 12 numbers"),
    mutant(4, "missed", why="nothing calls it"),
    mutant(5, "caught", "tests", file="reference/lift.py", formula="lift.rounded"),
]


@pytest.fixture
def page(tmp_path):
    write_evidence(tmp_path / "evidence" / "mutants.jsonl", HEADER, FOUND)
    mutants.write(tmp_path / "evidence", tmp_path)
    return (tmp_path / "mutants.md").read_text(encoding="utf-8")


def test_scores_by_module_and_formula(page):
    assert "| reference/costs/margin.py | 4 | 2 | 1 | 1 |" in page
    assert "| reference/lift.py | 1 | 1 | 0 | 0 |" in page
    assert "| cost/hinge | 4 | 2 | 1 | 1 |" in page


def test_who_caught_them(page):
    for name in ("accuracy in float64", "trajectory in float64", "tests"):
        assert f"| {name} | 1 |" in page


def test_every_survivor_is_shown_with_its_reason(page):
    assert "| cost/hinge | reference/costs/margin.py:3 | `a \\| b` | `a & b` | the same bits in 12 numbers |" in page
    assert "| cost/hinge | reference/costs/margin.py:4 | `a \\| b` | `a & b` | nothing calls it |" in page


def test_the_front_page_has_the_score():
    assert mutants.score(FOUND) == "3 caught, 1 equivalent, 1 missed"
    assert mutants.score([]) == "0 caught, 0 equivalent, 0 missed"
