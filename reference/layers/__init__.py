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
from reference.layers.convolution import causal_convolution, convolution, transposed_convolution
from reference.layers.dynamic_tanh import dynamic_tanh
from reference.layers.embedding import embedding
from reference.layers.experts import load_balance, router, router_z
from reference.layers.heads import multi_head_attention
from reference.layers.interpolation import interpolation
from reference.layers.linear import bilinear, linear, lora
from reference.layers.mlp import gated_mlp
from reference.layers.neighbours import local_response_norm
from reference.layers.norms import add_rms_norm, layer_norm, rms_norm, weight_norm
from reference.layers.orthogonal import newton_schulz
from reference.layers.pooling import adaptive_average_pooling, average_pooling, lp_pooling, max_pooling
from reference.layers.probabilities import gumbel_softmax, log1mexp
from reference.layers.projections import entmax, sinkhorn, sparsemax
from reference.layers.recurrent import gru, lstm, rnn
from reference.layers.reductions import maximum, minimum, norm, standard_deviation, variance
from reference.layers.regions import adaptive_max_pooling, fractional_max_pooling
from reference.layers.rotary import rotary
from reference.layers.sampling import grid_sample
from reference.layers.scans import cumprod, cumsum, delta_rule, linear_recurrence, logcumsumexp
from reference.layers.streaming import streaming_attention

__all__ = [
    "adaptive_average_pooling",
    "adaptive_max_pooling",
    "add_rms_norm",
    "attention",
    "average_pooling",
    "batch_norm",
    "batch_norm_inference",
    "bilinear",
    "causal_convolution",
    "convolution",
    "cumprod",
    "cumsum",
    "delta_rule",
    "dynamic_tanh",
    "embedding",
    "entmax",
    "fractional_max_pooling",
    "gated_mlp",
    "grid_sample",
    "group_norm",
    "gru",
    "gumbel_softmax",
    "interpolation",
    "layer_norm",
    "linear",
    "linear_recurrence",
    "load_balance",
    "local_response_norm",
    "log1mexp",
    "logcumsumexp",
    "lora",
    "lp_pooling",
    "lstm",
    "max_pooling",
    "maximum",
    "minimum",
    "multi_head_attention",
    "newton_schulz",
    "norm",
    "rms_norm",
    "rnn",
    "rotary",
    "router",
    "router_z",
    "sinkhorn",
    "sparsemax",
    "standard_deviation",
    "streaming_attention",
    "transposed_convolution",
    "variance",
    "weight_norm",
]
