"""Scans in closed form, in pieces, with zeros, and where products on the way overflow; and what does not fit."""

import numpy as np
import pytest

from reference.layers import cumprod, cumsum, delta_rule, linear_recurrence, logcumsumexp

RNG = np.random.default_rng(7)
SCANS = (cumsum, cumprod, logcumsumexp)


def drawn(*shape):
    return RNG.standard_normal(shape)


@pytest.mark.parametrize("scan", SCANS)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_along_any_axis(scan, axis):
    x, v = drawn(3, 4, 2), drawn(3, 4, 2)
    y, pullback = scan(x, axis=axis)
    rows, back = scan(np.moveaxis(x, axis, -1))
    np.testing.assert_array_equal(np.moveaxis(y, axis, -1), rows)
    np.testing.assert_array_equal(np.moveaxis(pullback(v)["x"], axis, -1), back(np.moveaxis(v, axis, -1))["x"])


def test_values_are_those_of_numpy():
    x = drawn(3, 6)
    np.testing.assert_array_equal(cumsum(x)[0], np.cumsum(x, -1))
    np.testing.assert_allclose(cumprod(x)[0], np.cumprod(x, -1), rtol=1e-14)
    np.testing.assert_allclose(logcumsumexp(x)[0], np.log(np.cumsum(np.exp(x), -1)), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("zeros", [[1], [0, 2], [3]])
def test_a_product_has_slopes_where_factors_are_0(zeros):
    x, v = drawn(4), drawn(4)
    x[zeros] = 0
    slopes = [sum(v[t] * np.prod([x[r] for r in range(t + 1) if r != s]) for t in range(s, 4)) for s in range(4)]
    np.testing.assert_allclose(cumprod(x)[1](v)["x"], slopes, rtol=1e-13, atol=1e-300)


def test_a_product_comes_back_from_beyond_the_range():
    y, pullback = cumprod(np.array([1e200, 1e200, 1e-300, 1e-200, 1e-200, 3e250]))
    np.testing.assert_allclose(y, [1e200, np.inf, 1e100, 1e-100, 1e-300, 3e-50], rtol=1e-14)
    v = np.array([0, 0, 0, 0, 0, 2.0])
    np.testing.assert_allclose(pullback(v)["x"], [6e-250, 6e-250, 6e250, 6e150, 6e150, 2e-300], rtol=1e-13)


def test_shares_of_a_logcumsumexp_sum_to_its_cotangent():
    """y_t answers to a common shift of the inputs by 1."""
    x, v = np.array([-1e4, 3.0, -np.inf, 700.0, 699.0, 1e4]), drawn(6)
    y, pullback = logcumsumexp(x)
    assert np.isfinite(y).all()
    g = pullback(v)["x"]
    assert g.sum() == pytest.approx(v.sum())
    assert g[2] == 0
    y, pullback = logcumsumexp(np.array([-np.inf, -np.inf, 2.0]))
    np.testing.assert_array_equal(y, [-np.inf, -np.inf, 2])
    np.testing.assert_array_equal(pullback(np.array([0, 0, 3.0]))["x"], [0, 0, 3])


def test_constant_factors_of_1_make_a_recurrence_a_sum():
    b, start = drawn(2, 5), drawn(2)
    (h, end), pullback = linear_recurrence(np.ones(b.shape), b, start)
    np.testing.assert_allclose(h, start[:, None] + np.cumsum(b, -1), rtol=1e-13, atol=1e-14)
    np.testing.assert_array_equal(end, h[:, -1])
    v, v_end = drawn(2, 5), drawn(2)
    g = pullback(v, v_end)
    np.testing.assert_allclose(g["b"], cumsum(b)[1](v)["x"] + v_end[:, None], rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(g["initial_state"], v.sum(-1) + v_end, rtol=1e-13, atol=1e-14)


def pieces(call, state, arguments, split):
    """A sequence, and the same in two pieces, the second begun with the state of the first."""
    (y, end), pullback = call(*arguments, state)
    (y1, between), pull1 = call(*(x[:split] for x in arguments), state)
    (y2, end2), pull2 = call(*(x[split:] for x in arguments), between)
    np.testing.assert_allclose(np.concatenate([y1, y2]), y, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(end2, end, rtol=1e-12, atol=1e-13)
    v, v_end = drawn(*y.shape), drawn(*np.shape(end))
    g, g2 = pullback(v, v_end), pull2(v[split:], v_end)
    g1 = pull1(v[:split], g2["initial_state"])
    return g, g1, g2


@pytest.mark.parametrize("split", [1, 3])
def test_a_sequence_in_pieces_is_the_sequence(split):
    recurrence = pieces(linear_recurrence, drawn(), (drawn(5), drawn(5)), split)
    rule = pieces(delta_rule, drawn(3, 2), (drawn(5, 2), drawn(5, 2), drawn(5, 3), RNG.uniform(0, 1, 5)), split)
    for g, g1, g2 in (recurrence, rule):
        for name in g:
            whole = g1[name] if name == "initial_state" else np.concatenate([g1[name], g2[name]])
            np.testing.assert_allclose(whole, g[name], rtol=1e-11, atol=1e-12)


def test_without_a_state_it_is_zeros_and_the_first_factor_does_not_enter():
    a, b, v = drawn(2, 4), drawn(2, 4), drawn(2, 4)
    (h, _), pullback = linear_recurrence(a, b)
    (h0, _), pullback0 = linear_recurrence(a, b, np.zeros(2))
    np.testing.assert_array_equal(h, h0)
    np.testing.assert_array_equal(pullback(v)["a"], pullback0(v)["a"])
    a[:, 0] = np.nan
    (same, _), pullback = linear_recurrence(a, b)
    np.testing.assert_array_equal(same, h)
    assert np.isfinite(pullback(v)["a"]).all()


def test_a_key_of_length_1_written_in_full_is_read_back():
    """With β = 1 the value at a key replaces what was there."""
    k = drawn(3, 4)
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    v = drawn(3, 2)
    (o, _), _ = delta_rule(k, k, v, np.ones(3), drawn(2, 4))
    np.testing.assert_allclose(o, v, rtol=1e-13, atol=1e-14)


X = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cumsum(X, axis=2), r"x has shape \(2, 3\); expected one entry or more on the axis 2"),
        (lambda: cumprod(X[:, :0]), r"x has shape \(2, 0\)"),
        (lambda: logcumsumexp(np.float64(1)), r"x has shape \(\)"),
        (lambda: cumsum(X, axis=0.5), "axis = 0.5; need axis % 1 = 0"),
        (lambda: linear_recurrence(X, X[0]), r"a has shape \(2, 3\), b has shape \(3,\)"),
        (lambda: linear_recurrence(X, X, X), r"initial_state has shape \(2, 3\); expected \(2,\)"),
        (lambda: delta_rule(X, X[:1], X, X[:, 0]), r"q has shape \(2, 3\), k has shape \(1, 3\)"),
        (
            lambda: delta_rule(X[:0], X[:0], X[:0], X[:0, 0]),
            r"q has shape \(0, 3\), .*; expected \(..., T, d\) with T ≥ 1",
        ),
        (lambda: delta_rule(X, X, X[:1], X[:, 0]), r"v has shape \(1, 3\); expected \(2, 3\)"),
        (lambda: delta_rule(X, X, X, X), r"beta has shape \(2, 3\); expected \(2,\)"),
        (lambda: delta_rule(X, X, X, X[:, 0], X), r"initial_state has shape \(2, 3\); expected \(3, 3\)"),
    ],
)
def test_what_does_not_fit_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
