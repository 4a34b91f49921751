"""Truths at every float of a range, 2³² of them if need be: a Taylor polynomial for thousands of neighbours.

Neighbouring floats of one binade stand evenly, at x = c + rs. As in `blocks`, one expansion at c and one at the ball
c ± r give polynomials in s for value and slope, and a bound of what they lack. Three ways lead from there to a float,
each for what the one before it leaves open:

    float64            Horner's rule and its bound: leaves what is within about 2^-27 ULP of a tie
    twice its bits     the same, every rounding error bounded where it is made
    smaller segments   where the bound is too wide, at kinks and where g bends too much; balls in the end

Near 0 the polynomial stands at 0, where its coefficients keep apart what has to be: that x/2 + x²/4 is more than x/2,
a tie of subnormals, is then seen. A truth that may be a tie, and by no precision is told from one, such as
(x + 3)/6, stays undecided with a residual of ±½: either neighbour is as right.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from flint import arb, arb_series

from oracles.arb_truth import points as arb_truth
from oracles.arb_truth.activations import bind
from oracles.arb_truth.blocks import DEGREE, PRECISION, UNDERFLOW, pair, slope_of, two_product, two_sum
from oracles.arb_truth.definition import Bound, expand
from oracles.arb_truth.numbers import Imprecise, working
from oracles.arb_truth.rounding import RESIDUAL_BITS
from oracles.floats import Array, Truth, format_of, ulp_exponent
from oracles.points import rounded

SIZES = (1 << 16, 1 << 11, 1 << 6)  # neighbours that share a polynomial
CACHED = 1 << 13  # points evaluated at once: what they need stays in the second-level cache
NEAR = 2.0**-20  # |x| below which it stands at 0
U = 2.0**-53  # unit roundoff of float64
THIN = 2.0 ** -(RESIDUAL_BITS + 1)  # ULP: what is known less well has no residual
LITTLE = 2.0**-200  # nothing beside the least subnormals, 2^-149 of float32
TIES = 64  # points of a segment that are asked of balls because twice the bits show a tie
EXPONENT = np.int64(0x7FF << 52)  # bits of a float64


class Polynomial(NamedTuple):
    """Σ a_k·s^k for s = (x − c)/r in [−1, 1], where a_k is within [2, k] of [0, k] + [1, k]; or ±∞ everywhere."""

    c: float
    r: float
    coefficients: Array  # (3, n)
    infinite: float = 0.0


def truths(
    id: str, x: Array, dtype: str, orders: Sequence[int] = (0, 1), sizes: Sequence[int] = SIZES, **parameters: Any
) -> list[Truth]:
    """The truths of value (order 0) and slope (1) of activation `id` at all of x, as `arb_truth.truths` gives them.

    x: (n,) neighbouring floats of `dtype` in one binade, or in that of the subnormals, as float64: of one sign and
    evenly spaced. Raises KeyError for an unknown id, ValueError for an unknown dtype, else as `arb_truth.truths`.
    """
    g, _ = bind(id, **parameters), format_of(dtype)
    n = len(x)
    found = [Truth(np.zeros(n), np.zeros(n), np.ones(n, bool), dtype) for _ in orders]
    wide = np.ones((len(orders), n), bool)  # bounds too wide, so far
    for size in sizes:
        if not wide.any():
            break
        blocks = np.logical_or.reduceat(wide.any(axis=0), np.arange(0, n, size))
        for start in (np.flatnonzero(blocks) * size).tolist():
            polynomials = taylor(g, x[start : start + size], orders, beyond(dtype, 2))
            for k, polynomial in enumerate(polynomials):
                t, shown = found[k], leading(polynomial)
                for first in range(start, min(start + size, n), CACHED):
                    at: slice | Array = slice(first, min(first + CACHED, start + size, n))
                    if not wide[k, at].all():
                        at = first + np.flatnonzero(wide[k, at])
                    t.hi[at], t.residual[at], t.undecided[at], wide[k, at] = settle(polynomial, shown, x[at], dtype)
    undecided = np.logical_or.reduce([t.undecided for t in found])  # as all is that is wide
    if undecided.any():
        ties = undecided & ~wide.any(axis=0)
        left = np.flatnonzero(wide.any(axis=0) | (ties & (ties.sum() <= TIES * -(-n // sizes[0]))))
        exacts = arb_truth.truths(id, x[left], orders, dtype=dtype, **parameters) if len(left) else []
        for t, exact in zip(found, exacts, strict=bool(exacts)):
            t.hi[left], t.residual[left], t.undecided[left] = exact.hi, exact.residual, exact.undecided
    return found


# ---------------------------------------------------------------- polynomials


def taylor(g: Bound, x: Array, orders: Sequence[int], infinite: float) -> list[Polynomial]:
    """Polynomials of value and slope over the points x, none where g is not known to be analytic.

    What is `infinite` in size or more, all over the segment, counts as ±∞.
    """
    ends = np.array([x[0], x[-1]])
    if np.abs(ends).max() <= NEAR:
        polynomials = _taylor(g, 0.0, _power(np.abs(ends).max()), orders, infinite)
        if polynomials:
            return polynomials
    c = float(x[len(x) // 2])
    r = _power(np.abs(ends - c).max())
    return _taylor(g, c, r, orders, infinite) or [Polynomial(c, r, np.full((3, 1), np.nan))] * len(orders)


def _power(distance: float) -> float:
    """The least power of two that is `distance` or more; 1 for 0."""
    m, e = np.frexp(distance)
    return float(np.ldexp(1.0, e - (m == 0.5))) if distance else 1.0


def _taylor(g: Bound, c: float, r: float, orders: Sequence[int], infinite: float) -> list[Polynomial]:
    """Polynomials about c of value and slope at c ± r; an empty list at kinks and where there are none."""
    with working(PRECISION, DEGREE + 1):
        try:
            if g.definition.rising:
                least = expand(g, arb_series([arb(c - r), 1], 2))[0]
                if least[0] > infinite and least[1] > infinite:
                    return [Polynomial(c, r, np.zeros((3, 1)), np.inf)] * len(orders)
            around = expand(g, arb_series([arb(c, r), r], DEGREE + 1))
            if len(around) > 1 or not all(ball.is_finite() for ball in around[0].coeffs()):
                return []
            at = expand(g, arb_series([arb(c), r], DEGREE))[0]
            # By Lagrange's form of the remainder its coefficient lies in that of the expansion over all of c ± r.
            value = np.array([pair(ball) for ball in [*(at[k] for k in range(DEGREE)), around[0][DEGREE]]]).T
            sizes = [around[0][0], around[0][1] / r]
            far = [float(np.copysign(np.inf, float(s))) if s.abs_lower() > infinite else 0.0 for s in sizes]
        except (ValueError, ZeroDivisionError, Imprecise):
            return []
    with np.errstate(all="ignore"):
        coefficients = [value, slope_of(value) / r]
    return [Polynomial(c, r, coefficients[k], far[k]) for k in orders]


# ---------------------------------------------------------------- from a polynomial to floats


def leading(p: Polynomial) -> tuple[Array, float]:
    """The coefficients that show in float64, and a bound of what Horner's rule with these misses of the polynomial."""
    high, low, radius = np.abs(p.coefficients)
    tails = np.cumsum(high[::-1])[::-1]
    n = max(1, int(np.count_nonzero(tails > max(tails[0] * 2.0**-60, LITTLE))))
    bound = float(radius.sum() + low.sum() + high[n:].sum() + (2 * n + 4) * U * high[:n].sum())
    return p.coefficients[0, :n], bound * 1.01 + UNDERFLOW / min(p.r, 1)


def settle(p: Polynomial, shown: tuple[Array, float], x: Array, dtype: str) -> tuple[Array, Array, Array, Array]:
    """Floats nearest to p(x), residuals in ULP, and two masks: undecided, and the bound is too wide to say anything.

    `shown` is `leading(p)`. Results are of the shape of x, or (1,) for what is the same at all points.
    """
    if p.infinite:
        return np.array([p.infinite]), np.zeros(1), np.zeros(1, bool), np.zeros(1, bool)
    with np.errstate(all="ignore"):
        hi, residual, undecided = in_float64(p, *shown, x, dtype)
        wide = np.zeros(len(hi), bool)
        if undecided.any():
            hi, residual, undecided, wide = (np.resize(a, len(x)) for a in (hi, residual, undecided, wide))
            again = np.flatnonzero(undecided)
            pairs = in_pairs(p, (x[again] - p.c) / p.r)
            hi[again], residual[again], undecided[again], wide[again] = nearest(*pairs, dtype)
    return hi, residual, undecided, wide


def in_float64(p: Polynomial, a: Array, bound: float, x: Array, dtype: str) -> tuple[Array, Array, Array]:
    """Floats nearest to Σ a_k·s^k, residuals in ULP, and where the bound leaves either open; (1,) for a constant."""
    y = a[-1:].copy()
    if len(a) > 1:
        s = (x - p.c) / p.r
        y = y * s
        for k in reversed(range(1, len(a) - 1)):
            y += a[k]
            y *= s
        y += a[0]
    hi = to_float(y, dtype)
    inverse = inverse_ulp(hi, dtype)
    residual = (y - hi) * inverse
    inverse *= bound  # now the bound in ULP
    size = np.abs(residual)
    decided = (size + inverse < 0.5) & (inverse < THIN)
    decided &= np.abs(size - 0.25) > inverse  # the tie below a power of two
    return hi, residual, ~decided


def in_pairs(p: Polynomial, s: Array) -> tuple[Array, Array, Array]:
    """Two float64 that sum up to the polynomial, and a bound of what they miss: 0 where nothing was rounded."""
    high, low, radius = p.coefficients
    n = 1 + int(np.flatnonzero(p.coefficients.any(axis=0)).max(initial=0))
    total, carried = high[n - 1] + 0 * s, low[n - 1] + 0 * s
    error = radius[n - 1] + 0 * s
    size = np.abs(s)
    for k in reversed(range(n - 1)):
        product, missed = two_product(total, s)
        total, rest = two_sum(product, high[k])
        extra = missed + rest
        step = low[k] + extra
        shifted = carried * s
        carried = shifted + step
        made = np.abs(shifted) + _of_both(missed, rest, extra) + _of_both(low[k], extra, step)
        error = error * size + radius[k] + U * (made + _of_both(shifted, step, carried))
    least = np.abs(p.coefficients[p.coefficients != 0]).min(initial=1.0)  # whose last bits, times s³, do not underflow
    lost = 0.0 if n <= 4 and least > 2.0**-800 and not low.any() else UNDERFLOW
    return *two_sum(total, carried), error * (1 + 2.0**-40) + lost / min(p.r, 1)


def _of_both(a: Array, b: Array, total: Array) -> Array:
    """|a + b|, of which a part may have been lost; 0 where one of them is 0 and nothing was."""
    return np.where((a != 0) & (b != 0), np.abs(total), 0.0)


def nearest(hi: Array, lo: Array, bound: Array, dtype: str) -> tuple[Array, Array, Array, Array]:
    """Of the numbers within `bound` of hi + lo: as `settle`. |lo| is half an ULP of hi in float64 at most."""
    format = format_of(dtype)[1]
    q = ulp_exponent(hi, dtype)
    u = np.ldexp(hi, -q)
    below = (np.abs(u) == 2.0 ** (format.digits - 1)) & (lo * hi < 0) & (q > format.least)
    q = q - below  # just below a power of two, where ULPs are half as large
    u, rest = np.ldexp(hi, -q), np.ldexp(lo, -q)
    m = np.rint(u)
    side = np.copysign(1.0, u - m)
    over = (np.abs(u - m) - 0.5) + side * rest  # how far beyond the tie
    width = np.ldexp(bound, -q)
    thin = width <= THIN
    top = beyond(dtype)
    decided = thin & ((np.abs(over) * (1 - 2.0**-50) > width) | ((width == 0) & (over == 0)) | (np.abs(hi) > top))
    m = np.where(over > 0, m + side, m)
    carried = np.abs(m) == 2.0**format.digits  # into the next binade
    residual = np.where(carried, 0.5, 1.0) * ((u - m) + rest)
    found = np.ldexp(m, q)
    infinite = np.abs(found) >= top
    found = np.where(infinite, np.copysign(np.inf, found), found)
    return found, np.where(infinite, 0.0, residual), ~decided, ~thin


def beyond(dtype: str, powers: int = 1) -> float:
    """The power of two that comes after the greatest float, or one further; ∞ where float64 has none."""
    exponent = format_of(dtype)[1].greatest + powers
    return 2.0**exponent if exponent < 1024 else np.inf


def to_float(y: Array, dtype: str) -> Array:
    """y rounded to the nearest float of `dtype`, as float64; ±∞ beyond the greatest."""
    if dtype == "float32":
        return y.astype(np.float32).astype(np.float64)
    hi = rounded(y, dtype)
    return np.where(np.abs(hi) >= beyond(dtype), np.copysign(np.inf, hi), hi)


def inverse_ulp(hi: Array, dtype: str) -> Array:
    """1/ulp(hi), for floats of a dtype narrower than float64, as `oracles.floats.ulp` but from the bits."""
    format = format_of(dtype)[1]
    least = np.int64(format.least + format.digits - 1 + 1023) << np.int64(52)
    ulps = np.maximum(hi.view(np.int64) & EXPONENT, least)
    np.subtract(np.int64(2 * 1023 + format.digits - 1) << np.int64(52), ulps, out=ulps)
    return ulps.view(np.float64)
