"""Layers as functions that the complex step can differentiate. One room a family."""

from __future__ import annotations

from oracles.calls import Definition
from oracles.finite_difference.layers import norms, recurrent

LAYERS: dict[str, Definition] = {**norms.DEFINITIONS, **recurrent.DEFINITIONS}
