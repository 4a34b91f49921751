import math

import numpy as np
import pytest

from reference.costs import huber as huber_cost
from reference.costs.regression import (
    gaussian_nll,
    huber_error,
    l1,
    log_cosh,
    poisson_nll,
    poisson_nll_rate,
    quantile,
    smooth_l1,
    squared_error,
)

HUGE = np.finfo(np.float64).max


def test_the_mean_of_l1_and_squared_error_divides_by_the_weights_that_of_huber_by_the_count():
    a, y, w = np.array([1.0, 2.0]), np.zeros(2), np.array([1.0, 3.0])
    assert l1(a, y, w)[0] == 7 / 4
    assert squared_error(a, y, w)[0] == 13 / 4
    assert huber_error(a, y, w)[0] == (0.5 + 4.5) / 2


def test_at_equality_the_slope_of_the_absolute_error_is_zero():
    _, gradients = l1([[0.5]], [[0.5]])
    assert gradients["a"] == gradients["y"] == 0
    assert quantile([[0.5]], [[0.5]], tau=0.9)[1]["a"] == 0


def test_huber_is_the_network_cost_and_smooth_l1_is_huber_over_beta():
    a, y = np.random.default_rng(1).standard_normal((2, 5, 3))
    value, gradients = huber_error(a, y, delta=0.5)
    same, gradient = huber_cost(a, y, delta=0.5)
    assert math.isclose(float(value), float(same), rel_tol=2**-50)
    np.testing.assert_allclose(gradients["a"], gradient, rtol=2**-50)
    scaled, slopes = smooth_l1(a, y, beta=0.5)
    assert math.isclose(float(value), float(scaled) / 2, rel_tol=2**-50)
    np.testing.assert_allclose(gradients["a"], slopes["a"] / 2, rtol=2**-50)


def test_log_cosh_neither_overflows_nor_cancels():
    value, gradients = log_cosh(np.array([1000.0, 1e-8]), np.zeros(2), reduction="none")
    assert value[0] == 1000 - math.log(2)
    assert math.isclose(value[1], 0.5e-16, rel_tol=1e-15)
    assert gradients["a"].tolist() == [1.0, 1e-8]


def test_the_quantile_cost_weighs_too_low_by_tau():
    value, gradients = quantile([0.0, 2.0], [1.0, 1.0], tau=0.9, reduction="none")
    assert value.tolist() == [0.9, pytest.approx(0.1, rel=1e-15)]
    assert gradients["a"].tolist() == [-0.9, pytest.approx(0.1, rel=1e-15)]


@pytest.mark.parametrize("y", [2.0, 1e5, 1e10])
def test_the_full_poisson_cost_is_half_log_two_pi_y_at_its_least(y):
    value, gradients = poisson_nll_rate(np.array([y]), np.array([y]), full=True)
    assert value == math.log(2 * math.pi * y) / 2
    assert gradients["a"] == 0
    assert gradients["y"] == 1 / (2 * y)
    near, _ = poisson_nll(np.array([math.log(y)]), np.array([y]), full=True)
    assert math.isclose(float(near), float(value), rel_tol=2**-50)


def test_rate_zero():
    value, gradients = poisson_nll_rate([[0.0, 0.0]], [[0.0, 1.0]], reduction="none")
    assert value.tolist() == [[0.0, math.inf]]
    assert gradients["a"].tolist() == [[1.0, -math.inf]]


def test_gaussian_nll_of_a_residual_whose_square_overflows():
    value, gradients = gaussian_nll([1e200], [0.0], [1e300])
    assert math.isclose(float(value), 1e100 / 2, rel_tol=1e-14)
    assert math.isclose(float(gradients["v"][0]), -1e-200 / 2, rel_tol=1e-14)


def test_gaussian_nll_is_least_where_the_variance_is_the_squared_residual():
    assert gaussian_nll([3.0], [1.0], [4.0])[1]["v"] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_nll([0.0], [0.0], [-1.0]), r"v = -1.0 at index \(0,\) is not a variance: must be > 0"),
        (lambda: gaussian_nll([0.0], [0.0], [0.0]), "v = 0.0"),
        (lambda: gaussian_nll([0.0], [0.0], [np.nan]), "v = nan"),
        (lambda: poisson_nll([0.0], [-1.0]), r"y = -1.0 at index \(0,\) is not a count"),
        (lambda: poisson_nll_rate([-1.0], [1.0]), r"a = -1.0 at index \(0,\) is not a rate"),
        (lambda: poisson_nll_rate([1.0], [1.0], eps=-1.0), "eps = -1.0; need eps ≥ 0"),
        (lambda: quantile([0.0], [0.0], tau=1.0), "tau = 1.0; need 0 < tau < 1"),
        (lambda: smooth_l1([0.0], [0.0], beta=0.0), "beta = 0.0; need beta > 0"),
        (lambda: huber_error([0.0], [0.0], delta=-1.0), "delta = -1.0; need delta > 0"),
        (lambda: l1([[0.0], [1.0]], [[0.0, 1.0]]), r"y has shape \(1, 2\), a has shape \(2, 1\); they must be equal"),
        (lambda: l1([0.0], [0.0], [1.0, 2.0]), "weight has shape"),
        (lambda: l1([0.0], [1.0], [0.0]), "weight sums to 0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
