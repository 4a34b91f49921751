"""Costs of margins over many classes: who pulls, ties, sets of labels, and sums that are exact before their sign."""

import itertools
import math
import time
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import CATALOGUE
from reference.costs import (
    hinge,
    hinge_embedding,
    multi_margin,
    multiclass_hinge,
    multiclass_perceptron,
    multilabel_margin,
    multilabel_soft_margin,
    perceptron,
    soft_margin,
    squared_hinge,
)

U = 2.0**-53


def test_the_weight_of_multi_margin_stands_outside_the_power():
    value, _ = multi_margin([[0.0, 1.0]], [0], [3.0, 1.0], p=2)
    assert value == 3 * 4 / 2


def test_ties_share_equally_and_the_label_wins():
    assert multiclass_hinge([[0.0, 2.0, 2.0]], [0])[1]["z"].tolist() == [[-1.0, 0.5, 0.5]]
    assert multiclass_perceptron([[1.0, 1.0, 0.0]], [0])[1]["z"].tolist() == [[0.0, 0.0, 0.0]]


def test_sets_of_labels():
    value, gradients = multilabel_margin([[0.1, 0.2, 0.4, 0.8]], [[1, 0, 0, 1]])
    assert math.isclose(float(value), 0.85, rel_tol=2**-50)
    assert gradients["z"].tolist() == [[-0.5, 0.5, 0.5, -0.5]]
    assert multilabel_margin([[0.1, 0.2]], [[1, 1]])[0] == 0  # no others: nothing to be confused with
    assert multilabel_soft_margin([[0.0, 0.0]], [[1.0, 0.0]])[0] == math.log(2)


SCORES = np.array([[0.3, np.nan, -2.0], [0.5, 0.25, 1.0]])
OF_LABELS = (multi_margin, multiclass_hinge, multiclass_perceptron)


@pytest.mark.parametrize(
    "cost", [hinge, squared_hinge, perceptron, soft_margin, hinge_embedding], ids=lambda f: f.__name__
)
def test_nan_stays_where_it_is(cost):
    value, gradients = cost(SCORES, np.ones_like(SCORES), reduction="none")
    assert np.isnan(value).tolist() == np.isnan(SCORES).tolist()
    assert not np.isnan(np.delete(gradients["z"].ravel(), 1)).any()


@pytest.mark.parametrize("cost", [*OF_LABELS, multilabel_margin, multilabel_soft_margin], ids=lambda f: f.__name__)
def test_nan_in_a_row_is_nan_of_that_row(cost):
    y = [0, 1] if cost in OF_LABELS else [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    value, gradients = cost(SCORES, y, reduction="none")
    assert np.isnan(value).tolist() == [True, False]
    assert np.isfinite(gradients["z"][1]).all()


def pairs(z, y):
    """Multi-label margin cost and its slope by all pairs, in exact arithmetic."""
    z = [Fraction(float(x)) for x in z]
    slope, cost = [0] * len(z), Fraction(0)
    for l, j in itertools.product(range(len(z)), repeat=2):
        if y[l] == 1 and y[j] == 0 and (slack := 1 - z[l] + z[j]) > 0:
            cost, slope[l], slope[j] = cost + slack, slope[l] - 1, slope[j] + 1
    return float(cost / len(z)), np.array(slope) / len(z)


NEAR_ONE = st.sampled_from([0.0, 1.0, -1.0, 2.0, 1 + 2 * U, 1 - U, -U, U, 2 * U, 5e-324, 1e16, -1e16])


@given(st.lists(st.tuples(st.floats(-3, 3) | NEAR_ONE, st.sampled_from([0.0, 1.0])), min_size=1, max_size=7))
def test_all_pairs_are_counted_by_sorting(row):
    z, y = (np.array(x) for x in zip(*row, strict=True))
    value, gradients = multilabel_margin(z, y)
    exact, slope = pairs(z, y)
    assert value == pytest.approx(exact, rel=2**-50, abs=1e-300)
    np.testing.assert_array_equal(gradients["z"], slope)


def test_ten_thousand_classes_are_quick():
    rng = np.random.default_rng(0)
    z, y = rng.standard_normal((4, 10_000)), (rng.random((4, 10_000)) < 0.3).astype(float)
    start = time.process_time()
    _, gradients = multilabel_margin(z, y, reduction="none")
    assert time.process_time() - start < 1
    few = z[0, :50], y[0, :50]
    assert multilabel_margin(*few)[0] == pytest.approx(pairs(*few)[0], rel=1e-14)
    assert gradients["z"].sum() == pytest.approx(0, abs=1e-9)  # every pair pulls both ways


def test_rivals_that_differ_by_less_than_the_slack_can_tell_do_not_tie():
    """1 + 5e-324 rounds to 1, but only one of the two scores is the largest."""
    z = np.array([[0.0, 5e-324, -1.0]])
    for cost in ("multiclass_hinge", "multiclass_perceptron"):
        _, gradient = CATALOGUE[f"cost/{cost}"].function(z, np.array([2]))
        assert gradient["z"].tolist() == [[0, 1, -1]]


def test_a_class_of_weight_0_has_no_slope_by_its_targets():
    _, g = multilabel_soft_margin(np.array([[3.0, 1.0]]), np.array([[1.0, 0.0]]), np.array([0.0, 1.0]))
    assert g["y"].tolist() == [[0, -0.5]]
