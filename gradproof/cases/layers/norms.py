"""Normalisations: ordinary rows, rows far from 0 and rows that are all but constant, one entry, several axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SHAPES = ((3, 4), (2, 3, 5), (4, 1), (2, 5, 3), (2, 4, 3, 2))  # by seed


def _rows(s: Source, *shape: int) -> Array:
    """Rows; near: a common mean 10⁴ times the deviation."""
    x = s.real(*shape)
    return x if s.regime != "near" else x + 1e4 * s.signs(*shape[:-1], 1)


def _normalised(*weights: str) -> Draw:
    def draw(s: Source) -> Drawn:
        shape = SHAPES[s.seed % len(SHAPES)]
        axes = (1, 1, 1, 2, 3)[s.seed % len(SHAPES)]
        given: dict[str, Any] = {"x": _rows(s, *shape)}
        if s.seed % 3:
            given |= {name: _gain(s, *shape[-axes:]) for name in weights}
        return Drawn(given, shape, {"axes": axes} if axes > 1 else {})

    return draw


CHANNELS = ((3, 4), (2, 6, 3), (4, 2, 1, 3), (1, 4, 5))


def _gain(s: Source, *shape: int) -> Array:
    return np.asarray(s.rng.uniform(0.25, 4, shape) * s.signs(*shape))


def _added(s: Source) -> Drawn:
    drawn = _normalised("weight")(s)
    shape = SHAPES[s.seed % 3]
    given = {**drawn.arguments, "x": s.real(*shape), "residual": _rows(s, *shape)}
    if "weight" in given:
        given["weight"] = _gain(s, shape[-1])
    return Drawn(given, {"value": shape, "sum": shape})


def _channels(s: Source) -> tuple[dict[str, Any], tuple[int, ...]]:
    """Channels; weight and bias in every second case."""
    shape = CHANNELS[s.seed % len(CHANNELS)]
    x = s.real(*shape)
    if s.regime == "near":
        x = x + 1e4 * s.signs(1, shape[1], *[1] * (len(shape) - 2))
    given: dict[str, Any] = {"x": x}
    if s.odd:
        given |= {"weight": _gain(s, shape[1]), "bias": s.real(shape[1])}
    return given, shape


def _batch_norm(s: Source) -> Drawn:
    given, shape = _channels(s)
    return Drawn(given, {"value": shape, "mean": shape[1:2], "variance": shape[1:2]})


def _batch_norm_inference(s: Source) -> Drawn:
    given, shape = _channels(s)
    mean = given["x"].mean((0, *range(2, len(shape)))) if s.regime == "near" else s.real(shape[1])
    return Drawn({**given, "mean": mean, "variance": s.positive(shape[1])}, shape)


def _group_norm(s: Source) -> Drawn:
    given, shape = _channels(s)
    return Drawn(given, shape, {"groups": (1, 2, 0)[s.seed % 3]})


def _local_response_norm(s: Source) -> Drawn:
    given, shape = _channels(s)
    return Drawn({"x": given["x"]}, shape)


def _weight_norm(s: Source) -> Drawn:
    shape = SHAPES[s.seed % len(SHAPES)]
    return Drawn({"w": s.real(*shape), "g": _gain(s, shape[0])}, shape)


DRAWS: dict[str, Draw] = {
    "layer_norm": _normalised("weight", "bias"),
    "rms_norm": _normalised("weight"),
    "add_rms_norm": _added,
    "batch_norm": _batch_norm,
    "batch_norm_inference": _batch_norm_inference,
    "group_norm": _group_norm,
    "local_response_norm": _local_response_norm,
    "weight_norm": _weight_norm,
}
