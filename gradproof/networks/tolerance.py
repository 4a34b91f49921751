"""Rounding error of a network gradient, propagated through a second backprop: no tolerance is chosen by hand.

Beside every quantity runs its error e. With P(x) = |x|ᵖ one recursion gives two figures:

* p = 2: e is a variance. Rounding errors of a dot product of n terms behave as a random walk, so its variance
  is u²/3·[(1 + n/2)·Σ(terms)² + (n/3)·(sum)²]; independent errors add.
* p = 1: e is the rigorous first-order bound, γₙ·Σ|terms| for a dot product (Higham 2002, ch. 3).

Every rounding also loses up to η, the smallest subnormal number, when it underflows. Variances of float64
errors are themselves float64, so errors below √(smallest normal) ≈ 1.5e-154 are not resolved.

Differences are judged by the standard deviation σ = √e: elementwise within 8σ, by norm within 3σ. Where inputs
are symmetric, equal units make equal errors and independence fails; there the bound decides, elementwise. An
elementwise function is allowed `ULPS` units in the last place of its value, slope and gradient.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from gradproof.networks.conditioning import ULPS as ULPS
from gradproof.networks.conditioning import response
from gradproof.networks.ends import PARAMETERS, ending, sizes
from oracles.cost_arguments import ENDS
from reference.formula import Array, Formula
from reference.network import Backward

ELEMENT, NORM = 8.0, 3.0  # accepted multiples of σ, for one entry and for the norm of a gradient
MINUTE = float(np.finfo(np.float64).tiny) ** 0.5  # the least error whose variance is a normal number


Gradient = tuple[Array, list[Array], list[Array]]  # cost, ∂C/∂W, ∂C/∂b


class Flat(NamedTuple):
    """Gradients of S cases, one row a case in float64, and where in it cost, dW and db start.

    `rows`: (S, 1 + parameters). `squares`: (S, 3), sums of squares of cost, dW and db.
    """

    rows: Array
    starts: list[int]
    squares: Array

    @property
    def norm(self) -> Array:
        """‖(dW, db)‖ of every case, (S,)."""
        return np.sqrt(self.squares[:, 1:].sum(1))


def flat(g: Gradient) -> Flat:
    """Cost, every ∂C/∂W and every ∂C/∂b of S cases, in rows."""
    rows = np.concatenate([np.asarray(q, np.float64).reshape(len(q), -1) for q in (g[0], *g[1], *g[2])], axis=1)
    starts = [0, 1, 1 + sum(w[0].size for w in g[1])]
    return Flat(rows, starts, np.add.reduceat(rows * rows, starts, axis=1))


@dataclass(frozen=True)
class Tolerance:
    """Errors of the cost and of every gradient: standard deviations (p = 2) or bounds (p = 1)."""

    cost: Array
    dW: list[Array]
    db: list[Array]
    branch: Array  # (...): True where rounding alone decides the side of a kink, so that no error bound holds
    correlated: Array  # (...): True where the errors are bounds over 8, because they are not independent

    @functools.cached_property
    def sigma(self) -> Flat:
        """The errors in rows, as gradients are compared."""
        return flat((self.cost, self.dW, self.db))


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
    slope, low, high = activation.function(np.stack([z, left, right]))[1]
    return slope, np.divide(high - low, right - left, out=np.zeros_like(z), where=right > left)


def _bce_curvature(a: Array, y: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(y / a**2 + (1 - y) / (1 - a) ** 2)


def _sigmoid_slope(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.asarray(e / (1 + e) ** 2)


def _cross_entropy_curvature(a: Array, y: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(y == 0, 0, y / a**2)


# ∂²C/∂a² of the cost of one entry, times n (times n·d for means over outputs); softmax couples the entries
# and is treated apart. Only the size of the allowed error depends on these.
COST_CURVATURES: dict[str, Callable[[Array, Array], Array]] = {
    "cost/quadratic": lambda a, y: np.ones_like(a),
    "cost/mse": lambda a, y: np.full_like(a, 2 / a.shape[-1]),
    "cost/mae": lambda a, y: np.zeros_like(a),
    "cost/huber": lambda a, y: (np.abs(a - y) <= 1) / a.shape[-1],
    "cost/bce": _bce_curvature,
    "cost/bce_logits": lambda z, y: _sigmoid_slope(z),
    "cost/cross_entropy": _cross_entropy_curvature,
    "cost/nll": lambda a, y: np.zeros_like(a),
}


def propagate(
    g: Backward,
    x: Array,
    y: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    hidden: Formula,
    output: Formula,
    cost: Formula,
    u: float,
    p: int | Array = 2,
) -> Tolerance:
    """Errors of the unregularized float gradient `g` computed with unit roundoff u; see `with_penalty`.

    Works on float64 copies whatever dtype `g` was computed in. Shapes as in `reference.network`, any leading
    axes; p: one for all or one for each case, (...). An entry that is not finite means that the error has no bound
    there.
    """
    L, n = len(W), x.shape[-2]
    eta = float(np.finfo(g.a[-1].dtype).smallest_subnormal)
    errors = Errors(p, x.shape[:-2], u, eta)
    P, dot, few_ulps = errors.P, errors.dot, errors.few_ulps
    a = [np.asarray(q, np.float64) for q in g.a]
    z = [np.asarray(q, np.float64) for q in g.z]
    e_a = [np.zeros_like(a[0])]
    slopes, e_slopes = [], []
    branch = np.zeros(x.shape[:-2], bool)
    for layer in range(L):  # forward: errors of z, a and g'(z)
        w = P(W[layer])
        e_z = dot(P(a[layer]) @ w.mT, z[layer], w.shape[-1] + 1) + e_a[layer] @ w.mT
        e_z = e_z + np.where(e_z > 0, P(u * np.asarray(b[layer], np.float64)[..., None, :]), 0)
        if layer < L - 1 or output.elementwise:
            activation = hidden if layer < L - 1 else output
            slope, curvature = slope_and_curvature(activation, z[layer])
            slopes.append(slope)
            branch |= _near_kink(activation, z[layer], e_z, errors)
            e_slopes.append(P(curvature) * e_z + few_ulps(slope))
            # g(0) = 0 and identity(z) = z, in every implementation
            exact = (e_z == 0) & ((a[layer + 1] == 0) | (activation.id == "activation/identity"))
            e_a.append(P(slope) * e_z + np.where(exact, 0, few_ulps(a[layer + 1])))
        else:
            e_a.append(_softmax_error(output.id, z[layer], a[layer + 1], e_z, errors))

    yy = np.asarray(y, np.float64)
    if cost.id in ENDS:
        dead = (slopes[-1] == 0) & (a[L] == 0) if output.elementwise else False  # 0 to the last bit
        e_exact = np.where(dead, 0, e_a[L])
        lost = _lost(z[-1], g.z[-1].dtype) if output.id != "activation/identity" else 0
        v, e_v, jumps = _ending_gradient_error(cost, g.a[L], y, e_exact, errors, lost)
        branch |= jumps
    else:
        v, e_v = _cost_gradient_error(cost, a[L], yy, e_a[L], errors)
    dC_da = v
    if output.elementwise:
        delta = v * slopes[-1]
        e_delta = e_v * P(slopes[-1]) + P(v) * e_slopes[-1] + few_ulps(delta / ULPS)
    else:
        delta, e_delta = _softmax_pullback_error(output.id, a[L], v, e_a[L], e_v, errors)

    dW: list[Array] = [np.empty(0)] * L
    db: list[Array] = [np.empty(0)] * L
    for layer in reversed(range(L)):  # backward: errors of δ, ∂C/∂W and ∂C/∂b
        products = dot(P(delta).mT @ P(a[layer]), np.asarray(g.dW[layer], np.float64), n)
        dW[layer] = e_delta.mT @ P(a[layer]) + P(delta).mT @ e_a[layer] + products
        db[layer] = e_delta.sum(-2) + dot(P(delta).sum(-2), np.asarray(g.db[layer], np.float64), n)
        if layer:
            v = delta @ np.asarray(W[layer], np.float64)
            e_v = dot(P(delta) @ P(W[layer]), v, W[layer].shape[-2]) + e_delta @ P(W[layer])
            delta = v * slopes[layer - 1]
            e_delta = e_v * P(slopes[layer - 1]) + P(v) * e_slopes[layer - 1] + few_ulps(delta / ULPS)

    if cost.id in ENDS:
        size = sizes(cost, g.a[L], np.asarray(y), **PARAMETERS.get(cost.id, {}))
        e_cost = (P(dC_da) * e_a[L]).sum((-2, -1)) + few_ulps(size) * (1 + a[L].shape[-1] * n / 2)
    else:
        e_cost = _cost_error(cost, a[L], yy, e_a[L], errors)
    if cost.kinks and cost.id not in ENDS:
        branch |= _near_kink(cost, a[L] - yy, e_a[L], errors)

    def root(e: Array) -> Array:
        return errors.root(e) + errors.choose(e, eta, MINUTE if u < 1e-10 else eta)

    return Tolerance(root(e_cost), [root(e) for e in dW], [root(e) for e in db], branch, np.zeros_like(branch))


def with_penalty(
    t: Tolerance, g: Backward, penalty: tuple[Array, list[Array]], u: float, p: int | Array = 2
) -> Tolerance:
    """The tolerance once a regularizer's (R, dR) is added to cost and ∂C/∂W: its own few ULP and one rounding.

    `penalty` is (R, dR), or what few ULP of it refer to; see `conditioning.penalty_sizes`.
    """
    errors = Errors(p, t.cost.shape, u)

    def add(e: Array, R: Array, total: Array) -> Array:
        own = ULPS * u * np.abs(np.asarray(R, np.float64))
        rounding = np.where(own > 0, u * np.abs(np.asarray(total, np.float64)), 0)
        return errors.root(errors.P(e) + errors.P(own) + errors.P(rounding))

    R, dR = penalty
    dW = [add(e, r, q) for e, r, q in zip(t.dW, dR, g.dW, strict=True)]
    return replace(t, cost=add(t.cost, R, g.cost), dW=dW)


def where_bounds(t: Tolerance, correlated: Array) -> Tolerance:
    """An eighth of the bound in the place of σ for `correlated` cases: `ELEMENT` of these count.  correlated: (S,).

    >>> import numpy as np
    >>> one = np.ones(2)
    >>> where_bounds(Tolerance(one, [one], [one], one > 1, one > 1), np.array([True, False])).cost
    array([0.125, 1.   ])
    """
    share = np.where(correlated, 1 / ELEMENT, 1.0)

    def shared(e: Array) -> Array:
        return e * share.reshape(-1, *[1] * (e.ndim - 1))

    return Tolerance(shared(t.cost), [shared(e) for e in t.dW], [shared(e) for e in t.db], t.branch, correlated)


def repeated(t: Tolerance, blocks: int) -> Tolerance:
    """The tolerance of S cases again and again, for as many blocks of them."""

    def again(e: Array) -> Array:
        return np.concatenate([e] * blocks)

    dW, db = ([again(e) for e in errors] for errors in (t.dW, t.db))
    return Tolerance(again(t.cost), dW, db, again(t.branch), again(t.correlated))


def picked(g: Backward, here: Array) -> Backward:
    """The gradients of the cases `here`, a mask or indices."""
    lists = ([q[here] for q in each] for each in g[1:])
    return Backward(g.cost[here], *lists)


def _near_kink(formula: Formula, at: Array, error: Array, errors: Errors) -> Array:
    """True for a case with an entry that is not exactly known and within its error of a kink that jumps."""
    near = np.zeros(at.shape, bool)
    jumps = [formula.at(kink.at) for kink in formula.kinks if formula.at(kink.left) != formula.at(kink.right)]
    if jumps:
        reach = errors.several(error) * errors.root(error)
        for kink in jumps:
            near |= (error > 0) & (np.abs(at - kink) <= reach)
    return np.asarray(near.any((-2, -1)))


def _softmax_error(id: str, z: Array, a: Array, e_z: Array, errors: Errors) -> Array:
    """Error of a row of softmax, s_j(Δ_j − Σₖs_kΔ_k), or of log-softmax, Δ_j − Σₖs_kΔ_k."""
    P, few_ulps = errors.P, errors.few_ulps
    s = np.exp(a) if id.endswith("log_softmax") else a
    spread = (P(1 - s) - P(s)) * e_z + (P(s) * e_z).sum(-1, keepdims=True)
    if id.endswith("log_softmax"):
        return spread + few_ulps(a) + few_ulps(z - z.max(-1, keepdims=True))
    # exp turns the rounding error of z − max z into a relative error of s
    return P(s) * (spread + few_ulps(z - z.max(-1, keepdims=True))) + few_ulps(s)


def _softmax_pullback_error(id: str, a: Array, v: Array, e_a: Array, e_v: Array, errors: Errors) -> tuple[Array, Array]:
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


def _cost_gradient_error(cost: Formula, a: Array, y: Array, e_a: Array, errors: Errors) -> tuple[Array, Array]:
    """∂C/∂a and its error."""
    P, few_ulps = errors.P, errors.few_ulps
    n = a.shape[-2]
    v = np.asarray(cost.function(a, y)[1])
    if cost.id == "cost/softmax_cross_entropy":
        e = np.exp(a - a.max(-1, keepdims=True))
        s = e / e.sum(-1, keepdims=True)
        total = y.sum(-1, keepdims=True)
        e_s = _softmax_error("softmax", a, s, e_a, errors)
        return v, P(total / n) * e_s + few_ulps(s * total / n) + few_ulps(y / n)
    curve = COST_CURVATURES[cost.id](a, y) / n
    rounding = few_ulps(v) + (few_ulps(v + y / n) if cost.id == "cost/bce_logits" else 0)
    return v, P(curve) * e_a + rounding


def _lost(z: Array, dtype: np.dtype) -> Array:
    """How far off g(z) may be next to z = 0, where it or the variance of its error underflows."""
    least, normal = ULPS * float(np.finfo(dtype).smallest_subnormal), float(np.finfo(dtype).tiny)
    return np.where((z != 0) & (np.abs(z) < max(MINUTE, normal)), max(MINUTE, least), 0)


def _ending_gradient_error(
    cost: Formula, a: Array, y: Array, e_a: Array, errors: Errors, lost: Array | float
) -> tuple[Array, Array, Array]:
    """∂C/∂a of a cost of several inputs, its error, and where a kink lies within the error of a.

    `lost`: the least error of an entry, as far as kinks are concerned.
    """
    v = np.asarray(ending(cost, **PARAMETERS.get(cost.id, {}))(a, np.asarray(y))[1], np.float64)
    several = errors.several(e_a)
    reach = several * np.maximum(errors.root(e_a), lost)
    change, sway, jumps = response(cost, np.asarray(a, np.float64), np.asarray(y, np.float64), reach)
    return v, errors.P(change / several).sum(0) + errors.few_ulps(v) + errors.few_ulps(sway), jumps


def _cost_error(cost: Formula, a: Array, y: Array, e_a: Array, errors: Errors) -> Array:
    """Error of C: what the errors of a bring in, and a few ULP of every term."""
    P, few_ulps = errors.P, errors.few_ulps
    n, d = a.shape[-2], a.shape[-1]
    value, v = cost.function(a, y)
    v = np.asarray(v)
    brought = (P(v) * e_a).sum((-2, -1))
    size = np.abs(v * a) + np.abs(v * y) + np.abs(a * y) / n * (cost.id in LINEAR)
    return np.asarray(brought + (few_ulps(size).sum((-2, -1)) + few_ulps(np.asarray(value))) * (1 + n * d / 2))


LINEAR = ("cost/bce_logits", "cost/nll", "cost/softmax_cross_entropy")  # terms y·a that may cancel in the sum
