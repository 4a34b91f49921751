"""Projections: sums, supports, shifts and permutations; dynamic tanh by hand; and what does not fit."""

import numpy as np
import pytest

from reference.activations import log_softmax
from reference.layers import dynamic_tanh, entmax, sinkhorn, sparsemax

RNG = np.random.default_rng(9)
both = pytest.mark.parametrize("projection", [sparsemax, entmax])


@both
def test_rows_are_distributions_and_a_shift_changes_nothing(projection):
    z, v = 2 * RNG.standard_normal((5, 6)), RNG.standard_normal((5, 6))
    p, pullback = projection(z)
    assert (p >= 0).all()
    assert (p == 0).any()
    np.testing.assert_allclose(p.sum(-1), 1, rtol=1e-14)
    np.testing.assert_allclose(projection(z + 8)[0], p, rtol=1e-12, atol=1e-14)
    g = pullback(v)["z"]
    np.testing.assert_allclose(g.sum(-1), 0, atol=1e-14)
    assert (g[p == 0] == 0).all()


@both
def test_a_permutation_goes_through(projection):
    z, v, order = RNG.standard_normal(6), RNG.standard_normal(6), RNG.permutation(6)
    p, pullback = projection(z)
    np.testing.assert_allclose(projection(z[order])[0], p[order], rtol=1e-13)
    np.testing.assert_allclose(projection(z[order])[1](v[order])["z"], pullback(v)["z"][order], rtol=1e-12, atol=1e-15)


@both
def test_equal_entries_share_and_one_alone_takes_all(projection):
    np.testing.assert_allclose(projection(np.full(4, 3.0))[0], 0.25, rtol=1e-15)
    p, pullback = projection(np.array([1e300, 0.0, -1e300]))
    np.testing.assert_array_equal(p, [1, 0, 0])
    np.testing.assert_array_equal(pullback(np.array([1.0, 2, 3]))["z"], [0, 0, 0])
    np.testing.assert_array_equal(projection(np.array([5.0]))[0], [1])


def test_by_hand():
    p, pullback = sparsemax(np.array([1.0, 0.5, -1]))
    np.testing.assert_array_equal(p, [0.75, 0.25, 0])
    np.testing.assert_array_equal(pullback(np.array([1.0, 3, 9]))["z"], [-1, 1, 0])
    p, pullback = entmax(np.array([0.4, 0.0]))  # √p = 1/10 ± … : (t ± 0.1)² sum to 1 for t = 0.7
    np.testing.assert_allclose(p, [0.64, 0.36], rtol=1e-14)
    np.testing.assert_allclose(pullback(np.array([1.0, 0]))["z"], [12 / 35, -12 / 35], rtol=1e-14)


def test_sinkhorn_of_no_iterations_is_an_exponential_and_many_make_rows_and_columns_sum_to_1():
    z, v = RNG.standard_normal((3, 3)), RNG.standard_normal((3, 3))
    p, pullback = sinkhorn(z, iterations=0, temperature=2)
    np.testing.assert_allclose(p, np.exp(z / 2), rtol=1e-15)
    np.testing.assert_allclose(pullback(v)["z"], v * p / 2, rtol=1e-15)
    p, pullback = sinkhorn(z, iterations=100)
    for axis in (0, 1):
        np.testing.assert_allclose(p.sum(axis), 1, rtol=1e-13)
        np.testing.assert_allclose(pullback(v)["z"].sum(axis), 0, atol=1e-13)


def test_one_sinkhorn_iteration_is_two_softmaxes():
    z, v = RNG.standard_normal((2, 3, 4)), RNG.standard_normal((2, 3, 4))
    rows, back1 = log_softmax(z)
    columns, back2 = log_softmax(rows.swapaxes(1, 2))
    p, pullback = sinkhorn(z, iterations=1)
    np.testing.assert_allclose(p, np.exp(columns).swapaxes(1, 2), rtol=1e-13)
    g = back1(back2((v * p).swapaxes(1, 2)).swapaxes(1, 2))
    np.testing.assert_allclose(pullback(v)["z"], g, rtol=1e-11, atol=1e-15)


def test_sinkhorn_takes_logits_of_any_size():
    p, pullback = sinkhorn(np.array([[1e4, 0, -1e4], [0, 1e4, 0]]))
    assert np.isfinite(p).all()
    assert np.isfinite(pullback(np.ones(p.shape))["z"]).all()


@pytest.mark.parametrize("T", [1e-300, 5e-324])
def test_a_sinkhorn_that_is_all_but_frozen_divides_what_is_left(T):
    """Rows leave their largest entry alone; the column of both is then halved, and nothing else follows."""
    p, _ = sinkhorn(np.array([[1.0, 2.0], [0.5, 3.0]]), temperature=T, iterations=1)
    np.testing.assert_allclose(p[:, 1], 0.5, rtol=1e-15)
    np.testing.assert_allclose(p[:, 0], [1, 0])


def test_dynamic_tanh_keeps_a_slope_where_tanh_is_all_but_1():
    x = np.array([[30.0, -0.5, -30.0]])
    y, pullback = dynamic_tanh(x, np.float64(1), np.array([2.0, 3, 4]), np.array([1.0, 0, -1]))
    np.testing.assert_allclose(y, [[3, 3 * np.tanh(-0.5), -5]], rtol=1e-15)
    g = pullback(np.ones((1, 3)))
    np.testing.assert_allclose(g["x"], [[8 * np.exp(-60), 3 / np.cosh(0.5) ** 2, 16 * np.exp(-60)]], rtol=1e-13)
    assert g["alpha"].shape == ()


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sparsemax(np.float64(1)), r"z has shape \(\); expected \(\.\.\., d\)"),
        (lambda: entmax(X[:, :0]), r"z has shape \(2, 0\)"),
        (lambda: sinkhorn(X[0]), r"z has shape \(3,\); expected \(\.\.\., n, m\)"),
        (lambda: sinkhorn(X, temperature=0), "temperature = 0; need temperature > 0"),
        (lambda: sinkhorn(X, iterations=1.5), "iterations = 1.5"),
        (lambda: dynamic_tanh(X, X), r"alpha has shape \(2, 3\)"),
        (lambda: dynamic_tanh(X, np.float64(1), X), r"weight has shape \(2, 3\); expected \(3,\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
