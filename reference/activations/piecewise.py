"""Activations made of pieces: rectifiers, hard sigmoids, shrinkage, exponential tails. Most have kinks.

At a kink the chosen slope is the one-sided slope of least magnitude (the minimum-norm subgradient), unless the
source prints a branch for that very point. Bodies see flat float64 arrays (`reference.lift`); relu, relu6 and
identity, which round nothing, see float32 as it is.

A rectifier is written max(z, 0) + s·min(z, 0): one of the terms is zero, so the sum rounds nothing.
"""

# Over 400 lines: one formula after another, each with its record.

from __future__ import annotations

import numpy as np

from reference.activation import elementwise, parameter_slope
from reference.activations.smooth import shrunken_tanh, sigmoid, softplus
from reference.exact import exponential, product, quotient, total
from reference.formula import Array, Kink, formula

PRINTED = "the branch z ≤ 0 as the source prints it"
JUMP = "the function jumps here, and keeps the value and slope of the branch that owns the point"
IDENTITY = "the printed slope is that of λ > 0; at λ = 0 the function is the identity, of slope 1 at 0 too"


def _straight(z: Array, a: Array, slope: Array, **parameters: float) -> Array:
    """The curvature of what is made of lines, off its kinks."""
    return np.zeros_like(z)


@formula(
    "activation/identity",
    statement="z",
    derivative="1",
    curvature=_straight,
    sources=("goodfellow-2016",),
)
@elementwise(exact=True)
def identity(z: Array) -> tuple[Array, Array]:
    """Identity: g(z) = z, so g'(z) = 1."""
    slope = np.empty_like(z)
    slope.fill(1.0)
    return z.copy(), slope


@formula(
    "activation/relu",
    statement="Piecewise((z, z > 0), (0, True))",
    derivative="Piecewise((1, z > 0), (0, True))",
    range=("0", "oo"),
    kinks=(Kink(at="0", left="0", right="1", chosen="0"),),
    curvature=_straight,
    sources=("dong-2016", "goodfellow-2016"),
)
@elementwise(exact=True)
def relu(z: Array) -> tuple[Array, Array]:
    """Rectified linear unit max(z, 0): slope 1 on the right, 0 on the left, 0 at the kink."""
    return np.maximum(z, 0.0), (z > 0.0).astype(z.dtype)


@formula(
    "activation/relu6",
    statement="Piecewise((0, z <= 0), (z, z < 6), (6, True))",
    derivative="Piecewise((0, z <= 0), (1, z < 6), (0, True))",
    range=("0", "6"),
    kinks=(Kink(at="0", left="0", right="1", chosen="0"), Kink(at="6", left="1", right="0", chosen="0")),
    curvature=_straight,
    sources=("krizhevsky-2010",),
)
@elementwise(exact=True)
def relu6(z: Array) -> tuple[Array, Array]:
    """Relu clipped at 6: slope 1 between, 0 outside and at both kinks."""
    return np.clip(z, 0, 6), ((z > 0) & (z < 6)).astype(z.dtype)


@formula(
    "activation/squared_relu",
    statement="Piecewise((z**2, z > 0), (0, True))",
    derivative="Piecewise((2*z, z > 0), (0, True))",
    range=("0", "oo"),
    curvature=lambda z, a, slope: 2.0 * (z > 0),
    sources=("so-2021",),
)
@elementwise
def squared_relu(z: Array) -> tuple[Array, Array]:
    """Squared relu max(z, 0)²: slope 2·max(z, 0), which has no kink."""
    m = np.maximum(z, 0)
    return m * m, 2 * m


def _leaky(z: Array, slope: float) -> tuple[Array, Array]:
    """z for z > 0, slope·z otherwise, and the slopes."""
    tail = slope * np.minimum(z, 0) if slope else 0.0  # 0·∞ must not appear
    return np.maximum(z, 0) + tail, np.where(z > 0, 1, slope)


def _leaky_rest(z: Array, slope: float, slope_rest: float = 0.0) -> tuple[Array, float]:
    """What the rounding of (slope + slope_rest)·min(z, 0) lost, and nothing of the slopes."""
    m = np.minimum(z, 0)
    return product(slope, m)[1] + slope_rest * m, 0.0


@formula(
    "activation/leaky_relu",
    statement="Piecewise((z, z > 0), (negative_slope*z, True))",
    derivative="Piecewise((1, z > 0), (negative_slope, True))",
    kinks=(Kink(at="0", left="negative_slope", right="1", chosen="negative_slope"),),
    partials={"negative_slope": "Piecewise((0, z > 0), (z, True))"},
    curvature=_straight,
    sources=("maas-2013",),
)
@elementwise(beyond=lambda z, negative_slope=0.01: _leaky_rest(z, negative_slope))
def leaky_relu(z: Array, negative_slope: float = 0.01) -> tuple[Array, Array]:
    """Leaky rectifier: z for z > 0, s·z otherwise; slopes 1 and s, s at the kink."""
    return _leaky(z, negative_slope)


@formula(
    "activation/prelu",
    statement="Piecewise((z, z > 0), (weight*z, True))",
    derivative="Piecewise((1, z > 0), (weight, True))",
    kinks=(Kink(at="0", left="weight", right="1", chosen="weight", why=PRINTED),),
    partials={"weight": "Piecewise((0, z > 0), (z, True))"},
    curvature=_straight,
    sources=("he-2015",),
)
@elementwise(beyond=lambda z, weight=0.25: _leaky_rest(z, weight))
def prelu(z: Array, weight: float = 0.25) -> tuple[Array, Array]:
    """Parametric rectifier: the leaky rectifier with a learned slope w for z ≤ 0; w at the kink."""
    return _leaky(z, weight)


@parameter_slope(leaky_relu, "negative_slope")
def leaky_relu_negative_slope(z: Array, negative_slope: float = 0.01) -> Array:
    """∂/∂s of the leaky rectifier: z where s·z applies, else 0, which is min(z, 0)."""
    return np.minimum(z, 0)


@parameter_slope(prelu, "weight")
def prelu_weight(z: Array, weight: float = 0.25) -> Array:
    """∂/∂w of the parametric rectifier: min(z, 0)."""
    return np.minimum(z, 0)


@formula(
    "activation/rrelu",
    statement="Piecewise((z, z > 0), ((lower + upper)/2*z, True))",
    derivative="Piecewise((1, z > 0), ((lower + upper)/2, True))",
    kinks=(Kink(at="0", left="(lower + upper)/2", right="1", chosen="(lower + upper)/2"),),
    assumptions=("evaluation: the random slope is replaced by its mean",),
    curvature=_straight,
    valid={"lower": "lower <= upper"},
    sources=("xu-2015",),
)
@elementwise(beyond=lambda z, lower=1 / 8, upper=1 / 3: _leaky_rest(z, *np.divide(total(lower, upper), 2)))
def rrelu(z: Array, lower: float = 1 / 8, upper: float = 1 / 3) -> tuple[Array, Array]:
    """Randomized leaky rectifier in evaluation: slope (l + u)/2 for z ≤ 0.  Raises ValueError if lower > upper."""
    return _leaky(z, (lower + upper) / 2)


@formula(
    "activation/hardtanh",
    statement="Piecewise((min_val, z <= min_val), (z, z < max_val), (max_val, True))",
    derivative="Piecewise((0, z <= min_val), (1, z < max_val), (0, True))",
    range=("min_val", "max_val"),
    kinks=(
        Kink(at="min_val", left="0", right="1", chosen="0"),
        Kink(at="max_val", left="1", right="0", chosen="0"),
    ),
    curvature=_straight,
    valid={"min_val": "min_val <= max_val"},
    sources=("collobert-2004",),
)
@elementwise
def hardtanh(z: Array, min_val: float = -1.0, max_val: float = 1.0) -> tuple[Array, Array]:
    """z clipped to [min_val, max_val]: slope 1 inside, 0 outside and at the kinks.

    Raises ValueError unless min_val <= max_val.
    """
    return np.clip(z, min_val, max_val), ((z > min_val) & (z < max_val)).astype(float)


@formula(
    "activation/hardsigmoid",
    statement="Piecewise((0, z <= -3), ((z + 3)/6, z < 3), (1, True))",
    derivative="Piecewise((0, z <= -3), (1/6, z < 3), (0, True))",
    range=("0", "1"),
    kinks=(Kink(at="-3", left="0", right="1/6", chosen="0"), Kink(at="3", left="1/6", right="0", chosen="0")),
    curvature=_straight,
    sources=("howard-2019",),
)
@elementwise
def hardsigmoid(z: Array) -> tuple[Array, Array]:
    """The line (z + 3)/6 clipped to [0, 1]: slope 1/6 inside, 0 outside and at the kinks."""
    return np.clip((z + 3) / 6, 0, 1), np.where(np.abs(z) < 3, 1 / 6, 0)


@formula(
    "activation/hardswish",
    statement="Piecewise((0, z <= -3), (z*(z + 3)/6, z < 3), (z, True))",
    derivative="Piecewise((0, z <= -3), ((2*z + 3)/6, z < 3), (1, True))",
    range=("-0.375", "oo"),
    kinks=(Kink(at="-3", left="0", right="-1/2", chosen="0"), Kink(at="3", left="3/2", right="1", chosen="1")),
    slope_zeros=("-1.5",),
    curvature=lambda z, a, slope: (np.abs(z) < 3) / 3,
    sources=("howard-2019",),
)
@elementwise(beyond=lambda z: (np.where(np.abs(z) < 1e-16, z * z, 0), 0))  # z/2 + z²/6
def hardswish(z: Array) -> tuple[Array, Array]:
    """z·hardsigmoid(z): the parabola z(z + 3)/6 between −3 and 3, 0 on the left, z on the right.

    The slope of the parabola is (2z + 3)/6, which is −1/2 at −3 and 3/2 at 3.
    """
    x = np.clip(z, -3, 3)
    parabola, line = x * (x + 3) / 6, (2 * x + 3) / 6
    return np.where(z < 3, parabola, z), np.where(z <= -3, 0, np.where(z < 3, line, 1))


@formula(
    "activation/sparse_plus",
    statement="Piecewise((0, z <= -1), ((z + 1)**2/4, z < 1), (z, True))",
    derivative="Piecewise((0, z <= -1), ((z + 1)/2, z < 1), (1, True))",
    range=("0", "oo"),
    curvature=lambda z, a, slope: (np.abs(z) < 1) / 2,
    sources=("jax-sparse-plus",),
)
@elementwise
def sparse_plus(z: Array) -> tuple[Array, Array]:
    """Sparse plus: the parabola (z + 1)²/4 between −1 and 1, 0 on the left, z on the right. No kink."""
    m = np.clip(z + 1, 0, 2)
    return np.where(z < 1, m * m / 4, z), m / 2


@formula(
    "activation/sparse_sigmoid",
    statement="Piecewise((0, z <= -1), ((z + 1)/2, z < 1), (1, True))",
    derivative="Piecewise((0, z <= -1), (1/2, z < 1), (0, True))",
    range=("0", "1"),
    kinks=(Kink(at="-1", left="0", right="1/2", chosen="0"), Kink(at="1", left="1/2", right="0", chosen="0")),
    curvature=_straight,
    sources=("jax-sparse-sigmoid",),
)
@elementwise
def sparse_sigmoid(z: Array) -> tuple[Array, Array]:
    """The slope of sparse plus: the line (z + 1)/2 clipped to [0, 1], slope 0 at the kinks."""
    return np.clip((z + 1) / 2, 0, 1), np.where(np.abs(z) < 1, 0.5, 0)


@formula(
    "activation/hardshrink",
    statement="Piecewise((z, z > lambd), (z, z < -lambd), (0, True))",
    derivative="Piecewise((1, z > lambd), (1, z < -lambd), (0, True))",
    kinks=(
        Kink(at="-lambd", left="1", right="0", chosen="0", why=JUMP),
        Kink(at="lambd", left="0", right="1", chosen="0", why=JUMP),
    ),
    curvature=_straight,
    valid={"lambd": "lambd >= 0"},
    assumptions=(IDENTITY,),
    sources=("donoho-1994",),
)
@elementwise
def hardshrink(z: Array, lambd: float = 0.5) -> tuple[Array, Array]:
    """Hard thresholding: z where |z| > λ, else 0; at λ = 0 the identity.  Raises ValueError if lambd < 0."""
    kept = (np.abs(z) > lambd) | (lambd == 0)
    return np.where(kept, z, 0), kept.astype(float)


@formula(
    "activation/softshrink",
    statement="Piecewise((z - lambd, z > lambd), (z + lambd, z < -lambd), (0, True))",
    derivative="Piecewise((1, z > lambd), (1, z < -lambd), (0, True))",
    kinks=(
        Kink(at="-lambd", left="1", right="0", chosen="0"),
        Kink(at="lambd", left="0", right="1", chosen="0"),
    ),
    curvature=_straight,
    valid={"lambd": "lambd >= 0"},
    assumptions=(IDENTITY,),
    sources=("donoho-1995",),
)
@elementwise
def softshrink(z: Array, lambd: float = 0.5) -> tuple[Array, Array]:
    """Soft thresholding: z moved towards 0 by λ, and 0 where |z| ≤ λ; at λ = 0 the identity.

    Raises ValueError if lambd < 0.
    """
    return z - np.clip(z, -lambd, lambd), ((np.abs(z) > lambd) | (lambd == 0)).astype(float)


@formula(
    "activation/threshold",
    statement="Piecewise((z, z > threshold), (value, True))",
    derivative="Piecewise((1, z > threshold), (0, True))",
    kinks=(Kink(at="threshold", left="0", right="1", chosen="0", why=JUMP),),
    curvature=_straight,
    sources=("pytorch-threshold",),
)
@elementwise
def threshold(z: Array, threshold: float = 0.0, value: float = 0.0) -> tuple[Array, Array]:
    """z above the threshold, `value` at and below it: slopes 1 and 0.  It jumps unless the two are equal."""
    kept = z > threshold
    return np.where(kept, z, value), kept.astype(float)


@formula(
    "activation/softplus_threshold",
    statement="Piecewise((z, z > threshold/beta), (log(1 + exp(beta*z))/beta, True))",
    derivative="Piecewise((1, z > threshold/beta), (1/(1 + exp(-beta*z)), True))",
    kinks=(
        Kink(
            at="threshold/beta",
            left="1/(1 + exp(-threshold))",
            right="1",
            chosen="1/(1 + exp(-threshold))",
            why=JUMP,
        ),
    ),
    curvature=lambda z, a, slope, beta=1.0, threshold=20.0: np.where(
        beta * z > threshold, 0, beta * sigmoid(beta * z)[1]
    ),
    valid={"beta": "beta > 0"},
    assumptions=("at no threshold the limit of infinite ones, activation/softplus",),
    sources=("pytorch-softplus",),
)
@elementwise
def softplus_threshold(z: Array, beta: float = 1.0, threshold: float = 20.0) -> tuple[Array, Array]:
    """Softplus up to βz = threshold and z itself beyond, as PyTorch has it.  Raises ValueError unless beta > 0.

    It jumps down by log(1 + e^(−threshold))/β: 2e-9/β at a threshold of 20, and the slope from σ(threshold) to 1. On
    which side z lies is decided by the exact product βz.
    """
    t, rest = product(z, beta)
    beyond = (t > threshold) | ((t == threshold) & (rest > 0))
    value, slope = softplus(z, beta=beta)
    return np.where(beyond, z, value), np.where(beyond, 1, slope)


@formula(
    "activation/huber",
    statement="Piecewise((z**2/2, Abs(z) <= delta), (delta*(Abs(z) - delta/2), True))",
    derivative="Piecewise((z, Abs(z) <= delta), (delta*sign(z), True))",
    range=("0", "oo"),
    curvature=lambda z, a, slope, delta=1.0: 1.0 * (np.abs(z) <= delta),
    valid={"delta": "delta > 0"},
    sources=("dong-2016", "huber-1964"),
)
@elementwise
def huber(z: Array, delta: float = 1.0) -> tuple[Array, Array]:
    """Huber's function used as an activation: z²/2 within [−δ, δ], δ(|z| − δ/2) outside; slope clip(z, −δ, δ).

    Raises ValueError unless delta > 0.
    """
    slope = np.clip(z, -delta, delta)
    return np.where(np.abs(z) <= delta, slope * (slope / 2), delta * (np.abs(z) - delta / 2)), slope


@formula(
    "activation/elu",
    statement="Piecewise((z, z > 0), (alpha*(exp(z) - 1), True))",
    derivative="Piecewise((1, z > 0), (alpha*exp(z), True))",
    range=("-alpha", "oo"),
    kinks=(Kink(at="0", left="alpha", right="1", chosen="alpha", why=PRINTED),),
    partials={"alpha": "Piecewise((0, z > 0), (exp(z) - 1, True))"},
    curvature=lambda z, a, slope, alpha=1.0: np.where(z > 0, 0, slope),
    valid={"alpha": "alpha >= 0"},
    sources=("clevert-2016",),
)
@elementwise
def elu(z: Array, alpha: float = 1.0) -> tuple[Array, Array]:
    """Exponential linear unit: z for z > 0, α(eᶻ − 1) otherwise; slopes 1 and αeᶻ (smooth only for α = 1).

    Raises ValueError if alpha < 0.
    """
    m = np.minimum(z, 0)
    near, far = exponential(m)
    return np.maximum(z, 0) + alpha * np.expm1(m), np.where(z > 0, 1, alpha * near * far)


@parameter_slope(elu, "alpha")
def elu_alpha(z: Array, alpha: float = 1.0) -> Array:
    """∂/∂α of the exponential linear unit: eᶻ − 1 for z ≤ 0, else 0."""
    return np.expm1(np.minimum(z, 0))


SCALE = "1.0507009873554804934193349852946"  # λ of the paper
ALPHA = "1.6732632423543772848170429916717"
SCALE_ALPHA = 1.7580993408473768599402175208123


@formula(
    "activation/selu",
    statement=f"Piecewise(({SCALE}*z, z > 0), ({SCALE}*{ALPHA}*(exp(z) - 1), True))",
    derivative=f"Piecewise(({SCALE}, z > 0), ({SCALE}*{ALPHA}*exp(z), True))",
    range=(f"-{SCALE}*{ALPHA}", "oo"),
    kinks=(Kink(at="0", left=f"{SCALE}*{ALPHA}", right=SCALE, chosen=f"{SCALE}*{ALPHA}", why=PRINTED),),
    curvature=lambda z, a, slope: np.where(z > 0, 0, slope),
    sources=("klambauer-2017",),
)
@elementwise
def selu(z: Array) -> tuple[Array, Array]:
    """Self-normalizing unit: λ times the exponential linear unit of α; slopes λ and λαeᶻ.

    λ = 1.0507… and α = 1.6732… are the paper's fixed-point constants, to 32 digits.
    """
    m = np.minimum(z, 0)
    scale = float(SCALE)
    return scale * np.maximum(z, 0) + SCALE_ALPHA * np.expm1(m), np.where(z > 0, scale, SCALE_ALPHA * np.exp(m))


@formula(
    "activation/celu",
    statement="Piecewise((z, z > 0), (alpha*(exp(z/alpha) - 1), True))",
    derivative="Piecewise((1, z > 0), (exp(z/alpha), True))",
    range=("-alpha", "oo"),
    partials={"alpha": "Piecewise((0, z > 0), (exp(z/alpha)*(1 - z/alpha) - 1, True))"},
    curvature=lambda z, a, slope, alpha=1.0: np.where(z > 0, 0, slope / alpha),
    valid={"alpha": "alpha > 0"},
    sources=("barron-2017",),
)
@elementwise
def celu(z: Array, alpha: float = 1.0) -> tuple[Array, Array]:
    """Continuously differentiable exponential linear unit: z for z > 0, α(e^(z/α) − 1) otherwise.

    Chain rule: e^(z/α), which is 1 at 0 for every α, so there is no kink. The quotient z/α is carried in two
    floats. Raises ValueError unless alpha > 0.
    """
    h, rest = quotient(np.clip(z, -800 * alpha, 0), alpha)
    e = np.exp(h)
    return np.maximum(z, 0) + alpha * (np.expm1(h) + e * rest), e + e * rest


@parameter_slope(celu, "alpha")
def celu_alpha(z: Array, alpha: float = 1.0) -> Array:
    """∂/∂α of the continuously differentiable exponential linear unit: e^h(1 − h) − 1 with h = z/α ≤ 0, else 0.

    Product rule: (e^h − 1) + α·e^h·(−z/α²). Near 0 it cancels to −h²/2; with t = tanh(h/2), e^h = (1 + t)/(1 − t),
    it is −(2(h/2 − t) + ht)/(1 − t), where h/2 − t is small beside t.
    """
    h = np.clip(z / alpha, -800, 0)
    b = np.maximum(h, -1)
    t = np.tanh(b / 2)
    return np.where(h < -1, np.exp(h) * (1 - h) - 1, -(2 * shrunken_tanh(b / 2) + b * t) / (1 - t))
