"""Balls that carry their first and second derivatives: truncated power series in many variables, up to order two.

Forward mode only: every operation has one rule, and a function of one variable comes from its power series. So the
gradient of what was computed, and how that gradient answers to its inputs, follow from definitions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_mat, arb_series, ctx

from oracles.arb_truth.definition import Ball, Series, working

ORDERS = 3  # coefficients of a power series that a jet needs: value, slope, half the curvature


class AtKink(ArithmeticError):
    """A branch is decided by a number that is exactly 0: the slopes on both sides may differ."""


class Jet:
    """A value with its gradient, 1 × N, and its Hessian matrix, N × N, over balls."""

    __slots__ = ("curve", "slope", "value")

    def __init__(self, value: Ball, slope: Any, curve: Any):
        self.value, self.slope, self.curve = value, slope, curve

    def __getitem__(self, k: int) -> Ball:
        """Entry 0 is the value, as for a power series."""
        if k:
            raise IndexError(f"a jet has coefficient 0 only, not {k}")
        return self.value

    def __add__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.slope + other.slope, self.curve + other.curve)
        return Jet(self.value + other, self.slope, self.curve)

    def __mul__(self, other: Any) -> Jet:
        if isinstance(other, Jet):
            u, v = self.value, other.value
            cross = self.slope.transpose() * other.slope
            curve = self.curve * v + other.curve * u + cross + cross.transpose()
            return Jet(u * v, self.slope * v + other.slope * u, curve)
        c = arb(other)
        return Jet(self.value * c, self.slope * c, self.curve * c)

    def __truediv__(self, other: Any) -> Jet:
        return self * (other.apply(lambda t: 1 / t) if isinstance(other, Jet) else 1 / arb(other))

    def __rtruediv__(self, other: Any) -> Jet:
        return self.apply(lambda t: 1 / t) * other

    def __neg__(self) -> Jet:
        return self * -1

    def __sub__(self, other: Any) -> Jet:
        return self + -other

    def __rsub__(self, other: Any) -> Jet:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def apply(self, function: Callable[[Series], Series]) -> Jet:
        """`function` of this jet, from the first three coefficients of its power series at the value."""
        f = function(arb_series([self.value, 1], ORDERS))
        return self.compose(f[0], f[1], f[2])

    def with_slope(self, function: Callable[[Series], Series]) -> tuple[Jet, Jet]:
        """`function` of this jet and its derivative at this jet, which takes one more coefficient of the series."""
        with working(ctx.prec, ORDERS + 1):
            f = function(arb_series([self.value, 1], ORDERS + 1))
        return self.compose(f[0], f[1], f[2]), self.compose(f[1], 2 * f[2], 3 * f[3])

    def compose(self, first: Ball, second: Ball, third: Ball) -> Jet:
        """The function of this jet whose power series at the value has these coefficients."""
        bend = self.slope.transpose() * self.slope
        return Jet(first, self.slope * second, self.curve * second + bend * (2 * third))

    def exp(self) -> Jet:
        """e to the power of this jet."""
        return self.apply(lambda t: t.exp())

    def log(self) -> Jet:
        """Natural logarithm; not finite unless the value is provably positive."""
        return self.apply(lambda t: t.log())

    def sqrt(self) -> Jet:
        """Square root; not finite unless the value is provably positive."""
        return self.apply(lambda t: t.sqrt())


def variables(numbers: Sequence[float]) -> list[Jet]:
    """One independent variable for each number, which counts as exact."""
    n = len(numbers)
    flat = arb_mat(n, n)
    return [Jet(arb(x), arb_mat(1, n, [int(k == i) for k in range(n)]), flat) for i, x in enumerate(numbers)]


def sign(u: Any) -> int:
    """The sign of a number or ball, or of the value of a jet: 1 or −1.

    Raises AtKink where it is exactly 0, and ValueError where the ball contains 0 and more bits may decide.
    """
    ball = u[0] if isinstance(u, Jet) else arb(u)
    if ball > 0:
        return 1
    if ball < 0:
        return -1
    if ball == 0:
        raise AtKink("a branch is decided by a number that is exactly 0")
    raise ValueError(f"the sign of {ball} is not decided")
