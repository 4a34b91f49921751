"""Balls to correctly rounded floats: a whole array at once where float64 can tell, one by one where it cannot.

Almost every ball is thin, and its midpoint far from a tie. Then two float64 of the midpoint say what all of the ball
rounds to and what is missing to the truth. The rest, ties and wide balls, is decided with integers, the precision being
doubled until the ball rounds to one float.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb, ctx

from oracles.arb_truth.numbers import Ball, Imprecise
from oracles.floats import Array, Format, Truth, format_of, ulp_exponent

START, MAXIMUM = 128, 32768  # bits
RESIDUAL_BITS = 20  # the residual is known to this part of an ULP
VANISHING = 30  # a number is 0 that is 2^-VANISHING of the least subnormal or less
MARGIN = 30  # a ball with this many bits more than the format has a radius below 2^-MARGIN ULP
SLACK = 2.0**-25  # of an ULP: more than this radius and the rounding of two float64
DEEP = -950  # exponent of an ULP below which the second float64 of a midpoint may underflow

Group = Sequence[Ball | None]  # what one evaluation gives; None stands for a number that does not exist


class Rounded(NamedTuple):
    """A float, what is missing to the truth in ULP of that float, and whether a neighbour may be as right."""

    hi: float
    residual: float
    undecided: bool = False


NO_ANSWER = Rounded(math.nan, math.nan, True)


# ---------------------------------------------------------------- many balls


def attempt(evaluate: Callable[[int], Group], i: int, count: int) -> Group:
    """Group i of `count` balls, all NaN where the precision does not suffice: the divisor of a quotient may be zero."""
    try:
        return evaluate(i)
    except (ValueError, ZeroDivisionError, Imprecise):
        return [arb.nan()] * count


def settle(groups: Sequence[Group], evaluate: Callable[[int], Group], dtype: str) -> Truth:
    """What all balls of all groups round to, as flat arrays.

    The groups are equally long, as evaluated at the working precision. `evaluate(i)` makes group i anew, at doubled
    precisions, until each of its balls is decided. The working precision is not put back.
    """
    format, size = format_of(dtype)[1], len(groups[0]) if groups else 1
    balls = [ball for group in groups for ball in group]
    at = np.arange(len(balls))  # which numbers the balls enclose
    hi, residual, undecided = np.zeros(len(balls)), np.zeros(len(balls)), np.zeros(len(balls), bool)
    while True:
        hi[at], residual[at], decided = round_thin(balls, dtype)
        for j in np.flatnonzero(~decided).tolist():
            rounded = round_ball(balls[j], format)
            if rounded is None and ctx.prec >= MAXIMUM:
                rounded = _undecided(balls[j], format)
            if rounded is not None:
                hi[at[j]], residual[at[j]], undecided[at[j]] = rounded
                decided[j] = True
        at = at[~decided]
        if not len(at):
            return Truth(hi, residual, undecided, dtype)
        ctx.prec *= 2
        again = {i: attempt(evaluate, i, size) for i in np.unique(at // size).tolist()}
        balls = [again[k // size][k % size] for k in at.tolist()]


def round_thin(balls: Group, dtype: str) -> tuple[Array, Array, Array]:
    """Floats, residuals in ULP, and a mask of the balls for which these are right: thin ones far from a tie."""
    known: Sequence[Any] = [arb.nan() if ball is None else ball for ball in balls]
    enough = format_of(dtype)[1].digits + MARGIN
    hi = np.array([float(ball) for ball in known])
    lo = np.array([float(ball - h) for ball, h in zip(known, hi.tolist(), strict=True)])
    # Numbers close to 0 may have no bit right, and yet a radius that does not matter.
    radius = np.array([0.0 if ball.rel_accuracy_bits() >= enough else float(ball.rad()) for ball in known])
    rounded, residual, decided = round_pairs(hi, lo, radius, dtype)
    for k in np.flatnonzero(decided & (ulp_exponent(hi, dtype) < DEEP)).tolist():
        decided[k] = known[k].is_zero()
    return rounded, residual, decided


def round_pairs(hi: Array, lo: Array, radius: Array, dtype: str, margin: int = MARGIN) -> tuple[Array, Array, Array]:
    """As `round_thin`, for the numbers within `radius` of hi + lo, of any shape, if that is 2^-margin ULP at most.

    |lo| is half an ULP of hi at most, in float64.
    """
    format = format_of(dtype)[1]
    with np.errstate(all="ignore"):
        least = np.ldexp(0.5, format.least - VANISHING)
        vanishing = (np.abs(hi) < least) | ((np.abs(hi) == least) & (np.copysign(1.0, hi) * lo < 0))
        hi, lo = np.where(vanishing, 0.0, hi), np.where(vanishing, 0.0, lo)
        q = ulp_exponent(hi, dtype)
        thin = radius <= np.ldexp(1.0, q - margin)
        m = np.rint(np.ldexp(hi, -q))
        residual = (np.ldexp(hi, -q) - m) + np.ldexp(lo, -q)
        rounded = np.ldexp(m, q)
        top = np.ldexp(1.0, format.greatest + 1)
        below = (np.abs(m) == 2.0 ** (format.digits - 1)) & (residual * m < 0)  # a power of two: ULPs half as large
        tie = np.where(below, 0.25, 0.5)
        fits = (np.abs(residual) < tie - SLACK) & (np.abs(rounded) < top)
        beyond = (np.abs(hi) >= top) & np.isfinite(top)  # in float64, what is ∞ as hi may be below
    carried = np.abs(m) == 2.0**format.digits  # into the next binade, whose ULP is twice as large
    return (
        np.where(beyond, np.copysign(np.inf, hi), rounded),
        np.where(beyond, 0.0, np.where(carried, residual / 2, residual)),
        thin & (fits | beyond),
    )


# ---------------------------------------------------------------- one ball


def round_ball(ball: Ball | None, format: Format) -> Rounded | None:
    """The float that all of the ball rounds to, or None where the ball is too wide to say; no answer if no ball."""
    if ball is None:
        return NO_ANSWER
    ends = _ends(ball, format)
    if ends is None:
        return None
    below, above = ends
    if below.hi == above.hi and above.residual - below.residual < 2.0**-RESIDUAL_BITS:
        return round_exactly(*_integers(ball.mid()), format)  # of a zero, the sign too is that of the middle
    return None


def _undecided(ball: Ball, format: Format) -> Rounded:
    """What can be said of a ball that no precision rounded: a tie, to within the residual, or nothing."""
    ends = _ends(ball, format)
    if ends is not None and ends[0].hi != ends[1].hi:
        below, above = ends
        if 0.5 - below.residual < 2.0**-RESIDUAL_BITS > above.residual + 0.5:
            return Rounded(below.hi, below.residual, True)
    return NO_ANSWER


def _ends(ball: Ball, format: Format) -> tuple[Rounded, Rounded] | None:
    if not ball.is_finite():
        return None
    below = round_exactly(*_integers(ball.lower()), format)
    return below, below if ball.is_exact() else round_exactly(*_integers(ball.upper()), format)


def _integers(point: Ball) -> tuple[int, int]:
    mantissa, exponent = point.man_exp()
    return int(mantissa), int(exponent)


def round_exactly(mantissa: int, exponent: int, format: Format) -> Rounded:
    """mantissa·2^exponent to the nearest float, ties to even, rounded once (subnormals too), with the rest in ULP."""
    sign, size = (-1.0 if mantissa < 0 else 1.0), abs(mantissa)
    top = size.bit_length() + exponent  # size·2^exponent < 2^top
    if top > format.greatest + 1:
        return Rounded(sign * math.inf, 0.0)
    q = max(top - format.digits, format.least)
    shift = q - exponent
    if shift <= 0:
        return Rounded(sign * math.ldexp(size << -shift, q), 0.0)
    if shift > size.bit_length() + VANISHING:
        return Rounded(0.0, 0.0)
    m, rest = size >> shift, size & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    up = int(rest > half or (rest == half and m & 1 == 1))
    residual = sign * ((rest - (up << shift)) / (1 << shift))
    m += up
    if m >> format.digits:  # carried into the next binade, whose ULP is twice as large
        m, q, residual = m >> 1, q + 1, residual / 2
    if m.bit_length() + q > format.greatest + 1:
        return Rounded(sign * math.inf, 0.0)
    return Rounded(sign * math.ldexp(m, q), residual)
