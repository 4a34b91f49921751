"""Regularizers of weights: lists and biases, rows and matrices by hand, ties and zeros, range."""

import itertools

import numpy as np
import pytest
from formula_cases import PARAMETERS
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference import CATALOGUE, regularizers
from reference.activations import identity, tanh
from reference.costs import squared_error
from reference.network import backprop
from reference.regularizers import (
    elastic_net,
    group_lasso,
    l1,
    l2,
    max_norm,
    none,
    nuclear_norm,
    orthogonality,
    spectral_norm,
)
from reference.regularizers.matrices import row_norms, square_sum

U = 2.0**-53
UNDERFLOW = 1e-300  # below this, digits are lost
PENALTIES = {
    f.name: f.function for f in CATALOGUE.values() if f.function.__module__ == "reference.regularizers.weights"
}
MATRIX = ("group_lasso", "max_norm", "orthogonality", "spectral_norm", "nuclear_norm")
by_name = pytest.mark.parametrize(("name", "penalty"), PENALTIES.items(), ids=list(PENALTIES))
matrixwise = pytest.mark.parametrize("name", MATRIX)


def given_to(name):
    return PARAMETERS.get(f"regularizer/{name}", {})


def weights(lead=(), dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((*lead, *shape)).astype(dtype) for shape in ((4, 3), (4, 4), (2, 4))]


@by_name
def test_the_penalty_of_a_network_is_the_sum_over_its_layers(name, penalty):
    W, given = weights(), given_to(name)
    R, dR = penalty(W, **given)
    alone = [penalty([w], *given.values()) for w in W]
    np.testing.assert_allclose(R, sum(r for r, _ in alone), rtol=8 * U)
    for r, w, (_, (expected,)) in zip(dR, W, alone, strict=True):
        np.testing.assert_array_equal(r, expected)
        assert not np.shares_memory(r, w)


@by_name
def test_every_matrix_keeps_its_dtype(name, penalty):
    W = weights()
    short = [w.astype(dtype) for w, dtype in zip(W, (np.float16, np.float64, np.float32), strict=True)]
    R, dR = penalty(short)
    assert R.dtype == np.float16
    assert [r.dtype for r in dR] == [w.dtype for w in short]


@by_name
def test_biases_are_not_penalised(name, penalty):
    """Only ∂C/∂W and the cost know of λ; ∂C/∂b and every δ are those of the cost alone."""
    rng, given = np.random.default_rng(0), given_to(name)
    W, b = weights(), [rng.standard_normal(d) for d in (4, 4, 2)]
    x, y = rng.standard_normal((5, 3)), rng.standard_normal((5, 2))
    layers = [tanh, tanh, identity]
    plain = backprop(x, y, W, b, layers, squared_error)
    penalised = backprop(x, y, W, b, layers, squared_error, lambda W: penalty(W, **given))
    R, dR = penalty(W, **given)
    for p, q in zip(penalised.db + penalised.delta, plain.db + plain.delta, strict=True):
        np.testing.assert_array_equal(p, q)
    for p, q, r in zip(penalised.dW, plain.dW, dR, strict=True):
        np.testing.assert_array_equal(p, q + r)
    assert penalised.cost == plain.cost + R
    assert (penalised.cost > plain.cost) == (penalty is not none)


@by_name
def test_what_is_no_list_of_matrices_is_named(name, penalty):
    with pytest.raises(TypeError, match=r"W\[1\] has dtype int64; pass floats"):
        penalty([np.ones((2, 2)), np.ones((2, 2), int)])
    with pytest.raises(ValueError, match=r"W\[0\] has shape \(3,\); expected a matrix \(\.\.\., m, d\): W is a list"):
        penalty([np.ones(3)])
    with pytest.raises(ValueError, match=r"W\[0\] has shape \(2,\)"):
        penalty(np.ones((2, 2)))
    with pytest.raises(ValueError, match="W is empty"):
        penalty([])


@by_name
def test_without_weight_or_without_lambda_there_is_no_penalty(name, penalty):
    lost = np.array([[np.nan, np.inf], [1.0, -np.inf]])
    if penalty is not none:
        R, (dR,) = penalty([lost], lam=0.0)
        assert R == 0
        assert not dR.any()
        with pytest.raises(ValueError, match=r"lam = -1e-300; need lam ≥ 0"):
            penalty([lost], lam=-1e-300)
    for shape in ((0, 3), (3, 0)):
        R, (dR,) = penalty([np.zeros(shape)])
        assert (pytest.approx(0.3) if name == "orthogonality" and shape[0] else 0) == R
        assert dR.shape == shape


@pytest.mark.parametrize("name", [n for n in PENALTIES if n != "none"])
def test_nan_is_not_swallowed(name):
    R, (dR,) = PENALTIES[name]([np.array([[np.nan, 1.0], [0.5, 0.25]])])
    assert np.isnan(R)
    assert np.isnan(dR[0, 0])
    if name == "group_lasso":
        assert np.isnan(dR[0, 1])
        assert np.isfinite(dR[1]).all()


# ---------------------------------------------------------------- entries

FEW = arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3))


@given(FEW, st.floats(0, 10), st.floats(0, 1))
def test_the_elastic_net_mixes_l1_and_l2(w, lam, mix):
    R, (dR,) = elastic_net([w], lam=lam, mix=mix)
    (R1, (d1,)), (R2, (d2,)) = l1([w], lam=lam), l2([w], lam=lam, n=1)
    np.testing.assert_allclose(R, mix * R1 + (1 - mix) * R2, rtol=16 * U, atol=UNDERFLOW)
    np.testing.assert_allclose(dR, mix * d1 + (1 - mix) * d2, rtol=16 * U, atol=UNDERFLOW)


@given(FEW, st.floats(0, 10), st.integers(1, 1000))
def test_l2_is_lambda_over_2n_times_the_squared_norm(w, lam, n):
    R, (dR,) = l2([w], lam=lam, n=n)
    np.testing.assert_allclose(R, lam / (2 * n) * np.linalg.norm(w) ** 2, rtol=16 * U, atol=UNDERFLOW)
    np.testing.assert_allclose(dR, lam * w / n, rtol=4 * U, atol=UNDERFLOW)


@pytest.mark.parametrize(("penalty", "step"), [(l1, 0.1), (elastic_net, 0.05)], ids=["l1", "elastic_net"])
def test_at_zero_the_slope_is_0_and_beside_it_full(penalty, step):
    tiny = np.nextafter(0, 1)
    (dR,) = penalty([np.array([[-tiny, 0.0, -0.0, tiny]])])[1]
    np.testing.assert_allclose(dR, [[-step, 0, 0, step]], rtol=4 * U)


# ---------------------------------------------------------------- rows and matrices


@matrixwise
def test_zero_weights_have_a_zero_gradient(name):
    R, (dW,) = PENALTIES[name]([np.zeros((2, 3))])
    np.testing.assert_array_equal(dW, 0)
    assert (0.2 if name == "orthogonality" else 0) == R


@matrixwise
@given(seed=st.integers(0, 2**32 - 1))
def test_rotating_the_inputs_rotates_the_gradient(name, seed):
    """Each of these depends on W through WWᵀ alone, so W ↦ WQ leaves R as it is."""
    rng = np.random.default_rng(seed)
    w, Q = rng.standard_normal((3, 4)), np.linalg.qr(rng.standard_normal((4, 4)))[0]
    R, (dW,) = PENALTIES[name]([2 * w])
    R_turned, (dW_turned,) = PENALTIES[name]([2 * w @ Q])
    sigma = np.linalg.svd(w, compute_uv=False)
    condition = sigma[0] / min(sigma[0] - sigma[1], sigma[-1])
    assert pytest.approx(R, rel=1e-11, abs=1e-13) == R_turned
    np.testing.assert_allclose(dW_turned, dW @ Q, atol=1e-13 * condition * (1 + np.abs(dW).max()))


def test_group_lasso_by_hand():
    R, (dW,) = group_lasso([np.array([[3.0, 4.0], [0.0, 0.0]])], lam=2.0)
    assert pytest.approx(2 * np.sqrt(2) * 5) == R
    np.testing.assert_allclose(dW, 2 * np.sqrt(2) * np.array([[0.6, 0.8], [0, 0]]))


def test_max_norm_leaves_short_rows_alone():
    R, (dW,) = max_norm([np.array([[3.0, 4.0], [1.0, 1.0]])], lam=1.0, limit=4.0)
    assert R == 1.0
    np.testing.assert_allclose(dW, [[1.2, 1.6], [0, 0]])
    R, (dW,) = max_norm([np.array([[3.0, 4.0]])], lam=1.0, limit=5.0)
    assert R == 0
    assert not dW.any()


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
    R, (dW,) = spectral_norm([w], lam=1.0)
    assert pytest.approx(2) == R
    np.testing.assert_allclose(dW, U[:, :r] @ V[:r] / r, atol=1e-14)
    assert np.linalg.norm(dW) == pytest.approx(1 / np.sqrt(r))


def test_singular_values_that_differ_are_not_taken_for_a_tie():
    _, (dW,) = spectral_norm([np.diag([2.0, 2.0 + 1e-9])], lam=1.0)
    np.testing.assert_allclose(dW, [[0, 0], [0, 1]], atol=1e-15)


def test_the_nuclear_norm_ignores_vanishing_singular_values():
    R, (dW,) = nuclear_norm([np.outer([3.0, 4.0], [0.0, 1.0])], lam=1.0)
    assert pytest.approx(5) == R
    np.testing.assert_allclose(dW, [[0, 0.6], [0, 0.8]], atol=1e-15)


@pytest.mark.parametrize("name", ["spectral_norm", "nuclear_norm", "group_lasso"])
def test_the_gradient_supports_the_function_at_ties_too(name):
    """A subgradient of a convex R: R(V) ≥ R(W) + ⟨∂R(W), V − W⟩ for all V."""
    rng, penalty = np.random.default_rng(5), PENALTIES[name]
    for w in (np.diag([2.0, 2.0, 0.0]), np.zeros((3, 3)), rng.standard_normal((3, 3))):
        R, (dW,) = penalty([w])
        for _ in range(50):
            v = rng.standard_normal((3, 3))
            assert penalty([v])[0] >= R + (dW * (v - w)).sum() - 1e-12


# ---------------------------------------------------------------- range


@pytest.mark.parametrize("size", [5e-324, 1e-200, 1.0, 1e200, 1e308])
def test_row_norms_neither_overflow_nor_vanish(size):
    norms, units = row_norms(np.array([[0.6, -0.8, 0.0]]) * size if size > 1e-300 else np.array([[size, 0.0, 0.0]]))
    np.testing.assert_allclose(norms, size, rtol=1e-15)
    np.testing.assert_allclose((units * units).sum(), 1, rtol=1e-15)


@pytest.mark.parametrize(("size", "lam"), [(1e200, 1e-250), (1e-200, 1e250), (1e300, 1e-300), (1e-160, 1e300)])
def test_no_square_leaves_the_range_where_the_penalty_does_not(size, lam):
    w = np.full((1, 2), size)
    for penalty, R, slope in (
        (l2, lam * size * size, lam * size),
        (lambda W, lam: elastic_net(W, lam, mix=0.0), lam * size * size, lam * size),
        (lambda W, lam: max_norm(W, lam, limit=5e-324), lam * 2 * size * size, 2 * lam * size),
    ):
        found, (gradient,) = penalty([w], lam=lam)
        np.testing.assert_allclose(found, R, rtol=1e-13)
        np.testing.assert_allclose(gradient, slope, rtol=1e-13)
    assert square_sum(w, lam) == pytest.approx(2 * lam * size * size, rel=1e-14)


@pytest.mark.parametrize("lam", [1e308, np.finfo(float).max])
def test_the_largest_lambda_overflows_nothing_on_the_way(lam):
    below = np.array([[0.1, 0.1]])
    assert max_norm([below], lam=lam)[1][0].tolist() == [[0, 0]]
    orthonormal = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert regularizers.orthogonality([orthonormal], lam=lam)[1][0].tolist() == [[0, 0], [0, 0]]
    R, (dW,) = l2([np.array([[0.5]])], lam=lam)
    assert (R, dW) == (lam / 8, lam / 2)


def test_sixteen_bits_are_summed_in_float64():
    w = np.full((256, 256), 0.5, np.float16)
    assert l1([w], lam=2.0**-10)[0] == 32
    assert l2([w], lam=2.0**-10)[0] == 8
    assert all(r.dtype == np.float16 for r in itertools.chain(l1([w])[1], l2([w])[1]))


def test_a_row_is_scaled_by_itself_and_a_penalty_by_its_parameter_last():
    w = np.array([[1.7e308, 1.7e308], [3e-320, -3e-320]])
    _, (gradient,) = group_lasso([w], lam=1.0)
    np.testing.assert_allclose(gradient, [[1.0, 1.0], [1.0, -1.0]], rtol=1e-15)
    _, (gradient,) = max_norm([np.array([[1.7e308, -1.0]])], lam=0.25, limit=1.0)
    np.testing.assert_allclose(gradient, [[0.85e308, -0.5]], rtol=1e-15)
    _, (gradient,) = orthogonality([np.array([[1e200, 1e-200]])], lam=1e-300)
    np.testing.assert_allclose(gradient, [[4e300, 4e-100]], rtol=1e-15)


def test_a_cotangent_brings_a_gradient_back_that_overflows_without_it():
    w = np.array([[1e120]])
    _, gradients = orthogonality.vjp({"w": w}, -1e-100, lam=1.0)
    np.testing.assert_allclose(gradients["w"], [[-4e260]], rtol=1e-15)
