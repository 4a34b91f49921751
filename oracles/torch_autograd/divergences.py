"""Divergences, Fenchel–Young costs and rankings in PyTorch, which has none of them by itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.torch_autograd.activations import COMPOSED as ACTIVATIONS
from oracles.torch_autograd.costs import reduce
from oracles.torch_autograd.layers.projections import entmax


def _generalized_kl(a: Tensor, y: Tensor, reduction: str = "batchmean") -> Tensor:
    return reduce(F.kl_div(a, y, reduction="none") + torch.exp(a) - y, reduction)


def _total_variation(p: Tensor, q: Tensor, reduction: str = "mean") -> Tensor:
    return reduce((p - q).abs().sum(-1) / 2, reduction)


def _sparsemax(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    return reduce(ACTIVATIONS["activation/sparse_plus"](torch.where(y == 1, -z, z)), reduction)


def _multiclass_sparsemax(z: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    down = torch.sort(z, -1, descending=True).values
    k = torch.arange(1, z.shape[-1] + 1, dtype=z.dtype)
    size = (1 + k * down > down.cumsum(-1)).sum(-1, keepdim=True)
    t = (torch.where(k <= size, down, 0).sum(-1, keepdim=True) - 1) / size
    p = torch.clamp(z - t, min=0)
    lead = z - torch.take_along_dim(z, labels.long()[..., None], -1)
    return reduce((p * lead - p * p / 2).sum(-1) + 0.5, reduction)


def _entmax(z: Tensor, labels: Tensor, reduction: str = "mean") -> Tensor:
    p = entmax(z)
    lead = z - torch.take_along_dim(z, labels.long()[..., None], -1)
    return reduce((p * lead).sum(-1) + (1 - (p**1.5).sum(-1)) * 4 / 3, reduction)


def _ranking_softmax(z: Tensor, y: Tensor, mask: Tensor | None = None, reduction: str = "mean") -> Tensor:
    there = torch.ones_like(z, dtype=torch.bool) if mask is None else mask != 0
    counts = there.any(-1, keepdim=True)
    log_p = F.log_softmax(torch.where(there, z, torch.where(counts, -torch.inf, 0.0).to(z.dtype)), -1)
    terms = -(torch.where(there, y, 0) * torch.where(there, log_p, 0)).sum(-1)
    return terms.sum() / counts.sum() if reduction == "mean" else reduce(terms, reduction)


COMPOSED: dict[str, Definition] = {
    "cost/generalized_kl": _generalized_kl,
    "cost/total_variation": _total_variation,
    "cost/sparsemax": _sparsemax,
    "cost/multiclass_sparsemax": _multiclass_sparsemax,
    "cost/entmax": _entmax,
    "cost/ranking_softmax": _ranking_softmax,
}
