"""What blocks are made of, by name: layers, activations and their cost. Others of the same names may stand for them."""

from reference.activations import gelu, relu, tanh
from reference.costs import cross_entropy_labels
from reference.layers import (
    average_pooling,
    convolution,
    embedding,
    gated_mlp,
    layer_norm,
    linear,
    lstm,
    max_pooling,
    multi_head_attention,
    rms_norm,
)

__all__ = [
    "average_pooling",
    "convolution",
    "cross_entropy_labels",
    "embedding",
    "gated_mlp",
    "gelu",
    "layer_norm",
    "linear",
    "lstm",
    "max_pooling",
    "multi_head_attention",
    "relu",
    "rms_norm",
    "tanh",
]
