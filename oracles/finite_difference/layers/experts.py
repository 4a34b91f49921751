"""Gated layers and routers for complex arrays. Which experts are chosen is decided by real parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.activations import ELEMENTWISE
from oracles.finite_difference.functions import log_softmax, log_total


def _gated_mlp(x: Array, gate: Array, up: Array, down: Array, activation: str = "silu") -> Array:
    return np.asarray((ELEMENTWISE[f"activation/{activation}"](x @ gate.T) * (x @ up.T)) @ down.T)


def _chosen(logits: Array, k: int) -> Array:
    order = np.argsort(-logits.real, axis=-1, kind="stable")
    return np.asarray(np.argsort(order, axis=-1) < k)


def _router(logits: Array, k: int = 2, normalised: bool = True) -> Array:
    p = _chosen(logits, k) * np.exp(log_softmax(logits))
    return np.asarray(p / p.sum(-1, keepdims=True) if normalised else p)


def _rows(logits: Array, mask: Any) -> Array:
    return logits.reshape(-1, logits.shape[-1]) if mask is None else logits[mask]


def _load_balance(logits: Array, mask: Any = None, k: int = 1) -> Array:
    z = _rows(logits, mask)
    return np.asarray(z.shape[-1] * (_chosen(z, k).mean(0) * np.exp(log_softmax(z)).mean(0)).sum())


def _router_z(logits: Array, mask: Any = None) -> Array:
    top, rest = log_total(_rows(logits, mask))
    return np.asarray(((top + rest) ** 2).mean())


DEFINITIONS: dict[str, Definition] = {
    "layer/gated_mlp": _gated_mlp,
    "layer/router": _router,
    "layer/load_balance": _load_balance,
    "layer/router_z": _router_z,
}
