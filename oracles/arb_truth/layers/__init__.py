"""Layers: forward definitions over arrays of numbers. No derivative is written here. One room a family."""

from oracles.arb_truth.layers import attention, experts, heads, linear, norms, recurrent
from oracles.arb_truth.layers.layer import LAYERS

__all__ = ["LAYERS", "attention", "experts", "heads", "linear", "norms", "recurrent"]
