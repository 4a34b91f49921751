"""Normalisation: layers that divide rows by their deviation or their length, then scale and shift.

One fact serves all of them. Let x̂ = (x − μ)/σ over d entries, σ² = mean (x − μ)² + ε, and u the cotangent of x̂.
The mean takes its share of every entry, and ∂σ/∂x = x̂/d, so

    ∂C/∂x = (u − mean u − x̂·mean(u·x̂))/σ;

where nothing is subtracted, the middle term is missing. This kills constants, and of x̂ leaves the share ε/σ², since
mean x̂² = 1 − ε/σ². Where one entry m outweighs the others, nearly all of u cancels so. Hence αx̂, which makes u as it
is at m, is taken from it first, and what comes of αx̂ is written down: α·x̂·ε/σ³.

Rows are scaled by a power of two, so that no square overflows or vanishes, and counted from their least entry, so that
neither a huge mean nor a huge neighbour costs digits.
"""

from __future__ import annotations

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer

EPS = {"eps": "eps >= 0"}
AXES = {"axes": "axes >= 1"}
INSIDE = "eps is added to the mean of squares, inside the root"
BIASED = "the variance divides by the number of entries"
LAST = "acts on the last axes, by default on one"

MEAN = "Sum(x[i, k], (k, 1, d))/d"
SIGMA = f"sqrt(Sum((x[i, p] - {MEAN})**2, (p, 1, d))/d + eps)"
HAT = "((x[i, {0}] - " + MEAN + ")/" + SIGMA + ")"
ROOT = "sqrt(Sum(x[i, p]**2, (p, 1, d))/d + eps)"
GAIN = "(offset + weight[{0}])"


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


def exponent_of(x: Array, eps: float) -> Array:
    """The power of two that brings every row of x, and √ε, below 1.  (..., d) -> (..., 1), integers."""
    largest = np.maximum(np.abs(x).max(-1, keepdims=True), np.sqrt(eps))
    return np.frexp(np.where(np.isfinite(largest), largest, 1))[1]


def back(u: Array, x_hat: Array, t: Array, sigma: Array, eps: Array, constants: bool) -> Array:
    """∂C/∂x from the cotangent u of x̂; see above.  All (..., d), but σ and ε, (..., 1).

    t is x counted from anywhere where `constants` are killed, since mean u' = 0 then; else x itself.
    """
    m = np.abs(x_hat).argmax(-1)[..., None]
    u_m, x_m, t_m = (np.take_along_axis(q, m, -1) for q in (u, x_hat, t))
    centre = u.mean(-1, keepdims=True) if constants else 0.0
    alpha = np.where(x_m == 0, 0, (u_m - centre) / x_m)
    if constants:
        rest = u - np.where(x_m == 0, centre, u_m) - alpha * (t - t_m) / sigma
    else:
        rest = u - u_m * np.where(x_m == 0, 0, t / t_m)
    return (rest - x_hat * ((rest * t).mean(-1, keepdims=True) / sigma) + alpha * x_hat * (eps / sigma**2)) / sigma


def over_rows(g: Array) -> Array:
    """Summed over all axes but the last.  (..., d) -> (d,)."""
    return g.sum(tuple(range(g.ndim - 1)))


@formula(
    "layer/layer_norm",
    statement=f"weight[j]*{HAT.format('j')} + bias[j]",
    derivative=f"(v[i, j]*weight[j] - Sum(v[i, l]*weight[l], (l, 1, d))/d"
    f" - {HAT.format('j')}*Sum(v[i, l]*weight[l]*{HAT.format('l')}, (l, 1, d))/d)/{SIGMA}",
    arguments=("x[i, j]", "weight[j]", "bias[j]"),
    partials={"weight[j]": f"Sum(v[i, j]*{HAT.format('j')}, (i, 1, n))", "bias[j]": "Sum(v[i, j], (i, 1, n))"},
    valid={**EPS, **AXES},
    assumptions=(INSIDE, BIASED, LAST),
    sources=("ba-2016",),
)
@layer()
def layer_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5, axes: int = 1
) -> tuple[Array, Pullback]:
    """Layer normalisation y = w·x̂ + b, x̂ = (x − μ)/σ of every row.  x: (..., d); weight, bias: (d,) -> y: (..., d).

    y = w·x̂ + b gives ∂C/∂w = Σ v·x̂ and ∂C/∂b = Σ v over all rows, and x̂ the cotangent u = w·v; the rest is the fact
    above. Raises ValueError for rows of no entries and for weights that do not fit.
    """
    rows, (w, b) = rows_of(x, axes, weight=weight, bias=bias)  # (..., d), (d,)
    e = exponent_of(rows, eps)
    t = np.ldexp(rows, -e)  # (..., d)
    t = t - np.take_along_axis(t, np.abs(t).argmin(-1)[..., None], -1)
    r = t - t.mean(-1, keepdims=True)
    r = r - r.mean(-1, keepdims=True)  # what the first mean was rounded by
    small = np.ldexp(eps, -2 * e)
    sigma = np.sqrt((r * r).mean(-1, keepdims=True) + small)  # (..., 1)
    x_hat = r / sigma
    y = x_hat if w is None else w * x_hat
    y = y if b is None else y + b

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        dx = back(v if w is None else w * v, x_hat, t, sigma, small, True)
        return {
            "x": np.ldexp(dx, -e).reshape(x.shape),
            "weight": over_rows(v * x_hat).reshape(x.shape[x.ndim - axes :]),
            "bias": over_rows(v).reshape(x.shape[x.ndim - axes :]),
        }

    return y.reshape(x.shape), pullback


@formula(
    "layer/rms_norm",
    statement=f"{GAIN.format('j')}*x[i, j]/{ROOT}",
    derivative=f"({GAIN.format('j')}*v[i, j]"
    f" - x[i, j]*Sum({GAIN.format('l')}*v[i, l]*x[i, l], (l, 1, d))/(d*{ROOT}**2))/{ROOT}",
    arguments=("x[i, j]", "weight[j]"),
    partials={"weight[j]": f"Sum(v[i, j]*x[i, j]/{ROOT}, (i, 1, n))"},
    valid={**EPS, **AXES},
    assumptions=(INSIDE, LAST, "the weight counts from offset: 0, or 1 where weights of 0 leave rows as they are"),
    sources=("zhang-2019",),
)
@layer()
def rms_norm(
    x: Array, weight: Array | None = None, *, eps: float = 1e-6, offset: float = 0.0, axes: int = 1
) -> tuple[Array, Pullback]:
    """Root-mean-square normalisation y = (c + w)·x/ρ, ρ² = mean x² + ε.  x: (..., d); weight: (d,) -> y: (..., d).

    With x̂ = x/ρ and u = (c + w)·v: ∂ρ/∂x = x̂/d, so ∂C/∂x = (u − x̂·mean(u·x̂))/ρ, and ∂C/∂w = Σ v·x̂ over all rows.
    Raises ValueError for rows of no entries and for a weight that does not fit.
    """
    rows, (w,) = rows_of(x, axes, weight=weight)  # (..., d), (d,)
    e = exponent_of(rows, eps)
    t, small = np.ldexp(rows, -e), np.ldexp(eps, -2 * e)  # (..., d), (..., 1)
    rho = np.sqrt((t * t).mean(-1, keepdims=True) + small)  # (..., 1)
    x_hat = t / rho
    gain = 1.0 if w is None else offset + w

    def pullback(v: Array) -> Gradients:
        v = v.reshape(rows.shape)
        dx = back(gain * v, x_hat, t, rho, small, False)
        return {
            "x": np.ldexp(dx, -e).reshape(x.shape),
            "weight": over_rows(v * x_hat).reshape(x.shape[x.ndim - axes :]),
        }

    return (gain * x_hat).reshape(x.shape), pullback
