"""Functions of one number and of two, by their names in the array API, each from its definition."""

from __future__ import annotations

from collections.abc import Callable

from flint import arb

from oracles.arb_truth import activations, branches
from oracles.arb_truth.functions import about_largest, applied
from oracles.arb_truth.functions import absolute as size
from oracles.arb_truth.functions import log as natural_logarithm
from oracles.arb_truth.numbers import Ball, Number, Scalar, Series, ball, shown


def series(function: Callable[[Series], Series]) -> Callable[[Scalar], Scalar]:
    """A function of one number that is everywhere its power series."""
    return lambda u: applied(function, u)


def sqrt(u: Scalar) -> Scalar:
    """Square root."""
    return u.sqrt() if isinstance(u, Number) else arb(u).sqrt()


def log(u: Scalar) -> Scalar:
    """Natural logarithm."""
    return natural_logarithm(u)


def log_to(base: int) -> Callable[[Scalar], Scalar]:
    """The logarithm to a base."""
    return lambda u: log(u) / arb(base).log()


def quotient(a: Scalar, b: Scalar) -> Scalar:
    """a/b."""
    return a / b if isinstance(a, Number) or isinstance(b, Number) else arb(a) / arb(b)


def power(u: Scalar, exponent: Scalar) -> Scalar:
    """u^exponent: of any u for whole exponents, which do not move; else of u > 0, and of 0 for halves."""
    k = ball(exponent)
    if not isinstance(exponent, Number):
        if k.is_integer():
            n = int(k.unique_fmpz())
            whole = applied(lambda t: _whole(t, abs(n)), u) if n else arb(1)
            return quotient(arb(1), whole) if n < 0 else whole
        if (2 * k).is_integer():
            return power(sqrt(u), 2 * k)
    return (log(u) * exponent).exp()


def _whole(t: Series, n: int) -> Series:
    """tⁿ for n ≥ 1, by squares."""
    half = _whole(t, n // 2) if n > 1 else t
    return half if n == 1 else half * half * t if n % 2 else half * half


def _between_ones(function: Callable[[Series | Ball], Series | Ball]) -> Callable[[Scalar], Scalar]:
    """A function on [−1, 1] that has no slope at the ends."""

    def of(u: Scalar) -> Scalar:
        if isinstance(u, Number) and abs(ball(u)) >= 1:
            return branches.torn(function(ball(u)), f"an inverse function at {shown(ball(u))}", u)
        return applied(function, u) if isinstance(u, Number) else function(arb(u))

    return of


def asinh(u: Scalar) -> Scalar:
    """log(u + √(u² + 1)), odd."""
    return -asinh(-u) if ball(u) < 0 else log(u + sqrt(u * u + 1))


def acosh(u: Scalar) -> Scalar:
    """log(u + √(u² − 1)) for u ≥ 1."""
    return log(u + sqrt(u - 1) * sqrt(u + 1))


def atanh(u: Scalar) -> Scalar:
    """½ log((1 + u)/(1 − u))."""
    return (log(1 + u) - log(1 - u)) / 2


arctangent = series(lambda t: t.atan())


def atan2(y: Scalar, x: Scalar) -> Scalar:
    """The angle of (x, y); it jumps at y = 0 for x < 0, and at 0 there is none."""
    side = branches.order(x, 0)
    if side == 1:
        return arctangent(quotient(y, x))
    above = branches.order(y, 0) if side is not None else None
    if above:
        return above * arb.pi() / 2 - arctangent(quotient(x, y))
    moving = [u for u in (y, x) if isinstance(u, Number)]
    value = arb.pi() if side == -1 and above == 0 else arb(0) if side == above == 0 else arb.nan()
    return branches.torn(value, "the angle of a number that is not positive", *moving) if moving else value


def hypot(a: Scalar, b: Scalar) -> Scalar:
    """√(a² + b²)."""
    return sqrt(a * a + b * b)


def logaddexp(a: Scalar, b: Scalar) -> Scalar:
    """log(eᵃ + eᵇ); which is taken out makes no difference."""
    m, other = (a, b) if about_largest([a, b]) == 0 else (b, a)
    return m + log(1 + applied(lambda t: t.exp(), other - m))


def copysign(a: Scalar, b: Scalar) -> Scalar:
    """|a| with the sign of b, +|a| for b = 0."""
    return branches.choose(branches.compare("greater_equal", b, 0), size(a), -size(a))


def remainder(a: Scalar, b: Scalar) -> Scalar:
    """a − b⌊a/b⌋."""
    return a - b * branches.floor(quotient(a, b))


UNARY: dict[str, Callable[[Scalar], Scalar]] = {
    "abs": size,
    "acos": _between_ones(lambda t: t.acos()),
    "acosh": acosh,
    "asin": _between_ones(lambda t: t.asin()),
    "asinh": asinh,
    "atan": arctangent,
    "atanh": atanh,
    "ceil": branches.ceil,
    "cos": series(lambda t: t.cos()),
    "cosh": series(lambda t: (t.exp() + (-t).exp()) / 2),
    "exp": series(lambda t: t.exp()),
    "expm1": series(lambda t: t.exp() - 1),
    "floor": branches.floor,
    "log": log,
    "log1p": lambda u: log(1 + u),
    "log2": log_to(2),
    "log10": log_to(10),
    "negative": lambda u: -u,
    "positive": lambda u: u,
    "reciprocal": lambda u: quotient(arb(1), u),
    "round": branches.nearest,
    "sign": branches.sign,
    "sin": series(lambda t: t.sin()),
    "sinh": series(lambda t: (t.exp() - (-t).exp()) / 2),
    "sqrt": sqrt,
    "square": lambda u: u * u,
    "tan": series(lambda t: t.tan()),
    "tanh": series(activations.tanh),
    "trunc": branches.trunc,
}
BINARY: dict[str, Callable[[Scalar, Scalar], Scalar]] = {
    "add": lambda a, b: a + b,
    "atan2": atan2,
    "copysign": copysign,
    "divide": quotient,
    "floor_divide": lambda a, b: branches.floor(quotient(a, b)),
    "hypot": hypot,
    "logaddexp": logaddexp,
    "maximum": branches.larger,
    "minimum": branches.smaller,
    "multiply": lambda a, b: a * b,
    "pow": power,
    "remainder": remainder,
    "subtract": lambda a, b: a - b,
}
