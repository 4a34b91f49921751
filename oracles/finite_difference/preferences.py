"""Terms of costs of preferences and policies, for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.functions import sigmoid, softplus


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


TERMS: dict[str, Definition] = {
    "cost/dpo": _dpo,
    "cost/ipo": _ipo,
    "cost/kto": _kto,
    "cost/orpo": _orpo,
    "cost/ppo_clip": _ppo_clip,
    "cost/kl_k3": _kl_k3,
}
