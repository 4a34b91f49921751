"""PyTorch's attention: its own function for the values; what it does not give or know (lse, sinks, bounds) by hand."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    bias: Tensor | None = None,
    mask: Tensor | None = None,
    sink: Tensor | None = None,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    softcap: float | None = None,
) -> dict[str, Tensor]:
    T, S = q.shape[-2], k.shape[-2]
    shared = q.dim() > 2 and q.shape[-3] != k.shape[-3]
    ahead = torch.arange(S) - (torch.arange(T)[:, None] + offset)
    seen = torch.ones(T, S, dtype=torch.bool) if mask is None else mask
    seen = seen & (ahead <= 0) if causal else seen
    seen = seen if window is None else seen & (ahead.abs() < window)
    added = torch.zeros(T, S, dtype=q.dtype) if bias is None else bias
    added = torch.where(seen, added, -math.inf)
    keys = k.repeat_interleave(q.shape[-3] // k.shape[-3], -3) if shared else k
    z = (1 / math.sqrt(q.shape[-1]) if scale is None else scale) * q @ keys.transpose(-1, -2)
    z = (z if softcap is None else softcap * torch.tanh(z / softcap)) + added
    if sink is not None:
        z = torch.cat([z, sink[..., None].expand(q.shape[:-1])[..., None]], -1)
    lse = torch.logsumexp(z, -1)
    if softcap is None and sink is None:
        if bias is None and window is None and offset == 0 and not (causal and mask is not None):
            value = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal, scale=scale, enable_gqa=shared)
        else:
            value = F.scaled_dot_product_attention(q, k, v, added, scale=scale, enable_gqa=shared)
    else:
        values = v.repeat_interleave(q.shape[-3] // v.shape[-3], -3) if shared else v
        value = torch.softmax(z, -1)[..., :S] @ values
    return {"value": value, "lse": lse}


OWN: dict[str, Definition] = {"layer/attention": _attention}
COMPOSED: dict[str, Definition] = {}
