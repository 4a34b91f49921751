"""Interpolation over balls, with weights that are fractions."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from flint import arb, fmpq

from oracles.arb_truth.functions import above, absolute, by_row, dot, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, ball
from oracles.arb_truth.tape import ONE, ZERO
from oracles.resizing import of_axes

Option = Any  # a parameter that is given as it is


@layer(size=None, scale_factor=None, mode="linear", align_corners=False)
def interpolation(x: Array, *, size: Option, scale_factor: Option, mode: Option, align_corners: Option) -> Array:
    """The sum of places about the one that is read, by a kernel, along one axis after another."""
    for axis, entries in of_axes(x.shape, size, scale_factor, mode, align_corners):
        weights = [([*row], [arb(fmpq(w.numerator, w.denominator)) for w in row.values()]) for row in entries]

        def along(z: Array, weights: Any = weights) -> Array:
            y = np.empty(len(weights), object)
            for p, (places, w) in enumerate(weights):
                y[p] = dot(z[places], w)
            return y

        x = np.moveaxis(by_row(along, np.moveaxis(x, axis, -1)), -1, axis)
    return x


def _weights(g: Scalar, n: int, mode: Option, padding: Option, aligned: Option) -> dict[int, Scalar]:
    """What is read at one coordinate, by entry."""
    turns = round(float(ball(g)) / 2) if padding == "reflection" else 0
    g = (g - 2 * turns) * (-1) ** turns
    t = (g + 1) * (n - 1) / 2 if aligned else ((g + 1) * n - 1) / 2
    if padding != "zeros":
        if ball(t) < 0 or ball(t) > n - 1:
            return {0 if ball(t) < 0 else n - 1: ONE}
        t = above(t) - above(t - (n - 1))
    middle = ball(t).mid()
    if mode == "nearest":
        q = round(float(middle))
        return {q: ONE} if 0 <= q < n else {}
    q = math.floor(float(middle))
    near = {q: 1 - (t - q), q + 1: t - q}
    if ball(t) == q:  # between two pieces
        near = {k: above(1 - absolute(t - k)) for k in (q - 1, q, q + 1)}
    return {k: w for k, w in near.items() if 0 <= k < n}


@layer(mode="linear", padding_mode="zeros", align_corners=False)
def grid_sample(x: Array, grid: Array, *, mode: Option, padding_mode: Option, align_corners: Option) -> Array:
    """Every entry with its weight, for every place of the grid."""
    y = np.empty((*x.shape[:2], *grid.shape[1:-1]), object)
    for i in np.ndindex(grid.shape[:-1]):
        axes = zip(grid[i][::-1], x.shape[2:], strict=True)
        along = [_weights(g, n, mode, padding_mode, align_corners) for g, n in axes]
        for c in range(x.shape[1]):
            terms = [
                math.prod((w[k] for w, k in zip(along, q, strict=True)), start=x[(i[0], c, *q)])
                for q in itertools.product(*along)
            ]
            y[(i[0], c, *i[1:])] = total(terms) if terms else ZERO
    return y
