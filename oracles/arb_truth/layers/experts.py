"""Gated layers and routers over balls. Which experts are chosen is decided by the balls of the logits alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.activations import bind
from oracles.arb_truth.functions import about_largest, dot, elementwise, exponentials, log, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.layers.linear import through
from oracles.arb_truth.numbers import Array, Scalar, ball

Option = Any  # a parameter that is given as it is


@layer(activation="silu")
def gated_mlp(x: Array, gate: Array, up: Array, down: Array, *, activation: Option) -> Array:
    """(act(xGᵀ) ∘ xUᵀ)·Dᵀ."""
    g = bind(f"activation/{activation}")
    opened = np.frompyfunc(lambda u: elementwise(g, u), 1, 1)(through(x, gate))
    return through(np.asarray(opened * through(x, up)), down)


def _chosen(row: Array, k: int) -> list[int]:
    """The k largest of a row, of those that tie the first."""
    return sorted(range(len(row)), key=lambda j: (-float(ball(row[j]).mid()), j))[:k]


def _softmax(row: Any) -> list[Scalar]:
    e = exponentials(row)
    whole = total(e)
    return [u / whole for u in e]


def _rows(logits: Array, mask: Array | None) -> Array:
    """The rows that count, (T, E)."""
    return logits.reshape(-1, logits.shape[-1]) if mask is None else logits[mask.astype(bool)]


@layer("k >= 1", k=2, normalised=True)
def router(logits: Array, *, k: Option, normalised: Option) -> Array:
    """The softmax over the k largest, or over all of which the k largest are kept."""
    y = np.full(logits.shape, arb(0), object)
    for i in np.ndindex(logits.shape[:-1]):
        chosen = _chosen(logits[i], k)
        p = _softmax([logits[i][j] for j in chosen]) if normalised else [_softmax(logits[i])[j] for j in chosen]
        for j, share in zip(chosen, p, strict=True):
            y[(*i, j)] = share
    return y


@layer("k >= 1", k=1)
def load_balance(logits: Array, mask: Array | None = None, *, k: Option) -> Scalar:
    """E·Σⱼ f_j·P_j: shares of the rows that choose j, times mean weights."""
    z = _rows(logits, mask)
    T, E = z.shape
    counts = np.bincount([j for row in z for j in _chosen(row, k)], minlength=E)
    weights = [p for row in z for p in _softmax(row)]
    return dot(weights, [arb(int(c)) for c in counts] * T) * (arb(E) / T**2)


@layer()
def router_z(logits: Array, mask: Array | None = None) -> Scalar:
    """The mean of (log Σ e^z)²."""
    z = _rows(logits, mask)
    lse = [row[about_largest(row)] + log(total(exponentials(row))) for row in z]
    return dot(lse, lse) / len(z)
