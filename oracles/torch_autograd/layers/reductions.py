"""PyTorch's reductions."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition


def _maximum(x: Tensor, axis: int = -1) -> Tensor:
    return x.amax(int(axis))


def _minimum(x: Tensor, axis: int = -1) -> Tensor:
    return x.amin(int(axis))


def _norm(x: Tensor, p: float = 2.0, axis: int = -1) -> Tensor:
    return torch.linalg.vector_norm(x, p, int(axis))


def _variance(x: Tensor, correction: float = 1.0, axis: int = -1) -> Tensor:
    return torch.var(x, int(axis), correction=correction)


def _standard_deviation(x: Tensor, correction: float = 1.0, axis: int = -1) -> Tensor:
    return torch.std(x, int(axis), correction=correction)


OWN: dict[str, Definition] = {
    "layer/maximum": _maximum,
    "layer/minimum": _minimum,
    "layer/norm": _norm,
    "layer/variance": _variance,
    "layer/standard_deviation": _standard_deviation,
}
COMPOSED: dict[str, Definition] = {}
