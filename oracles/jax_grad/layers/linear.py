"""Linear maps and tables in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _linear(x: Any, weight: Any, bias: Any = None) -> Any:
    y = x @ weight.T
    return y if bias is None else y + bias


def _bilinear(x1: Any, x2: Any, weight: Any, bias: Any = None) -> Any:
    y = jnp.einsum("...k,jkl,...l->...j", x1, weight, x2)
    return y if bias is None else y + bias


def _lora(x: Any, weight: Any, a: Any, b: Any, alpha: float = 1.0) -> Any:
    return x @ weight.T + (alpha / a.shape[0]) * (x @ a.T @ b.T)


def _embedding(weight: Any, indices: Any, padding_idx: int | None = None, scale_grad_by_freq: bool = False) -> Any:
    """What has no gradient is held fixed: the row of the padding, and of a row that is read n times, n − 1 shares."""
    fixed = jax.lax.stop_gradient(weight)
    if scale_grad_by_freq:
        times = jnp.bincount(indices.ravel(), length=len(weight))
        weight = fixed + (weight - fixed) / jnp.maximum(times, 1)[:, None].astype(weight.dtype)
    if padding_idx is not None:
        weight = weight.at[padding_idx].set(fixed[padding_idx])
    return jnp.take(weight, indices, axis=0)


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {
    "layer/linear": _linear,
    "layer/bilinear": _bilinear,
    "layer/lora": _lora,
    "layer/embedding": _embedding,
}
