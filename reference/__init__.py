"""Hand-derived formulas in NumPy, each under a permanent id in `CATALOGUE`."""

from reference import activations, costs, network, regularizers, updates
from reference.formula import CATALOGUE, Formula, Kink

__all__ = ["CATALOGUE", "Formula", "Kink", "activations", "costs", "network", "regularizers", "updates"]
