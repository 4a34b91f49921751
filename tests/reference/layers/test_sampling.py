"""Sampling by hand, of planes, of a grid that resizes; beyond the borders; and what does not fit."""

import numpy as np
import pytest

from reference.layers import grid_sample, interpolation

RNG = np.random.default_rng(41)


def grid_of(*sizes, aligned=False):
    """The grid that reads as many places as these, evenly."""
    axes = [np.linspace(-1, 1, n) if aligned else (2 * np.arange(n) + 1) / n - 1 for n in sizes]
    return np.stack(np.meshgrid(*axes, indexing="ij")[::-1], -1)[None]


def test_by_hand():
    x, v = np.array([[[1.0, 5]]]), np.array([[[10.0, 1, 1]]])
    y, pullback = grid_sample(x, np.array([[[-0.25], [0.75], [1.75]]]))  # places 1/4, 5/4, 9/4
    np.testing.assert_array_equal(y, [[[2, 3.75, 0]]])
    g = pullback(v)
    np.testing.assert_array_equal(g["x"], [[[7.5, 3.25]]])
    np.testing.assert_array_equal(g["grid"], [[[40], [-5], [0]]])


@pytest.mark.parametrize(("padding", "y", "slopes"), [
    ("zeros", [0.25, 0.25], [1, -5]), ("border", [1, 5], [0, 0]), ("reflection", [1, 5], [0, 0])])  # fmt: skip
def test_half_way_beyond_a_border(padding, y, slopes):
    got, pullback = grid_sample(np.array([[[1.0, 5]]]), np.array([[[-1.25], [1.45]]]), padding_mode=padding)
    assert got[0, 0, 0] == y[0]
    np.testing.assert_allclose(got[0, 0, 1], 5 * 0.05 if padding == "zeros" else y[1], rtol=1e-14)
    np.testing.assert_array_equal(pullback(np.ones((1, 1, 2)))["grid"].ravel(), slopes)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("sizes", [(7,), (5, 2), (3, 4, 2)])
def test_an_even_grid_resizes(sizes, aligned):
    x = RNG.standard_normal((1, 2, 4, 3, 5)[: 2 + len(sizes)])
    options = {"padding_mode": "border", "align_corners": aligned}
    y, pullback = grid_sample(x, grid_of(*sizes, aligned=aligned), **options)
    same, back = interpolation(x, size=sizes, align_corners=aligned)
    v = RNG.standard_normal(y.shape)
    np.testing.assert_allclose(y, same, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(pullback(v)["x"], back(v)["x"], rtol=1e-12, atol=1e-13)


def test_a_plane_is_read_where_the_grid_says_and_its_slope_is_the_same_everywhere():
    """x = 3i − 2j over 4 by 5 entries: by g of the second axis, which comes first, −2·5/2; of the first 3·4/2."""
    i, j = np.indices((4, 5))
    g = RNG.uniform(-0.7, 0.7, (1, 6, 2))
    y, pullback = grid_sample((3.0 * i - 2 * j)[None, None], g)
    places = 3 * ((g[..., 1] + 1) * 4 - 1) / 2 - 2 * ((g[..., 0] + 1) * 5 - 1) / 2
    np.testing.assert_allclose(y[0], places, rtol=1e-13)
    np.testing.assert_allclose(pullback(np.ones(y.shape))["grid"], np.broadcast_to([-5.0, 6], g.shape), rtol=1e-13)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("mode", ["linear", "nearest"])
def test_reflection_has_the_period_4_and_is_even_about_the_borders(mode, aligned):
    x, g = RNG.standard_normal((1, 2, 5)), RNG.integers(-63, 64, (1, 9, 1)) / 64
    options = {"mode": mode, "padding_mode": "reflection", "align_corners": aligned}
    y, pullback = grid_sample(x, g, **options)
    v = RNG.standard_normal(y.shape)
    for moved, sign in ((g + 4, 1), (g - 400, 1), (2 - g, -1), (-2 - g, -1)):
        same, back = grid_sample(x, moved, **options)
        np.testing.assert_array_equal(same, y)
        np.testing.assert_array_equal(back(v)["grid"] * sign, pullback(v)["grid"])


def test_of_two_as_near_the_even_one_is_read_and_moves_nothing():
    x = np.array([[[0.0, 1, 2, 3]]])
    y, pullback = grid_sample(x, np.array([[[-0.5], [0.0], [0.5], [0.499]]]), mode="nearest")
    np.testing.assert_array_equal(y, [[[0, 2, 2, 2]]])
    assert not pullback(np.ones(y.shape))["grid"].any()


def test_what_is_not_read_does_not_enter_and_a_place_that_is_none_is_nan():
    x = np.array([[[1.0, 2, np.nan], [4, 5, np.inf]]])
    y, pullback = grid_sample(x, np.array([[[-1 / 3], [1e300], [-np.inf]]]))
    assert np.isfinite(y).all()
    g = pullback(np.ones(y.shape))
    assert np.isfinite(g["grid"]).all()
    y, pullback = grid_sample(x[..., :2], np.array([[[np.nan]]]))
    assert np.isnan(y).all()
    assert grid_sample(x[..., :2], np.array([[[np.inf], [-np.inf]]]), padding_mode="border")[0].tolist() == [
        [[2, 1], [5, 4]]
    ]


X, G = np.ones((2, 3, 4, 5)), np.ones((2, 6, 2))


@pytest.mark.parametrize(
    ("x", "grid", "options", "message"),
    [
        (X, G, {"mode": "bicubic"}, "mode = 'bicubic' is not one of linear, nearest"),
        (X, G, {"padding_mode": "wrap"}, "padding_mode = 'wrap' is not one of zeros, border, reflection"),
        (X[0, 0], G, {}, r"x has shape \(4, 5\); expected \(n, c, …\)"),
        (X[..., :0], G, {}, r"x has shape \(2, 3, 4, 0\)"),
        (X, G[..., :1], {}, r"grid has shape \(2, 6, 1\); expected \(2, 6, 2\)"),
        (X, G[:1], {}, r"grid has shape \(1, 6, 2\); expected \(2, 6, 2\)"),
        (X, np.ones(()), {}, r"grid has shape \(\); expected \(2, 2\)"),
    ],
)
def test_what_does_not_fit_is_named(x, grid, options, message):
    with pytest.raises(ValueError, match=message):
        grid_sample(x, grid, **options)


def test_exactly_at_an_entry_the_slope_is_that_towards_the_next():
    y, pullback = grid_sample(np.array([[[0.0, 1, 4]]]), np.array([[[0.0]]]), align_corners=True)
    assert (y.item(), pullback(np.ones((1, 1, 1)))["grid"].item()) == (1, 3)
