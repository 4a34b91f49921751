"""Linear maps and tables for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition


def _linear(x: Array, weight: Array, bias: Any = None) -> Array:
    y = x @ weight.T
    return np.asarray(y if bias is None else y + bias)


def _lora(x: Array, weight: Array, a: Array, b: Array, alpha: float = 1.0) -> Array:
    return np.asarray(x @ weight.T + (alpha / a.shape[0]) * (x @ a.T @ b.T))


def _embedding(
    weight: Array, indices: Array, padding_idx: int | None = None, scale_grad_by_freq: bool = False
) -> Array:
    """What has no gradient loses its imaginary part."""
    rows = np.arange(len(weight))[:, None]
    times = np.maximum(np.bincount(indices.ravel(), minlength=len(weight)), 1)[:, None] if scale_grad_by_freq else 1
    share = np.where(rows == padding_idx, 0, 1 / times)
    return np.asarray(weight.real + share * (weight - weight.real))[indices]


def _bilinear(x1: Array, x2: Array, weight: Array, bias: Any = None) -> Array:
    y = np.einsum("...k,jkl,...l->...j", x1, weight, x2)
    return np.asarray(y if bias is None else y + bias)


DEFINITIONS: dict[str, Definition] = {
    "layer/linear": _linear,
    "layer/bilinear": _bilinear,
    "layer/lora": _lora,
    "layer/embedding": _embedding,
}
