"""Interpolation of one, two and three axes: more entries and fewer, by sizes and by factors, in every mode."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source

Setting = tuple[tuple[int, ...], tuple[int, ...], dict[str, Any]]
SETTINGS: tuple[Setting, ...] = (  # by seed: shape of x, of the last axes of y, parameters
    ((2, 3, 5), (7,), {"size": (7,)}),
    ((2, 3, 4), (5, 3), {"size": (5, 3), "mode": "cubic"}),
    ((3, 4, 2), (6, 5), {"scale_factor": (1.5, 2.75), "align_corners": False}),
    ((2, 5, 3), (3, 4), {"size": (3, 4), "mode": "cubic", "align_corners": True}),
    ((2, 1, 3, 4), (2, 5, 3), {"size": (2, 5, 3), "align_corners": True}),
    ((3, 7), (5,), {"size": (5,), "mode": "nearest"}),
    ((2, 4, 1), (3, 2), {"size": (3, 2), "mode": "nearest-exact"}),
    ((2, 6), (4,), {"scale_factor": (0.7,), "mode": "cubic"}),
)


def _interpolation(s: Source) -> Drawn:
    shape, sizes, parameters = SETTINGS[s.seed % len(SETTINGS)]
    x = s.real(*shape) if s.regime != "near" else s.real(*shape[:-1], 1) + 1e-3 * s.real(*shape)
    return Drawn({"x": x}, (*shape[: len(shape) - len(sizes)], *sizes), parameters)


DRAWS: dict[str, Draw] = {"interpolation": _interpolation}
