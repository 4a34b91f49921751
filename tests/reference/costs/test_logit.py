import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference.costs import bce_logits, softmax_cross_entropy
from reference.costs.logit import (
    binary_cross_entropy_logits,
    cross_entropy_labels,
    cross_entropy_probabilities,
    poly_cross_entropy,
    sigmoid_focal,
    softmax_focal,
)

HUGE = float(np.finfo(np.float64).max) / 2  # beyond, the difference of two logits overflows
LOGITS = arrays(np.float64, (2, 3), elements=st.floats(-HUGE, HUGE))
CALLS = {
    "binary": lambda z: binary_cross_entropy_logits(z, np.eye(2, 3), pos_weight=[0.5, 1, 2]),
    "focal": lambda z: sigmoid_focal(z, np.eye(2, 3), gamma=1.5),
    "labels": lambda z: cross_entropy_labels(z, [0, 1], label_smoothing=0.0),
    "softmax focal": lambda z: softmax_focal(z, [0, 1], gamma=0.5),
    "poly": lambda z: poly_cross_entropy(z, np.eye(2, 3)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(z=LOGITS)
def test_no_logit_makes_a_nan(call, z):
    value, gradients = call(z)
    assert not np.isnan(value)
    assert not any(np.isnan(g).any() for g in gradients.values())
    assert np.isfinite(gradients["z"]).all() or "ocal" in str(call)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_finite_where_they_should_be(call):
    z = np.array([[1e300, -1e300, -1e300], [-1e300, 1e300, -1e300]])  # every target is met
    value, gradients = call(z)
    assert value == 0
    assert not gradients["z"].any()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("z", [37.0, 100.0, 200.0])
def test_a_small_loss_is_not_rounded_away(call, z):
    value, gradients = call(z * (2 * np.eye(2, 3) - 1))
    assert value > 0
    assert gradients["z"].all()


def test_the_network_costs_are_the_same_but_for_the_reduction():
    rng = np.random.default_rng(3)
    z, y = rng.standard_normal((4, 3)), rng.random((4, 3))
    value, gradients = binary_cross_entropy_logits(z, y)
    other, gradient = bce_logits(z, y)
    assert math.isclose(3 * float(value), float(other), rel_tol=2**-50)
    np.testing.assert_allclose(3 * gradients["z"], gradient, rtol=2**-44)
    labels = np.array([0, 2, 1, 1])
    value, gradients = cross_entropy_labels(z, labels)
    other, gradient = softmax_cross_entropy(z, labels)
    assert math.isclose(float(value), float(other), rel_tol=2**-50)
    np.testing.assert_allclose(gradients["z"], gradient, rtol=2**-48)


def test_without_focus_both_focal_costs_are_cross_entropies():
    rng = np.random.default_rng(4)
    z, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    focal, by_focal = softmax_focal(z, labels, gamma=0.0)
    plain, by_plain = cross_entropy_labels(z, labels)
    assert math.isclose(float(focal), float(plain), rel_tol=2**-50)
    np.testing.assert_allclose(by_focal["z"], by_plain["z"], rtol=2**-48, atol=2**-54)
    y = np.eye(3)[labels]
    focal, by_focal = sigmoid_focal(z, y, gamma=0.0, alpha=0.5)
    plain, by_plain = binary_cross_entropy_logits(z, y)
    assert math.isclose(2 * float(focal), float(plain), rel_tol=2**-50)
    np.testing.assert_allclose(2 * by_focal["z"], by_plain["z"], rtol=2**-48)


def test_label_smoothing_is_a_target_mixed_with_the_uniform_one():
    z, labels = np.random.default_rng(5).standard_normal((4, 3)), np.array([0, 2, 1, 1])
    value, gradients = cross_entropy_labels(z, labels, label_smoothing=0.3)
    mixed = 0.7 * np.eye(3)[labels] + 0.1
    same, by_mixed = cross_entropy_probabilities(z, mixed)
    assert math.isclose(float(value), float(same), rel_tol=2**-49)
    np.testing.assert_allclose(gradients["z"], by_mixed["z"], rtol=2**-45, atol=2**-54)


def test_ignored_rows_have_no_gradient_and_the_mean_leaves_them_out():
    z = np.array([[0.0, 0.0], [5.0, 1.0]])
    value, gradients = cross_entropy_labels(z, [0, -100], ignore_index=-100)
    assert value == math.log(2)
    assert gradients["z"].tolist() == [[-0.5, 0.5], [0.0, 0.0]]
    with pytest.raises(ValueError, match="every label is ignored: the mean over none is undefined"):
        cross_entropy_labels(z, [-100, -100], ignore_index=-100)
    total, gradients = cross_entropy_labels(z, [-100, -100], ignore_index=-100, reduction="sum")
    assert total == 0
    assert not gradients["z"].any()


def test_a_masked_class_that_is_not_wanted_costs_nothing():
    value, gradients = cross_entropy_probabilities([[0.0, -math.inf]], [[1.0, 0.0]])
    assert value == 0
    assert gradients["z"].tolist() == [[0.0, 0.0]]


def test_the_slope_in_the_target_of_an_unweighted_logit_is_minus_the_logit():
    z = np.array([[-3.0, 1e-20, 200.0]])
    np.testing.assert_array_equal(binary_cross_entropy_logits(z, z * 0, reduction="sum")[1]["y"], -z)


ONE = np.zeros((1, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: binary_cross_entropy_logits(ONE, [[1.2, 0.0]]), r"y = 1.2 at index \(0, 0\) is not a probability"),
        (lambda: binary_cross_entropy_logits(ONE, ONE, [[-1.0, 1.0]]), r"weight = -1.0 at index \(0, 0\) must be ≥ 0"),
        (lambda: binary_cross_entropy_logits(ONE, ONE, pos_weight=[1.0]), r"pos_weight has shape \(1,\); expected"),
        (lambda: cross_entropy_labels(ONE, [-1]), r"label = -1 at index \(0,\) is outside 0 … 1"),
        (lambda: cross_entropy_labels(ONE, [2]), r"label = 2 at index \(0,\) is outside 0 … 1"),
        (lambda: cross_entropy_labels(ONE, [-100]), "label = -100"),
        (lambda: cross_entropy_labels(ONE, [0], [0.0, 1.0]), "weight sums to 0"),
        (lambda: cross_entropy_labels(ONE, [0], label_smoothing=1.5), "label_smoothing = 1.5"),
        (lambda: cross_entropy_probabilities(ONE, [[1.0, 0.5]]), "the sum of a row of y = 1.5"),
        (lambda: sigmoid_focal(ONE, ONE, alpha=2.0), "alpha = 2.0; need 0 ≤ alpha ≤ 1"),
        (lambda: softmax_focal(ONE, [0], gamma=-1.0), "gamma = -1.0; need gamma ≥ 0"),
        (lambda: poly_cross_entropy(ONE, [[0.5, 0.4]]), "the sum of a row of y = 0.9"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
