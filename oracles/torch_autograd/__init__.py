"""PyTorch's answer: native forward operations, differentiated by autograd.

Every definition takes tensors and the parameter names of the formula's record. Costs and regularizers act on
the last two axes and keep leading ones; nothing here contains a derivative.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.cost_arguments import ENDS, MATRIX_PENALTIES
from oracles.torch_autograd import costs as torch_costs
from oracles.torch_autograd import regularizers as torch_penalties

NAME = "torch"
VERSION = str(torch.__version__)

Definition = Callable[..., Tensor]


def _huber(z: Tensor, delta: float = 1.0) -> Tensor:
    return F.huber_loss(z, torch.zeros_like(z), reduction="none", delta=delta)


def _sparse_plus(z: Tensor) -> Tensor:
    return torch.where(z <= -1, 0.0, torch.where(z >= 1, z, (z + 1) ** 2 / 4))


ELEMENTWISE: dict[str, Definition] = {
    "activation/identity": lambda z: z * 1,
    "activation/sigmoid": torch.sigmoid,
    "activation/tanh": torch.tanh,
    "activation/relu": F.relu,
    "activation/relu6": F.relu6,
    "activation/squared_relu": lambda z: F.relu(z).square(),
    "activation/leaky_relu": F.leaky_relu,
    "activation/prelu": lambda z, weight=0.25: F.prelu(z, torch.as_tensor(weight, dtype=z.dtype)),
    "activation/rrelu": lambda z, lower=1 / 8, upper=1 / 3: F.rrelu(z, lower, upper, training=False),
    "activation/elu": F.elu,
    "activation/celu": F.celu,
    "activation/selu": F.selu,
    "activation/softplus": F.softplus,
    "activation/softsign": F.softsign,
    "activation/silu": F.silu,
    "activation/gelu": F.gelu,
    "activation/gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "activation/mish": F.mish,
    "activation/hardtanh": F.hardtanh,
    "activation/hardsigmoid": F.hardsigmoid,
    "activation/hardswish": F.hardswish,
    "activation/hardshrink": F.hardshrink,
    "activation/softshrink": F.softshrink,
    "activation/tanhshrink": F.tanhshrink,
    "activation/threshold": lambda z, threshold=0.0, value=0.0: F.threshold(z, threshold, value),
    "activation/logsigmoid": F.logsigmoid,
    "activation/squareplus": lambda z, b=4.0: (z + torch.sqrt(z * z + b)) / 2,
    "activation/sparse_plus": _sparse_plus,
    "activation/sparse_sigmoid": lambda z: torch.clamp((z + 1) / 2, 0, 1),
    "activation/gaussian": lambda z: torch.exp(-z * z),
    "activation/exp": torch.exp,
    "activation/arctan": torch.atan,
    "activation/log_cosh": lambda z: torch.log(torch.cosh(z)),
    "activation/huber": _huber,
}


def _halves(gate: Definition) -> Definition:
    """a ⊙ gate(b) for the halves a, b of the last axis."""

    def gated(z: Tensor) -> Tensor:
        a, b = z.chunk(2, -1)
        return a * gate(b)

    return gated


ROWWISE: dict[str, Definition] = {
    "activation/softmax": lambda z, temperature=1.0: F.softmax(z / temperature, -1),
    "activation/softmin": lambda z, temperature=1.0: F.softmin(z / temperature, -1),
    "activation/log_softmax": lambda z, temperature=1.0: F.log_softmax(z / temperature, -1),
    "activation/logsumexp": lambda z, temperature=1.0: temperature * torch.logsumexp(z / temperature, -1),
    "activation/glu": lambda z: F.glu(z, -1),
    "activation/geglu": _halves(F.gelu),
    "activation/swiglu": _halves(F.silu),
    "activation/reglu": _halves(F.relu),
    "activation/maxout": lambda z, pieces=2: z.unflatten(-1, (-1, int(pieces))).amax(-1),
    "activation/l2_normalize": lambda z: F.normalize(z, dim=-1, eps=0.0),
}

# Written out from the definition, since torch has no such function; all others are its own.
COMPOSED = frozenset(
    f"activation/{name}"
    for name in ("identity", "squared_relu", "squareplus", "sparse_plus", "sparse_sigmoid", "gaussian", "log_cosh",
                 "geglu", "swiglu", "reglu", "maxout")
)  # fmt: skip


def _over_examples(per_entry: Tensor) -> Tensor:
    """Sum over the outputs, mean over the examples.  (..., n, d) -> (...)."""
    return per_entry.sum((-2, -1)) / per_entry.shape[-2]


def _over_entries(per_entry: Tensor) -> Tensor:
    """Mean over outputs and examples.  (..., n, d) -> (...)."""
    return per_entry.mean((-2, -1))


def _by_rows(native: Definition, a: Tensor, y: Tensor) -> Tensor:
    """Apply a native loss that wants (examples, classes) and gives one number an example."""
    d = a.shape[-1]
    return native(a.reshape(-1, d), y.reshape(-1, d), reduction="none").reshape(a.shape[:-1]).mean(-1)


COSTS: dict[str, Definition] = {
    "cost/quadratic": lambda a, y: _over_examples(F.mse_loss(a, y, reduction="none")) / 2,
    "cost/mse": lambda a, y: _over_entries(F.mse_loss(a, y, reduction="none")),
    "cost/mae": lambda a, y: _over_entries(F.l1_loss(a, y, reduction="none")),
    "cost/huber": lambda a, y, delta=1.0: _over_entries(F.huber_loss(a, y, reduction="none", delta=delta)),
    "cost/bce": lambda a, y: _over_examples(F.binary_cross_entropy(a, y, reduction="none")),
    "cost/bce_logits": lambda z, y: _over_examples(F.binary_cross_entropy_with_logits(z, y, reduction="none")),
    "cost/cross_entropy": lambda a, y: _over_examples(-torch.xlogy(y, a)),
    "cost/nll": lambda a, y: _over_examples(-y * a),
    "cost/softmax_cross_entropy": lambda z, y: _by_rows(F.cross_entropy, z, y),
    **{id: torch_costs.ending(id) for id in ENDS},
}

REGULARIZERS: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * w.square().sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * w.abs().sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * w.abs() + (1 - mix) / 2 * w.square()).sum((-2, -1))
    ),
    **{id: torch_penalties.stacked(id) for id in MATRIX_PENALTIES},
}


def tensor(x: Any) -> Tensor:
    """A NumPy array as a tensor of its own; bfloat16, which NumPy does not know, goes by its bits."""
    x = np.array(x)
    if x.dtype.name == "bfloat16":
        return torch.from_numpy(x.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(x)


def array(t: Tensor) -> Any:
    """The inverse of `tensor`."""
    t = t.detach()
    if t.dtype == torch.bfloat16:
        import ml_dtypes

        return t.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
    return t.numpy()


def _leaf(x: Any) -> Tensor:
    return tensor(x).requires_grad_()


def elementwise(id: str, z: Any, **parameters: float) -> tuple[Any, Any]:
    """Value and slope of an activation at every entry of z, in the dtype of z (NumPy in, NumPy out)."""
    x = _leaf(z)
    value = ELEMENTWISE[id](x, **parameters)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return array(value), array(slope)


def pullback(id: str, z: Any, v: Any, **parameters: float) -> tuple[Any, Any]:
    """Value of a row-wise activation and the pullback of the cotangent v."""
    x = _leaf(z)
    value = ROWWISE[id](x, **parameters)
    (g,) = torch.autograd.grad(value, x, tensor(v))
    return array(value), array(g)


def cost(id: str, a: Any, y: Any, **parameters: float) -> tuple[Any, Any]:
    """Cost and its gradient with respect to a.  a, y: (..., n, d) -> (...), (..., n, d)."""
    x = _leaf(a)
    value = COSTS[id](x, tensor(y), **parameters)
    (g,) = torch.autograd.grad(value.sum(), x)
    return array(value), array(g)


def regularizer(id: str, w: Any, **parameters: float) -> tuple[Any, Any]:
    """Penalty of one weight matrix and its gradient."""
    x = _leaf(w)
    value = REGULARIZERS[id](x, **parameters)
    (g,) = torch.autograd.grad(value.sum(), x)
    return array(value), array(g)


def _in_blocks(penalties: Sequence[Definition], w: Any) -> Any:
    """One penalty for each of as many equal blocks of the first axis of w."""
    if len(penalties) == 1:
        return penalties[0](w)
    return torch.cat([penalty(block) for penalty, block in zip(penalties, w.chunk(len(penalties)), strict=True)])


def network(
    x: Any,
    y: Any,
    W: Sequence[Any],
    b: Sequence[Any],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str | Sequence[str] = "regularizer/none",
    parameters: Mapping[str, Mapping[str, float]] | None = None,
) -> tuple[Any, list[Any], list[Any]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network, one graph and one backward for all leading axes.

    `regularizer` is one id, or one for each of as many equal blocks of the first axis.
    """
    given = parameters or {}
    regularizers = [regularizer] if isinstance(regularizer, str) else regularizer
    penalties = [functools.partial(REGULARIZERS[id], **given.get(id, {})) for id in regularizers]
    activations = {**ELEMENTWISE, **ROWWISE}
    weights, biases = [_leaf(w) for w in W], [_leaf(c) for c in b]
    a = tensor(x)
    for layer, (w, c) in enumerate(zip(weights, biases, strict=True), 1):
        z = F.linear(a, w, c) if w.ndim == 2 else torch.baddbmm(c.unsqueeze(-2), a, w.mT)
        id = output if layer == len(weights) else hidden
        a = activations[id](z, **given.get(id, {}))
    C = COSTS[cost](a, tensor(y), **given.get(cost, {}))
    for w in weights:
        C = C + _in_blocks(penalties, w)
    gradients = [array(g) for g in torch.autograd.grad(C.sum(), [*weights, *biases])]
    return array(C), gradients[: len(weights)], gradients[len(weights) :]
