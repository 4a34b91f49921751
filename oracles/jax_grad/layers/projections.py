"""Projections onto distributions, and dynamic tanh, written out in JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _sparsemax(z: Any) -> Any:
    down, k = -jnp.sort(-z, -1), jnp.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    sums = jnp.cumsum(down, -1)
    inside = 1 + k * down > sums
    size = inside.sum(-1, keepdims=True)
    return jax.nn.relu(z - (jnp.where(inside, down, 0).sum(-1, keepdims=True) - 1) / size)


def entmax(z: Any) -> Any:
    """max(z/2 − t, 0)²."""
    x = (z - z.max(-1, keepdims=True)) / 2
    down, k = -jnp.sort(-x, -1), jnp.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    means = jnp.cumsum(down, -1) / k
    spreads = jnp.cumsum(down**2, -1) - k * means**2
    inside = down >= means - jnp.sqrt(jnp.maximum(1 - spreads, 0) / k)
    size = inside.sum(-1, keepdims=True)
    mean = jnp.where(inside, down, 0).sum(-1, keepdims=True) / size
    spread = jnp.where(inside, (down - mean) ** 2, 0).sum(-1, keepdims=True)
    return jax.nn.relu(x - mean + jnp.sqrt((1 - spread) / size)) ** 2


def _sinkhorn(z: Any, temperature: float = 1.0, iterations: int = 3) -> Any:
    logs = z / temperature
    for _ in range(int(iterations)):
        logs = jax.nn.log_softmax(jax.nn.log_softmax(logs, -1), -2)
    return jnp.exp(logs)


def _dynamic_tanh(x: Any, alpha: Any, weight: Any = None, bias: Any = None) -> Any:
    y = jnp.tanh(alpha * x)
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {
    "layer/sparsemax": _sparsemax,
    "layer/entmax": entmax,
    "layer/sinkhorn": _sinkhorn,
    "layer/dynamic_tanh": _dynamic_tanh,
}
