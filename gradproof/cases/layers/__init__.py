"""Layers: arrays of sizes that all differ, one of them 1 now and then, and a random cotangent for every output."""

from gradproof.cases.layers import (
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
from gradproof.cases.source import Draw

FAMILIES = (
    attention, convolution, experts, heads, interpolation, linear, norms, orthogonal, pooling, probabilities,
    projections, recurrent, reductions, scans,
)  # fmt: skip
DRAWS: dict[str, Draw] = {f"layer/{name}": draw for family in FAMILIES for name, draw in family.DRAWS.items()}
