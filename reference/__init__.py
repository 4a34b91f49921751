"""Hand-derived formulas in NumPy, each under a permanent id in `CATALOGUE`."""

from reference import (
    activations,
    clipping,
    costs,
    ctc,
    double_backprop,
    logit_costs,
    margin_costs,
    network,
    optimizers,
    overlap_costs,
    penalties,
    probability_costs,
    regression_costs,
    regularizers,
    similarity_costs,
)
from reference.formula import CATALOGUE, Formula, Kink

__all__ = [
    "CATALOGUE",
    "Formula",
    "Kink",
    "activations",
    "clipping",
    "costs",
    "ctc",
    "double_backprop",
    "logit_costs",
    "margin_costs",
    "network",
    "optimizers",
    "overlap_costs",
    "penalties",
    "probability_costs",
    "regression_costs",
    "regularizers",
    "similarity_costs",
]
