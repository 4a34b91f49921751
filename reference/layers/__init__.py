"""Layers, by name: each takes its arrays and returns (outputs, pullback), which gives the gradient by every argument.

>>> import numpy as np
>>> y, pullback = rms_norm(np.array([[3.0, 4.0]]), np.array([1.0, 2.0]), eps=0.0)
>>> y.round(3).tolist()
[[0.849, 2.263]]
>>> sorted(pullback(np.ones((1, 2))))
['weight', 'x']
"""

from reference.layers.convolution import causal_convolution, convolution, transposed_convolution
from reference.layers.dynamic_tanh import dynamic_tanh
from reference.layers.norms import layer_norm, rms_norm
from reference.layers.pooling import adaptive_average_pooling, average_pooling, max_pooling
from reference.layers.projections import entmax, sinkhorn, sparsemax
from reference.layers.reductions import maximum, minimum, norm, standard_deviation, variance
from reference.layers.scans import cumprod, cumsum, delta_rule, linear_recurrence, logcumsumexp

__all__ = [
    "adaptive_average_pooling",
    "average_pooling",
    "causal_convolution",
    "convolution",
    "cumprod",
    "cumsum",
    "delta_rule",
    "dynamic_tanh",
    "entmax",
    "layer_norm",
    "linear_recurrence",
    "logcumsumexp",
    "max_pooling",
    "maximum",
    "minimum",
    "norm",
    "rms_norm",
    "sinkhorn",
    "sparsemax",
    "standard_deviation",
    "transposed_convolution",
    "variance",
]
