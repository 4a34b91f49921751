"""Projections onto distributions, which PyTorch does not have, and dynamic tanh, which it has no module for."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition


def _sparsemax(z: Tensor) -> Tensor:
    down, k = z.sort(-1, descending=True).values, torch.arange(1, z.shape[-1] + 1)
    sums = down.cumsum(-1)
    size = (1 + k * down > sums).sum(-1, keepdim=True)
    return torch.relu(z - (sums.gather(-1, size - 1) - 1) / size)


def entmax(z: Tensor) -> Tensor:
    """max(z/2 − t, 0)²."""
    x = (z - z.amax(-1, keepdim=True)) / 2
    down, k = x.sort(-1, descending=True).values, torch.arange(1, z.shape[-1] + 1)
    mean = down.cumsum(-1) / k
    spread = (down**2).cumsum(-1) - k * mean**2
    inside = (down >= mean - ((1 - spread).clamp(min=0) / k).sqrt()).sum(-1, keepdim=True)
    mean, spread = mean.gather(-1, inside - 1), spread.gather(-1, inside - 1)
    return torch.relu(x - mean + ((1 - spread) / inside).sqrt()) ** 2


def _sinkhorn(z: Tensor, temperature: float = 1.0, iterations: int = 3) -> Tensor:
    logs = z / temperature
    for _ in range(int(iterations)):
        logs = logs.log_softmax(-1).log_softmax(-2)
    return logs.exp()


def _dynamic_tanh(x: Tensor, alpha: Tensor, weight: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
    y = torch.tanh(alpha * x)
    y = y if weight is None else weight * y
    return y if bias is None else y + bias


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {
    "layer/sparsemax": _sparsemax,
    "layer/entmax": entmax,
    "layer/sinkhorn": _sinkhorn,
    "layer/dynamic_tanh": _dynamic_tanh,
}
