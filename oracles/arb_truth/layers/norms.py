"""Normalisations over balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.functions import by_row, entrywise, norm, power, sum_of_squares, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar

Option = Any  # a parameter that is given as it is


def _by_rows(function: Any, x: Array, axes: int) -> Array:
    """`function` of what stands on the last axes, as one row."""
    rows = x.reshape(*x.shape[: x.ndim - axes], -1)
    return by_row(function, rows).reshape(x.shape)


def _standardized(row: Array, eps: Scalar) -> Array:
    r = row - total(row) / len(row)
    return np.asarray(r / (sum_of_squares(r) / len(row) + eps).sqrt())


@layer("eps >= 0 and axes >= 1", eps=1e-5, axes=1)
def layer_norm(x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: Scalar, axes: Option) -> Array:
    """w·(x − μ)/√(mean (x − μ)² + ε) + b."""
    y = _by_rows(lambda row: _standardized(row, eps), x, axes)
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


@layer("eps >= 0 and axes >= 1", eps=1e-6, offset=0.0, axes=1)
def rms_norm(x: Array, weight: Array | None = None, *, eps: Scalar, offset: Scalar, axes: Option) -> Array:
    """(c + w)·x/√(mean x² + ε)."""
    y = _by_rows(lambda row: row / (sum_of_squares(row) / len(row) + eps).sqrt(), x, axes)
    return y if weight is None else np.asarray((offset + weight) * y)


@layer("eps >= 0", eps=1e-6, offset=0.0)
def add_rms_norm(
    x: Array, residual: Array, weight: Array | None = None, *, eps: Scalar, offset: Scalar
) -> dict[str, Array]:
    """x + r, and its RMS norm."""
    h = x + residual
    return {"value": rms_norm(h, weight, eps=eps, offset=offset, axes=1), "sum": h}


def _by_channel(y: Array, weight: Array | None, bias: Array | None) -> Array:
    shape = (-1, *[1] * (y.ndim - 2))
    y = y if weight is None else weight.reshape(shape) * y
    return y if bias is None else y + bias.reshape(shape)


@layer("eps >= 0", eps=1e-5)
def batch_norm(x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: Scalar) -> dict[str, Array]:
    """Every channel standardised over the batch; its mean, and its variance with one less in the divisor."""
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)
    y = by_row(lambda row: _standardized(row, eps), rows).reshape(x.shape[1], x.shape[0], *x.shape[2:])
    mean = by_row(lambda row: total(row) / len(row), rows)
    variance = by_row(lambda row: sum_of_squares(row - total(row) / len(row)) / (len(row) - 1), rows)
    return {"value": _by_channel(np.moveaxis(y, 0, 1), weight, bias), "mean": mean, "variance": variance}


@layer("eps >= 0", eps=1e-5)
def batch_norm_inference(
    x: Array, mean: Array, variance: Array, weight: Array | None = None, bias: Array | None = None, *, eps: Scalar
) -> Array:
    """w·(x − μ)/√(variance + ε) + b, by channels."""
    shape = (-1, *[1] * (x.ndim - 2))
    sigma = entrywise(lambda q: (q + eps).sqrt())(variance)
    return _by_channel((x - mean.reshape(shape)) / sigma.reshape(shape), weight, bias)


@layer("eps >= 0 and groups >= 0", eps=1e-5, groups=1)
def group_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, groups: Option, eps: Scalar
) -> Array:
    """Every group of channels of an example standardised; 0 groups: one for each channel."""
    rows = x.reshape(x.shape[0], groups or x.shape[1], -1)
    return _by_channel(by_row(lambda row: _standardized(row, eps), rows).reshape(x.shape), weight, bias)


@layer("size >= 1 and alpha >= 0 and beta >= 0 and k > 0", size=5, alpha=1e-4, beta=0.75, k=1.0)
def local_response_norm(x: Array, *, size: Option, alpha: Scalar, beta: Scalar, k: Scalar) -> Array:
    """x/(k + (α/size)·Σ x²)^β over the neighbours of every channel."""

    before, after = int(size) // 2, (int(size) - 1) // 2

    def row(u: Array) -> Array:
        y = np.empty(u.shape, object)
        for j in range(len(u)):
            near = u[max(0, j - before) : j + after + 1]
            y[j] = u[j] / power(k + alpha / size * sum_of_squares(near), beta)
        return y

    return np.moveaxis(by_row(row, np.moveaxis(x, 1, -1)), -1, 1)


@layer()
def weight_norm(w: Array, g: Array) -> Array:
    """g·w/‖w‖, row by row."""
    return by_row(lambda row, length: row * (length / norm(row)), w.reshape(len(w), -1), g).reshape(w.shape)
