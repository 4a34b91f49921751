"""Normalisation: layers that divide rows by their deviation or their length, as in `rows`, then scale and shift."""

from __future__ import annotations

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.rows import deviations, entering, gained, lengths, over_rows, weighted

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
    cotangent u = w·v, pulled back as in `rows`. Raises ValueError for rows of no entries, for fewer axes than
    `axes` and for weights that do not fit.
    """
    rows, (w, b) = rows_of(x, axes, weight=weight, bias=bias)  # (..., d), (d,)
    r, inverse, back = deviations(rows, eps)  # x̂ = r/σ: (..., d), (..., 1)
    gain, power = gained(w, inverse)  # w/σ, (..., d)
    y = np.ldexp(r * gain, power) if power else r * gain
    y = y if b is None else np.add(y, b, out=y)

    def pullback(v: Array) -> Gradients:
        v, last = v.reshape(rows.shape), x.shape[x.ndim - axes :]
        s, k = weighted(v, gain, power)  # w·v/σ
        dx, dw = entering(v, r, inverse, back(s))
        return {
            "x": (np.ldexp(dx, k) if power else dx).reshape(x.shape),
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
    without a weight, pulled back as in `rows`. ∂C/∂w = Σ v·x̂, entry by entry, over all rows.
    Raises ValueError for rows of no entries, for fewer axes than `axes` and for a weight that does not fit.
    """
    rows, (w,) = rows_of(x, axes, weight=weight)  # (..., d), (d,)
    t, inverse, back = lengths(rows, eps)  # x̂ = t/ρ: (..., d), (..., 1)
    gain, power = gained(None if w is None else offset + w, inverse)  # (c + w)/ρ, (..., d)

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        u, k = weighted(v, gain, power)
        dx, dw = entering(v, t, inverse, back(u))
        return {"x": np.ldexp(dx, k).reshape(x.shape), "weight": dw.reshape(x.shape[x.ndim - axes :])}

    return np.ldexp(gain * t, power).reshape(x.shape), pullback


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
    part = np.where(np.isinf(h).any(-1, keepdims=True), 0.5, 1.0)  # of an h beside which ε is nothing: y is the same
    y, back = rms_norm(part * x + part * residual, weight, eps=eps, offset=offset)

    def pullback(v: Array, v_h: Array) -> Gradients:
        g = back(v)
        dh = part * g["x"] + v_h
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
    in `rows`, and ∂C/∂g = Σ v·ŵ over each row.
    Raises ValueError for rows of no entries and lengths that are not one a row.
    """
    if w.ndim < 2 or 0 in w.shape[1:] or g.shape != w.shape[:1]:
        raise ValueError(f"w has shape {w.shape} and g has shape {g.shape}; expected (m, …) with entries and (m,)")
    rows = w.reshape(len(w), -1)  # (m, d)
    t, inverse, back = lengths(rows, 0.0)
    inverse = inverse / np.sqrt(rows.shape[1])
    unit = t * inverse

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        return {"w": back(g[:, None] * v * inverse).reshape(w.shape), "g": (v * unit).sum(-1)}

    return (g[:, None] * unit).reshape(w.shape), pullback
