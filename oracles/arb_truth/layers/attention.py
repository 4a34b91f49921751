"""Attention over balls, query by query: only keys that are seen are ever read."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.activations import tanh
from oracles.arb_truth.functions import about_largest, applied, dot, exponentials, log, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array

Option = Any  # a parameter that is given as it is


@layer(
    "(softcap is None or softcap > 0) and (window is None or window >= 1)",
    scale=None, causal=False, window=None, offset=0, softcap=None,
)  # fmt: skip
def attention(
    q: Array,
    k: Array,
    v: Array,
    bias: Array | None = None,
    mask: Array | None = None,
    sink: Array | None = None,
    *,
    scale: Option,
    causal: Option,
    window: Option,
    offset: Option,
    softcap: Option,
) -> dict[str, Any]:
    """Σₛ e^(z_s)·v_s/Σₛ e^(z_s) and log Σₛ e^(z_s), z_s = scale·⟨q, k_s⟩ + bias over the keys that are seen."""
    S, full = k.shape[-2], (*q.shape[:-1], k.shape[-2])
    factor = 1 / arb(q.shape[-1]).sqrt() if scale is None else arb(scale)
    group = q.shape[-3] // k.shape[-3] if q.ndim > 2 else 1
    added = None if bias is None else np.broadcast_to(bias, full)
    allowed = np.broadcast_to(True if mask is None else mask, full)
    sinks = None if sink is None else np.broadcast_to(sink[..., None], q.shape[:-1])
    value, lse = np.empty((*q.shape[:-1], v.shape[-1]), object), np.empty(q.shape[:-1], object)

    for row in np.ndindex(q.shape[:-1]):
        *lead, t = row
        of = (*lead[:-1], lead[-1] // group) if lead else ()  # the head of keys
        ahead = [s - (t + offset) for s in range(S)]
        keys = [
            s for s in range(S)
            if allowed[(*row, s)] and not (causal and ahead[s] > 0) and (window is None or abs(ahead[s]) < window)
        ]  # fmt: skip
        z = [factor * dot(q[row], k[(*of, s)]) for s in keys]
        if softcap is not None:
            z = [softcap * applied(tanh, u / arb(softcap)) for u in z]
        if added is not None:
            z = [u + added[(*row, s)] for u, s in zip(z, keys, strict=True)]
        if sinks is not None:
            z.append(sinks[row])
        if not z:
            value[row], lse[row] = arb(0), -arb("inf")
            continue
        e = exponentials(z)
        whole = total(e)
        lse[row] = z[about_largest(z)] + log(whole)
        value[row] = [dot(e[: len(keys)], [v[(*of, s, j)] for s in keys]) / whole for j in range(v.shape[-1])]
    return {"value": value, "lse": lse}
