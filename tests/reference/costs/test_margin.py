import math

import numpy as np
import pytest

from reference import CATALOGUE
from reference.costs.margin import (
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


ROW = np.zeros((1, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: hinge(ROW, ROW), r"y = 0.0 at index \(0, 0\) is not a label: must be −1 or \+1"),
        (lambda: hinge_embedding(ROW, ROW + 2), "y = 2.0"),
        (lambda: margin_ranking(ROW, ROW, ROW), "y = 0.0"),
        (lambda: margin_ranking(ROW, ROW[:, :1], ROW), r"b has shape \(1, 1\), a has shape \(1, 2\)"),
        (lambda: multi_margin(ROW, [0], p=3), "p = 3; need p = 1 or 2"),
        (lambda: multi_margin(ROW, [2]), "label = 2"),
        (lambda: multilabel_margin(ROW, ROW + 0.5), r"y = 0.5 at index \(0, 0\) is not an indicator"),
        (lambda: multilabel_soft_margin(ROW, ROW + 2), "y = 2.0"),
        (lambda: multiclass_hinge(ROW, [-1]), "label = -1"),
        (lambda: wasserstein_critic([1.0], []), "b has shape"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_rivals_that_differ_by_less_than_the_slack_can_tell_do_not_tie():
    """1 + 5e-324 rounds to 1, but only one of the two scores is the largest."""
    z = np.array([[0.0, 5e-324, -1.0]])
    for cost in ("multiclass_hinge", "multiclass_perceptron"):
        _, gradient = CATALOGUE[f"cost/{cost}"].function(z, np.array([2]))
        assert gradient["z"].tolist() == [[0, 1, -1]]
