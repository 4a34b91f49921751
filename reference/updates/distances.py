"""Optimizer steps that find their own size: from the value of the cost, or from how far the parameters have come.

How they are read: `reference.updates.optimizers`. Norms, sums and products are over the entries of all parameters,
which are one vector here; their second moment is called q. The derivative is the pullback of a cotangent v of the new
parameters. What is kept as one number, D, r, F or G, stands beside every parameter, the same for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.norms import LONG, SQUARE
from reference.updates.optimizers import COUPLED, OUTSIDE
from reference.updates.steps import (
    SMALL,
    each_parameter,
    hypot,
    norm,
    one,
    over_norm,
    over_root,
    smaller,
    total,
    weight,
)

NO_TORCH = {"torch": "torch.optim has none"}
GIVEN = "`value`, the cost at w, is given with every step"
SEEN = "Sum(dC[k]*v[k], (k, 1, d))"  # ⟨g, v⟩
ALONG = "Sum(dC[k]*w[k], (k, 1, d))"  # ⟨g, w⟩


def cut(gap: Any, m: Array, most: Any, eps: Any = 0.0) -> Any:
    """min(gap/(‖m‖² + ε), most)·m, also where squares leave the range; 0 where m is."""
    size = total(m * m) + eps
    share = gap / size
    if not isinstance(share, np.ndarray) or not np.any(np.isinf(size) | (size < SMALL)):
        return m * smaller(share, most)
    length = hypot(norm(m), eps**0.5)
    scaled = np.where(gap / length / length < most, m / length * (gap / length), most * m)
    return np.where(length == 0, 0.0, scaled)


POLYAK = f"(value - lower)/({SQUARE} + eps)"


@formula(
    "update/polyak_sgd",
    statement=f"w[i] - eta*Piecewise(({POLYAK}*dC[i], {POLYAK} < most), (most*dC[i], True))",
    derivative=f"-eta*Piecewise(({POLYAK}*(v[i] - 2*dC[i]*{SEEN}/({SQUARE} + eps)), {POLYAK} < most),"
    " (most*v[i], True))",
    arguments=("dC[i]", "w[i]"),
    assumptions=(
        GIVEN,
        "the paper's c is 1/η; it has no ε",
        "no step where dC = 0; Optax takes none where ‖dC‖² + ε ≤ 2.2e-16",
        COUPLED,
    ),
    sources=("loizou-2021", "optax-polyak-sgd"),
    unanswered=NO_TORCH,
)
@each_parameter(joint=True)
def polyak_sgd(
    w: Array, g: Array, t: int,
    *, eta: float = 1.0, value: float = 1.0, lower: float = 0.0, most: float = 1.0, eps: float = 0.0,
) -> Any:  # fmt: skip
    """The stochastic Polyak step: w ← w − η·min((C − C*)/(‖g‖² + ε), γ)·g, for a lower bound C* of the cost.

    On a line of slope ‖g‖ that length leads to C*. g/(‖g‖² + ε) answers by (I − 2ggᵀ/(‖g‖² + ε))/(‖g‖² + ε).
    """
    return w - eta * cut(value - lower, g, most, eps)


FARTHEST = f"Piecewise((alpha*(1 + {LONG}), t <= 1), (Max(r, sqrt(Sum((w[k] - x0[k])**2, (k, 1, d)))), True))"
SUMMED = f"sqrt(G + {SQUARE} + eps)"


@formula(
    "update/dog",
    statement=f"w[i] - eta*{FARTHEST}*dC[i]/{SUMMED}",
    derivative=f"-eta*{FARTHEST}*(v[i]/{SUMMED} - dC[i]*{SEEN}/{SUMMED}**3)",
    arguments=("dC[i]", "w[i]", "x0[i]", "r", "G", "t"),
    assumptions=(
        "r starts at α(1 + ‖w‖), x0 at w and G at 0",
        "ε is added inside the root, as Optax; the paper has none",
        COUPLED,
    ),
    sources=("ivgi-2023", "optax-contrib-dog"),
    unanswered=NO_TORCH,
)
@each_parameter("x0", "r", "G", shapes={"r": one, "G": one}, joint=True)
def dog(
    w: Array, g: Array, t: int, x0: Array, r: Array, G: Array,
    *, eta: float = 1.0, alpha: float = 1e-6, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """DoG, distance over gradients: w ← w − ηr/√(G + ε)·g, r the farthest from the start, G the sum of all ‖g‖².

    r does not know g; 1/√(G + ‖g‖² + ε) answers by −g/(…)^(3/2).
    """
    x0 = 1 * (w if t == 1 else x0)
    r = alpha * (1 + norm(w)) if t == 1 else np.maximum(r, norm(w - x0))
    length = norm(g)
    unit = over_norm(g, beside=hypot(np.sqrt(G), eps**0.5))
    return w - eta * (unit * r), x0, r, G + length * length


REACHED = "Piecewise((initial, t <= 1), (Max(r, Sum((w[k] - x0[k])**2, (k, 1, d))), True))"
WEIGHTED = f"sqrt(G + {REACHED}*{SQUARE})"


@formula(
    "update/dowg",
    statement=f"w[i] - eta*{REACHED}*dC[i]/({WEIGHTED} + eps)",
    derivative=f"-eta*{REACHED}*(v[i]/({WEIGHTED} + eps) - {REACHED}*dC[i]*{SEEN}/({WEIGHTED}*({WEIGHTED} + eps)**2))",
    arguments=("dC[i]", "w[i]", "x0[i]", "r", "G", "t"),
    assumptions=(
        "r, the largest squared distance, starts at `initial`, x0 at w and G at 0",
        "ε is added outside the root, as Optax; the paper has none",
        COUPLED,
    ),
    sources=("khaled-2023", "optax-contrib-dowg"),
    unanswered=NO_TORCH,
)
@each_parameter("x0", "r", "G", shapes={"r": one, "G": one}, joint=True)
def dowg(
    w: Array, g: Array, t: int, x0: Array, r: Array, G: Array,
    *, eta: float = 1.0, initial: float = 1e-4, eps: float = 1e-4,
) -> Any:  # fmt: skip
    """DoWG: w ← w − ηr/(√G + ε)·g with r the largest ‖w − x₀‖² and G the sum of all r‖g‖²: late gradients count more.

    1/(√(G + r‖g‖²) + ε) answers by −rg/(√…·(√… + ε)²).
    """
    x0 = 1 * (w if t == 1 else x0)
    away = norm(w - x0)
    r = 0 * r + initial if t == 1 else np.maximum(r, away * away)
    length = np.sqrt(r) * norm(g)
    return w - eta * (over_norm(g, share=r, beside=np.sqrt(G), eps=eps) * r), x0, r, G + length * length


A, B = "(1 - beta1**t)", "(1 - beta2**t)"
BEGUN = "Piecewise((d0, t <= 1), (D, True))"
PACE = f"({BEGUN}*eta*sqrt{B}/{A})"
STEP = f"(beta1*m + (1 - beta1)*{PACE}*dC)"
ROOT = "sqrt(beta2*q + (1 - beta2)*dC**2)"
PACED = "η stands for the schedule of the paper; 1 leaves the size to D"


def _kept(beta2: Any) -> tuple[Any, Any]:
    """√β₂, and 1 less it."""
    return beta2**0.5, (1 - beta2) / (1 + beta2**0.5)


def _at_least(D: Array, r: Array, size: Array) -> Any:
    """max(D, r/size), and D where size is 0."""
    if not isinstance(size, np.ndarray):
        return np.maximum(D, r / size)
    return np.maximum(D, np.where(size == 0, 0.0, r / size))


@formula(
    "update/dadapt_adamw",
    statement=f"(1 - lam*{PACE})*w - {STEP}/({ROOT} + eps)",
    derivative=f"-((1 - beta1)*{PACE}/({ROOT} + eps) - {STEP}*(1 - beta2)*dC/({ROOT}*({ROOT} + eps)**2))",
    arguments=("dC", "w", "m", "q", "p", "D", "r", "t"),
    assumptions=(
        "D starts at d0; the estimate of a step is used from the next one on",
        "bias is corrected in the rate, by √(1 − β₂ᵗ)/(1 − β₁ᵗ), as Optax; the paper corrects none",
        "m, q, p and r start at 0",
        OUTSIDE,
        PACED,
    ),
    sources=("defazio-mishchenko-2023", "optax-contrib-dadapt-adamw"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "q", "p", "D", "r", shapes={"D": one, "r": one}, joint=True)
def dadapt_adamw(
    w: Array, g: Array, t: int, m: Array, q: Array, p: Array, D: Array, r: Array,
    *, eta: float = 1.0, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, d0: float = 1e-6,
    lam: float = 0.0,
) -> Any:  # fmt: skip
    """D-adapted AdamW: AdamW at the rate λₜ = ηD·√(1 − β₂ᵗ)/(1 − β₁ᵗ), with D a lower bound of the distance to go.

    p ← σp + (1 − σ)λₜg and r ← σr + (1 − σ)λₜ⟨g, p/(√q + ε)⟩ with σ = √β₂, before p and q are new; then
    D ← max(D, r/((1 − σ)‖p‖₁)). The step knows g as Adam's does, since D is that of the step before.
    """
    D = 0 * D + d0 if t == 1 else D
    kept, share = _kept(beta2)
    rate = D * (eta * weight(beta2, t) ** 0.5 / weight(beta1, t))
    r = kept * r + share * (rate * (0 * D if t == 1 else total(g * (p / (np.sqrt(q) + eps)))))
    m, p = beta1 * m + (1 - beta1) * (rate * g), kept * p + share * (rate * g)
    old, q = q, beta2 * q + (1 - beta2) * g * g
    w = w - lam * (rate * w) - over_root(m, q, (beta2, old, 1 - beta2, g), eps)
    return w, m, q, p, _at_least(D, r, share * total(np.abs(p))), r


def _prodigy(k: str) -> tuple[str, str, str]:
    """Mean, root and sum of gradients at an index, as printed."""
    return (
        f"(beta1*m[{k}] + (1 - beta1)*{BEGUN}*dC[{k}])",
        f"sqrt(beta2*q[{k}] + (1 - beta2)*({BEGUN}*dC[{k}])**2)",
        f"(sqrt(beta2)*p[{k}] + {PACE}*{BEGUN}/d0*dC[{k}])",
    )


M_I, Q_I, P_I = _prodigy("i")
M_K, Q_K, P_K = _prodigy("k")
BACK = "Piecewise((0, t <= 1), (x0[{0}] - w[{0}], True))"  # the way back to the start
ONE_NORM = f"Sum(Abs({P_K}), (k, 1, d))"
GAINED = f"(coefficient*(sqrt(beta2)*r + {PACE}*{BEGUN}/d0*Sum(dC[k]*{BACK.format('k')}, (k, 1, d))))"
ESTIMATE = f"({GAINED}/{ONE_NORM})"
GROWN = f"Max({BEGUN}, {ESTIMATE})"
GROWS = (
    f"Piecewise(({PACE}*{BEGUN}/d0*(coefficient*{BACK.format('i')} - {ESTIMATE}*sign({P_I}))/{ONE_NORM},"
    f" {GAINED} > {BEGUN}*{ONE_NORM}), (0, True))"
)


@formula(
    "update/prodigy",
    statement=f"(1 - lam*{PACE})*w[i] - {PACE}*{M_I}/({Q_I} + {GROWN}*eps)",
    derivative=f"-{PACE}*(v[i]*((1 - beta1)*{BEGUN}/({Q_I} + {GROWN}*eps)"
    f" - {M_I}*(1 - beta2)*{BEGUN}**2*dC[i]/({Q_I}*({Q_I} + {GROWN}*eps)**2))"
    f" - {GROWS}*Sum(v[k]*{M_K}*eps/({Q_K} + {GROWN}*eps)**2, (k, 1, d)))",
    arguments=("dC[i]", "w[i]", "m[i]", "q[i]", "p[i]", "x0[i]", "D", "r", "t"),
    assumptions=(
        "D starts at d0; its new estimate multiplies ε alone until the next step",
        "β₃ = √β₂, the paper's default",
        "bias is corrected in the rate, by √(1 − β₂ᵗ)/(1 − β₁ᵗ)",
        "m, q, p and r start at 0, x0 at w",
        PACED,
    ),
    sources=("mishchenko-defazio-2024", "optax-contrib-prodigy"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "q", "p", "x0", "D", "r", shapes={"D": one, "r": one}, joint=True)
def prodigy(
    w: Array, g: Array, t: int, m: Array, q: Array, p: Array, x0: Array, D: Array, r: Array,
    *, eta: float = 1.0, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, d0: float = 1e-6,
    coefficient: float = 1.0, lam: float = 0.0,
) -> Any:  # fmt: skip
    """Prodigy: AdamW on the gradients Dg at the rate λₜ = ηD·√(1 − β₂ᵗ)/(1 − β₁ᵗ), with D that grows faster.

    r ← β₃r + λₜD/d₀·⟨g, x₀ − w⟩, p ← β₃p + λₜD/d₀·g, and D ← max(D, c·r/‖p‖₁), which stands beside ε. Where it grows,
    it answers to g by λₜD/d₀(c(x₀ − w) − D sign p)/‖p‖₁, and so does every entry of w.
    """
    x0, D = 1 * (w if t == 1 else x0), 0 * D + d0 if t == 1 else D
    kept, _ = _kept(beta2)
    rate = D * (eta * weight(beta2, t) ** 0.5 / weight(beta1, t))
    far = rate * (D / d0)
    r = kept * r + far * total(g * (x0 - w))
    p = kept * p + far * g
    grown = _at_least(D, coefficient * r, total(np.abs(p)))
    m = beta1 * m + (1 - beta1) * (D * g)
    old, q = q, beta2 * q + (1 - beta2) * (D * g) * (D * g)
    step = over_root(m, q, (beta2, old, 1 - beta2, D * g), grown * eps)
    if isinstance(step, np.ndarray) and eps > 0:
        step = np.where(m == 0, 0.0, step)  # also where Dε is beyond the range
    w = w - lam * (rate * w) - rate * step
    return w, m, q, p, x0, grown, r
