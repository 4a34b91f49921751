"""Reductions: one number of all entries along an axis, which is the last unless told otherwise.

Squares are made of entries that are scaled by a power of two, so that none overflows or vanishes.
"""

from __future__ import annotations

import numpy as np

from reference.formula import Array, Kink, formula
from reference.layers.axes import WHOLE, last
from reference.layers.layer import Gradients, Pullback, layer
from reference.lift import times

SHARES = "equal shares of tied entries (minimum norm)"
LEAST = "minimum-norm subgradient"
TWO = "stated for two entries, a and b"
TIED = "Piecewise((v[i], a[i] {0} b[i]), (0, b[i] {0} a[i]), (v[i]/2, True))"
OTHER = "Piecewise((v[i], b[i] {0} a[i]), (0, a[i] {0} b[i]), (v[i]/2, True))"
MEAN = "Sum(x[i, k], (k, 1, d))/d"
SPREAD = f"Sum((x[i, p] - {MEAN})**2, (p, 1, d))/(d - correction)"


def shared(wins: Array) -> Array:
    """Equal shares of those that win, along the last axis.  (..., d), bool -> (..., d)."""
    return wins / np.maximum(wins.sum(-1, keepdims=True), 1)


def exponent_of(rows: Array) -> Array:
    """The power of two that brings each row below 1.  (..., d) -> (..., 1), integers."""
    largest = np.abs(rows).max(-1, keepdims=True)
    return np.frexp(np.where(np.isfinite(largest), largest, 1))[1]


def extreme(x: Array, axis: int, sign: int) -> tuple[Array, Pullback]:
    """The largest of sign·x along an axis, times sign; NaN if there is one. Ties have equal shares of the slope."""
    rows = last(x, axis)
    y = sign * (sign * rows).max(-1)  # (...)
    wins = np.where(np.isnan(y)[..., None], np.isnan(rows), rows == y[..., None])

    def pullback(v: Array) -> Gradients:
        v = np.where(np.isnan(y) & (v != 0), np.nan, v)
        return {"x": np.moveaxis(times(shared(wins), v[..., None]), -1, axis)}

    return y, pullback


@formula(
    "layer/maximum",
    statement="Piecewise((a[i], a[i] > b[i]), (b[i], True))",
    derivative=TIED.format(">"),
    arguments=("a[i]", "b[i]"),
    partials={"b[i]": OTHER.format(">")},
    kinks=(Kink(of="a - b", at="0", left="0", right="1", chosen="1/2", why=SHARES),),
    valid=WHOLE,
    assumptions=(TWO,),
    sources=("clarke-1990", "pytorch-amax"),
)
@layer()
def maximum(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """The largest entry along an axis.  x: (..., d) -> (...).

    The cotangent goes to it; where several tie, in equal shares, which is the subgradient of least norm. Where there is
    a NaN, it is the largest, and its slope is NaN. Raises ValueError for an axis that x does not have.
    """
    return extreme(x, axis, 1)


@formula(
    "layer/minimum",
    statement="Piecewise((a[i], a[i] < b[i]), (b[i], True))",
    derivative=TIED.format("<"),
    arguments=("a[i]", "b[i]"),
    partials={"b[i]": OTHER.format("<")},
    kinks=(Kink(of="a - b", at="0", left="1", right="0", chosen="1/2", why=SHARES),),
    valid=WHOLE,
    assumptions=(TWO,),
    sources=("clarke-1990", "pytorch-amin"),
)
@layer()
def minimum(x: Array, *, axis: int = -1) -> tuple[Array, Pullback]:
    """The least entry along an axis, −max(−x).  x: (..., d) -> (...). Ties and errors as for `maximum`."""
    return extreme(x, axis, -1)


@formula(
    "layer/norm",
    statement="sqrt(Sum(x[i, k]**2, (k, 1, d)))",
    derivative="v[i]*x[i, j]/s[i]",
    arguments=("x[i, j]",),
    kinks=(
        Kink(of="an entry, p = 1", at="0", left="-1", right="1", chosen="0", why=LEAST),
        Kink(of="the length, p = 2", at="0", left="-1", right="1", chosen="0", why=LEAST),
        Kink(
            of="the difference of the two largest sizes, p = ∞", at="0", left="0", right="1", chosen="1/2", why=SHARES
        ),
    ),
    valid={"p": "p == 1 or p == 2 or p == oo", **WHOLE},
    assumptions=("printed for p = 2", "p = 1: v·sign(x); p = ∞: that of the entry of largest size, others have 0"),
    sources=("goodfellow-2016", "pytorch-linalg-vector-norm"),
)
@layer()
def norm(x: Array, *, p: float = 2.0, axis: int = -1) -> tuple[Array, Pullback]:
    """The norm (Σ|x|ᵖ)^{1/p} along an axis.  x: (..., d) -> (...).

    With v the cotangent of the norm, ∂C/∂x = v·slope. p = 1, the sum of sizes: slope sign(x), and 0 at 0. p = 2, the
    length: x/‖x‖, and 0 for a row of 0. p = ∞, the largest size: sign(x) there and 0 elsewhere; sizes that tie for it
    have equal shares. Where there is a choice, it is the subgradient of least norm. Raises ValueError for another
    p and an axis that x does not have.
    """
    rows = last(x, axis)
    sizes = np.abs(rows)
    if p == 2:
        e = exponent_of(rows)
        t = np.ldexp(rows, -e)
        length = np.sqrt((t * t).sum(-1, keepdims=True))  # (..., 1)
        y = np.ldexp(length, e)[..., 0]
        slope = np.where(length == 0, 0, t / length)
    elif p == 1:
        y, slope = sizes.sum(-1), np.sign(rows)
    else:
        y = sizes.max(-1)
        slope = np.sign(rows) * shared(sizes == y[..., None])

    def pullback(v: Array) -> Gradients:
        return {"x": np.moveaxis(v[..., None] * slope, -1, axis)}

    return y, pullback


def spread(x: Array, axis: int, correction: float) -> tuple[Array, Array, Array, float]:
    """Deviations r from the mean in units of 2ᵉ, the sum of their squares, e, and d − correction, which divides it.

    (..., d) -> (..., d), (..., 1), (..., 1), number. Raises ValueError where nothing is left to divide by.
    """
    rows = last(x, axis)
    count = rows.shape[-1] - correction
    if count <= 0:
        raise ValueError(
            f"correction = {correction:g}; expected less than the {rows.shape[-1]} entries of the axis {axis}"
        )
    e = exponent_of(rows)
    t = np.ldexp(rows, -e)  # (..., d)
    t = t - np.take_along_axis(t, np.abs(t).argmin(-1)[..., None], -1)
    r = t - t.mean(-1, keepdims=True)
    r = r - r.mean(-1, keepdims=True)  # what the first mean was rounded by
    return r, (r * r).sum(-1, keepdims=True), e, count


@formula(
    "layer/variance",
    statement=SPREAD,
    derivative=f"2*v[i]*(x[i, j] - {MEAN})/(d - correction)",
    arguments=("x[i, j]",),
    valid=WHOLE,
    assumptions=("correction = 1 makes the mean of the estimate the variance, 0 the mean of squares",),
    sources=("chan-1983", "pytorch-var"),
)
@layer()
def variance(x: Array, *, correction: float = 1.0, axis: int = -1) -> tuple[Array, Pullback]:
    """Variance Σ(x − μ)²/(d − c) along an axis.  x: (..., d) -> (...).

    c is the `correction`, μ the mean. The slope by μ is −2 Σ(x − μ)/(d − c) = 0, so each entry has its own alone:
    2(x − μ)/(d − c), times the cotangent of its row. Raises ValueError for a correction of d or more and an axis that
    x does not have.
    """
    r, total, e, count = spread(x, axis, correction)

    def pullback(v: Array) -> Gradients:
        return {"x": np.moveaxis(np.ldexp(2 * r / count * v[..., None], e), -1, axis)}

    return np.ldexp(total / count, 2 * e)[..., 0], pullback


@formula(
    "layer/standard_deviation",
    statement=f"sqrt({SPREAD})",
    derivative=f"v[i]*(x[i, j] - {MEAN})/((d - correction)*s[i])",
    arguments=("x[i, j]",),
    kinks=(Kink(of="the deviation of a row", at="0", left="-1", right="1", chosen="0", why=LEAST),),
    valid=WHOLE,
    assumptions=("correction as for the variance",),
    sources=("chan-1983", "pytorch-std"),
)
@layer()
def standard_deviation(x: Array, *, correction: float = 1.0, axis: int = -1) -> tuple[Array, Pullback]:
    """Standard deviation σ = √(Σ(x − μ)²/(d − c)) along an axis.  x: (..., d) -> (...).

    c is the `correction`, μ the mean. ∂σ/∂x = (∂σ²/∂x)/(2σ) = (x − μ)/((d − c)σ), times the cotangent of its row, and 0
    where all entries are equal. Errors as for `variance`.
    """
    r, total, e, count = spread(x, axis, correction)
    sigma = np.sqrt(total / count)  # (..., 1)

    def pullback(v: Array) -> Gradients:
        slope = np.where(sigma == 0, 0, r / (count * sigma))
        return {"x": np.moveaxis(v[..., None] * slope, -1, axis)}

    return np.ldexp(sigma, e)[..., 0], pullback
