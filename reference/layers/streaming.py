"""Attention block by block, as FlashAttention has it: no table of T × S weights is ever in memory.

Forward, over blocks of keys, each query has of the keys so far the largest logit m, the total L = Σ e^(z − m) and the
sum A = Σ e^(z − m)·v: (e,). A block whose largest logit lifts m to m′ multiplies both by e^(m − m′) before it adds its
own. It begins with m = −∞, L = 0, A = 0. At the end Y = A/L, 0 where no key is seen, and
lse = m + log L, which is all that is kept.

Back, block by block again: P = e^(Z − lse) is made a second time, and since Y = PV,

    Σₛ P∘U = Σₛ P·⟨dY, Vₛ⟩ = ⟨dY, Y⟩,    dZ = P∘(U − ⟨dY, Y⟩ + g),

so that a block needs of the others one number a query. All else is as in `reference.layers.attention`, without bias,
bound and sink: Z = scale·QKᵀ; dY, U and g are as there. The subtraction U − ⟨dY, Y⟩ cancels where one key outweighs
the others: this is the same function, not the most accurate one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from reference.formula import Array
from reference.layers.attention import band, heads_of, logits_of, optional
from reference.layers.layer import Gradients, Pullback, layer


@layer("value", "lse")
def streaming_attention(
    q: Array,
    k: Array,
    v: Array,
    *,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    block: int = 128,
) -> tuple[tuple[Array, Array], Pullback]:
    """Attention by blocks.  q: (..., H, T, d), k: (..., H/G, S, d), v: (..., H/G, S, e) -> (..., T, e), (..., T).

    Arguments, outputs, value: (..., H, T, e) and lse: (..., H, T), and errors as those of `attention`; `block` is how
    many keys are taken at once. ValueError for a block of no keys.
    """
    heads = heads_of(q, k, v)
    T, S = q.shape[-2], k.shape[-2]
    factor = optional("scale", scale, positive=False)
    factor = 1 / math.sqrt(q.shape[-1]) if factor is None else factor
    width = optional("window", window, int)
    if block < 1:
        raise ValueError(f"block = {block}; need one key or more")

    def blocks() -> Iterator[tuple[slice, Array, Array, Array]]:
        """Which keys, these keys and values, and their logits, −∞ where one is not seen."""
        for first in range(0, S, block):
            keys = slice(first, min(first + block, S))
            K, V = heads.k[..., keys, :], heads.v[..., keys, :]  # (..., 1, b, d), (..., 1, b, e)
            seen = band(T, keys.stop - first, causal, width, offset - first)  # (T, b)
            yield keys, K, V, np.where(seen, logits_of(heads.q, K, factor), -np.inf)  # (..., G, T, b)

    shape = heads.q.shape[:-1]  # (..., G, T)
    m, L, A = np.full((*shape, 1), -np.inf), np.zeros((*shape, 1)), np.zeros((*shape, v.shape[-1]))
    for _, _, V, z in blocks():
        higher = np.maximum(m, z.max(-1, keepdims=True))
        from_here = np.where(higher == -np.inf, 0, higher)
        shrink, e = np.exp(m - from_here), np.exp(z - from_here)
        m, L, A = higher, L * shrink + e.sum(-1, keepdims=True), A * shrink + e @ V
    Y = A / np.where(L == 0, 1, L)  # (..., G, T, e)
    lse = m + np.log(L)  # (..., G, T, 1)

    def pullback(v_value: Array, v_lse: Array) -> Gradients:
        dY, g = v_value.reshape(Y.shape), v_lse.reshape(lse.shape)
        mean = (dY * Y).sum(-1, keepdims=True)  # (..., G, T, 1)
        dq, dk, dv = np.zeros_like(heads.q), np.zeros_like(k), np.zeros_like(v)
        for keys, K, V, z in blocks():
            P = np.exp(z - np.where(lse == -np.inf, 0, lse))  # (..., G, T, b)
            dZ = factor * P * (dY @ V.swapaxes(-1, -2) - mean + g)
            dq += dZ @ K
            dk[..., keys, :] = (dZ.swapaxes(-1, -2) @ heads.q).sum(-3)
            dv[..., keys, :] = (P.swapaxes(-1, -2) @ dY).sum(-3)
        return {"q": dq.reshape(q.shape), "k": dk, "v": dv}

    return (Y.reshape(*q.shape[:-1], v.shape[-1]), lse.reshape(q.shape[:-1])), pullback
