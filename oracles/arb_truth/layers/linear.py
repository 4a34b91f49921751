"""Linear maps and tables over balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.functions import dot
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, ball

Option = Any  # a parameter that is given as it is


def through(x: Array, weight: Array) -> Array:
    """⟨x, w⟩ for every row of x and of the matrix.  (..., d), (m, d) -> (..., m)."""
    y = np.empty((*x.shape[:-1], weight.shape[0]), object)
    for i in np.ndindex(y.shape):
        y[i] = dot(x[i[:-1]], weight[i[-1]])
    return y


@layer()
def linear(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """xWᵀ + b."""
    y = through(x, weight)
    return y if bias is None else np.asarray(y + bias)


@layer()
def bilinear(x1: Array, x2: Array, weight: Array, bias: Array | None = None) -> Array:
    """x₁ᵀWx₂ + b for each matrix."""
    y = np.empty((*x1.shape[:-1], len(weight)), object)
    for i in np.ndindex(y.shape):
        y[i] = dot(x1[i[:-1]], through(x2[i[:-1]], weight[i[-1]]))
    return y if bias is None else np.asarray(y + bias)


@layer(alpha=1.0)
def lora(x: Array, weight: Array, a: Array, b: Array, *, alpha: Scalar) -> Array:
    """xWᵀ + (α/r)·xAᵀBᵀ."""
    return np.asarray(through(x, weight) + through(through(x, a), b) * (alpha / a.shape[0]))


@layer(padding_idx=None, scale_grad_by_freq=False)
def embedding(weight: Array, indices: Array, *, padding_idx: Option, scale_grad_by_freq: Option) -> Array:
    """W[indices]; what is to have no gradient is there as its ball alone."""
    y = np.empty((*indices.shape, weight.shape[1]), object)
    for i in np.ndindex(indices.shape):
        times = int((indices == indices[i]).sum()) if scale_grad_by_freq else 1
        for j, w in enumerate(weight[int(indices[i])]):
            y[(*i, j)] = ball(w) if indices[i] == padding_idx else ball(w) + (w - ball(w)) / times
    return y
