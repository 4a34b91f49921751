"""How errors of single roundings are measured and add up, and what activations make of those of their input."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, Formula

ELEMENT = 8.0  # accepted multiples of σ for one entry
ULPS = 4.0  # units in the last place that a function is allowed in its value, slope and gradient


class Errors:
    """How errors of single roundings are measured and add up: as bounds where p = 1, as variances where p = 2.

    p: 1 or 2, or one of them for each case, (...). `u` is the unit roundoff and `eta` the smallest subnormal number.
    Every quantity here is (...), (..., d) or (..., n, d), maybe behind further axes.
    """

    def __init__(self, p: int | Array, cases: tuple[int, ...], u: float, eta: float = 0.0) -> None:
        self.u, self.eta, self.axes = u, eta, len(cases)
        bounds = np.asarray(p) == 1
        self.bounds = bounds, bounds[..., None], bounds[..., None, None]

    def choose(self, q: Array, bound: Any, variance: Any) -> Array:
        """`bound` where p = 1 and `variance` where p = 2, for a quantity with the axes of q."""
        return np.where(self.bounds[min(q.ndim - self.axes, 2)], bound, variance)

    def P(self, q: Array) -> Array:
        """|q|ᵖ."""
        size = np.abs(np.asarray(q, np.float64))
        return self.choose(size, size, size * size)

    def root(self, e: Array) -> Array:
        """What P is the power of: the bound itself, or σ."""
        return self.choose(e, e, np.sqrt(e))

    def several(self, q: Array) -> Array:
        """How many times `root` an error may be: a bound is one, σ is not."""
        return self.choose(q, 1.0, ELEMENT)

    def dot(self, terms: Array, total: Array, n: int) -> Array:
        """Error of summing n terms, given ΣP(term) and the sum; none where all terms are 0."""
        u, eta = self.u, self.eta
        variance = u * u / 3 * ((1 + n / 2) * terms + n / 3 * np.square(total)) + n * eta**2
        return np.where(terms == 0, 0, self.choose(terms, n * (u * terms + eta), variance))

    def few_ulps(self, q: Array) -> Array:
        """Error of rounding q to within `ULPS` units in its last place."""
        e = ULPS * (self.u * np.abs(q) + self.eta)
        return self.choose(e, e, e * e / 3)


def unit_roundoff(dtype: np.dtype) -> float:
    """u = half the distance from 1 to the next float: 2⁻²⁴ for float32, 2⁻⁵³ for float64."""
    return float(np.finfo(dtype).eps) / 2


def slope_and_curvature(activation: Formula, z: Array) -> tuple[Array, Array]:
    """g'(z), and g''(z) by a central difference of it on z's own side of every kink, good to a few digits."""
    h = 2.0**-10 * np.maximum(1, np.abs(z))
    for kink in activation.kinks:
        h = np.minimum(h, np.abs(z - activation.at(kink.at)) / 2)
    left, right = z - h, z + h
    slope, low, high = activation.function(np.array([z, left, right]))[1]
    return slope, np.divide(high - low, right - left, out=np.zeros_like(z), where=right > left)


def near_kink(formula: Formula, at: Array, error: Array, errors: Errors) -> Array:
    """True for a case with an entry that is not exactly known and within its error of a kink that jumps."""
    near = np.zeros(at.shape, bool)
    jumps = [formula.at(kink.at) for kink in formula.kinks if formula.at(kink.left) != formula.at(kink.right)]
    if jumps:
        reach = errors.several(error) * errors.root(error)
        for kink in jumps:
            near |= (error > 0) & (np.abs(at - kink) <= reach)
    return np.asarray(near.any((-2, -1)))


def softmax_error(id: str, z: Array, a: Array, e_z: Array, errors: Errors) -> Array:
    """Error of a row of softmax, s_j(Δ_j − Σₖs_kΔ_k), or of log-softmax, Δ_j − Σₖs_kΔ_k."""
    P, few_ulps = errors.P, errors.few_ulps
    s = np.exp(a) if id.endswith("log_softmax") else a
    spread = (P(1 - s) - P(s)) * e_z + (P(s) * e_z).sum(-1, keepdims=True)
    if id.endswith("log_softmax"):
        return spread + few_ulps(a) + few_ulps(z - z.max(-1, keepdims=True))
    # exp turns the rounding error of z − max z into a relative error of s
    return P(s) * (spread + few_ulps(z - z.max(-1, keepdims=True))) + few_ulps(s)


def softmax_pullback_error(id: str, a: Array, v: Array, e_a: Array, e_v: Array, errors: Errors) -> tuple[Array, Array]:
    """δ and its error for δ = s(v − ⟨v, s⟩), or for δ = v − s·Σv after log-softmax."""
    P, few_ulps = errors.P, errors.few_ulps
    if id.endswith("log_softmax"):
        s, total = np.exp(a), v.sum(-1, keepdims=True)
        e_s = P(s) * e_a
        e_total = e_v.sum(-1, keepdims=True) + few_ulps(np.abs(v).sum(-1, keepdims=True))
        return v - s * total, e_v + P(s) * e_total + P(total) * e_s + few_ulps(v) + few_ulps(s * total)
    m = (v * a).sum(-1, keepdims=True)
    e_m = (P(a) * e_v + P(v) * e_a).sum(-1, keepdims=True) + few_ulps(np.abs(v * a).sum(-1, keepdims=True))
    return a * (v - m), P(v - m) * e_a + P(a) * (e_v + e_m) + few_ulps(a * v) + few_ulps(a * m)
