"""What a framework does differently, written as a rule of our own.

A difference counts as understood only if our recurrence, with the other's choice put in, gives what the other gives to
within rounding. Each rule here is one of `reference.updates` with one thing changed, named in its first line, which
the report prints.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.points import rounded
from reference.formula import Array
from reference.layers.orthogonal import iterated
from reference.updates.matrices import LINES
from reference.updates.muon import adjusted
from reference.updates.steps import Step, each_parameter, larger, norm, over_norm, smaller, total


@each_parameter("G")
def adagrad_eps_inside(
    w: Array, g: Array, t: int, G: Array, *, eta: float = 0.01, eps: float = 1e-10, initial: float = 0.0
) -> Any:
    """eps is added inside the root: √(G + ε)."""
    G = (G + initial if t == 1 else G) + g * g
    return w - eta * g / np.sqrt(G + eps), G


@each_parameter("m", "v", "v_max")
def amsgrad_corrected_first(
    w: Array, g: Array, t: int, m: Array, v: Array, v_max: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, bias_correction: bool = True,
) -> Any:  # fmt: skip
    """The maximum is taken of the bias-corrected v̂."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    v_max = np.maximum(v_max, v / (1 - beta2**t))
    return w - eta * (m / (1 - beta1**t)) / (np.sqrt(v_max) + eps), m, v, v_max


@each_parameter("m", "v")
def radam_eps_first(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, threshold: float = 5.0,
) -> Any:  # fmt: skip
    """eps is added to √v before the bias correction: √(1 − β₂ᵗ)/(√v + ε)."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = m / (1 - beta1**t)
    rho_inf = 2 / (1 - beta2) - 1
    rho = rho_inf - 2 * t * beta2**t / (1 - beta2**t)
    if rho > threshold:
        r = ((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)) ** 0.5
        return w - eta * r * m_hat * ((1 - beta2**t) ** 0.5 / (np.sqrt(v) + eps)), m, v
    return w - eta * m_hat, m, v


def _single(x: Any) -> Any:
    """`x` rounded to float32; a number that carries its rounding errors along stays as it is."""
    return float(np.float32(x)) if isinstance(x, float) else x


@each_parameter("m", "v", P=1.0)
def nadam_single_product(
    w: Array, g: Array, t: int, m: Array, v: Array, P: float,
    *, eta: float = 0.002, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, momentum_decay: float = 0.004,
) -> Any:  # fmt: skip
    """The product of the μ is kept in float32 whatever the dtype of the parameters."""
    mu, mu_next = (beta1 * (1 - 0.96 ** (k * momentum_decay) / 2) for k in (t, t + 1))
    P = _single(P * _single(mu))
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g * g
    m_hat = mu_next * m / (1 - P * mu_next) + (1 - mu) * g / (1 - P)
    v_hat = v / (1 - beta2**t)
    return w - eta * m_hat / (np.sqrt(v_hat) + eps), m, v, P


@each_parameter("a")
def asgd_single_rate(
    w: Array, g: Array, t: int, a: Array,
    *, eta: float = 0.01, lam: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
) -> Any:  # fmt: skip
    """The rate is kept in float32 whatever the dtype of the parameters."""
    rate = _single(eta / (1 + lam * eta * (t - 1)) ** alpha)
    late = t - 1 - t0
    share = _single(1 / late) if late > 1 else 1.0
    w = (1 - lam * rate) * w - rate * g
    return w, share * w + (1 - share) * a


@each_parameter("x0", "G", "s")
def madgrad_single_root(
    w: Array, g: Array, t: int, x0: Array, G: Array, s: Array,
    *, eta: float = 0.01, mu: float = 0.9, eps: float = 1e-6,
) -> Any:  # fmt: skip
    """The rate (η + ε)√t is computed in float32 whatever the dtype of the parameters."""
    x0 = 1 * (w if t == 1 else x0)
    rate = _single(_single(eta + eps) * _single(t**0.5))
    G, s = G + rate * g * g, s + rate * g
    return (1 - mu) * (x0 - s / (np.cbrt(G) + eps)) + mu * w, x0, G, s


@each_parameter(joint=True)
def polyak_of_scaled(
    w: Array, g: Array, t: int,
    *, eta: float = 1.0, value: float = 1.0, lower: float = 0.0, most: float = 1.0, eps: float = 0.0,
) -> Any:  # fmt: skip
    """η scales the gradient before its norm is taken, so that it divides where it multiplies here."""
    g = eta * g
    return w - g * smaller((value - lower) / (total(g * g) + eps), most)


@each_parameter("r", "c", shapes=LINES)
def adafactor_single_share(
    w: Array, g: Array, t: int, r: Array, c: Array,
    *, eta: float = 0.01, decay: float = 0.8, eps: float = 1e-30, least: float = 1e-3, clip: float = 1.0,
    lam: float = 0.0,
) -> Any:  # fmt: skip
    """The share of the new squares is computed in float32 whatever the dtype of the parameters."""
    new = 1 - _single(1 - _single(float(t) ** (-1 * decay)))
    if len(w.shape) < 2:
        r = (1 - new) * r + new * (g * g + eps)
        u = g / np.sqrt(r)
    else:
        r, c = ((1 - new) * x + new * (g * g + eps).mean(k, keepdims=True) for x, k in ((r, -1), (c, -2)))
        u = g * np.sqrt(r.mean(-2, keepdims=True) / r) / np.sqrt(c)
    entries = np.prod(w.shape) ** 0.5
    rate = (1 / t**0.5 if eta * t**0.5 > 1 else eta) * larger(norm(w) / entries, least)
    return (1 - eta * lam) * w - rate * (u / larger(norm(u) / entries / clip, 1.0)), r, c


def _bfloat16(x: Any) -> Any:
    """`x` rounded to bfloat16; a number that carries its rounding errors along stays as it is."""
    return rounded(x.astype(np.float32), "bfloat16") if isinstance(x, np.ndarray) else x


@each_parameter("m")
def muon_bfloat16(
    w: Array, g: Array, t: int, m: Array,
    *, eta: float = 0.02, mu: float = 0.95, lam: float = 0.0, a: float = 3.4445, b: float = -4.775, c: float = 2.0315,
    eps: float = 1e-7, iterations: int = 5, nesterov: bool = True, adjust: str = "original",
) -> Any:  # fmt: skip
    """The iteration is in bfloat16 whatever the dtype of the parameters, of u/max(‖u‖, ε)."""
    m = mu * m + (1 - mu) * g
    y = _bfloat16(mu * m + (1 - mu) * g if nesterov else m)
    y = y if w.shape[0] <= w.shape[1] else y.mT
    y = _bfloat16(y / larger(_bfloat16(norm(y)), eps))
    for _ in range(iterations):
        G = _bfloat16(y @ y.mT)
        y = _bfloat16(a * y + _bfloat16(b * G + c * (G @ G)) @ y)
    rows, columns = w.shape
    return (1 - eta * lam) * w - eta * adjusted(adjust, rows, columns) * (y if rows <= columns else y.mT), m


@each_parameter("m")
def muon_corrected(
    w: Array, g: Array, t: int, m: Array,
    *, eta: float = 0.02, mu: float = 0.95, lam: float = 0.0, a: float = 3.4445, b: float = -4.775, c: float = 2.0315,
    eps: float = 1e-7, iterations: int = 5, nesterov: bool = True, adjust: str = "original",
) -> Any:  # fmt: skip
    """Rows are what goes in and columns what comes out, and both terms of Nesterov's average are bias-corrected."""
    m = mu * m + (1 - mu) * g
    u = mu * m / (1 - mu ** (t + 1)) + (1 - mu) * g / (1 - mu**t) if nesterov else m / (1 - mu**t)
    u = over_norm(u, eps=eps)
    rows, columns = w.shape
    y = iterated(u if rows <= columns else u.mT, a, b, c, iterations)[0]
    return (1 - eta * lam) * w - eta * adjusted(adjust, columns, rows) * (y if rows <= columns else y.mT), m


@each_parameter("s", "p")
def rprop_late(
    w: Array, g: Array, t: int, s: Array, p: Array,
    *, eta: float = 0.01, eta_minus: float = 0.5, eta_plus: float = 1.2, smallest: float = 1e-6, largest: float = 50.0,
) -> Any:  # fmt: skip
    """w moves by the step of the gradient before, so that the first step moves nothing."""
    s = 0 * np.sign(g) + eta if t == 1 else s
    turn, late = np.sign(g) * np.sign(p), s * np.sign(p)
    same, back = np.maximum(turn, 0), np.maximum(-turn, 0)
    sizes = (np.maximum(-np.maximum(-(f * s), -1 * largest), smallest) for f in (eta_plus, eta_minus))
    s = sum((k * x for k, x in zip((same, back), sizes, strict=True)), (1 - same - back) * s)
    return w - (1 - back) * late, s, (1 - back) * g


# (formula id, side): the rule, and whether the choice is one of convention or costs accuracy
VARIANTS: dict[tuple[str, str], tuple[Step, str]] = {
    ("update/adagrad", "jax"): (adagrad_eps_inside, "convention"),
    ("update/amsgrad", "jax"): (amsgrad_corrected_first, "convention"),
    ("update/radam", "torch"): (radam_eps_first, "convention"),
    ("update/rprop", "jax"): (rprop_late, "inaccurate"),
    ("update/asgd", "torch"): (asgd_single_rate, "inaccurate"),
    ("update/madgrad", "jax"): (madgrad_single_root, "inaccurate"),
    ("update/polyak_sgd", "jax"): (polyak_of_scaled, "convention"),
    ("update/adafactor", "jax"): (adafactor_single_share, "inaccurate"),
    ("update/muon", "torch"): (muon_bfloat16, "inaccurate"),
    ("update/muon", "jax"): (muon_corrected, "convention"),
    ("update/nadam", "torch"): (nadam_single_product, "inaccurate"),
}
