"""Gated layers and routers in PyTorch, from its own activations, softmax and top-k."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.torch_autograd import activations

ACTIVATIONS = {**activations.COMPOSED, **activations.OWN}


def _gated_mlp(x: Tensor, gate: Tensor, up: Tensor, down: Tensor, activation: str = "silu") -> Tensor:
    opened = ACTIVATIONS[f"activation/{activation}"](F.linear(x, gate))
    return F.linear(opened * F.linear(x, up), down)


def _router(logits: Tensor, k: int = 2, normalised: bool = True) -> Tensor:
    best, places = torch.softmax(logits, -1).topk(k, -1)
    best = best / best.sum(-1, keepdim=True) if normalised else best
    return torch.zeros_like(logits).scatter(-1, places, best)


def _load_balance(logits: Tensor, mask: Tensor | None = None, k: int = 1) -> Tensor:
    z = logits.flatten(0, -2) if mask is None else logits[mask]
    share = F.one_hot(z.topk(k, -1).indices, z.shape[-1]).sum(1).to(z.dtype).mean(0)
    return z.shape[-1] * (share * torch.softmax(z, -1).mean(0)).sum()


def _router_z(logits: Tensor, mask: Tensor | None = None) -> Tensor:
    return torch.logsumexp(logits if mask is None else logits[mask], -1).square().mean()


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {
    "layer/gated_mlp": _gated_mlp,
    "layer/router": _router,
    "layer/load_balance": _load_balance,
    "layer/router_z": _router_z,
}
