"""Projections onto distributions, and dynamic tanh, for complex arrays: supports by real parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition


def _sparsemax(z: Array) -> Array:
    down, k = np.take_along_axis(z, np.argsort(-z.real, -1), -1), np.arange(1, z.shape[-1] + 1)
    sums = np.cumsum(down, -1)
    size = (1 + k * down.real > sums.real).sum(-1, keepdims=True)
    r = z - (np.take_along_axis(sums, size - 1, -1) - 1) / size
    return np.where(r.real > 0, r, 0)


def entmax(z: Array) -> Array:
    """max(z/2 − t, 0)²."""
    x = (z - z.real.max(-1, keepdims=True)) / 2
    down, k = np.take_along_axis(x, np.argsort(-x.real, -1), -1), np.arange(1, z.shape[-1] + 1)
    mean = np.cumsum(down, -1) / k
    spread = np.cumsum(down**2, -1) - k * mean**2
    inside = (spread.real <= 1) & (down.real >= (mean - np.sqrt(np.maximum(1 - spread.real, 0) / k)).real)
    size = inside.sum(-1, keepdims=True)
    mean, spread = (np.take_along_axis(a, size - 1, -1) for a in (mean, spread))
    r = x - mean + np.sqrt((1 - spread) / size)
    return np.where(r.real > 0, r * r, 0)


def _log_softmax(z: Array, axis: int) -> Array:
    z = z - z.real.max(axis, keepdims=True)
    return np.asarray(z - np.log(np.exp(z).sum(axis, keepdims=True)))


def _sinkhorn(z: Array, temperature: float = 1.0, iterations: int = 3) -> Array:
    logs = z / temperature
    for _ in range(int(iterations)):
        logs = _log_softmax(_log_softmax(logs, -1), -2)
    return np.exp(logs)


def _dynamic_tanh(x: Array, alpha: Array, weight: Any = None, bias: Any = None) -> Array:
    y = np.tanh(alpha * x)
    y = y if weight is None else weight * y
    return np.asarray(y if bias is None else y + bias)


DEFINITIONS: dict[str, Definition] = {
    "layer/sparsemax": _sparsemax,
    "layer/entmax": entmax,
    "layer/sinkhorn": _sinkhorn,
    "layer/dynamic_tanh": _dynamic_tanh,
}
