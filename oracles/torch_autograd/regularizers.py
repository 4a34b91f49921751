"""PyTorch's answer to a regularizer: its forward in native operations, differentiated by autograd.

A definition takes tensors and the parameter names of the formula's record and returns one number. The first input is
what the gradient is taken by. Networks are lists of weights and biases with the activations' ids.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

NAME = "torch"
VERSION = str(torch.__version__)

Array = npt.NDArray[Any]


def _label_smoothing(z: Tensor, y: Tensor, eps: float = 0.1) -> Tensor:
    return F.cross_entropy(z, y, label_smoothing=eps) - F.cross_entropy(z, y)


PENALTIES: dict[str, Callable[..., Tensor]] = {
    "regularizer/l2": lambda w, lam=0.1, n=1.0: lam / (2 * n) * w.square().sum(),
    "regularizer/l1": lambda w, lam=0.1: lam * w.abs().sum(),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * w.abs().sum() + (1 - mix) / 2 * w.square().sum())
    ),
    "regularizer/group_lasso": lambda w, lam=0.1: (
        lam * math.sqrt(w.shape[-1]) * torch.linalg.vector_norm(w, dim=-1).sum()
    ),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: (
        lam * F.relu(torch.linalg.vector_norm(w, dim=-1) - limit).square().sum()
    ),
    "regularizer/orthogonality": lambda w, lam=0.1: lam * (w @ w.mT - torch.eye(len(w), dtype=w.dtype)).square().sum(),
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * torch.linalg.matrix_norm(w, ord=2),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * torch.linalg.matrix_norm(w, ord="nuc"),
    "regularizer/entropy": lambda z, lam=0.1: -lam * torch.distributions.Categorical(logits=z).entropy().mean(),
    "regularizer/label_smoothing": _label_smoothing,
    "regularizer/activity_l2": lambda a, lam=0.1: lam / 2 * a.square().sum(-1).mean(),
    "regularizer/activity_l1": lambda a, lam=0.1: lam * a.abs().sum(-1).mean(),
}
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "activation/identity": lambda z: z,
    "activation/relu": F.relu,
    "activation/leaky_relu": F.leaky_relu,
    "activation/sigmoid": torch.sigmoid,
    "activation/tanh": torch.tanh,
    "activation/softplus": F.softplus,
}


def stacked(id: str) -> Callable[..., Tensor]:
    """The penalty `id` of weights with leading axes, one number for each matrix.  (..., d_out, d_in) -> (...)."""

    def penalties(w: Tensor, **parameters: Any) -> Tensor:
        each = [PENALTIES[id](matrix, **parameters) for matrix in w.reshape(-1, *w.shape[-2:])]
        return torch.stack(each).reshape(w.shape[:-2])

    return penalties


def penalty(id: str, first: Array, *others: Array, **parameters: Any) -> tuple[Array, Array]:
    """(R, ∂R/∂first) of the penalty `id`."""
    x = torch.from_numpy(np.array(first)).requires_grad_()
    R = PENALTIES[id](x, *(torch.from_numpy(np.array(o)) for o in others), **parameters)
    (gradient,) = torch.autograd.grad(R, x)
    return R.detach().numpy(), gradient.numpy()


def native(what: str, *arrays: Array, **given: Any) -> list[Array]:
    """What torch does by itself under a name of `NATIVE`, with its own defaults; LookupError where it has nothing."""
    if what not in NATIVE:
        raise LookupError("no such function")
    return [t.detach().numpy() for t in NATIVE[what](*(torch.from_numpy(np.array(x)) for x in arrays), **given)]


def _weight_decay(w: Tensor, b: Tensor, **given: float) -> list[Tensor]:
    """What one step of SGD at gradient 0 and η = 1 takes off the weights and biases of a layer."""
    layer = torch.nn.Linear(w.shape[1], w.shape[0], dtype=w.dtype)
    layer.load_state_dict({"weight": w, "bias": b})
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0, **({"weight_decay": given["lam"]} if given else {}))
    for p in layer.parameters():
        p.grad = torch.zeros_like(p)
    optimizer.step()
    return [w - layer.weight, b - layer.bias]


def _spectral_normalization(w: Tensor) -> list[Tensor]:
    """The weight of a layer under `torch.nn.utils.parametrizations.spectral_norm`, at the first step of training."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(w.shape[1], w.shape[0], bias=False, dtype=w.dtype)
    layer.load_state_dict({"weight": w})
    return [torch.nn.utils.parametrizations.spectral_norm(layer).weight]


def _dropout(a: Tensor, rate: float) -> list[Tensor]:
    torch.manual_seed(0)
    return [F.dropout(a, rate, training=True)]


NATIVE: dict[str, Callable[..., list[Tensor]]] = {
    "weight decay": _weight_decay,
    "max norm": lambda w, limit: [torch.renorm(w, 2, 0, limit)],
    "spectral normalization": _spectral_normalization,
    "spectral_norm": lambda w: [torch.linalg.matrix_norm(w, ord=2)],
    "nuclear_norm": lambda w: [torch.linalg.matrix_norm(w, ord="nuc")],
    "entropy": lambda z: [torch.distributions.Categorical(logits=z).entropy()],
    "inverted_dropout": _dropout,
}


def dropout(a: Array, rate: float, seed: int) -> tuple[Array, Array, Array]:
    """What `torch.nn.functional.dropout` makes of `a`, which entries it kept, and its backward of ones."""
    torch.manual_seed(seed)
    x = torch.from_numpy(np.array(a)).requires_grad_()
    out = F.dropout(x, rate, training=True)
    (gradient,) = torch.autograd.grad(out.sum(), x)
    return out.detach().numpy(), (gradient != 0).numpy().astype(a.dtype), gradient.numpy()


def _network(x: Tensor, W: Sequence[Tensor], b: Sequence[Tensor], activations: Sequence[str]) -> Tensor:
    for w, c, g in zip(W, b, activations, strict=True):
        x = ACTIVATIONS[g](F.linear(x, w, c))
    return x


def input_gradient_penalty(
    id: str, x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[str], **parameters: float
) -> tuple[Array, list[Array], list[Array]]:
    """(R, ∂R/∂W, ∂R/∂b) of the Jacobian or gradient penalty: autograd through autograd."""
    inputs = torch.from_numpy(np.array(x)).requires_grad_()
    w, c = ([torch.from_numpy(np.array(p)).requires_grad_() for p in arrays] for arrays in (W, b))
    out = _network(inputs, w, c, activations)
    rows = [torch.autograd.grad(out[:, k].sum(), inputs, create_graph=True)[0] for k in range(out.shape[1])]
    if id == "regularizer/jacobian":
        R = parameters["lam"] / 2 * sum((q.square().sum() for q in rows), torch.zeros(())) / len(x)
    else:
        R = parameters["lam"] * (torch.linalg.vector_norm(rows[0], dim=-1) - parameters["target"]).square().mean()
    gradients = torch.autograd.grad(R, [*w, *c], allow_unused=True)
    found = [np.zeros(p.shape, x.dtype) if g is None else g.numpy() for p, g in zip([*W, *b], gradients, strict=True)]
    return R.detach().numpy(), found[: len(W)], found[len(W) :]
