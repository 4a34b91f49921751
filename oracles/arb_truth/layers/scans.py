"""Scans over balls: every output from the inputs up to it, states step by step."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from operator import mul
from typing import Any

import numpy as np

from oracles.arb_truth.functions import about_largest, by_row, dot, exponentials, log, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, objects

Option = Any  # a parameter that is given as it is


def _up_to(function: Callable[[Array], Scalar], x: Array, axis: Option) -> Array:
    """`function` of the entries along an axis, up to each of them."""
    rows = np.moveaxis(x, int(axis), -1)
    y = by_row(lambda row: objects([function(row[: t + 1]) for t in range(len(row))]), rows)
    return np.moveaxis(y, -1, int(axis))


@layer(axis=-1)
def cumsum(x: Array, *, axis: Option) -> Array:
    """Σ_{s ≤ t} x_s."""
    return _up_to(total, x, axis)


@layer(axis=-1)
def cumprod(x: Array, *, axis: Option) -> Array:
    """Π_{s ≤ t} x_s."""
    return _up_to(lambda row: functools.reduce(mul, row), x, axis)


@layer(axis=-1)
def logcumsumexp(x: Array, *, axis: Option) -> Array:
    """log Σ_{s ≤ t} e^{x_s}."""
    return _up_to(lambda row: row[about_largest(row)] + log(total(exponentials(row))), x, axis)


@layer(axis=-1)
def linear_recurrence(a: Array, b: Array, initial_state: Array | None = None, *, axis: Option) -> dict[str, Array]:
    """h_t = a_t·h_{t−1} + b_t."""
    rows = np.moveaxis(a, int(axis), 0), np.moveaxis(b, int(axis), 0)
    h, states = initial_state, []
    for a_t, b_t in zip(*rows, strict=True):
        h = b_t if h is None else a_t * h + b_t
        states.append(np.asarray(h, object))
    return {"value": np.moveaxis(np.stack(states), 0, int(axis)), "final_state": states[-1]}


@layer()
def delta_rule(q: Array, k: Array, v: Array, beta: Array, initial_state: Array | None = None) -> dict[str, Array]:
    """S ← S + β·(v − S·k)·kᵀ, then o = S·q."""
    (*before, T, d), m = q.shape, v.shape[-1]
    value, final = np.empty(v.shape, object), np.empty((*before, m, d), object)
    for n in np.ndindex(*before):
        S = np.zeros((m, d), object) if initial_state is None else initial_state[n].copy()
        for t in range(T):
            new = [beta[(*n, t)] * (v[(*n, t, j)] - dot(S[j], k[(*n, t)])) for j in range(m)]
            for j, l in itertools.product(range(m), range(d)):
                S[j, l] = S[j, l] + new[j] * k[(*n, t, l)]
            for j in range(m):
                value[(*n, t, j)] = dot(S[j], q[(*n, t)])
        final[n] = S
    return {"value": value, "final_state": final}
