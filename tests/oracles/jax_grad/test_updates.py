"""Optax behind the oracle's two functions: fed with our gradients, by our names, at the precision of the arrays."""

import math

import numpy as np
import pytest

pytest.importorskip("optax")
import jax

from oracles.jax_grad import updates as optax_optim

W, G = [np.array([1.0, -2.0]), np.array([[0.5]])], [np.array([0.25, 0.5]), np.array([[-1.0]])]
ADAM = {"eta": 0.1, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def constant(t, w):
    return G


def test_plain_sgd_by_hand():
    path = optax_optim.trajectory("update/sgd", W, constant, 3, eta=0.5)
    np.testing.assert_array_equal(path[2][0], [1 - 0.375, -2 - 0.75])
    np.testing.assert_array_equal(path[2][1], [[2.0]])
    np.testing.assert_array_equal(W[0], [1.0, -2.0])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_sees_the_parameters_of_this_side(dtype):
    seen = []

    def gradient(t, w):
        seen.append((t, float(w[0][0])))
        return [w[0]]

    path = optax_optim.trajectory("update/sgd", [np.ones(1, dtype)], gradient, 3, eta=0.5)
    assert seen == [(0, 1.0), (1, 0.5), (2, 0.25)]
    assert path[-1][0].dtype == dtype


def test_the_precision_switch_is_put_back():
    before = jax.config.jax_enable_x64
    for dtype in (np.float32, np.float64):
        optax_optim.trajectory("update/sgd", [np.ones(1, dtype)], lambda t, w: [w[0]], 1, eta=0.5)
        assert jax.config.jax_enable_x64 == before


@pytest.mark.parametrize(
    ("id", "hyperparameters", "says"),
    [
        ("update/momentum", {"eta": 0.1, "mu": 0.9, "dampening": 0.5}, "no dampening"),
        ("update/nadam", {**ADAM, "momentum_decay": 0.004}, "no momentum schedule"),
    ],
)
def test_what_optax_does_not_offer(id, hyperparameters, says):
    with pytest.raises(LookupError, match=says):
        optax_optim.trajectory(id, W, constant, 1, **hyperparameters)


def test_what_it_does_offer_runs():
    assert np.isfinite(
        optax_optim.trajectory("update/nadam", W, constant, 2, **ADAM, momentum_decay=math.inf)[1][0]
    ).all()


def test_native_defaults_and_a_schedule():
    w = [np.zeros(1)]
    (path,) = np.array(optax_optim.native("update/sgd", w, lambda t, _: [np.ones(1)], 2, rates=[1.0, 0.25]))[:, 0].T
    np.testing.assert_array_equal(path, [-1.0, -1.25])
    assert optax_optim.defaults("update/adam")["b2"] == 0.999
    assert optax_optim.defaults("update/sgdw") == {}
    with pytest.raises(LookupError, match=r"optax\.sgd has no beta7"):
        optax_optim.native("update/sgd", w, constant, 1, beta7=1.0)
    with pytest.raises(LookupError, match="no sgdw"):
        optax_optim.native("update/sgdw", w, constant, 1)


def test_clipping_and_its_backward():
    g, v = [np.array([3.0]), np.array([4.0])], [np.array([1.0]), np.array([2.0])]
    np.testing.assert_allclose(np.ravel(optax_optim.clip("update/clip_by_norm", g, 1.0)), [0.6, 0.8], rtol=1e-15)
    np.testing.assert_array_equal(np.ravel(optax_optim.clip("update/clip_by_value", g, 3.5)), [3.0, 3.5])
    back = optax_optim.clip_pullback("update/clip_by_norm", g, 1.0, v)
    np.testing.assert_allclose(np.ravel(back), [-0.064, 0.048], rtol=1e-12)
    np.testing.assert_array_equal(np.ravel(optax_optim.clip_pullback("update/clip_by_value", g, 3.5, v)), [1.0, 0.0])
