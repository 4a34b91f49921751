"""PyTorch's layers: its own functions, and what it does not have, written out. One room a family, as in `reference`."""

from __future__ import annotations

from oracles.calls import Definition, Slopes
from oracles.torch_autograd.layers import (
    attention,
    convolution,
    experts,
    heads,
    interpolation,
    linear,
    native,
    norms,
    orthogonal,
    pooling,
    probabilities,
    projections,
    recurrent,
    reductions,
    scans,
)

FAMILIES = (
    attention, convolution, experts, heads, interpolation, linear, norms, orthogonal, pooling, probabilities,
    projections, recurrent, reductions, scans,
)  # fmt: skip
OWN: dict[str, Definition] = {id: f for family in FAMILIES for id, f in family.OWN.items()}
COMPOSED: dict[str, Definition] = {id: f for family in FAMILIES for id, f in family.COMPOSED.items()}
SLOPES: dict[str, Slopes] = {**norms.SLOPES}  # where OWN has not all gradients
NATIVE: dict[str, Definition] = {**OWN, **native.NATIVE}  # with the framework's own defaults
