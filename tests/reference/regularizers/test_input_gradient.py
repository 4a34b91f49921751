"""Penalties on input gradients: by hand against differences of the forward pass and of the penalty itself."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from reference import vjp
from reference.activations import gelu, identity, leaky_relu, mish, relu, sigmoid, silu, softplus, tanh
from reference.network import feedforward
from reference.regularizers import gradient_penalty
from reference.regularizers import jacobian as jacobian_penalty

over_mixes = pytest.mark.parametrize(
    "layers",
    [
        [tanh],
        [sigmoid, identity],
        [softplus, gelu, sigmoid],
        [leaky_relu, tanh, relu, identity],
        [partial(softplus, beta=3.0), silu],
    ],
    ids=lambda m: "-".join(getattr(g, "func", g).formula.name for g in m),
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
    monkeypatch.setattr(tanh, "formula", replace(tanh.formula, curvature=lambda z, a, slope: np.zeros_like(a)))
    along, difference = along_and_difference(jacobian_penalty, *net([tanh, tanh], 2), [tanh, tanh])
    assert along != pytest.approx(difference, rel=1e-2)


def test_parameters_that_several_batches_share_get_the_sum():
    rng = np.random.default_rng(4)
    x, W, b, v = (rng.standard_normal(shape) for shape in ((3, 5, 2), (4, 2), (4,), (3,)))

    def asked(x, v):
        return vjp("regularizer/jacobian", {"x": x, "W1": W, "b1": b}, v, activations=["activation/tanh"])[1]

    each = [asked(x[k], v[k]) for k in range(3)]
    found = asked(x, v)
    np.testing.assert_allclose(found["x"], np.stack([g["x"] for g in each]), rtol=1e-13)
    for name in ("W1", "b1"):
        np.testing.assert_allclose(found[name], sum(g[name] for g in each), rtol=1e-12)


def test_activations_may_be_named():
    x, W, b = net([tanh, sigmoid], 2)
    named, given = (jacobian_penalty(x, W, b, g) for g in (["activation/tanh", "activation/sigmoid"], [tanh, sigmoid]))
    assert named[0] == given[0]


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


@pytest.mark.parametrize("size", [1e-170, 1e-300, 1e200, 1e300])
def test_no_square_of_an_input_gradient_leaves_the_range(size):
    x, W, b = np.ones((1, 2)), [np.array([[3.0, 4.0]]) * size], [np.zeros(1)]
    R, (dW,), _ = gradient_penalty(x, W, b, [identity])
    if size < 1:
        assert R == 10
        np.testing.assert_allclose(dW, [[-12.0, -16.0]], rtol=1e-14)
    else:
        assert np.inf == R
        np.testing.assert_allclose(dW, 20 * W[0], rtol=1e-14)
    R, (dW,), _ = jacobian_penalty(x, W, b, [identity], lam=1 / size)
    np.testing.assert_allclose(R, 12.5 * size, rtol=1e-13)
    np.testing.assert_allclose(dW, [[3.0, 4.0]], rtol=1e-14)


def test_without_lambda_there_is_no_penalty():
    x, W, b = net([tanh], 1)
    W[0][0, 0] = np.nan
    for penalty in (jacobian_penalty, gradient_penalty):
        R, (dW,), (db,) = penalty(x, W, b, [tanh], lam=0.0)
        assert R == 0
        assert not dW.any()
        assert not db.any()


def mine(z):
    """An activation without a record."""
    return z, np.ones_like(z)


def test_bad_input_is_named():
    x, W, b = net([mish, identity], 2)
    with pytest.raises(ValueError, match="activation/mish has no second derivative here; choose from sigmoid, tanh"):
        jacobian_penalty(x, W, b, [mish, identity])
    with pytest.raises(ValueError, match="mine has no second derivative here"):
        jacobian_penalty(x, W, b, [mine, identity])
    with pytest.raises(KeyError, match="no formula 'tanh'"):
        jacobian_penalty(x, W, b, ["tanh", "identity"])
    with pytest.raises(ValueError, match="2 weights, 2 biases, 1 activations"):
        jacobian_penalty(x, W, b, [tanh])
    with pytest.raises(ValueError, match="the network has 2 outputs; it needs exactly 1"):
        gradient_penalty(x, W, b, [tanh, identity])
    with pytest.raises(ValueError, match="layer 1"):
        jacobian_penalty(np.ones((2, 7)), W, b, [tanh, identity])
