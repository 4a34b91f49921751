"""Truths at very many neighbouring floats, such as all of a 16-bit format: one Taylor polynomial for a block of them.

On a block, |x − c| ≤ r, put x = c + rs. The definition is expanded as a power series in s at the exact c, and once more
at the ball c ± r. Where that is finite, g is analytic, and its last coefficient encloses, by Lagrange's form of the
remainder, what the series at c lacks. So the value, and term by term the slope, are polynomials in s with balls as
coefficients: NumPy evaluates them with twice the bits of float64 and bounds every error. What stays undecided, at
kinks, near ties and where g bends too much, is left to smaller blocks and in the end to `arb_truth`, point by point.
"""

from __future__ import annotations

import math

import numpy as np
from flint import arb, arb_series

from oracles.arb_truth import points as arb_truth
from oracles.arb_truth.activations import bind
from oracles.arb_truth.definition import Bound, expand
from oracles.arb_truth.numbers import Ball, working
from oracles.arb_truth.rounding import Group, attempt, round_pairs
from oracles.floats import Array, Truth

SIZES = (256, 32)  # points of a block
DEGREE = 20  # of the polynomial of a value
PRECISION = 320  # bits: log(1 + eᶻ) to less than the least subnormal, 2^-133, over z = 2^128
BITS = 60  # of residuals, so many that errors which tie in truth tie as computed
SMALL = 2.0**-90  # smaller truths are left to `arb_truth`, whose own 128 bits show in their residuals, far below 2^-20
UNDERFLOW = 2.0**-1050  # more than the numbers below 2^-1022 lose on the way


def truths(id: str, x: Array, dtype: str) -> list[Truth]:
    """The truth of value and slope of activation `id` at every float of x, as `arb_truth.truths`.

    x: (n,) floats as float64, in rising order so that neighbours share a block; `dtype` is the format to round to.
    Raises KeyError for an unknown id, ValueError for an unknown dtype.
    """
    g = bind(id)
    hi, residual = np.zeros((2, 2, len(x)))
    undecided = np.zeros((2, len(x)), bool)
    left = np.arange(len(x))
    for size in SIZES:
        if len(left):
            at = np.pad(left, (0, -len(left) % size), "edge").reshape(-1, size)
            hi[:, at], residual[:, at], decided = round_pairs(*value_and_slope(g, x[at]), dtype, BITS)
            left = np.unique(at[~decided.all(axis=0)])
    small = (hi != 0) & (np.abs(hi) < SMALL)
    left = np.union1d(left, np.flatnonzero(small.any(axis=0)))
    for k, exact in enumerate(arb_truth.truths(id, x[left], (0, 1), dtype=dtype)):
        hi[k, left], residual[k, left], undecided[k, left] = exact.hi, exact.residual, exact.undecided
    return [Truth(hi[k], residual[k], undecided[k], dtype) for k in range(2)]


def value_and_slope(g: Bound, x: Array) -> tuple[Array, Array, Array]:
    """Two float64 that sum up to value and slope, and bounds of what they miss, at the points x of blocks.

    x: (blocks, size); results (2, blocks, size). There are NaN for a block that touches a kink or on which g is not
    known to be analytic, and at points where s has more than 24 bits.
    """
    c = (x[:, :1] + x[:, -1:]) / 2
    distance, inexact = two_sum(x, -c)
    r = np.ldexp(1.0, np.frexp(np.abs(distance).max(axis=1, keepdims=True))[1])
    blocks = np.hstack([c, r]).tolist()

    def coefficients(i: int) -> Group:
        return taylor(g, *blocks[i])

    with working(PRECISION, DEGREE + 1):
        balls = [attempt(coefficients, i, DEGREE + 1) for i in range(len(blocks))]
        numbers = [[pair(ball) for ball in group] for group in balls]
    with np.errstate(all="ignore"):
        s = distance / r
        s = np.where((inexact == 0) & (s.astype(np.float32) == s), s, np.nan)
        value = np.array(numbers).T[..., None]  # (3, DEGREE + 1, blocks, 1)
        slope = slope_of(value) / r
        hi, lo, bounds = np.array([polynomial(value, s), polynomial(slope, s)]).swapaxes(0, 1)
    return hi, lo, bounds + UNDERFLOW / np.minimum(r, 1)


def pair(ball: Ball) -> tuple[float, float, float]:
    """Two float64, and how far from their sum the ball reaches: 0 where it is a number and they are that number."""
    high = float(ball)
    low = float(ball - high)
    rest = (ball - high - low).abs_upper()
    return high, low, 0.0 if rest == 0 else math.nextafter(float(rest), math.inf)


def slope_of(value: Array) -> Array:
    """Coefficients of the derivative by s: (3, n, …) -> (3, n − 1, …), as `polynomial` takes them."""
    k = np.arange(float(value.shape[1])).reshape(-1, *[1] * (value.ndim - 2))
    high, error = two_product(value[0], k)
    low = error + k * value[1]
    lost = np.where(value[1] == 0, 0.0, 2.0**-52 * (np.abs(k * value[1]) + np.abs(low)))
    return np.array([high, low, (k * value[2] + lost) * (1 + 2.0**-50)])[:, 1:]


def taylor(g: Bound, c: float, r: float) -> Group:
    """Coefficients of s⁰, s¹, …, s^DEGREE of g(c + rs) at |s| ≤ 1, the last for all of the remainder; NaN at a kink."""
    around = expand(g, arb_series([arb(c, r), r], DEGREE + 1))
    if len(around) > 1 or not all(ball.is_finite() for ball in around[0].coeffs()):
        return [arb.nan()] * (DEGREE + 1)
    at = expand(g, arb_series([arb(c), r], DEGREE))[0]
    return [*(at[k] for k in range(DEGREE)), around[0][DEGREE]]


# ---------------------------------------------------------------- twice the bits of float64


def two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """a + b in float64, and what it misses, exactly."""
    total = a + b
    rest = total - a
    return total, (a - (total - rest)) + (b - rest)


def two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """a·b in float64, and what it misses, exactly but for underflow; b has 24 bits at most."""
    product, shifted = a * b, a * (2.0**27 + 1)
    upper = shifted - (shifted - a)  # the leading 26 bits of a
    return product, (upper * b - product) + (a - upper) * b


def polynomial(coefficients: Array, s: Array) -> tuple[Array, Array, Array]:
    """Σ a_k·s^k at |s| ≤ 1 as two float64, and a bound of what they miss.

    coefficients: (3, n, …), of which a_k is within radius_k = [2, k] of high_k + low_k = [0, k] + [1, k].
    Horner's rule, the rounding of each step carried along. What is carried is a sum of fewer than 4n terms, each less
    than an ULP of Σ|high_k|, and takes fewer than 4n roundings itself.
    """
    high, low, radius = coefficients
    n = len(high)
    total, carried = high[-1] + 0 * s, low[-1] + 0 * s
    for k in reversed(range(n - 1)):
        product, missed = two_product(total, s)
        total, rest = two_sum(product, high[k])
        carried = carried * s + (low[k] + (missed + rest))
    bound = radius.sum(axis=0) * 1.01 + (8 * n * 2.0**-53) ** 2 * np.abs(high).sum(axis=0)
    return *two_sum(total, carried), np.broadcast_to(bound, s.shape)
