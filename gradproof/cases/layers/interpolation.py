"""Interpolation of one, two and three axes: more entries and fewer, by sizes and by factors, in every mode."""

from __future__ import annotations

from typing import Any

import numpy as np

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


# By seed: shape of x, of what is sampled, parameters.
SAMPLED: tuple[Setting, ...] = (
    ((2, 3, 5), (4,), {}),
    ((2, 1, 4, 3), (2, 3), {"padding_mode": "border"}),
    ((1, 2, 3, 5), (3, 2), {"padding_mode": "reflection", "align_corners": True}),
    ((2, 3, 2, 4, 3), (1, 2, 2), {"align_corners": True}),
    ((3, 2, 4, 5), (2, 1), {"mode": "nearest", "padding_mode": "reflection"}),
    ((2, 2, 3, 2, 4), (2, 1, 3), {"padding_mode": "reflection"}),
    ((2, 3, 6), (2,), {"padding_mode": "border", "align_corners": True}),
    ((2, 1, 5, 3), (3, 4), {"mode": "nearest"}),
)


def _grid_sample(s: Source) -> Drawn:
    """Places inside and a little beyond; reflected, up to twice; near: within a thousandth of an entry."""
    shape, out, parameters = SAMPLED[s.seed % len(SAMPLED)]
    axes, far = len(shape) - 2, 3.5 if parameters.get("padding_mode") == "reflection" else 1.25
    grid = s.rng.uniform(-far, far, (shape[0], *out, axes))
    if s.regime == "near" and parameters.get("mode") != "nearest":
        n = np.array(shape[:1:-1])
        q = np.floor(s.rng.uniform(0, n, grid.shape)) + 1e-3 * s.rng.uniform(0.5, 1, grid.shape) * s.signs(*grid.shape)
        grid = 2 * q / np.maximum(n - 1, 1) - 1 if parameters.get("align_corners") else (2 * q + 1) / n - 1
    return Drawn({"x": s.real(*shape), "grid": grid}, (*shape[:2], *out), parameters)


DRAWS: dict[str, Draw] = {"grid_sample": _grid_sample, "interpolation": _interpolation}
