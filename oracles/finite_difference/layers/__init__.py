"""Layers as functions that the complex step can differentiate. One room a family."""

from __future__ import annotations

from oracles.calls import Definition
from oracles.finite_difference.layers import convolution, norms, pooling

LAYERS: dict[str, Definition] = {**convolution.DEFINITIONS, **norms.DEFINITIONS, **pooling.DEFINITIONS}
