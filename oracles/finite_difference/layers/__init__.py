"""Layers as functions that the complex step can differentiate. One room a family."""

from __future__ import annotations

from oracles.calls import Definition
from oracles.finite_difference.layers import (
    attention,
    convolution,
    experts,
    heads,
    interpolation,
    linear,
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
LAYERS: dict[str, Definition] = {id: f for family in FAMILIES for id, f in family.DEFINITIONS.items()}
