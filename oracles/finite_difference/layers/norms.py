"""Normalisations for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition


def _layer_norm(x: Array, weight: Any = None, bias: Any = None, eps: float = 1e-5, axes: int = 1) -> Array:
    last = tuple(range(x.ndim - axes, x.ndim))
    r = x - x.mean(last, keepdims=True)
    y = r / np.sqrt((r * r).mean(last, keepdims=True) + eps)
    y = y if weight is None else weight * y
    return np.asarray(y if bias is None else y + bias)


def _rms_norm(x: Array, weight: Any = None, eps: float = 1e-6, offset: float = 0.0, axes: int = 1) -> Array:
    y = x / np.sqrt((x * x).mean(tuple(range(x.ndim - axes, x.ndim)), keepdims=True) + eps)
    return np.asarray(y if weight is None else (offset + weight) * y)


def _add_rms_norm(
    x: Array, residual: Array, weight: Any = None, eps: float = 1e-6, offset: float = 0.0
) -> dict[str, Array]:
    return {"value": _rms_norm(x + residual, weight, eps, offset), "sum": x + residual}


def _by_channel(y: Array, weight: Any, bias: Any) -> Array:
    shape = (-1, *[1] * (y.ndim - 2))
    y = y if weight is None else weight.reshape(shape) * y
    return y if bias is None else y + bias.reshape(shape)


def _batch_norm(x: Array, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> dict[str, Array]:
    others = (0, *range(2, x.ndim))
    r = x - x.mean(others, keepdims=True)
    y = r / np.sqrt((r * r).mean(others, keepdims=True) + eps)
    variance = (r * r).sum(others) / (x.size / x.shape[1] - 1)
    return {"value": _by_channel(y, weight, bias), "mean": x.mean(others), "variance": variance}


def _batch_norm_inference(
    x: Array, mean: Array, variance: Array, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Array:
    shape = (-1, *[1] * (x.ndim - 2))
    return _by_channel((x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + eps), weight, bias)


def _group_norm(x: Array, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5) -> Array:
    y = _layer_norm(x.reshape(x.shape[0], groups or x.shape[1], -1), eps=eps).reshape(x.shape)
    return _by_channel(y, weight, bias)


def _weight_norm(w: Array, g: Array) -> Array:
    length = np.sqrt((w * w).sum(tuple(range(1, w.ndim)), keepdims=True))
    return np.asarray(g.reshape(length.shape) * w / length)


def _local_response_norm(x: Array, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Array:
    y = np.empty_like(x)
    for j in range(x.shape[1]):
        near = x[:, max(0, j - size // 2) : j + (size - 1) // 2 + 1]
        y[:, j] = x[:, j] / (k + alpha / size * (near * near).sum(1)) ** beta
    return y


DEFINITIONS: dict[str, Definition] = {
    "layer/layer_norm": _layer_norm,
    "layer/rms_norm": _rms_norm,
    "layer/add_rms_norm": _add_rms_norm,
    "layer/batch_norm": _batch_norm,
    "layer/batch_norm_inference": _batch_norm_inference,
    "layer/group_norm": _group_norm,
    "layer/local_response_norm": _local_response_norm,
    "layer/weight_norm": _weight_norm,
}
