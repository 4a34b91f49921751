"""Gated layers: a product of two linear maps, their special cases, and what is refused."""

import numpy as np
import pytest

from reference.layers import gated_mlp, linear
from reference.layers.mlp import GATES

RNG = np.random.default_rng(17)


def real(*shape):
    return RNG.standard_normal(shape)


X, GATE, UP, DOWN, V = real(2, 5, 3), real(4, 3), real(4, 3), real(6, 4), real(2, 5, 6)


@pytest.mark.parametrize("name", GATES)
def test_it_is_the_product_of_a_linear_map_and_an_open_one(name):
    y, pullback = gated_mlp(X, GATE, UP, DOWN, activation=name)
    (g, back_g), (u, back_u) = linear(X, GATE), linear(X, UP)
    a, slope = GATES[name](g)
    np.testing.assert_allclose(y, (a * u) @ DOWN.T)
    found, w = pullback(V), V @ DOWN
    one, other = back_g(w * u * slope), back_u(w * a)
    np.testing.assert_allclose(found["x"], one["x"] + other["x"])
    np.testing.assert_allclose(found["gate"], one["weight"])
    np.testing.assert_allclose(found["up"], other["weight"])
    np.testing.assert_allclose(found["down"], linear(a * u, DOWN)[1](V)["weight"])


def test_without_an_activation_gate_and_up_are_alike():
    one, other = (gated_mlp(X, *w, DOWN, activation="identity") for w in ((GATE, UP), (UP, GATE)))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_allclose(one[1](V)["gate"], other[1](V)["up"])


def test_a_gate_that_is_shut_lets_nothing_through_and_learns_nothing():
    x = np.abs(real(5, 3))
    y, pullback = gated_mlp(x, -np.abs(GATE), UP, DOWN, activation="relu")
    assert not y.any()
    assert not any(g.any() for g in pullback(real(5, 6)).values())


def test_at_the_kink_the_slope_is_0():
    found = gated_mlp(np.zeros((1, 3)), GATE, UP, DOWN, activation="relu")[1](real(1, 6))
    assert not found["gate"].any()


def test_a_row_whose_cotangent_is_0_may_hold_nan():
    x, v = X[0].copy(), V[0].copy()
    v[2] = 0
    clean = gated_mlp(x, GATE, UP, DOWN)[1](v)
    x[2] = np.nan
    for name, g in gated_mlp(x, GATE, UP, DOWN)[1](v).items():
        np.testing.assert_array_equal(g, clean[name])


@pytest.mark.parametrize(
    ("arrays", "options", "said"),
    [
        ((X, GATE, UP, DOWN), {"activation": [1.0]}, "is not one of silu, gelu"),
        ((X, GATE, UP, DOWN), {"activation": "swish"}, "activation = 'swish' is not one of silu, gelu"),
        ((X, GATE[:, :2], UP, DOWN), {}, r"x has shape \(2, 5, 3\); expected \(..., 2\)"),
        ((X, GATE, UP[:3], DOWN), {}, r"up has shape \(3, 3\); expected \(4, 3\), as gate"),
        ((X, GATE, UP, DOWN.T), {}, r"down has shape \(4, 6\); expected \(m, 4\)"),
    ],
)
def test_what_does_not_fit_is_named(arrays, options, said):
    with pytest.raises(ValueError, match=said):
        gated_mlp(*arrays, **options)
