"""Hand-derived formulas in NumPy, each under a permanent id in `CATALOGUE`.

Every formula is a plain function in one of the packages below, and answers to `vjp` under its id, or a former one:

>>> outputs, gradients = vjp("activation/relu", {"z": [-1.0, 2.0]}, cotangent=[3.0, 4.0])
>>> outputs["value"].tolist(), gradients["z"].tolist()
([0.0, 2.0], [0.0, 4.0])
"""

from reference import activations, boosting, costs, layers, network, regularizers, updates
from reference.formula import ALIASES, CATALOGUE, Formula, Kink, find, resolve, vjp
from reference.plan import plan

__all__ = [
    "ALIASES",
    "CATALOGUE",
    "Formula",
    "Kink",
    "activations",
    "boosting",
    "costs",
    "find",
    "layers",
    "network",
    "plan",
    "regularizers",
    "resolve",
    "updates",
    "vjp",
]
