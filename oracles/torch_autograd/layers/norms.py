"""PyTorch's normalisations."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _layer_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5, axes: int = 1
) -> Tensor:
    return F.layer_norm(x, x.shape[x.ndim - axes :], weight, bias, eps)


def _rms_norm(x: Tensor, weight: Tensor | None = None, eps: float = 1e-6, offset: float = 0.0, axes: int = 1) -> Tensor:
    return F.rms_norm(x, x.shape[x.ndim - axes :], None if weight is None else offset + weight, eps)


OWN: dict[str, Definition] = {"layer/layer_norm": _layer_norm, "layer/rms_norm": _rms_norm}
COMPOSED: dict[str, Definition] = {}
