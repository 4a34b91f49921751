"""Interpolation for complex arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.resizing import of_axes


def _interpolation(
    x: Array, size: Any = None, scale_factor: Any = None, mode: str = "linear", align_corners: bool = False
) -> Array:
    for axis, rows in of_axes(x.shape, size, scale_factor, mode, align_corners):
        x = np.stack([sum(float(w) * x.take(q, axis) for q, w in row.items()) for row in rows], axis)
    return x


def _size(t: Array) -> Array:
    return np.where(t.real < 0, -t, t)


def _weights(g: Array, n: int, mode: str, padding: str, aligned: bool) -> Array:
    """The weight of every entry of an axis at every place.  (n, samples) -> (n, samples, entries)."""
    if padding == "reflection":
        g = _size(g - 1 - 4 * np.floor((g.real - 1) / 4) - 2) - 1
    t = (g + 1) * (n - 1) / 2 if aligned else ((g + 1) * n - 1) / 2
    if padding != "zeros":
        t = np.where(t.real < 0, 0, np.where(t.real > n - 1, n - 1, t))
    if mode == "nearest":
        return np.asarray(np.rint(t.real)[..., None] == np.arange(n)).astype(float)
    w = 1 - _size(t[..., None] - np.arange(n))
    return np.where(w.real > 0, w, 0)


def _grid_sample(
    x: Array, grid: Array, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> Array:
    axes, out = x.ndim - 2, grid.shape[1:-1]
    y = x[:, :, None]  # (n, c, 1, *places)
    for k in range(axes):
        g = grid[..., axes - 1 - k].reshape(len(x), -1)
        w = _weights(g, x.shape[2 + k], mode, padding_mode, align_corners)[:, None]  # (n, 1, samples, entries)
        y = (y * w.reshape(*w.shape, *[1] * (axes - 1 - k))).sum(3)
    return np.asarray(y.reshape(*x.shape[:2], *out))


DEFINITIONS: dict[str, Definition] = {"layer/grid_sample": _grid_sample, "layer/interpolation": _interpolation}
