"""Costs of probabilities: divergences by hand, 0·log 0, certain outputs."""

import math

import numpy as np
import pytest

from reference.costs import (
    binary_cross_entropy,
    cross_entropy,
    jensen_shannon,
    kl_div,
    kl_div_log_target,
    nll,
    nll_labels,
    one_hot,
)

HALVES = np.array([[0.5, 0.5]])


def test_the_divergence_is_the_mean_over_examples():
    a, y = np.log(np.repeat(HALVES, 2, 0)), np.array([[1.0, 0.0]] * 2)
    assert kl_div(a, y)[0] == math.log(2)
    assert kl_div(a, y, reduction="mean")[0] == math.log(2) / 2


def test_a_target_of_zero_adds_nothing_and_its_slope_has_no_bound():
    value, gradients = kl_div(np.log(HALVES), np.array([[0.0, 1.0]]))
    assert value == math.log(2)
    assert gradients["y"][0, 0] == -math.inf
    assert math.isclose(gradients["y"][0, 1], 1 + math.log(2), rel_tol=2**-51)


def test_both_forms_of_the_target_agree():
    rng = np.random.default_rng(2)
    e = np.exp(rng.standard_normal((2, 4, 3)))
    p, q = e / e.sum(-1, keepdims=True)
    (value, by_p), (same, by_log) = kl_div(np.log(q), p), kl_div_log_target(np.log(q), np.log(p))
    assert math.isclose(float(value), float(same), rel_tol=2**-48)
    np.testing.assert_allclose(by_p["y"] * p, by_log["y"], rtol=2**-46)


def test_jensen_shannon_is_symmetric_bounded_and_exact_at_the_ends():
    p, q = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    value, gradients = jensen_shannon(p, q)
    assert value == math.log(2)
    assert gradients["p"].tolist() == [[math.log(2) / 2, -math.inf]]
    value, gradients = jensen_shannon(HALVES, HALVES)
    assert value == 0
    assert not gradients["p"].any()
    assert not gradients["q"].any()
    assert jensen_shannon(p, p)[1]["p"].tolist() == [[0.0, 0.0]]


def test_binary_cross_entropy_is_not_clamped():
    value, gradients = binary_cross_entropy([[1e-60, 0.0, 0.0]], [[1.0, 1.0, 0.0]], reduction="none")
    assert math.isclose(value[0, 0], 60 * math.log(10), rel_tol=2**-51)
    assert value[0, 1] == math.inf
    assert value[0, 2] == 0
    assert gradients["a"].tolist() == [[-1e60, -math.inf, 1.0]]


@pytest.mark.parametrize("y", [0.0, 1.0])
def test_a_certain_and_right_output_costs_nothing_and_keeps_its_slope(y):
    value, gradients = binary_cross_entropy([[y]], [[y]], reduction="none")
    assert value == 0
    assert gradients["a"] == 1 - 2 * y


def test_weights_of_labels():
    a = np.log([[0.5, 0.5], [0.75, 0.25]])
    value, gradients = nll_labels(a, [0, 1], [1.0, 3.0])
    assert math.isclose(float(value), (math.log(2) + 3 * math.log(4)) / 4, rel_tol=2**-51)
    np.testing.assert_array_equal(gradients["a"], [[-0.25, 0], [0, -0.75]])


def test_what_is_not_wanted_costs_nothing():
    """0·log 0 = 0, in every cost that has it."""
    impossible = np.array([[-np.inf, 0.0]])
    assert nll(impossible, [[0.0, 1.0]])[0] == 0
    value, gradients = nll(impossible, [[0.0, 1.0]])
    assert gradients["a"].tolist() == [[0.0, -1.0]]
    value, gradients = cross_entropy([[0.0, 1.0]], [[0.0, 1.0]])
    assert value == 0
    assert gradients["a"].tolist() == [[0.0, -1.0]]
    assert kl_div(impossible, [[0.0, 1.0]])[0] == 0
    assert nll_labels(impossible, [1])[0] == 0


@pytest.mark.parametrize("cost", [binary_cross_entropy, cross_entropy], ids=lambda f: f.__name__)
def test_a_certain_and_wrong_output_costs_infinitely_without_a_warning(cost):
    value, gradients = cost([[0.0, 0.5]], [[1.0, 0.0]])
    assert value == np.inf
    assert gradients["a"][0, 0] == -np.inf


def test_labels_are_rows_of_the_identity():
    a = np.log(np.random.default_rng(0).dirichlet(np.ones(4), 3))
    labels = np.array([2, 0, 3])
    value, gradients = nll_labels(a, labels)
    same, by_rows = nll(a, one_hot(labels, 4))
    assert value == same
    np.testing.assert_array_equal(gradients["a"], by_rows["a"])
