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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gradproof.networks.conditioning import response, size
from gradproof.networks.configurations import IDENTITY
from gradproof.networks.draws import Cases
from gradproof.networks.errors import (
    ELEMENT,
    ULPS,
    Errors,
    near_kink,
    slope_and_curvature,
    softmax_error,
    softmax_pullback_error,
)
from gradproof.networks.gradients import Flat, bound, flat
from reference.formula import Array, Formula
from reference.network import Backward

NORM = 3.0  # accepted multiples of σ for the norm of a gradient, as ELEMENT for one entry
MINUTE = float(np.finfo(np.float64).tiny) ** 0.5  # the least error whose variance is a normal number


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


class Forward(NamedTuple):
    """What feeding forward leaves of errors: those of every aˡ, slopes and their errors, and cases at a kink."""

    e_a: list[Array]
    slopes: list[Array]
    e_slopes: list[Array]
    branch: Array


def propagate(
    g: Backward, cases: Cases, hidden: Formula, output: Formula, cost: Formula, u: float, p: int | Array = 2
) -> Tolerance:
    """Errors of the unregularized float gradient `g` computed with unit roundoff u; see `with_penalty`.

    Works on float64 copies whatever dtype `g` was computed in. Any leading axes; p: one for all or one for each case,
    (...). An entry that is not finite means that the error has no bound there.
    """
    L, n = len(cases.W), cases.x.shape[-2]
    eta = float(np.finfo(g.a[-1].dtype).smallest_subnormal)
    errors = Errors(p, cases.x.shape[:-2], u, eta)
    P, dot, few_ulps = errors.P, errors.dot, errors.few_ulps
    a = [np.asarray(q, np.float64) for q in g.a]
    forward = _forward(g, a, cases, [*[hidden] * (L - 1), output], errors)
    dC_da, e_dC_da, e_cost, jumps = _cost(g, cases.y, output, cost, forward, errors)
    slopes, e_slopes = forward.slopes, forward.e_slopes
    if output.elementwise:
        delta = dC_da * slopes[-1]
        e_delta = e_dC_da * P(slopes[-1]) + P(dC_da) * e_slopes[-1] + few_ulps(delta / ULPS)
    else:
        delta, e_delta = softmax_pullback_error(output.id, a[L], dC_da, forward.e_a[L], e_dC_da, errors)

    dW: list[Array] = [np.empty(0)] * L
    db: list[Array] = [np.empty(0)] * L
    for layer in reversed(range(L)):  # errors of δ, ∂C/∂W and ∂C/∂b
        P_delta, P_a = P(delta), P(a[layer])
        products = dot(P_delta.mT @ P_a, np.asarray(g.dW[layer], np.float64), n)
        dW[layer] = e_delta.mT @ P_a + P_delta.mT @ forward.e_a[layer] + products
        db[layer] = e_delta.sum(-2) + dot(P_delta.sum(-2), np.asarray(g.db[layer], np.float64), n)
        if layer:
            W = np.asarray(cases.W[layer], np.float64)
            v, P_W = delta @ W, P(W)
            e_v = dot(P_delta @ P_W, v, W.shape[-2]) + e_delta @ P_W
            delta = v * slopes[layer - 1]
            e_delta = e_v * P(slopes[layer - 1]) + P(v) * e_slopes[layer - 1] + few_ulps(delta / ULPS)

    def root(e: Array) -> Array:
        return errors.root(e) + errors.choose(e, eta, MINUTE if u < 1e-10 else eta)

    branch = forward.branch | jumps
    return Tolerance(root(e_cost), [root(e) for e in dW], [root(e) for e in db], branch, np.zeros_like(branch))


def _forward(g: Backward, a: list[Array], cases: Cases, activations: Sequence[Formula], errors: Errors) -> Forward:
    """Errors of z, a and g'(z) of every layer."""
    P, dot, few_ulps = errors.P, errors.dot, errors.few_ulps
    e_a = [np.zeros_like(a[0])]
    slopes, e_slopes = [], []
    branch = np.zeros(cases.x.shape[:-2], bool)
    for layer, activation in enumerate(activations):
        z, w = np.asarray(g.z[layer], np.float64), P(cases.W[layer])
        e_z = dot(P(a[layer]) @ w.mT, z, w.shape[-1] + 1) + e_a[layer] @ w.mT
        e_z = e_z + np.where(e_z > 0, P(errors.u * np.asarray(cases.b[layer], np.float64)[..., None, :]), 0)
        if not activation.elementwise:
            e_a.append(softmax_error(activation.id, z, a[layer + 1], e_z, errors))
            continue
        slope, curvature = slope_and_curvature(activation, z)
        slopes.append(slope)
        branch |= near_kink(activation, z, e_z, errors)
        e_slopes.append(P(curvature) * e_z + few_ulps(slope))
        # g(0) = 0 and identity(z) = z, in every implementation
        exact = (e_z == 0) & ((a[layer + 1] == 0) | (activation.id == IDENTITY))
        e_a.append(P(slope) * e_z + np.where(exact, 0, few_ulps(a[layer + 1])))
    return Forward(e_a, slopes, e_slopes, branch)


def _cost(
    g: Backward, y: Array, output: Formula, cost: Formula, forward: Forward, errors: Errors
) -> tuple[Array, Array, Array, Array]:
    """∂C/∂a, its error, that of C, and where a kink of the cost lies within the error of a."""
    a, e_a = np.asarray(g.a[-1], np.float64), forward.e_a[-1]
    dead = (forward.slopes[-1] == 0) & (a == 0) if output.elementwise else False  # 0 to the last bit
    lost = _lost(g.z[-1]) if output.id != IDENTITY else 0
    several = errors.several(a)
    reach = several * np.maximum(errors.root(np.where(dead, 0, e_a)), lost)
    change, sway, brought, jumps = response(cost, a, np.asarray(y, np.float64), reach)
    v = np.asarray(bound(cost)(g.a[-1], y)[1], np.float64)
    e_v = errors.P(change / several).sum(0) + errors.few_ulps(v) + errors.few_ulps(sway)
    n, d = a.shape[-2:]
    own = errors.few_ulps(size(cost, g.a[-1], y, g.cost) + brought) * (1 + d * n / 2)
    return v, e_v, (errors.P(v) * e_a).sum((-2, -1)) + own, jumps


def _lost(z: Array) -> Array:
    """How far off g(z) may be next to z = 0, where it or the variance of its error underflows."""
    format = np.finfo(z.dtype)
    least, normal = ULPS * float(format.smallest_subnormal), float(format.tiny)
    return np.where((z != 0) & (np.abs(z) < max(MINUTE, normal)), max(MINUTE, least), 0)


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
