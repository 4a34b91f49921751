"""MoMo: momentum that knows the value of the cost, and the ascent of SAM; read as `reference.updates.distances`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.distances import ALONG, GIVEN, SEEN, cut
from reference.updates.norms import STEEP
from reference.updates.optimizers import OUTSIDE
from reference.updates.steps import each_parameter, inner, norm, one, over_norm, over_root, smaller, total, weight

NO_TORCH = {"torch": "torch.optim has none"}
BOUND = "`lower`, a bound of the cost from below, is given and stays"
DECAY = "the decay divides by 1 + ηλ, a proximal step"

KEPT = "Piecewise((0, t <= 1), (beta1, True))"
SHARE = "Piecewise((1, t <= 1), (1 - beta1, True))"
MEAN = f"({KEPT}*m[{{0}}] + {SHARE}*dC[{{0}}])"
M, M_K = MEAN.format("i"), MEAN.format("k")
GAP = f"((1 + eta*lam)*({KEPT}*F + {SHARE}*value - lower - {KEPT}*r - {SHARE}*{ALONG}) + Sum({M_K}*w[k], (k, 1, d)))"
LENGTH = f"Sum({M_K}**2, (k, 1, d))"
TURNED = f"Sum({M_K}*v[k], (k, 1, d))"


@formula(
    "update/momo",
    statement=f"w[i]/(1 + eta*lam) - {M}*Piecewise((0, {GAP} < 0), (eta, eta*{LENGTH} < {GAP}),"
    f" ({GAP}/{LENGTH}, True))",
    derivative=f"Piecewise((0, {GAP} < 0), (-eta*{SHARE}*v[i], eta*{LENGTH} < {GAP}),"
    f" (-{SHARE}*({GAP}*v[i] - eta*lam*w[i]*{TURNED} - 2*{GAP}*{M}*{TURNED}/{LENGTH})/{LENGTH}, True))",
    arguments=("dC[i]", "w[i]", "m[i]", "F", "r", "t"),
    assumptions=(GIVEN, BOUND, DECAY, "all averages start at the first gradient", "no step where m = 0"),
    sources=("schaipp-2024", "optax-contrib-momo"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "F", "r", shapes={"F": one, "r": one}, joint=True)
def momo(
    w: Array, g: Array, t: int, m: Array, F: Array, r: Array,
    *, eta: float = 1.0, beta1: float = 0.9, value: float = 1.0, lower: float = 0.0, lam: float = 0.0,
) -> Any:  # fmt: skip
    """MoMo: w ← w/(1 + ηλ) − τm, τ = min(η, h₊/‖m‖²), where the averaged model of the cost would reach its bound.

    m, F and r are averages of g, of C and of ⟨g, w⟩, and h = (1 + ηλ)(F − C* − r) + ⟨m, w⟩. For the new averages
    ⟨m, w⟩ − r is β₁ times that of the old ones, so that h answers to g by −(1 − β₁)ηλw alone.
    """
    kept, share = (0.0, 1.0) if t == 1 else (beta1, 1 - beta1)
    ahead = kept * (total(m * w) - r) if t > 1 else 0 * r
    m, F, r = kept * m + share * g, kept * F + share * value, kept * r + inner(g, w, share)
    gap = (1 + eta * lam) * (F - lower) + ahead - (eta * lam * r if lam else 0)
    return w / (1 + eta * lam) - cut(np.maximum(gap, 0), m, eta), m, F, r


A, B = "(1 - beta1**t)", "(1 - beta2**t)"
AVERAGE = "(beta1*m[{0}] + (1 - beta1)*dC[{0}])"
ROOT = f"sqrt((beta2*q[{{0}}] + (1 - beta2)*dC[{{0}}]**2)/{B})"
U = f"({AVERAGE}/({ROOT} + eps))"
N = f"Sum({AVERAGE.format('k')}*{U.format('k')}, (k, 1, d))"
H = (
    f"((1 + eta*lam)*(beta1*F + (1 - beta1)*value - {A}*lower - beta1*r - (1 - beta1)*{ALONG})"
    f" + Sum({AVERAGE.format('k')}*w[k], (k, 1, d)))"
)
UV = f"Sum({U.format('k')}*v[k], (k, 1, d))"
MI, RI, UI = (x.format("i") for x in (AVERAGE, ROOT, U))
DU = f"((1 - beta1)/({RI} + eps) - {MI}*(1 - beta2)*dC[i]/({B}*{RI}*({RI} + eps)**2))"
DN = f"((1 - beta1)*{UI} + {MI}*{DU})"


@formula(
    "update/momo_adam",
    statement=f"w[i]/(1 + eta*lam) - {UI}*Piecewise((0, {H} < 0), (eta/{A}, eta*{N} < {A}*{H}), ({H}/{N}, True))",
    derivative=f"Piecewise((0, {H} < 0), (-eta/{A}*v[i]*{DU}, eta*{N} < {A}*{H}),"
    f" (-(({H}*v[i]*{DU} - (1 - beta1)*eta*lam*w[i]*{UV})/{N} - {H}*{DN}*{UV}/{N}**2), True))",
    arguments=("dC[i]", "w[i]", "m[i]", "q[i]", "F", "r", "t"),
    assumptions=(GIVEN, BOUND, DECAY, OUTSIDE, "all averages start at 0; the bound counts 1 − β₁ᵗ times"),
    sources=("schaipp-2024", "optax-contrib-momo-adam"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "q", "F", "r", shapes={"F": one, "r": one}, joint=True)
def momo_adam(
    w: Array, g: Array, t: int, m: Array, q: Array, F: Array, r: Array,
    *, eta: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, value: float = 1.0,
    lower: float = 0.0, lam: float = 0.0,
) -> Any:  # fmt: skip
    """MoMo-Adam: as MoMo, in the metric √q̂ + ε of Adam: u = m/(√q̂ + ε), w ← w/(1 + ηλ) − τu.

    τ = min(η/(1 − β₁ᵗ), h₊/⟨m, u⟩). u answers to g as Adam's step does, and ⟨m, u⟩ by (1 − β₁)u + m∂u/∂g.
    """
    ahead = beta1 * (total(m * w) - r)
    m, F, r = beta1 * m + (1 - beta1) * g, beta1 * F + (1 - beta1) * value, beta1 * r + inner(g, w, 1 - beta1)
    old, q = q, beta2 * q + (1 - beta2) * g * g
    A = weight(beta1, t)
    gap = (1 + eta * lam) * (F - A * lower) + ahead - (eta * lam * r if lam else 0)
    u = over_root(m, q, (beta2, old, 1 - beta2, g), eps, weight(beta2, t))
    work = total(m * u)
    step = u * smaller(np.maximum(gap, 0) / work, eta / A)
    step = np.where(work == 0, 0.0, step) if isinstance(work, np.ndarray) else step
    return w / (1 + eta * lam) - step, m, q, F, r


@formula(
    "update/sam",
    statement=f"Piecewise((w[i] + radius*dC[i]/{STEEP}, Eq(Mod(t, 2), 1)), (c[i] - eta*dC[i], True))",
    derivative=f"Piecewise((radius*(v[i]/{STEEP} - dC[i]*{SEEN}/{STEEP}**3), Eq(Mod(t, 2), 1)), (-eta*v[i], True))",
    arguments=("dC[i]", "w[i]", "c[i]", "t"),
    assumptions=(
        "two steps of this rule are one of SAM: to where the cost is larger, and from there",
        "descent is plain; any other rule may stand in its place",
        "no ascent where dC = 0",
    ),
    sources=("foret-2021", "optax-contrib-sam"),
    unanswered=NO_TORCH,
)
@each_parameter("c", joint=True)
def sam(w: Array, g: Array, t: int, c: Array, *, eta: float = 0.01, radius: float = 0.05) -> Any:
    """Sharpness-aware minimization: c ← w, w ← w + ρg/‖g‖ in odd steps; w ← c − ηg in even ones.

    The second gradient is that at the worst place nearby, as far as a first one can tell. The direction ĝ answers by
    (I − ĝĝᵀ)/‖g‖.
    """
    if t % 2 == 0:
        return c - eta * g, 1 * c
    ascent = over_norm(g)
    ascent = np.where(norm(g) == 0, 0.0, ascent) if isinstance(ascent, np.ndarray) else ascent
    return w + radius * ascent, 1 * w
