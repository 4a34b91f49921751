"""The claims are complete records, and literature stands alone."""

import re
import subprocess
import sys

import pytest

import literature
from literature import CLAIMS, STARTING_DOCUMENTS
from literature.claim import BATCHMEAN, Source
from reference import CATALOGUE

EACH = pytest.mark.parametrize("claim", CLAIMS.values(), ids=list(CLAIMS))


@EACH
def test_a_claim_says_where_it_is_printed_and_what_it_bears_on(claim):
    assert claim.place
    assert claim.latex["printed"]
    assert set(claim.supports) <= set(CATALOGUE), "an id that is not in the catalogue"


@EACH
def test_a_sum_over_outputs_is_named_where_the_record_of_the_cost_means_them(claim):
    if any("(n*d)" in CATALOGUE[id].statement for id in claim.supports):
        summed = any(network.cost == "bce" and network.sizes[-1] > 1 for network in claim.networks)
        assert (BATCHMEAN in claim.assumptions) == summed


@EACH
def test_the_latex_is_balanced(claim):
    for latex in claim.latex.values():
        bare = latex.replace(r"\{", "").replace(r"\}", "").replace(r"\left\{", "").replace(r"\right\}", "")
        assert bare.count("{") == bare.count("}")
        left, right = (len(re.findall(rf"\\{side}(?![a-z])", latex)) for side in ("left", "right"))
        assert left == right
        assert latex.count(r"\begin") == latex.count(r"\end")


@EACH
def test_what_is_said_of_a_claim_can_be_run(claim):
    roles = set(claim.readings)
    if claim.unchecked:
        assert not roles
        return
    assert "printed" in roles
    assert sum(map(bool, (claim.wrong, claim.convention, claim.doubt))) <= 1
    assert bool(claim.wrong) == ("corrected" in roles) == ("again" in roles)
    assert bool(claim.convention) == ("otherwise" in roles)
    assert bool(claim.doubt) == ("other" in roles)
    assert bool(claim.wrong or claim.doubt) == ("example" in roles) == bool(claim.example)
    if claim.example:
        assert claim.example.count("{meant}") == claim.example.count("{claimed}") == 1
    for role in ("corrected", "other", "charitable"):
        assert (role in roles) == (role in claim.latex)


def test_the_five_starting_documents_come_first_and_none_is_empty():
    counts = {s: sum(c.source == s for c in CLAIMS.values()) for s in STARTING_DOCUMENTS}
    assert len(STARTING_DOCUMENTS) == 5
    assert all(n >= 12 for n in counts.values()), counts
    assert sum(c.source not in STARTING_DOCUMENTS for c in CLAIMS.values()) >= 40


def test_an_id_is_given_once():
    source = Source("dong-2016")
    with pytest.raises(ValueError, match=r"'dong-2016/1.2-cross-entropy' is taken by the equation at 'section 1.2"):
        source("1.2-cross-entropy", "elsewhere", "x")


def test_literature_imports_neither_oracles_nor_what_it_would_judge():
    code = (
        "import literature, literature.notation, literature.worked, literature.bibliography, sys;"
        "print(sorted({m.split('.')[0] for m, module in sys.modules.items() if module} &"
        " {'reference', 'oracles', 'gradproof', 'torch', 'jax', 'flint', 'sympy', 'scipy'}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_module_of_claims_is_imported():
    for claim in CLAIMS.values():
        if claim.readings:
            assert claim.readings["printed"].__module__.startswith(literature.__name__)
