"""Normalisations: what is known of them without any oracle, the extremes, and bad input."""

import numpy as np
import pytest

from reference import find, vjp
from reference.layers import (
    add_rms_norm,
    batch_norm,
    batch_norm_inference,
    group_norm,
    layer_norm,
    rms_norm,
    weight_norm,
)

rng = np.random.default_rng(5)
X = rng.standard_normal((2, 6, 3))
V = rng.uniform(0.5, 2, X.shape) * rng.choice([-1, 1], X.shape)


def test_rows_have_mean_0_and_deviation_1_and_constants_and_scales_change_nothing():
    y, pullback = layer_norm(X, eps=0.0)
    np.testing.assert_allclose(y.mean(-1), 0, atol=1e-15)
    np.testing.assert_allclose((y * y).mean(-1), 1)
    dx = pullback(V)["x"]
    np.testing.assert_allclose(dx.sum(-1), 0, atol=1e-14)
    np.testing.assert_allclose((dx * X).sum(-1), 0, atol=1e-14)
    np.testing.assert_allclose(layer_norm(1e300 * X, eps=0.0)[0], y)
    np.testing.assert_allclose(1e-300 * layer_norm(1e-300 * X, eps=0.0)[1](V)["x"], dx)


@pytest.mark.parametrize("norm", [layer_norm, rms_norm])
def test_a_huge_neighbour_costs_no_digits(norm):
    """Next to one entry of 1e9, ∂C/∂x there is what two orders of expansion say."""
    small = norm(np.array([[1e9, 1.0, -2.0]]), eps=0.0)[1](np.array([[1.0, 0.0, 0.0]]))["x"][0]
    if norm is rms_norm:  # ∂(x₁/ρ)/∂x₁ = (x₂² + x₃²)/(3ρ³), and ρ = x₁/√3 but for 10⁻¹⁸ of itself
        np.testing.assert_allclose(small[0], 5 / (3 * (1e9 / np.sqrt(3)) ** 3), rtol=1e-15)
    else:  # x̂₁ = √2(1 − 3(x₂ − x₃)²/(8·L²)) with L = x₁ − (x₂ + x₃)/2
        L = 1e9 + 0.5
        np.testing.assert_allclose(small[0], np.sqrt(2) * 3 * 9 / 4 / L**3, rtol=1e-14)


def test_even_rows_have_the_same_slopes_beside_one_that_an_entry_outweighs():
    rng = np.random.default_rng(3)
    x, v = rng.standard_normal((3, 64)), rng.standard_normal((4, 64))
    uneven = np.vstack([x, rng.standard_normal((1, 64)) + 1e6 * (np.arange(64) == 5)])
    alone, beside = layer_norm(x)[1](v[:3])["x"], layer_norm(uneven)[1](v)["x"]
    np.testing.assert_allclose(beside[:3], alone, rtol=2**-44, atol=2**-50)


def test_a_huge_mean_of_a_long_row_costs_no_digits():
    rng = np.random.default_rng(4)
    x, v = np.round(1024 * rng.standard_normal((2, 1000))) / 1024, rng.standard_normal((2, 1000))
    (y, pullback), (far, by_far) = layer_norm(x), layer_norm(x + 2.0**40)
    np.testing.assert_allclose(far, y, rtol=2**-40, atol=2**-50)
    np.testing.assert_allclose(by_far(v)["x"], pullback(v)["x"], rtol=2**-40, atol=2**-48)


def test_a_constant_row_and_a_row_of_one_have_the_slopes_of_their_limits():
    y, pullback = layer_norm(np.full((1, 3), 7.0), eps=0.25)
    assert not y.any()
    np.testing.assert_allclose(pullback([[1.0, 2.0, 6.0]])["x"], [[-4.0, -2.0, 6.0]])
    assert layer_norm([[5.0]])[1]([[3.0]])["x"] == 0
    np.testing.assert_allclose(rms_norm(np.zeros((1, 2)), eps=0.25)[1]([[1.0, -3.0]])["x"], [[2.0, -6.0]])
    np.testing.assert_allclose(rms_norm([[3.0]], eps=0.75)[1]([[1.0]])["x"], 0.75 / 9.75**1.5)


@pytest.mark.parametrize("size", [0.0, 5e-324, 7.0, 1e308])
def test_a_constant_row_of_any_size_has_the_slopes_of_eps(size):
    y, pullback = layer_norm(np.full((1, 3), size))
    assert not y.any()
    np.testing.assert_allclose(pullback([[1.0, 2.0, 6.0]])["x"], np.array([[-2.0, -1.0, 3.0]]) / np.sqrt(1e-5))


@pytest.mark.parametrize("norm", [layer_norm, rms_norm])
@pytest.mark.parametrize("size", [2.0**-1000, 2.0**1000])
def test_weights_of_any_size_come_out_of_value_and_gradient(norm, size):
    w = np.array([1.0, -3.0, 0.5])
    (y, pullback), (far, by_far) = norm(X / 8, w), norm(X / 8, size * w)
    np.testing.assert_allclose(far / size, y, rtol=1e-15)
    np.testing.assert_allclose(by_far(V)["x"] / size, pullback(V)["x"], rtol=1e-14)


def test_a_sum_that_overflows_is_normalised_all_the_same():
    x, r, v = np.array([[1e308, -4e307]]), np.array([[1.2e308, -7e307]]), np.array([[1.0, 2.0]])
    ((y, h), pullback), (half, back) = add_rms_norm(x, r), rms_norm(x / 2 + r / 2)
    np.testing.assert_array_equal(h, [[np.inf, -1.1e308]])
    np.testing.assert_array_equal(y, half)
    np.testing.assert_array_equal(pullback(v)["x"], back(v)["x"] / 2)


def test_an_offset_of_1_makes_weights_count_from_1():
    w = rng.standard_normal(3)
    np.testing.assert_array_equal(rms_norm(X, w, offset=1.0)[0], rms_norm(X, w + 1)[0])
    np.testing.assert_array_equal(rms_norm(X, np.zeros(3), offset=1.0)[0], rms_norm(X)[0])


def test_the_residual_stream_goes_two_ways():
    w, r = rng.standard_normal(3), rng.standard_normal(X.shape)
    (y, h), pullback = add_rms_norm(X, r, w)
    np.testing.assert_array_equal(y, rms_norm(X + r, w)[0])
    np.testing.assert_array_equal(h, X + r)
    g = pullback(V, 3 * V)
    np.testing.assert_array_equal(g["x"], g["residual"])
    np.testing.assert_allclose(g["x"], rms_norm(X + r, w)[1](V)["x"] + 3 * V)


def test_groups_of_all_channels_of_one_and_between():
    whole = layer_norm(X.reshape(2, -1))[0].reshape(X.shape)
    np.testing.assert_array_equal(group_norm(X)[0], whole)
    np.testing.assert_array_equal(group_norm(X, groups=0)[0], layer_norm(X)[0])
    np.testing.assert_array_equal(group_norm(X, groups=6)[0], group_norm(X, groups=0)[0])
    assert find("layer/instance_norm").id == "layer/group_norm"
    np.testing.assert_array_equal(vjp("layer/instance_norm", {"x": X})[0]["value"], layer_norm(X)[0])


def test_a_batch_is_standardised_by_channel_and_its_statistics_can_be_differentiated():
    (y, mean, variance), pullback = batch_norm(X)
    np.testing.assert_allclose(mean, X.mean((0, 2)))
    np.testing.assert_allclose(variance, X.var((0, 2), ddof=1))
    np.testing.assert_allclose(y, (X - mean[:, None]) / np.sqrt(X.var((0, 2))[:, None] + 1e-5), atol=1e-14)
    np.testing.assert_allclose(pullback(None, np.ones(6))["x"], 1 / 6)
    d = X - mean[:, None]
    np.testing.assert_allclose(pullback(None, None, np.ones(6))["x"], 2 * d / 5, atol=1e-15)


def test_stored_statistics_make_an_affine_map():
    mean, variance = rng.standard_normal(6), rng.uniform(0.5, 2, 6)
    y, pullback = batch_norm_inference(X, mean, variance, eps=0.5)
    np.testing.assert_allclose(y, (X - mean[:, None]) / np.sqrt(variance + 0.5)[:, None])
    g = pullback(V)
    np.testing.assert_allclose(g["mean"], -g["x"].sum((0, 2)))


def test_lengths_of_weights_are_what_is_asked():
    g = np.array([2.0, -3.0])
    w, pullback = weight_norm(X, g)
    np.testing.assert_allclose(np.sqrt((w * w).sum((1, 2))), [2.0, 3.0])
    np.testing.assert_allclose((pullback(V)["w"] * X).sum((1, 2)), 0, atol=1e-14)
    np.testing.assert_allclose(pullback(V)["g"], (V * w).sum((1, 2)) / g)
    np.testing.assert_allclose(weight_norm(1e-200 * X, g)[0], w)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_norm(1.0), r"x has shape \(\); expected 1 or more axes"),
        (lambda: layer_norm(np.ones((2, 0))), r"x has shape \(2, 0\)"),
        (lambda: layer_norm(X, axes=4), r"x has shape \(2, 6, 3\); expected 4 or more axes"),
        (lambda: layer_norm(X, axes=0), "axes = 0; need axes ≥ 1"),
        (lambda: layer_norm(X, np.ones(2)), r"weight has shape \(2,\); expected \(3,\)"),
        (lambda: layer_norm(X, bias=np.ones((6, 3))), r"bias has shape \(6, 3\); expected \(3,\)"),
        (lambda: rms_norm(X, eps=-1e-6), r"eps = -1e-06; need eps ≥ 0"),
        (lambda: add_rms_norm(X, X[0]), r"residual has shape \(6, 3\), x has shape \(2, 6, 3\)"),
        (lambda: group_norm(X, groups=4), "groups = 4; need a divisor of the 6 channels"),
        (lambda: group_norm(X, groups=-1), "groups = -1; need groups ≥ 0"),
        (lambda: group_norm(X[0, 0]), r"x has shape \(3,\); expected \(n, c, …\)"),
        (lambda: batch_norm(X, np.ones(3)), r"weight has shape \(3,\); expected \(6,\): one for each channel"),
        (lambda: batch_norm(X[:1, :, :1]), "one entry a channel has no variance"),
        (lambda: weight_norm(X, np.ones(3)), r"w has shape \(2, 6, 3\) and g has shape \(3,\)"),
    ],
)
def test_what_cannot_be_normalised_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
