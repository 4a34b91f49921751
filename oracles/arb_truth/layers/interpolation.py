"""Interpolation over balls, with weights that are fractions."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb, fmpq

from oracles.arb_truth.functions import by_row, dot
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array
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
