"""Optimizer steps as long as their layer: rules that know the norms of a whole parameter and of its gradient.

How they are read: `reference.updates.optimizers`. An array here is one layer; its entries carry an index, and sums run
over all of them. The derivative is the pullback of a cotangent v of the new parameter. Second moments are called q.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED, FIRST, OUTSIDE
from reference.updates.steps import each_parameter, larger, norm, one, over_norm, over_root, total, weight

NO_TORCH = {"torch": "torch.optim has none"}
LONG = "sqrt(Sum(w[k]**2, (k, 1, d)))"  # ‖w‖
RATIO = "where ‖w‖ or the norm it is divided by is 0, the ratio is 1"


def _trusted(u: Array, w: Array, trust: Any = 1.0, eps: Any = 0.0) -> Any:
    """τ‖w‖/(‖u‖ + ε)·u, and u itself where a norm is 0."""
    size, length = norm(w), norm(u)
    scaled = over_norm(u, eps=eps) * (trust * size)
    return np.where((size == 0) | (length == 0), u, scaled) if isinstance(length, np.ndarray) else scaled


PENALISED = "(dC[{0}] + lam*w[{0}])"
LENGTH = f"sqrt(Sum({PENALISED.format('k')}**2, (k, 1, d)))"


@formula(
    "update/lars",
    statement=f"w[i] - mu*b[i] - eta*trust*{LONG}*{PENALISED.format('i')}/({LENGTH} + eps)",
    derivative=f"-eta*trust*{LONG}/({LENGTH} + eps)*(v[i] - {PENALISED.format('i')}"
    f"*Sum({PENALISED.format('k')}*v[k], (k, 1, d))/({LENGTH}*({LENGTH} + eps)))",
    arguments=("dC[i]", "w[i]", "b[i]"),
    assumptions=(
        "divided by ‖dC + λw‖, as implemented; the paper divides by ‖dC‖ + λ‖w‖",
        "the velocity holds η: a change of η acts on new gradients alone, as in the paper",
        RATIO,
        FIRST,
    ),
    sources=("you-2017", "optax-lars"),
    unanswered=NO_TORCH,
)
@each_parameter("b")
def lars(
    w: Array, g: Array, t: int, b: Array,
    *, eta: float = 0.1, mu: float = 0.9, lam: float = 0.0, trust: float = 0.001, eps: float = 0.0,
) -> Any:  # fmt: skip
    """LARS: u = g + λw, b ← μb + ητ‖w‖/(‖u‖ + ε)·u, w ← w − b: every layer moves by a share of its own length.

    The direction û = u/‖u‖ has the Jacobian (I − ûûᵀ)/‖u‖; with ε, 1/(‖u‖ + ε) answers by −û/(‖u‖ + ε)².
    """
    b = mu * b + eta * _trusted(g + lam * w, w, trust, eps)
    return w - b, b


def _moments(k: str) -> tuple[str, str, str]:
    """m̂, √q̂ and the direction u of LAMB at an index, as printed."""
    m = f"(beta1*m[{k}] + (1 - beta1)*dC[{k}])/(1 - beta1**t)"
    root = f"sqrt((beta2*q[{k}] + (1 - beta2)*dC[{k}]**2)/(1 - beta2**t))"
    return m, root, f"({m}/({root} + eps) + lam*w[{k}])"


MEAN, ROOT, U = _moments("i")
U_K = _moments("k")[2]
SQUARE_U = f"Sum({U_K}**2, (k, 1, d))"


@formula(
    "update/lamb",
    statement=f"w[i] - eta*{LONG}/sqrt({SQUARE_U})*{U}",
    derivative=f"-eta*{LONG}/sqrt({SQUARE_U})*(v[i] - {U}*Sum({U_K}*v[k], (k, 1, d))/{SQUARE_U})"
    f"*((1 - beta1)/(1 - beta1**t)/({ROOT} + eps)"
    f" - {MEAN}*(1 - beta2)*dC[i]/((1 - beta2**t)*{ROOT}*({ROOT} + eps)**2))",
    arguments=("dC[i]", "w[i]", "m[i]", "q[i]", "t"),
    assumptions=("φ(‖w‖) = ‖w‖, the paper's choice; it clips none", RATIO, OUTSIDE, FIRST),
    sources=("you-2020", "optax-lamb"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "q")
def lamb(
    w: Array, g: Array, t: int, m: Array, q: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-6, lam: float = 0.0,
) -> Any:  # fmt: skip
    """LAMB: the direction u = m̂/(√q̂ + ε) + λw of AdamW, scaled to the length of the layer: w ← w − η‖w‖/‖u‖·u.

    The scaling has the Jacobian ‖w‖(I − ûûᵀ)/‖u‖; u answers to g entry by entry, as Adam's step does.
    """
    m = beta1 * m + (1 - beta1) * g
    old, q = q, beta2 * q + (1 - beta2) * g * g
    u = over_root(m / weight(beta1, t), q, (beta2, old, 1 - beta2, g), eps, weight(beta2, t)) + lam * w
    return w - eta * _trusted(u, w), m, q


SQUARE = "Sum(dC[k]**2, (k, 1, d))"
SHARE = "Piecewise((1, t <= 1), (1 - beta2, True))"
SIZE = f"sqrt(Piecewise(({SQUARE}, t <= 1), (beta2*q + (1 - beta2)*{SQUARE}, True)))"


@formula(
    "update/novograd",
    statement=f"w[i] - eta*(beta1*m[i] + dC[i]/({SIZE} + eps) + lam*w[i])",
    derivative=f"-eta*(v[i]/({SIZE} + eps) - {SHARE}*dC[i]*Sum(dC[k]*v[k], (k, 1, d))/({SIZE}*({SIZE} + eps)**2))",
    arguments=("dC[i]", "w[i]", "m[i]", "q", "t"),
    assumptions=(
        "q, the mean of ‖dC‖², is one number for an array, and the first ‖dC‖² itself at the start",
        "the decay joins the velocity, as in the paper",
        OUTSIDE,
        "m starts at 0",
    ),
    sources=("ginsburg-2019", "optax-novograd"),
    unanswered=NO_TORCH,
)
@each_parameter("m", "q", shapes={"q": one})
def novograd(
    w: Array, g: Array, t: int, m: Array, q: Array,
    *, eta: float = 0.001, beta1: float = 0.9, beta2: float = 0.25, eps: float = 1e-6, lam: float = 0.0,
) -> Any:  # fmt: skip
    """NovoGrad: q ← β₂q + (1 − β₂)‖g‖², m ← β₁m + g/(√q + ε) + λw, w ← w − ηm: a second moment for a whole layer.

    ∂√q/∂g = (1 − β₂)g/√q, where every entry meets every other: 1/(√q + ε) answers by −(1 − β₂)g/(√q(√q + ε)²).
    """
    kept, share = (0.0, 1.0) if t == 1 else (beta2, 1 - beta2)
    length = norm(g)
    unit = over_norm(g, share=share, beside=kept**0.5 * np.sqrt(q), eps=eps) if t > 1 else over_norm(g, eps=eps)
    m = beta1 * m + unit + lam * w
    return w - eta * m, m, kept * q + share * length * length


STEEP = f"sqrt({SQUARE})"


@formula(
    "update/fromage",
    statement=f"(w[i] - eta*Max({LONG}, least)*Piecewise((dC[i]/{STEEP}, {STEEP} > least), (dC[i]/least, True)))"
    "/sqrt(1 + eta**2)",
    derivative=f"-eta*Max({LONG}, least)/sqrt(1 + eta**2)*Piecewise((v[i]/{STEEP}"
    f" - dC[i]*Sum(dC[k]*v[k], (k, 1, d))/{STEEP}**3, {STEEP} > least), (v[i]/least, True))",
    arguments=("dC[i]", "w[i]"),
    assumptions=("norms count as `least` at least, as Optax does; the paper divides by ‖dC‖ as it is", COUPLED),
    sources=("bernstein-2020", "optax-fromage"),
    unanswered=NO_TORCH,
)
@each_parameter()
def fromage(w: Array, g: Array, t: int, *, eta: float = 0.01, least: float = 1e-6) -> Any:
    """Fromage: w ← (w − η‖w‖/‖g‖·g)/√(1 + η²).

    A step of η‖w‖ across w would lengthen it by √(1 + η²), which the division takes back, so that layers do not grow.
    ĝ = g/‖g‖ has the Jacobian (I − ĝĝᵀ)/‖g‖.
    """
    turned = w - eta * (over_norm(g, least=least) * larger(norm(w), least))
    return turned / (1 + eta * eta) ** 0.5


ROW = "sqrt(Sum(dC[i, k]**2, (k, 1, d)))"
LIMIT = "(clip*Max(sqrt(Sum(w[i, k]**2, (k, 1, d))), eps))"


@formula(
    "update/adaptive_clipping",
    statement=f"w[i, j] - eta*Piecewise((dC[i, j], {ROW} < {LIMIT}), ({LIMIT}/{ROW}*dC[i, j], True))",
    derivative=f"-eta*Piecewise((v[i, j], {ROW} < {LIMIT}),"
    f" ({LIMIT}/{ROW}*(v[i, j] - dC[i, j]*Sum(dC[i, k]*v[i, k], (k, 1, d))/{ROW}**2), True))",
    arguments=("dC[i, j]", "w[i, j]"),
    assumptions=(
        "a unit is a row: norms are over every axis but the first, and over all of an array without rows",
        "derivative: off the kink at ‖dC‖ = clip·max(‖w‖, ε)",
        "Optax counts ‖dC‖ as 1e-6 at least",
    ),
    sources=("brock-2021", "optax-adaptive-grad-clip"),
    unanswered=NO_TORCH,
)
@each_parameter()
def adaptive_clipping(w: Array, g: Array, t: int, *, eta: float = 0.1, clip: float = 0.01, eps: float = 1e-3) -> Any:
    """Descent with adaptive gradient clipping: rows of g longer than λ·max(‖w‖, ε) are cut to that length.

    Within the limit the slope is 1; beyond it that of a direction, λ max(‖w‖, ε)(I − ĝĝᵀ)/‖g‖, row by row.
    """
    axes = tuple(range(1, len(w.shape))) or None
    limit = clip * larger(norm(w, axes), eps)
    return w - eta * (over_norm(g, axes, least=limit) * limit)


@formula(
    "update/centralize",
    statement="w[i, j] - eta*(dC[i, j] - Sum(dC[i, k], (k, 1, d))/d)",
    derivative="-eta*(v[i, j] - Sum(v[i, k], (k, 1, d))/d)",
    arguments=("dC[i, j]", "w[i, j]"),
    assumptions=("means are over every axis but the first; what has no rows stays as it is", "descent is plain"),
    sources=("yong-2020", "optax-centralize"),
    unanswered=NO_TORCH,
)
@each_parameter()
def centralize(w: Array, g: Array, t: int, *, eta: float = 0.01) -> Any:
    """Descent along centralized gradients: every row of g less its mean, w ← w − η(g − ḡ).

    A projection onto rows whose sum is 0, which is symmetric: the pullback takes the mean off v.
    """
    if len(w.shape) < 2:
        return w - eta * g
    entries = max(1, int(np.prod(w.shape[1:])))
    return w - eta * (g - total(g, tuple(range(1, len(w.shape)))) / entries)


BLOCK = f"sqrt({SQUARE}/d)"


@formula(
    "update/clip_by_block_rms",
    statement=f"w[i] - eta*dC[i]/Max(1, {BLOCK}/clip)",
    derivative=f"-eta*Piecewise((v[i], {BLOCK} <= clip),"
    f" (clip/{BLOCK}*(v[i] - dC[i]*Sum(dC[k]*v[k], (k, 1, d))/{SQUARE}), True))",
    arguments=("dC[i]", "w[i]"),
    assumptions=("a block is one array", "descent is plain", "derivative: off the kink at RMS(dC) = clip"),
    sources=("shazeer-stern-2018", "optax-clip-by-block-rms"),
    unanswered=NO_TORCH,
)
@each_parameter()
def clip_by_block_rms(w: Array, g: Array, t: int, *, eta: float = 0.01, clip: float = 1.0) -> Any:
    """Descent with Adafactor's update clipping: w ← w − ηg/max(1, RMS(g)/c), the root mean square of an array.

    Beyond c the direction is all that counts, with the Jacobian (c/RMS)(I − ĝĝᵀ).
    """
    limit = clip * max(1, int(np.prod(w.shape))) ** 0.5
    return w - eta * (over_norm(g, least=limit) * limit)


@formula(
    "update/normalize_by_update_norm",
    statement=f"w[i] - eta*dC[i]/({STEEP} + eps)",
    derivative=f"-eta*(v[i] - dC[i]*Sum(dC[k]*v[k], (k, 1, d))/({STEEP}*({STEEP} + eps)))/({STEEP} + eps)",
    arguments=("dC[i]", "w[i]"),
    assumptions=("one norm over all parameters", "η takes the scale_factor of Optax in"),
    sources=("hazan-2015", "optax-normalize-by-update-norm"),
    unanswered=NO_TORCH,
)
@each_parameter(joint=True)
def normalize_by_update_norm(w: Array, g: Array, t: int, *, eta: float = 0.01, eps: float = 1e-6) -> Any:
    """Normalized gradient descent: w ← w − ηg/(‖g‖ + ε): steps as long as η, wherever the slope is small.

    1/(‖g‖ + ε) answers by −ĝ/(‖g‖ + ε)².
    """
    return w - eta * over_norm(g, eps=eps)
