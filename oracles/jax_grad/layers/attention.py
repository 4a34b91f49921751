"""Attention in JAX: its own function for the values; what it does not give or know (lse, sinks, bounds) by hand."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _attention(
    q: Any,
    k: Any,
    v: Any,
    bias: Any = None,
    mask: Any = None,
    sink: Any = None,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    softcap: float | None = None,
) -> dict[str, Any]:
    T, S = q.shape[-2], k.shape[-2]
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    ahead = jnp.arange(S) - (jnp.arange(T)[:, None] + offset)
    seen = jnp.ones((T, S), bool) if mask is None else mask
    seen = seen & (ahead <= 0) if causal else seen
    seen = seen if window is None else seen & (abs(ahead) < window)
    keys, values = (x if group == 1 else jnp.repeat(x, group, -3) for x in (k, v))
    z = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * q @ keys.swapaxes(-1, -2)
    z = z if softcap is None else softcap * jnp.tanh(z / softcap)
    z = jnp.where(seen, z if bias is None else z + bias, -jnp.inf)
    if sink is not None:
        z = jnp.concatenate([z, jnp.broadcast_to(sink[..., None], q.shape[:-1])[..., None]], -1)
    lse = jax.nn.logsumexp(z, -1)
    if softcap is None and sink is None and q.shape[-1] == v.shape[-1] and q.ndim < 5:
        plain = mask is None and window is None and offset == 0
        value = _own(q, k, v, bias, None if plain else seen, scale, plain and causal)
    else:
        value = jax.nn.softmax(z, -1)[..., :S] @ values
    return {"value": value, "lse": lse}


def _own(q: Any, k: Any, v: Any, bias: Any, seen: Any, scale: float | None, causal: bool) -> Any:
    """`jax.nn.dot_product_attention`, which wants heads behind positions and as many entries of values as of keys."""

    def four(x: Any) -> Any:
        return x.reshape((1,) * (4 - x.ndim) + x.shape)

    q4, k4, v4 = (four(x).swapaxes(1, 2) for x in (q, k, v))
    b4, seen4 = (None if x is None else four(x) for x in (bias, seen))
    y = jax.nn.dot_product_attention(q4, k4, v4, b4, seen4, scale=scale, is_causal=causal)
    return y.swapaxes(1, 2).reshape(*q.shape[:-1], v.shape[-1])


OWN: dict[str, Definition] = {"layer/attention": _attention}
COMPOSED: dict[str, Definition] = {}
