"""Newton–Schulz orthogonalisation: what it does to singular values, and what it cannot take."""

import numpy as np
import pytest

from reference.layers import newton_schulz

X = np.random.default_rng(3).standard_normal((3, 5))
CUBIC = {"a": 1.5, "b": -0.5, "c": 0.0}


def test_singular_values_go_through_the_polynomial_and_vectors_stay():
    U, sigma, Vt = np.linalg.svd(X, full_matrices=False)
    s = sigma / np.linalg.norm(X)
    expected = (U * (3.4445 * s - 4.775 * s**3 + 2.0315 * s**5)) @ Vt
    np.testing.assert_allclose(newton_schulz(X, eps=0, iterations=1)[0], expected, atol=1e-15)
    np.testing.assert_allclose(newton_schulz(X, iterations=40, **CUBIC)[0], U @ Vt, atol=1e-14)


@pytest.mark.parametrize("iterations", [0, 1, 5])
def test_a_tall_matrix_is_its_transpose_and_a_scale_is_not_seen(iterations):
    v = np.random.default_rng(4).standard_normal(X.shape)
    (wide, back), (tall, other) = (newton_schulz(x, eps=0, iterations=iterations) for x in (X, X.T))
    np.testing.assert_array_equal(tall, wide.T)
    np.testing.assert_array_equal(other(v.T)["x"], back(v)["x"].T)
    np.testing.assert_allclose((X * back(v)["x"]).sum(), 0, atol=1e-14)
    for scale in (2.0**-1000, 2.0**1000):
        far, pullback = newton_schulz(scale * X, eps=0, iterations=iterations)
        np.testing.assert_array_equal(far, wide)
        np.testing.assert_array_equal(scale * pullback(v)["x"], back(v)["x"])


def test_a_matrix_of_zeros_is_divided_by_eps_alone_and_matrices_are_taken_one_by_one():
    pair = np.array([0 * X, X])
    y, pullback = newton_schulz(pair, eps=0.5, iterations=1, a=2.0)
    np.testing.assert_array_equal(pullback(pair + 1)["x"][0], np.full(X.shape, 2 / 0.5))
    np.testing.assert_allclose(y[1], newton_schulz(X, eps=0.5, iterations=1, a=2.0)[0], rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: newton_schulz(X[0]), r"x has shape \(5,\); expected \(\.\.\., n, d\)"),
        (lambda: newton_schulz(X[:0]), r"x has shape \(0, 5\)"),
        (lambda: newton_schulz(X, iterations=1.5), "iterations = 1.5; need iterations ≥ 0"),
        (lambda: newton_schulz(X, eps=-1), "eps = -1; need eps ≥ 0"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
