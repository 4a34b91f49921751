"""Regularizers: forward definitions over arrays of numbers.

A definition takes one matrix, or what its name says, and returns one number. No derivative is written here. A singular
value is what it is defined to be, the root of a root of the characteristic polynomial of WWᵀ, and the gradient at the
input of a network comes from pushing tangents through it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from flint import acb, acb_mat, acb_poly, arb, ctx

from oracles.arb_truth.activations import bind
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import (
    above,
    dot,
    norm,
    sum_of_sizes,
    sum_of_squares,
    surprises,
    total,
    value_and_slope,
)
from oracles.arb_truth.germs import Germ
from oracles.arb_truth.numbers import Array, Ball, Imprecise, Number, Scalar, Undefined, ball, objects

Option = Any  # a parameter that is given as it is

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

REGULARIZERS: dict[str, Forward] = {}


def regularizer(requires: str = "lam >= 0", *, by_norm: bool = False, **parameters: Any) -> Decorator:
    """Enter a definition as regularizer/NAME: its parameters with their defaults and a condition on them."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        REGULARIZERS[f"regularizer/{function.__name__}"] = Forward(function, parameters, requires, by_norm)
        return function

    return enter


def each_matrix(function: Callable[..., Scalar]) -> Callable[..., Any]:
    """A function of matrices as one of arrays of them: leading axes are independent problems."""
    names = [p.name for p in inspect.signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

    @functools.wraps(function)
    def over_axes(*arrays: Array, **given: Any) -> Any:
        everything = [*arrays, *(given.pop(name) for name in names[len(arrays) :])]
        first, others = everything[0], everything[1:]
        lead = first.shape[:-2]
        if not lead:
            return function(first, *others, **given)
        found = objects([function(first[i], *(x[i] for x in others), **given) for i in np.ndindex(lead)])
        return found.reshape(lead)

    return over_axes


# ---------------------------------------------------------------- entries and rows


@regularizer("True")
@each_matrix
def none(w: Array) -> Scalar:
    """0."""
    return 0


@regularizer("lam >= 0 and n > 0", lam=0.1, n=1.0)
@each_matrix
def l2(w: Array, *, lam: Scalar, n: Ball) -> Scalar:
    """λ/(2n)·Σw²."""
    return lam / (2 * n) * sum_of_squares(w)


@regularizer(lam=0.1)
@each_matrix
def l1(w: Array, *, lam: Scalar) -> Scalar:
    """λΣ|w|."""
    return lam * sum_of_sizes(w)


@regularizer("lam >= 0 and 0 <= mix <= 1", lam=0.1, mix=0.5)
@each_matrix
def elastic_net(w: Array, *, lam: Scalar, mix: Scalar) -> Scalar:
    """λΣ(mix·|w| + (1 − mix)·w²/2)."""
    return lam * (mix * sum_of_sizes(w) + (1 - mix) * sum_of_squares(w) / 2)


@regularizer(lam=0.1)
@each_matrix
def group_lasso(w: Array, *, lam: Scalar) -> Scalar:
    """λ√d Σ‖row‖."""
    return lam * arb(w.shape[1]).sqrt() * total(norm(row) for row in w)


@regularizer("lam >= 0 and limit > 0", lam=0.1, limit=3.0)
@each_matrix
def max_norm(w: Array, *, lam: Scalar, limit: Scalar) -> Scalar:
    """λΣmax(‖row‖ − limit, 0)²."""
    return lam * sum_of_squares(above(objects([norm(row) - limit for row in w])))


# ---------------------------------------------------------------- matrices


@regularizer(lam=0.1)
@each_matrix
def orthogonality(w: Array, *, lam: Scalar) -> Scalar:
    """λ‖WWᵀ − I‖² (Frobenius)."""
    return lam * sum_of_squares(objects([[dot(p, q) - int(i == j) for j, q in enumerate(w)] for i, p in enumerate(w)]))


# Singular values are conditioned on the norm of W: algorithms for them are as good as the entries of W being uncertain
# by u‖W‖ each.


@regularizer(lam=0.1, by_norm=True)
@each_matrix
def spectral_norm(w: Array, *, lam: Scalar) -> Scalar:
    """λσ₁."""
    return lam * singular_values(w, 1)[0]


@regularizer(lam=0.1, by_norm=True)
@each_matrix
def nuclear_norm(w: Array, *, lam: Scalar) -> Scalar:
    """λΣσ."""
    return lam * total(singular_values(w, min(w.shape)))


class Tied(Undefined):
    """Singular values that are equal, or 0: they are no power series of the entries."""


TIED = 1024  # bits that do not tell singular values apart: they are taken to be equal


def singular_values(w: Array, count: int) -> list[Scalar]:
    """The `count` largest singular values of a matrix, falling: √s for the zeros s of det(s·1 − WWᵀ).

    Each zero is enclosed by FLINT. Newton's step doubles the order up to which it is right as a power series in the
    entries of W, so that two of them give slope and curvature. Where zeros are equal, or 0, the values have no
    derivative; a germ raises Tied.
    """
    rows = list(w) if len(w) <= len(w[0]) else list(w.T)  # the smaller product has the zeros that are not 0
    gram = [[dot(p, q) for q in rows] for p in rows]
    polynomial = _characteristic(gram)
    try:
        zeros = _zeros([ball(c) for c in polynomial])
    except Imprecise:
        if ctx.prec < TIED:
            raise
        return _without_slope(_eigenvalues([[ball(g) for g in row] for row in gram])[:count], np.ravel(w))
    if len(zeros) < count:
        return _without_slope([*zeros, *[arb(0)] * (count - len(zeros))], np.ravel(w))
    steepness = [k * c for k, c in enumerate(polynomial)][1:]
    values = []
    for s in zeros[:count]:
        for _ in range(3 if isinstance(w.flat[0], Germ) else 2):
            s = s - _horner(polynomial, s) / _horner(steepness, s)
        values.append(s.sqrt())
    return values


def _without_slope(squares: Sequence[Ball], entries: Array) -> list[Scalar]:
    """The roots of these squares, functions of the entries that are taken to be without a derivative."""
    why, values = "singular values that are equal or 0", [s.nonnegative_part().sqrt() for s in squares]
    numbers = [u for u in entries if isinstance(u, Number)]
    if not numbers:
        return values
    if isinstance(numbers[0], Germ):
        raise Tied(why)
    return [numbers[0].with_slopes(v, numbers, [arb.nan()] * len(numbers), why) for v in values]


def _eigenvalues(gram: list[list[Ball]]) -> list[Ball]:
    """Enclosures of all eigenvalues of a symmetric matrix, falling; NaN where there are none."""
    try:
        return sorted((r.real for r in acb_mat(gram).eig(multiple=True)), key=_middle, reverse=True)
    except ValueError:
        return [arb.nan()] * len(gram)


def _middle(s: Ball) -> Ball:
    """By which balls are sorted: as a float it would be 0 for squares of tiny numbers."""
    return s.mid()


def _characteristic(G: Sequence[Sequence[Scalar]]) -> list[Scalar]:
    """Coefficients of det(s·1 − G), that of s⁰ first, by Faddeev and LeVerrier: M ← GM + c·1, c = −tr(GM)/k."""
    m = len(G)
    coefficients: list[Scalar] = [1]
    M: list[list[Scalar]] = [[int(i == j) for j in range(m)] for i in range(m)]
    for k in range(1, m + 1):
        columns = list(zip(*M, strict=True))
        GM = [[dot(row, column) for column in columns] for row in G]
        coefficients.insert(0, total(GM[i][i] for i in range(m)) / -k)
        M = [[g + coefficients[0] if i == j else g for j, g in enumerate(row)] for i, row in enumerate(GM)]
    return coefficients


def _horner(polynomial: Sequence[Scalar], s: Scalar) -> Scalar:
    return functools.reduce(lambda value, c: value * s + c, reversed(polynomial))


def _zeros(coefficients: Sequence[Ball]) -> list[Ball]:
    """The zeros that are not exactly 0, falling. Raises Imprecise where they are not told apart."""
    nonzero = list(coefficients)
    while nonzero[0].is_zero():
        del nonzero[0]
    if any(c.contains(0) for c in nonzero):
        raise Imprecise("a coefficient of the characteristic polynomial is not told from 0")
    try:
        roots = acb_poly([acb(c) for c in nonzero]).roots(tol=arb(2) ** -60) if len(nonzero) > 1 else []
    except ValueError as error:
        raise Imprecise("singular values are not told apart") from error
    return sorted((_refined(nonzero, r.real) for r in roots), key=_middle, reverse=True)


def _refined(coefficients: list[Ball], s: Ball) -> Ball:
    """The isolated zero s of Σ cᵢsⁱ by Newton's iteration over balls, until it gains nothing."""
    slope = [k * c for k, c in enumerate(coefficients)][1:]
    while True:
        steep = _horner(slope, s)
        if steep.contains(0):
            raise Imprecise("singular values are not told apart")
        closer = s.mid() - _horner(coefficients, s.mid()) / steep
        if not closer.rad() < s.rad():
            return s
        s = closer


# ---------------------------------------------------------------- what a network computes


@regularizer(lam=0.1)
@each_matrix
def entropy(z: Array, *, lam: Scalar) -> Scalar:
    """λΣ s log s with s = softmax(z), mean over examples."""
    surprise = [s for row in z for s in surprises(row)]
    return -lam * total((-s).exp() * s for s in surprise) / len(z)


@regularizer("0 <= eps <= 1", eps=0.1)
def label_smoothing(z: Array, y: Array, *, eps: Scalar) -> Any:
    """What smoothing of targets y adds to a cross-entropy, mean over examples: −Σ(smoothed − y)·log softmax(z).

    Targets are rows as those of z, or integer labels.
    """
    rows = y if np.ndim(y) == z.ndim else (np.asarray(y)[..., None] == np.arange(z.shape[-1])).astype(int)
    return _smoothing(z, rows, eps=eps)


@each_matrix
def _smoothing(z: Array, y: Array, *, eps: Scalar) -> Scalar:
    terms = []
    for row, targets in zip(z, y, strict=True):
        share = total(targets) / len(row) if isinstance(targets[0], Number) else arb(int(sum(targets))) / len(row)
        terms += [(((1 - eps) * t + eps * share) - t) * s for t, s in zip(targets, surprises(row), strict=True)]
    return total(terms) / len(z)


@regularizer(lam=0.1)
@each_matrix
def activity_l2(a: Array, *, lam: Scalar) -> Scalar:
    """λ/(2n)·Σa²."""
    return l2(a, lam=lam, n=arb(len(a)))


@regularizer(lam=0.1)
@each_matrix
def activity_l1(a: Array, *, lam: Scalar) -> Scalar:
    """λ/n·Σ|a|."""
    return l1(a, lam=lam / len(a))


@regularizer("True")
def dropout(a: Array, mask: Array) -> Array:
    """r ⊙ a."""
    return a * mask


@regularizer("0 <= rate < 1", rate=0.5)
def inverted_dropout(a: Array, mask: Array, *, rate: Scalar) -> Array:
    """r ⊙ a/(1 − rate)."""
    return a * mask / (1 - rate)


@regularizer("0 <= rate < 1", rate=0.5)
def alpha_dropout(a: Array, mask: Array, *, rate: Scalar) -> Array:
    """r ⊙ a + (1 − r)·c of mean pc and variance (1 − p)(1 + pc²), standardised; c = −λα of SELU."""
    c = -arb("1.7580993408473768599402175208123")
    spread = ((1 - rate) * (1 + rate * c * c)).sqrt()
    return (a * mask + (1 - mask) * c - rate * c) / spread


@regularizer(lam=0.1, activations=())
def jacobian(x: Array, *, lam: Scalar, activations: Option, **layers: Array) -> Scalar:
    """λ/(2n)·Σ(∂a/∂x)² over outputs and inputs, mean over examples; layers are W1, b1, W2, b2, …"""
    return lam * sum_of_squares(objects([_input_tangents(row, activations, layers) for row in x])) / (2 * len(x))


@regularizer(lam=10.0, target=1.0, activations=())
def gradient_penalty(x: Array, *, lam: Scalar, target: Scalar, activations: Option, **layers: Array) -> Scalar:
    """λ(‖∂a/∂x‖ − target)² of the one output, mean over examples."""
    excess = [norm([a for (a,) in _input_tangents(row, activations, layers)]) - target for row in x]
    return lam * dot(excess, excess) / len(x)


def _input_tangents(x: Array, activations: Sequence[str], layers: Mapping[str, Array]) -> list[list[Scalar]]:
    """For each input, how all outputs move with it: tangents pushed through W1, b1, W2, b2, …, one unit at a time."""
    a: list[Any] = list(x)
    tangents: list[list[Any]] = [[int(j == k) for j in range(len(x))] for k in range(len(x))]
    for layer, id in enumerate(activations, 1):
        W, b, g = layers[f"W{layer}"], layers[f"b{layer}"], bind(id)
        z = [dot(row, a) + bias for row, bias in zip(W, b, strict=True)]
        pushed = [[dot(row, tangent) for row in W] for tangent in tangents]
        pairs = [value_and_slope(g, u) for u in z]
        a = [value for value, _ in pairs]
        tangents = [[slope * p for (_, slope), p in zip(pairs, tangent, strict=True)] for tangent in pushed]
    return tangents
