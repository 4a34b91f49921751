"""Normalisation: layers that divide rows by their deviation or their length, then scale and shift.

One fact serves all of them. In a row of d entries let x̂ = (x − μ)/σ, σ² = mean (x − μ)² + ε, and u the cotangent of
x̂. Then 2σ·∂σ/∂x_j = (2/d)(x_j − μ), for Σ(x − μ) = 0; so ∂x̂_i/∂x_j = ([i = j] − 1/d − x̂_i·x̂_j/d)/σ, and

    ∂C/∂x = (u − mean u − x̂·mean(u·x̂))/σ.

Of u this kills constants, and of x̂ it leaves the share ε/σ², since mean x̂² = 1 − ε/σ². Where one entry m outweighs
the others, u_m and the mean ū of the other cotangents cancel all but wholly. So the line in x through (x_m, u_m) and
(x̄, ū) is taken from u first; x̄, ū: means over i ≠ m. With its slope s = (u_m − ū)/(x_m − x̄), it is αx̂ + const,
α = s·σ. What is left, r, is 0 at m and sums to 0, and

    ∂C/∂x = (r − x̂·mean(r·x̂))/σ + α·x̂·ε/σ³.

Where every x̂_j² < d/2 − 1, the diagonal 1 − 1/d − x̂_j²/d exceeds ½, and the line is not needed. If x is constant
there is no line, and only the mean is taken off.

RMS norm subtracts no mean: x̂ = x/ρ, ρ² = mean x² + ε. Likewise ∂ρ/∂x_j = x̂_j/d, so ∂C/∂x = (u − x̂·mean(u·x̂))/ρ,
which does not kill constants, and of x̂ leaves the share ε/ρ². The line is that through 0 and (x_m, u_m), m the largest
|x|, and is taken off in every row but one of zeros: with r = u − (u_m/x_m)·x,

    ∂C/∂x = (r − x̂·mean(r·x̂))/ρ + (u_m/x_m)·x·ε/ρ³.

Rows are scaled by a power of two, so that no square overflows or vanishes. Where a mean is subtracted, they are counted
from an entry in their middle, so that neither a huge mean nor a huge neighbour costs digits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.lift import times

BLOCK = 1 << 16  # entries of rows that are standardised at once
FAR = 400  # powers of two from 1 beyond which rows are scaled
TINY = 2.0**-500  # its square is nothing beside 1
Back = Callable[[Array], Array]  # from the cotangent of x̂ to that of x

EPS = {"eps": "eps >= 0"}
AXES = {"axes": "axes >= 1 and axes % 1 == 0"}
INSIDE = "eps is added to the mean of squares, inside the root"
BIASED = "the variance divides by the number of entries"
LAST = "acts on the last axes, by default on one"

OFFSET = "the weight counts from offset: 0, or 1 where weights of 0 leave x̂ as it is"

MEAN = "Sum(x[i, k], (k, 1, d))/d"
SIGMA = f"sqrt(Sum((x[i, p] - {MEAN})**2, (p, 1, d))/d + eps)"


def hat(j: str) -> str:
    """x̂ at entry j, as the records print it."""
    return f"((x[i, {j}] - {MEAN})/{SIGMA})"


def _rms(h: str) -> tuple[str, str, str]:
    """Statement of the RMS norm of h, written for entry j; its derivative by h; and by the weight."""

    def at(letter: str) -> str:
        return h.replace("j]", f"{letter}]")

    root = f"sqrt(Sum({at('p')}**2, (p, 1, d))/d + eps)"
    inner = f"Sum((offset + weight[l])*v[i, l]*{at('l')}, (l, 1, d))"
    return (
        f"(offset + weight[j])*{h}/{root}",
        f"((offset + weight[j])*v[i, j] - {h}*{inner}/(d*{root}**2))/{root}",
        f"Sum(v[i, j]*{h}/{root}, (i, 1, n))",
    )


RMS = _rms("x[i, j]")
ADDED = _rms("(x[i, j] + residual[i, j])")


def rows_of(x: Array, axes: int, **weights: Array | None) -> tuple[Array, list[Array | None]]:
    """x with its last `axes` axes as one, (..., d), and weights of these axes, (d,).

    Raises ValueError where there are not so many axes or nothing on them, and for a weight of another shape.
    """
    shape = x.shape[x.ndim - axes :] if axes <= x.ndim else ()
    if not shape or 0 in shape:
        raise ValueError(f"x has shape {x.shape}; expected {axes} or more axes, the last of one entry or more")
    for name, w in weights.items():
        if w is not None and w.shape != shape:
            raise ValueError(f"{name} has shape {w.shape}; expected {shape}, as the last axes of x")
    flat = [None if w is None else w.reshape(-1) for w in weights.values()]
    return x.reshape(*x.shape[: x.ndim - axes], -1), flat


def scale_of(x: Array, eps: float) -> Array:
    """A power of two, of every row, that keeps squares of its entries, and ε, in range: 1 for ordinary rows.

    (..., d) -> (..., 1).
    """
    largest = np.maximum(np.maximum(x.max(-1, keepdims=True), -x.min(-1, keepdims=True)), np.sqrt(eps))
    exponent = np.frexp(np.where(np.isfinite(largest), largest, 1))[1]
    return np.ldexp(1.0, np.where(np.abs(exponent) > FAR, -np.maximum(exponent, -1020), 0))


def scaled(x: Array, scale: Array) -> Array:
    """x·scale, which is x itself where no row needs one."""
    return x if (scale == 1).all() else x * scale


def middle(x: Array) -> Array:
    """An entry in the middle of every row: the median of those that stand at equal distances, all up to 128 of them.

    (..., d) -> (..., 1).
    """
    some = x[..., :: -(-x.shape[-1] // 128)]
    half = some.shape[-1] // 2
    return np.partition(some, half)[..., half, None]


Standardizing = Callable[[Array, float], tuple[Array, Back]]


def in_blocks(f: Standardizing) -> Standardizing:
    """A function of rows, by as many rows at once as leave its temporaries in the cache."""

    @functools.wraps(f)
    def whole(x: Array, eps: float) -> tuple[Array, Back]:
        if x.size <= BLOCK or x.ndim == 1:
            return f(x, eps)
        rows, step = x.reshape(-1, x.shape[-1]), max(1, BLOCK // x.shape[-1])
        blocks = [slice(k, k + step) for k in range(0, len(rows), step)]
        parts = [f(rows[here], eps) for here in blocks]

        def back(u: Array) -> Array:
            u, dx = u.reshape(rows.shape), np.empty(rows.shape)
            for here, (_, pull) in zip(blocks, parts, strict=True):
                dx[here] = pull(u[here])
            return dx.reshape(x.shape)

        return np.concatenate([x_hat for x_hat, _ in parts]).reshape(x.shape), back

    return whole


def without(q: Array, m: Array) -> tuple[Array, Array]:
    """A copy of rows with 0 at their entries m, and the mean of the others, (..., 1).  (..., d), (..., 1)."""
    rest = q.copy()
    np.put_along_axis(rest, m, 0, -1)
    return rest, rest.sum(-1, keepdims=True) / max(q.shape[-1] - 1, 1)


def less_line(u: Array, t: Array, m: Array) -> tuple[Array, Array]:
    """u without the line in t through (t_m, u_m) and (t̄, ū), the means of the others, and the slope of that line.

    Where t is constant, or all but, there is no line but the mean.  (..., d), (..., d), (..., 1) -> (..., d), (..., 1).
    """
    (rest, u_others), (_, t_others) = without(u, m), without(t, m)
    apart = np.take_along_axis(t, m, -1) - t_others
    flat = np.abs(apart) < TINY
    slope = np.where(flat, 0, (np.take_along_axis(u, m, -1) - u_others) / apart)
    rest -= slope * t
    rest -= u_others - slope * t_others
    np.put_along_axis(rest, m, 0, -1)
    return np.where(flat, u - u.mean(-1, keepdims=True), rest), slope


@in_blocks
def standardized(x: Array, eps: float) -> tuple[Array, Back]:
    """x̂ = (x − μ)/σ of every row, and its pullback.  (..., d) -> (..., d)."""
    scale, d = scale_of(x, eps), x.shape[-1]  # (..., 1)
    t, small = scaled(x, scale), eps * scale * scale
    t = t - middle(t)  # (..., d)
    r = t - t.mean(-1, keepdims=True)
    r -= r.mean(-1, keepdims=True)  # by what the first mean was rounded
    sigma = np.sqrt(np.vecdot(r, r)[..., None] / d + small)  # (..., 1)
    x_hat = np.divide(r, sigma, out=r)
    uneven = ~(np.abs(x_hat).max(-1) ** 2 < d / 2 - 1)  # (...), where an entry keeps less than half of its cotangent

    def back(u: Array) -> Array:
        dx = u - u.mean(-1, keepdims=True)
        along = np.vecdot(dx, x_hat)[..., None] / d
        if uneven.any():
            some, m = t[uneven], np.abs(x_hat[uneven]).argmax(-1)[..., None]
            rest, slope = less_line(u[uneven], some, m)
            dx[uneven] = rest
            mean = np.vecdot(rest, some)[..., None] / d  # σ·mean(r·x̂), for r sums to 0
            along[uneven] = (mean - slope * small[uneven]) / sigma[uneven]  # the line is slope·σ·x̂ + const
        dx -= x_hat * along
        dx *= scale / sigma
        return dx

    return x_hat, back


@in_blocks
def by_length(x: Array, eps: float) -> tuple[Array, Back]:
    """x̂ = x/ρ with ρ² = mean x² + ε of every row, and its pullback.  (..., d) -> (..., d)."""
    scale = scale_of(x, eps)  # (..., 1)
    t, small = scaled(x, scale), eps * scale * scale
    rho = np.sqrt((t * t).mean(-1, keepdims=True) + small)  # (..., 1)
    x_hat, m = t / rho, np.abs(t).argmax(-1)[..., None]
    t_m = np.take_along_axis(t, m, -1)

    def back(u: Array) -> Array:
        u_m = np.where(t_m == 0, 0, np.take_along_axis(u, m, -1))
        along = np.where(t_m == 0, 0, u_m * (t / t_m))  # the line
        rest = u - along
        dx = rest - x_hat * (rest * x_hat).mean(-1, keepdims=True) + along * (small / rho**2)
        return dx / rho * scale

    return x_hat, back


def over_rows(g: Array) -> Array:
    """Summed over all axes but the last.  (..., d) -> (d,)."""
    return g.sum(tuple(range(g.ndim - 1)))


def entering(v: Array, x_hat: Array, dx: Array) -> tuple[Array, Array]:
    """∂C/∂x, and Σ v·x̂ over rows; what has the cotangent 0 does not enter.  (..., d) thrice -> (..., d), (d,)."""
    dw = over_rows(v * x_hat)
    if np.isfinite(dw).all():
        return dx, dw
    return np.where((v != 0).any(-1, keepdims=True), dx, 0), over_rows(times(v, x_hat))


# ---------------------------------------------------------------- the last axes


@formula(
    "layer/layer_norm",
    statement=f"weight[j]*{hat('j')} + bias[j]",
    derivative=f"(v[i, j]*weight[j] - Sum(v[i, l]*weight[l], (l, 1, d))/d"
    f" - {hat('j')}*Sum(v[i, l]*weight[l]*{hat('l')}, (l, 1, d))/d)/{SIGMA}",
    arguments=("x[i, j]", "weight[j]", "bias[j]"),
    partials={"weight[j]": f"Sum(v[i, j]*{hat('j')}, (i, 1, n))", "bias[j]": "Sum(v[i, j], (i, 1, n))"},
    valid={**EPS, **AXES},
    assumptions=(INSIDE, BIASED, LAST),
    sources=("ba-2016",),
)
@layer()
def layer_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5, axes: int = 1
) -> tuple[Array, Pullback]:
    """Layer normalisation y = w·x̂ + b, x̂ = (x − μ)/σ of every row.  x: (..., d); weight, bias: (d,) -> y: (..., d).

    The last `axes` axes of x are one row of d entries; weight and bias have the shape of these axes, and w = 1, b = 0
    if not given. With v the cotangent of y, ∂C/∂w = Σ v·x̂ and ∂C/∂b = Σ v, entry by entry, over all rows; x̂ has the
    cotangent u = w·v, and the fact above gives ∂C/∂x. Raises ValueError for rows of no entries, for fewer axes than
    `axes` and for weights that do not fit.
    """
    rows, (w, b) = rows_of(x, axes, weight=weight, bias=bias)  # (..., d), (d,)
    x_hat, back = standardized(rows, eps)  # (..., d)
    y = x_hat if w is None else w * x_hat
    y = y if b is None else y + b

    def pullback(v: Array) -> Gradients:
        v, last = v.reshape(rows.shape), x.shape[x.ndim - axes :]
        dx, dw = entering(v, x_hat, back(v if w is None else w * v))
        return {
            "x": dx.reshape(x.shape),
            "weight": dw.reshape(last),
            "bias": over_rows(v).reshape(last),
        }

    return y.reshape(x.shape), pullback


@formula(
    "layer/rms_norm",
    statement=RMS[0],
    derivative=RMS[1],
    arguments=("x[i, j]", "weight[j]"),
    partials={"weight[j]": RMS[2]},
    valid={**EPS, **AXES},
    assumptions=(INSIDE, LAST, OFFSET),
    sources=("zhang-2019",),
)
@layer()
def rms_norm(
    x: Array, weight: Array | None = None, *, eps: float = 1e-6, offset: float = 0.0, axes: int = 1
) -> tuple[Array, Pullback]:
    """Root-mean-square normalisation y = (c + w)·x/ρ, ρ² = mean x² + ε.  x: (..., d); weight: (d,) -> y: (..., d).

    c is `offset`; without a weight y = x/ρ, whatever the offset. The last `axes` axes of x are one row of d entries;
    the weight has the shape of these axes. With v the cotangent of y, x̂ = x/ρ has the cotangent u = (c + w)·v, or v
    without a weight; as derived above, ∂C/∂x = (u − x̂·mean(u·x̂))/ρ. ∂C/∂w = Σ v·x̂, entry by entry, over all rows.
    Raises ValueError for rows of no entries, for fewer axes than `axes` and for a weight that does not fit.
    """
    rows, (w,) = rows_of(x, axes, weight=weight)  # (..., d), (d,)
    x_hat, back = by_length(rows, eps)  # (..., d)
    gain = 1.0 if w is None else offset + w

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        dx, dw = entering(v, x_hat, back(gain * v))
        return {"x": dx.reshape(x.shape), "weight": dw.reshape(x.shape[x.ndim - axes :])}

    return (gain * x_hat).reshape(x.shape), pullback


@formula(
    "layer/add_rms_norm",
    statement=ADDED[0],
    derivative=ADDED[1],
    arguments=("x[i, j]", "residual[i, j]", "weight[j]"),
    partials={"residual[i, j]": ADDED[1], "weight[j]": ADDED[2]},
    valid=EPS,
    assumptions=(
        INSIDE,
        OFFSET,
        "h = x + r is the second output, is not rounded before it is normalised, and has the cotangent 0 in the proof",
    ),
    sources=("zhang-2019",),
)
@layer("value", "sum")
def add_rms_norm(
    x: Array, residual: Array, weight: Array | None = None, *, eps: float = 1e-6, offset: float = 0.0
) -> tuple[tuple[Array, Array], Pullback]:
    """The residual stream and its RMS norm: h = x + r and y = rms_norm(h).  x, residual: (..., d) -> y, h: (..., d).

    r is the residual; weight, (d,), eps and offset are those of `rms_norm`. h goes two ways, so its cotangent is that
    of y pulled back by `rms_norm`, plus its own; it is the gradient by x and by r. Raises ValueError as `rms_norm`, and
    for a residual of another shape than x.
    """
    if x.shape != residual.shape:
        raise ValueError(f"residual has shape {residual.shape}, x has shape {x.shape}; they must be equal")
    h = x + residual  # (..., d)
    y, back = rms_norm(h, weight, eps=eps, offset=offset)

    def pullback(v: Array, v_h: Array) -> Gradients:
        g = back(v)
        dh = g["x"] + v_h
        return {**g, "x": dh, "residual": dh}

    return (y, h), pullback


# ---------------------------------------------------------------- weights

LENGTH = "sqrt(Sum(w[i, p]**2, (p, 1, d)))"


@formula(
    "layer/weight_norm",
    statement=f"g[i]*w[i, j]/{LENGTH}",
    derivative=f"g[i]*(v[i, j] - w[i, j]*Sum(v[i, l]*w[i, l], (l, 1, d))/{LENGTH}**2)/{LENGTH}",
    arguments=("w[i, j]", "g[i]"),
    partials={"g[i]": f"Sum(v[i, l]*w[i, l], (l, 1, d))/{LENGTH}"},
    assumptions=("one length a row: rows are along all axes but the first",),
    sources=("salimans-2016",),
)
@layer()
def weight_norm(w: Array, g: Array) -> tuple[Array, Pullback]:
    """Rows of a weight of given lengths, g·w/‖w‖.  w: (m, …); g: (m,) -> (m, …).

    All axes of w but the first are one row of d entries, ‖w‖ the length of each row. ŵ = w/‖w‖ is x̂/√d, with the x̂ of
    RMS norm for ε = 0. With v the cotangent of g·ŵ, x̂ has the cotangent u = g·v/√d, which is pulled back as derived
    above, and ∂C/∂g = Σ v·ŵ over each row.
    Raises ValueError for rows of no entries and lengths that are not one a row.
    """
    if w.ndim < 2 or 0 in w.shape[1:] or g.shape != w.shape[:1]:
        raise ValueError(f"w has shape {w.shape} and g has shape {g.shape}; expected (m, …) with entries and (m,)")
    rows = w.reshape(len(w), -1)  # (m, d)
    x_hat, back = by_length(rows, 0.0)
    unit, root = x_hat / np.sqrt(rows.shape[1]), np.sqrt(rows.shape[1])

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        return {"w": (back(g[:, None] * v) / root).reshape(w.shape), "g": (v * unit).sum(-1)}

    return (g[:, None] * unit).reshape(w.shape), pullback
