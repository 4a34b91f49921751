"""Normalisations: ordinary rows, rows far from 0 and rows that are all but constant, one entry, several axes."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SHAPES = ((3, 4), (2, 3, 5), (4, 1), (2, 5, 3))  # by seed


def _rows(s: Source, *shape: int) -> Array:
    """Rows; near: a common mean 10⁴ times the deviation."""
    x = s.real(*shape)
    return x if s.regime != "near" else x + 1e4 * s.signs(*shape[:-1], 1)


def _normalised(*weights: str) -> Draw:
    def draw(s: Source) -> Drawn:
        shape = SHAPES[s.seed % len(SHAPES)]
        axes = 2 if s.seed % len(SHAPES) == 3 else 1
        given: dict[str, Any] = {"x": _rows(s, *shape)}
        if s.seed % 3:
            given |= {name: s.rng.uniform(0.25, 4, shape[-axes:]) * s.signs(*shape[-axes:]) for name in weights}
        return Drawn(given, shape, {"axes": axes} if axes > 1 else {})

    return draw


DRAWS: dict[str, Draw] = {"layer_norm": _normalised("weight", "bias"), "rms_norm": _normalised("weight")}
