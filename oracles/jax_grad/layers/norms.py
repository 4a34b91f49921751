"""Normalisations in JAX: Flax has them as modules, which take eps and axes but no offset."""

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


OWN: dict[str, Definition] = {"layer/layer_norm": _layer_norm}
COMPOSED: dict[str, Definition] = {"layer/rms_norm": _rms_norm}
