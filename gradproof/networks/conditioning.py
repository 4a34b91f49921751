"""How costs and penalties on matrices answer to rounding errors of their inputs.

No second derivative is derived by hand: a gradient is evaluated beside its inputs, as far away as their errors reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.networks.configurations import PARAMETERS
from gradproof.networks.errors import ULPS
from reference.formula import Array, Formula

U = 2.0**-53  # of float64, in which gradients are evaluated here
STEP = 2.0**-10  # of a difference quotient, relative to numbers above 1


class Response(NamedTuple):
    """How ∂C/∂a of a cost, (..., n, d), answers to its outputs a and targets y.

    `change`: what it changes by when entry k of each row of a is as far off as its error reaches, (d, ..., n, d), k
    first. `sway`: Σₖ|aₖ·∂²C/∂aⱼ∂aₖ| + Σₖ|yₖ·∂²C/∂aⱼ∂yₖ|, which few ULP are relative to, (..., n, d), as those of C
    are to `brought`: Σ|a·∂C/∂a| + Σ|y·∂C/∂y|, (...). `jumps`: (...), True where some change is more than the curvature
    nearby explains, because a kink is within reach.
    """

    change: Array
    sway: Array
    brought: Array
    jumps: Array


def response(cost: Formula, a: Array, y: Array, reach: Array) -> Response:
    """The response of cost `cost` at outputs a and targets y, (..., n, d) in float64, where a may be off by `reach`."""
    d = a.shape[-1]
    move = np.eye(d).reshape(d, *[1] * (a.ndim - 1), d)  # entry k of a row alone, k first
    low, high = (cost.at(end) for end in cost.domain)
    room = np.minimum(a - low, high - a)
    h, near = np.minimum(STEP * np.maximum(1, np.abs(a)), room / 2), np.minimum(reach, room)
    if cost.entries.get(cost.prediction) == "distribution":  # rows sum to one: what one entry gains, the next loses
        a, move = a / a.sum(-1, keepdims=True), move - np.roll(move, 1, -1)
        h, near = (np.minimum(step, np.roll(step, -1, -1)) for step in (h, near))
    h, near, size = (np.moveaxis(q, -1, 0)[..., None] for q in (h, near, np.abs(a)))  # (d, ..., n, 1)
    moved = np.array([a + move * step for step in (0 * h, -h, h, -near, near)])  # (5, d, ..., n, d)
    slopes = _slopes(cost, moved, np.broadcast_to(certain(cost, y), moved.shape))
    here, by_targets = slopes[:, 0, 0]
    pairs = ((a, here), (y, by_targets))  # of which 0·∞ counts as 0, as at the target 0 of a divergence
    brought = [np.multiply(q, slope, where=q != 0, out=np.zeros(q.shape)) for q, slope in pairs]
    by_a, by_y = np.abs(slopes[:, 1:] - slopes[:, :1])
    curvature, steepest, mixed = (
        np.divide(q, h, out=np.zeros_like(q), where=h > 0)
        for q in (np.minimum(*by_a[:2]), np.maximum(*by_a[:2]), np.minimum(*by_y[:2]))
    )
    of_targets = np.where(y == 0, 0, mixed * np.abs(y)).sum(-1)  # (d, ..., n): ∂²C/∂aₖ∂yⱼ, summed over j
    sway = (curvature * size).sum(0) + np.moveaxis(of_targets, 0, -1)
    change = np.maximum(*by_a[2:])
    two = 2 * ULPS * 2 * U * (np.abs(here) + sway)  # rounding of two gradients; an ULP of q is 2U·|q| at most
    smooth = 2 * steepest * near + two
    jumps = np.asarray((change > smooth).any((0, -2, -1)))
    return Response(change, sway, np.abs(brought).sum((0, -2, -1)), jumps)


def certain(cost: Formula, y: Array) -> Array:
    """Targets that sum to one in float64 where the cost asks for that; narrower ones do so to their own digits."""
    if cost.targets == "distribution":
        return np.asarray(y / y.sum(-1, keepdims=True))
    return y - np.log(np.exp(y).sum(-1, keepdims=True)) if cost.targets == "log distribution" else y


def _slopes(cost: Formula, a: Array, y: Array) -> Array:
    """∂C/∂a and ∂C/∂y, 0 for labels, of any number of batches in one call.  (..., n, d) -> (2, ..., n, d)."""
    targets = y.argmax(-1) if cost.target == "labels" else y
    given = {cost.prediction: a, cost.target: targets, **PARAMETERS.get(cost.id, {})}
    gradients = cost.function(**given, leading=a.ndim - 2)[1]
    return np.array([gradients[cost.prediction], gradients.get(cost.target, np.zeros_like(a))])


def size(cost: Formula, a: Array, y: Array, C: Array) -> Array:
    """Σ|terms| of a cost C over the divisor of their mean: what few ULP of it refer to.  (..., n, d) -> (...)."""
    targets = y.argmax(-1) if cost.target == "labels" else y
    given = {cost.prediction: a, cost.target: targets, **PARAMETERS.get(cost.id, {}), "reduction": "none"}
    try:
        terms = cost.function(**given, leading=a.ndim - 2)[0].reshape(*C.shape, -1).astype(np.float64)
    except TypeError:  # a mean by definition
        return np.abs(C)
    total = np.abs(terms.sum(-1))
    share = np.divide(np.abs(C), total, out=np.ones(C.shape), where=total != 0)  # 1 over the divisor
    return np.asarray(np.abs(terms).sum(-1) * share)


# ---------------------------------------------------------------- penalties on matrices


def penalty_sizes(
    id: str, W: Sequence[Array], penalty: tuple[Array, list[Array]], u: float, **parameters: Any
) -> tuple[Array, list[Array]]:
    """What few ULP of a penalty's (R, dR) refer to: their own size, or that of what cancels in them.

    Singular vectors of W turn by σ₁ over the gap to the next σ: between σ₁ and σ₂ for the spectral norm, between the
    least and 0 for the nuclear one. Infinite where rounding by u does not leave a gap.
    """
    sizes = SIZES.get(id)
    if sizes is None:
        return penalty
    found = [
        sizes(np.asarray(w, np.float64), np.asarray(dR, np.float64), u, **parameters)
        for w, dR in zip(W, penalty[1], strict=True)
    ]
    return np.asarray(sum(R for R, _ in found)), [size for _, size in found]


def _sums(d: int) -> float:
    """How many times few ULP a sum of d terms is, each of which rounds it by half an ULP."""
    return 1 + d / (2 * ULPS)


def _group_lasso(w: Array, dR: Array, u: float, lam: float) -> tuple[Array, Array]:
    d = w.shape[-1]
    norms = np.linalg.norm(w, axis=-1)
    return lam * np.sqrt(d) * norms.sum(-1) * _sums(d), np.abs(dR) * _sums(d)


def _max_norm(w: Array, dR: Array, u: float, lam: float, limit: float) -> tuple[Array, Array]:
    norms = np.linalg.norm(w, axis=-1)
    cancels = 2 * lam * _sums(w.shape[-1]) * (norms > limit / 2)  # a row far inside has exactly no gradient
    return (cancels * norms * np.maximum(norms - limit, 0)).sum(-1), cancels[..., None] * np.abs(w)


def _orthogonality(w: Array, dR: Array, u: float, lam: float) -> tuple[Array, Array]:
    m, d = w.shape[-2:]
    G = w @ w.mT - np.eye(m)
    terms = (np.abs(w) @ np.abs(w).mT + np.eye(m)) * _sums(d)  # what G is the small rest of
    return 2 * lam * (np.abs(G) * terms).sum((-2, -1)), 4 * lam * (terms + np.abs(G) * _sums(m)) @ np.abs(w)


def _spectral_norm(w: Array, dR: Array, u: float, lam: float) -> tuple[Array, Array]:
    return _singular(w, u, lambda s: s[..., 0] - (s[..., 1] if s.shape[-1] > 1 else 0), lam)


def _nuclear_norm(w: Array, dR: Array, u: float, lam: float) -> tuple[Array, Array]:
    return _singular(w, u, lambda s: s[..., -1], lam)


def _singular(w: Array, u: float, gap: Callable[[Array], Array], lam: float) -> tuple[Array, Array]:
    """A decomposition is that of a matrix max(m, d) few ULP away, and its vectors turn by that over the gap."""
    sigma = np.linalg.svd(w, compute_uv=False)
    rest, d = gap(sigma), max(w.shape[-2:])
    turns = np.divide(d * sigma[..., 0], rest, out=np.full(rest.shape, np.inf), where=rest > 0)
    turns = np.where(ULPS * u * turns < 1, turns, np.inf)
    return lam * d * sigma.sum(-1), np.broadcast_to(lam * turns[..., None, None], w.shape)


SIZES = {
    f"regularizer{f.__name__.replace('_', '/', 1)}": f
    for f in (_group_lasso, _max_norm, _orthogonality, _spectral_norm, _nuclear_norm)
}
