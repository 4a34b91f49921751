"""Other ways to write the same network give the same gradient: the bias as a weight, and row vectors times w."""

import itertools

import numpy as np
import pytest

from reference.activations import identity, sigmoid, softmax, tanh
from reference.costs import cross_entropy, cross_entropy_probabilities, quadratic, squared_error
from reference.network import backprop


def network(sizes, n=4, seed=0):
    rng = np.random.default_rng(seed)
    W = [rng.standard_normal((o, i)) for i, o in itertools.pairwise(sizes)]
    b = [rng.standard_normal(o) for o in sizes[1:]]
    return rng.standard_normal((n, sizes[0])), rng.dirichlet(np.ones(sizes[-1]), n), W, b


def augmented(x, W, b):
    """Bias as the weight of a constant input: x̃ = [1, x] and W̃ = [b, W]."""
    return np.insert(x, 0, 1.0, axis=1), [np.column_stack([c, w]) for w, c in zip(W, b, strict=True)]


def backprop_augmented(x, y, W, b, layers, cost):
    """Backpropagation in the augmented form, column vectors and one example at a time: ∂C/∂W̃ of every layer.

    The constant 1 is put in front of the inputs of every layer.
    """
    x1, A = augmented(x, W, b)
    gradients = [np.zeros_like(w) for w in A]
    for i in range(len(x)):
        inputs, slopes = [x1[i]], []
        for layer, (w, g) in enumerate(zip(A, layers, strict=True)):
            a, slope = g(w @ inputs[-1])
            slopes.append(slope)
            inputs.append(np.concatenate([[1.0], a]) if layer < len(A) - 1 else a)
        v = next(iter(cost(inputs[-1][None], y[i : i + 1])[1].values()))[0]
        for layer in reversed(range(len(A))):
            delta = slopes[layer](v) if callable(slopes[layer]) else v * slopes[layer]
            gradients[layer] += np.outer(delta, inputs[layer]) / len(x)
            v = (A[layer].T @ delta)[1:]  # the constant input passes nothing on
    return gradients


CASES = [
    ((3, 2), [softmax], cross_entropy),
    ((2, 3, 2), [sigmoid, sigmoid], quadratic),
    ((4, 5, 4, 3), [tanh, tanh, identity], cross_entropy_probabilities),
]
cases = pytest.mark.parametrize(("sizes", "layers", "cost"), CASES)


@cases
def test_the_bias_is_the_weight_of_a_constant_input(sizes, layers, cost):
    """∂C/∂W̃ has ∂C/∂b in its first column and ∂C/∂W in the others."""
    x, y, W, b = network(sizes)
    g = backprop(x, y, W, b, layers, cost)
    for dA, dW, db in zip(backprop_augmented(x, y, W, b, layers, cost), g.dW, g.db, strict=True):
        np.testing.assert_allclose(dA[:, 0], db, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(dA[:, 1:], dW, rtol=1e-12, atol=1e-15)


def test_ours_takes_the_augmented_input_as_it_is():
    """One layer without bias on x̃ = [1, x] is the layer with bias on x."""
    x, y, W, b = network((3, 2))
    x1, A = augmented(x, W, b)
    g, h = backprop(x, y, W, b, [tanh], squared_error), backprop(x1, y, A, [np.zeros(2)], [tanh], squared_error)
    np.testing.assert_allclose(h.cost, g.cost, rtol=1e-14)
    np.testing.assert_allclose(h.dW[0], np.column_stack([g.db[0], g.dW[0]]), rtol=1e-12)


def backprop_rows(x, y, w, b, layers, cost):
    """Row vectors: a = g(x w + b) with w of shape (d_in, d_out), so that ∂C/∂w = aᵀδ and δ goes back by wᵀ."""
    inputs, slopes = [x], []
    for u, c, g in zip(w, b, layers, strict=True):
        a, slope = g(inputs[-1] @ u + c)
        inputs.append(a)
        slopes.append(slope)
    v = next(iter(cost(inputs[-1], y)[1].values()))
    dw, db = [], []
    for a, slope, u in zip(inputs[-2::-1], slopes[::-1], w[::-1], strict=True):
        delta = slope(v) if callable(slope) else v * slope
        dw.insert(0, a.T @ delta)
        db.insert(0, delta.sum(0))
        v = delta @ u.T
    return dw, db


@cases
def test_row_vectors_times_w_are_the_transposed_weights(sizes, layers, cost):
    x, y, W, b = network(sizes)
    g = backprop(x, y, W, b, layers, cost)
    dw, db = backprop_rows(x, y, [w.T for w in W], b, layers, cost)
    for p, q in zip(dw, g.dW, strict=True):
        np.testing.assert_allclose(p, q.T, rtol=1e-12, atol=1e-15)
    for p, q in zip(db, g.db, strict=True):
        np.testing.assert_allclose(p, q, rtol=1e-12, atol=1e-15)


def test_a_single_row_is_an_outer_product():
    """Two inputs, three hidden units, two outputs: ∂L/∂w_11 = x_1 Σ_k (o_k − t_k) o_k(1 − o_k) u_1k · h_1(1 − h_1)."""
    x, t, W, b = network((2, 3, 2), n=1)
    g = backprop(x, t, W, b, [sigmoid, sigmoid], quadratic)
    u = W[1].T
    h, o = g.a[1][0], g.a[2][0]
    by_hand = x[0, 0] * sum((o[k] - t[0, k]) * o[k] * (1 - o[k]) * u[0, k] for k in range(2)) * h[0] * (1 - h[0])
    assert g.dW[0][0, 0] == pytest.approx(by_hand, rel=1e-13)


@cases
def test_columns_are_the_transposed_batch(sizes, layers, cost):
    """Z = W X + b with examples as columns: the same δ, transposed."""
    x, y, W, b = network(sizes)
    g = backprop(x, y, W, b, layers, cost)
    X = x.T
    for layer, (w, c, f) in enumerate(zip(W, b, layers, strict=True)):
        Z = w @ X + c[:, None]
        np.testing.assert_allclose(Z, g.z[layer].T, rtol=1e-12)
        delta = g.delta[layer].T
        np.testing.assert_allclose(delta @ X.T, g.dW[layer], rtol=1e-12, atol=1e-15)
        X = f(Z.T)[0].T


def test_a_slip_of_layout_is_caught():
    """w where its transpose belongs: on a square layer the shapes do not object, the numbers do."""
    x, y, W, b = network((3, 3, 3))
    g = backprop(x, y, W, b, [tanh, identity], squared_error)
    dw, _ = backprop_rows(x, y, W, b, [tanh, identity], squared_error)  # forgot to transpose
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(dw[0], g.dW[0].T, rtol=1e-6)
