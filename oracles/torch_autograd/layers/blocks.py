"""Whole blocks in PyTorch: forward alone, of its own functions; autograd makes the chain."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.torch_autograd import layers

ACTIVATIONS: dict[str, Definition] = {"relu": F.relu, "gelu": F.gelu, "tanh": F.tanh}
POOLINGS: dict[str, Definition] = {"max_pooling": F.max_pool2d, "average_pooling": F.avg_pool2d}
LAYERS = {**layers.OWN, **layers.COMPOSED}


def _transformer(
    x: Tensor,
    q_weight: Tensor,
    k_weight: Tensor,
    v_weight: Tensor,
    out_weight: Tensor,
    gate: Tensor,
    up: Tensor,
    down: Tensor,
    norm1: Tensor,
    norm2: Tensor,
    bias1: Tensor | None = None,
    bias2: Tensor | None = None,
    keep_attention: Tensor | None = None,
    keep_mlp: Tensor | None = None,
    norm: str = "rms_norm",
    pre_norm: bool = True,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = True,
    activation: str = "silu",
    rate: float = 0.0,
) -> Tensor:
    def normalised(h: Tensor, w: Tensor, b: Tensor | None) -> Tensor:
        return F.layer_norm(h, w.shape, w, b, 1e-5) if norm == "layer_norm" else F.rms_norm(h, w.shape, w, 1e-6)

    def dropped(h: Tensor, keep: Tensor | None) -> Tensor:
        return h if keep is None else keep * h / (1 - rate)

    def attend(h: Tensor) -> Tensor:
        y = LAYERS["layer/multi_head_attention"](
            h, q_weight, k_weight, v_weight, out_weight, heads=heads, kv_heads=kv_heads, causal=causal
        )
        return dropped(y, keep_attention)

    def feed(h: Tensor) -> Tensor:
        return dropped(LAYERS["layer/gated_mlp"](h, gate, up, down, activation), keep_mlp)

    if pre_norm:
        x = x + attend(normalised(x, norm1, bias1))
        return x + feed(normalised(x, norm2, bias2))
    x = normalised(x + attend(x), norm1, bias1)
    return normalised(x + feed(x), norm2, bias2)


def _language_model(
    tokens: Tensor, labels: Tensor, embedding: Tensor, positions: Tensor,
    q_weight: Tensor, k_weight: Tensor, v_weight: Tensor, out_weight: Tensor, gate: Tensor, up: Tensor, down: Tensor,
    norm1: Tensor, norm2: Tensor, last_norm: Tensor,
    heads: int = 1, kv_heads: int | None = None, activation: str = "silu",
) -> Tensor:  # fmt: skip
    options: dict[str, Any] = {"heads": heads, "kv_heads": kv_heads, "activation": activation}
    h = F.embedding(tokens.long(), embedding) + positions
    for block in zip(q_weight, k_weight, v_weight, out_weight, gate, up, down, norm1, norm2, strict=True):
        h = _transformer(h, *block, **options)
    z = F.linear(F.rms_norm(h, last_norm.shape, last_norm, 1e-6), embedding)
    return F.cross_entropy(z.flatten(0, -2), labels.flatten().long())


def _convolutional_network(
    x: Tensor, labels: Tensor, kernel1: Tensor, bias1: Tensor, kernel2: Tensor, bias2: Tensor, weight: Tensor,
    bias: Tensor, activation: str = "relu", pooling: str = "max_pooling",
) -> Tensor:  # fmt: skip
    g, pool = ACTIVATIONS[activation], POOLINGS[pooling]
    h = pool(g(F.conv2d(x, kernel1, bias1, padding=[k // 2 for k in kernel1.shape[2:]])), 2)
    h = g(F.conv2d(h, kernel2, bias2))
    return F.cross_entropy(F.linear(h.flatten(1), weight, bias), labels.long())


def _lstm_classifier(
    x: Tensor, labels: Tensor, weight_x: Tensor, weight_h: Tensor, bias: Tensor, weight: Tensor, out_bias: Tensor
) -> Tensor:
    start = x.new_zeros(len(x), weight_h.shape[1])
    h = LAYERS["layer/lstm"](x.transpose(0, 1), start, start, weight_x, weight_h, bias)["h"]
    return F.cross_entropy(F.linear(h, weight, out_bias), labels.long())


BLOCKS: dict[str, Definition] = {
    "block/transformer": _transformer,
    "block/language_model": _language_model,
    "block/convolutional_network": _convolutional_network,
    "block/lstm_classifier": _lstm_classifier,
}
