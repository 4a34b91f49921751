"""Interpolation in JAX, whose own has neither aligned corners nor the cubic kernel of PyTorch: by matrices."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from oracles.calls import Definition
from oracles.resizing import of_axes


def _interpolation(
    x: Any, size: Any = None, scale_factor: Any = None, mode: str = "linear", align_corners: bool = False
) -> Any:
    for axis, rows in of_axes(x.shape, size, scale_factor, mode, align_corners):
        matrix = np.zeros((len(rows), x.shape[axis]))
        for p, row in enumerate(rows):
            matrix[p, [*row]] = [float(w) for w in row.values()]
        x = jnp.moveaxis(jnp.moveaxis(x, axis, -1) @ jnp.asarray(matrix.T, x.dtype), -1, axis)
    return x


def _weights(g: Any, n: int, mode: str, padding: str, aligned: bool) -> Any:
    """The weight of every entry of an axis at every place.  (n, samples) -> (n, samples, entries)."""
    if padding == "reflection":
        g = abs((g - 1) % 4 - 2) - 1
    t = (g + 1) * (n - 1) / 2 if aligned else ((g + 1) * n - 1) / 2
    t = t if padding == "zeros" else jnp.clip(t, 0, n - 1)
    if mode == "nearest":
        return (jnp.round(t)[..., None] == jnp.arange(n)).astype(t.dtype)
    return jnp.maximum(0, 1 - abs(t[..., None] - jnp.arange(n)))


def _grid_sample(
    x: Any, grid: Any, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> Any:
    axes, out = x.ndim - 2, grid.shape[1:-1]
    letters = "pqrs"[:axes]
    weights = [
        _weights(grid[..., axes - 1 - k].reshape(len(x), -1), x.shape[2 + k], mode, padding_mode, bool(align_corners))
        for k in range(axes)
    ]
    terms = ",".join([f"nc{letters}", *(f"nm{letter}" for letter in letters)])
    return jnp.einsum(f"{terms}->ncm", x, *weights).reshape(*x.shape[:2], *out)


OWN: dict[str, Definition] = {}
COMPOSED: dict[str, Definition] = {"layer/grid_sample": _grid_sample, "layer/interpolation": _interpolation}
