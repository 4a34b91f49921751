"""Layers, by name: each takes its arrays and returns (outputs, pullback), which gives the gradient by every argument.

>>> import numpy as np
>>> y, pullback = rms_norm(np.array([[3.0, 4.0]]), np.array([1.0, 2.0]), eps=0.0)
>>> y.round(3).tolist()
[[0.849, 2.263]]
>>> sorted(pullback(np.ones((1, 2))))
['weight', 'x']
"""

from reference.layers.attention import attention
from reference.layers.channels import batch_norm, batch_norm_inference, group_norm
from reference.layers.embedding import embedding
from reference.layers.experts import load_balance, router, router_z
from reference.layers.heads import multi_head_attention
from reference.layers.linear import linear, lora
from reference.layers.mlp import gated_mlp
from reference.layers.norms import add_rms_norm, layer_norm, rms_norm, weight_norm
from reference.layers.recurrent import gru, lstm, rnn
from reference.layers.rotary import rotary
from reference.layers.streaming import streaming_attention

__all__ = [
    "add_rms_norm",
    "attention",
    "batch_norm",
    "batch_norm_inference",
    "embedding",
    "gated_mlp",
    "group_norm",
    "gru",
    "layer_norm",
    "linear",
    "load_balance",
    "lora",
    "lstm",
    "multi_head_attention",
    "rms_norm",
    "rnn",
    "rotary",
    "router",
    "router_z",
    "streaming_attention",
    "weight_norm",
]
