"""Update rules that find the size of their step from the cost, or from how far the parameters have come; and SAM."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.functions import absolute, dot, sum_of_squares, total
from oracles.arb_truth.numbers import Array, Ball, Scalar, ball
from oracles.arb_truth.updates.moments import ADAM
from oracles.arb_truth.updates.norms import is_zero, norm
from oracles.arb_truth.updates.rule import Kept, Step, average, larger, one, over, root, rule, unbiased

ONE = {"r": one, "G": one, "D": one, "F": one}


def inner(p: Array, q: Array) -> Scalar:
    """⟨p, q⟩ over all entries."""
    return dot(np.ravel(p), np.ravel(q)) if np.size(p) else arb(0)


def single(x: Any, w: Array) -> Array:
    """A number in the shape in which it is kept beside w."""
    return x if isinstance(x, np.ndarray) and x.shape == one(w.shape) else np.full(one(w.shape), x, object)


def reaching(gap: Any, size: Any, most: Any) -> Array:
    """The gap over the size, as far as `most`."""
    return -larger(-over(gap, size), -most)


@rule("most >= 0", meets=True, eta=1.0, value=1.0, lower=0.0, most=1.0, eps=0.0)
def polyak_sgd(w: Array, dC: Array, *, eta: Ball, value: Ball, lower: Ball, most: Ball, eps: Ball, t: int) -> Step:
    """As far as a line of this slope needs to get to the bound."""
    if is_zero(dC):
        return {"w": w}
    return {"w": w - eta * reaching(value - lower, sum_of_squares(dC) + eps, most) * dC}


@rule("alpha >= 0", meets=True, shapes=ONE, eta=1.0, alpha=1e-6, eps=1e-8)
def dog(
    w: Array, dC: Array, x0: Kept = 0, r: Kept = 0, G: Kept = 0,
    *, eta: Ball, alpha: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The farthest that it has been from its start, over the root of all squares."""
    x0 = w if t == 1 else x0 + 0 * w
    r = single(alpha * (1 + norm(w)) if t == 1 else larger(r, norm(w - x0)), w)
    G = single(G + sum_of_squares(dC), w)
    return {"w": w - eta * over(r, root(G + eps)) * dC, "x0": x0, "r": r, "G": G}


@rule(meets=True, shapes=ONE, eta=1.0, initial=1e-4, eps=1e-4)
def dowg(
    w: Array, dC: Array, x0: Kept = 0, r: Kept = 0, G: Kept = 0,
    *, eta: Ball, initial: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The squared distance over the root of all squares, each weighed by the distance of its time."""
    x0 = w if t == 1 else x0 + 0 * w
    r = single(initial if t == 1 else larger(r, sum_of_squares(w - x0)), w)
    G = single(G + r * sum_of_squares(dC), w)
    return {"w": w - eta * over(r, root(G) + eps) * dC, "x0": x0, "r": r, "G": G}


def paced(D: Array, eta: Ball, beta1: Ball, beta2: Ball, t: int) -> Array:
    """The rate ηD√(1 − β₂ᵗ)/(1 − β₁ᵗ)."""
    return eta * D * (1 - beta2**t).sqrt() / (1 - beta1**t)


def grown(D: Array, r: Array, size: Scalar) -> Array:
    """D, or an estimate r/size that is larger."""
    return D if ball(size).is_zero() else larger(D, r / size)


@rule("d0 > 0", meets=True, shapes=ONE, eta=1.0, beta1=0.9, beta2=0.999, eps=1e-8, d0=1e-6, lam=0.0)
def dadapt_adamw(
    w: Array, dC: Array, m: Kept = 0, q: Kept = 0, p: Kept = 0, D: Kept = 0, r: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, d0: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """AdamW at a rate that is proportional to D, which the gradients so far bound from below."""
    D = single(d0 if t == 1 else D, w)
    rate, kept = paced(D, eta, beta1, beta2, t), beta2.sqrt()
    scaled = 0 * w if t == 1 else (p + 0 * w) / (root(q + 0 * w) + eps)
    r = average(kept, single(r, w), rate * inner(dC, scaled))
    m, q, p = average(beta1, m, rate * dC), average(beta2, q, dC * dC), average(kept, p, rate * dC)
    after = grown(D, r, (1 - kept) * total(absolute(p)))
    return {"w": w - rate * lam * w - m / (root(q) + eps), "m": m, "q": q, "p": p, "D": after, "r": r}


@rule(
    "d0 > 0 and coefficient >= 0", meets=True, shapes=ONE,
    eta=1.0, beta1=0.9, beta2=0.999, eps=1e-8, d0=1e-6, coefficient=1.0, lam=0.0,
)  # fmt: skip
def prodigy(
    w: Array, dC: Array, m: Kept = 0, q: Kept = 0, p: Kept = 0, x0: Kept = 0, D: Kept = 0, r: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, d0: Ball, coefficient: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """AdamW on gradients times D, at a rate that is proportional to D, which counts its own growth."""
    x0, D = w if t == 1 else x0 + 0 * w, single(d0 if t == 1 else D, w)
    rate, kept = paced(D, eta, beta1, beta2, t), beta2.sqrt()
    r = kept * single(r, w) + D / d0 * rate * inner(dC, x0 - w)
    p = kept * p + rate * D / d0 * dC
    after = grown(D, coefficient * r, total(absolute(p)))
    m, q = average(beta1, m, D * dC), average(beta2, q, D * D * dC * dC)
    step = rate * over(m, root(q) + after * eps)
    return {"w": w - rate * lam * w - step, "m": m, "q": q, "p": p, "x0": x0, "D": after, "r": r}


@rule(meets=True, shapes=ONE, eta=1.0, beta1=0.9, value=1.0, lower=0.0, lam=0.0)
def momo(
    w: Array, dC: Array, m: Kept = 0, F: Kept = 0, r: Kept = 0,
    *, eta: Ball, beta1: Ball, value: Ball, lower: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """Momentum, as far as the average of all linear models of the cost needs to get to the bound."""
    beta = 0 * beta1 if t == 1 else beta1
    m, F = average(beta, m, dC), single(average(beta, F, value), w)
    r = single(average(beta, r, inner(dC, w)), w)
    gap = larger((1 + eta * lam) * (F - lower - r) + inner(m, w), 0)
    tau = 0 if is_zero(m) else reaching(gap, sum_of_squares(m), eta)
    return {"w": w / (1 + eta * lam) - tau * m, "m": m, "F": F, "r": r}


@rule(meets=True, shapes=ONE, **{**ADAM, "eta": 0.01}, value=1.0, lower=0.0, lam=0.0)
def momo_adam(
    w: Array, dC: Array, m: Kept = 0, q: Kept = 0, F: Kept = 0, r: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, value: Ball, lower: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """The same in the metric of Adam."""
    m, q, F = average(beta1, m, dC), average(beta2, q, dC * dC), single(average(beta1, F, value), w)
    r = single(average(beta1, r, inner(dC, w)), w)
    u = m / (root(unbiased(beta2, q, t)) + eps)
    weight = 1 - beta1**t
    gap = larger((1 + eta * lam) * (F - weight * lower - r) + inner(m, w), 0)
    tau = 0 if is_zero(m) else reaching(gap, inner(m, u), eta / weight)
    return {"w": w / (1 + eta * lam) - tau * u, "m": m, "q": q, "F": F, "r": r}


@rule("radius >= 0", meets=True, eta=0.01, radius=0.05)
def sam(w: Array, dC: Array, c: Kept = 0, *, eta: Ball, radius: Ball, t: int) -> Step:
    """Up by a radius, and down from where that began by the gradient found there."""
    if t % 2 == 0:
        return {"w": c - eta * dC, "c": c + 0 * w}
    return {"w": w if is_zero(dC) else w + radius / norm(dC) * dC, "c": w}
