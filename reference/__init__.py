"""Hand-derived formulas in NumPy, each under a permanent id in `CATALOGUE`."""

from reference import activations, costs, network, regularizers, updates
from reference.formula import CATALOGUE, Formula, Kink
from reference.regularizers import input_gradient, outputs
from reference.updates import clipping, optimizers

__all__ = [
    "CATALOGUE",
    "Formula",
    "Kink",
    "activations",
    "clipping",
    "costs",
    "input_gradient",
    "network",
    "optimizers",
    "outputs",
    "regularizers",
    "updates",
]
