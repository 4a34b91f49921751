"""Convolution in closed form, as a matrix, in groups, in pieces; and what does not fit."""

import sys

import numpy as np
import pytest

from reference.layers import causal_convolution, convolution, transposed_convolution
from reference.layers.convolution import some

RNG = np.random.default_rng(5)


def drawn(*shape):
    return RNG.standard_normal(shape)


def test_by_hand():
    """Windows of [1, 2, 3] under the kernel [10, 1], one place apart."""
    y, pullback = convolution(np.array([[1.0, 2, 3]]), np.array([[[10.0, 1]]]), np.array([0.5]))
    np.testing.assert_array_equal(y, [[12.5, 23.5]])
    g = pullback(np.array([[1.0, -2]]))
    np.testing.assert_array_equal(g["x"], [[10, -19, -2]])
    np.testing.assert_array_equal(g["weight"], [[[-3, -4]]])
    np.testing.assert_array_equal(g["bias"], [-1])


@pytest.mark.parametrize(
    "options", [{}, {"stride": 2, "padding": (1, 0), "dilation": (1, 2)}, {"padding": ((2, 1), 0)}]
)
def test_transposed_convolution_is_the_transpose(options):
    """⟨v, convolution x⟩ = ⟨transposed convolution v, x⟩, and the pullbacks are each other's values."""
    x, w = drawn(2, 3, 5, 6), drawn(4, 3, 2, 3)
    y, pullback = convolution(x, w, **options)
    v = drawn(*y.shape)
    fits = {"output_padding": 1} if "stride" in options else {}
    back, forth = transposed_convolution(v, w, **options, **fits)
    np.testing.assert_allclose(back, pullback(v)["x"], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(forth(x)["x"], y, rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(forth(x)["weight"], pullback(v)["weight"], rtol=1e-13, atol=1e-14)


def test_a_kernel_of_one_tap_is_a_dense_layer():
    x, w = drawn(2, 3, 5), drawn(4, 3, 1)
    y, pullback = convolution(x, w)
    np.testing.assert_allclose(y, np.einsum("jl,nlp->njp", w[..., 0], x), rtol=1e-13)
    v = drawn(*y.shape)
    np.testing.assert_allclose(pullback(v)["weight"][..., 0], np.einsum("njp,nlp->jl", v, x), rtol=1e-13, atol=1e-14)


def test_groups_are_convolutions_of_their_own():
    x, w, b = drawn(2, 4, 6), drawn(6, 2, 3), drawn(6)
    y, pullback = convolution(x, w, b, groups=2)
    parts = [convolution(x[:, 2 * g : 2 * g + 2], w[3 * g : 3 * g + 3], b[3 * g : 3 * g + 3]) for g in (0, 1)]
    np.testing.assert_array_equal(y, np.concatenate([part for part, _ in parts], 1))
    v = drawn(*y.shape)
    gradients = [pull(v[:, 3 * g : 3 * g + 3]) for g, (_, pull) in enumerate(parts)]
    np.testing.assert_array_equal(pullback(v)["x"], np.concatenate([g["x"] for g in gradients], 1))
    np.testing.assert_array_equal(pullback(v)["weight"], np.concatenate([g["weight"] for g in gradients]))


def test_leading_axes_are_examples_and_there_may_be_none():
    x, w = drawn(2, 3, 4, 5), drawn(2, 4, 2)
    y, pullback = convolution(x, w)
    v = drawn(*y.shape)
    each = [[convolution(row, w) for row in rows] for rows in x]
    np.testing.assert_array_equal(y, [[value for value, _ in rows] for rows in each])
    weight = sum(pull(v[i, j])["weight"] for i, rows in enumerate(each) for j, (_, pull) in enumerate(rows))
    np.testing.assert_allclose(pullback(v)["weight"], weight, rtol=1e-13, atol=1e-13)
    for layer, taps, shape in (
        (convolution, w, (0, 3, 2, 4)),
        (transposed_convolution, w.swapaxes(0, 1), (0, 3, 2, 6)),
    ):
        y, pullback = layer(x[:0], taps)
        assert y.shape == shape
        assert (pullback(np.zeros(shape))["weight"] == 0).all()


@pytest.mark.parametrize("split", [1, 2, 4])
def test_a_sequence_in_pieces_is_the_sequence(split):
    """The final state of one piece begins the next, and its slope ends the one before."""
    x, w, b, start = drawn(2, 3, 6), drawn(3, 4), drawn(3), drawn(2, 3, 3)
    (y, end), pullback = causal_convolution(x, w, b, start)
    (y1, state), pull1 = causal_convolution(x[..., :split], w, b, start)
    (y2, end2), pull2 = causal_convolution(x[..., split:], w, b, state)
    np.testing.assert_allclose(np.concatenate([y1, y2], -1), y, rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(end2, end)
    v, v_end = drawn(*y.shape), drawn(*end.shape)
    g, g2 = pullback(v, v_end), pull2(v[..., split:], v_end)
    g1 = pull1(v[..., :split], g2["initial_state"])
    np.testing.assert_allclose(np.concatenate([g1["x"], g2["x"]], -1), g["x"], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(g1["initial_state"], g["initial_state"], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(g1["weight"] + g2["weight"], g["weight"], rtol=1e-12, atol=1e-13)


def test_no_state_is_a_state_of_zeros():
    x, w = drawn(2, 3, 5), drawn(3, 3)
    (y, end), pullback = causal_convolution(x, w)
    (y0, end0), pullback0 = causal_convolution(x, w, None, np.zeros((2, 3, 2)))
    np.testing.assert_array_equal(y, y0)
    np.testing.assert_array_equal(end, end0)
    v, v_end = drawn(*y.shape), drawn(*end.shape)
    for name in ("x", "weight"):
        np.testing.assert_allclose(pullback(v, v_end)[name], pullback0(v, v_end)[name], rtol=1e-13, atol=1e-14)


def test_taps_at_once_one_by_one_and_examples_by_blocks_are_the_same(monkeypatch):
    x, weight, v = drawn(3, 4, 5, 6), drawn(4, 2, 3, 2), drawn(3, 4, 3, 2)
    options = {"stride": (2, 3), "padding": ((1, 2), (0, 1)), "dilation": (1, 2), "groups": 2}

    def answer(weight, v):
        y, pullback = convolution(x, weight, **options)
        return [y, *pullback(v).values()]

    once = answer(weight, v)
    monkeypatch.setattr(sys.modules[some.__module__], "BLOCK", 1)
    for found, expected in zip(answer(weight, v), once, strict=True):
        np.testing.assert_allclose(found, expected, rtol=2**-45, atol=2**-48)
    spoilt, lost = weight.copy(), v.copy()
    spoilt[0, 0, 0, 0], lost[0, 0, 0, 0] = np.inf, np.nan  # then taps go one by one
    y, _, by_weight = answer(spoilt, lost)
    np.testing.assert_allclose(y[:, 1:], once[0][:, 1:], rtol=2**-45, atol=2**-48)
    np.testing.assert_allclose(by_weight[1:], once[2][1:], rtol=2**-45, atol=2**-48)


def test_where_no_cotangent_asks_an_infinite_entry_does_not_enter_and_groups_may_be_of_any_width():
    x, weight, v = drawn(2, 6, 5), drawn(6, 3, 2), np.zeros((2, 6, 4))
    x[:, :, 4], v[:, :, :3] = np.inf, drawn(2, 6, 3)
    _, pullback = convolution(x, weight, groups=2)
    whole = pullback(v)["weight"]
    _, pullback = convolution(np.where(np.isinf(x), 7.0, x), weight, groups=2)
    np.testing.assert_allclose(whole, pullback(v)["weight"], rtol=2**-45, atol=2**-48)


def test_padding_does_not_enter():
    """An infinite weight meets padding alone: in the window that has nothing under it, 0·∞ is not taken."""
    y, pullback = convolution(np.array([[1.0, 2]]), np.array([[[np.inf, 1.0]]]), padding=((1, 0),))
    np.testing.assert_array_equal(y, [[1, np.inf]])
    assert np.isfinite(pullback(np.array([[1.0, 0]]))["weight"]).all()
    assert causal_convolution(np.array([[1.0]]), np.array([[np.nan, 3.0]]))[0][0] == 3


X, W = np.zeros((2, 3, 5)), np.zeros((4, 3, 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolution(X[:, :2], W), r"x has shape \(2, 2, 5\); expected \(\.\.\., 3\)"),
        (lambda: convolution(X[..., :0], W), "a kernel of 2 with dilation 1 does not fit 0 places"),
        (lambda: convolution(X[0, 0], W), r"x has shape \(5,\)"),
        (lambda: convolution(X, W[0]), r"weight has shape \(3, 2\)"),
        (lambda: convolution(X, W[:, :, :0]), r"weight has shape \(4, 3, 0\)"),
        (lambda: convolution(X, W, np.zeros(3)), r"bias has shape \(3,\); expected \(4,\)"),
        (lambda: convolution(X, W, groups=3), "groups = 3; need a divisor of 4"),
        (lambda: convolution(X, W, groups=0), "groups = 0; need groups ≥ 1"),
        (lambda: convolution(X, W, stride=0), r"stride = 0; expected a whole number ≥ 1"),
        (lambda: convolution(X, W, stride=(1, 2)), r"stride = \(1, 2\); expected .* 1 axes"),
        (lambda: convolution(X, W, padding=-1), "padding = -1"),
        (lambda: convolution(X, W, padding=((1, 2, 3),)), r"padding = \(\(1, 2, 3\),\); .* a pair"),
        (lambda: convolution(X, W, dilation=5), "a kernel of 2 with dilation 5 does not fit 5 places"),
        (lambda: transposed_convolution(X, W), r"expected \(\.\.\., 4\)"),
        (lambda: transposed_convolution(X, W.swapaxes(0, 1), padding=4), "places are left of padding = 4"),
        (lambda: transposed_convolution(X, W.swapaxes(0, 1), output_padding=1), "output_padding = 1"),
        (lambda: causal_convolution(X, W), r"weight has shape \(4, 3, 2\)"),
        (lambda: causal_convolution(X, W[0], None, X), r"initial_state has shape \(2, 3, 5\); expected \(2, 3, 1\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("stride", [1.5, True, "2", None])
def test_a_stride_is_a_whole_number(stride):
    with pytest.raises(TypeError, match=r"stride = .*; expected whole numbers"):
        convolution(X, W, stride=stride)
