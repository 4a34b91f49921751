"""Whole blocks over balls: definitions forward, of layers as they stand here. The tape makes the chain.

Where a value goes more than one way, `cut` names one of `WAYS` on which it counts as a constant: the gradient is then
what it would be if nothing came back that way.

`links` are numbers that are 1, two for each entry of what one layer hands to the next: its value is multiplied by the
first, and what comes back to it by the second. How the results answer to these says what rounding there does to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.definition import Forward, fill
from oracles.arb_truth.functions import elementwise, entrywise, surprises, total
from oracles.arb_truth.layers.convolution import convolution
from oracles.arb_truth.layers.experts import gated_mlp
from oracles.arb_truth.layers.heads import multi_head_attention
from oracles.arb_truth.layers.linear import linear, through
from oracles.arb_truth.layers.norms import layer_norm, rms_norm
from oracles.arb_truth.layers.pooling import average_pooling, max_pooling
from oracles.arb_truth.layers.recurrent import lstm
from oracles.arb_truth.numbers import Array, Scalar, ball
from oracles.arb_truth.tape import Node

Option = Any  # a parameter that is given as it is

BLOCKS: dict[str, Forward] = {}
AROUND = ("the residual beside attention", "the residual beside the MLP", "the way through attention",
          "the way through the MLP")  # fmt: skip
ENDS = ("the table as the first layer", "the table before the logits")
WAYS = {"block/transformer": AROUND, "block/language_model": (*ENDS, *AROUND)}


def block(requires: str = "True", **parameters: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Enter a definition as block/NAME: its parameters with their defaults and a condition on them."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        BLOCKS[f"block/{function.__name__}"] = Forward(function, parameters, requires)
        return function

    return enter


def _handed_on(links: Iterable[Scalar] | None) -> Callable[[Array], Array]:
    """h ↦ h, each entry times the next link, and its cotangent times the one after it."""
    if links is None:
        return lambda h: h
    rest = iter(links)

    def handed_on(h: Scalar) -> Scalar:
        forth, back = next(rest), next(rest)
        value = h * forth
        return Node(value.value, (value,), (back.value,)) if isinstance(value, Node) else value

    return lambda h: np.asarray(np.frompyfunc(handed_on, 1, 1)(h))


def _cross_entropy(z: Array, labels: Array) -> Scalar:
    """The mean of −log softmax(z) at the label.  (n, classes), (n,)."""
    return total(surprises(row)[int(y)] for row, y in zip(z, labels, strict=True)) / len(z)


def _unless_cut(cut: str) -> Callable[[str, Array], Array]:
    """(way, h) ↦ h, or its balls alone, from which nothing comes back, if this way is cut."""
    return lambda way, h: np.asarray(np.frompyfunc(ball, 1, 1)(h)) if way == cut else h


@block(
    "0 <= rate < 1",
    norm="rms_norm", pre_norm=True, heads=1, kv_heads=None, causal=True, activation="silu", rate=0.0, cut="",
)  # fmt: skip
def transformer(
    x: Array,
    q_weight: Array,
    k_weight: Array,
    v_weight: Array,
    out_weight: Array,
    gate: Array,
    up: Array,
    down: Array,
    norm1: Array,
    norm2: Array,
    bias1: Array | None = None,
    bias2: Array | None = None,
    keep_attention: Array | None = None,
    keep_mlp: Array | None = None,
    links: Iterable[Scalar] | None = None,
    *,
    norm: Option,
    pre_norm: Option,
    heads: Option,
    kv_heads: Option,
    causal: Option,
    activation: Option,
    rate: Scalar,
    cut: Option,
) -> Array:
    """h = x + A(n(x)), y = h + F(n(h)); or h = n(x + A(x)), y = n(h + F(h))."""

    def normalised(h: Array, w: Array, b: Array | None) -> Array:
        if norm == "layer_norm":
            return np.asarray(layer_norm(h, w, b, eps=arb(1e-5), axes=1))
        return np.asarray(rms_norm(h, w, eps=arb(1e-6), offset=arb(0), axes=1))

    def dropped(h: Array, keep: Array | None) -> Array:
        return h if keep is None else np.asarray(keep.astype(int) * h / (1 - rate))

    def attend(h: Array) -> Array:
        weights, options = (q_weight, k_weight, v_weight, out_weight), {"heads": heads, "kv_heads": kv_heads}
        return dropped(multi_head_attention(h, *weights, causal=causal, **options), keep_attention)

    def feed(h: Array) -> Array:
        return dropped(gated_mlp(h, gate, up, down, activation=activation), keep_mlp)

    along, on = _unless_cut(cut), _handed_on(links)
    beside_attention, through_attention = along(AROUND[0], x), along(AROUND[2], x)
    if pre_norm:
        h = on(beside_attention + on(attend(on(normalised(through_attention, norm1, bias1)))))
        return np.asarray(along(AROUND[1], h) + on(feed(on(normalised(along(AROUND[3], h), norm2, bias2)))))
    h = on(normalised(on(beside_attention + on(attend(through_attention))), norm1, bias1))
    return normalised(on(along(AROUND[1], h) + on(feed(along(AROUND[3], h)))), norm2, bias2)


@block(heads=1, kv_heads=None, activation="silu", cut="")
def language_model(
    tokens: Array, labels: Array, embedding: Array, positions: Array,
    q_weight: Array, k_weight: Array, v_weight: Array, out_weight: Array, gate: Array, up: Array, down: Array,
    norm1: Array, norm2: Array, last_norm: Array, links: Iterable[Scalar] | None = None, *, heads: Option,
    kv_heads: Option, activation: Option, cut: Option,
) -> Scalar:  # fmt: skip
    """−log softmax(n·Eᵀ) at the next token, of rows E[token] + P that went through the blocks and a norm."""
    rest = None if links is None else iter(links)
    options: dict[str, Any] = {
        "heads": heads,
        "kv_heads": kv_heads,
        "activation": activation,
        "cut": cut,
        "links": rest,
    }
    along, on = _unless_cut(cut), _handed_on(rest)
    h = on(along(ENDS[0], embedding)[tokens.astype(int)] + positions)
    for block in zip(q_weight, k_weight, v_weight, out_weight, gate, up, down, norm1, norm2, strict=True):
        h = on(transformer(h, *block, norm="rms_norm", pre_norm=True, causal=True, rate=arb(0), **options))
    n = on(rms_norm(h, last_norm, eps=arb(1e-6), offset=arb(0), axes=1))
    z = on(through(n, along(ENDS[1], embedding)))
    return _cross_entropy(z.reshape(-1, len(embedding)), labels.ravel())


@block(activation="relu", pooling="max_pooling")
def convolutional_network(
    x: Array, labels: Array, kernel1: Array, bias1: Array, kernel2: Array, bias2: Array, weight: Array, bias: Array,
    links: Iterable[Scalar] | None = None, *, activation: Option, pooling: Option,
) -> Scalar:  # fmt: skip
    """Convolution, activation, pooling, convolution, activation, a linear map, and cross-entropy."""
    bound = fill(ELEMENTWISE[f"activation/{activation}"], {})
    g, on = entrywise(lambda u: elementwise(bound, u)), _handed_on(links)
    plain: dict[str, Any] = {"stride": (1,), "dilation": (1,), "groups": 1}
    windows: dict[str, Any] = {"kernel_size": (2, 2), "stride": None, "padding": (0,), "ceil_mode": False}
    h = on(g(on(convolution(x, kernel1, bias1, padding=tuple(k // 2 for k in kernel1.shape[2:]), **plain))))
    pooled = max_pooling(h, dilation=(1,), **windows) if pooling == "max_pooling" else (
        average_pooling(h, count_include_pad=True, **windows)
    )  # fmt: skip
    h = on(g(on(convolution(on(pooled), kernel2, bias2, padding=(0,), **plain))))
    return _cross_entropy(on(linear(h.reshape(len(x), -1), weight, bias)), labels)


@block()
def lstm_classifier(
    x: Array, labels: Array, weight_x: Array, weight_h: Array, bias: Array, weight: Array, out_bias: Array,
    links: Iterable[Scalar] | None = None,
) -> Scalar:  # fmt: skip
    """An LSTM that starts from zeros, a linear map of its last state, and cross-entropy."""
    start = np.full((len(x), weight_h.shape[1]), arb(0), object)
    on = _handed_on(links)
    h, c = start, start
    for x_t in x.swapaxes(0, 1):  # one step after the other, each a layer
        step = lstm(x_t[None], h, c, weight_x, weight_h, bias)
        h, c = on(step["h"]), on(step["c"])
    return _cross_entropy(on(linear(h, weight, out_bias)), labels)
