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


DEFINITIONS: dict[str, Definition] = {"layer/layer_norm": _layer_norm, "layer/rms_norm": _rms_norm}
