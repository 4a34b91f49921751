"""Relatives of Adam with other second moments; see `reference.updates.optimizers` for how they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED, FIRST, OUTSIDE, A, B, M
from reference.updates.optimizers import ROOT as ADAM_ROOT
from reference.updates.steps import each_parameter, larger, over_root, smaller, weight

NO_TORCH = {"torch": "torch.optim has none"}

SIGN = "sign(v - dC**2)"
YOGI = f"sqrt((v - (1 - beta2)*{SIGN}*dC**2)/{B})"


@formula(
    "update/yogi",
    statement=f"w - eta*{M}/{A}/({YOGI} + eps)",
    derivative=f"-eta/{A}*((1 - beta1)/({YOGI} + eps) + {M}*(1 - beta2)*{SIGN}*dC/({B}*{YOGI}*({YOGI} + eps)**2))",
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(
        "both moments are bias-corrected, as implemented; the paper corrects none",
        "accumulators start at 0; Optax starts both moments at 1e-6",
        "derivative: off the jump of the sign at v = dC²",
        OUTSIDE,
        COUPLED,
    ),
    sources=("zaheer-2018", "optax-yogi"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v")
def yogi(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-3,
) -> Any:  # fmt: skip
    """Yogi: Adam with v ← v − (1 − β₂) sign(v − g²)g², which moves by a share of g², however far it is from v.

    As for Adam, with ∂v/∂g = −2(1 − β₂) sign(v − g²)g: quotient rule on m̂/(√v̂ + ε).
    """
    m, old = beta1 * m + (1 - beta1) * g, v
    above = np.sign(np.sqrt(v) - np.abs(g))  # of v − g², without its underflow
    v = v - (1 - beta2) * above * g * g
    A, B = weight(beta1, t), weight(beta2, t)
    parts = (1.0, old, 1 - beta2, g)
    if isinstance(v, np.ndarray):
        rises = above < 0  # only then may squares leave the range of floats
        parts = (1.0, np.where(rises, old, v), 1 - beta2, np.where(rises, g, 0))
    return w - eta * over_root(m / A, v, parts, eps, B), m, v


D = "(beta1*(dC - m))"  # dC less the new m
BELIEF = f"sqrt((beta2*v + (1 - beta2)*{D}**2 + eps)/{B})"


@formula(
    "update/adabelief",
    statement=f"w - eta*{M}/{A}/({BELIEF} + eps)",
    derivative=f"-eta/{A}*((1 - beta1)/({BELIEF} + eps)"
    f" - {M}*(1 - beta2)*beta1*{D}/({B}*{BELIEF}*({BELIEF} + eps)**2))",
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=("eps is added to v in every step, and outside the root again, as the paper", FIRST, COUPLED),
    sources=("zhuang-2020", "optax-adabelief"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v")
def adabelief(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-16,
) -> Any:  # fmt: skip
    """AdaBelief: Adam with v the mean square of g − m, of how far a gradient is from what was expected.

    g − m of the new m = β₁m + (1 − β₁)g is β₁(g − m) of the old one, so ∂v/∂g = 2(1 − β₂)β₁·β₁(g − m).
    """
    surprise = beta1 * (g - m)
    m, old = beta1 * m + (1 - beta1) * g, v
    v = beta2 * v + (1 - beta2) * surprise * surprise + eps
    A, B = weight(beta1, t), weight(beta2, t)
    return w - eta * over_root(m / A, v, (beta2, old, 1 - beta2, surprise), eps, B, inside=eps), m, v


CHANGE = "Piecewise((0, t <= 1), (dC - p, True))"
STEPS = "Piecewise((0, t <= 1), (1, True))"  # by how much the change answers to the gradient
AHEAD = f"(dC + gamma*{CHANGE})"
ROOT = f"sqrt((beta3*n + (1 - beta3)*{AHEAD}**2)/(1 - beta3**t))"
MEAN = f"({M}/{A} + gamma*(beta2*v + (1 - beta2)*{CHANGE})/{B})"


@formula(
    "update/adan",
    statement=f"w - eta*{MEAN}/({ROOT} + eps)",
    derivative=f"-eta*(((1 - beta1)/{A} + gamma*(1 - beta2)*{STEPS}/{B})/({ROOT} + eps)"
    f" - {MEAN}*(1 - beta3)*(1 + gamma*{STEPS})*{AHEAD}/((1 - beta3**t)*{ROOT}*({ROOT} + eps)**2))",
    arguments=("dC", "w", "m", "v", "n", "p", "t"),
    assumptions=(
        "β are shares that are kept, 1 less those of the paper; p is the gradient before",
        "γ, the share of the change in step and root, is the paper's 1 − β₂, which is our β₂; Optax takes our 1 − β₂",
        "all averages are bias-corrected, as implemented; the paper starts them at the first gradient",
        OUTSIDE,
        FIRST,
        COUPLED,
    ),
    sources=("xie-2022", "optax-adan"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v", "n", "p")
def adan(
    w: Array, g: Array, t: int, m: Array, v: Array, n: Array, p: Array,
    *, eta: float = 0.001, beta1: float = 0.98, beta2: float = 0.92, beta3: float = 0.99, gamma: float = 0.92,
    eps: float = 1e-8,
) -> Any:  # fmt: skip
    """Adan: averages m of gradients and v of their changes d = g − p, over the root of that of (g + γd)².

    Nesterov's gradient where w is going, estimated from the change: w ← w − η(m̂ + γv̂)/(√n̂ + ε). From step 2 on
    ∂d/∂g = 1, so the numerator answers by (1 − β₁)/A + γ(1 − β₂)/B, and n by 2(1 − β₃)(1 + γ)(g + γd).
    """
    change = 0 * g if t == 1 else g - p
    m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * change
    ahead, old = g + gamma * change, n
    n = beta3 * n + (1 - beta3) * ahead * ahead
    step = m / weight(beta1, t) + gamma * (v / weight(beta2, t))
    return w - eta * over_root(step, n, (beta3, old, 1 - beta3, ahead), eps, weight(beta3, t)), m, v, n, g.copy()


MIXED = f"({M}/{A} + alpha*(beta3*n + (1 - beta3)*dC))"


def _mixed_slope(numerator: str, slope: str) -> str:
    """Quotient rule on numerator/(√v̂ + ε)."""
    return f"-eta*({slope}/({ADAM_ROOT} + eps) - {numerator}*(1 - beta2)*dC/({B}*{ADAM_ROOT}*({ADAM_ROOT} + eps)**2))"


@formula(
    "update/ademamix",
    statement=f"w - eta*({MIXED}/({ADAM_ROOT} + eps) + lam*w)",
    derivative=_mixed_slope(MIXED, f"((1 - beta1)/{A} + alpha*(1 - beta3))"),
    arguments=("dC", "w", "m", "n", "v", "t"),
    assumptions=(
        "α and β₃ are constant; the paper warms both up",
        "the slow average n is not bias-corrected, as the paper",
        OUTSIDE,
        FIRST,
    ),
    sources=("pagliardini-2024", "optax-contrib-ademamix"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "n", "v")
def ademamix(
    w: Array, g: Array, t: int, m: Array, n: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, beta3: float = 0.9999, alpha: float = 5.0,
    eps: float = 1e-8, lam: float = 0.0,
) -> Any:  # fmt: skip
    """AdEMAMix: w ← w − η((m̂ + αn)/(√v̂ + ε) + λw), with a fast average m of gradients and a slow one, n.

    The numerator answers to g by (1 − β₁)/(1 − β₁ᵗ) + α(1 − β₃); the denominator is Adam's.
    """
    m, n = beta1 * m + (1 - beta1) * g, beta3 * n + (1 - beta3) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    mixed = m / weight(beta1, t) + alpha * n
    return w - eta * (over_root(mixed, v, (beta2, old, 1 - beta2, g), eps, weight(beta2, t)) + lam * w), m, n, v


SUMMED = "(beta1*m + dC + alpha*dC)"


@formula(
    "update/simplified_ademamix",
    statement=f"w - eta*({SUMMED}/({ADAM_ROOT} + eps) + lam*w)",
    derivative=_mixed_slope(SUMMED, "(1 + alpha)"),
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=("m is a sum of gradients that fades, not an average: η is smaller than for Adam", OUTSIDE, FIRST),
    sources=("morwani-2025", "optax-contrib-simplified-ademamix"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v")
def simplified_ademamix(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.99, beta2: float = 0.95, alpha: float = 0.0, eps: float = 1e-8,
    lam: float = 0.0,
) -> Any:  # fmt: skip
    """Simplified AdEMAMix: m ← β₁m + g, w ← w − η((m + αg)/(√v̂ + ε) + λw): the gradient itself is the fast average."""
    m = beta1 * m + g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    scaled = over_root(m + alpha * g, v, (beta2, old, 1 - beta2, g), eps, weight(beta2, t))
    return w - eta * (scaled + lam * w), m, v


SCALED = "(dC/Max(sqrt(v), eps))"
CUT = "(t - 1)**(1/4)"
CLIPPED = f"Piecewise(({CUT}, {SCALED} > {CUT}), (-{CUT}, {SCALED} < -{CUT}), ({SCALED}, True))"


@formula(
    "update/adopt",
    statement=f"w - eta*Piecewise((m, t <= 1), (beta1*m + (1 - beta1)*{CLIPPED}, True))",
    derivative=f"Piecewise((0, t <= 1), (0, {SCALED} > {CUT}), (0, {SCALED} < -{CUT}),"
    " (-eta*(1 - beta1)/Max(sqrt(v), eps), True))",
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(
        "√v is that of the step before, and ε at least",
        "the first step sets v = dC² and moves nothing",
        "clipped at (t − 1)^¼, as the paper and Optax; t counts from 1 here",
        COUPLED,
    ),
    sources=("taniguchi-2024", "optax-contrib-adopt"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v")
def adopt(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.9999, eps: float = 1e-6,
) -> Any:  # fmt: skip
    """ADOPT: m ← β₁m + (1 − β₁)clip(g/max(√v, ε), (t − 1)^¼), w ← w − ηm, and only then v ← β₂v + (1 − β₂)g².

    The gradient is scaled by what does not know it, and before it is averaged; so the new w is linear in it.
    """
    if t == 1:
        return w - eta * m, 1 * m, g * g
    cut = (t - 1) ** 0.25
    m = beta1 * m + (1 - beta1) * smaller(larger(g / larger(np.sqrt(v), eps), -cut), cut)
    return w - eta * m, m, beta2 * v + (1 - beta2) * g * g


LATE = "Piecewise((1 + eps, t <= 1), (sqrt(v/(1 - beta2**(t - 1))) + eps, True))"


@formula(
    "update/acprop",
    statement=f"w - eta*dC/{LATE}",
    derivative=f"-eta/{LATE}",
    arguments=("dC", "w", "m", "v", "t"),
    assumptions=(
        "v is the mean square of dC − m for the m before the step, as implemented; the paper takes that after it",
        "eps is added to v in every step, and outside the root again",
        "the first step divides by 1 + ε",
        FIRST,
        COUPLED,
    ),
    sources=("zhuang-2021", "optax-contrib-acprop"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v")
def acprop(
    w: Array, g: Array, t: int, m: Array, v: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-16,
) -> Any:  # fmt: skip
    """ACProp: w ← w − ηg/(√v̂ + ε) with v̂ of the step before, then v ← β₂v + (1 − β₂)(g − m)² + ε.

    AdaBelief without momentum, and with a denominator that does not know the gradient, in which w is linear.
    """
    root = 1.0 if t == 1 else np.sqrt(v) / weight(beta2, t - 1) ** 0.5
    surprise = g - m
    v = beta2 * v + (1 - beta2) * surprise * surprise + eps
    return w - eta * (g / (root + eps)), beta1 * m + (1 - beta1) * g, v


CURVED = f"({M}/{A}/Max(gamma*h, eps))"


@formula(
    "update/sophia",
    statement=f"w - eta*(Piecewise((clip, {CURVED} > clip), (-clip, {CURVED} < -clip), ({CURVED}, True)) + lam*w)",
    derivative=f"Piecewise((0, {CURVED} > clip), (0, {CURVED} < -clip),"
    f" (-eta*(1 - beta1)/{A}/Max(gamma*h, eps), True))",
    arguments=("dC", "w", "m", "h", "t"),
    assumptions=(
        "h, the average of estimates of the diagonal of the Hessian, is given: the rule keeps it as it is",
        "m is bias-corrected, as Optax does; the paper corrects none",
        "derivative: off the kinks at ±clip",
        FIRST,
    ),
    sources=("liu-2024", "optax-contrib-sophia"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "h")
def sophia(
    w: Array, g: Array, t: int, m: Array, h: Array,
    *, eta: float = 0.001, beta1: float = 0.965, gamma: float = 0.01, eps: float = 1e-8, clip: float = 1.0,
    lam: float = 1e-4,
) -> Any:  # fmt: skip
    """Sophia: w ← w − η(clip(m̂/max(γh, ε), ±ρ) + λw): Newton's step on the diagonal, and sign descent where it is long.

    Where it is clipped the gradient does not count; elsewhere by (1 − β₁)/(1 − β₁ᵗ) over the curvature.
    """
    m = beta1 * m + (1 - beta1) * g
    newton = m / weight(beta1, t) / larger(gamma * h, eps)
    return w - eta * (smaller(larger(newton, -1 * clip), clip) + lam * w), m, 1 * h
