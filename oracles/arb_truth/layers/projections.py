"""Projections onto distributions over balls, and dynamic tanh."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.functions import above, by_row, largest, surprises, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Imprecise, Scalar, ball, objects

Option = Any  # a parameter that is given as it is


def _down(row: Array) -> list[Scalar]:
    """A row from its largest entry down: entries that no precision orders are equal, and in any order."""
    return sorted(row, key=lambda u: -float(ball(u).mid()))


@layer()
def sparsemax(z: Array) -> Array:
    """max(z − t, 0), t the largest of the thresholds of the k largest entries, k = 1 … d: each makes those sum to 1."""

    def projected(row: Array) -> Array:
        down = _down(row)
        t = largest([(total(down[:k]) - 1) / k for k in range(1, len(down) + 1)])
        return objects([above(u - t) for u in row])

    return by_row(projected, z)


@layer()
def entmax(z: Array) -> Array:
    """max(z/2 − t, 0)², with t such that they sum to 1."""
    return by_row(lambda row: objects([s * s for s in lengths(row)]), z)


def lengths(row: Array) -> list[Scalar]:
    """max(z/2 − t, 0), with t such that their squares sum to 1."""
    down = [u / 2 for u in _down(row)]
    t = _threshold(down[:1])
    for k in range(2, len(down) + 1):
        if ball(down[k - 1]) <= ball(t):
            break
        if not ball(down[k - 1]) > ball(t):
            raise Imprecise("whether an entry lies above the threshold is not decided")
        t = _threshold(down[:k])
    return [above(u / 2 - t) for u in row]


def _threshold(x: list[Scalar]) -> Scalar:
    """t < x with Σ(x − t)² = 1."""
    mean = total(x) / len(x)
    spread = total([(u - mean) * (u - mean) for u in x])
    return mean - ((1 - spread) / len(x)).sqrt()


@layer("temperature > 0", temperature=1.0, iterations=3)
def sinkhorn(z: Array, *, temperature: Scalar, iterations: Option) -> Array:
    """Rows divided by their sums, then columns, so many times, of e^(z/T); in logarithms."""
    logs = np.asarray(z / temperature, object)
    for _ in range(int(iterations)):
        for axis in (-1, -2):
            rows = by_row(lambda row: objects([-u for u in surprises(row)]), np.moveaxis(logs, axis, -1))
            logs = np.moveaxis(rows, -1, axis)
    return np.asarray(np.exp(logs))


@layer()
def dynamic_tanh(x: Array, alpha: Array, weight: Array | None = None, bias: Array | None = None) -> Array:
    """w·tanh(αx) + b."""
    ends = np.asarray(alpha * x, object)
    y = objects([1 - 2 / ((2 * u).exp() + 1) for u in ends.ravel()]).reshape(x.shape)
    y = y if weight is None else weight * y
    return y if bias is None else np.asarray(y + bias)
