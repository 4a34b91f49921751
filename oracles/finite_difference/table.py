"""All definitions by id, and which of their arguments' axes do not mix."""

from __future__ import annotations

from oracles.calls import Definition
from oracles.finite_difference.activations import ELEMENTWISE, VECTOR
from oracles.finite_difference.costs import COSTS
from oracles.finite_difference.layers import LAYERS
from oracles.finite_difference.regularizers import OTHERS, OUTPUTS, WEIGHTS

DEFINITIONS: dict[str, Definition] = {**ELEMENTWISE, **VECTOR, **COSTS, **WEIGHTS, **OUTPUTS, **OTHERS, **LAYERS}
AXES = {  # how many last axes of an argument make one problem: all others are independent
    **{(id, "z"): 0 for id in ELEMENTWISE},
    **{(id, "z"): 1 for id in VECTOR},
    **{(id, "w"): 2 for id in WEIGHTS},
    **{(id, name): 2 for id in OUTPUTS for name in ("z", "a")},
}
