"""Reductions over balls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth import functions
from oracles.arb_truth.functions import absolute, by_row, largest, sum_of_sizes, sum_of_squares, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, ball

Option = Any  # a parameter that is given as it is


def _along(function: Callable[[Array], Scalar], x: Array, axis: Option) -> Array:
    return by_row(function, np.moveaxis(x, int(axis), -1))


@layer(axis=-1)
def maximum(x: Array, *, axis: Option) -> Array:
    """The largest entry."""
    return _along(largest, x, axis)


@layer(axis=-1)
def minimum(x: Array, *, axis: Option) -> Array:
    """The least entry."""
    return _along(lambda row: -largest([-u for u in row]), x, axis)


@layer("p in (1, 2, 1e999)", p=2, axis=-1)  # 1e999 is ∞
def norm(x: Array, *, p: Option, axis: Option) -> Array:
    """Σ|x|, √Σx², or the largest |x|."""
    lengths = {1.0: sum_of_sizes, 2.0: functions.norm, float("inf"): lambda row: largest(absolute(row))}
    return _along(lengths[float(p)], x, axis)


def _deviations(row: Array) -> Array:
    return np.asarray(row - total(row) / len(row))


@layer(correction=1.0, axis=-1)
def variance(x: Array, *, correction: Scalar, axis: Option) -> Array:
    """Σ(x − μ)²/(d − c)."""
    return _along(lambda row: sum_of_squares(_deviations(row)) / (len(row) - correction), x, axis)


@layer(correction=1.0, axis=-1)
def standard_deviation(x: Array, *, correction: Scalar, axis: Option) -> Array:
    """‖x − μ‖/√(d − c)."""
    return _along(lambda row: functions.norm(_deviations(row)) / arb(ball(len(row) - correction)).sqrt(), x, axis)
