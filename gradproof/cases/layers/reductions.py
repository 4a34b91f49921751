"""Reductions along any axis; rows far from 0 whose entries are all but equal."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source

SHAPES = (((3, 4), -1), ((5, 2), 0), ((2, 6, 3), 1), ((4, 2), -1), ((5,), -1), ((3, 4), -2))  # shape and axis, by seed


def _reduced() -> Draw:
    def draw(s: Source) -> Drawn:
        shape, axis = SHAPES[s.seed % len(SHAPES)]
        rest = list(shape)
        rest.pop(axis)
        x = s.real(*shape) if s.regime != "near" else s.real(*shape) + 1e4 * s.signs(1)
        parameters: dict[str, Any] = {"axis": axis} if axis != -1 else {}
        return Drawn({"x": x}, tuple(rest), parameters)

    return draw


DRAWS: dict[str, Draw] = {name: _reduced() for name in ("maximum", "minimum", "norm", "variance", "standard_deviation")}
