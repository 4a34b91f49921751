"""Multi-head attention and rotary positions for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.layers.attention import DEFINITIONS as ATTENTION


def _multi_head_attention(
    x: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    context: Any = None,
    mask: Any = None,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = False,
) -> Array:
    c = x if context is None else context
    shared = heads if kv_heads is None else kv_heads
    rows = ((x, q_weight, heads), (c, k_weight, shared), (c, v_weight, shared))
    q, k, v = ((t @ w.T).reshape(*t.shape[:-1], n, -1).swapaxes(-2, -3) for t, w, n in rows)
    y = ATTENTION["layer/attention"](q, k, v, mask=mask, causal=causal)["value"].swapaxes(-2, -3)
    return np.asarray(y.reshape(*x.shape[:-1], -1) @ out_weight.T)


def _rotary(
    x: Array,
    positions: Any = None,
    base: float = 10000.0,
    dimension: int | None = None,
    interleaved: bool = False,
) -> Array:
    """Pairs as complex numbers would be shorter, but here the imaginary part is taken."""
    d = x.shape[-1] if dimension is None else dimension
    p = np.arange(x.shape[-2]) if positions is None else positions
    angle = p[..., None] * base ** (-np.arange(0, d, 2) / d)
    c, s = np.cos(angle), np.sin(angle)
    j = np.arange(d // 2)
    one, other = (2 * j, 2 * j + 1) if interleaved else (j, j + d // 2)
    y = x.copy()
    y[..., one] = x[..., one] * c - x[..., other] * s
    y[..., other] = x[..., one] * s + x[..., other] * c
    return y


DEFINITIONS: dict[str, Definition] = {"layer/multi_head_attention": _multi_head_attention, "layer/rotary": _rotary}
