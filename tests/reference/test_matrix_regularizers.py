"""Regularizers of rows and matrices: gradients against differences, ties and zeros, shapes, biases left alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference import CATALOGUE, regularizers
from reference.activations import tanh
from reference.costs import quadratic
from reference.network import backprop

MATRIX = ("group_lasso", "max_norm", "orthogonality", "spectral_norm", "nuclear_norm")
matrixwise = pytest.mark.parametrize("name", MATRIX)


def function(name):
    return CATALOGUE[f"regularizer/{name}"].function


def weights(seed=0, dtype=np.float64, lead=()):
    rng = np.random.default_rng(seed)
    return [(2 * rng.standard_normal((*lead, *s))).astype(dtype) for s in ((3, 5), (4, 3), (1, 4))]


def along_and_difference(name, W, D, h=1e-6):
    """⟨∂R/∂W, D⟩, and the central difference of R in the direction D."""
    R, dW = function(name)(W)
    up, down = (function(name)([w + s * h * d for w, d in zip(W, D, strict=True)])[0] for s in (1, -1))
    assert R.shape == ()
    return sum((g * d).sum() for g, d in zip(dW, D, strict=True)), (up - down) / (2 * h)


@matrixwise
def test_the_gradient_is_that_of_the_value(name):
    W, rng = weights(), np.random.default_rng(1)
    for _ in range(5):
        along, difference = along_and_difference(name, W, [rng.standard_normal(w.shape) for w in W])
        assert along == pytest.approx(difference, rel=1e-7, abs=1e-9)


def test_a_wrong_factor_would_be_found():
    along, difference = along_and_difference("orthogonality", weights(), weights())
    assert along / 2 != pytest.approx(difference, rel=0.1)


@matrixwise
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dtype_and_leading_axes(name, dtype):
    W = weights(2, dtype, lead=(6,))
    R, dW = function(name)(W)
    assert (R.shape, R.dtype) == ((6,), dtype)
    for k in range(6):
        R_k, dW_k = function(name)([w[k] for w in W])
        np.testing.assert_allclose(R[k], R_k, rtol=1e-6)
        for g, g_k in zip(dW, dW_k, strict=True):
            np.testing.assert_allclose(g[k], g_k, rtol=1e-5, atol=1e-6)
            assert g.dtype == dtype


@matrixwise
def test_weights_are_not_modified_and_biases_not_touched(name):
    W = weights()
    before = [w.copy() for w in W]
    x, y, b = np.ones((2, 5)), np.zeros((2, 1)), [np.full(3, 0.1), np.full(4, 0.2), np.full(1, 0.3)]
    plain = backprop(x, y, W, b, [tanh] * 3, quadratic)
    penalised = backprop(x, y, W, b, [tanh] * 3, quadratic, function(name))
    for p, q in zip(plain.db, penalised.db, strict=True):
        np.testing.assert_array_equal(p, q)
    assert all((p == q).all() for p, q in zip(W, before, strict=True))


@matrixwise
def test_zero_weights_have_a_zero_gradient(name):
    R, (dW,) = function(name)([np.zeros((2, 3))])
    np.testing.assert_array_equal(dW, 0)
    assert (0.2 if name == "orthogonality" else 0) == R


@matrixwise
@given(seed=st.integers(0, 2**32 - 1))
def test_rotating_the_inputs_rotates_the_gradient(name, seed):
    """Each of these depends on W through WWᵀ alone, so W ↦ WQ leaves R as it is."""
    rng = np.random.default_rng(seed)
    w, Q = rng.standard_normal((3, 4)), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    R, (dW,) = function(name)([2 * w])
    R_turned, (dW_turned,) = function(name)([2 * w @ Q])
    sigma = np.linalg.svd(w, compute_uv=False)
    condition = sigma[0] / min(sigma[0] - sigma[1], sigma[-1])
    assert pytest.approx(R, rel=1e-11, abs=1e-13) == R_turned
    np.testing.assert_allclose(dW_turned, dW @ Q, atol=1e-13 * condition * (1 + np.abs(dW).max()))


def test_group_lasso_by_hand():
    R, (dW,) = regularizers.group_lasso([np.array([[3.0, 4.0], [0.0, 0.0]])], lam=2.0)
    assert pytest.approx(2 * np.sqrt(2) * 5) == R
    np.testing.assert_allclose(dW, 2 * np.sqrt(2) * np.array([[0.6, 0.8], [0, 0]]))


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_row_norms_neither_overflow_nor_vanish(size):
    R, (dW,) = regularizers.group_lasso([np.full((1, 4), size)], lam=1.0)
    assert pytest.approx(4 * size) == R
    np.testing.assert_allclose(dW, 1.0)


def test_max_norm_leaves_short_rows_alone():
    R, (dW,) = regularizers.max_norm([np.array([[3.0, 4.0], [1.0, 1.0]])], lam=1.0, limit=4.0)
    assert R == 1.0
    np.testing.assert_allclose(dW, [[1.2, 1.6], [0, 0]])
    with pytest.raises(ValueError, match=r"limit = 0\.0; need limit > 0"):
        regularizers.max_norm([np.eye(2)], limit=0.0)


def test_orthonormal_rows_are_not_penalised():
    Q = np.linalg.qr(np.random.default_rng(3).standard_normal((4, 4)))[0]
    R, (dW,) = regularizers.orthogonality([Q[:3]])
    assert R < 1e-28
    np.testing.assert_allclose(dW, 0, atol=1e-14)


@pytest.mark.parametrize("r", [1, 2, 3])
def test_a_tie_of_singular_values_is_shared(r):
    """The least norm among UHVᵀ, H ⪰ 0 of trace 1: I/r, whatever basis the decomposition happened to choose."""
    rng = np.random.default_rng(4)
    U, V = (np.linalg.qr(rng.standard_normal((n, n)))[0] for n in (3, 5))
    w = U @ np.diag([*[2.0] * r, *[1.0] * (3 - r)]) @ V[:3]
    R, (dW,) = regularizers.spectral_norm([w], lam=1.0)
    assert pytest.approx(2) == R
    np.testing.assert_allclose(dW, U[:, :r] @ V[:r] / r, atol=1e-14)
    assert np.linalg.norm(dW) == pytest.approx(1 / np.sqrt(r))


def test_singular_values_that_differ_are_not_taken_for_a_tie():
    _, (dW,) = regularizers.spectral_norm([np.diag([2.0, 2.0 + 1e-9])], lam=1.0)
    np.testing.assert_allclose(dW, [[0, 0], [0, 1]], atol=1e-15)


def test_the_nuclear_norm_ignores_vanishing_singular_values():
    R, (dW,) = regularizers.nuclear_norm([np.outer([3.0, 4.0], [0.0, 1.0])], lam=1.0)
    assert pytest.approx(5) == R
    np.testing.assert_allclose(dW, [[0, 0.6], [0, 0.8]], atol=1e-15)


@pytest.mark.parametrize("name", ["spectral_norm", "nuclear_norm", "group_lasso"])
def test_the_gradient_supports_the_function_at_ties_too(name):
    """A subgradient of a convex R: R(V) ≥ R(W) + ⟨∂R(W), V − W⟩ for all V."""
    rng = np.random.default_rng(5)
    for w in (np.diag([2.0, 2.0, 0.0]), np.zeros((3, 3)), rng.standard_normal((3, 3))):
        R, (dW,) = function(name)([w])
        for _ in range(50):
            v = rng.standard_normal((3, 3))
            assert function(name)([v])[0] >= R + (dW * (v - w)).sum() - 1e-12
