"""Every cost, by name."""

from reference.costs import ctc, logit, margin, overlap, probability, regression, similarity
from reference.costs.basic import (
    Cost,
    bce,
    bce_logits,
    cross_entropy,
    huber,
    mae,
    mse,
    nll,
    one_hot,
    quadratic,
    softmax_cross_entropy,
)

__all__ = [
    "Cost",
    "bce",
    "bce_logits",
    "cross_entropy",
    "ctc",
    "huber",
    "logit",
    "mae",
    "margin",
    "mse",
    "nll",
    "one_hot",
    "overlap",
    "probability",
    "quadratic",
    "regression",
    "similarity",
    "softmax_cross_entropy",
]
