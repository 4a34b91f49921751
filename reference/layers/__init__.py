"""Layers, by name: each takes its arrays and returns (outputs, pullback), which gives the gradient by every argument.

>>> import numpy as np
>>> y, pullback = rms_norm(np.array([[3.0, 4.0]]), np.array([1.0, 2.0]), eps=0.0)
>>> y.round(3).tolist()
[[0.849, 2.263]]
>>> sorted(pullback(np.ones((1, 2))))
['weight', 'x']
"""

from reference.layers.channels import batch_norm, batch_norm_inference, group_norm
from reference.layers.norms import add_rms_norm, layer_norm, rms_norm, weight_norm
from reference.layers.recurrent import gru, lstm, rnn

__all__ = [
    "add_rms_norm",
    "batch_norm",
    "batch_norm_inference",
    "group_norm",
    "gru",
    "layer_norm",
    "lstm",
    "rms_norm",
    "rnn",
    "weight_norm",
]
