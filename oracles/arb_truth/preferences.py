"""Costs of language models, of preferences and policies: forward definitions, as those of `oracles.arb_truth.costs`."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.activations import softplus_of
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import above, by_row, dot, log, surprises, total
from oracles.arb_truth.numbers import Array, Scalar, ball, objects
from oracles.arb_truth.reduction import Terms, entering, times

Option = Any  # a parameter that is given as it is

PREFERENCES: dict[str, Forward] = {}
cost = entering(PREFERENCES)


def _lead(chosen: Array, rejected: Array, by_chosen: Array | None, by_rejected: Array | None) -> Array:
    lead = chosen - rejected
    lead = lead if by_chosen is None else lead - by_chosen
    return lead if by_rejected is None else lead + by_rejected


@cost("beta > 0 and 0 <= label_smoothing <= 1", beta=0.1, label_smoothing=0.0, margin=0.0)
def dpo(
    chosen: Array,
    rejected: Array,
    weight: Array | None = None,
    reference_chosen: Array | None = None,
    reference_rejected: Array | None = None,
    *,
    beta: Scalar,
    label_smoothing: Scalar,
    margin: Scalar,
) -> Terms:
    """−(1 − ε) log σ(h) − ε log σ(−h), h = β·lead − γ."""
    h = beta * _lead(chosen, rejected, reference_chosen, reference_rejected) - margin
    return times(weight, (1 - label_smoothing) * softplus_of(-h) + label_smoothing * softplus_of(h))


@cost("beta > 0", beta=0.1)
def ipo(
    chosen: Array,
    rejected: Array,
    weight: Array | None = None,
    reference_chosen: Array | None = None,
    reference_rejected: Array | None = None,
    *,
    beta: Scalar,
) -> Terms:
    """(lead − 1/(2β))²."""
    r = _lead(chosen, rejected, reference_chosen, reference_rejected) - 1 / (2 * beta)
    return times(weight, r * r)


@cost("beta > 0", beta=0.1)
def kto(
    a: Array, y: Array, reference: Array, weight: Array | None = None, kl: Array | None = None, *, beta: Scalar
) -> Terms:
    """1/(1 + e^u), u = βy(a − reference − kl)."""
    r = a - reference if kl is None else a - reference - kl
    return times(weight, 1 / (1 + np.exp(beta * y * r)))


@cost()
def orpo(chosen: Array, rejected: Array, weight: Array | None = None) -> Terms:
    """log(1 + odds of the rejected/odds of the chosen), odds eᵃ/(1 − eᵃ)."""
    odds = [q - log(1 - np.exp(q)) for q in (chosen, rejected)]
    return times(weight, softplus_of(odds[1] - odds[0]))


def _counting(ratio: Array, advantage: Array, low: Scalar, high: Scalar) -> Array:
    """The ratio that counts: the lesser of ρ and 1 + ε₊ for A > 0, the greater of ρ and 1 − ε₋ for A < 0."""

    def counting(u: Scalar, v: Scalar) -> Scalar:
        if ball(v) > 0:
            return u - above(u - (1 + high))
        return (1 - low) + above(u - (1 - low)) if ball(v) < 0 else u

    return np.asarray(np.frompyfunc(counting, 2, 1)(ratio, advantage))


@cost("0 <= low <= 1 and high >= 0", low=0.2, high=0.2)
def ppo_clip(
    a: Array, old: Array, advantage: Array, weight: Array | None = None, *, low: Scalar, high: Scalar
) -> Terms:
    """−min(ρA, clip(ρ, 1 − ε₋, 1 + ε₊)A), ρ = e^(a − old), by the sign of A."""
    return times(weight, -_counting(np.exp(a - old), advantage, low, high) * advantage)


@cost()
def kl_k3(a: Array, reference: Array, weight: Array | None = None) -> Terms:
    """e^r − 1 − r, r = reference − a."""
    r = reference - a
    return times(weight, np.exp(r) - 1 - r)


@cost()
def z_loss(z: Array, weight: Array | None = None) -> Terms:
    """(log Σe^z)²."""

    def term(row: Array) -> Scalar:
        normaliser = surprises(row)[0] + row[0]
        return normaliser * normaliser

    return times(weight, by_row(term, z))


@cost("temperature > 0", temperature=1.0)
def distillation(z: Array, y: Array, weight: Array | None = None, *, temperature: Scalar) -> Terms:
    """T²·Σp(log p − log q), p = softmax(y/T), q = softmax(z/T)."""

    def term(of_z: Array, of_y: Array) -> Scalar:
        student, teacher = surprises(of_z / temperature), surprises(of_y / temperature)
        pairs = zip(student, teacher, strict=True)
        return temperature * temperature * total((-t).exp() * (s - t) for s, t in pairs)

    return times(weight, by_row(term, z, y))


@cost(ignore_index=None)
def linear_cross_entropy(h: Array, W: Array, labels: Array, b: Array | None = None, *, ignore_index: Option) -> Terms:
    """−log softmax(W h + b)_y; the mean is over the rows that are not ignored."""

    def term(row: Array, y: int) -> Scalar:
        if y == ignore_index:
            return 0
        z = objects([dot(row, w) + (0 if b is None else b[j]) for j, w in enumerate(W)])
        return surprises(z)[y]

    return by_row(term, h, np.asarray(labels)), int((np.asarray(labels) != ignore_index).sum())


@cost("beta > 0 and 0 <= label_smoothing <= 1 and alpha >= 0", beta=0.1, label_smoothing=0.0, alpha=1.0)
def cpo(
    chosen: Array,
    rejected: Array,
    weight: Array | None = None,
    *,
    beta: Scalar,
    label_smoothing: Scalar,
    alpha: Scalar,
) -> Terms:
    """−(1 − ε) log σ(h) − ε log σ(−h) − α·chosen, h = β(chosen − rejected)."""
    h = beta * (chosen - rejected)
    terms = (1 - label_smoothing) * softplus_of(-h) + label_smoothing * softplus_of(h) - alpha * chosen
    return times(weight, terms)


@cost("beta > 0 and 0 <= label_smoothing <= 1", beta=2.0, label_smoothing=0.0, margin=1.0)
def simpo(
    chosen: Array,
    rejected: Array,
    chosen_lengths: Array,
    rejected_lengths: Array,
    weight: Array | None = None,
    *,
    beta: Scalar,
    label_smoothing: Scalar,
    margin: Scalar,
) -> Terms:
    """−(1 − ε) log σ(h) − ε log σ(−h), h = β·(difference of log-probabilities a token) − γ."""
    by_token = [
        objects([u / int(m) for u, m in zip(x, np.asarray(lengths), strict=True)])
        for x, lengths in ((chosen, chosen_lengths), (rejected, rejected_lengths))
    ]
    h = beta * (by_token[0] - by_token[1]) - margin
    return times(weight, (1 - label_smoothing) * softplus_of(-h) + label_smoothing * softplus_of(h))


@cost("0 <= low <= 1 and high >= 0", low=0.2, high=0.2, normaliser="sequence")
def grpo_clip(
    a: Array,
    old: Array,
    advantage: Array,
    lengths: Array | None = None,
    *,
    low: Scalar,
    high: Scalar,
    normaliser: Option,
) -> Terms:
    """−min(ρA, clip(ρ, 1 − ε₋, 1 + ε₊)A) of every token that counts, and what divides each in the mean."""
    n, T = a.shape
    sizes = [T] * n if lengths is None else [int(x) for x in lengths]
    terms = -_counting(np.exp(a - old), advantage[:, None], low, high) * advantage[:, None]
    terms = objects([0 if t >= sizes[i] else terms[i, t] for i in range(n) for t in range(T)]).reshape(n, T)
    by = {
        "sequence": [n * max(size, 1) for size in sizes],
        "token": [max(sum(sizes), 1)] * n,
        "group": [n * T] * n,
    }[normaliser]
    return terms, [by[i] for i in range(n) for _ in range(T)]


@cost()
def kl_k1(a: Array, reference: Array, weight: Array | None = None) -> Terms:
    """a − reference."""
    return times(weight, a - reference)


@cost("temperature > 0", temperature=1.0)
def reverse_kl(z: Array, y: Array, weight: Array | None = None, *, temperature: Scalar) -> Terms:
    """T²·Σq(log q − log p), p = softmax(y/T), q = softmax(z/T)."""
    return distillation(y, z, weight, temperature=temperature)


@cost(cutoffs=None)
def adaptive_log_softmax(head: Array, tails: Array, labels: Array, *, cutoffs: Option) -> Terms:
    """−log of the softmax of the head at the label or its cluster, and −log of that of the cluster at the label."""
    starts = [head.shape[-1] - 1] if cutoffs is None else list(cutoffs)
    frequent = starts[0]
    ends = [*starts[1:], frequent + tails.shape[-1]]

    def term(near: Array, far: Array, y: int) -> Scalar:
        if y < frequent:
            return surprises(near)[y]
        k = max(k for k, start in enumerate(starts) if start <= y)
        inside = far[starts[k] - frequent : ends[k] - frequent]
        return surprises(near)[frequent + k] + surprises(inside)[y - starts[k]]

    return by_row(term, head, tails, np.asarray(labels))
