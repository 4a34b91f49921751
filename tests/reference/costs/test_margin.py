"""Costs of margins: who pulls, ties, and sums that are exact before their sign is taken."""

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
    margin_ranking,
    multi_margin,
    multiclass_hinge,
    multiclass_perceptron,
    multilabel_margin,
    multilabel_soft_margin,
    perceptron,
    soft_margin,
    squared_hinge,
    wasserstein_critic,
)

U = 2.0**-53


@pytest.mark.parametrize(
    ("call", "entry"),
    [
        (lambda: hinge([[1.0]], [[1.0]]), "z"),
        (lambda: perceptron([[0.0]], [[1.0]]), "z"),
        (lambda: hinge_embedding([[1.0]], [[-1]]), "z"),
        (lambda: margin_ranking([[1.5]], [[1.0]], [[1.0]], margin=0.5), "a"),
        (lambda: multi_margin([[1.5, 0.5]], [0]), "z"),
        (lambda: multilabel_margin([[1.5, 0.5]], [[1, 0]]), "z"),
        (lambda: multiclass_hinge([[1.5, 0.5]], [0]), "z"),
        (lambda: multiclass_perceptron([[0.5, 0.5]], [0]), "z"),
    ],
)
def test_where_the_margin_is_met_exactly_value_and_slope_are_zero(call, entry):
    value, gradients = call()
    assert value == 0
    assert not gradients[entry].any()


def test_a_margin_missed_by_less_than_rounding_is_missed():
    # margin − z_y + z_j = 1 − (1 + u) + 2u = u, although 1 + u is 1 in float64
    z = np.array([[1.0, 2 * U]])
    value, gradients = multi_margin(z, [0], margin=1.0, reduction="sum")
    assert value == U
    assert gradients["z"].tolist() == [[-0.5, 0.5]]
    met = multi_margin(np.array([[1 + 2 * U, 2 * U]]), [0], reduction="sum")
    assert met[0] == 0
    assert not met[1]["z"].any()


def test_hinge_by_hand():
    value, gradients = hinge([[0.5, -1.0, 3.0]], [[1.0, 1.0, -1.0]], reduction="none")
    assert value.tolist() == [[0.5, 2.0, 4.0]]
    assert gradients["z"].tolist() == [[-1.0, -1.0, 1.0]]
    assert gradients["y"].tolist() == [[-0.5, 1.0, -3.0]]
    value, gradients = squared_hinge([[0.5]], [[1.0]])
    assert (value, gradients["z"][0, 0], gradients["y"][0, 0]) == (0.25, -1.0, -0.5)


def test_soft_margin_at_the_ends():
    value, gradients = soft_margin(np.array([[1e308, -1e308, 50.0]]), np.ones((1, 3)), reduction="none")
    assert value[0, :2].tolist() == [0.0, 1e308]
    assert gradients["z"][0, :2].tolist() == [0.0, -1.0]
    assert math.isclose(value[0, 2], math.exp(-50), rel_tol=2**-51)


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


def test_a_critic_is_linear():
    value, gradients = wasserstein_critic([1.0, 3.0], [5.0, 6.0, 7.0])
    assert value == 4
    assert gradients["a"].tolist() == [-0.5, -0.5]
    assert gradients["b"].tolist() == [1 / 3] * 3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: multi_margin([[0.0, 0.0]], [0], p=3), "p = 3; need p = 1 or p = 2"),
        (lambda: multi_margin([[0.0, 0.0]], [2]), "label = 2"),
        (lambda: multiclass_hinge([[0.0, 0.0]], [-1]), "label = -1"),
        (lambda: wasserstein_critic([1.0], []), r"a has shape \(1,\), b has shape \(0,\): need scores of both"),
        (lambda: wasserstein_critic(np.ones((2, 3)), np.ones((3, 2)), leading=1), "in the same problems"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


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


def test_a_preference_may_be_any_number_and_a_tie_is_found_in_spite_of_rounding():
    """0.1·(0.3 − 0) of floats is no float: what the product loses says that the margin 0.03 is just missed, or met."""
    y, a = 0.1, 0.3
    exact = Fraction(y) * Fraction(a)
    for margin in (float(exact), np.nextafter(float(exact), 1), np.nextafter(float(exact), 0)):
        slope = margin_ranking([[a]], [[0.0]], [[y]], margin=margin)[1]["a"].item()
        assert slope == (-y if Fraction(margin) > exact else 0)
    value, gradients = margin_ranking([[2.0]], [[3.0]], [[-2.5]], margin=1.0, reduction="none")
    assert value.item() == 0  # 1 + 2.5·(2 − 3) < 0
    assert not any(g.any() for g in gradients.values())
