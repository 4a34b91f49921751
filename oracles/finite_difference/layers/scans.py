"""Scans for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition


def _cumsum(x: Array, axis: int = -1) -> Array:
    return np.cumsum(x, int(axis))


def _cumprod(x: Array, axis: int = -1) -> Array:
    return np.cumprod(x, int(axis))


def _logcumsumexp(x: Array, axis: int = -1) -> Array:
    largest = np.maximum.accumulate(x.real, int(axis))
    rows, m = np.moveaxis(x, int(axis), -1), np.moveaxis(largest, int(axis), -1)
    y = [m[..., t] + np.log(np.exp(rows[..., : t + 1] - m[..., t, None]).sum(-1)) for t in range(rows.shape[-1])]
    return np.moveaxis(np.stack(y, -1), -1, int(axis))


def _linear_recurrence(a: Array, b: Array, initial_state: Any = None, axis: int = -1) -> dict[str, Array]:
    h, states = initial_state, []
    for a_t, b_t in zip(np.moveaxis(a, int(axis), 0), np.moveaxis(b, int(axis), 0), strict=True):
        h = b_t + (0 * a_t if h is None else a_t * h)
        states.append(h)
    return {"value": np.stack(states, int(axis)), "final_state": states[-1]}


def _delta_rule(q: Array, k: Array, v: Array, beta: Array, initial_state: Any = None) -> dict[str, Array]:
    S = np.zeros((*v.shape[:-2], v.shape[-1], q.shape[-1])) if initial_state is None else initial_state
    outputs = []
    for t in range(q.shape[-2]):
        new = beta[..., t, None] * (v[..., t, :] - np.einsum("...jl,...l->...j", S, k[..., t, :]))
        S = S + new[..., :, None] * k[..., t, None, :]
        outputs.append(np.einsum("...jl,...l->...j", S, q[..., t, :]))
    return {"value": np.stack(outputs, -2), "final_state": S}


DEFINITIONS: dict[str, Definition] = {
    "layer/cumsum": _cumsum,
    "layer/cumprod": _cumprod,
    "layer/logcumsumexp": _logcumsumexp,
    "layer/linear_recurrence": _linear_recurrence,
    "layer/delta_rule": _delta_rule,
}
