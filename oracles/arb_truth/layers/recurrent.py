"""Recurrent layers over balls, step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.definition import fill
from oracles.arb_truth.functions import dot, elementwise, entrywise
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, objects

Option = Any  # a parameter that is given as it is


def _activation(name: str) -> Callable[[Array], Array]:
    g = fill(ELEMENTWISE[f"activation/{name}"], {})
    return entrywise(lambda u: elementwise(g, u))


ACTIVATIONS = {name: _activation(name) for name in ("tanh", "relu", "sigmoid")}


def _affine(x: Array, weight: Array, bias: Array | None = None) -> Array:
    """x Wᵀ + b.  (n, d), (k, d), (k,) -> (n, k)."""
    z = objects([[dot(row, w) for w in weight] for row in x])
    return z if bias is None else z + bias


@layer(activation="tanh")
def rnn(
    x: Array, h0: Array, weight_x: Array, weight_h: Array, bias: Array | None = None, *, activation: Option
) -> dict[str, Array]:
    """h_t = g(W x_t + U h_{t−1} + b)."""
    h, y = h0, []
    for step in x:
        h = ACTIVATIONS[activation](_affine(step, weight_x, bias) + _affine(h, weight_h))
        y.append(h)
    return {"value": np.stack(y), "h": h}


@layer()
def lstm(
    x: Array, h0: Array, c0: Array, weight_x: Array, weight_h: Array, bias: Array | None = None
) -> dict[str, Array]:
    """c_t = σ(z_f)c_{t−1} + σ(z_i)tanh z_g, h_t = σ(z_o)tanh c_t."""
    sigmoid, tanh = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]
    h, c, y = h0, c0, []
    for step in x:
        i, f, g, o = np.split(_affine(step, weight_x, bias) + _affine(h, weight_h), 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * tanh(g)
        h = sigmoid(o) * tanh(c)
        y.append(h)
    return {"value": np.stack(y), "h": h, "c": c}


@layer(reset_after=True)
def gru(
    x: Array,
    h0: Array,
    weight_x: Array,
    weight_h: Array,
    bias_x: Array | None = None,
    bias_h: Array | None = None,
    *,
    reset_after: Option,
) -> dict[str, Array]:
    """h_t = (1 − z)n + z·h_{t−1}, the reset gate after or before the product with h."""
    sigmoid, tanh = ACTIVATIONS["sigmoid"], ACTIVATIONS["tanh"]
    U = np.split(weight_h, 3)
    biases: Any = [None] * 3 if bias_h is None else np.split(bias_h, 3)
    h, y = h0, []
    for step in x:
        x_r, x_z, x_n = np.split(_affine(step, weight_x, bias_x), 3, -1)
        r, z = (sigmoid(x_k + _affine(h, U[k], biases[k])) for k, x_k in enumerate((x_r, x_z)))
        met = r * _affine(h, U[2], biases[2]) if reset_after else _affine(r * h, U[2], biases[2])
        h = (1 - z) * tanh(x_n + met) + z * h
        y.append(h)
    return {"value": np.stack(y), "h": h}
