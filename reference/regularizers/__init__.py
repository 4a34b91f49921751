"""Every regularizer, by name.

Those of weights take the list of weight matrices and return (R, [∂R/∂W]); those of outputs take an array and return
(R, its gradient), dropout (value, slope); those of input gradients take a network and return (R, [∂R/∂W], [∂R/∂b]).
"""

from reference.regularizers.dropout import alpha_dropout, dropout, inverted_dropout
from reference.regularizers.input_gradient import gradient_penalty, jacobian
from reference.regularizers.outputs import (
    activity_l1,
    activity_l2,
    entropy,
    label_smoothing,
)
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
    "activity_l1",
    "activity_l2",
    "alpha_dropout",
    "dropout",
    "elastic_net",
    "entropy",
    "gradient_penalty",
    "group_lasso",
    "inverted_dropout",
    "jacobian",
    "l1",
    "l2",
    "label_smoothing",
    "max_norm",
    "none",
    "nuclear_norm",
    "orthogonality",
    "spectral_norm",
]
