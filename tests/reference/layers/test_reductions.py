"""Reductions by hand, at ties and zeros, of numbers whose squares overflow; and what does not fit."""

import numpy as np
import pytest

from reference.layers import maximum, minimum, norm, standard_deviation, variance

RNG = np.random.default_rng(8)
REDUCTIONS = (maximum, minimum, norm, variance, standard_deviation)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_along_any_axis(reduction, axis):
    x = RNG.standard_normal((3, 4, 2))
    y, pullback = reduction(x, axis=axis)
    rows, back = reduction(np.moveaxis(x, axis, -1))
    np.testing.assert_array_equal(y, rows)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_array_equal(np.moveaxis(pullback(v)["x"], axis, -1), back(v)["x"])


def test_values_are_those_of_numpy():
    x = RNG.standard_normal((3, 5))
    np.testing.assert_array_equal(maximum(x)[0], x.max(-1))
    np.testing.assert_array_equal(minimum(x)[0], x.min(-1))
    for p in (1, 2, np.inf):
        np.testing.assert_allclose(norm(x, p=p)[0], np.linalg.norm(x, p, -1), rtol=1e-14)
    for c in (0, 1, 2.5):
        np.testing.assert_allclose(variance(x, correction=c)[0], x.var(-1, ddof=c), rtol=1e-14)
        np.testing.assert_allclose(standard_deviation(x, correction=c)[0], x.std(-1, ddof=c), rtol=1e-14)


def test_ties_share_equally():
    x = np.array([[1.0, 3, 3, 1]])
    np.testing.assert_array_equal(maximum(x)[1](np.array([4.0]))["x"], [[0, 2, 2, 0]])
    np.testing.assert_array_equal(minimum(x)[1](np.array([4.0]))["x"], [[2, 0, 0, 2]])
    np.testing.assert_array_equal(norm(x - 2, p=np.inf)[1](np.array([4.0]))["x"], [[-1, 1, 1, -1]])


def test_a_nan_is_the_largest_and_the_least():
    x = np.array([[np.nan, 3, np.nan]])
    for reduction in (maximum, minimum):
        y, pullback = reduction(x)
        assert np.isnan(y).all()
        np.testing.assert_array_equal(pullback(np.array([4.0]))["x"], [[np.nan, 0, np.nan]])
        assert not pullback(np.array([0.0]))["x"].any()


@pytest.mark.parametrize("p", [1, 2, np.inf])
def test_a_row_of_zeros_has_the_slope_0(p):
    y, pullback = norm(np.zeros((1, 3)), p=p)
    assert y == 0
    np.testing.assert_array_equal(pullback(np.ones(1))["x"], np.zeros((1, 3)))


def test_a_constant_row_has_no_deviation_and_no_slope():
    for x in (np.full((1, 3), 0.1), np.array([[1e300]])):
        y, pullback = standard_deviation(x, correction=0)
        assert y == 0
        np.testing.assert_array_equal(pullback(np.ones(1))["x"], np.zeros(x.shape))


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e160, 1e307])
def test_no_square_overflows_or_vanishes(scale):
    x = np.array([[3.0, -4.0, 1.0]])
    for reduction in (norm, standard_deviation):
        y, pullback = reduction(x * scale)
        np.testing.assert_allclose(y, reduction(x)[0] * scale, rtol=1e-14)
        np.testing.assert_allclose(pullback(np.ones(1))["x"], reduction(x)[1](np.ones(1))["x"], rtol=1e-13)


def test_a_variance_far_from_0_keeps_its_digits():
    y, pullback = variance(1e12 + np.array([[0.0, 1, 2]]))
    assert y == 1
    np.testing.assert_array_equal(pullback(np.ones(1))["x"], [[-1, 0, 1]])


X = np.zeros((2, 3))


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_an_axis_that_is_not_there_is_named(reduction):
    with pytest.raises(ValueError, match=r"x has shape \(2, 3\); expected one entry or more on the axis -3"):
        reduction(X, axis=-3)
    with pytest.raises(ValueError, match=r"x has shape \(2, 0\)"):
        reduction(X[:, :0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: norm(X, p=3), "p = 3; need p = 1 or p = 2 or p = ∞"),
        (lambda: norm(X, p=np.nan), "p = nan"),
        (lambda: variance(X, correction=3), "correction = 3; expected less than the 3 entries"),
        (lambda: standard_deviation(X[:, :1]), "correction = 1; expected less than the 1 entries"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
