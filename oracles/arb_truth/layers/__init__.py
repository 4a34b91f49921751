"""Layers: forward definitions over arrays of numbers. No derivative is written here. One room a family."""

from oracles.arb_truth.layers import (
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
from oracles.arb_truth.layers.layer import LAYERS

__all__ = [
    "LAYERS",
    "attention",
    "convolution",
    "experts",
    "heads",
    "interpolation",
    "linear",
    "norms",
    "orthogonal",
    "pooling",
    "probabilities",
    "projections",
    "recurrent",
    "reductions",
    "scans",
]
