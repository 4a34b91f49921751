"""Multi-head attention and rotary positions in PyTorch, which has the former for heads that share no keys."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _multi_head_attention(
    x: Tensor,
    q_weight: Tensor,
    k_weight: Tensor,
    v_weight: Tensor,
    out_weight: Tensor,
    context: Tensor | None = None,
    mask: Tensor | None = None,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = False,
) -> Tensor:
    c = x if context is None else context
    shared = heads if kv_heads is None else kv_heads
    seen = torch.ones(x.shape[-2], c.shape[-2], dtype=torch.bool) if mask is None else mask
    seen = seen & (torch.arange(c.shape[-2]) <= torch.arange(x.shape[-2])[:, None]) if causal else seen
    square = len({x.shape[-1], *(w.shape[0] for w in (q_weight, k_weight, v_weight, out_weight))}) == 1
    if square and x.dim() == 2 and seen.dim() == 2:
        y, _ = F.multi_head_attention_forward(
            x[:, None], c[:, None], c[:, None], x.shape[-1], heads, None, None, None, None, False, 0.0,
            out_weight, None, need_weights=False, attn_mask=~seen,
            use_separate_proj_weight=True, q_proj_weight=q_weight, k_proj_weight=k_weight, v_proj_weight=v_weight,
        )  # fmt: skip
        return y[:, 0]
    rows = ((x, q_weight, heads), (c, k_weight, shared), (c, v_weight, shared))
    q, k, v = (F.linear(t, w).unflatten(-1, (n, -1)).transpose(-2, -3) for t, w, n in rows)
    y = F.scaled_dot_product_attention(q, k, v, seen, enable_gqa=heads != shared)
    return F.linear(y.transpose(-2, -3).flatten(-2), out_weight)


def _rotary(
    x: Tensor,
    positions: Tensor | None = None,
    base: float = 10000.0,
    dimension: int | None = None,
    interleaved: bool = False,
) -> Tensor:
    d = x.shape[-1] if dimension is None else dimension
    p = torch.arange(x.shape[-2]) if positions is None else positions
    wide = torch.promote_types(x.dtype, torch.float32)  # a base of 500000 is infinite in float16
    angle = p.to(wide)[..., None] * base ** (-torch.arange(0, d, 2, dtype=wide) / d)
    c, s = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    part, rest = x[..., :d], x[..., d:]
    one, other = (part[..., ::2], part[..., 1::2]) if interleaved else part.chunk(2, -1)
    pair = one * c - other * s, one * s + other * c
    return torch.cat([torch.stack(pair, -1).flatten(-2) if interleaved else torch.cat(pair, -1), rest], -1)


OWN: dict[str, Definition] = {"layer/multi_head_attention": _multi_head_attention}
COMPOSED: dict[str, Definition] = {"layer/rotary": _rotary}
