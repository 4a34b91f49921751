"""Sampling at places that a grid names: what a spatial transformer reads, with a gradient by where it reads.

A coordinate g of the grid runs from −1 to 1 over an axis of n entries and reads the place, counted from 0,

    t = (g·n + n − 1)/2,    or with aligned corners    t = (g + 1)·(n − 1)/2:

−1 and 1 are the outer borders of the first and the last entry, or their middles. With q = ⌊t⌋ and λ = t − q, linear
sampling takes entry q with the weight 1 − λ and q + 1 with λ, over several axes the products of these. So y has the
slope of ±1 times the other weights by each λ, and λ that of n/2, or (n − 1)/2, by g.
"""

from __future__ import annotations

import math
from itertools import product
from typing import NamedTuple

import numpy as np

from reference.exact import product as exact_product
from reference.exact import total
from reference.formula import Array, Kink, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import expect
from reference.lift import choice, times

MODES, PADDINGS = ("linear", "nearest"), ("zeros", "border", "reflection")
RIGHT = "the slope on the right, that of the entries q and q + 1, as PyTorch has it"
PART = "((grid[i]*d + d - 1)/2 - q[i])"  # λ


class Read(NamedTuple):
    """Of one axis: the entries before and after the place that is read, their weights, and those of ∂y/∂g."""

    entries: tuple[Array, Array]
    weights: tuple[Array, Array]
    slopes: tuple[Array, Array]


def read(g: Array, n: int, mode: str, padding: str, aligned: bool) -> Read:
    """What a coordinate reads, of any shape; places to twice the precision, so that no weight loses digits."""
    span, slope = (n - 1 if aligned else n), np.ones(g.shape)
    if padding == "reflection":  # at −1 and 1
        turns = np.rint(g / 2)
        slope = 1 - 2 * np.abs(np.fmod(turns, 2))
        g = slope * (g - 2 * turns)
    p, low = exact_product(g, float(span))
    t, lower = total(p, n - 1.0)
    t, rest = t / 2, np.where(np.isfinite(t), (low + lower) / 2, 0)
    if padding != "zeros":
        inside = ((t > 0) | (t == 0) & (rest > 0)) & ((t < n - 1) | (t == n - 1) & (rest < 0))
        t, rest, slope = np.clip(t, 0, n - 1), np.where(inside, rest, 0), np.where(inside, slope, 0)
    q = np.floor(t)
    back = (q == t) & (rest < 0)
    q = q - back
    part = (t - q) + rest  # λ
    if mode == "nearest":  # of two as near, the even one
        q = q + ((part > 0.5) | (part == 0.5) & (np.fmod(q, 2) != 0))
        part = np.where(np.isnan(part), part, 0)
        slope = 0 * slope
    first = np.clip(np.nan_to_num(q), -2, n).astype(np.int64)
    there = [(entry >= 0) & (entry < n) for entry in (first, first + 1)]
    slope = np.where(np.isnan(t), np.nan, slope * (span / 2))
    return Read(
        (np.clip(first, 0, n - 1), np.clip(first + 1, 0, n - 1)),
        (np.where(there[0], 1 - part, 0), np.where(there[1], part, 0)),
        (np.where(there[0], -slope, 0), np.where(there[1], slope, 0)),
    )


@formula(
    "layer/grid_sample",
    statement=f"a[i]*(1 - {PART}) + b[i]*{PART}",
    derivative=f"v[i]*(1 - {PART})",
    arguments=("a[i]", "b[i]", "grid[i]"),
    partials={"b[i]": f"v[i]*{PART}", "grid[i]": "v[i]*d*(b[i] - a[i])/2"},
    kinks=(
        Kink(of="the distance of the place read to an entry", at="0", left="-1", right="1", chosen="1", why=RIGHT),
        Kink(of="the place read, at a border", at="0", left="0", right="1", chosen="0", why="minimum-norm subgradient"),
    ),
    assumptions=(
        "printed for one axis and a place between the entries a and b, numbers q and q + 1; corners not aligned",
        "the last coordinate of the grid is that of the first of the axes",
        "padding: zeros; border, the last entry; reflection, at −1 and 1, and then the last entry",
        "nearest: the entry at ⌊t + ½⌋, of two as near the even one; its slope by the grid is 0",
    ),
    sources=("jaderberg-2015", "pytorch-grid-sample"),
    conditioned_ulp=13.0,  # of a term of three axes: three weights, two products and that with x; then a sum of eight
)
@layer()
def grid_sample(
    x: Array, grid: Array, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: bool = False
) -> tuple[Array, Pullback]:
    """Samples of x at the places of a grid.  x: (n, c, *places), grid: (n, *out, axes) -> y: (n, c, *out).

    Places, weights w and their slopes are above. x̄[q] = Σ w·v over the samples that read q; ∂C/∂g of a coordinate is
    Σ v·x over the entries read, each with the slope of its weight, and over channels. An entry of weight 0 does not
    enter. Raises ValueError for shapes that do not fit and for another mode or padding.
    """
    for name, given, known in (("mode", mode, MODES), ("padding_mode", padding_mode, PADDINGS)):
        choice(name, given, known)
    if x.ndim < 3 or 0 in x.shape[2:]:
        raise ValueError(f"x has shape {x.shape}; expected (n, c, …), with one entry or more along every other axis")
    places, axes = x.shape[2:], x.ndim - 2
    expect("grid", grid, len(x), *grid.shape[1:-1], axes, why=f"examples and axes of x, of shape {x.shape}")
    flat, out = x.reshape(*x.shape[:2], -1), grid.shape[1:-1]
    coordinates = grid.reshape(len(x), math.prod(out), axes)[..., ::-1]  # (n, samples, axes)
    reads = [read(coordinates[..., k], places[k], mode, padding_mode, align_corners) for k in range(axes)]
    corners = []  # for each: which end on each axis, and the entry, (n, 1, samples)
    for ends in product((0, 1), repeat=axes):
        entries = [side.entries[end] for side, end in zip(reads, ends, strict=True)]
        corners.append((ends, np.ravel_multi_index(entries, places)[:, None]))

    def weight(ends: tuple[int, ...], by: int = -1) -> Array:
        """The product over the axes, with the slope on the axis `by`.  (n, 1, samples)."""
        factors = [side.slopes[end] if k == by else side.weights[end]
                   for k, (side, end) in enumerate(zip(reads, ends, strict=True))]  # fmt: skip
        return np.asarray(math.prod(factors[1:], start=factors[0]))[:, None]

    y = np.zeros((*x.shape[:2], coordinates.shape[1]))  # (n, c, samples)
    for ends, at in corners:
        y += times(weight(ends), np.take_along_axis(flat, at, 2))

    def pullback(v: Array) -> Gradients:
        v, rows = v.reshape(y.shape), np.arange(flat.shape[0] * flat.shape[1]).reshape(*flat.shape[:2], 1)
        dx, dg = np.zeros(x.size), np.zeros(coordinates.shape)
        for ends, at in corners:
            dx += np.bincount((at + rows * flat.shape[2]).ravel(), times(v, weight(ends)).ravel(), x.size)
            through = times(v, np.take_along_axis(flat, at, 2)).sum(1, keepdims=True)  # (n, 1, samples)
            for k in range(axes):
                dg[..., k] += times(weight(ends, k), through)[:, 0]
        return {"x": dx.reshape(x.shape), "grid": dg[..., ::-1].reshape(grid.shape)}

    return y.reshape(*x.shape[:2], *out), pullback
