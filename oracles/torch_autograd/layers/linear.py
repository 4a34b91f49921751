"""PyTorch's linear maps and tables."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition


def _lora(x: Tensor, weight: Tensor, a: Tensor, b: Tensor, alpha: float = 1.0) -> Tensor:
    return F.linear(x, weight) + F.linear(F.linear(x, a), b) * (alpha / a.shape[0])


def _embedding(
    weight: Tensor, indices: Tensor, padding_idx: int | None = None, scale_grad_by_freq: bool = False
) -> Tensor:
    return F.embedding(indices, weight, padding_idx, scale_grad_by_freq=scale_grad_by_freq)


OWN: dict[str, Definition] = {
    "layer/linear": lambda x, weight, bias=None: F.linear(x, weight, bias),
    "layer/bilinear": lambda x1, x2, weight, bias=None: F.bilinear(x1, x2, weight, bias),
    "layer/embedding": _embedding,
}
COMPOSED: dict[str, Definition] = {"layer/lora": _lora}
