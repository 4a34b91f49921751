"""How costs of several inputs and penalties on matrices answer to rounding errors of their inputs.

No second derivative is derived by hand: a gradient is evaluated beside its inputs, as far away as their errors reach.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.networks.ends import PARAMETERS
from oracles.cost_arguments import ENDS
from reference.formula import Array, Formula

ULPS = 4.0  # units in the last place that a function is allowed in its value and gradient
U = 2.0**-53  # of float64, in which gradients are evaluated here
STEP = 2.0**-10  # of a difference quotient, relative to numbers above 1


class Response(NamedTuple):
    """How ∂C/∂a of a cost, (..., n, d), answers to its outputs a and targets y.

    `change`: what it changes by when entry k of each row of a is as far off as its error reaches, (d, ..., n, d), k
    first. `sway`: Σₖ|aₖ·∂²C/∂aⱼ∂aₖ| + Σₖ|yₖ·∂²C/∂aⱼ∂yₖ|, which few ULP are relative to, (..., n, d). `jumps`: (...),
    True where some change is more than the curvature nearby explains, because a kink is within reach.
    """

    change: Array
    sway: Array
    jumps: Array


def response(cost: Formula, a: Array, y: Array, reach: Array) -> Response:
    """The response of cost `cost` at outputs a and targets y, (..., n, d) in float64, where a may be off by `reach`."""
    d = a.shape[-1]
    alone = np.eye(d).reshape(d, *[1] * (a.ndim - 1), d)  # entry k of a row, k first
    if cost.id == "cost/jensen_shannon":  # its rows sum to one, so that no entry can be moved alone
        curvature = y / (2 * a * (a + y)) / a.shape[-2]
        return Response(alone * curvature * reach, 2 * curvature * a, np.zeros(a.shape[:-2], bool))
    low, high = (cost.at(end) for end in cost.domain)
    room = np.minimum(a - low, high - a)
    h, near = np.minimum(STEP * np.maximum(1, np.abs(a)), room / 2), np.minimum(reach, room)
    moved = np.stack([a + alone * step for step in (0 * a, -h, h, -near, near)])  # (5, d, ..., n, d)
    slopes = _slopes(cost, moved, np.broadcast_to(y, moved.shape))
    here = slopes[0, 0, 0]
    by_a, by_y = np.abs(slopes[:, 1:] - slopes[:, :1])
    h, near, size = (np.moveaxis(q, -1, 0)[..., None] for q in (h, near, np.abs(a)))  # (d, ..., n, 1)
    curvature, steepest, mixed = (
        np.divide(q, h, out=np.zeros_like(q), where=h > 0)
        for q in (np.minimum(*by_a[:2]), np.maximum(*by_a[:2]), np.minimum(*by_y[:2]))
    )
    of_targets = np.where(y == 0, 0, mixed * np.abs(y)).sum(-1)  # (d, ..., n): ∂²C/∂aₖ∂yⱼ, summed over j
    sway = (curvature * size).sum(0) + np.moveaxis(of_targets, 0, -1)
    change = np.maximum(*by_a[2:])
    two = 2 * ULPS * 2 * U * (np.abs(here) + sway)  # rounding of two gradients; an ULP of q is 2U·|q| at most
    smooth = 2 * steepest * near + two
    return Response(change, sway, np.asarray((change > smooth).any((0, -2, -1))))


def _slopes(cost: Formula, a: Array, y: Array) -> Array:
    """∂C/∂a and ∂C/∂y, 0 for labels, of any number of batches in one call.  (..., n, d) -> (2, ..., n, d).

    The mean over N batches has a gradient N times as small.
    """
    end, rows = ENDS[cost.id], a.reshape(-1, a.shape[-1])
    targets = y.reshape(rows.shape).argmax(-1) if end.labelled else y.reshape(rows.shape)
    given = {end.outputs: rows, end.targets: targets, **PARAMETERS.get(cost.id, {})}
    gradients = cost.function(**given)[1]
    found = np.stack([gradients[end.outputs], gradients.get(end.targets, np.zeros_like(rows))])
    return found.reshape(2, *a.shape) * (len(rows) / a.shape[-2])


# ---------------------------------------------------------------- penalties on matrices


def penalty_sizes(
    id: str, W: Sequence[Array], penalty: tuple[Array, list[Array]], u: float, **parameters: Any
) -> tuple[Array, list[Array]]:
    """What few ULP of a penalty's (R, dR) refer to: their own size, or that of what cancels in them.

    Singular vectors of W turn by σ₁ over the gap to the next σ: between σ₁ and σ₂ for the spectral norm, between the
    least and 0 for the nuclear one. Infinite where rounding by u does not leave a gap.
    """
    wide = [np.asarray(w, np.float64) for w in W]
    if id == "regularizer/group_lasso":
        found = [
            _group_lasso(w, np.asarray(dR, np.float64), **parameters) for w, dR in zip(wide, penalty[1], strict=True)
        ]
    elif id == "regularizer/max_norm":
        found = [_max_norm(w, **parameters) for w in wide]
    elif id == "regularizer/orthogonality":
        found = [_orthogonality(w, **parameters) for w in wide]
    elif id == "regularizer/spectral_norm":
        found = [_singular(w, u, _leading_gap, **parameters) for w in wide]
    elif id == "regularizer/nuclear_norm":
        found = [_singular(w, u, lambda sigma: sigma[..., -1], **parameters) for w in wide]
    else:
        return penalty
    return np.asarray(sum(R for R, _ in found)), [size for _, size in found]


def _sums(d: int) -> float:
    """How many times few ULP a sum of d terms is, each of which rounds it by half an ULP."""
    return 1 + d / (2 * ULPS)


def _group_lasso(w: Array, dR: Array, lam: float) -> tuple[Array, Array]:
    d = w.shape[-1]
    norms = np.linalg.norm(w, axis=-1)
    return lam * np.sqrt(d) * norms.sum(-1) * _sums(d), np.abs(dR) * _sums(d)


def _max_norm(w: Array, lam: float, limit: float) -> tuple[Array, Array]:
    norms = np.linalg.norm(w, axis=-1)
    cancels = 2 * lam * _sums(w.shape[-1]) * (norms > limit / 2)  # a row far inside has exactly no gradient
    return (cancels * norms * np.maximum(norms - limit, 0)).sum(-1), cancels[..., None] * np.abs(w)


def _orthogonality(w: Array, lam: float) -> tuple[Array, Array]:
    m, d = w.shape[-2:]
    G = w @ w.mT - np.eye(m)
    terms = (np.abs(w) @ np.abs(w).mT + np.eye(m)) * _sums(d)  # what G is the small rest of
    return 2 * lam * (np.abs(G) * terms).sum((-2, -1)), 4 * lam * (terms + np.abs(G) * _sums(m)) @ np.abs(w)


def _leading_gap(sigma: Array) -> Array:
    return np.asarray(sigma[..., 0] - (sigma[..., 1] if sigma.shape[-1] > 1 else 0))


def _singular(w: Array, u: float, gap: Callable[[Array], Array], lam: float) -> tuple[Array, Array]:
    """A decomposition is that of a matrix max(m, d) few ULP away, and its vectors turn by that over the gap."""
    sigma = np.linalg.svd(w, compute_uv=False)
    rest, d = gap(sigma), max(w.shape[-2:])
    turns = np.divide(d * sigma[..., 0], rest, out=np.full(rest.shape, np.inf), where=rest > 0)
    turns = np.where(ULPS * u * turns < 1, turns, np.inf)
    return lam * d * sigma.sum(-1), np.broadcast_to(lam * turns[..., None, None], w.shape)
