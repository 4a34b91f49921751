"""Attention for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition


def _attention(
    q: Array,
    k: Array,
    v: Array,
    bias: Any = None,
    mask: Any = None,
    sink: Any = None,
    scale: float | None = None,
    causal: bool = False,
    window: int | None = None,
    offset: int = 0,
    softcap: float | None = None,
) -> dict[str, Array]:
    if q.ndim > 2 and q.shape[-3] != k.shape[-3]:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    S = k.shape[-2]
    z = q @ k.swapaxes(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    z = z if softcap is None else softcap * np.tanh(z / softcap)
    z = z if bias is None else z + bias
    ahead = np.arange(S) - (np.arange(q.shape[-2])[:, None] + offset)
    seen = np.ones(z.shape, bool) if mask is None else np.broadcast_to(mask, z.shape)
    seen = seen & (ahead <= 0) if causal else seen
    seen = seen if window is None else seen & (abs(ahead) < window)
    if sink is not None:
        column = np.broadcast_to(sink[..., None], q.shape[:-1])[..., None]
        z, seen = np.concatenate([z, column], -1), np.concatenate([seen, np.ones(column.shape, bool)], -1)
    top = np.where(seen, z.real, -np.inf).max(-1, keepdims=True)
    e = np.where(seen, np.exp(np.where(seen, z - top, 0)), 0)
    whole = e.sum(-1, keepdims=True)
    return {"value": e[..., :S] @ v / whole, "lse": (top + np.log(whole))[..., 0]}


DEFINITIONS: dict[str, Definition] = {"layer/attention": _attention}
