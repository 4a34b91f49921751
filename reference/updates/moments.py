"""Relatives of Adam with other second moments; see `reference.updates.optimizers` for how they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED, FIRST, OUTSIDE, A, B, M
from reference.updates.steps import each_parameter, over_root, weight

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
