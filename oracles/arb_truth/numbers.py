"""What definitions compute with: balls, and numbers that carry derivatives along.

Four machines carry derivatives, and none knows a derivative formula: `Jet` the slopes by many variables, forward;
`Node` the way back to what it was made from, in reverse; `Germ` a power series in t → 0⁺, whose branches are decided
beside a kink; and FLINT's power series in one variable, from which the three take functions of one number. Arrays of
numbers are NumPy's object arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx

Array = npt.NDArray[Any]
Ball = Any  # flint.arb
Series = Any  # flint.arb_series
Scalar = Any  # what definitions compute with: a `Number`, a ball, or a Python number
CONSTANT = (arb, int, float)  # what carries no derivative, and counts as exact


class Imprecise(ArithmeticError):
    """A ball is too wide to go on with: it lies across a breakpoint or a pole. More bits may help."""


class Undefined(ArithmeticError):
    """What was asked for does not exist there, such as the logarithm of a number that is not positive."""


class Undecided(ArithmeticError):
    """The greatest precision did not decide a branch or did not make a ball thin; the message says where."""


@contextmanager
def working(precision: int, terms: int) -> Iterator[None]:
    """Compute with `precision` bits and power series of up to `terms` coefficients, and put FLINT's globals back."""
    before = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = precision, terms
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before


class Number:
    """Arithmetic from +, · and functions of one number. Each machine says what these three are."""

    __slots__ = ()

    @property
    def ball(self) -> Ball:
        """The value as a ball, without any derivative: what branches are decided by."""
        raise NotImplementedError

    def __add__(self, other: Any) -> Any:
        raise NotImplementedError

    def __mul__(self, other: Any) -> Any:
        raise NotImplementedError

    def derivatives(self, function: Callable[[Series], Series], count: int) -> Any:
        """f, f′, … of this number, `count` of them, from the power series of f at the value."""
        raise NotImplementedError

    def apply(self, function: Callable[[Series], Series]) -> Any:
        """`function` of this number."""
        return self.derivatives(function, 1)[0]

    def pieces(self, g: Any) -> Sequence[int]:
        """Which pieces of a `definition.Bound` this number may lie on."""
        raise NotImplementedError

    @staticmethod
    def compose(pieces: Sequence[Callable[..., Series]], numbers: Sequence[Any]) -> Any:
        """A function of several numbers, which is any of `pieces`; where they jump, the value is that of the first."""
        raise NotImplementedError

    @staticmethod
    def with_slopes(value: Ball, numbers: Sequence[Scalar], slopes: Sequence[Ball], why: str) -> Any:
        """A function of `numbers` where it has no derivative, which `why` says: `slopes` enclose those around.

        A slope of NaN stands for one that is not finite or not known.
        """
        raise NotImplementedError

    def __radd__(self, other: Any) -> Any:
        return self + other

    def __rmul__(self, other: Any) -> Any:
        return self * other

    def __neg__(self) -> Any:
        return self * -1

    def __sub__(self, other: Any) -> Any:
        return self + -other

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __truediv__(self, other: Any) -> Any:
        if isinstance(other, Number):
            return self * other.reciprocal()
        return self * (1 / arb(other)) if isinstance(other, CONSTANT) else NotImplemented

    def __rtruediv__(self, other: Any) -> Any:
        return self.reciprocal() * other

    def reciprocal(self) -> Any:
        """One over this number."""
        return self.apply(lambda t: 1 / t)

    def exp(self) -> Any:
        """e to the power of this number: what `np.exp` calls on an array."""
        return self.apply(lambda t: t.exp())

    def log(self) -> Any:
        """Natural logarithm; not finite unless the value is provably positive."""
        return self.apply(lambda t: t.log())

    def sqrt(self) -> Any:
        """Square root; its slope is not finite unless the value is provably positive."""
        return self.apply(root)


def root(s: Series) -> Series:
    """√s, of which the constant term is exact if it can be: FLINT's is not for longer series."""
    r = s.sqrt()
    return arb_series([s[0].sqrt(), *(r[k] for k in range(1, r.length()))], r.prec)


def ball(u: Scalar) -> Ball:
    """The value of any scalar as a ball."""
    return u.ball if isinstance(u, Number) else u if isinstance(u, arb) else arb(u)


def shown(*balls: Ball) -> str:
    """Balls for a message, in a dozen digits."""
    return ", ".join(b.str(12) for b in balls)


def is_zero(u: Scalar) -> bool:
    """True for a scalar that is exactly 0, whether it carries derivatives or not."""
    return bool(ball(u).is_zero())


def objects(nested: Any) -> Array:
    """Nested lists of scalars as an object array."""
    return np.array(nested, dtype=object)
