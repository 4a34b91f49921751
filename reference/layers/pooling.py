"""Pooling: one number for all places in a window, over as many of the last axes as there are sizes of a window.

The pullback sends the cotangent of a window back to where its number came from: to the largest place, or in equal
shares to all. Windows and places meet as in `windows`: window p has under tap k the place stride·p + dilation·k −
padding. Padding takes no part, unless told otherwise. v is the cotangent of y, x̄ that of x.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reference.exact import quotient
from reference.formula import Array, Kink, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.windows import Grid, each, held, over, shape_of
from reference.lift import times

FIRST = "of places that tie for the largest, the first in row-major order takes all, as in PyTorch and JAX"
IN_WINDOW = "h[p, q] = 1 where place q lies in window p, else 0; u[p] is what the window counts"


def sizes_of(name: str, given: Any) -> list[int]:
    """One size for each axis that is pooled, errors as `each`."""
    return each(name, given, len(given) if isinstance(given, (tuple, list)) and given else 1)


def last_axes(x: Array, axes: int) -> tuple[int, ...]:
    """The places of x: its last axes. Raises ValueError where there are not so many, or none on one of them."""
    if x.ndim < axes or 0 in x.shape[x.ndim - axes :]:
        raise ValueError(f"x has shape {x.shape}; expected {axes} last axes of one place or more")
    return x.shape[x.ndim - axes :]


def met(grid: Grid) -> Array:
    """How many places each window meets; none of them none.  -> (*windows), integers."""
    count = np.zeros(grid.windows, int)
    for _, p, _ in grid.taps():
        count[p] += 1
    if (count == 0).any():
        raise ValueError(
            f"window {np.argwhere(count == 0)[0].tolist()} lies in the padding alone, {shape_of(grid.before)} before"
            f" and {shape_of(grid.after)} after; need less than the kernel of {shape_of(grid.kernel)} reaches over"
        )
    return count


@formula(
    "layer/max_pooling",
    statement="Piecewise((a[i], a[i] >= b[i]), (b[i], True))",
    derivative="Piecewise((v[i], a[i] >= b[i]), (0, True))",
    arguments=("a[i]", "b[i]"),
    partials={"b[i]": "Piecewise((0, a[i] >= b[i]), (v[i], True))"},
    kinks=(Kink(of="a - b", at="0", left="0", right="1", chosen="1", why=FIRST),),
    assumptions=("stated for windows of two places, a before b", FIRST),
    sources=("boureau-2010", "goodfellow-2016"),
)
@layer()
def max_pooling(
    x: Array,
    *,
    kernel_size: Any = (2,),
    stride: Any = None,
    padding: Any = (0,),
    dilation: Any = (1,),
    ceil_mode: bool = False,
) -> tuple[Array, Pullback]:
    """Max pooling y[p] = max_k x[stride·p + dilation·k − padding].  x: (..., *places) -> y: (..., *windows).

    `kernel_size` has one entry an axis; without a `stride`, windows lie side by side. `stride` and `dilation` are a
    number, or a tuple of one for each axis; an entry of `padding` may be a pair, before and after. With `ceil_mode` a
    last window may reach beyond the end, if it begins before it. The cotangent goes where the largest is: x̄[q] =
    Σ v[p] over the windows whose largest place is q, and of several that tie, the first in row-major order. A NaN is
    the largest, and its slope is NaN. Raises ValueError where windows do not fit or one lies in the padding alone,
    TypeError for sizes that are no whole numbers.
    """
    kernel = sizes_of("kernel_size", kernel_size)
    places = last_axes(x, len(kernel))
    grid = over(places, kernel, kernel if stride is None else stride, padding, dilation, ceil_mode)
    met(grid)
    y = np.full((*x.shape[: x.ndim - len(kernel)], *grid.windows), -np.inf)  # (..., *windows)
    largest = np.full(y.shape, -1)  # the number of its tap
    for number, (_, p, q) in enumerate(grid.taps()):
        wins = ~(x[q] <= y[p]) & ~np.isnan(y[p]) | (largest[p] < 0)
        y[p], largest[p] = np.where(wins, x[q], y[p]), np.where(wins, number, largest[p])

    def pullback(v: Array) -> Gradients:
        v, dx = np.where(np.isnan(y) & (v != 0), np.nan, v), np.zeros(x.shape)
        for number, (_, p, q) in enumerate(grid.taps()):
            dx[q] += np.where(largest[p] == number, v[p], 0)
        return {"x": dx}

    return y, pullback


def means(total: Array, count: Array, again: Any) -> Array:
    """total/count; where the total overflows and the mean may not, `again(1/2ᵉ)` makes it of terms that are smaller."""
    if np.isfinite(total).all():
        return total / count
    e = math.frexp(float(count.max()))[1]
    return np.where(np.isfinite(total), total / count, np.ldexp(again(math.ldexp(1, -e)) / count, e))


def summed(x: Array, grid: Grid) -> Array:
    """The sum of every window.  x: (..., *places) -> (..., *windows)."""
    y = np.zeros((*x.shape[: x.ndim - len(grid.places)], *grid.windows))
    for _, p, q in grid.taps():
        y[p] += x[q]
    return y


@formula(
    "layer/average_pooling",
    statement="Sum(h[p, q]*x[q], (q, 1, d))/u[p]",
    derivative="Sum(h[p, q]*v[p]/u[p], (p, 1, P))",
    arguments=("x[q]",),
    assumptions=(IN_WINDOW, "with count_include_pad, padding counts as places of 0; what lies beyond it does not"),
    sources=("boureau-2010", "pytorch-avgpool2d"),
)
@layer()
def average_pooling(
    x: Array,
    *,
    kernel_size: Any = (2,),
    stride: Any = None,
    padding: Any = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> tuple[Array, Pullback]:
    """Average pooling y[p] = Σ_k x[stride·p + k − padding]/u[p].  x: (..., *places) -> y: (..., *windows).

    The sum is over the taps under which there is a place. u[p] counts these places, with `count_include_pad` those of
    the padding too, but none beyond it. Each has the slope 1/u[p], so x̄[q] = Σ v[p]/u[p] over the windows that q lies
    in. Other parameters and errors as for `max_pooling`.
    """
    kernel = sizes_of("kernel_size", kernel_size)
    places = last_axes(x, len(kernel))
    grid = over(places, kernel, kernel if stride is None else stride, padding, 1, ceil_mode)
    count = met(grid)  # (*windows)
    if count_include_pad:
        count = np.ones(grid.windows, int)
        for axis, (n, p, k, s, before, after) in enumerate(
            zip(places, grid.windows, kernel, grid.stride, grid.before, grid.after, strict=True)
        ):
            start = s * np.arange(p) - before
            length = np.minimum(start + k, n + after) - start
            count *= length.reshape(-1, *[1] * (len(kernel) - 1 - axis))
    y = means(summed(x, grid), count, lambda unit: summed(unit * x, grid))

    def pullback(v: Array) -> Gradients:
        dx, share = np.zeros(x.shape), v / count  # (..., *windows)
        for _, p, q in grid.taps():
            dx[q] += share[p]
        return {"x": dx}

    return y, pullback


@formula(
    "layer/adaptive_average_pooling",
    statement="Sum(h[p, q]*x[q], (q, 1, d))/u[p]",
    derivative="Sum(h[p, q]*v[p]/u[p], (p, 1, P))",
    arguments=("x[q]",),
    assumptions=(IN_WINDOW, "window p of P over n places is ⌊pn/P⌋ … ⌈(p + 1)n/P⌉ − 1: neighbours may share places"),
    sources=("lin-2013", "pytorch-adaptiveavgpool2d"),
)
@layer()
def adaptive_average_pooling(x: Array, *, output_size: Any = (1,)) -> tuple[Array, Pullback]:
    """Averages of as many windows as are asked for.  x: (..., *places) -> y: (..., *output_size).

    Along an axis of n places, window p of P, from 0, begins at ⌊p·n/P⌋ and ends before ⌈(p + 1)·n/P⌉. Of sizes 1 it is
    global average pooling, the mean of all places. Each of the u[p] places of a window has the slope 1/u[p]: x̄[q] =
    Σ v[p]/u[p] over the windows that q lies in. Raises ValueError for a size below 1 or axes that x does not have,
    TypeError for sizes that are no whole numbers.
    """
    sizes = sizes_of("output_size", output_size)
    held(f"output_size = {output_size!r}", sizes)
    places = last_axes(x, len(sizes))
    count, y = np.ones(sizes, int), np.zeros((*x.shape[: x.ndim - len(sizes)], *sizes))  # (*sizes), (..., *sizes)
    axes = tuple(range(-len(sizes), 0))

    def window(p: tuple[int, ...]) -> tuple[Any, ...]:
        """Its places, as an index of the last axes."""
        return (..., *(slice(k * n // P, -((-k - 1) * n // P)) for k, n, P in zip(p, places, sizes, strict=True)))

    for p in np.ndindex(*sizes):
        inside = x[window(p)]
        count[p] = math.prod(inside.shape[x.ndim - len(sizes) :])
        y[(..., *p)] = means(inside.sum(axes), count[p], lambda unit, inside=inside: (unit * inside).sum(axes))

    def pullback(v: Array) -> Gradients:
        dx, share = np.zeros(x.shape), v / count  # (..., *sizes)
        for p in np.ndindex(*sizes):
            dx[window(p)] += share[(..., *p)][(..., *[None] * len(sizes))]
        return {"x": dx}

    return y, pullback


LENGTHS = "for an entry of 0 (p = 1) and a window of zeros, the minimum-norm subgradient"


def power(x: Array, unit: Array, p: float) -> Array:
    """(x/unit)ᵖ of sizes up to the unit: a ratio q > x/unit, and eᵖᵉ ≤ 1 for what it is rounded by, e = x/(unit·q) − 1.

    Without the latter each is p times as far off as its ratio.
    """
    q, rest = quotient(x, unit)
    up = np.where(rest > 0, np.nextafter(q, np.inf), q)
    error = np.where(rest == 0, 0.0, (rest - (up - q)) / up)
    return np.where(np.isfinite(error), up, q) ** p * np.exp(p * np.where(np.isfinite(error), error, 0))


@formula(
    "layer/lp_pooling",
    statement="Sum(h[k, q]*x[q]**p, (q, 1, d))**(1/p)",
    derivative="Sum(h[k, q]*v[k]*s[k]*x[q]**(p - 1)/Sum(h[k, l]*x[l]**p, (l, 1, d)), (k, 1, P))",
    arguments=("x[q]",),
    kinks=(
        Kink(of="an entry, p = 1", at="0", left="-1", right="1", chosen="0", why=LENGTHS),
        Kink(of="the entries of a window", at="0", left="-1", right="1", chosen="0", why=LENGTHS),
        Kink(of="the difference of the two largest sizes, p = ∞", at="0", left="0", right="1", chosen="1", why=FIRST),
    ),
    valid={"p": "1 <= p <= oo"},
    assumptions=(
        "h[k, q] = 1 where place q lies in window k, else 0",
        "printed for x > 0 and p < ∞; else x stands for |x|, and the slope has the sign of x",
        LENGTHS,
    ),
    sources=("boureau-2010", "gulcehre-2014", "pytorch-lppool2d"),
)
@layer()
def lp_pooling(x: Array, *, kernel_size: Any = (2,), stride: Any = None, p: float = 2.0) -> tuple[Array, Pullback]:
    """Lᵖ pooling y = (Σ |x|ᵖ)^{1/p} over every window.  x: (..., *places) -> y: (..., *windows).

    ∂|x|ᵖ/∂x = p·|x|^{p − 1}·sign x and ∂y/∂yᵖ = y^{1 − p}/p, so x̄[q] = sign x[q]·Σ v·(|x[q]|/y)^{p − 1} over the
    windows that q lies in. Sizes are taken relative to the largest of the window, so that no power overflows; p = ∞ is
    that largest, and the first that ties for it has the slope. Raises ValueError for p < 1 and as `max_pooling`.
    """
    kernel, size = sizes_of("kernel_size", kernel_size), np.abs(x)
    top, pull = max_pooling(size, kernel_size=kernel, stride=stride)  # (..., *windows)
    if p == math.inf:
        return top, lambda v: {"x": np.sign(x) * pull(v)["x"]}
    grid = over(last_axes(x, len(kernel)), kernel, kernel if stride is None else stride, 0, 1)
    total, unit = np.zeros(top.shape), np.where((top == 0) | np.isinf(top), 1, top)
    for _, k, q in grid.taps():
        total[k] += power(size[q], unit[k], p)  # (y/unit)ᵖ, between 1 and the number of places

    def pullback(v: Array) -> Gradients:
        dx = np.zeros(x.shape)
        for _, k, q in grid.taps():
            share = power(size[q], unit[k], p - 1) / total[k] ** ((p - 1) / p)
            slope = np.where(total[k] == 0, 0, share)
            dx[q] += times(v[k], np.sign(x[q]) * slope)
        return {"x": dx}

    return total ** (1 / p) * unit, pullback
