"""Rows divided by their deviation or their length, x̂, and the way back: the heart of all normalisations.

In a row of d entries let r = x − μ, σ² = mean r² + ε, x̂ = r/σ, and u the cotangent of x̂.
Then 2σ·∂σ/∂x_j = (2/d)r_j, for Σr = 0; so ∂x̂_i/∂x_j = ([i = j] − 1/d − x̂_i·x̂_j/d)/σ, and with s = u/σ

    ∂C/∂x = s − mean s − r·mean(s·r)/σ².

Of s this kills constants, and of r it leaves the share ε/σ², since mean r² = σ² − ε. Where one entry m outweighs the
others, s_m and the mean s̄ of the other cotangents cancel all but wholly. So the line in x through (x_m, s_m) and
(x̄, s̄) is taken from s first; x̄, s̄: means over i ≠ m. With its slope α = (s_m − s̄)/(x_m − x̄), it is αr + const. What
is left, q, is 0 at m and sums to 0, and

    ∂C/∂x = q − r·(mean(q·r) − αε)/σ².

Where every x̂_j² < d/2 − 1, the diagonal 1 − 1/d − x̂_j²/d exceeds ½, and the line is not needed. If x is constant
there is no line, and only the mean is taken off.

RMS norm subtracts no mean: x̂ = x/ρ, ρ² = mean x² + ε. Likewise ∂ρ/∂x_j = x̂_j/d, and with s = u/ρ

    ∂C/∂x = s − x·mean(s·x)/ρ²,

which does not kill constants, and of x leaves the share ε/ρ². The line is that through 0 and (x_m, s_m), m the largest
|x|, and is needed where x̂_m² ≥ d/2: with α = s_m/x_m and q = s − αx,

    ∂C/∂x = q − x·(mean(q·x) − αε)/ρ².

Rows are scaled by a power of two, so that no square overflows or vanishes. Where one entry outweighs the others, they
are counted from one in their middle, so that neither a huge mean nor a huge neighbour costs digits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.formula import Array
from reference.lift import times

BLOCK = 1 << 16  # entries of rows that are standardised at once
FAR = 100  # powers of two from 1 beyond which rows are scaled
EASY = 500  # and weights
TINY = 2.0**-500  # its square is nothing beside 1
Back = Callable[[Array], Array]  # from s = u/σ, u the cotangent of x̂, to that of x, in place
Standardizing = Callable[[Array, Any], tuple[Array, Array, Back]]  # from x and ε to r and 1/σ, of which x̂ is made


def scale_of(x: Array, eps: Any, square: Array) -> Array | None:
    """A power of two, of every row, that keeps squares of its entries, and ε, in range; None where no row needs one.

    `square` is the mean of the squares.  (..., d), (..., 1) -> (..., 1).
    """
    low, high, whole = 2.0 ** (-2 * FAR), 2.0 ** (2 * FAR), square + eps
    if square.min() > low and whole.max() < high:
        return None
    size = np.abs(x).max(-1, keepdims=True)
    size = np.where(np.isfinite(size), size, 1)
    least = np.frexp(np.maximum(size, np.sqrt(eps) * low))[1]  # of what is scaled up; ε must not outgrow the range
    small = (least < -FAR) & ((whole < low) | (size < 2.0**-900))  # vanishing squares, or entries of few digits
    down = np.where(whole < high, 0, np.maximum(np.frexp(size)[1] - FAR, 0))  # no further, for the smallest of the row
    scale = np.ldexp(1.0, np.where(small, np.minimum(-least, 1020), -down))
    return None if (scale == 1).all() else scale


def of_scaled(f: Standardizing, x: Array, eps: Any, scale: Array) -> tuple[Array, Array, Back]:
    """What f says of rows, by way of scaled ones: x̂ is the same.  (..., d), (..., 1) -> (..., d), (..., 1)."""
    r, inverse, back = f(x * scale, eps * scale * scale)
    return r, inverse, lambda s: back(s) * scale


def gained(w: Array | None, inverse: Array) -> tuple[Array, int]:
    """w/σ without a power of two, and its exponent: 0 but where w is so huge or tiny that w/σ could leave the range."""
    if w is None:
        return inverse, 0
    if 2.0**-EASY < (largest := np.abs(w).max()) < 2.0**EASY:
        return w * inverse, 0
    power = int(np.frexp(largest)[1])
    return np.ldexp(w, -power) * inverse, power


def weighted(v: Array, gain: Array, power: int) -> tuple[Array, Any]:
    """w·v/σ for `gained` weights without powers of two, and their exponents, of rows: 0 where the weights have none."""
    if not power:
        return v * gain, 0
    k = np.frexp(np.abs(v).max(-1, keepdims=True))[1]
    return np.ldexp(v, -k) * gain, power + k


def mean(q: Array) -> Array:
    """Means of rows; of long ones in pairs, for rounding errors would grow with d.  (..., d) -> (..., 1)."""
    d = q.shape[-1]
    return np.vecdot(q, np.ones(d))[..., None] / d if d <= 1024 else q.sum(-1, keepdims=True) / d


def middle(x: Array) -> Array:
    """An entry in the middle of every row: the median of those that stand at equal distances, all up to 128 of them.

    (..., d) -> (..., 1).
    """
    some = x[..., :: -(-x.shape[-1] // 128)]
    half = some.shape[-1] // 2
    return np.partition(some, half)[..., half, None]


def in_blocks(f: Standardizing) -> Standardizing:
    """A function of rows, by as many rows at once as leave its temporaries in the cache."""

    @functools.wraps(f)
    def whole(x: Array, eps: Any) -> tuple[Array, Array, Back]:
        if x.size <= BLOCK or x.ndim == 1:
            return f(x, eps)
        rows, step = x.reshape(-1, x.shape[-1]), max(1, BLOCK // x.shape[-1])
        blocks = [slice(k, k + step) for k in range(0, len(rows), step)]
        r, inverse, pulls = np.empty(rows.shape), np.empty((len(rows), 1)), []
        for here in blocks:
            r[here], inverse[here], pull = f(rows[here], eps)
            pulls.append(pull)

        def back(s: Array) -> Array:
            s = s.reshape(rows.shape)
            for here, pull in zip(blocks, pulls, strict=True):
                s[here] = pull(s[here])
            return s.reshape(x.shape)

        return r.reshape(x.shape), inverse.reshape(*x.shape[:-1], 1), back

    return whole


def without(q: Array, m: Array) -> tuple[Array, Array]:
    """A copy of rows with 0 at their entries m, and the mean of the others, (..., 1).  (..., d), (..., 1)."""
    rest = q.copy()
    np.put_along_axis(rest, m, 0, -1)
    return rest, rest.sum(-1, keepdims=True) / max(q.shape[-1] - 1, 1)


def outweighed(r: Array, square: Array, limit: float) -> Array | None:
    """Rows where an entry keeps less than half of its cotangent, for r² ≥ limit·σ²; None if there are none.

    (..., d), (..., 1) -> (...), bools.
    """
    if max(r.max(), -r.min()) ** 2 < limit * square.min():
        return None
    return ~(np.abs(r).max(-1) ** 2 < limit * square[..., 0])


def less_line(s: Array, x: Array, r: Array, eps: Array) -> tuple[Array, Array]:
    """q, which is s without the line in x through (x_m, s_m) and (x̄, s̄), and mean(q·r) − αε.

    Where x is constant, or all but, there is no line but the mean.  (n, d) thrice, (n, 1) -> (n, d), (n, 1).
    """
    t, m = x - middle(x), np.abs(r).argmax(-1)[..., None]
    (q, s_others), (_, t_others) = without(s, m), without(t, m)
    apart = np.take_along_axis(t, m, -1) - t_others
    flat = np.abs(apart) < TINY
    slope = np.where(flat, 0, (np.take_along_axis(s, m, -1) - s_others) / apart)
    q -= slope * t
    q -= s_others - slope * t_others
    np.put_along_axis(q, m, 0, -1)
    q = np.where(flat, s - mean(s), q)
    return q, np.vecdot(q, t)[..., None] / t.shape[-1] - slope * eps  # t for r, as q sums to 0


def less_ray(s: Array, x: Array, eps: Array) -> tuple[Array, Array]:
    """q, which is s without the line through 0 and (x_m, s_m), and mean(q·x) − αε.  As `less_line`."""
    m = np.abs(x).argmax(-1)[..., None]
    x_m, s_m = np.take_along_axis(x, m, -1), np.take_along_axis(s, m, -1)
    q = np.where(x_m == 0, s, s - s_m * (x / x_m))
    return q, np.vecdot(q, x)[..., None] / x.shape[-1] - np.where(x_m == 0, 0, s_m / x_m) * eps


@in_blocks
def deviations(x: Array, eps: Any) -> tuple[Array, Array, Back]:
    """r = x − μ and 1/σ of every row, and the pullback of x̂ = r/σ.  (..., d) -> (..., d), (..., 1)."""
    mu, d = mean(x), x.shape[-1]
    r = x - mu  # (..., d)
    square = np.vecdot(r, r)[..., None] / d  # mean r²: (..., 1)
    if not 64 * np.square(mu).max() < square.min():
        r -= mean(r)  # by what the first mean was rounded, which is nothing beside r where μ is small
        square = np.vecdot(r, r)[..., None] / d
    if (scale := scale_of(x, eps, square)) is not None:
        constant = x.max(-1, keepdims=True) == x.min(-1, keepdims=True)  # whatever it is, its deviation is 0
        return of_scaled(deviations, np.where(constant, 0 * x, x), eps, np.where(constant, np.maximum(scale, 1), scale))
    square += eps  # σ²
    some = outweighed(r, square, d / 2 - 1)

    def back(s: Array) -> Array:
        if some is not None:
            small = np.broadcast_to(eps, square.shape)
            left = less_line(s[some], x[some], r[some], small[some])
        s -= mean(s)
        along = np.vecdot(s, r)[..., None] / d
        if some is not None:
            s[some], along[some] = left
        s -= r * (along / square)
        return s

    return r, 1 / np.sqrt(square), back


def standardized(x: Array, eps: float) -> tuple[Array, Back]:
    """x̂ = (x − μ)/σ of every row, and its pullback, from u.  (..., d) -> (..., d)."""
    r, inverse, back = deviations(x, eps)
    return r * inverse, lambda u: back(u * inverse)


@in_blocks
def lengths(x: Array, eps: Any) -> tuple[Array, Array, Back]:
    """x and 1/ρ with ρ² = mean x² + ε of every row, and the pullback of x̂ = x/ρ.  (..., d) -> (..., d), (..., 1)."""
    d = x.shape[-1]
    square = np.vecdot(x, x)[..., None] / d  # mean x²: (..., 1)
    if (scale := scale_of(x, eps, square)) is not None:
        return of_scaled(lengths, x, eps, scale)
    square += eps  # ρ²
    some = outweighed(x, square, d / 2)

    def back(s: Array) -> Array:
        along = np.vecdot(s, x)[..., None] / d
        if some is not None:
            s[some], along[some] = less_ray(s[some], x[some], np.broadcast_to(eps, square.shape)[some])
        s -= x * (along / square)
        return s

    return x, 1 / np.sqrt(square), back


def over_rows(g: Array) -> Array:
    """Summed over all axes but the last.  (..., d) -> (d,)."""
    return g.sum(tuple(range(g.ndim - 1)))


def entering(v: Array, r: Array, inverse: Array, dx: Array) -> tuple[Array, Array]:
    """∂C/∂x, and Σ v·x̂ over rows; what has the cotangent 0 does not enter.  (..., d) -> (..., d), (d,)."""
    dw = inverse.reshape(-1) @ (v * r).reshape(-1, r.shape[-1])
    if np.isfinite(dw).all():
        return dx, dw
    return np.where((v != 0).any(-1, keepdims=True), dx, 0), over_rows(times(v, r * inverse))
