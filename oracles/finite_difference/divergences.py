"""Terms of divergences, Fenchel–Young costs and rankings, for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.functions import absolute, log_softmax, xlogy
from oracles.finite_difference.layers.projections import entmax


def _sparsemax(z: Array, y: Array) -> Array:
    u = (1 - 2 * y) * z
    return np.where(u.real <= -1, 0, np.where(u.real < 1, (u + 1) * (u + 1) / 4, u))


def _multiclass_sparsemax(z: Array, labels: Array) -> Array:
    """⟨p, z⟩ − ½‖p‖² + ½ − z_y, p the distribution that is nearest to z."""
    down = np.take_along_axis(z, np.argsort(-z.real, -1), -1)
    k = np.arange(1, z.shape[-1] + 1)
    size = (1 + k * down.real > np.cumsum(down.real, -1)).sum(-1, keepdims=True)
    t = (np.where(k <= size, down, 0).sum(-1, keepdims=True) - 1) / size
    p = np.where(z.real > t.real, z - t, 0)
    aim = np.take_along_axis(z, labels[..., None], -1)
    return np.asarray((p * (z - aim) - p * p / 2).sum(-1) + 0.5)


def _entmax(z: Array, labels: Array) -> Array:
    p, aim = entmax(z), np.take_along_axis(z, labels[..., None], -1)
    return np.asarray((p * (z - aim)).sum(-1) + (1 - (p * np.sqrt(p)).sum(-1)) * 4 / 3)


def _ranking_softmax(z: Array, y: Array, mask: Any = None) -> Any:
    there = np.ones(z.shape, bool) if mask is None else np.asarray(mask).real != 0
    counts = np.asarray(there.any(-1))
    some = np.where(there, z, np.where(counts[..., None], -np.inf, 0))
    surprise = np.where(there, -log_softmax(some), 0)
    return (np.where(there, y, 0) * surprise).sum(-1), 1.0 * counts


TERMS: dict[str, Definition] = {
    "cost/generalized_kl": lambda a, y: xlogy(y, y) - y * a + np.exp(a) - y,
    "cost/total_variation": lambda p, q: absolute(p - q).sum(-1) / 2,
    "cost/sparsemax": _sparsemax,
    "cost/multiclass_sparsemax": _multiclass_sparsemax,
    "cost/entmax": _entmax,
    "cost/ranking_softmax": _ranking_softmax,
}
