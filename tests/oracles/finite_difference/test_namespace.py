"""The complex step of a user's function: right where it is analytic, refused where it is not."""

import doctest

import numpy as np
import pytest

from oracles.finite_difference import central_difference, namespace
from oracles.finite_difference.namespace import NotAnalytic, pullback_of

RNG = np.random.default_rng(3)
X, Y = RNG.uniform(0.3, 0.9, (2, 3)), RNG.uniform(1.1, 1.9, (2, 3))

FUNCTIONS = {
    "abs": lambda xp, x, y: xp.abs(x - 0.6) + abs(y - 1.5),
    "argmax": lambda xp, x, y: xp.take_along_axis(x, xp.argmax(x, axis=1, keepdims=True), axis=1),
    "clip": lambda xp, x, y: xp.clip(x, 0.5, 0.75) + xp.clip(y, max=1.5),
    "comparisons": lambda xp, x, y: xp.where((x < 0.6) & ~(y >= 1.5), x, y),
    "elementary": lambda xp, x, y: xp.expm1(x) * xp.log1p(y) + xp.tanh(x) / xp.sqrt(y) - xp.atan(x) + x**y,
    "hypot": lambda xp, x, y: xp.hypot(x, y) + xp.logaddexp(x, y),
    "joined": lambda xp, x, y: xp.abs(xp.concat([x, -y])) + xp.maximum(xp.stack([x, x, y, y])[:2].reshape(-1, 3), 0.5),
    "likes": lambda xp, x, y: x * xp.ones_like(x) + xp.full_like(y, 0.5) + xp.zeros_like(x) + xp.asarray([1.0]),
    "matrices": lambda xp, x, y: x @ y.T + xp.matmul(x, xp.matrix_transpose(y)) * xp.vecdot(x, y),
    "maximum": lambda xp, x, y: xp.maximum(x, 0.6) - xp.minimum(y, 1.4),
    "mean": lambda xp, x, y: x.mean(axis=0) + xp.mean(y, axis=1, keepdims=True) + xp.sum(x) * x.sum(axis=-1)[:, None],
    "reductions": lambda xp, x, y: xp.max(x, axis=1) + xp.min(y) + x.max() - xp.prod(y, axis=1),
    "sign": lambda xp, x, y: xp.sign(x - 0.6) * y * xp.astype(x > 0.5, xp.float64),
    "var": lambda xp, x, y: xp.var(x, axis=1, correction=1) + xp.std(y, axis=-1),
}


@pytest.mark.parametrize("f", FUNCTIONS.values(), ids=FUNCTIONS)
def test_the_step_is_the_derivative_and_values_are_numpys(f):
    value = f(np, X, Y)
    v = RNG.standard_normal(np.shape(value))
    outputs, gradients = pullback_of(f, {"x": X, "y": Y}, v)
    np.testing.assert_allclose(outputs["value"], value, rtol=1e-14)
    by_x = central_difference(lambda x: np.sum(v * f(np, x, Y)), X, 2)
    by_y = central_difference(lambda y: np.sum(v * f(np, X, y)), Y, 2)
    np.testing.assert_allclose(gradients["x"], by_x, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(gradients["y"], by_y, rtol=1e-7, atol=1e-8)


REFUSED = {
    "conj": (lambda xp, x: xp.conj(x), "conj is not analytic"),
    "method": (lambda xp, x: x.conj(), "conjugate is not analytic"),
    "real": (lambda xp, x: xp.real(x), "real is not analytic"),
    "attribute": (lambda xp, x: x.real, "real or imaginary part"),
    "floor": (lambda xp, x: xp.floor(x), "floor is not analytic"),
    "whole": (lambda xp, x: x // 2, "floor_divide is not analytic"),
    "ufunc": (lambda xp, x: np.conjugate(x), "conjugate is not analytic"),
    "norm": (lambda xp, x: xp.linalg.norm(x), "linalg is not analytic"),
    "sort": (lambda xp, x: xp.sort(x), "sort is not analytic"),
    "integers": (lambda xp, x: xp.astype(x, xp.int64), "int64"),
    "angle": (lambda xp, x: xp.atan2(x, x), "not there for complex"),
    "negative root": (lambda xp, x: xp.sqrt(x - 3), "root or logarithm of a negative"),
    "kink of abs": (lambda xp, x: xp.abs(x - 2), "a kink is met, abs at 0.0"),
    "kink of max": (lambda xp, x: xp.max(xp.stack([x, 4 - x]), axis=0), "maximum at 2.0"),
    "kink of where": (lambda xp, x: xp.where(x > 2, x, 0), "greater at 2.0"),
    "kink of a branch": (lambda xp, x: x if x[1] > 2 else -x, "greater at 2.0"),
    "kink of a place": (lambda xp, x: xp.stack([x, 4 - x])[xp.argmax(xp.stack([x, 4 - x])[:, 1])], "argmax at 2.0"),
}


@pytest.mark.parametrize(("f", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_analytic_is_refused(f, words):
    with pytest.raises(NotAnalytic, match=words):
        pullback_of(f, {"x": [1.0, 2.0]})


def test_a_tie_that_does_not_move_is_no_kink():
    _, gradients = pullback_of(lambda xp, x: xp.maximum(xp.zeros(2), xp.zeros(2)) + x, {"x": [0.0, 1.0]})
    assert gradients["x"].tolist() == [1, 1]


def test_examples():
    assert doctest.testmod(namespace) == (0, 1)
