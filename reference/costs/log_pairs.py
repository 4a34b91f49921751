"""Logarithms of probabilities to twice the precision: pairs high + low along the first axis. That of 0 is (−∞, 0).

Sums over paths are taken in them: what is far below the largest keeps its digits, however long the paths are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.exact import total
from reference.formula import Array


def log_times(x: Array, high: Any, low: Any = 0.0) -> Array:
    """The logarithm of a product."""
    s, error = total(x[0], high)
    rest = np.where(np.isfinite(s), x[1] + low + error, 0)
    high = s + rest  # where s is all but 0, the rest is not small beside it
    return np.stack([high, np.where(np.isfinite(s), rest - (high - s), 0)])


def log_plus(x: Array, y: Array) -> Array:
    """The logarithm of a sum."""
    more, less = np.where(x[0] >= y[0], (x, y), (y, x))
    gap = np.where(np.isneginf(less[0]), -np.inf, less[0] - more[0] + (less[1] - more[1]))
    return log_times(more, np.log1p(np.exp(gap)))


def log_sum(x: Array) -> Array:
    """The logarithm of the sum over the last axis.  (2, ..., d) -> (2, ...)."""
    m = x[0].argmax(-1)[..., None]
    high, low = (np.take_along_axis(q, m, -1) for q in x)
    gap = np.where(np.isneginf(x[0]), -np.inf, x[0] - high + (x[1] - low))
    np.put_along_axis(gap, m, -np.inf, -1)
    return log_times(np.stack([high[..., 0], low[..., 0]]), np.log1p(np.exp(gap).sum(-1)))


def difference(x: Array, y: Array) -> Array:
    """x − y of logarithms that are floats, exactly; 0 where they are equal, −∞ too."""
    return np.where(x == y, 0.0, log_times(np.stack([x, np.zeros_like(x)]), -y))


def probability(x: Array) -> Array:
    """What x is the logarithm of."""
    return np.exp(x[0]) * (1 + x[1])
