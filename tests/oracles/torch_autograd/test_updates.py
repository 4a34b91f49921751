"""torch.optim behind the oracle's two functions: fed with our gradients, by our names, nothing changed."""

import numpy as np
import pytest

pytest.importorskip("torch")
from oracles.torch_autograd import updates as torch_optim

W, G = [np.array([1.0, -2.0]), np.array([[0.5]])], [np.array([0.25, 0.5]), np.array([[-1.0]])]


def constant(t, w):
    return G


def test_plain_sgd_by_hand():
    path = torch_optim.trajectory("update/sgd", W, constant, 3, eta=0.5)
    assert [len(step) for step in path] == [2, 2, 2]
    np.testing.assert_array_equal(path[2][0], [1 - 0.375, -2 - 0.75])
    np.testing.assert_array_equal(path[2][1], [[2.0]])
    np.testing.assert_array_equal(W[0], [1.0, -2.0])
    np.testing.assert_array_equal(G[0], [0.25, 0.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_gradient_sees_the_parameters_of_this_side(dtype):
    seen = []

    def gradient(t, w):
        seen.append((t, float(w[0][0])))
        return [w[0]]

    path = torch_optim.trajectory("update/sgd", [np.ones(1, dtype)], gradient, 3, eta=0.5)
    assert seen == [(0, 1.0), (1, 0.5), (2, 0.25)]
    assert path[-1][0].dtype == dtype


@pytest.mark.parametrize(
    ("id", "hyperparameters", "says"),
    [
        ("update/lion", {"eta": 0.1, "beta1": 0.9, "beta2": 0.99, "lam": 0.0}, "torch.optim has no Lion"),
        ("update/sgdw", {"eta": 0.1, "mu": 0.9, "lam": 0.0}, "no SGDW"),
        (
            "update/amsgrad",
            {"eta": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "bias_correction": False},
            "always corrects the bias",
        ),
        (
            "update/radam",
            {"eta": 0.1, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "threshold": 4.0},
            "ρ > 5, not 4.0",
        ),
    ],
)
def test_what_torch_does_not_offer(id, hyperparameters, says):
    with pytest.raises(LookupError, match=says):
        torch_optim.trajectory(id, W, constant, 1, **hyperparameters)


def test_native_defaults_and_a_schedule():
    w = [np.zeros(1)]
    (path,) = np.array(torch_optim.native("update/sgd", w, lambda t, _: [np.ones(1)], 2, rates=[1.0, 0.25]))[:, 0].T
    np.testing.assert_array_equal(path, [-1.0, -1.25])
    assert torch_optim.defaults("update/adagrad")["eps"] == 1e-10
    assert torch_optim.defaults("update/lion") == {}
    with pytest.raises(LookupError, match=r"torch\.optim\.SGD has no beta7"):
        torch_optim.native("update/sgd", w, constant, 1, beta7=1.0)
    with pytest.raises(LookupError, match="no lion"):
        torch_optim.native("update/lion", w, constant, 1)


def test_clipping_and_its_backward():
    g, v = [np.array([3.0]), np.array([4.0])], [np.array([1.0]), np.array([2.0])]
    np.testing.assert_allclose(np.ravel(torch_optim.clip("update/clip_by_norm", g, 1.0)), [0.6, 0.8], rtol=1e-6)
    np.testing.assert_array_equal(np.ravel(torch_optim.clip("update/clip_by_value", g, 3.5)), [3.0, 3.5])
    back = torch_optim.clip_pullback("update/clip_by_norm", g, 1.0, v)
    np.testing.assert_allclose(np.ravel(back), [-0.064, 0.048], rtol=1e-12)
    np.testing.assert_array_equal(np.ravel(torch_optim.clip_pullback("update/clip_by_value", g, 3.5, v)), [1.0, 0.0])
    np.testing.assert_array_equal(np.ravel(g), [3.0, 4.0])
