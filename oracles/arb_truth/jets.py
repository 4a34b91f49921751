"""Balls that carry their slopes by many variables: truncated power series, forward, up to order one.

Every operation has one rule, and a function of one number comes from its power series.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_mat

from oracles.arb_truth import series
from oracles.arb_truth.definition import Bound, choose
from oracles.arb_truth.numbers import CONSTANT, Ball, Number, Scalar, Series


class Jet(Number):
    """A ball with its slope by each of N variables, 1 × N."""

    __slots__ = ("slope", "value")

    def __init__(self, value: Ball, slope: Any):
        self.value, self.slope = value, slope

    @property
    def ball(self) -> Ball:
        """The value."""
        return self.value

    def __add__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.slope + other.slope)
        return Jet(self.value + other, self.slope) if isinstance(other, CONSTANT) else NotImplemented

    def __sub__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value - other.value, self.slope - other.slope)
        return Jet(self.value - other, self.slope) if isinstance(other, CONSTANT) else NotImplemented

    def __mul__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value * other.value, self.slope * other.value + other.slope * self.value)
        if isinstance(other, CONSTANT):
            c = arb(other)
            return Jet(self.value * c, self.slope * c)
        return NotImplemented

    def is_zero(self) -> bool:
        """True for exactly 0 that no variable moves."""
        return bool(self.value.is_zero()) and all(entry.is_zero() for entry in self.slope.entries())

    def derivatives(self, function: Callable[[Series], Series], count: int) -> list[Jet]:
        """f, f′, … of this jet, each a jet: `count` of them."""
        f = series.derivatives(function, self.value, count + 1)
        return [Jet(value, self.slope * slope) for value, slope in itertools.pairwise(f)]

    def pieces(self, g: Bound) -> list[int]:
        """The pieces of g that this jet may lie on."""
        return choose(g, self.value)

    @staticmethod
    def compose(pieces: Sequence[Callable[..., Series]], numbers: Sequence[Jet]) -> Jet:
        """A function of several jets, which is any of `pieces`."""
        f = series.local(pieces, [u.value for u in numbers], 1)
        return Jet.with_slopes(f.value, numbers, f.slopes)

    @staticmethod
    def with_slopes(value: Ball, numbers: Sequence[Scalar], slopes: Sequence[Ball], why: str = "") -> Jet:
        """The value of a function of `numbers` with these slopes by them."""
        moved = [_scaled(u.slope, s) for u, s in zip(numbers, slopes, strict=True) if isinstance(u, Jet)]
        return Jet(value, sum(moved[1:], moved[0]))


def _scaled(row: Any, slope: Ball) -> Any:
    """row·slope; what does not move stays, though the slope be no number."""
    if slope.is_finite():
        return row * slope
    return arb_mat(1, row.ncols(), [0 if entry.is_zero() else slope for entry in row.entries()])


def variables(numbers: Sequence[float]) -> list[Jet]:
    """One independent variable for each number, which counts as exact."""
    n = len(numbers)
    return [Jet(arb(x), arb_mat(1, n, [int(k == i) for k in range(n)])) for i, x in enumerate(numbers)]
