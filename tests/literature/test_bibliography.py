"""Every source key that a formula or a claim uses leads to a work."""

import re

import pytest

from literature import CLAIMS
from literature.bibliography import WORKS, work
from literature.notation import NOTATIONS
from reference import CATALOGUE


@pytest.mark.parametrize("formula", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_source_of_a_formula_is_in_the_bibliography(formula):
    for key in formula.sources:
        assert work(key).title


@pytest.mark.parametrize("key", sorted({c.source for c in CLAIMS.values()} | {n.key for n in NOTATIONS[1:]}))
def test_every_source_of_a_claim_is_in_the_bibliography(key):
    assert work(key).title


@pytest.mark.parametrize("key", list(WORKS))
def test_an_entry_is_well_formed(key):
    w = work(key)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", key)
    assert w.year == "" or re.fullmatch(r"(19|20)\d\d", w.year)
    assert w.doi == "" or re.fullmatch(r"10\.\d{4,}/\S+", w.doi)
    assert w.url == "" or w.url.startswith(("https://", "http://"))
    for name in filter(None, w.authors.split(" and ")):
        assert ", " in name or (name.startswith("{") and name.endswith("}")), name
    year = re.search(r"-((?:19|20)\d\d)$", key)
    assert not year or year.group(1) == w.year, "the year in the key is not that of the work"


def test_an_unknown_key_is_named_with_what_to_do():
    with pytest.raises(KeyError, match=r"'nobody-1999' is not in literature/bibliography.py; add its entry"):
        work("nobody-1999")


def test_entries_of_framework_documentation_need_no_listing():
    assert work("optax-log-cosh").title == "Optax documentation: log cosh"
    with pytest.raises(KeyError):
        work("pytorch")
