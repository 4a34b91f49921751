"""PyTorch's recurrent layers, one layer in one direction."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition

ONE_LAYER = (1, 0.0, False, False, False)  # layers, dropout, training, both directions, examples first


def _weights(x: Tensor, weight_x: Tensor, weight_h: Tensor, *biases: Tensor | None) -> list[Tensor]:
    """What torch wants: two weights, and two biases, 0 where there is none."""
    zero = torch.zeros(len(weight_x), dtype=x.dtype)
    return [weight_x, weight_h, *(zero if b is None else b for b in (*biases, None)[:2])]


def _rnn(
    x: Tensor, h0: Tensor, weight_x: Tensor, weight_h: Tensor, bias: Tensor | None = None, activation: str = "tanh"
) -> dict[str, Tensor]:
    run = {"tanh": torch.rnn_tanh, "relu": torch.rnn_relu}[activation]
    y, h = run(x, h0[None], _weights(x, weight_x, weight_h, bias), True, *ONE_LAYER)
    return {"value": y, "h": h[0]}


def _lstm(
    x: Tensor, h0: Tensor, c0: Tensor, weight_x: Tensor, weight_h: Tensor, bias: Tensor | None = None
) -> dict[str, Tensor]:
    y, h, c = torch.lstm(x, (h0[None], c0[None]), _weights(x, weight_x, weight_h, bias), True, *ONE_LAYER)
    return {"value": y, "h": h[0], "c": c[0]}


def _gru(
    x: Tensor,
    h0: Tensor,
    weight_x: Tensor,
    weight_h: Tensor,
    bias_x: Tensor | None = None,
    bias_h: Tensor | None = None,
    reset_after: bool = True,
) -> dict[str, Tensor]:
    weights = _weights(x, weight_x, weight_h, bias_x, bias_h)
    if reset_after:
        y, h = torch.gru(x, h0[None], weights, True, *ONE_LAYER)
        return {"value": y, "h": h[0]}
    W, U, b, c = weights
    h, outputs = h0, []
    for step in x:  # torch has no such gate
        of_x = (step @ W.T + b).chunk(3, -1)
        of_h = [h @ u.T + e for u, e in zip(U.chunk(3), c.chunk(3), strict=True)]
        r, z = torch.sigmoid(of_x[0] + of_h[0]), torch.sigmoid(of_x[1] + of_h[1])
        new = torch.tanh(of_x[2] + (r * h) @ U.chunk(3)[2].T + c.chunk(3)[2])
        h = (1 - z) * new + z * h
        outputs.append(h)
    return {"value": torch.stack(outputs), "h": h}


OWN: dict[str, Definition] = {"layer/rnn": _rnn, "layer/lstm": _lstm, "layer/gru": _gru}
COMPOSED: dict[str, Definition] = {}
