"""Layers, by name: each takes its arrays and returns (outputs, pullback), which gives the gradient by every argument.

>>> import numpy as np
>>> y, pullback = rms_norm(np.array([[3.0, 4.0]]), np.array([1.0, 2.0]), eps=0.0)
>>> y.round(3).tolist()
[[0.849, 2.263]]
>>> sorted(pullback(np.ones((1, 2))))
['weight', 'x']
"""

from reference.layers.convolution import causal_convolution, convolution, transposed_convolution
from reference.layers.norms import layer_norm, rms_norm
from reference.layers.pooling import adaptive_average_pooling, average_pooling, max_pooling

__all__ = [
    "adaptive_average_pooling",
    "average_pooling",
    "causal_convolution",
    "convolution",
    "layer_norm",
    "max_pooling",
    "rms_norm",
    "transposed_convolution",
]
