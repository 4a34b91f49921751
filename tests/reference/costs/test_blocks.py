"""Rows by blocks are what they are at once, of every cost that has them."""

import formula_cases
import numpy as np
import pytest

from reference import CATALOGUE
from reference.costs import blocks
from reference.costs.overlap import dice
from reference.costs.reduction import others

COSTS = [id for id in CATALOGUE if id.startswith("cost/")]


@pytest.fixture
def few(monkeypatch):
    """Blocks of two rows of four."""
    monkeypatch.setattr(blocks, "BLOCK", 8)


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("id", COSTS)
def test_blocks_change_nothing(id, seed, monkeypatch):
    case = formula_cases.draw(id, seed, shape=(5, 4))
    value, gradients = case.answer()
    monkeypatch.setattr(blocks, "BLOCK", 8)
    by_blocks, in_blocks = case.answer()
    assert gradients.keys() == in_blocks.keys()
    for once, again in zip(
        (value["value"], *gradients.values()), (by_blocks["value"], *in_blocks.values()), strict=True
    ):
        np.testing.assert_allclose(again, once, rtol=2**-48, atol=2**-50)


def test_rows_are_indeed_taken_by_blocks(few, monkeypatch):
    seen = []
    monkeypatch.setattr("reference.costs.overlap._not_empty", lambda whole: seen.append(len(whole)))
    masks = np.full((5, 4), 0.5)
    dice(masks, masks)
    assert seen == [2, 2, 1]


def test_an_error_counts_from_the_first_row(few):
    masks = np.full((5, 4), 0.5)
    masks[3] = 0
    with pytest.raises(ValueError, match="row 3 are empty"):
        dice(masks, masks, smooth=0.0)


def test_the_others_of_an_entry_that_outweighs_them_keep_their_digits():
    x = np.array([[1e200, 3e-200, 1e-200], [2.0, -1.0, 0.5]])
    np.testing.assert_allclose(others(x), [[4e-200, 1e200, 1e200], [-0.5, 2.5, 1.0]], rtol=2**-51)
