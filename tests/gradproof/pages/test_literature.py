"""What is said of a published equation follows from its finding."""

import functools

import pytest

from gradproof.claims.literature import judge
from gradproof.pages.literature import errata_page, example, inline, literature_page
from gradproof.pages.notation import table
from literature import CLAIMS
from literature.notation import NOTATIONS, QUANTITIES

HEADER = {"versions": {"torch": "not installed", "python-flint": "0.9"}, "bits": 400}
FAULTY = ("misprint", "ambiguous")


@functools.cache
def found():
    pytest.importorskip("flint")
    return [judge(claim, ["balls"]) for claim in CLAIMS.values()]


def test_every_claim_has_its_line_and_every_faulty_one_its_erratum_with_the_numbers_of_an_oracle():
    lines, errata = literature_page(HEADER, found()), errata_page(HEADER, found())
    assert sum(line.startswith("| `") for line in lines.splitlines()) == len(CLAIMS)
    assert "(autograd, float64)" not in lines  # which was not asked
    faulty = [f for f in found() if f.verdict in FAULTY]
    assert errata.count("*For example.*") == len(faulty) > 10
    assert all(example(f) in errata for f in faulty)
    for f in found():
        assert (f"`{f.formula}`, as printed" in errata) == (f.verdict in FAULTY)
    (cross_entropy,) = (f for f in faulty if f.formula == "dong-2016/1.2-cross-entropy")
    assert "cross-entropy is 0.6931; the printed sum is −0.6931" in example(cross_entropy)


def test_a_bar_does_not_end_a_cell():
    assert inline(r"\|y\|^2 | a_b") == r"$`\Vert y\Vert ^2 \vert  a_b`$"


def test_notation_has_a_row_a_quantity_and_a_column_a_source():
    assert [row[0] for row in table().rows] == list(QUANTITIES)
    assert list(table().columns[1:]) == [n.name for n in NOTATIONS]
