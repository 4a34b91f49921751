"""Activations: each returns its value and its slope g'(z) in one pass, so that both share the exponential.

Every function takes z of any shape and floating dtype and returns two arrays of that shape and dtype.
Bodies see flat float64 arrays (`elementwise`). Softmax and log-softmax act on the last axis and return
(value, pullback), because their Jacobian is not diagonal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.special import erfcx

from reference.formula import Array, Kink, elementwise, floating, formula

Pullback = Callable[[Array], Array]


@formula("activation/identity", statement="z", derivative="1", sources=("goodfellow-2016",))
@elementwise
def identity(z: Array) -> tuple[Array, Array]:
    """Identity: g(z) = z, so g'(z) = 1."""
    return z, np.ones_like(z)


@formula(
    "activation/sigmoid",
    statement="1/(1 + exp(-z))",
    derivative="exp(-z)/(1 + exp(-z))**2",
    range=("0", "1"),
    numpy_form="exp(-Abs(z))/(1 + exp(-Abs(z)))**2",
    sources=("backprop-05", "valchanov-365", "dong-2016", "nielsen-2015"),
)
@elementwise
def sigmoid(z: Array) -> tuple[Array, Array]:
    """Logistic sigmoid σ(z) = 1/(1 + e⁻ᶻ).

    Quotient rule: σ' = e⁻ᶻ/(1 + e⁻ᶻ)² = σ(z)·σ(−z), the textbook σ(1 − σ) without the cancellation of
    1 − σ near σ = 1. Both are even in the exponential, so e = e^(−|z|) never overflows.
    """
    e = np.exp(-np.abs(z))
    d = 1 + e
    return np.where(z >= 0, 1, e) / d, e / d / d


@formula(
    "activation/tanh",
    statement="tanh(z)",
    derivative="1 - tanh(z)**2",
    range=("-1", "1"),
    numpy_form="4*exp(-2*Abs(z))/(1 + exp(-2*Abs(z)))**2",
    sources=("dong-2016", "lecun-1998"),
)
@elementwise
def tanh(z: Array) -> tuple[Array, Array]:
    """Hyperbolic tangent.

    tanh' = 1 − tanh² = sech² = 4/(eᶻ + e⁻ᶻ)² = 4e/(1 + e)² with e = e^(−2|z|): no cancellation in the tails.
    """
    e = np.exp(-2 * np.abs(z))
    d = 1 + e
    return np.tanh(z), 4 * e / d / d


@formula(
    "activation/relu",
    statement="Piecewise((z, z > 0), (0, True))",
    derivative="Piecewise((1, z > 0), (0, True))",
    range=("0", "oo"),
    kinks=(Kink(at="0", left="0", right="1", chosen="0"),),
    sources=("dong-2016", "goodfellow-2016"),
)
@elementwise
def relu(z: Array) -> tuple[Array, Array]:
    """Rectified linear unit max(z, 0): slope 1 on the right, 0 on the left, 0 at the kink."""
    value = np.maximum(z, 0)
    return value, np.sign(value)


@formula(
    "activation/leaky_relu",
    statement="Piecewise((z, z > 0), (negative_slope*z, True))",
    derivative="Piecewise((1, z > 0), (negative_slope, True))",
    kinks=(Kink(at="0", left="negative_slope", right="1", chosen="negative_slope"),),
    sources=("maas-2013",),
)
@elementwise
def leaky_relu(z: Array, negative_slope: float = 0.01) -> tuple[Array, Array]:
    """Leaky rectifier: z for z > 0, s·z otherwise; slopes 1 and s, s at the kink."""
    return np.where(z > 0, z, negative_slope * z), np.where(z > 0, 1, negative_slope)


@formula(
    "activation/elu",
    statement="Piecewise((z, z > 0), (alpha*(exp(z) - 1), True))",
    derivative="Piecewise((1, z > 0), (alpha*exp(z), True))",
    range=("-alpha", "oo"),
    kinks=(Kink(at="0", left="alpha", right="1", chosen="alpha", why="the branch z ≤ 0 as Clevert prints it"),),
    sources=("clevert-2016",),
)
@elementwise
def elu(z: Array, alpha: float = 1.0) -> tuple[Array, Array]:
    """Exponential linear unit: z for z > 0, α(eᶻ − 1) otherwise; slopes 1 and αeᶻ (smooth only for α = 1)."""
    m = np.minimum(z, 0)
    return np.where(z > 0, z, alpha * np.expm1(m)), np.where(z > 0, 1, alpha * np.exp(m))


@formula(
    "activation/softplus",
    statement="log(1 + exp(beta*z))/beta",
    derivative="1/(1 + exp(-beta*z))",
    range=("0", "oo"),
    numpy_form="Max(z, 0) + log(1 + exp(-Abs(beta*z)))/beta",
    sources=("dugas-2001",),
)
@elementwise
def softplus(z: Array, beta: float = 1.0) -> tuple[Array, Array]:
    """Softplus log(1 + e^(βz))/β.

    Chain rule: e^(βz)/(1 + e^(βz)) = σ(βz). The value is max(z, 0) + log(1 + e^(−β|z|))/β, by pulling e^(βz)
    out of the logarithm for z > 0.
    """
    e = np.exp(-beta * np.abs(z))
    return np.maximum(z, 0) + np.log1p(e) / beta, np.where(z >= 0, 1, e) / (1 + e)


@formula(
    "activation/silu",
    statement="z/(1 + exp(-z))",
    derivative="1/(1 + exp(-z)) + z*exp(-z)/(1 + exp(-z))**2",
    numpy_form="Piecewise(((1 + exp(-z)*(1 + z))/(1 + exp(-z))**2, z >= 0), "
    "(exp(z)*(1 + z + exp(z))/(1 + exp(z))**2, True))",
    range=("-1", "oo"),
    sources=("ramachandran-2017",),
)
@elementwise
def silu(z: Array) -> tuple[Array, Array]:
    """Sigmoid-weighted linear unit (swish) z·σ(z).

    Product rule: σ + zσ' = σ(z)·(1 + z·σ(−z)); over the common denominator (1 + e)², e = e^(−|z|),
    the numerator is 1 + e(1 + z) for z ≥ 0 and e(1 + z + e) for z < 0.
    """
    x = np.clip(z, -1e4, 1e4)  # e underflows long before, and 0·∞ must not appear
    e = np.exp(-np.abs(x))
    d = 1 + e
    value = np.where(z >= 0, z, x * e) / d
    return value, np.where(z >= 0, 1 + e * (1 + x), e * (1 + x + e)) / d / d


@formula(
    "activation/gelu",
    statement="z*(1 + erf(z/sqrt(2)))/2",
    derivative="(1 + erf(z/sqrt(2)))/2 + z*exp(-z**2/2)/sqrt(2*pi)",
    range=("-1", "oo"),
    sources=("hendrycks-2016",),
)
@elementwise
def gelu(z: Array) -> tuple[Array, Array]:
    """Gaussian error linear unit z·Φ(z).

    Product rule: Φ(z) + z·φ(z). With x = |z|, the tail is Φ(−x) = φ̂·erfcx(x/√2)/2, φ̂ = e^(−x²/2), so the value
    keeps its relative accuracy down to underflow.
    """
    x = np.minimum(np.abs(z), 40)
    bell = np.exp(-x * x / 2)
    tail = bell * erfcx(x / np.sqrt(2)) / 2  # Φ(−|z|)
    cdf = np.where(z >= 0, 1 - tail, tail)
    return np.where(z >= 0, z, -x) * cdf, cdf + np.sign(z) * x * bell / np.sqrt(2 * np.pi)


@formula(
    "activation/gelu_tanh",
    statement="z*(1 + tanh(sqrt(2/pi)*(z + 44715*z**3/1000000)))/2",
    derivative="(1 + tanh(sqrt(2/pi)*(z + 44715*z**3/1000000)))/2"
    " + z*(1 - tanh(sqrt(2/pi)*(z + 44715*z**3/1000000))**2)*sqrt(2/pi)*(1 + 3*44715*z**2/1000000)/2",
    range=("-1", "oo"),
    sources=("hendrycks-2016",),
)
@elementwise
def gelu_tanh(z: Array) -> tuple[Array, Array]:
    """GELU by its tanh approximation, z·σ(2u) with u = √(2/π)(z + 0.044715 z³).

    (1 + tanh u)/2 = σ(2u), so g' = σ(2u) + z·σ(2u)σ(−2u)·2u', with u' = √(2/π)(1 + 3·0.044715 z²).
    """
    c, k = np.sqrt(2 / np.pi), 0.044715
    x = np.clip(z, -30, 30)  # σ(2u) is 0 or 1 beyond, and the cube must not overflow
    u2 = 2 * c * x * (1 + k * x * x)
    e = np.exp(-np.abs(u2))
    d = 1 + e
    s = np.where(z >= 0, 1, e) / d
    return np.where(z >= 0, z, x) * s, s + x * (e / d / d) * 2 * c * (1 + 3 * k * x * x)


@formula(
    "activation/huber",
    statement="Piecewise((z**2/2, Abs(z) <= delta), (delta*(Abs(z) - delta/2), True))",
    derivative="Piecewise((z, Abs(z) <= delta), (delta*sign(z), True))",
    range=("0", "oo"),
    sources=("dong-2016", "huber-1964"),
)
@elementwise
def huber(z: Array, delta: float = 1.0) -> tuple[Array, Array]:
    """Huber's function used as an activation: z²/2 within [−δ, δ], δ(|z| − δ/2) outside; slope clip(z, −δ, δ)."""
    slope = np.clip(z, -delta, delta)
    return np.where(np.abs(z) <= delta, slope * slope / 2, delta * (np.abs(z) - delta / 2)), slope


@formula(
    "activation/softmax",
    statement="exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))",
    derivative="s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d)))",
    range=("0", "1"),
    assumptions=("acts on the last axis", "derivative: the pullback of the cotangent v, with s = softmax(z)"),
    sources=("bridle-1990", "goodfellow-2016"),
)
def softmax(z: npt.ArrayLike) -> tuple[Array, Pullback]:
    """Softmax s_j = e^(z_j)/Σₖe^(z_k) over the last axis.  z: (..., d) -> s: (..., d), pullback of s.

    ∂s_k/∂z_j = s_k([k = j] − s_j), so v ↦ s ⊙ (v − ⟨v, s⟩). Shifting z by its maximum changes nothing and
    keeps the exponentials at most 1.
    """
    z = floating(z)
    x = z.astype(np.float64, copy=False)
    e = np.exp(x - x.max(-1, keepdims=True))
    s = e / e.sum(-1, keepdims=True)

    def pullback(v: Array) -> Array:
        return (s * (v - (v * s).sum(-1, keepdims=True))).astype(z.dtype)

    return s.astype(z.dtype), pullback


@formula(
    "activation/log_softmax",
    statement="z[i, j] - log(Sum(exp(z[i, k]), (k, 1, d)))",
    derivative="v[i, j] - s[i, j]*Sum(v[i, k], (k, 1, d))",
    range=("-oo", "0"),
    assumptions=("acts on the last axis", "derivative: the pullback of the cotangent v, with s = softmax(z)"),
    sources=("bridle-1990",),
)
def log_softmax(z: npt.ArrayLike) -> tuple[Array, Pullback]:
    """Log-softmax z_j − log Σₖe^(z_k) over the last axis.  z: (..., d) -> (..., d), pullback.

    ∂(log s_k)/∂z_j = [k = j] − s_j, so v ↦ v − s·Σv.
    """
    z = floating(z)
    x = z.astype(np.float64, copy=False)
    shifted = x - x.max(-1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(-1, keepdims=True)

    def pullback(v: Array) -> Array:
        return (v - e / total * v.sum(-1, keepdims=True)).astype(z.dtype)

    return (shifted - np.log(total)).astype(z.dtype), pullback
