"""Update rules that know the norms of a whole parameter and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.functions import dot, sum_of_squares
from oracles.arb_truth.numbers import Array, Ball, Scalar, ball
from oracles.arb_truth.updates.moments import ADAM
from oracles.arb_truth.updates.rule import Kept, Step, average, larger, one, over, root, rule, unbiased


def norm(u: Array) -> Scalar:
    """‖u‖ over all entries."""
    return root(sum_of_squares(u)) if np.size(u) else 0


def is_zero(x: Array) -> bool:
    """Whether every entry is exactly 0."""
    return all(u.is_zero() for u in np.ravel(x))


def trusted(u: Array, w: Array, trust: Any = 1, eps: Any = 0) -> Array:
    """u scaled to τ times the length of w; as it is where either is 0."""
    return u if is_zero(u) or is_zero(w) else trust * norm(w) / (norm(u) + eps) * u


def by_row(function: Callable[[Array], Scalar], x: Array) -> Array:
    """A number for each row, or for all of an array that has none, with axes of length 1."""
    rows = [x] if x.ndim < 2 else [*x]
    return np.array([function(row) for row in rows], object).reshape((len(rows), *one(x.shape[1:])) if x.ndim else ())


@rule("trust >= 0", meets=True, eta=0.1, mu=0.9, lam=0.0, trust=0.001, eps=0.0)
def lars(
    w: Array, dC: Array, b: Kept = 0,
    *, eta: Ball, mu: Ball, lam: Ball, trust: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Momentum of gradients that are scaled to a share of the length of their layer."""
    velocity = mu * b + eta * trusted(dC + lam * w, w, trust, eps)
    return {"w": w - velocity, "b": velocity}


@rule(meets=True, **{**ADAM, "eps": 1e-6}, lam=0.0)
def lamb(
    w: Array, dC: Array, m: Kept = 0, q: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """The direction of AdamW, scaled to the length of the layer."""
    m, q = average(beta1, m, dC), average(beta2, q, dC * dC)
    u = unbiased(beta1, m, t) / (root(unbiased(beta2, q, t)) + eps) + lam * w
    return {"w": w - eta * trusted(u, w), "m": m, "q": q}


@rule(meets=True, shapes={"q": one}, eta=0.001, beta1=0.9, beta2=0.25, eps=1e-6, lam=0.0)
def novograd(
    w: Array, dC: Array, m: Kept = 0, q: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """Gradients over the root of a mean of their squared norms, in a velocity."""
    square = np.array(sum_of_squares(dC), object).reshape(one(w.shape))
    q = square if t == 1 else average(beta2, q, square)
    m = beta1 * m + dC / (root(q) + eps) + lam * w
    return {"w": w - eta * m, "m": m, "q": q}


@rule("least >= 0", meets=True, eta=0.01, least=1e-6)
def fromage(w: Array, dC: Array, *, eta: Ball, least: Ball, t: int) -> Step:
    """A step of η times the length of the layer, and back to the sphere."""
    step = eta * larger(norm(w), least) / larger(norm(dC), least) * dC
    return {"w": (w - step) / (1 + eta * eta).sqrt()}


@rule("clip > 0", meets=True, eta=0.1, clip=0.01, eps=1e-3)
def adaptive_clipping(w: Array, dC: Array, *, eta: Ball, clip: Ball, eps: Ball, t: int) -> Step:
    """Rows of the gradient, no longer than a share of those of the parameter."""
    limit = clip * larger(by_row(norm, w), eps)
    return {"w": w - eta * limit / larger(by_row(norm, dC), limit) * dC}


@rule(meets=True, eta=0.01)
def centralize(w: Array, dC: Array, *, eta: Ball, t: int) -> Step:
    """Rows less their means."""
    if w.ndim < 2 or not w.size:
        return {"w": w - eta * dC}
    return {"w": w - eta * (dC - by_row(lambda row: sum(row.ravel()[1:], row.ravel()[0]) / row.size, dC))}


@rule("clip > 0", meets=True, eta=0.01, clip=1.0)
def clip_by_block_rms(w: Array, dC: Array, *, eta: Ball, clip: Ball, t: int) -> Step:
    """The gradient over its root mean square, where that is larger than the limit."""
    return {"w": w - eta * dC / larger(norm(dC) / arb(w.size).sqrt() / clip, 1)}


@rule(meets=True, eta=0.01, eps=1e-6)
def normalize_by_update_norm(w: Array, dC: Array, *, eta: Ball, eps: Ball, t: int) -> Step:
    """A step of length η."""
    return {"w": w - eta * over(dC, norm(dC) + eps)}


@rule(meets=True, eta=1.0)
def lbfgs(w: Array, dC: Array, s: Kept = 0, y: Kept = 0, *, eta: Ball, t: int) -> Step:
    """The inverse of BFGS for one pair: (I − ρsyᵀ)H₀(I − ρysᵀ) + ρssᵀ, applied to the gradient."""
    s, y = s + 0 * w, y + 0 * w
    sy = sum_of_products(s, y)
    if ball(sy).is_zero():
        return {"w": w - eta * dC, "s": s, "y": y}
    side = dC - sum_of_products(s, dC) / sy * y
    scaled = sy / sum_of_products(y, y) * side
    direction = scaled - sum_of_products(y, scaled) / sy * s + sum_of_products(s, dC) / sy * s
    return {"w": w - eta * direction, "s": s, "y": y}


def sum_of_products(p: Array, q: Array) -> Scalar:
    """⟨p, q⟩ over all entries."""
    return dot(np.ravel(p), np.ravel(q))
