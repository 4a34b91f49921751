"""Interpolation by hand, of polynomials, along axes one by one; what has no weight; and what does not fit."""

import numpy as np
import pytest

from reference.layers import adaptive_average_pooling, interpolation

RNG = np.random.default_rng(31)
SMOOTH = [{"mode": "linear"}, {"mode": "cubic"}, {"mode": "linear", "align_corners": True},
          {"mode": "cubic", "align_corners": True}]  # fmt: skip


def test_by_hand():
    x = np.array([1.0, 5, 2])
    y, pullback = interpolation(x, size=6)
    np.testing.assert_allclose(y, [1, 2, 4, 4.25, 2.75, 2], rtol=1e-15)
    np.testing.assert_allclose(pullback(np.eye(6)[1])["x"], [0.75, 0.25, 0], rtol=1e-15)
    np.testing.assert_allclose(interpolation(x, size=5, align_corners=True)[0], [1, 3, 5, 3.5, 2], rtol=1e-15)
    y, pullback = interpolation(x, size=2, mode="nearest")
    assert (y.tolist(), pullback([10.0, 1.0])["x"].tolist()) == ([1, 5], [10, 1, 0])
    assert interpolation(x, size=2, mode="nearest-exact")[0].tolist() == [1, 2]


@pytest.mark.parametrize("aligned", [False, True])
def test_a_line_is_kept_between_its_ends(aligned):
    n, entries = 9, 23
    y, _ = interpolation(3 - 2.0 * np.arange(n), size=entries, align_corners=aligned)
    p = np.arange(entries)
    t = p * (n - 1) / (entries - 1) if aligned else (p + 0.5) * n / entries - 0.5
    inside = (t >= 0) & (t <= n - 1)
    np.testing.assert_allclose(y[inside], (3 - 2 * t)[inside], rtol=1e-13)


@pytest.mark.parametrize("options", [*SMOOTH, {"mode": "nearest"}, {"mode": "nearest-exact"}])
def test_weights_sum_to_one_axes_do_not_meet_and_the_same_size_changes_nothing(options):
    x = RNG.standard_normal((2, 4, 3))
    y, pullback = interpolation(x, size=(7, 2), **options)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_allclose(pullback(v)["x"].sum((1, 2)), v.sum((1, 2)), rtol=1e-12)
    one, back = interpolation(x, size=2, **options)
    both, first = interpolation(one.swapaxes(1, 2), size=7, **options)
    np.testing.assert_allclose(y, both.swapaxes(1, 2), rtol=1e-13)
    np.testing.assert_allclose(pullback(v)["x"], back(first(v.swapaxes(1, 2))["x"].swapaxes(1, 2))["x"], rtol=1e-12)
    np.testing.assert_array_equal(interpolation(x, size=(4, 3), **options)[0], x)


def test_a_factor_is_the_ratio_where_it_is_given():
    x = RNG.standard_normal(5)
    np.testing.assert_array_equal(interpolation(x, scale_factor=2)[0], interpolation(x, size=10)[0])
    np.testing.assert_array_equal(interpolation(x)[0], interpolation(x, size=10)[0])
    by_factor, by_size = interpolation(x, scale_factor=1.5)[0], interpolation(x, size=7)[0]
    assert by_factor.shape == by_size.shape
    assert np.abs(by_factor - by_size).max() > 1e-3


@pytest.mark.parametrize(("factor", "entries"), [(0.7, 7), (0.3, 3), (0.6, 6), (2.3, 23), (0.79, 7)])
def test_the_size_is_that_of_the_product_in_floating_point(factor, entries):
    y, pullback = interpolation(np.arange(10.0), scale_factor=factor)
    assert y.shape == (entries,)
    np.testing.assert_allclose(pullback(np.ones(entries))["x"].sum(), entries)


def test_halves_are_means_of_pairs():
    x = RNG.standard_normal((3, 8))
    np.testing.assert_allclose(interpolation(x, size=4)[0], adaptive_average_pooling(x, output_size=4)[0], rtol=1e-15)


def test_a_place_without_weight_does_not_enter():
    x = np.array([1.0, np.nan, 2])
    y, _ = interpolation(x, size=2, align_corners=True)
    assert y.tolist() == [1, 2]
    assert np.isnan(interpolation(x, size=4)[0]).any()


X = np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 2, "scale_factor": 2.0}, "expected one of the two"),
        ({"size": 0}, "size = 0; expected a whole number ≥ 1"),
        ({"size": (2, 2, 2, 2)}, r"x has shape \(2, 3, 4\); expected 4 last axes"),
        ({"size": 2, "mode": "bilinear"}, "mode = 'bilinear' is not one of nearest, nearest-exact, linear, cubic"),
        ({"size": 2, "mode": "nearest", "align_corners": True}, "mode = 'nearest' with align_corners"),
        ({"size": 10**30}, "size = 10{30} asks for 6×10{30} numbers, more than an array can hold"),
        ({"scale_factor": 1e300}, r"scale_factor = 1e\+300 asks for"),
        ({"scale_factor": 0.0}, "scale_factor = 0.0; expected finite numbers > 0"),
        ({"scale_factor": np.nan}, "scale_factor = nan"),
        ({"scale_factor": []}, r"scale_factor = \[\]; expected a number, or one for each axis"),
        ({"scale_factor": ()}, "expected a number"),
        ({"scale_factor": 1e300}, r"scale_factor = 1e\+300 asks for 6×\d+ numbers, more than an array can hold"),
        ({"scale_factor": 1.7e308}, "more than an array can hold"),
        ({"size": 2**60}, "size = 1152921504606846976 asks for 6×1152921504606846976 numbers"),
        ({"scale_factor": (0.1, 2.0)}, r"scale_factor = \(0.1, 2.0\) leaves none of \(3, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(options, message):
    with pytest.raises(ValueError, match=message):
        interpolation(X, **options)


@pytest.mark.parametrize(
    "options", [{"size": 1.5}, {"size": "2"}, *({"scale_factor": s} for s in ("a", "2", True, [[2, 2]], [2.0, True]))]
)
def test_sizes_and_factors_are_numbers(options):
    with pytest.raises(TypeError, match="expected"):
        interpolation(X, **options)
