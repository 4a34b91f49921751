"""Multi-head attention and rotary positions in JAX."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _multi_head_attention(
    x: Any,
    q_weight: Any,
    k_weight: Any,
    v_weight: Any,
    out_weight: Any,
    context: Any = None,
    mask: Any = None,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = False,
) -> Any:
    c = x if context is None else context
    shared = heads if kv_heads is None else kv_heads
    rows = ((x, q_weight, heads), (c, k_weight, shared), (c, v_weight, shared))
    q, k, v = ((t @ w.T).reshape(*t.shape[:-1], n, -1).swapaxes(-2, -3) for t, w, n in rows)
    k, v = (jnp.repeat(t, heads // shared, -3) for t in (k, v))
    z = q @ k.swapaxes(-1, -2) / math.sqrt(q.shape[-1])
    z = z if mask is None else jnp.where(mask, z, -jnp.inf)
    z = jnp.where(jnp.tri(z.shape[-2], z.shape[-1], dtype=bool), z, -jnp.inf) if causal else z
    y = (jax.nn.softmax(z, -1) @ v).swapaxes(-2, -3)
    return y.reshape(*x.shape[:-1], -1) @ out_weight.T


def _rotary(
    x: Any,
    positions: Any = None,
    base: float = 10000.0,
    dimension: int | None = None,
    interleaved: bool = False,
) -> Any:
    d = x.shape[-1] if dimension is None else dimension
    p = jnp.arange(x.shape[-2]) if positions is None else positions
    wide = jnp.promote_types(x.dtype, jnp.float32)  # a base of 500000 is infinite in float16
    angle = p.astype(wide)[..., None] * base ** (-jnp.arange(0, d, 2, dtype=wide) / d)
    c, s = jnp.cos(angle).astype(x.dtype), jnp.sin(angle).astype(x.dtype)
    part, rest = x[..., :d], x[..., d:]
    one, other = (part[..., ::2], part[..., 1::2]) if interleaved else jnp.split(part, 2, -1)
    pair = one * c - other * s, one * s + other * c
    turned = jnp.stack(pair, -1).reshape(part.shape) if interleaved else jnp.concatenate(pair, -1)
    return jnp.concatenate([turned, rest], -1)


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {"layer/multi_head_attention": _multi_head_attention, "layer/rotary": _rotary}
