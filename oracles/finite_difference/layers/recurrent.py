"""Recurrent layers for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.finite_difference.activations import ELEMENTWISE


def _affine(x: Array, weight: Array, bias: Any) -> Array:
    return np.asarray(x @ weight.T if bias is None else x @ weight.T + bias)


def _rnn(
    x: Array, h0: Array, weight_x: Array, weight_h: Array, bias: Any = None, activation: str = "tanh"
) -> dict[str, Array]:
    h, y = h0, []
    for step in x:
        h = ELEMENTWISE[f"activation/{activation}"](_affine(step, weight_x, bias) + h @ weight_h.T)
        y.append(h)
    return {"value": np.stack(y), "h": h}


def _lstm(x: Array, h0: Array, c0: Array, weight_x: Array, weight_h: Array, bias: Any = None) -> dict[str, Array]:
    sigmoid = ELEMENTWISE["activation/sigmoid"]
    h, c, y = h0, c0, []
    for step in x:
        i, f, g, o = np.split(_affine(step, weight_x, bias) + h @ weight_h.T, 4, -1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        y.append(h)
    return {"value": np.stack(y), "h": h, "c": c}


def _gru(
    x: Array,
    h0: Array,
    weight_x: Array,
    weight_h: Array,
    bias_x: Any = None,
    bias_h: Any = None,
    reset_after: bool = True,
) -> dict[str, Array]:
    sigmoid = ELEMENTWISE["activation/sigmoid"]
    U = np.split(weight_h, 3)
    b: Any = [None] * 3 if bias_h is None else np.split(bias_h, 3)
    h, y = h0, []
    for step in x:
        x_r, x_z, x_n = np.split(_affine(step, weight_x, bias_x), 3, -1)
        r, z = (sigmoid(x_k + _affine(h, U[k], b[k])) for k, x_k in enumerate((x_r, x_z)))
        h = (1 - z) * np.tanh(x_n + (r * _affine(h, U[2], b[2]) if reset_after else _affine(r * h, U[2], b[2]))) + z * h
        y.append(h)
    return {"value": np.stack(y), "h": h}


DEFINITIONS: dict[str, Definition] = {"layer/rnn": _rnn, "layer/lstm": _lstm, "layer/gru": _gru}
