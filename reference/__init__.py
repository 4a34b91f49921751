"""Hand-derived formulas in NumPy, each under a permanent id in `CATALOGUE`."""

from reference import activations, clipping, costs, network, optimizers, regularizers
from reference.formula import CATALOGUE, Formula, Kink

__all__ = [
    "CATALOGUE",
    "Formula",
    "Kink",
    "activations",
    "clipping",
    "costs",
    "network",
    "optimizers",
    "regularizers",
]
