"""PyTorch's regularizers: its norms and entropies, and what it does not have, written out.

A penalty of weights acts on one matrix w (..., m, d), one of outputs on (..., n, d): the last two axes; leading ones
are independent problems. What torch does by itself to weights and units under these names, with its own defaults, is
in `NATIVE`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition, in_order
from oracles.torch_autograd import activations as units

ACTIVATIONS: dict[str, Definition] = {**units.OWN, **units.COMPOSED}

OWN: dict[str, Definition] = {
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * torch.linalg.matrix_norm(w, ord=2),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * torch.linalg.matrix_norm(w, ord="nuc"),
    "regularizer/entropy": lambda z, lam=0.1: -lam * torch.distributions.Categorical(logits=z).entropy().mean(-1),
}


def _norms(w: Tensor) -> Tensor:
    """‖row‖ of every row.  (..., m, d) -> (..., m)."""
    return torch.linalg.vector_norm(w, dim=-1)


def _orthogonality(w: Tensor, lam: float = 0.1) -> Tensor:
    return lam * (w @ w.mT - torch.eye(w.shape[-2], dtype=w.dtype)).square().sum((-2, -1))


def _label_smoothing(z: Tensor, y: Tensor, eps: float = 0.1) -> Tensor:
    """What smoothing adds to the cross-entropy, for rows of targets or labels, problem by problem."""
    targets = y.reshape(-1, *y.shape[z.ndim - 2 :])
    targets = targets if y.is_floating_point() else targets.long()
    each = [
        F.cross_entropy(rows, wanted, label_smoothing=eps) - F.cross_entropy(rows, wanted)
        for rows, wanted in zip(z.reshape(-1, *z.shape[-2:]), targets, strict=True)
    ]
    return torch.stack(each).reshape(z.shape[:-2])


def _input_gradients(x: Tensor, activations: Sequence[str], layers: dict[str, Tensor]) -> list[Tensor]:
    """∂a_k/∂x of every output k of a network, (n, d_in) each, with a graph of their own."""
    a = x
    for W, b, g in zip(in_order("W", layers), in_order("b", layers), activations, strict=True):
        a = ACTIVATIONS[g](F.linear(a, W, b))
    return [torch.autograd.grad(a[:, k].sum(), x, create_graph=True)[0] for k in range(a.shape[1])]


def _jacobian(x: Tensor, activations: Sequence[str], lam: float = 0.1, **layers: Tensor) -> Tensor:
    rows = _input_gradients(x, activations, layers)
    return lam / 2 * sum((q.square().sum() for q in rows), torch.zeros((), dtype=x.dtype)) / len(x)


def _gradient_penalty(
    x: Tensor, activations: Sequence[str], lam: float = 10.0, target: float = 1.0, **layers: Tensor
) -> Tensor:
    (q,) = _input_gradients(x, activations, layers)
    return lam * (torch.linalg.vector_norm(q, dim=-1) - target).square().mean()


def _alpha_dropout(a: Tensor, mask: Tensor, rate: float = 0.5) -> Tensor:
    c = -1.7580993408473768599402175208123  # −λα of SELU
    return (torch.where(mask == 1, a, c) - rate * c) / math.sqrt((1 - rate) * (1 + rate * c * c))


COMPOSED: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * w.square().sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * w.abs().sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * w.abs() + (1 - mix) / 2 * w.square()).sum((-2, -1))
    ),
    "regularizer/group_lasso": lambda w, lam=0.1: lam * math.sqrt(w.shape[-1]) * _norms(w).sum(-1),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: lam * F.relu(_norms(w) - limit).square().sum(-1),
    "regularizer/orthogonality": _orthogonality,
    "regularizer/label_smoothing": _label_smoothing,
    "regularizer/activity_l2": lambda a, lam=0.1: lam / 2 * a.square().sum(-1).mean(-1),
    "regularizer/activity_l1": lambda a, lam=0.1: lam * a.abs().sum(-1).mean(-1),
    "regularizer/alpha_dropout": _alpha_dropout,
    "regularizer/dropout": lambda a, mask: a * mask,
    "regularizer/inverted_dropout": lambda a, mask, rate=0.5: a * mask / (1 - rate),
    "regularizer/jacobian": _jacobian,
    "regularizer/gradient_penalty": _gradient_penalty,
}


def _weight_decay(w: Tensor, b: Tensor, **given: float) -> dict[str, Tensor]:
    """What one step of SGD at gradient 0 and η = 1 takes off the weights and biases of a layer."""
    layer = torch.nn.Linear(w.shape[1], w.shape[0], dtype=w.dtype)
    layer.load_state_dict({"weight": w, "bias": b})
    decay = {"weight_decay": given.pop("lam")} if "lam" in given else {}
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0, **decay, **given)
    for p in layer.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    return {"w": w - layer.weight, "b": b - layer.bias}


def _spectral_norm(w: Tensor) -> dict[str, Tensor]:
    """The norm, and the weight of a layer under `parametrizations.spectral_norm` at the first step of training."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layer = torch.nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=w.dtype)
        layer.load_state_dict({"weight": w})
        normalized = torch.nn.utils.parametrizations.spectral_norm(layer).weight
    return {"value": torch.linalg.matrix_norm(w, ord=2), "w": normalized}


def _dropout(name: str) -> Definition:
    """The dropout of that name, with a mask of its own drawing."""

    def dropped(a: Tensor, rate: float = 0.5, seed: int = 0) -> Tensor:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return getattr(F, name)(a, rate, training=True)

    return dropped


NATIVE: dict[str, Definition] = {
    "regularizer/l2": _weight_decay,
    "regularizer/max_norm": lambda w, limit: {"w": torch.renorm(w, 2, 0, limit)},
    "regularizer/spectral_norm": _spectral_norm,
    "regularizer/nuclear_norm": lambda w: torch.linalg.matrix_norm(w, ord="nuc"),
    "regularizer/entropy": lambda z: torch.distributions.Categorical(logits=z).entropy(),
    "regularizer/alpha_dropout": _dropout("alpha_dropout"),
    "regularizer/inverted_dropout": _dropout("dropout"),
}
