"""Penalties on input gradients: by hand against differences of the forward pass and of the penalty itself."""

import itertools

import numpy as np
import pytest

from reference.activations import gelu, identity, leaky_relu, relu, sigmoid, softplus, tanh
from reference.formula import CATALOGUE
from reference.network import feedforward
from reference.regularizers.input_gradient import CURVATURE, gradient_penalty, jacobian_penalty

over_mixes = pytest.mark.parametrize(
    "layers",
    [[tanh], [sigmoid, identity], [softplus, tanh, sigmoid], [leaky_relu, tanh, relu, identity]],
    ids=lambda m: "-".join(g.formula.name for g in m),
)


def net(layers, outputs, lead=(), dtype=np.float64):
    rng = np.random.default_rng(0)
    sizes = [3, *(4 + k for k in range(len(layers) - 1)), outputs]
    W = [rng.standard_normal((*lead, b, a)).astype(dtype) for a, b in itertools.pairwise(sizes)]
    b = [rng.standard_normal((*lead, k)).astype(dtype) for k in sizes[1:]]
    return rng.standard_normal((*lead, 5, 3)).astype(dtype), W, b


def jacobian(x, W, b, layers, h=1e-6):
    """∂a/∂x by central differences of the forward pass: (n, d_out, d_in)."""
    columns = []
    for d in h * np.eye(x.shape[-1]):
        up, down = (feedforward(x + s * d, W, b, layers).a[-1] for s in (1, -1))
        columns.append((up - down) / (2 * h))
    return np.stack(columns, -1)


def along_and_difference(penalty, x, W, b, layers, h=1e-5):
    """The gradient in one random direction, and the central difference of the penalty there."""
    _, dW, db = penalty(x, W, b, layers)
    rng = np.random.default_rng(7)
    dirs = [rng.standard_normal(p.shape) for p in (*W, *b)]
    moved = [[p + s * h * d for p, d in zip((*W, *b), dirs, strict=True)] for s in (1, -1)]
    up, down = (penalty(x, m[: len(W)], m[len(W) :], layers)[0] for m in moved)
    return sum((g * d).sum() for g, d in zip((*dW, *db), dirs, strict=True)), (up - down) / (2 * h)


@over_mixes
def test_the_value_is_that_of_the_jacobian(layers):
    x, W, b = net(layers, 2)
    R, _, _ = jacobian_penalty(x, W, b, layers, lam=0.3)
    assert pytest.approx(0.3 / (2 * 5) * (jacobian(x, W, b, layers) ** 2).sum(), rel=1e-7) == R
    x, W, b = net(layers, 1)
    norms = np.linalg.norm(jacobian(x, W, b, layers)[:, 0], axis=-1)
    R, _, _ = gradient_penalty(x, W, b, layers, lam=2.0, target=0.5)
    assert pytest.approx(2 / 5 * ((norms - 0.5) ** 2).sum(), rel=1e-7) == R


@over_mixes
@pytest.mark.parametrize(("penalty", "outputs"), [(jacobian_penalty, 2), (gradient_penalty, 1)])
def test_the_gradient_is_that_of_the_value(layers, penalty, outputs):
    along, difference = along_and_difference(penalty, *net(layers, outputs), layers)
    assert along == pytest.approx(difference, rel=1e-6)


def test_forgetting_the_curvature_would_be_found(monkeypatch):
    monkeypatch.setitem(CURVATURE, "activation/tanh", lambda a, slope: np.zeros_like(a))
    along, difference = along_and_difference(jacobian_penalty, *net([tanh, tanh], 2), [tanh, tanh])
    assert along != pytest.approx(difference, rel=1e-2)


@pytest.mark.parametrize("id", CURVATURE)
def test_curvatures_are_the_slopes_of_slopes(id):
    g, z, h = CATALOGUE[id].function, np.linspace(-3, 3, 25) + 0.01, 1e-5
    a, slope = g(z)
    numeric = (g(z + h)[1] - g(z - h)[1]) / (2 * h)
    np.testing.assert_allclose(CURVATURE[id](a, slope), numeric, atol=1e-9)


def test_a_linear_network_by_hand():
    W = [np.array([[1.0, 2.0], [3.0, 4.0]])]
    R, (dW,), (db,) = jacobian_penalty(np.ones((3, 2)), W, [np.zeros(2)], [identity], lam=1.0)
    assert R == 15
    np.testing.assert_array_equal(dW, W[0])
    np.testing.assert_array_equal(db, 0)


def test_a_vanishing_gradient_has_the_least_subgradient():
    R, (dW,), _ = gradient_penalty(np.ones((2, 3)), [np.zeros((1, 3))], [np.zeros(1)], [identity], lam=2.0)
    assert R == 2.0
    np.testing.assert_array_equal(dW, 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("penalty", [jacobian_penalty, gradient_penalty])
def test_leading_axes_are_independent_networks(dtype, penalty):
    layers = [tanh, sigmoid]
    x, W, b = net(layers, 1, lead=(4,), dtype=dtype)
    R, dW, db = penalty(x, W, b, layers)
    assert R.shape == (4,)
    assert {g.dtype for g in (R, *dW, *db)} == {np.dtype(dtype)}
    for k in range(4):
        alone = penalty(x[k], [w[k] for w in W], [c[k] for c in b], layers)
        np.testing.assert_allclose(R[k], alone[0], rtol=1e-5)
        for g, h in zip((*dW, *db), (*alone[1], *alone[2]), strict=True):
            np.testing.assert_allclose(g[k], h, rtol=1e-4, atol=1e-5)


def test_bad_input_is_named():
    x, W, b = net([gelu, identity], 2)
    with pytest.raises(ValueError, match="activation/gelu has no second derivative here"):
        jacobian_penalty(x, W, b, [gelu, identity])
    with pytest.raises(ValueError, match="the network has 2 outputs; it needs exactly 1"):
        gradient_penalty(x, W, b, [tanh, identity])
    with pytest.raises(ValueError, match="layer 1"):
        jacobian_penalty(np.ones((2, 7)), W, b, [tanh, identity])
