"""Update rules of later years in which each entry is stepped by itself: mixtures of averages, late roots, bets."""

from __future__ import annotations

from flint import arb

from oracles.arb_truth.functions import absolute, entrywise, power
from oracles.arb_truth.numbers import Array, Ball, Scalar
from oracles.arb_truth.updates.moments import ADAM
from oracles.arb_truth.updates.rule import Kept, Step, average, larger, over, root, rule, unbiased


def clipped(u: Array, limit: Ball) -> Array:
    """u within ±limit."""
    return -larger(-larger(u, -limit), -limit)


@rule("alpha >= 0", **ADAM, beta3=0.9999, alpha=5.0, lam=0.0)
def ademamix(
    w: Array, dC: Array, m: Kept = 0, n: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, beta3: Ball, alpha: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """A fast average of gradients and a slow one, not corrected, over the root of the mean square; and decay."""
    m, n, v = average(beta1, m, dC), average(beta3, n, dC), average(beta2, v, dC * dC)
    step = (unbiased(beta1, m, t) + alpha * n) / (root(unbiased(beta2, v, t)) + eps) + lam * w
    return {"w": w - eta * step, "m": m, "n": n, "v": v}


@rule("alpha >= 0", **{**ADAM, "beta1": 0.99, "beta2": 0.95}, alpha=0.0, lam=0.0)
def simplified_ademamix(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, alpha: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """A fading sum of gradients, and α times the last, over the root of the mean square; and decay."""
    m, v = beta1 * m + dC, average(beta2, v, dC * dC)
    step = (m + alpha * dC) / (root(unbiased(beta2, v, t)) + eps) + lam * w
    return {"w": w - eta * step, "m": m, "v": v}


@rule(**{**ADAM, "beta2": 0.9999, "eps": 1e-6})
def adopt(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Gradients over the root of the mean square before them, clipped, and then averaged; the first is not used."""
    if t == 1:
        return {"w": w - eta * m + 0 * dC, "m": m + 0 * dC, "v": dC * dC}
    scaled = over(dC, larger(root(v + 0 * w), eps))
    m = average(beta1, m, clipped(scaled, arb(t - 1).root(4)))
    return {"w": w - eta * m, "m": m, "v": average(beta2, v, dC * dC)}


@rule(**{**ADAM, "eps": 1e-16})
def acprop(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The gradient over the root of how far those before it were from what was expected."""
    size = 1 + 0 * w if t == 1 else root(unbiased(beta2, v + 0 * w, t - 1))
    after = average(beta2, v, (dC - m) * (dC - m)) + eps
    return {"w": w - eta * over(dC, size + eps), "m": average(beta1, m, dC), "v": after}


@rule("clip > 0", eta=0.001, beta1=0.965, gamma=0.01, eps=1e-8, clip=1.0, lam=1e-4)
def sophia(
    w: Array, dC: Array, m: Kept = 0, h: Kept = 0,
    *, eta: Ball, beta1: Ball, gamma: Ball, eps: Ball, clip: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """The average gradient over the diagonal of the Hessian, clipped; and decay."""
    m, h = average(beta1, m, dC), h + 0 * w
    step = clipped(over(unbiased(beta1, m, t), larger(gamma * h, eps)), clip)
    return {"w": w - eta * (step + lam * w), "m": m, "h": h}


@entrywise
def cube_root(u: Scalar) -> Scalar:
    """The cube root of what is not negative."""
    return 0 * u if u.is_zero() else power(u, arb(1) / 3)


@rule(eta=0.01, mu=0.9, eps=1e-6)
def madgrad(
    w: Array, dC: Array, x0: Kept = 0, G: Kept = 0, s: Kept = 0,
    *, eta: Ball, mu: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Dual averaging from where it started, divided by a cube root, and momentum."""
    x0 = w if t == 1 else x0 + 0 * w
    rate = (eta + eps) * arb(t).sqrt()
    s, G = s + rate * dC, G + rate * dC * dC
    return {"w": average(mu, w, x0 - over(s, cube_root(G) + eps)), "x0": x0, "G": G, "s": s}


@rule("alpha >= 0", eta=1.0, alpha=100.0, eps=1e-8)
def cocob(
    w: Array, dC: Array, x0: Kept = 0, L: Kept = 0, G: Kept = 0, R: Kept = 0, C: Kept = 0,
    *, eta: Ball, alpha: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """A share of the wealth L + R is bet on the sign that the sum of outcomes −∂C/∂w has."""
    x0 = w if t == 1 else x0 + 0 * w
    outcome = -(eta * dC)
    L = larger(eps + 0 * w if t == 1 else L, absolute(outcome))
    G, R, C = G + absolute(outcome), larger(R + outcome * (w - x0), 0), C + outcome
    bet = over(C, L * larger(G + L, alpha * L))
    return {"w": x0 + bet * (L + R), "x0": x0, "L": L, "G": G, "R": R, "C": C}
