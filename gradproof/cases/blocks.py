"""What is asked of blocks: every option, at sizes that all differ and are small enough for exact truths."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradproof.cases.case import Case, as_dtype, generator, random_cotangent
from reference.formula import Array

T, D, HEADS, E, H = 3, 4, 2, 3, 5  # places, entries of a row, heads and their entries, entries inside the MLP
V, BLOCKS = 5, 2  # tokens, and blocks one behind the other
GROUPED = {"heads": HEADS, "kv_heads": 1}

SETTINGS: dict[str, tuple[dict[str, Any], ...]] = {
    "block/transformer": (
        {"heads": HEADS},
        {"heads": HEADS, "pre_norm": False, "norm": "layer_norm"},
        {**GROUPED, "activation": "gelu"},
        {**GROUPED, "pre_norm": False, "causal": False},
        {"heads": HEADS, "norm": "layer_norm", "causal": False, "rate": 0.25},
        {**GROUPED, "pre_norm": False, "norm": "layer_norm", "activation": "gelu", "rate": 0.25},
    ),
    "block/language_model": ({"heads": HEADS}, {**GROUPED, "activation": "gelu"}),
    "block/convolutional_network": (
        {},
        {"activation": "gelu"},
        {"activation": "tanh", "pooling": "average_pooling"},
    ),
    "block/lstm_classifier": ({},),
}


def matrix(rng: np.random.Generator, *shape: int) -> Array:
    """Normal weights of which a row, all its axes but the first, keeps the size of what it meets."""
    return np.asarray(rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:])))


def _gain(rng: np.random.Generator, *shape: int) -> Array:
    """Weights of a norm: of both signs, none at 1."""
    return random_cotangent(rng, shape)


def of_block(
    rng: np.random.Generator, width: int, inside: int, *, heads: int, kv_heads: int, entries: int
) -> dict[str, Array]:
    """The weights of one transformer block but for its norms."""
    return {
        "q_weight": matrix(rng, heads * entries, width),
        "k_weight": matrix(rng, kv_heads * entries, width),
        "v_weight": matrix(rng, kv_heads * entries, width),
        "out_weight": matrix(rng, width, heads * entries),
        "gate": matrix(rng, inside, width),
        "up": matrix(rng, inside, width),
        "down": matrix(rng, width, inside),
    }


def _weights(rng: np.random.Generator, options: Mapping[str, Any]) -> dict[str, Array]:
    """Those of one block, norms included."""
    shared = options.get("kv_heads", HEADS)
    weights = of_block(rng, D, H, heads=HEADS, kv_heads=shared, entries=E)
    return {**weights, "norm1": _gain(rng, D), "norm2": _gain(rng, D)}


def _transformer(rng: np.random.Generator, options: Mapping[str, Any]) -> dict[str, Array]:
    given = {"x": rng.standard_normal((T, D)), **_weights(rng, options)}
    if options.get("norm") == "layer_norm":
        given |= {"bias1": rng.standard_normal(D), "bias2": rng.standard_normal(D)}
    if "rate" in options:
        given |= {name: rng.random((T, D)) > options["rate"] for name in ("keep_attention", "keep_mlp")}
    return given


def _language_model(rng: np.random.Generator, options: Mapping[str, Any]) -> dict[str, Array]:
    blocks = [_weights(rng, options) for _ in range(BLOCKS)]
    return {
        "tokens": rng.integers(0, V, T),
        "labels": rng.integers(0, V, T),
        "embedding": rng.standard_normal((V, D)),
        "positions": rng.standard_normal((T, D)),
        **{name: np.stack([block[name] for block in blocks]) for name in blocks[0]},
        "last_norm": _gain(rng, D),
    }


def _convolutional_network(rng: np.random.Generator, options: Mapping[str, Any]) -> dict[str, Array]:
    n, classes = 2, 3
    return {
        "x": rng.standard_normal((n, 1, 6, 4)),
        "labels": rng.integers(0, classes, n),
        "kernel1": matrix(rng, 2, 1, 3, 3),
        "bias1": 0.3 * rng.standard_normal(2),
        "kernel2": matrix(rng, 3, 2, 2, 2),
        "bias2": 0.3 * rng.standard_normal(3),
        "weight": matrix(rng, classes, 3 * 2 * 1),
        "bias": rng.standard_normal(classes),
    }


def _lstm_classifier(rng: np.random.Generator, options: Mapping[str, Any]) -> dict[str, Array]:
    n, steps, d, m, classes = 2, 4, 3, 2, 5
    return {
        "x": rng.standard_normal((n, steps, d)),
        "labels": rng.integers(0, classes, n),
        "weight_x": matrix(rng, 4 * m, d),
        "weight_h": matrix(rng, 4 * m, m),
        "bias": rng.standard_normal(4 * m),
        "weight": matrix(rng, classes, m),
        "out_bias": rng.standard_normal(classes),
    }


REGIMES = ("plain", "wide")
DRAWS = {
    "block/transformer": _transformer,
    "block/language_model": _language_model,
    "block/convolutional_network": _convolutional_network,
    "block/lstm_classifier": _lstm_classifier,
}


def draw(id: str, dtype: str, regime: str, seed: int) -> Case:
    """The case of this block, dtype and seed, by which the settings take turns. Raises KeyError for what is no block.

    Regimes are plain, and wide: plain numbers times factors between 1/100 and 100, which saturate what can be.
    """
    options = SETTINGS[id][seed % len(SETTINGS[id])]
    rng = generator(id, dtype, regime, seed)
    given = DRAWS[id](rng, options)
    if regime == "wide":
        given = {a: x * 10 ** rng.uniform(-2, 2, x.shape) if x.dtype.kind == "f" else x for a, x in given.items()}
    arrays = {name: as_dtype(x, dtype) if x.dtype.kind == "f" else x for name, x in given.items()}
    shape = given["x"].shape if id == "block/transformer" else ()
    v = random_cotangent(generator(id, dtype, regime, seed, " cotangent"), shape)
    return Case(id, dtype, regime, seed, arrays, {"value": as_dtype(v, dtype)}, options)
