"""Update rules that keep an average of the parameter, or that expect the change of the gradient to go on."""

from __future__ import annotations

from flint import arb

from oracles.arb_truth.numbers import Array, Ball
from oracles.arb_truth.updates.moments import ADAM
from oracles.arb_truth.updates.rule import Kept, Step, average, root, rule, unbiased


@rule("alpha >= 0", eta=0.01, lam=1e-4, alpha=0.75, t0=1e6)
def asgd(w: Array, dC: Array, a: Kept = 0, *, eta: Ball, lam: Ball, alpha: Ball, t0: Ball, t: int) -> Step:
    """Descent on C + λ/2·Σw² at a falling rate; a is the mean of w from step t₀ + 2 on, before it w."""
    rate = eta / (1 + lam * eta * (t - 1)) ** alpha
    w = w - rate * (dC + lam * w)
    late = t - 1 - t0
    return {"w": w, "a": a + (w - a) / late if late > 1 else w + 0 * a}


@rule("alpha >= 0 and period >= 1 and period % 1 == 0", eta=0.01, alpha=0.5, period=5)
def lookahead(w: Array, dC: Array, s: Kept = 0, *, eta: Ball, alpha: Ball, period: int, t: int) -> Step:
    """Fast steps, and at the end of every period back along them to a point between."""
    s = w if t == 1 else s + 0 * w
    w = w - eta * dC
    if t % period == 0:
        s = s + alpha * (w - s)
        w = s
    return {"w": w, "s": s}


def interpolated(w: Array, z: Array, step: Array, t: int, beta1: Ball) -> Step:
    """x is the mean of every z; w lies between x and z, and x is found from that."""
    if t == 1:
        return {"w": w - step, "z": w - step}
    x_and_z = w - (1 - beta1) * z  # β₁x
    z = z - step
    return {"w": (1 - arb(1) / t) * x_and_z + beta1 * z / t + (1 - beta1) * z, "z": z}


@rule(eta=0.01, beta1=0.9, lam=0.0)
def schedule_free_sgd(w: Array, dC: Array, z: Kept = 0, *, eta: Ball, beta1: Ball, lam: Ball, t: int) -> Step:
    """Descent of z, by gradients that are taken between z and its mean."""
    return interpolated(w, z, eta * (dC + lam * w), t, beta1)


@rule(eta=0.0025, beta1=0.9, beta2=0.999, eps=1e-8, lam=0.0)
def schedule_free_adamw(
    w: Array, dC: Array, z: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """The same with the gradient over the root of its mean square."""
    v = average(beta2, v, dC * dC)
    step = eta * (dC / (root(unbiased(beta2, v, t)) + eps) + lam * w)
    return {**interpolated(w, z, step, t, beta1), "v": v}


@rule("alpha >= 0 and optimism >= 0", eta=0.01, alpha=1.0, optimism=1.0)
def optimistic_gradient_descent(
    w: Array, dC: Array, p: Kept = 0, *, eta: Ball, alpha: Ball, optimism: Ball, t: int
) -> Step:
    """(α + κ) times the gradient less κ times the last one, which is the same in the first step."""
    before = dC if t == 1 else p
    return {"w": w - eta * ((alpha + optimism) * dC - optimism * before), "p": dC}


@rule("alpha >= 0 and optimism >= 0", **ADAM, alpha=1.0, optimism=1.0)
def optimistic_adam(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0, p: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, alpha: Ball, optimism: Ball, t: int,
) -> Step:  # fmt: skip
    """The same of directions of Adam."""
    m, v = average(beta1, m, dC), average(beta2, v, dC * dC)
    u = unbiased(beta1, m, t) / (root(unbiased(beta2, v, t)) + eps)
    before = u if t == 1 else p
    return {"w": w - eta * ((alpha + optimism) * u - optimism * before), "m": m, "v": v, "p": u}
