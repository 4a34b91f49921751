"""Functions of one or several numbers near a point, from their power series along lines.

FLINT multiplies out the series; that coefficient 1 is the slope, and twice coefficient 2 the curvature, is all that is
known of derivatives. Mixed ones come from the line along both numbers, by what it has more than the two lines alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from flint import arb, arb_series

from oracles.arb_truth.definition import union
from oracles.arb_truth.numbers import Ball, Imprecise, Series, shown

THIN = arb(2) ** -60  # radius below which slopes on both sides of a breakpoint count as one


def is_wide(slope: Ball) -> bool:
    """True for the hull of slopes that differ, and where there is no finite slope."""
    return not slope.rad() < THIN


def derivatives(function: Callable[[Series], Series], at: Ball, count: int) -> list[Ball]:
    """f, f′, f″, … of a function of one number, `count` ≥ 2. Raises Imprecise where it divides by what may be 0."""
    try:
        f = function(arb_series([at, 1], count))
    except (ValueError, ZeroDivisionError) as error:  # the divisor of a quotient may be zero
        if not at.is_finite():
            return [arb.nan()] * count
        raise Imprecise(f"the function is not bounded on {shown(at)}") from error
    if count == 2:
        return [f[0], f[1]]
    return [f[k] * math.factorial(k) for k in range(count)]


class Local(NamedTuple):
    """A function of n numbers near a point: value, n slopes, n × n curvatures; and whether pieces with other slopes
    meet there, so that balls enclose those of all."""

    value: Ball
    slopes: list[Ball]
    curves: list[list[Ball]]
    torn: bool


def local(pieces: Sequence[Callable[..., Series]], at: Sequence[Ball], order: int) -> Local:
    """The function that is any of `pieces` at these numbers, up to slopes (order 1) or curvatures (order 2).

    Where pieces jump, the value is that of the first, and there is no slope. Raises Imprecise where it divides by what
    may be 0, and where pieces have other slopes but a number is not exact.
    """
    n, nan = len(at), arb.nan()
    if not all(v.is_finite() for v in at):
        return Local(nan, [nan] * n, [[nan] * n] * n, False)

    def along(*line: int) -> list[Series]:
        t = [arb_series([v, int(i in line)], order + 1) for i, v in enumerate(at)]
        return [piece(*t) for piece in pieces]

    try:
        each = [along(i) for i in range(n)]
        first, *others = each[0]
        jumps = not all(other[0].overlaps(first[0]) for other in others)
        lines = [union(line, order + 1) for line in each]
        slopes = [s[1] for s in lines]
        curves: list[list[Ball]] = []
        if order > 1:
            bends = [s[2] for s in lines]
            curves = [
                [2 * bends[i] if i == j else union(along(i, j), 3)[2] - bends[i] - bends[j] for j in range(n)]
                for i in range(n)
            ]
    except (ValueError, ZeroDivisionError) as error:  # the divisor of a quotient may be zero
        raise Imprecise(f"the function is not bounded on {shown(*at)}") from error
    # Where neighbours have the same slope at the breakpoint, their union over a small ball is small too.
    torn = jumps or (len(pieces) > 1 and any(map(is_wide, slopes)))
    if torn and not all(v.is_exact() for v in at):
        raise Imprecise(f"{shown(*at)} is not decided against a breakpoint")
    return Local(first[0] if jumps else lines[0][0], [nan] * n if jumps else slopes, curves, torn)
