"""Normalisations in JAX, whose `standardize` is the middle of most of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _last(x: Any, axes: int) -> tuple[int, ...]:
    return tuple(range(x.ndim - axes, x.ndim))


def _layer_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, axes: int = 1) -> Any:
    y = jax.nn.standardize(x, axis=_last(x, axes), epsilon=eps)
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


def _rms_norm(x: Any, weight: Any = None, eps: float = 1e-6, offset: float = 0.0, axes: int = 1) -> Any:
    y = x * jax.lax.rsqrt(jnp.square(x).mean(_last(x, axes), keepdims=True) + eps)
    return y if weight is None else (offset + weight) * y


def _add_rms_norm(x: Any, residual: Any, weight: Any = None, eps: float = 1e-6, offset: float = 0.0) -> dict[str, Any]:
    return {"value": _rms_norm(x + residual, weight, eps, offset), "sum": x + residual}


def _by_channel(y: Any, weight: Any, bias: Any) -> Any:
    shape = (-1, *[1] * (y.ndim - 2))
    y = y if weight is None else weight.reshape(shape) * y
    return y if bias is None else y + bias.reshape(shape)


def _batch_norm(x: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> dict[str, Any]:
    others = (0, *range(2, x.ndim))
    y = _by_channel(jax.nn.standardize(x, axis=others, epsilon=eps), weight, bias)
    return {"value": y, "mean": x.mean(others), "variance": x.var(others, ddof=1)}


def _batch_norm_inference(
    x: Any, mean: Any, variance: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    shape = (-1, *[1] * (x.ndim - 2))
    y = (x - mean.reshape(shape)) * jax.lax.rsqrt(variance.reshape(shape) + eps)
    return _by_channel(y, weight, bias)


def _group_norm(x: Any, weight: Any = None, bias: Any = None, groups: int = 1, eps: float = 1e-5) -> Any:
    rows = x.reshape(x.shape[0], groups or x.shape[1], -1)
    return _by_channel(jax.nn.standardize(rows, axis=-1, epsilon=eps).reshape(x.shape), weight, bias)


def _weight_norm(w: Any, g: Any) -> Any:
    length = jnp.sqrt(jnp.square(w).sum(tuple(range(1, w.ndim)), keepdims=True))
    return g.reshape(length.shape) * w / length


def _local_response_norm(x: Any, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Any:
    ends = [(0, 0), (size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2)
    squares = jnp.pad(x * x, ends)
    total = sum(squares[:, p : p + x.shape[1]] for p in range(size))
    return x / (k + alpha / size * total) ** beta


OWN: dict[str, Definition] = {
    "layer/layer_norm": _layer_norm,
    "layer/batch_norm": _batch_norm,
    "layer/group_norm": _group_norm,
}
COMPOSED: dict[str, Definition] = {
    "layer/rms_norm": _rms_norm,
    "layer/add_rms_norm": _add_rms_norm,
    "layer/batch_norm_inference": _batch_norm_inference,
    "layer/local_response_norm": _local_response_norm,
    "layer/weight_norm": _weight_norm,
}
