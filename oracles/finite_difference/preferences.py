"""Terms of costs of language models, of preferences and policies, for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.functions import log_softmax, log_total, sigmoid, softplus


def _times(terms: Array, weight: Any) -> Array:
    return terms if weight is None else weight * terms


def _lead(chosen: Array, rejected: Array, of_chosen: Any, of_rejected: Any) -> Array:
    lead = chosen - rejected
    lead = lead if of_chosen is None else lead - of_chosen
    return lead if of_rejected is None else lead + of_rejected


def _dpo(
    chosen: Array,
    rejected: Array,
    weight: Any = None,
    reference_chosen: Any = None,
    reference_rejected: Any = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
) -> Array:
    h = beta * _lead(chosen, rejected, reference_chosen, reference_rejected) - margin
    return _times((1 - label_smoothing) * softplus(-h) + label_smoothing * softplus(h), weight)


def _ipo(
    chosen: Array,
    rejected: Array,
    weight: Any = None,
    reference_chosen: Any = None,
    reference_rejected: Any = None,
    beta: float = 0.1,
) -> Array:
    r = _lead(chosen, rejected, reference_chosen, reference_rejected) - 0.5 / beta
    return _times(r * r, weight)


def _kto(a: Array, y: Array, reference: Array, weight: Any = None, kl: Any = None, beta: float = 0.1) -> Array:
    r = a - reference if kl is None else a - reference - kl
    return _times(sigmoid(-beta * y * r), weight)


def _orpo(chosen: Array, rejected: Array, weight: Any = None) -> Array:
    odds = [q - np.log(1 - np.exp(q)) for q in (chosen, rejected)]
    return _times(softplus(odds[1] - odds[0]), weight)


def _ppo_clip(a: Array, old: Array, advantage: Array, weight: Any = None, low: float = 0.2, high: float = 0.2) -> Array:
    ratio = np.exp(a - old)
    end = np.where(advantage.real < 0, 1 - low, 1 + high)
    clipped = np.where(advantage.real < 0, ratio.real <= end, ratio.real >= end)
    return _times(-np.where(clipped, end, ratio) * advantage, weight)


def _kl_k3(a: Array, reference: Array, weight: Any = None) -> Array:
    r = reference - a
    return _times(np.exp(r) - 1 - r, weight)


def _z_loss(z: Array, weight: Any = None) -> Array:
    top, rest = log_total(z)
    return _times((top + rest)[..., 0] ** 2, weight)


def _distillation(z: Array, y: Array, weight: Any = None, temperature: float = 1.0) -> Array:
    student, teacher = (log_softmax(q / temperature) for q in (z, y))
    return _times(temperature * temperature * (np.exp(teacher) * (teacher - student)).sum(-1), weight)


def _linear_cross_entropy(h: Array, W: Array, labels: Array, b: Any = None, ignore_index: int | None = None) -> Any:
    z = h @ W.T if b is None else h @ W.T + b
    counts = labels != ignore_index
    terms = -np.take_along_axis(log_softmax(z), np.where(counts, labels, 0)[..., None], -1)[..., 0]
    return np.where(counts, terms, 0), 1.0 * counts


def _cpo(
    chosen: Array,
    rejected: Array,
    weight: Any = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    alpha: float = 1.0,
) -> Array:
    h = beta * (chosen - rejected)
    return _times((1 - label_smoothing) * softplus(-h) + label_smoothing * softplus(h) - alpha * chosen, weight)


def _simpo(
    chosen: Array,
    rejected: Array,
    chosen_lengths: Array,
    rejected_lengths: Array,
    weight: Any = None,
    beta: float = 2.0,
    label_smoothing: float = 0.0,
    margin: float = 1.0,
) -> Array:
    h = beta * (chosen / chosen_lengths - rejected / rejected_lengths) - margin
    return _times((1 - label_smoothing) * softplus(-h) + label_smoothing * softplus(h), weight)


def grpo_clip(
    a: Array,
    old: Array,
    advantage: Array,
    lengths: Any = None,
    low: float = 0.2,
    high: float = 0.2,
    normaliser: str = "sequence",
    reduction: str = "mean",
) -> Array:
    """Terms a token, 0 beyond the lengths; the mean divides by tokens of the answer, of all, or there might be."""
    n, T = a.shape
    sizes = np.full(n, T) if lengths is None else np.asarray(lengths)
    there = np.arange(T) < sizes[:, None]
    terms = np.where(there, _ppo_clip(np.where(there, a - old, 0), 0 * a, advantage[:, None], None, low, high), 0)
    if reduction == "none":
        return terms
    if reduction == "mean" and normaliser == "sequence":
        return np.asarray((terms.sum(-1) / np.maximum(sizes, 1)).mean())
    whole = max(sizes.sum(), 1) if normaliser == "token" else n * T
    return np.asarray(terms.sum() / {"sum": 1, "batchmean": n}.get(reduction, whole))


def _reverse_kl(z: Array, y: Array, weight: Any = None, temperature: float = 1.0) -> Array:
    return _distillation(y, z, weight, temperature)


def _adaptive_log_softmax(head: Array, tails: Array, labels: Array, cutoffs: Any = None) -> Array:
    starts = [head.shape[-1] - 1] if cutoffs is None else list(cutoffs)
    frequent = starts[0]
    ends = [*starts[1:], frequent + tails.shape[-1]]
    terms = []
    for near, far, y in zip(head, tails, labels, strict=True):
        k = int(np.searchsorted(starts, y, side="right")) - 1
        term = -log_softmax(near)[y if k < 0 else frequent + k]
        inside = far[starts[k] - frequent : ends[k] - frequent]
        terms.append(term if k < 0 else term - log_softmax(inside)[y - starts[k]])
    return np.array(terms)


TERMS: dict[str, Definition] = {
    "cost/cpo": _cpo,
    "cost/simpo": _simpo,
    "cost/kl_k1": lambda a, reference, weight=None: _times(a - reference, weight),
    "cost/reverse_kl": _reverse_kl,
    "cost/adaptive_log_softmax": _adaptive_log_softmax,
    "cost/z_loss": _z_loss,
    "cost/distillation": _distillation,
    "cost/linear_cross_entropy": _linear_cross_entropy,
    "cost/dpo": _dpo,
    "cost/ipo": _ipo,
    "cost/kto": _kto,
    "cost/orpo": _orpo,
    "cost/ppo_clip": _ppo_clip,
    "cost/kl_k3": _kl_k3,
}
