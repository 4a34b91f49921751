"""Whole blocks in JAX: forward alone; `jax.vjp` makes the chain, and all of it is one program."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import lax

from oracles.calls import Definition
from oracles.jax_grad import layers

ACTIVATIONS: dict[str, Definition] = {
    "relu": jax.nn.relu,
    "gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "tanh": jnp.tanh,
}
LAYERS = {**layers.OWN, **layers.COMPOSED}


def _transformer(
    x: Any,
    q_weight: Any,
    k_weight: Any,
    v_weight: Any,
    out_weight: Any,
    gate: Any,
    up: Any,
    down: Any,
    norm1: Any,
    norm2: Any,
    bias1: Any = None,
    bias2: Any = None,
    keep_attention: Any = None,
    keep_mlp: Any = None,
    norm: str = "rms_norm",
    pre_norm: bool = True,
    heads: int = 1,
    kv_heads: int | None = None,
    causal: bool = True,
    activation: str = "silu",
    rate: float = 0.0,
) -> Any:
    def normalised(h: Any, w: Any, b: Any) -> Any:
        return LAYERS["layer/layer_norm"](h, w, b) if norm == "layer_norm" else LAYERS["layer/rms_norm"](h, w)

    def dropped(h: Any, keep: Any) -> Any:
        return h if keep is None else jnp.where(keep, h / (1 - rate), 0)

    def attend(h: Any) -> Any:
        attention = LAYERS["layer/multi_head_attention"]
        y = attention(h, q_weight, k_weight, v_weight, out_weight, heads=heads, kv_heads=kv_heads, causal=causal)
        return dropped(y, keep_attention)

    def feed(h: Any) -> Any:
        return dropped(LAYERS["layer/gated_mlp"](h, gate, up, down, activation), keep_mlp)

    if pre_norm:
        x = x + attend(normalised(x, norm1, bias1))
        return x + feed(normalised(x, norm2, bias2))
    x = normalised(x + attend(x), norm1, bias1)
    return normalised(x + feed(x), norm2, bias2)


def _cross_entropy(z: Any, labels: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(z, labels).mean()


def _language_model(
    tokens: Any, labels: Any, embedding: Any, positions: Any,
    q_weight: Any, k_weight: Any, v_weight: Any, out_weight: Any, gate: Any, up: Any, down: Any,
    norm1: Any, norm2: Any, last_norm: Any,
    heads: int = 1, kv_heads: int | None = None, activation: str = "silu",
) -> Any:  # fmt: skip
    options: dict[str, Any] = {"heads": heads, "kv_heads": kv_heads, "activation": activation}

    def through(h: Any, weights: Any) -> tuple[Any, None]:
        return _transformer(h, *weights, **options), None

    stacked = (q_weight, k_weight, v_weight, out_weight, gate, up, down, norm1, norm2)
    h, _ = lax.scan(through, embedding[tokens] + positions, stacked)
    return _cross_entropy(LAYERS["layer/rms_norm"](h, last_norm) @ embedding.T, labels)


def _convolutional_network(
    x: Any, labels: Any, kernel1: Any, bias1: Any, kernel2: Any, bias2: Any, weight: Any,
    bias: Any, activation: str = "relu", pooling: str = "max_pooling",
) -> Any:  # fmt: skip
    g, convolve = ACTIVATIONS[activation], LAYERS["layer/convolution"]
    h = g(convolve(x, kernel1, bias1, padding=tuple(k // 2 for k in kernel1.shape[2:])))
    h = LAYERS[f"layer/{pooling}"](h, kernel_size=(2, 2))
    h = g(convolve(h, kernel2, bias2))
    return _cross_entropy(h.reshape(len(x), -1) @ weight.T + bias, labels)


def _lstm_classifier(x: Any, labels: Any, weight_x: Any, weight_h: Any, bias: Any, weight: Any, out_bias: Any) -> Any:
    start = jnp.zeros((len(x), weight_h.shape[1]), x.dtype)
    h = LAYERS["layer/lstm"](x.swapaxes(0, 1), start, start, weight_x, weight_h, bias)["h"]
    return _cross_entropy(h @ weight.T + out_bias, labels)


BLOCKS: dict[str, Definition] = {
    "block/transformer": _transformer,
    "block/language_model": _language_model,
    "block/convolutional_network": _convolutional_network,
    "block/lstm_classifier": _lstm_classifier,
}
