"""PyTorch's activations, under the names of our records: its own, and what it does not have, written out.

z may have any shape; a vector activation acts along `axis`, the last one unless told otherwise. Learnable parameters
may be numbers or 0-d tensors, but for those of torch's own functions that take a Python number alone: the gradient with
respect to these comes from the definition in `SLOPES`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition, Slopes

OWN: dict[str, Definition] = {
    "activation/sigmoid": lambda z: torch.sigmoid(z),
    "activation/tanh": lambda z: torch.tanh(z),
    "activation/relu": lambda z: F.relu(z),
    "activation/relu6": lambda z: F.relu6(z),
    "activation/leaky_relu": lambda z, negative_slope=0.01: F.leaky_relu(z, negative_slope),
    "activation/prelu": lambda z, weight=0.25: F.prelu(z, torch.as_tensor(weight, dtype=z.dtype)),
    "activation/rrelu": lambda z, lower=1 / 8, upper=1 / 3: F.rrelu(z, lower, upper, training=False),
    "activation/elu": lambda z, alpha=1.0: F.elu(z, alpha),
    "activation/celu": lambda z, alpha=1.0: F.celu(z, alpha),
    "activation/selu": lambda z: F.selu(z),
    "activation/softplus": lambda z, beta=1.0: F.softplus(z, beta),
    "activation/softplus_threshold": lambda z, beta=1.0, threshold=20.0: F.softplus(z, beta, threshold),
    "activation/softsign": lambda z: F.softsign(z),
    "activation/silu": lambda z: F.silu(z),
    "activation/gelu": lambda z: F.gelu(z),
    "activation/gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "activation/mish": lambda z: F.mish(z),
    "activation/hardtanh": lambda z, min_val=-1.0, max_val=1.0: F.hardtanh(z, min_val, max_val),
    "activation/hardsigmoid": lambda z: F.hardsigmoid(z),
    "activation/hardswish": lambda z: F.hardswish(z),
    "activation/hardshrink": lambda z, lambd=0.5: F.hardshrink(z, lambd),
    "activation/softshrink": lambda z, lambd=0.5: F.softshrink(z, lambd),
    "activation/tanhshrink": lambda z: F.tanhshrink(z),
    "activation/threshold": lambda z, threshold=0.0, value=0.0: F.threshold(z, threshold, value),
    "activation/logsigmoid": lambda z: F.logsigmoid(z),
    "activation/exp": lambda z: torch.exp(z),
    "activation/arctan": lambda z: torch.atan(z),
    "activation/huber": lambda z, delta=1.0: F.huber_loss(z, torch.zeros_like(z), reduction="none", delta=delta),
    "activation/softmax": lambda z, temperature=1.0, axis=-1: F.softmax(z / temperature, axis),
    "activation/softmin": lambda z, temperature=1.0, axis=-1: F.softmin(z / temperature, axis),
    "activation/log_softmax": lambda z, temperature=1.0, axis=-1: F.log_softmax(z / temperature, axis),
    "activation/logsumexp": lambda z, temperature=1.0, axis=-1: temperature * torch.logsumexp(z / temperature, axis),
    "activation/glu": lambda z, axis=-1: F.glu(z, axis),
    "activation/l2_normalize": lambda z, axis=-1: F.normalize(z, dim=axis, eps=0.0),
}


def _sparse_plus(z: Tensor) -> Tensor:
    return torch.where(z <= -1, 0.0, torch.where(z >= 1, z, (z + 1) ** 2 / 4))


def _halves(gate: Definition) -> Definition:
    """a ⊙ gate(b) for the halves a, b of an axis."""

    def gated(z: Tensor, axis: int = -1) -> Tensor:
        a, b = z.chunk(2, axis)
        return a * gate(b)

    return gated


def _maxout(z: Tensor, k: int = 2, axis: int = -1) -> Tensor:
    return z.movedim(axis, -1).unflatten(-1, (-1, int(k))).amax(-1).movedim(-1, axis)


COMPOSED: dict[str, Definition] = {
    "activation/logmeanexp": lambda z, axis=-1: torch.logsumexp(z, axis) - math.log(z.shape[axis]),
    "activation/identity": lambda z: z * 1,
    "activation/squared_relu": lambda z: F.relu(z).square(),
    "activation/squareplus": lambda z, b=4.0: (z + torch.sqrt(z * z + b)) / 2,
    "activation/sparse_plus": _sparse_plus,
    "activation/sparse_sigmoid": lambda z: torch.clamp((z + 1) / 2, 0, 1),
    "activation/gaussian": lambda z: torch.exp(-z * z),
    "activation/log_cosh": lambda z: torch.log(torch.cosh(z)),
    "activation/geglu": _halves(F.gelu),
    "activation/swiglu": _halves(F.silu),
    "activation/reglu": _halves(F.relu),
    "activation/maxout": _maxout,
}


def _below(z: Tensor) -> Tensor:
    """min(0, z): keeps what lies above from meeting a slope of 0."""
    return z.clamp(max=0)


def _leaky(z: Tensor, slope: Tensor) -> Tensor:
    return torch.where(z > 0, z, slope * _below(z))


def _softshrink(z: Tensor, lambd: Tensor) -> Tensor:
    return torch.where(z > lambd, z - lambd, torch.where(z < -lambd, z + lambd, 0))


def _huber(z: Tensor, delta: Tensor) -> Tensor:
    return torch.where(z.abs() <= delta, z * z / 2, delta * (z.abs() - delta / 2))


def _softplus_threshold(z: Tensor, beta: Tensor | float = 1.0, threshold: Tensor | float = 20.0) -> Tensor:
    return torch.where(beta * z > threshold, z, torch.logaddexp(beta * z, torch.zeros_like(z)) / beta)


# Gradients that torch's own function does not give.
SLOPES: dict[str, Slopes] = {
    "activation/leaky_relu": Slopes(lambda z, negative_slope: _leaky(z, negative_slope), ("negative_slope",)),
    "activation/rrelu": Slopes(
        lambda z, lower=1 / 8, upper=1 / 3: _leaky(z, torch.as_tensor((lower + upper) / 2, dtype=z.dtype)),
        ("lower", "upper"),
    ),
    "activation/elu": Slopes(lambda z, alpha: torch.where(z > 0, z, alpha * torch.expm1(_below(z))), ("alpha",)),
    "activation/celu": Slopes(
        lambda z, alpha: torch.where(z > 0, z, alpha * torch.expm1(_below(z) / alpha)), ("alpha",)
    ),
    "activation/softplus": Slopes(lambda z, beta: torch.logaddexp(beta * z, torch.zeros_like(z)) / beta, ("beta",)),
    "activation/softplus_threshold": Slopes(_softplus_threshold, ("beta", "threshold")),
    "activation/hardtanh": Slopes(
        lambda z, min_val=-1.0, max_val=1.0: z.clamp(
            *(torch.as_tensor(bound, dtype=z.dtype) for bound in (min_val, max_val))
        ),
        ("min_val", "max_val"),
    ),
    "activation/hardshrink": Slopes(lambda z, lambd: torch.where(z.abs() > lambd, z, 0), ("lambd",)),
    "activation/softshrink": Slopes(_softshrink, ("lambd",)),
    "activation/threshold": Slopes(
        lambda z, threshold=0.0, value=0.0: torch.where(z > threshold, z, value), ("threshold", "value")
    ),
    "activation/huber": Slopes(_huber, ("delta",)),
    **{
        f"activation/{name}": Slopes(OWN[f"activation/{name}"], ("temperature",))
        for name in ("softmax", "softmin", "log_softmax", "logsumexp")
    },
}
