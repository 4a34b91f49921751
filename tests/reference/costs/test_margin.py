"""Costs of margins of two classes, of ranks and of critics: who pulls, and where a margin is met exactly."""

import math
from fractions import Fraction

import numpy as np
import pytest

from reference.costs import (
    hinge,
    hinge_embedding,
    margin_ranking,
    multi_margin,
    multiclass_hinge,
    multiclass_perceptron,
    multilabel_margin,
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


def test_a_sure_score_has_no_slope_by_its_class():
    value, g = soft_margin(np.array([np.inf, 1.0]), np.array([1.0, 1.0]), reduction="sum")
    assert (value, g["y"][0]) == (np.log1p(np.exp(-1.0)), 0)
