"""PyTorch's interpolation, between entries and at places of a grid."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition

LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


def _several(given: Any) -> list[Any] | None:
    return None if given is None else list(given) if isinstance(given, (tuple, list)) else [given]


def _interpolation(
    x: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "linear", align_corners: bool = False
) -> Tensor:
    """PyTorch has cubic interpolation of two axes alone: a single one goes beside one of length 1."""
    factor = 2.0 if size is None and scale_factor is None else scale_factor
    sizes, factors = _several(size), _several(factor)
    axes = len(sizes or factors or ())
    flat = x.reshape(1, -1, *x.shape[x.ndim - axes :])
    if mode == "cubic" and axes == 1:
        flat, sizes, factors = flat[..., None], sizes and [*sizes, 1], factors and [*factors, 1.0]
    name = {"linear": LINEAR[axes], "cubic": "bicubic"}.get(mode, mode)
    corners = None if mode.startswith("nearest") else bool(align_corners)
    y = F.interpolate(flat, sizes, factors, name, corners)
    return y.reshape(*x.shape[: x.ndim - axes], *y.shape[2 : 2 + axes])


def _grid_sample(
    x: Tensor, grid: Tensor, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> Tensor:
    """PyTorch samples two axes or three: a single one goes beside one of length 1, of which the middle is read."""
    if x.ndim == 3:
        x, grid = x[:, :, None], torch.stack([grid[..., 0], torch.zeros_like(grid[..., 0])], -1)
        out = grid.shape[1:-1]
        y = _grid_sample(x, grid.reshape(len(grid), 1, -1, 2), mode, padding_mode, align_corners)
        return y.reshape(*x.shape[:2], *out)
    return F.grid_sample(x, grid, {"linear": "bilinear"}.get(mode, mode), padding_mode, bool(align_corners))


OWN: dict[str, Definition] = {"layer/grid_sample": _grid_sample, "layer/interpolation": _interpolation}
COMPOSED: dict[str, Definition] = {}
