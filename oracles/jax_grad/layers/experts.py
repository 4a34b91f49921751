"""Gated layers and routers in JAX, from its own activations, softmax and top-k."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition
from oracles.jax_grad import activations

ACTIVATIONS = {**activations.COMPOSED, **activations.OWN}


def _gated_mlp(x: Any, gate: Any, up: Any, down: Any, activation: str = "silu") -> Any:
    return (ACTIVATIONS[f"activation/{activation}"](x @ gate.T) * (x @ up.T)) @ down.T


def _chosen(logits: Any, k: int) -> Any:
    return jax.nn.one_hot(jax.lax.top_k(logits, k)[1], logits.shape[-1], dtype=logits.dtype).sum(-2)


def _router(logits: Any, k: int = 2, normalised: bool = True) -> Any:
    p = _chosen(logits, k) * jax.nn.softmax(logits, -1)
    return p / p.sum(-1, keepdims=True) if normalised else p


def _mean(x: Any, mask: Any) -> Any:
    """Over the rows that count."""
    return x.mean(0) if mask is None else jnp.where(mask.reshape(-1, *[1] * (x.ndim - 1)), x, 0).sum(0) / mask.sum()


def _load_balance(logits: Any, mask: Any = None, k: int = 1) -> Any:
    z = logits.reshape(-1, logits.shape[-1])
    return z.shape[-1] * (_mean(_chosen(z, k), mask) * _mean(jax.nn.softmax(z, -1), mask)).sum()


def _router_z(logits: Any, mask: Any = None) -> Any:
    return _mean(jax.nn.logsumexp(logits, -1).ravel() ** 2, mask)


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {
    "layer/gated_mlp": _gated_mlp,
    "layer/router": _router,
    "layer/load_balance": _load_balance,
    "layer/router_z": _router_z,
}
