"""Layers as functions that the complex step can differentiate. One room a family."""

from __future__ import annotations

from oracles.calls import Definition
from oracles.finite_difference.layers import attention, experts, heads, linear, norms, recurrent

LAYERS: dict[str, Definition] = {
    **attention.DEFINITIONS,
    **experts.DEFINITIONS,
    **heads.DEFINITIONS,
    **linear.DEFINITIONS,
    **norms.DEFINITIONS,
    **recurrent.DEFINITIONS,
}
