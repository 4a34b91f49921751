"""Costs of residuals and counts: by hand, against each other, far out."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference.costs import (
    gaussian_nll,
    huber_error,
    l1,
    log_cosh,
    poisson_nll,
    poisson_nll_rate,
    quadratic,
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


ENTRIES = arrays(np.float64, (3, 4), elements=st.floats(-1e3, 1e3))
CLOSE = {"rtol": 2**-49, "atol": 1e-300}


@given(ENTRIES, ENTRIES)
def test_the_costs_of_residuals_stand_to_each_other_as_they_should(a, y):
    """Quadratic: half the squares, summed over outputs; Huber: between half the square and δ times the distance."""
    square, by_square = squared_error(a, y)
    half, by_half = quadratic(a, y)
    np.testing.assert_allclose(square, 2 / 4 * half, **CLOSE)
    np.testing.assert_allclose(by_square["a"], 2 / 4 * by_half["a"], **CLOSE)
    value = huber_error(a, y)[0]
    assert value <= square / 2 * (1 + 2**-49) + 1e-300
    assert value <= l1(a, y)[0] * (1 + 2**-49) + 1e-300
    wide, by_wide = huber_error(a, y, delta=1e6)  # never beyond δ
    np.testing.assert_allclose(wide, square / 2, **CLOSE)
    np.testing.assert_allclose(by_wide["a"], by_square["a"] / 2, **CLOSE)


@pytest.mark.parametrize("delta", [0.25, 1.0, 3.0])
def test_huber_changes_at_delta_and_smooth_l1_is_huber_over_beta(delta):
    r = np.array([[-4.0, -delta, -delta / 2, 0, delta / 2, delta, 4.0]])
    terms, gradients = huber_error(r, 0 * r, delta=delta, reduction="none")
    np.testing.assert_array_equal(gradients["a"], np.clip(r, -delta, delta))
    np.testing.assert_allclose(
        terms, np.where(np.abs(r) <= delta, r**2 / 2, delta * (np.abs(r) - delta / 2)), rtol=2**-50
    )
    scaled, slopes = smooth_l1(r, 0 * r, beta=delta, reduction="none")
    np.testing.assert_allclose(terms, delta * scaled, rtol=2**-50)
    np.testing.assert_allclose(gradients["a"], delta * slopes["a"], rtol=2**-50)


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
    assert value == pytest.approx(math.log(2 * math.pi * y) / 2, rel=2**-51)
    assert gradients["a"] == 0
    assert gradients["y"] == 1 / (2 * y)
    near, _ = poisson_nll(np.array([math.log(y)]), np.array([y]), full=True)
    assert math.isclose(float(near), float(value), rel_tol=2**-50)


def test_the_largest_counts_have_a_finite_cost():
    value, gradients = poisson_nll_rate([1.7e308], [1.7e308], full=True)
    assert value == pytest.approx((math.log(1.7e308) + math.log(2 * math.pi)) / 2, rel=2**-50)
    assert gradients["a"] == 0


def test_no_count_takes_no_part_in_the_rate():
    value, gradients = poisson_nll([np.inf, -np.inf], [0.0, 0.0], reduction="none")
    assert value.tolist() == [np.inf, 0]
    assert gradients["a"].tolist() == [np.inf, 0]
    assert poisson_nll_rate([3.0], [0.0])[1]["a"] == 1


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
    ("a", "v", "slope"),
    [(1e155, 1e308, -4.95e-307), (1e308, 1e300, -5e15), (1.0, 1.0, 0.0), (1e-160, 1e-310, 5e309), (0.0, 1e-308, 5e307)],
)
def test_the_slope_in_the_variance_does_not_overflow_on_the_way(a, v, slope):
    with np.errstate(over="ignore"):
        assert gaussian_nll([a], [0.0], [v])[1]["v"][0] == pytest.approx(slope, rel=1e-13)


def test_by_hand():
    a, y = np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 5.0, -3.0]])
    value, gradients = l1(a, y)
    assert value == 3
    np.testing.assert_array_equal(gradients["a"], [[0, -1 / 3, 1 / 3]])
    assert quadratic(a, y)[0] == 22.5
    assert squared_error(a, y, [[1.0, 0.0, 1.0]])[0] == 18


def test_a_variance_below_the_floor_counts_as_the_floor_and_has_no_slope():
    value, gradients = gaussian_nll([3.0, 3.0], [1.0, 1.0], [0.25, 2.0], eps=0.5, reduction="none")
    floored, there = gaussian_nll([3.0, 3.0], [1.0, 1.0], [0.5, 2.0], reduction="none")
    assert value.tolist() == floored.tolist()
    assert gradients["a"].tolist() == there["a"].tolist()
    assert gradients["v"].tolist() == [0.0, there["v"][1]]
    assert gaussian_nll([3.0], [1.0], [0.5], eps=0.5)[1]["v"] == 0  # at the floor itself
    assert np.isnan(gaussian_nll([np.nan], [1.0], [0.5], eps=1.0)[0])
    with pytest.raises(ValueError, match="eps = -1"):
        gaussian_nll([3.0], [1.0], [0.5], eps=-1.0)
    with pytest.raises(ValueError, match="is not a variance"):
        gaussian_nll([3.0], [1.0], [0.0], eps=0.5)
