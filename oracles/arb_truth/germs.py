"""What a function is for t → 0⁺: power series in t whose branches are decided beside the point, not at it.

Of x + tD, as of any power series in t > 0, the sign is that of its first coefficient that is not 0, and √(t²s) = t√s.
So |·|, the larger of two, and every function in pieces have a definite piece to the right of a kink, and the first
coefficient of the result is the exact derivative at x to the side of D, from definitions alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_series

from oracles.arb_truth import series
from oracles.arb_truth.definition import Bound
from oracles.arb_truth.numbers import CONSTANT, Ball, Imprecise, Number, Scalar, Series, Undefined, root, shown

TERMS = 8  # coefficients to begin with: roots and quotients of what vanishes at t = 0 each use some up


class Germ(Number):
    """A power series in t, which is positive and as small as need be."""

    __slots__ = ("series",)

    def __init__(self, series: Series):
        self.series = series

    @property
    def ball(self) -> Ball:
        """The value at t = 0."""
        return self.series[0]

    def __add__(self, other: Any) -> Germ:
        if isinstance(other, Germ):
            return Germ(self.series + other.series)
        return Germ(self.series + other) if isinstance(other, CONSTANT) else NotImplemented

    def __mul__(self, other: Any) -> Germ:
        if isinstance(other, Germ):
            return Germ(self.series * other.series)
        return Germ(self.series * arb(other)) if isinstance(other, CONSTANT) else NotImplemented

    def __truediv__(self, other: Any) -> Germ:
        """A quotient; a power of t that both have is left out."""
        if not isinstance(other, Germ):
            return Germ(self.series / arb(other)) if isinstance(other, CONSTANT) else NotImplemented
        order = other.order()
        if order:
            own = self.order()
            if own is None or own >= order:
                return Germ(_shifted(self.series, -order) / _shifted(other.series, -order))
        if order != 0:
            raise Undefined("a quotient whose divisor vanishes, and not its dividend")
        return Germ(self.series / other.series)

    def __rtruediv__(self, other: Any) -> Germ:
        return Germ(arb_series([arb(other)])) / self

    def order(self) -> int | None:
        """Which coefficient is the first that is not 0; None if all are. Raises Imprecise where a ball does not say."""
        s = self.series
        for k in range(s.length()):
            if s[k].contains(0):
                if not s[k].is_zero():
                    raise Imprecise(f"{shown(s[k])} is not told from 0")
            else:
                return k
        return None

    def sign(self) -> int:
        """The sign for t > 0: −1, 0 or 1. Raises as `order`."""
        order = self.order()
        return 0 if order is None else 1 if self.series[order] > 0 else -1

    def derivative(self) -> Ball:
        """The coefficient of t. Raises Undefined where roots and quotients have used it up, or there is a jump."""
        if self.series.prec < 2:
            raise Undefined(f"no coefficient of t is left of {TERMS}")
        return self.series[1]

    def apply(self, function: Callable[[Series], Series]) -> Germ:
        """`function` of this germ. Raises Imprecise where it divides by what may be 0."""
        try:
            return Germ(function(self.series))
        except (ValueError, ZeroDivisionError) as error:
            raise Imprecise(f"the function is not bounded on {shown(self.ball)}") from error

    def derivatives(self, function: Callable[[Series], Series], count: int) -> list[Germ]:
        """f, f′, … of this germ: the series of each at t = 0, with what this germ is more than its value put in."""
        terms = self.series.prec
        f = series.derivatives(function, self.ball, terms + count)
        moved = self.series - self.ball
        found = []
        for k in range(count):
            value = arb_series([f[k + terms - 1]], terms)
            for j in reversed(range(terms - 1)):  # Horner: f⁽ᵏ⁾(u₀) + m(f⁽ᵏ⁺¹⁾ + m/2·(f⁽ᵏ⁺²⁾ + …))
                value = f[k + j] + value * moved / (j + 1)
            found.append(Germ(value))
        return found

    def log(self) -> Germ:
        """Natural logarithm. Raises Undefined where it is not finite."""
        if self.sign() <= 0 or self.order():
            raise Undefined("the logarithm of what is not positive")
        return Germ(self.series.log())

    def sqrt(self) -> Germ:
        """√(t²ᵏs) = tᵏ√s. Raises Undefined for what is negative, or rises like √t."""
        order = self.order()
        if order is None:
            return self
        if self.sign() < 0 or order % 2:
            raise Undefined("the root of what is negative or rises like t")
        return Germ(_shifted(root(_shifted(self.series, -order)), order // 2))

    def pieces(self, g: Bound) -> list[int]:
        """The piece of g that this germ lies on; its owner if it stays on the breakpoint."""
        for k, breakpoint in enumerate(g.breakpoints):
            side = (self - breakpoint).sign()
            if side < 0 or (side == 0 and g.definition.owner[k] == "left"):
                return [k]
        return [len(g.breakpoints)]

    @staticmethod
    def compose(pieces: Sequence[Callable[..., Series]], numbers: Sequence[Germ]) -> Germ:
        """A function of several germs."""
        (piece,) = pieces
        return Germ(piece(*(u.series for u in numbers)))

    @staticmethod
    def with_slopes(value: Ball, numbers: Sequence[Scalar], slopes: Sequence[Ball], why: str) -> Germ:
        """Only where nothing moves that has a slope other than 0; else raises Undefined, saying `why`."""
        moves = [isinstance(u, Germ) and u.order() is not None for u in numbers]
        if all(slope.is_zero() for slope, moved in zip(slopes, moves, strict=True) if moved):
            return Germ(arb_series([value]))
        raise Undefined(why)


def _shifted(s: Series, by: int) -> Series:
    """s·tᵇʸ, of which `by` coefficients more are known; the first −by of s are 0."""
    known = [s[k] for k in range(max(0, -by), s.prec)]
    return arb_series([arb(0)] * max(0, by) + known, s.prec + by)


def along(numbers: Sequence[float], direction: Sequence[float]) -> list[Germ]:
    """x + tD for numbers x and a direction D, which both count as exact."""
    return [Germ(arb_series([arb(x), arb(d)], TERMS)) for x, d in zip(numbers, direction, strict=True)]
