"""Costs: forward definitions over arrays of numbers, which are balls, or carry derivatives.

A definition takes arrays of numbers, labels as integers, real parameters as exact balls and options as they are. It
returns the terms of the cost, and where their mean does not divide by how many there are, the divisor beside them. No
derivative is written here. Margins, embeddings and sequences are in `oracles.arb_truth.margins`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.activations import ELEMENTWISE, softplus_of, tanh
from oracles.arb_truth.definition import Forward, define, fill
from oracles.arb_truth.divergences import DIVERGENCES
from oracles.arb_truth.functions import (
    above,
    absolute,
    applied,
    by_row,
    dot,
    elementwise,
    entrywise,
    log,
    power,
    surprises,
    total,
    weigh,
    xlogy,
)
from oracles.arb_truth.margins import MARGINS
from oracles.arb_truth.numbers import Array, Ball, Scalar, ball
from oracles.arb_truth.preferences import PREFERENCES
from oracles.arb_truth.reduction import Terms, by_weights, class_weights, entering, times
from oracles.arb_truth.sequences import SEQUENCES

Row = Array  # (d,)
Option = Any  # a parameter that is given as it is

COSTS: dict[str, Forward] = {**MARGINS, **PREFERENCES, **DIVERGENCES, **SEQUENCES}
cost = entering(COSTS)

# ---------------------------------------------------------------- regression


@cost()
def l1(a: Array, y: Array, weight: Array | None = None) -> Terms:
    """w·|a − y|; the mean divides by Σw."""
    return by_weights(weight, absolute(a - y))


@cost()
def squared_error(a: Array, y: Array, weight: Array | None = None) -> Terms:
    """w·(a − y)²; the mean divides by Σw."""
    r = a - y
    return by_weights(weight, r * r)


@cost(reduction="batchmean")
def quadratic(a: Array, y: Array) -> Terms:
    """½(a − y)²."""
    r = a - y
    return r * r / 2


def _huber(r: Array, delta: Scalar) -> Array:
    g = fill(ELEMENTWISE["activation/huber"], {"delta": delta})
    return entrywise(lambda u: elementwise(g, u))(r)


@cost("delta > 0", delta=1.0)
def huber_error(a: Array, y: Array, weight: Array | None = None, *, delta: Scalar) -> Terms:
    """w·h(a − y), h(r) = r²/2 for |r| ≤ δ, δ(|r| − δ/2) beyond."""
    return times(weight, _huber(a - y, delta))


@cost("beta > 0", beta=1.0)
def smooth_l1(a: Array, y: Array, *, beta: Scalar) -> Terms:
    """Huber's error over β."""
    return _huber(a - y, beta) / beta


@entrywise
def _log_cosh(r: Scalar) -> Scalar:
    size = -r if ball(r) < 0 else r  # even: the sign chosen at 0 does not matter
    return size + log(1 + (-2 * size).exp()) - arb(2).log()


@cost()
def log_cosh(a: Array, y: Array) -> Terms:
    """log((eʳ + e⁻ʳ)/2), r = a − y."""
    return _log_cosh(a - y)


PINBALL = define(lambda r, tau: -tau * r, lambda r, tau: (1 - tau) * r, at=(0,), tau=0.5)


@cost("0 <= tau <= 1", tau=0.5)
def quantile(a: Array, y: Array, *, tau: Scalar) -> Terms:
    """τ·(y − a) below y, (1 − τ)·(a − y) above."""
    g = fill(PINBALL, {"tau": tau})
    return entrywise(lambda r: elementwise(g, r))(a - y)


@cost(full=False)
def poisson_nll(a: Array, y: Array, *, full: Option) -> Terms:
    """eᵃ − ya, with Stirling's log y! for y > 1 where asked for."""
    return np.exp(a) - y * a + _stirling(y, full)


@cost(eps=0.0, full=False)
def poisson_nll_rate(a: Array, y: Array, *, eps: Ball, full: Option) -> Terms:
    """a − y·log(a + ε), likewise."""
    return a - xlogy(y, a + eps) + _stirling(y, full)


def _stirling(y: Array, full: Option) -> Any:
    return entrywise(lambda u: xlogy(u, u) - u + log(2 * arb.pi() * u) / 2 if ball(u) > 1 else 0)(y) if full else 0


@cost("eps >= 0", full=False, eps=0.0)
def gaussian_nll(a: Array, y: Array, v: Array, *, full: Option, eps: Ball) -> Terms:
    """½[log v + (a − y)²/v], v at least ε, with ½log 2π where asked for."""
    constant = (2 * arb.pi()).log() if full else 0
    v = v if eps == 0 else above(v - eps) + eps
    r = a - y
    return (log(v) + r * r / v + constant) / 2


# ---------------------------------------------------------------- probabilities


@cost(reduction="batchmean")
def kl_div(a: Array, y: Array) -> Terms:
    """y(log y − a), a log-probabilities."""
    return xlogy(y, y) - weigh(y, a)


@cost(reduction="batchmean")
def kl_div_log_target(a: Array, y: Array) -> Terms:
    """eʸ(y − a), both log-probabilities."""
    return np.exp(y) * (y - a)


@cost("0 < beta < 1", beta=0.5)
def jensen_shannon(p: Array, q: Array, *, beta: Scalar) -> Terms:
    """Σ[βp log(p/m) + (1 − β)q log(q/m)], m = βp + (1 − β)q."""

    def term(u: Row, v: Row) -> Scalar:
        m = beta * u + (1 - beta) * v
        return total(beta * xlogy(u, u / m) + (1 - beta) * xlogy(v, v / m))

    return by_row(term, p, q)


@cost()
def binary_cross_entropy(a: Array, y: Array, weight: Array | None = None) -> Terms:
    """−w[y log a + (1 − y) log(1 − a)]."""
    return times(weight, -(xlogy(y, a) + xlogy(1 - y, 1 - a)))


@cost(reduction="batchmean")
def cross_entropy(a: Array, y: Array) -> Terms:
    """−y log a."""
    return -xlogy(y, a)


@cost(reduction="batchmean")
def nll(a: Array, y: Array) -> Terms:
    """−ya."""
    return -weigh(y, a)


@cost(ignore_index=None)
def nll_labels(a: Array, labels: Array, weight: Row | None = None, *, ignore_index: Option) -> Terms:
    """−w_y·a_y; the mean divides by Σw_y; ignored labels do not count."""
    w = class_weights(weight, _classes_last(a))
    return _of_labels(lambda row, y: -w[y] * row[y], _classes_last(a), labels, w, ignore_index)


def _classes_last(z: Array) -> Array:
    """Classes are the second axis where more follow."""
    return np.moveaxis(z, 1, -1) if z.ndim > 2 else z


def _of_labels(
    term: Callable[[Row, int], Scalar], z: Array, labels: Array, w: Sequence[Scalar], ignore_index: int | None
) -> Terms:
    """A term for every row and its label, 0 if that is ignored, and Σw_y over the others."""
    terms = by_row(lambda row, y: 0 if y == ignore_index else term(row, y), z, np.asarray(labels))
    return terms, total(w[y] for y in np.ravel(labels) if y != ignore_index)


# ---------------------------------------------------------------- logits


def _focus(u: Array, gamma: Scalar) -> Array:
    """σ(u)^γ, of σ(u) = e^(−log(1 + e⁻ᵘ))."""
    return entrywise(lambda s: power((-s).exp(), gamma))(softplus_of(-u))


@cost()
def binary_cross_entropy_logits(
    z: Array, y: Array, weight: Array | None = None, pos_weight: Row | None = None
) -> Terms:
    """−w[p·y log σ(z) + (1 − y) log σ(−z)]."""
    positive = y if pos_weight is None else pos_weight * y
    return times(weight, positive * softplus_of(-z) + (1 - y) * softplus_of(z))


@cost("gamma >= 0", alpha=0.25, gamma=2.0)
def sigmoid_focal(z: Array, y: Array, *, alpha: Scalar, gamma: Scalar) -> Terms:
    """αy(1 − p)^γ(−log p) + (1 − α)(1 − y)p^γ(−log(1 − p)), p = σ(z)."""
    return alpha * y * _focus(-z, gamma) * softplus_of(-z) + (1 - alpha) * (1 - y) * _focus(z, gamma) * softplus_of(z)


def _capped(z: Array, softcap: Scalar, temperature: Scalar) -> Array:
    """c·tanh(z/c)/T."""
    if ball(softcap).is_finite():
        z = entrywise(lambda u: softcap * applied(tanh, u / softcap))(z)
    return z / temperature


@cost(
    "0 <= label_smoothing <= 1 and 0 < softcap and softcap <= oo and temperature > 0",
    label_smoothing=0.0, ignore_index=None, smooth_others=False, softcap=float("inf"), temperature=1.0,
)  # fmt: skip
def cross_entropy_labels(
    z: Array,
    labels: Array,
    weight: Row | None = None,
    *,
    label_smoothing: Scalar,
    ignore_index: Option,
    smooth_others: Option,
    softcap: Scalar,
    temperature: Scalar,
) -> Terms:
    """−Σ w_j q_j log softmax(c·tanh(z/c)/T)_j, q_j = (1 − ε)[j = y] + ε/d, or [j ≠ y]ε/(d − 1) in the place of ε/d.

    The mean divides by Σw_y; ignored labels do not count.
    """
    z, epsilon = _capped(_classes_last(z), softcap, temperature), label_smoothing
    w, d = class_weights(weight, z), z.shape[-1]

    def target(hit: bool) -> Scalar:
        shared = epsilon / d if not smooth_others else 0 if hit else epsilon / (d - 1)
        return (1 - epsilon) * int(hit) + shared

    def term(row: Row, y: int) -> Scalar:
        return dot([w[j] * target(j == y) for j in range(d)], surprises(row))

    return _of_labels(term, z, labels, w, ignore_index)


@cost("0 <= label_smoothing <= 1", label_smoothing=0.0)
def cross_entropy_probabilities(z: Array, y: Array, weight: Row | None = None, *, label_smoothing: Scalar) -> Terms:
    """−Σ w_j((1 − ε)y_j + ε/d) log softmax(z)_j."""
    z, y, epsilon = _classes_last(z), _classes_last(y), label_smoothing
    w, d = class_weights(weight, z), z.shape[-1]

    def term(row: Row, targets: Row) -> Scalar:
        return total(
            weigh(w_j * ((1 - epsilon) * t + epsilon / d), s)
            for w_j, t, s in zip(w, targets, surprises(row), strict=True)
        )

    return by_row(term, z, y)


@cost("gamma >= 0", gamma=2.0)
def softmax_focal(z: Array, labels: Array, weight: Row | None = None, *, gamma: Scalar) -> Terms:
    """−w_y(1 − p)^γ log p, p the probability of the label; 1 − p is summed from the other classes."""
    z = _classes_last(z)
    w = class_weights(weight, z)

    def term(row: Row, y: int) -> Scalar:
        surprise = surprises(row)
        others = total((-s).exp() for j, s in enumerate(surprise) if j != y)
        return w[y] * power(others, gamma) * surprise[y]

    return by_row(term, z, np.asarray(labels))


@cost(epsilon=2.0)
def poly_cross_entropy(z: Array, y: Array, *, epsilon: Scalar) -> Terms:
    """Σ y[−log p + ε(1 − p)], p = softmax(z)."""

    def term(row: Row, targets: Row) -> Scalar:
        return total(t * (s + epsilon * (1 - (-s).exp())) for t, s in zip(targets, surprises(row), strict=True))

    return by_row(term, _classes_last(z), _classes_last(y))
