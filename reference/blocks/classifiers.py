"""Classifiers of pictures: a small convolutional network, and an LSTM that reads a picture row by row."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from reference.blocks import parts as ours
from reference.blocks.transformer import expect_parts
from reference.formula import Array
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import expect
from reference.lift import choice

ACTIVATIONS = ("relu", "gelu", "tanh")
POOLINGS = ("max_pooling", "average_pooling")


@layer(indices=("labels",))
def convolutional_network(
    x: Array,
    labels: Array,
    kernel1: Array,
    bias1: Array,
    kernel2: Array,
    bias2: Array,
    weight: Array,
    bias: Array,
    *,
    activation: str = "relu",
    pooling: str = "max_pooling",
    parts: ModuleType = ours,
) -> tuple[Array, Pullback]:
    """Cross-entropy of a convolutional network, one number: two convolutions, pooling between them, a linear layer.

    x: (n, c, h, w), labels: (n,); kernel1: (p, c, 3, 3) with a padding of 1, or others of odd sizes with half of them;
    pooling over windows of 2 × 2; kernel2: (q, p, …); weight: (classes, q·places). The activation is relu, gelu or
    tanh, behind each convolution. Raises ValueError for other names and shapes that do not fit, and what layers raise.
    """
    expect_parts(parts)
    for name, value, known in (("activation", activation, ACTIVATIONS), ("pooling", pooling, POOLINGS)):
        choice(name, value, known)
    expect("x", x, "n", "c", "h", "w")
    g = getattr(parts, activation)
    around = tuple(k // 2 for k in kernel1.shape[2:])
    z1, convolution1_back = parts.convolution(x, kernel1, bias1, padding=around)  # (n, p, h, w)
    a1, slope1 = g(z1)
    p1, pooling_back = getattr(parts, pooling)(a1, kernel_size=(2, 2))  # (n, p, h/2, w/2)
    z2, convolution2_back = parts.convolution(p1, kernel2, bias2)  # (n, q, h′, w′)
    a2, slope2 = g(z2)
    z, linear_back = parts.linear(a2.reshape(len(x), -1), weight, bias)  # (n, classes)
    C, dC = parts.cross_entropy_labels(z, labels)

    def pullback(v: Array) -> Gradients:
        of_linear = linear_back(v * dC["z"])
        of_second = convolution2_back(of_linear["x"].reshape(a2.shape) * slope2)
        of_pooling = pooling_back(of_second["x"])
        of_first = convolution1_back(of_pooling["x"] * slope1)
        return {
            "weight": of_linear["weight"],
            "bias": of_linear["bias"],
            "kernel2": of_second["weight"],
            "bias2": of_second["bias"],
            "kernel1": of_first["weight"],
            "bias1": of_first["bias"],
            "x": of_first["x"],
        }

    return C, pullback


@layer(indices=("labels",))
def lstm_classifier(
    x: Array,
    labels: Array,
    weight_x: Array,
    weight_h: Array,
    bias: Array,
    weight: Array,
    out_bias: Array,
    *,
    parts: ModuleType = ours,
) -> tuple[Array, Pullback]:
    """Cross-entropy of a linear layer on the last state of an LSTM that starts from zeros, one number.

    x: (n, T, d), a row of the picture a step; labels: (n,); weight_x: (4m, d), weight_h: (4m, m), bias: (4m,) as in
    `lstm`; weight: (classes, m), out_bias: (classes,). Raises ValueError for shapes that do not fit.
    """
    expect_parts(parts)
    expect("x", x, "n", "T", "d")
    expect("weight_h", weight_h, "4m", "m")
    start = np.zeros((len(x), weight_h.shape[1]))  # (n, m)
    (_, h, _), lstm_back = parts.lstm(x.swapaxes(0, 1), start, start, weight_x, weight_h, bias)
    z, linear_back = parts.linear(h, weight, out_bias)  # (n, classes)
    C, dC = parts.cross_entropy_labels(z, labels)

    def pullback(v: Array) -> Gradients:
        of_linear = linear_back(v * dC["z"])
        of_lstm = lstm_back(None, of_linear["x"])
        return {
            "weight": of_linear["weight"],
            "out_bias": of_linear["bias"],
            **{name: of_lstm[name] for name in ("weight_x", "weight_h", "bias")},
            "x": of_lstm["x"].swapaxes(0, 1),
        }

    return C, pullback
