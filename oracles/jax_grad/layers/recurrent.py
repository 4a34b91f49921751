"""Recurrent layers in JAX: `lax.scan` over steps that are written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _affine(x: Any, weight: Any, bias: Any) -> Any:
    return x @ weight.T if bias is None else x @ weight.T + bias


def _rnn(x: Any, h0: Any, weight_x: Any, weight_h: Any, bias: Any = None, activation: str = "tanh") -> dict[str, Any]:
    g: Callable[[Any], Any] = {"tanh": jnp.tanh, "relu": jax.nn.relu}[activation]

    def step(h: Any, z: Any) -> tuple[Any, Any]:
        h = g(z + h @ weight_h.T)
        return h, h

    h, y = jax.lax.scan(step, h0, _affine(x, weight_x, bias))
    return {"value": y, "h": h}


def _lstm(x: Any, h0: Any, c0: Any, weight_x: Any, weight_h: Any, bias: Any = None) -> dict[str, Any]:
    def step(state: Any, z: Any) -> tuple[Any, Any]:
        h, c = state
        i, f, g, o = jnp.split(z + h @ weight_h.T, 4, -1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    (h, c), y = jax.lax.scan(step, (h0, c0), _affine(x, weight_x, bias))
    return {"value": y, "h": h, "c": c}


def _gru(
    x: Any, h0: Any, weight_x: Any, weight_h: Any, bias_x: Any = None, bias_h: Any = None, reset_after: bool = True
) -> dict[str, Any]:
    m = h0.shape[1]

    def step(h: Any, z: Any) -> tuple[Any, Any]:
        of_h = _affine(h, weight_h, bias_h)
        r, update = jnp.split(jax.nn.sigmoid(z[:, : 2 * m] + of_h[:, : 2 * m]), 2, -1)
        met = _affine(r * h, weight_h[2 * m :], None if bias_h is None else bias_h[2 * m :])
        new = jnp.tanh(z[:, 2 * m :] + (r * of_h[:, 2 * m :] if reset_after else met))
        h = (1 - update) * new + update * h
        return h, h

    h, y = jax.lax.scan(step, h0, _affine(x, weight_x, bias_x))
    return {"value": y, "h": h}


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {"layer/rnn": _rnn, "layer/lstm": _lstm, "layer/gru": _gru}
