"""Update rules in which each entry is stepped by itself: one step as its paper defines it."""

from __future__ import annotations

from typing import Any

from flint import arb

from oracles.arb_truth.functions import absolute, entrywise
from oracles.arb_truth.numbers import Array, Ball, Imprecise, Scalar, ball, shown
from oracles.arb_truth.updates.rule import Kept, Step, average, larger, over, root, rule, sign, unbiased

# ---------------------------------------------------------------- gradient descent and momentum


@rule(eta=0.01)
def sgd(w: Array, dC: Array, *, eta: Ball, t: int) -> Step:
    """w − η∂C/∂w."""
    return {"w": w - eta * dC}


@rule("n >= 1", eta=0.01, lam=0.1, n=1.0)
def sgd_l2(w: Array, dC: Array, *, eta: Ball, lam: Ball, n: Ball, t: int) -> Step:
    """Descent on C + λ/(2n)·Σw²."""
    return {"w": w - eta * (dC + lam / n * w)}


@rule(eta=0.01, mu=0.9, dampening=0.0)
def momentum(w: Array, dC: Array, b: Kept = 0, *, eta: Ball, mu: Ball, dampening: Ball, t: int) -> Step:
    """The velocity is the first gradient, and then μb + (1 − τ)∂C/∂w."""
    velocity = dC if t == 1 else mu * b + (1 - dampening) * dC
    return {"w": w - eta * velocity, "b": velocity}


@rule(eta=0.01, mu=0.9)
def nesterov(w: Array, dC: Array, b: Kept = 0, *, eta: Ball, mu: Ball, t: int) -> Step:
    """θ moves by −ηb, and the gradient is taken at w = θ − ημb, where θ is expected next."""
    theta = w + eta * mu * b
    velocity = mu * b + dC
    theta = theta - eta * velocity
    return {"w": theta - eta * mu * velocity, "b": velocity}


@rule(eta=0.01, mu=0.9, lam=0.01)
def sgdw(w: Array, dC: Array, b: Kept = 0, *, eta: Ball, mu: Ball, lam: Ball, t: int) -> Step:
    """A step of momentum, and beside it the decay of w by ηλw."""
    velocity = mu * b + dC
    return {"w": w - eta * velocity - eta * lam * w, "b": velocity}


# ---------------------------------------------------------------- divided by the size of gradients


@rule(eta=0.01, eps=1e-10, initial=0.0)
def adagrad(w: Array, dC: Array, G: Kept = 0, *, eta: Ball, eps: Ball, initial: Ball, t: int) -> Step:
    """G is `initial` and the sum of all squares of gradients."""
    G = (G + initial if t == 1 else G) + dC * dC
    return {"w": w - eta * dC / (root(G) + eps), "G": G}


@rule(eta=0.001, rho=0.9, mu=0.0, eps=1e-8)
def rmsprop(
    w: Array, dC: Array, v: Kept = 0, b: Kept = 0,
    *, eta: Ball, rho: Ball, mu: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The gradient over the root of the mean square, with momentum."""
    v = average(rho, v, dC * dC)
    velocity = mu * b + dC / (root(v) + eps)
    return {"w": w - eta * velocity, "v": v, "b": velocity}


@rule(eta=0.001, rho=0.9, mu=0.0, eps=1e-8)
def rmsprop_centered(
    w: Array, dC: Array, s: Kept = 0, m: Kept = 0, b: Kept = 0,
    *, eta: Ball, rho: Ball, mu: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The gradient over its standard deviation: s is the mean square less the square of the mean m."""
    mean_square = average(rho, s + m * m, dC * dC)
    m = average(rho, m, dC)
    s = mean_square - m * m
    velocity = mu * b + dC / (root(s) + eps)
    return {"w": w - eta * velocity, "s": s, "m": m, "b": velocity}


@rule(eta=1.0, rho=0.9, eps=1e-6)
def adadelta(w: Array, dC: Array, v: Kept = 0, d: Kept = 0, *, eta: Ball, rho: Ball, eps: Ball, t: int) -> Step:
    """Steps of the size of the steps so far: RMS[Δ]/RMS[g]·g, where RMS[x] = √(E[x²] + ε)."""
    v = average(rho, v, dC * dC)
    delta = root(d + eps) / root(v + eps) * dC
    return {"w": w - eta * delta, "v": v, "d": average(rho, d, delta * delta)}


# ---------------------------------------------------------------- adaptive moments

ADAM: dict[str, Any] = {"eta": 0.001, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


@rule(**ADAM)
def adam(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """η·m̂/(√v̂ + ε) of the first two moments, each corrected for its start at 0."""
    m, v = average(beta1, m, dC), average(beta2, v, dC * dC)
    step = unbiased(beta1, m, t) / (root(unbiased(beta2, v, t)) + eps)
    return {"w": w - eta * step, "m": m, "v": v}


@rule(**ADAM, lam=0.01)
def adamw(w: Array, dC: Array, m: Kept = 0, v: Kept = 0, *, eta: Ball, lam: Ball, **given: Any) -> Step:
    """Adam's step from w, and beside it the decay of w by ηλw."""
    after = adam(w, dC, m, v, eta=eta, **given)
    return {**after, "w": after["w"] - eta * lam * w}


@rule(**ADAM, bias_correction=False)
def amsgrad(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0, v_max: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, bias_correction: bool, t: int,
) -> Step:  # fmt: skip
    """Adam's step with the largest second moment so far; the paper corrects no bias."""
    m, v = average(beta1, m, dC), average(beta2, v, dC * dC)
    v_max = larger(v_max, v)
    first, second = (unbiased(beta1, m, t), unbiased(beta2, v_max, t)) if bias_correction else (m, v_max)
    return {"w": w - eta * first / (root(second) + eps), "m": m, "v": v, "v_max": v_max}


@rule("0 <= momentum_decay <= oo", shapes={"P": lambda shape: ()}, **{**ADAM, "eta": 0.002}, momentum_decay=0.004)
def nadam(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0, P: Kept = 1,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, momentum_decay: Ball, t: int,
) -> Step:  # fmt: skip
    """Adam's step looking ahead by μₜ = β₁(1 − 0.96^(tψ)/2); P is the product of all μ before this step."""

    def mu(t: int) -> Ball:
        faded = (arb(24) / 25) ** (t * momentum_decay) if momentum_decay.is_finite() else arb(0)
        return beta1 * (1 - faded / 2)

    m, v, P = average(beta1, m, dC), average(beta2, v, dC * dC), P * mu(t)
    first = mu(t + 1) * m / (1 - P * mu(t + 1)) + (1 - mu(t)) * dC / (1 - P)
    return {"w": w - eta * first / (root(unbiased(beta2, v, t)) + eps), "m": m, "v": v, "P": P}


@rule("threshold >= 4", **ADAM, threshold=4.0)
def radam(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, threshold: Ball, t: int,
) -> Step:  # fmt: skip
    """Adam's step, rectified for the variance of v̂, from the step on at which that is known; before, m̂ alone."""
    m, v = average(beta1, m, dC), average(beta2, v, dC * dC)
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    step = unbiased(beta1, m, t)
    if not (length > threshold or length <= threshold):
        raise Imprecise(f"whether {shown(length)} is beyond the threshold is not decided")
    if length > threshold:
        variances = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
        step = variances.sqrt() * step / (root(unbiased(beta2, v, t)) + eps)
    return {"w": w - eta * step, "m": m, "v": v}


@rule(**{**ADAM, "eta": 0.002})
def adamax(
    w: Array, dC: Array, m: Kept = 0, u: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """The first moment over the decayed largest |∂C/∂w| + ε."""
    m, u = average(beta1, m, dC), larger(beta2 * u, absolute(dC) + eps)
    return {"w": w - eta * over(unbiased(beta1, m, t), u), "m": m, "u": u}


@rule(eta=0.0001, beta1=0.9, beta2=0.99, lam=0.0)
def lion(w: Array, dC: Array, m: Kept = 0, *, eta: Ball, beta1: Ball, beta2: Ball, lam: Ball, t: int) -> Step:
    """The sign of one average of the gradients, while another is kept; and decay."""
    step = sign(average(beta1, m, dC)) + lam * w
    return {"w": w - eta * step, "m": average(beta2, m, dC)}


@rule(**{**ADAM, "eta": 0.01, "eps": 1e-3})
def yogi(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Adam's step, with a second moment that moves by (1 − β₂)(∂C/∂w)² towards the square."""
    square = dC * dC
    m, v = average(beta1, m, dC), v - (1 - beta2) * sign(v - square) * square
    return {"w": w - eta * unbiased(beta1, m, t) / (root(unbiased(beta2, v, t)) + eps), "m": m, "v": v}


@rule(**{**ADAM, "eps": 1e-16})
def adabelief(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Adam's step, with the mean square of ∂C/∂w − m, to which ε is added every time."""
    m = average(beta1, m, dC)
    v = average(beta2, v, (dC - m) * (dC - m)) + eps
    return {"w": w - eta * unbiased(beta1, m, t) / (root(unbiased(beta2, v, t)) + eps), "m": m, "v": v}


@rule(eta=0.001, beta1=0.98, beta2=0.92, beta3=0.99, gamma=0.92, eps=1e-8)
def adan(
    w: Array, dC: Array, m: Kept = 0, v: Kept = 0, n: Kept = 0, p: Kept = 0,
    *, eta: Ball, beta1: Ball, beta2: Ball, beta3: Ball, gamma: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Averages of gradients and of their changes, over the root of the mean square of the gradient ahead."""
    change = 0 * dC if t == 1 else dC - p
    m, v = average(beta1, m, dC), average(beta2, v, change)
    ahead = dC + gamma * change
    n = average(beta3, n, ahead * ahead)
    step = unbiased(beta1, m, t) + gamma * unbiased(beta2, v, t)
    return {"w": w - eta * step / (root(unbiased(beta3, n, t)) + eps), "m": m, "v": v, "n": n, "p": dC}


# ---------------------------------------------------------------- signs


@rule(eta=0.01)
def sign_sgd(w: Array, dC: Array, *, eta: Ball, t: int) -> Step:
    """A step of η against the sign."""
    return {"w": w - eta * sign(dC)}


@rule(eta=0.01, beta1=0.9)
def signum(w: Array, dC: Array, m: Kept = 0, *, eta: Ball, beta1: Ball, t: int) -> Step:
    """The sign of the average gradient."""
    m = average(beta1, m, dC)
    return {"w": w - eta * sign(m), "m": m}


@rule(
    "0 < eta_minus < 1 and eta_plus > 1 and largest >= smallest",
    eta=0.01, eta_minus=0.5, eta_plus=1.2, smallest=1e-6, largest=50.0,
)  # fmt: skip
def rprop(
    w: Array, dC: Array, s: Kept = 0, p: Kept = 0,
    *, eta: Ball, eta_minus: Ball, eta_plus: Ball, smallest: Ball, largest: Ball, t: int,
) -> Step:  # fmt: skip
    """Sizes that grow while a sign stays, and shrink, without a step, where it changes."""

    def size(s: Scalar, turn: Scalar) -> Scalar:
        if not ball(turn).is_finite() or ball(turn) == 0:
            return s + turn  # no number where a gradient is none
        factor = eta_plus if ball(turn) > 0 else eta_minus
        return arb(smallest).max(arb(largest).min(ball(factor * s)))

    s = eta + 0 * sign(dC) if t == 1 else s
    turn = sign(dC) * sign(p + 0 * w)
    s = entrywise(size)(s, turn)
    kept = entrywise(lambda g, turn: 0 * g if ball(turn) == -1 else g)(dC, turn)
    return {"w": w - s * sign(kept), "s": s, "p": kept}
