"""The end of a planned network is the end of any: a cost's body and one division, where no number is out of range."""

import functools

import numpy as np
import pytest

from gradproof import cases
from reference import CATALOGUE
from reference.costs.ends import ordinary_end
from reference.network import at_end

PREDICTIONS = [record.function for record in CATALOGUE.values() if record.kind == "cost" and record.prediction]
ENDS = [cost for cost in PREDICTIONS if ordinary_end(cost, 0) is not None]


def drawn(cost, lead=0):
    """Outputs and targets, which some costs want to be signs or indicators, with so many leading axes of two."""
    a, y = (cases.draw(cost.formula.id, "float64", "plain", 0).arguments[name] for name in cost.form.names[:2])
    for _ in range(lead):
        a, y = np.stack([a, a[::-1]]), np.stack([y, y[::-1]])
    return a, y


def test_most_costs_of_outputs_and_targets_have_one():
    assert len(ENDS) > len(PREDICTIONS) / 2


@pytest.mark.parametrize("cost", ENDS, ids=lambda cost: cost.formula.id)
@pytest.mark.parametrize("lead", [0, 2])
def test_it_is_the_end_of_any_network(cost, lead):
    a, y = drawn(cost, lead)
    for reduction in ("sum", "mean", "batchmean"):
        reduced = functools.partial(cost, reduction=reduction)
        out = np.empty_like(a)
        C = ordinary_end(reduced, lead)(a, y, out)
        expected, slope = at_end(reduced, a, y)
        assert C.shape == (2,) * lead
        np.testing.assert_array_max_ulp(C, expected, 8)
        np.testing.assert_array_max_ulp(out, slope, 4)


@pytest.mark.parametrize("cost", ENDS, ids=lambda cost: cost.formula.id)
def test_its_slope_is_rounded_to_the_dtype_that_is_written_to(cost):
    a, y = drawn(cost)
    out, fine = np.empty(a.shape, np.float32), np.empty_like(a)
    ordinary_end(cost, 0)(a, y, out)
    ordinary_end(cost, 0)(a, y, fine)
    np.testing.assert_array_equal(out, fine.astype(np.float32))


def test_there_is_none_where_more_is_asked_than_outputs_and_targets():
    for cost in ENDS:
        assert ordinary_end(functools.partial(cost, reduction="none"), 0) is None
    assert ordinary_end(lambda a, y: (a, y), 0) is None
    assert ordinary_end(functools.partial(CATALOGUE["cost/huber_error"].function, delta=2.0), 0) is None
