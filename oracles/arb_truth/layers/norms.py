"""Normalisations over balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.functions import by_row, sum_of_squares, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar

Option = Any  # a parameter that is given as it is


def _by_rows(function: Any, x: Array, axes: int) -> Array:
    """`function` of what stands on the last axes, as one row."""
    rows = x.reshape(*x.shape[: x.ndim - axes], -1)
    return by_row(function, rows).reshape(x.shape)


@layer("eps >= 0 and axes >= 1", eps=1e-5, axes=1)
def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: Scalar, axes: Option) -> Array:
    """w·(x − μ)/√(mean (x − μ)² + ε) + b."""

    def normalised(row: Array) -> Array:
        r = row - total(row) / len(row)
        return r / (sum_of_squares(r) / len(row) + eps).sqrt()

    y = _by_rows(normalised, x, axes)
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


@layer("eps >= 0 and axes >= 1", eps=1e-6, offset=0.0, axes=1)
def rms_norm(x: Array, weight: Array | None = None, *, eps: Scalar, offset: Scalar, axes: Option) -> Array:
    """(c + w)·x/√(mean x² + ε)."""
    y = _by_rows(lambda row: row / (sum_of_squares(row) / len(row) + eps).sqrt(), x, axes)
    return y if weight is None else np.asarray((offset + weight) * y)
