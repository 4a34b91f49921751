"""Pooling by hand, ties, what lies in no window, sums that overflow; and what does not fit."""

import numpy as np
import pytest

from reference.layers import adaptive_average_pooling, average_pooling, convolution, max_pooling

RNG = np.random.default_rng(6)


def test_by_hand():
    x, v = np.array([[1.0, 5, 2, 3, 9]]), np.array([[10.0, 1]])
    y, pullback = max_pooling(x)
    np.testing.assert_array_equal(y, [[5, 3]])
    np.testing.assert_array_equal(pullback(v)["x"], [[0, 10, 0, 1, 0]])
    y, pullback = average_pooling(x)
    np.testing.assert_array_equal(y, [[3, 2.5]])
    np.testing.assert_array_equal(pullback(v)["x"], [[5, 5, 0.5, 0.5, 0]])
    y, pullback = adaptive_average_pooling(x, output_size=2)
    np.testing.assert_allclose(y, [[8 / 3, 14 / 3]], rtol=1e-15)
    np.testing.assert_allclose(pullback(v)["x"], [[10 / 3, 10 / 3, 11 / 3, 1 / 3, 1 / 3]], rtol=1e-15)


def test_of_ties_the_first_takes_all():
    x = np.array([[2.0, 3, 3, 3], [1, 1, 1, 1], [-np.inf] * 4])
    y, pullback = max_pooling(x, kernel_size=(3,), stride=1)
    np.testing.assert_array_equal(y, [[3, 3], [1, 1], [-np.inf] * 2])
    np.testing.assert_array_equal(pullback(np.ones((3, 2)))["x"], [[0, 2, 0, 0], [1, 1, 0, 0], [1, 1, 0, 0]])


def test_a_nan_is_the_largest():
    y, pullback = max_pooling(np.array([[np.nan, 1.0, 2, np.nan, np.nan, np.nan]]))
    np.testing.assert_array_equal(y, [[np.nan] * 3])
    np.testing.assert_array_equal(pullback(np.ones((1, 3)))["x"], [[np.nan, 0, 0, np.nan, np.nan, 0]])


@pytest.mark.parametrize("options", [{}, {"kernel_size": 2, "stride": 1, "padding": (1,)},
                                     {"kernel_size": (2, 3), "stride": 2, "padding": ((1, 0), 1)}])  # fmt: skip
def test_average_pooling_is_a_convolution_with_equal_weights(options):
    x = RNG.standard_normal((2, 1, 5, 6))
    kernel = np.atleast_1d(options.get("kernel_size", (2,)))
    x = x if len(kernel) == 2 else x[..., 0, :]
    y, pullback = average_pooling(x, **options)
    steps = {"stride": tuple(kernel), **options}
    steps.pop("kernel_size", None)
    same, back = convolution(x, np.full((1, 1, *kernel), 1 / kernel.prod()), **steps)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_allclose(y, same, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(pullback(v)["x"], back(v)["x"], rtol=1e-13, atol=1e-15)


def test_a_mean_of_the_windows_places_alone_keeps_a_constant():
    options = {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True}
    x = np.full((2, 5, 4), 0.75)
    assert (average_pooling(x, count_include_pad=False, **options)[0] == 0.75).all()
    assert (average_pooling(x, **options)[0] < 0.75).any()
    y, pullback = average_pooling(x, count_include_pad=False, **options)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_allclose(pullback(v)["x"].sum((-2, -1)), v.sum((-2, -1)), rtol=1e-13)


def test_sizes_of_one_are_the_mean_of_all():
    x = RNG.standard_normal((2, 3, 4, 5))
    y, pullback = adaptive_average_pooling(x, output_size=(1, 1))
    np.testing.assert_allclose(y[..., 0, 0], x.mean((-2, -1)), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(pullback(np.full(y.shape, 20.0))["x"], np.ones(x.shape), rtol=1e-15)


@pytest.mark.parametrize("pooling", [max_pooling, average_pooling])
def test_what_lies_in_no_window_does_not_enter(pooling):
    x = np.array([[1.0, 2, np.nan, 3, 4, np.inf]])
    y, pullback = pooling(x, stride=3)
    assert np.isfinite(y).all()
    assert np.isfinite(pullback(np.ones(y.shape))["x"]).all()


@pytest.mark.parametrize("pooling", [average_pooling, lambda x: adaptive_average_pooling(x, output_size=2)])
def test_a_mean_of_large_numbers_is_no_infinity(pooling):
    np.testing.assert_allclose(pooling(np.array([1.5e308, 1.6e308, 1e-310, 3e-310]))[0], [1.55e308, 2e-310], rtol=1e-12)
    np.testing.assert_array_equal(pooling(np.array([np.inf, 1, np.nan, 2]))[0], [np.inf, np.nan])


X = np.zeros((2, 3, 5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: max_pooling(X, kernel_size=0), "kernel_size = 0; expected a whole number ≥ 1"),
        (lambda: max_pooling(X, kernel_size=(2, 2, 2, 2)), r"x has shape \(2, 3, 5\); expected 4 last axes"),
        (lambda: max_pooling(X, kernel_size=6), "a kernel of 6 with dilation 1 does not fit 5 places"),
        (lambda: max_pooling(X, kernel_size=1, padding=1), r"window \[0\] lies in the padding alone"),
        (lambda: max_pooling(X[..., :0]), r"x has shape \(2, 3, 0\)"),
        (lambda: average_pooling(X, stride=(1, 2)), r"stride = \(1, 2\)"),
        (lambda: average_pooling(X, padding=-1), "padding = -1"),
        (lambda: adaptive_average_pooling(X, output_size=(0,)), r"output_size = \(0,\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("size", [1.5, None, "2", (2, True)])
def test_a_size_is_a_whole_number(size):
    with pytest.raises(TypeError, match="expected whole numbers"):
        max_pooling(X, kernel_size=size)
    with pytest.raises(TypeError, match="expected whole numbers"):
        adaptive_average_pooling(X, output_size=size)
