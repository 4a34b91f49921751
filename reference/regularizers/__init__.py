"""Every regularizer of weights, by name."""

from reference.regularizers.weights import (
    Regularizer,
    elastic_net,
    group_lasso,
    l1,
    l2,
    max_norm,
    none,
    nuclear_norm,
    orthogonality,
    spectral_norm,
)

__all__ = [
    "Regularizer",
    "elastic_net",
    "group_lasso",
    "l1",
    "l2",
    "max_norm",
    "none",
    "nuclear_norm",
    "orthogonality",
    "spectral_norm",
]
