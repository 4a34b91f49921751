"""Optimizer steps that expect the gradient to change as it did last; see `reference.updates.optimizers`."""

from __future__ import annotations

from typing import Any

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED, FIRST, OUTSIDE, ROOT, A, B, M
from reference.updates.steps import each_parameter, over_root, weight

NO_TORCH = {"torch": "torch.optim has none"}
STEPS = "Piecewise((0, t <= 1), (1, True))"
SPARED = "p is what was before: in the first step nothing has changed"


@formula(
    "update/optimistic_gradient_descent",
    statement=f"w - eta*(alpha*dC + optimism*{STEPS}*(dC - p))",
    derivative=f"-eta*(alpha + optimism*{STEPS})",
    arguments=("dC", "w", "p", "t"),
    assumptions=(SPARED, "α = optimism = 1 is the method of the paper, w − 2ηg + ηp", COUPLED),
    sources=("mokhtari-2020", "optax-optimistic-gradient-descent"),
    unanswered=NO_TORCH,
)
@each_parameter("p")
def optimistic_gradient_descent(
    w: Array, g: Array, t: int, p: Array, *, eta: float = 0.01, alpha: float = 1.0, optimism: float = 1.0
) -> Any:
    """Optimistic gradient descent: w ← w − η(αg + κ(g − p)), p ← g: the gradient, and its change once more.

    In games, where descent turns in circles, the change points inwards.
    """
    change = 0 * g if t == 1 else g - p
    return w - eta * (alpha * g + optimism * change), g.copy()


U = f"({M}/{A}/({ROOT} + eps))"


@formula(
    "update/optimistic_adam",
    statement=f"w - eta*(alpha*{U} + optimism*{STEPS}*({U} - p))",
    derivative=f"-eta*(alpha + optimism*{STEPS})/{A}*((1 - beta1)/({ROOT} + eps)"
    f" - {M}*(1 - beta2)*dC/({B}*{ROOT}*({ROOT} + eps)**2))",
    arguments=("dC", "w", "m", "v", "p", "t"),
    assumptions=(SPARED, "the direction is that of Adam; Optax takes Nesterov's by default", OUTSIDE, FIRST, COUPLED),
    sources=("daskalakis-2018", "optax-optimistic-adam"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "v", "p")
def optimistic_adam(
    w: Array, g: Array, t: int, m: Array, v: Array, p: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, alpha: float = 1.0,
    optimism: float = 1.0,
) -> Any:  # fmt: skip
    """Optimistic Adam: w ← w − η(αu + κ(u − p)), p ← u, for the direction u = m̂/(√v̂ + ε) of Adam.

    u answers to g as Adam's step does, and counts α + κ times from step 2 on.
    """
    m = beta1 * m + (1 - beta1) * g
    old, v = v, beta2 * v + (1 - beta2) * g * g
    u = over_root(m / weight(beta1, t), v, (beta2, old, 1 - beta2, g), eps, weight(beta2, t))
    change = 0 * u if t == 1 else u - p
    return w - eta * (alpha * u + optimism * change), m, v, u
