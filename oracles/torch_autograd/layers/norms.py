"""PyTorch's normalisations."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition, Slopes


def _layer_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5, axes: int = 1
) -> Tensor:
    return F.layer_norm(x, x.shape[x.ndim - axes :], weight, bias, eps)


def _rms_norm(x: Tensor, weight: Tensor | None = None, eps: float = 1e-6, offset: float = 0.0, axes: int = 1) -> Tensor:
    return F.rms_norm(x, x.shape[x.ndim - axes :], None if weight is None else offset + weight, eps)


def _add_rms_norm(
    x: Tensor, residual: Tensor, weight: Tensor | None = None, eps: float = 1e-6, offset: float = 0.0
) -> dict[str, Tensor]:
    h = x + residual
    return {"value": _rms_norm(h, weight, eps, offset), "sum": h}


def _batch_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> dict[str, Tensor]:
    y = F.batch_norm(x, None, None, weight, bias, training=True, eps=eps)
    others = [0, *range(2, x.ndim)]
    return {"value": y, "mean": x.mean(others), "variance": x.var(others)}


def _batch_norm_inference(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    return F.batch_norm(x, mean, variance, weight, bias, training=False, eps=eps)


def _group_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, groups: int = 1, eps: float = 1e-5
) -> Tensor:
    return F.group_norm(x, groups or x.shape[1], weight, bias, eps)


def _local_response_norm(x: Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """PyTorch wants three axes."""
    return F.local_response_norm(x.reshape(*x.shape, *[1] * (3 - x.ndim)), size, alpha, beta, k).reshape(x.shape)


OWN: dict[str, Definition] = {
    "layer/layer_norm": _layer_norm,
    "layer/rms_norm": _rms_norm,
    "layer/batch_norm": _batch_norm,
    "layer/batch_norm_inference": _batch_norm_inference,
    "layer/group_norm": _group_norm,
    "layer/local_response_norm": _local_response_norm,
    "layer/weight_norm": lambda w, g: torch._weight_norm(w, g.reshape(-1, *[1] * (w.ndim - 1)), 0),
}
COMPOSED: dict[str, Definition] = {"layer/add_rms_norm": _add_rms_norm}


def _affine_inference(
    x: Tensor,
    mean: Tensor,
    variance: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """torch's function takes no gradient by its statistics."""
    shape = (-1, *[1] * (x.ndim - 2))
    y = (x - mean.reshape(shape)) / torch.sqrt(variance.reshape(shape) + eps)
    y = y if weight is None else weight.reshape(shape) * y
    return y if bias is None else y + bias.reshape(shape)


SLOPES: dict[str, Slopes] = {"layer/batch_norm_inference": Slopes(_affine_inference, ("mean", "variance"))}
