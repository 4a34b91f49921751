"""Optimizer steps that keep an average of the parameter; how they are read: `reference.updates.optimizers`."""

from __future__ import annotations

from typing import Any

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED, OUTSIDE
from reference.updates.steps import each_parameter, exactly, over_root, weight

NO_TORCH = {"torch": "torch.optim has none"}
NO_JAX = {"jax": "optax has none"}


def _cooled(eta: Any, lam: Any, alpha: Any, t: Any) -> tuple[Any, Any]:
    """The rate ηₜ, and the share of w that the decay leaves."""
    rate = eta / (1 + lam * eta * (t - 1)) ** alpha
    return rate, 1 - lam * rate


RATE = "(eta/(1 + lam*eta*(t - 1))**alpha)"


@formula(
    "update/asgd",
    statement=f"(1 - lam*{RATE})*w - {RATE}*dC",
    derivative=f"-{RATE}",
    arguments=("dC", "w", "a", "t"),
    assumptions=(
        "λ is an L2 penalty that is part of the rule, and sets how fast ηₜ falls, as torch.optim does it",
        "a is w itself until step t₀ + 2, and from then on the mean of the parameters; it does not enter w",
    ),
    sources=("polyak-juditsky-1992", "pytorch-asgd"),
    unanswered=NO_JAX,
)
@each_parameter("a")
def asgd(
    w: Array, g: Array, t: int, a: Array,
    *, eta: float = 0.01, lam: float = 1e-4, alpha: float = 0.75, t0: float = 1e6,
) -> Any:  # fmt: skip
    """Averaged SGD: w ← (1 − ληₜ)w − ηₜg with ηₜ = η/(1 + λη(t − 1))^α, and beside it the mean a of the late w.

    a ← a + (w − a)/max(1, t − 1 − t₀): steps that are longer than the best ones for w itself, and an average that takes
    their noise away. g enters w linearly.
    """
    rate, kept = exactly(_cooled, eta, lam, alpha, t)
    w = kept * w - rate * g
    late = t - 1 - t0
    share = 1 / late if late > 1 else 1.0
    return w, share * w + (1 - share) * a


SLOW = "Piecewise((w, t <= 1), (s, True))"


@formula(
    "update/lookahead",
    statement=f"Piecewise(((1 - alpha)*{SLOW} + alpha*(w - eta*dC), Eq(Mod(t, period), 0)), (w - eta*dC, True))",
    derivative="Piecewise((-eta*alpha, Eq(Mod(t, period), 0)), (-eta, True))",
    arguments=("dC", "w", "s", "t"),
    assumptions=("the inner rule is gradient descent; any other may stand in its place", "s starts at w", COUPLED),
    sources=("zhang-lucas-2019", "optax-lookahead"),
    unanswered=NO_TORCH,
)
@each_parameter("s")
def lookahead(w: Array, g: Array, t: int, s: Array, *, eta: float = 0.01, alpha: float = 0.5, period: int = 5) -> Any:
    """Lookahead: k fast steps w ← w − ηg, then one slow one, s ← s + α(w − s), from which the fast go on: w ← s.

    In the step that ends a period the gradient counts α times.
    """
    s = w if t == 1 else s
    w = w - eta * g
    if t % period:
        return w, 1 * s
    s = (1 - alpha) * s + alpha * w
    return s, s.copy()


FROM = "Piecewise((w, t <= 1), (z, True))"
NEW = "(beta1/t + 1 - beta1)"  # the share of the new z in w
HELD = f"(1 - 1/t)*(w - (1 - beta1)*{FROM})"
INTERPOLATED = (
    "w is the point between x and z at which gradients are taken; the average is x = (w − (1 − β₁)z)/β₁",
    "η is constant, so that the t-th z has the share 1/t in x; with a schedule the paper weighs by η²",
    "z starts at w",
)


def _free(w: Array, z: Array, step: Any, t: int, beta1: Any) -> tuple[Any, Any]:
    """z ← z − step, x ← x + (z − x)/t and w ← β₁x + (1 − β₁)z, without a division by β₁."""
    held, share = exactly(lambda beta, t: (1 - 1 / t, beta / t + 1 - beta), beta1, t)
    x = held * (w - (1 - beta1) * z)
    z = z - step
    return x + share * z, z


@formula(
    "update/schedule_free_sgd",
    statement=f"{HELD} + {NEW}*({FROM} - eta*(dC + lam*w))",
    derivative=f"-eta*{NEW}",
    arguments=("dC", "w", "z", "t"),
    assumptions=INTERPOLATED,
    sources=("defazio-2024", "optax-contrib-schedule-free-sgd"),
    unanswered=NO_TORCH,
)
@each_parameter("z")
def schedule_free_sgd(
    w: Array, g: Array, t: int, z: Array, *, eta: float = 0.01, beta1: float = 0.9, lam: float = 0.0
) -> Any:
    """Schedule-free SGD: z ← z − η(g + λw), x ← (1 − 1/t)x + z/t, w ← β₁x + (1 − β₁)z.

    An average in place of a schedule of learning rates. z counts in w by 1 − β₁, and through x by β₁/t.
    """
    z = w if t == 1 else z
    return _free(w, z, eta * (g + lam * w), t, beta1)


SQUARE = "(beta2*v + (1 - beta2)*dC**2)"
B = "(1 - beta2**t)"
ROOT = f"sqrt({SQUARE}/{B})"


@formula(
    "update/schedule_free_adamw",
    statement=f"{HELD} + {NEW}*({FROM} - eta*(dC/({ROOT} + eps) + lam*w))",
    derivative=f"-eta*{NEW}*(1/({ROOT} + eps) - (1 - beta2)*dC**2/({B}*{ROOT}*({ROOT} + eps)**2))",
    arguments=("dC", "w", "z", "v", "t"),
    assumptions=(*INTERPOLATED, OUTSIDE, "v starts at 0 and is bias-corrected"),
    sources=("defazio-2024", "optax-contrib-schedule-free-adamw"),
    unanswered=NO_TORCH,
)
@each_parameter("z", "v")
def schedule_free_adamw(
    w: Array, g: Array, t: int, z: Array, v: Array,
    *, eta: float = 0.0025, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, lam: float = 0.0,
) -> Any:  # fmt: skip
    """Schedule-free AdamW: z ← z − η(g/(√v̂ + ε) + λw), averaged as in `schedule_free_sgd`, which is its momentum.

    Quotient rule on g/(√v̂ + ε), with ∂√v̂/∂g = (1 − β₂)g/((1 − β₂ᵗ)√v̂).
    """
    z = w if t == 1 else z
    old, v = v, beta2 * v + (1 - beta2) * g * g
    scaled = over_root(g, v, (beta2, old, 1 - beta2, g), eps, weight(beta2, t))
    return *_free(w, z, eta * (scaled + lam * w), t, beta1), v
