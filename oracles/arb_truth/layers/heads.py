"""Multi-head attention and rotary positions over balls."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.functions import applied, log
from oracles.arb_truth.layers.attention import attention
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.layers.linear import through
from oracles.arb_truth.numbers import Array, Scalar

Option = Any  # a parameter that is given as it is


@layer("heads >= 1", heads=1, kv_heads=None, causal=False)
def multi_head_attention(
    x: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    context: Array | None = None,
    mask: Array | None = None,
    *,
    heads: Option,
    kv_heads: Option,
    causal: Option,
) -> Array:
    """Attention of the heads of xW_qᵀ to those of cW_kᵀ and cW_vᵀ, put side by side, and W_o."""
    c, shared = x if context is None else context, heads if kv_heads is None else kv_heads

    def of_heads(rows: Array, weight: Array, count: int) -> Array:
        z = through(rows, weight)
        return np.moveaxis(z.reshape(*z.shape[:-1], count, -1), -2, -3)

    q, k, v = of_heads(x, q_weight, heads), of_heads(c, k_weight, shared), of_heads(c, v_weight, shared)
    options = {"scale": None, "causal": causal, "window": None, "offset": 0, "softcap": None}
    y = np.moveaxis(attention(q, k, v, mask=mask, **options)["value"], -3, -2)
    return through(y.reshape(*x.shape[:-1], -1), out_weight)


@layer("base > 0", base=10000.0, dimension=None, interleaved=False)
def rotary(x: Array, positions: Array | None = None, *, base: Scalar, dimension: Option, interleaved: Option) -> Array:
    """(x₁ cos pθ − x₂ sin pθ, x₁ sin pθ + x₂ cos pθ) for every pair, θ = base^(−2j/d)."""
    d = x.shape[-1] if dimension is None else dimension
    places = np.broadcast_to(np.arange(x.shape[-2]) if positions is None else positions, x.shape[:-1])
    y = x.copy()
    for i in np.ndindex(x.shape[:-1]):
        for j in range(d // 2):
            angle = (log(base) * (arb(-2 * j) / d)).exp() * int(places[i])
            c, s = applied(lambda t: t.cos(), angle), applied(lambda t: t.sin(), angle)
            one, other = ((*i, 2 * j), (*i, 2 * j + 1)) if interleaved else ((*i, j), (*i, j + d // 2))
            y[one], y[other] = x[one] * c - x[other] * s, x[one] * s + x[other] * c
    return y
