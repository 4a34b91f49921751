"""Scans in JAX; a linear recurrence is an associative one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from oracles.calls import Definition


def _cumsum(x: Any, axis: int = -1) -> Any:
    return jnp.cumsum(x, int(axis))


def _cumprod(x: Any, axis: int = -1) -> Any:
    return jnp.cumprod(x, int(axis))


def _logcumsumexp(x: Any, axis: int = -1) -> Any:
    return lax.cumlogsumexp(x, int(axis) % x.ndim)


def _linear_recurrence(a: Any, b: Any, initial_state: Any = None, axis: int = -1) -> dict[str, Any]:
    a, b = (jnp.moveaxis(x, int(axis), 0) for x in (a, b))
    if initial_state is not None:
        b = b.at[0].add(a[0] * initial_state)
    h = lax.associative_scan(lambda f, g: (f[0] * g[0], g[0] * f[1] + g[1]), (a, b))[1]
    return {"value": jnp.moveaxis(h, 0, int(axis)), "final_state": h[-1]}


def _delta_rule(q: Any, k: Any, v: Any, beta: Any, initial_state: Any = None) -> dict[str, Any]:
    S = jnp.zeros((*v.shape[:-2], v.shape[-1], q.shape[-1]), v.dtype) if initial_state is None else initial_state

    def step(S: Any, now: Any) -> Any:
        q_t, k_t, v_t, strength = now
        new = strength[..., None] * (v_t - jnp.einsum("...jl,...l->...j", S, k_t))
        S = S + new[..., :, None] * k_t[..., None, :]
        return S, jnp.einsum("...jl,...l->...j", S, q_t)

    steps = tuple(jnp.moveaxis(x, axis, 0) for x, axis in ((q, -2), (k, -2), (v, -2), (beta, -1)))
    S, outputs = lax.scan(step, S, steps)
    return {"value": jnp.moveaxis(outputs, 0, -2), "final_state": S}


OWN: dict[str, Definition] = {
    "layer/cumsum": _cumsum,
    "layer/cumprod": _cumprod,
    "layer/logcumsumexp": _logcumsumexp,
}
COMPOSED: dict[str, Definition] = {
    "layer/linear_recurrence": _linear_recurrence,
    "layer/delta_rule": _delta_rule,
}
