"""Pooling by hand, ties, what lies in no window, sums that overflow; and what does not fit."""

from decimal import Context, Decimal, localcontext

import numpy as np
import pytest

from reference.layers import (
    adaptive_average_pooling,
    adaptive_max_pooling,
    average_pooling,
    convolution,
    fractional_max_pooling,
    lp_pooling,
    max_pooling,
)

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


# ---------------------------------------------------------------- regions of other sizes, and norms


@pytest.mark.parametrize("size", [2, 1, (2, 2), (1, 3), (5,)])
def test_regions_that_divide_the_axes_are_windows(size):
    x = RNG.standard_normal((3, 10, 6))[..., : 6 if np.ndim(size) and len(size) > 1 else 5]
    x = x if np.ndim(size) and len(size) > 1 else RNG.standard_normal((3, 10))
    sizes = np.atleast_1d(size)
    kernel = tuple(int(n // p) for n, p in zip(x.shape[x.ndim - len(sizes) :], sizes, strict=True))
    y, pullback = adaptive_max_pooling(x, output_size=size)
    same, back = max_pooling(x, kernel_size=kernel)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_array_equal(y, same)
    np.testing.assert_array_equal(pullback(v)["x"], back(v)["x"])


def test_regions_that_overlap_send_back_to_one_place_twice():
    y, pullback = adaptive_max_pooling(np.array([1.0, 2, 9, 3, 4]), output_size=2)  # places 0 … 2 and 2 … 4
    np.testing.assert_array_equal(y, [9, 9])
    np.testing.assert_array_equal(pullback(np.array([10.0, 1]))["x"], [0, 0, 11, 0, 0])


def test_samples_say_where_the_steps_of_two_lie():
    x = np.arange(7.0)  # five steps of 5/4: one of them is 2
    starts = {u: fractional_max_pooling(x, output_size=5, samples=u)[0] - 1 for u in (0.0, 0.3, 0.5, 0.7)}
    np.testing.assert_array_equal(starts[0.0], [0, 1, 2, 3, 5])
    np.testing.assert_array_equal(starts[0.3], [0, 1, 2, 4, 5])
    np.testing.assert_array_equal(starts[0.5], [0, 1, 3, 4, 5])
    np.testing.assert_array_equal(starts[0.7], [0, 2, 3, 4, 5])


@pytest.mark.parametrize("pooling", [
    lambda x: adaptive_max_pooling(x, output_size=(1, 1)),
    lambda x: fractional_max_pooling(x, kernel_size=(2, 3)),
])  # fmt: skip
def test_of_ties_in_a_region_the_first_in_row_major_order_takes_all(pooling):
    x = np.array([[0.0, 1, 3], [3, 3, np.nextafter(3, 0)]])
    assert pooling(x)[1](np.ones((1, 1)))["x"].tolist() == [[0, 0, 1], [0, 0, 0]]
    x[1, 1] = np.nan
    y, pullback = pooling(x)
    assert np.isnan(y).all()
    np.testing.assert_array_equal(pullback(np.ones((1, 1)))["x"], [[0, 0, 0], [0, np.nan, 0]])


def test_norms_of_windows_by_hand():
    y, pullback = lp_pooling(np.array([3.0, -4, 0, 0]))
    np.testing.assert_array_equal(y, [5, 0])
    np.testing.assert_array_equal(pullback(np.array([10.0, 7]))["x"], [6, -8, 0, 0])
    y, pullback = lp_pooling(np.array([3.0, -4, 0]), kernel_size=3, p=1)
    np.testing.assert_array_equal([*y, *pullback([2])["x"]], [7, 2, -2, 0])
    y, pullback = lp_pooling(np.array([3.0, -4, 4]), kernel_size=3, p=np.inf)
    np.testing.assert_array_equal([*y, *pullback([2])["x"]], [4, 0, -2, 0])


@pytest.mark.parametrize("p", [1.0, 2.0, 3.5, 100.0])
def test_a_norm_grows_as_its_window_and_no_power_overflows(p):
    """Euler: a function of degree 1 is Σ x·∂y/∂x."""
    x = RNG.standard_normal((2, 9))
    y, pullback = lp_pooling(x, kernel_size=3, p=p)
    v = RNG.standard_normal(y.shape)
    g = pullback(v)["x"]
    np.testing.assert_allclose((x * g).reshape(2, 3, 3).sum(-1), v * y, rtol=1e-13)
    for scale in (2.0**1000, 2.0**-1000):
        large, back = lp_pooling(x * scale, kernel_size=3, p=p)
        np.testing.assert_allclose(large, y * scale, rtol=1e-14)
        np.testing.assert_allclose(back(v)["x"], g, rtol=1e-12)


def test_large_powers_come_near_the_largest():
    x = RNG.standard_normal((4, 5))
    near, largest = (lp_pooling(x, kernel_size=5, p=p)[0] for p in (2000.0, np.inf))
    np.testing.assert_allclose(near, largest, rtol=1e-3)


@pytest.mark.parametrize("p", [50.0, 1e3, 1e6, 1e12, 1e17])
@pytest.mark.parametrize("unit", [1.0, 1.3, 1e-300])
def test_a_slope_of_a_large_power_keeps_its_digits(p, unit):
    """Of two equal sizes each has 2^(1/p − 1); of sizes 1 and r, the second has rᵖ⁻¹/(1 + rᵖ)^(1 − 1/p)."""
    slope = lp_pooling(np.array([unit, -unit]), p=p)[1]([1.0])["x"]
    np.testing.assert_allclose(slope, [2 ** (1 / p - 1), -(2 ** (1 / p - 1))], rtol=4e-16)
    x = np.array([unit, unit * (1 - 0.5 / p)])
    with localcontext(Context(prec=80)):
        r, P = Decimal(x[1]) / Decimal(x[0]), Decimal(p)
        exact = float((r.ln() * (P - 1)).exp() / ((1 + (r.ln() * P).exp()).ln() * (1 - 1 / P)).exp())
    np.testing.assert_allclose(lp_pooling(x, p=p)[1]([1.0])["x"][1], exact, rtol=1e-15)


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
        (lambda: adaptive_max_pooling(X, output_size=(1, 0)), r"output_size = \(1, 0\)"),
        (lambda: adaptive_max_pooling(X[..., :0]), r"x has shape \(2, 3, 0\)"),
        (lambda: fractional_max_pooling(X, output_size=5), "5 windows of 2 do not fit 5 places: at most 4 do"),
        (lambda: fractional_max_pooling(X, kernel_size=6), "1 windows of 6 do not fit 5 places: at most 0 do"),
        (lambda: fractional_max_pooling(X, samples=(0.5, 0.5)), r"samples = \(0.5, 0.5\); expected one for each of 1"),
        (lambda: fractional_max_pooling(X, samples=()), r"samples = \(\); expected a number"),
        (lambda: fractional_max_pooling(X, samples=1.0), r"samples = 1.0 at index \(0,\) is no sample"),
        (lambda: fractional_max_pooling(X, samples=np.nan), r"samples = nan at index \(0,\) is no sample"),
        (lambda: fractional_max_pooling(X, kernel_size=(2, 2), output_size=(1, 1, 1)), "kernel_size"),
        (
            lambda: max_pooling(X, padding=10**30),
            "padding = 10{30} asks for 5?0*[0-9]* numbers, more than an array can hold",
        ),
        (lambda: adaptive_average_pooling(X, output_size=10**30), "output_size = 10{30} asks for"),
        (lambda: adaptive_max_pooling(X, output_size=10**30), "output_size = 10{30} asks for"),
        (lambda: lp_pooling(X, p=0.5), "p = 0.5; need 1 ≤ p ≤ ∞"),
        (lambda: lp_pooling(X, p=np.nan), "p = nan is not finite"),
        (lambda: lp_pooling(X, kernel_size=6), "a kernel of 6"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("pooling", [max_pooling, average_pooling, lp_pooling])
def test_a_stride_of_any_size_leaves_the_first_window(pooling):
    y, pullback = pooling(X, stride=10**30)
    np.testing.assert_array_equal(y, pooling(X[..., :2])[0])
    np.testing.assert_array_equal(pullback(np.ones(y.shape))["x"][..., 2:], 0)


@pytest.mark.parametrize("size", [1.5, None, "2", (2, True)])
def test_a_size_is_a_whole_number(size):
    with pytest.raises(TypeError, match="expected whole numbers"):
        max_pooling(X, kernel_size=size)
    with pytest.raises(TypeError, match="expected whole numbers"):
        adaptive_average_pooling(X, output_size=size)
    with pytest.raises(TypeError, match="expected whole numbers"):
        fractional_max_pooling(X, output_size=size)


@pytest.mark.parametrize("samples", ["a", ("0.5u",), {}, "0.5", False, (True,), [[0.5]]])
def test_a_sample_is_a_number(samples):
    with pytest.raises(TypeError, match=r"samples = .*; expected numbers"):
        fractional_max_pooling(X, samples=samples)
