"""Smooth activations: sigmoids, rectifiers without a corner, bells. Value and slope share their exponential.

Bodies see flat float64 arrays (`reference.lift`). Two habits keep every digit:

* e = e^(−|z|) never overflows, and sums of positive terms in e never cancel. A square (1 + e)² is multiplied out to
  1 + e(2 + e), or d + ed with d = 1 + e: then the rounding error of 1 + e does not count twice.
* Where ∞ − ∞ or 0·∞ would appear, z is clipped where the function has long reached its limit.
"""

from __future__ import annotations

import math

import numpy as np

from reference.activation import elementwise, parameter_slope
from reference.exact import exponential, product
from reference.formula import Array, formula


@formula(
    "activation/sigmoid",
    statement="1/(1 + exp(-z))",
    derivative="exp(-z)/(1 + exp(-z))**2",
    range=("0", "1"),
    numpy_value="exp(Min(z, 0))/(1 + exp(-Abs(z)))",
    numpy_form="exp(-Abs(z))/(1 + exp(-Abs(z)) + exp(-Abs(z))*(1 + exp(-Abs(z))))",
    curvature=lambda z, a, slope: -slope * np.tanh(z / 2),
    sources=("backprop-05", "valchanov-365", "dong-2016", "nielsen-2015"),
)
@elementwise
def sigmoid(z: Array) -> tuple[Array, Array]:
    """Logistic sigmoid σ(z) = 1/(1 + e⁻ᶻ).

    Quotient rule: σ' = e⁻ᶻ/(1 + e⁻ᶻ)² = σ(z)·σ(−z), the textbook σ(1 − σ) without the cancellation of
    1 − σ near σ = 1. It is even, so z may be replaced by |z|.
    """
    e = np.abs(z)
    np.negative(e, out=e)
    np.exp(e, out=e)
    d = 1.0 + e
    value = np.maximum(e, z >= 0)  # e^min(z, 0): e left of 0, else 1
    value /= d
    d += e * d  # (1 + e)²
    e /= d
    return value, e


@formula(
    "activation/tanh",
    statement="tanh(z)",
    derivative="1 - tanh(z)**2",
    range=("-1", "1"),
    numpy_form="4*exp(-2*Abs(z))/(1 + exp(-2*Abs(z)) + exp(-2*Abs(z))*(1 + exp(-2*Abs(z))))",
    curvature=lambda z, a, slope: -2 * a * slope,
    sources=("dong-2016", "lecun-1998"),
)
@elementwise
def tanh(z: Array) -> tuple[Array, Array]:
    """Hyperbolic tangent.

    tanh' = 1 − tanh² = sech² = 4/(eᶻ + e⁻ᶻ)² = 4e/(1 + e)² with e = e^(−2|z|): no cancellation in the tails.
    """
    e = np.abs(z)
    e *= -2.0
    np.exp(e, out=e)
    d = 1.0 + e
    d += e * d  # (1 + e)²
    e *= 4.0
    e /= d
    return np.tanh(z), e


@formula(
    "activation/arctan",
    statement="atan(z)",
    derivative="1/(1 + z**2)",
    range=("-pi/2", "pi/2"),
    curvature=lambda z, a, slope: -2 * np.clip(z, -1e100, 1e100) * slope * slope,
    sources=("pytorch-atan",),
)
@elementwise
def arctan(z: Array) -> tuple[Array, Array]:
    """Arcus tangent.

    From z = tan a and tan' = 1 + tan²: a' = 1/(1 + z²). Beyond 10⁸ the 1 does not count, and (1/z)² does not
    overflow on its way.
    """
    a = np.abs(z)
    r = 1 / np.maximum(a, 1)
    return np.arctan(z), np.where(a < 1e8, 1 / (1 + a * a), r * r)


@formula(
    "activation/softsign",
    statement="z/(1 + Abs(z))",
    derivative="1/(1 + Abs(z))**2",
    range=("-1", "1"),
    curvature=lambda z, a, slope: -2 * np.sign(z) * slope / (1 + np.abs(z)),
    sources=("bergstra-2009",),
)
@elementwise
def softsign(z: Array) -> tuple[Array, Array]:
    """Softsign z/(1 + |z|).

    Quotient rule: (1 + |z| − |z|)/(1 + |z|)². Both sides of 0 have slope 1 there, so it is no kink.
    """
    x = np.clip(z, -1e300, 1e300)
    r = 1 / (1 + np.abs(z))
    return x / (1 + np.abs(x)), r * r


@formula(
    "activation/exp",
    statement="exp(z)",
    derivative="exp(z)",
    range=("0", "oo"),
    curvature=lambda z, a, slope: slope,
    sources=("pytorch-exp",),
)
@elementwise
def exp(z: Array) -> tuple[Array, Array]:
    """Exponential: its own slope."""
    e = np.exp(z)
    return e, e.copy()


@formula(
    "activation/gaussian",
    statement="exp(-z**2)",
    derivative="-2*z*exp(-z**2)",
    range=("0", "1"),
    curvature=lambda z, a, slope: a * (4 * np.clip(z, -50, 50) ** 2 - 2),
    sources=("broomhead-lowe-1988",),
)
@elementwise
def gaussian(z: Array) -> tuple[Array, Array]:
    """Gaussian bell e^(−z²).

    Chain rule. The square is carried in two floats: its rounding error alone would cost 450 ULP in the tail.
    """
    x = np.clip(z, -50, 50)  # the bell has long underflowed
    square, rest = product(x, x)
    near, far = exponential(-square, -rest)
    return near * far, -2 * x * near * far


@formula(
    "activation/softplus",
    statement="log(1 + exp(beta*z))/beta",
    derivative="1/(1 + exp(-beta*z))",
    range=("0", "oo"),
    numpy_value="Max(z, 0) + log(1 + exp(-Abs(beta*z)))/beta",
    numpy_form="Piecewise((1/(1 + exp(-beta*z)), z >= 0), (exp(beta*z)/(1 + exp(beta*z)), True))",
    partials={"beta": "z/(1 + exp(-beta*z))/beta - log(1 + exp(beta*z))/beta**2"},
    curvature=lambda z, a, slope, beta=1.0: beta * sigmoid(beta * z)[1],
    valid={"beta": "beta > 0"},
    sources=("dugas-2001",),
)
@elementwise
def softplus(z: Array, beta: float = 1.0) -> tuple[Array, Array]:
    """Softplus log(1 + e^(βz))/β.  Raises ValueError unless beta > 0.

    Chain rule: e^(βz)/(1 + e^(βz)) = σ(βz). The value is max(z, 0) + log(1 + e^(−β|z|))/β, by pulling e^(βz)
    out of the logarithm for z > 0. The product βz is carried in two floats.
    """
    m, exponent = math.frexp(beta)
    t, rest = product(np.ldexp(np.clip(z, -800 / beta, 800 / beta), exponent), m)
    near, far = exponential(-np.abs(t), -np.sign(t) * rest)
    e = near * far
    return np.maximum(z, 0) + np.log1p(near) / beta * far, np.where(z >= 0, 1, e) / (1 + e)


@parameter_slope(softplus, "beta")
def softplus_beta(z: Array, beta: float = 1.0) -> tuple[Array, float, float]:
    """∂/∂β of softplus is −H(σ(βz))/β², H the entropy of a coin that shows heads with probability σ(βz).

    By the product rule it is zσ(βz)/β − log(1 + e^(βz))/β², and with p = σ(x), x = βz, the difference
    log(1 + eˣ) − xp is −p log p − (1 − p) log(1 − p): a sum of positive terms.
    """
    x = np.clip(z, -800 / beta, 800 / beta) * beta
    e = np.exp(-np.abs(x))
    rare, log_rest = e / (1 + e), np.log1p(e)  # the rarer side's probability, and −log of the other's
    return -(log_rest + rare * np.abs(x)), beta, beta


@formula(
    "activation/logsigmoid",
    statement="-log(1 + exp(-z))",
    derivative="1/(1 + exp(z))",
    range=("-oo", "0"),
    numpy_value="Min(z, 0) - log(1 + exp(-Abs(z)))",
    numpy_form="exp(-Max(z, 0))/(1 + exp(-Abs(z)))",
    curvature=lambda z, a, slope: -sigmoid(z)[1],
    sources=("pytorch-logsigmoid",),
)
@elementwise
def logsigmoid(z: Array) -> tuple[Array, Array]:
    """Logarithm of the sigmoid, log σ(z) = −softplus(−z).

    Chain rule: σ'/σ = σ(−z).
    """
    e = np.exp(-np.abs(z))
    return np.minimum(z, 0) - np.log1p(e), np.exp(-np.maximum(z, 0)) / (1 + e)


@formula(
    "activation/squareplus",
    statement="(z + sqrt(z**2 + b))/2",
    derivative="(1 + z/sqrt(z**2 + b))/2",
    range=("0", "oo"),
    numpy_value="Piecewise(((z + sqrt(z**2 + b))/2, z >= 0), (b/2/(sqrt(z**2 + b) - z), True))",
    numpy_form="(z + sqrt(z**2 + b))/2/sqrt(z**2 + b)",
    curvature=lambda z, a, slope, b=4.0: b / 2 / np.hypot(z, np.sqrt(b)) ** 3,
    valid={"b": "b > 0"},
    sources=("barron-2021",),
)
@elementwise
def squareplus(z: Array, b: float = 4.0) -> tuple[Array, Array]:
    """Squareplus g = (z + h)/2 with h = √(z² + b).  Raises ValueError unless b > 0 (b = 0 is relu).

    Chain rule: h' = z/h, so g' = (1 + z/h)/2 = g/h. For z < 0 the sum z + h cancels; there (h + z)(h − z) = b
    gives g = b/2/(h − z). Near 0 the first form of g' forgives what is lost in h, where g/h counts it twice.
    """
    x = np.minimum(z, 1e300)  # z/h is 1 long before
    h = np.hypot(x, np.sqrt(b))
    half = h / 2 + np.abs(x) / 2
    value = np.where(x >= 0, half, b / 4 / half)
    return np.maximum(value, z), np.where(np.abs(x) < h / 2, (1 + x / h) / 2, value / h)


@formula(
    "activation/log_cosh",
    statement="log(cosh(z))",
    derivative="tanh(z)",
    range=("0", "oo"),
    numpy_value="Piecewise((log(1 + (exp(z) - 1)**2/(2*exp(z))), Abs(z) < 2),"
    " (Abs(z) - log(2) + log(1 + exp(-2*Abs(z))), True))",
    curvature=lambda z, a, slope: tanh(z)[1],
    sources=("optax-log-cosh",),
)
@elementwise(beyond=lambda z: (-1, 0))  # z²/2 − z⁴/12 + …
def log_cosh(z: Array) -> tuple[Array, Array]:
    """Logarithm of the hyperbolic cosine.

    Chain rule: sinh/cosh. Near 0 the logarithm sees cosh z = 1 + 2 sinh²(z/2) = 1 + (eᶻ − 1)²/(2eᶻ); further out
    e^|z|/2 is pulled out of it.
    """
    a = np.abs(z)
    s = np.sinh(np.minimum(a, 2) / 2)
    return np.where(a < 2, np.log1p(2 * s * s), a - np.log(2) + np.log1p(np.exp(-2 * a))), np.tanh(z)


def shrunken_tanh(z: Array) -> Array:
    """z − tanh z.  Float64 in and out, 4 ULP.

    Lambert's continued fraction tanh z = z/(1 + w) with w = z²/(3 + z²/(5 + z²/(7 + …))) makes it zw/(1 + w),
    where nothing cancels; eleven terms give every digit up to |z| = 1.5, beyond which the difference itself is good.
    """
    x = np.clip(z, -1.5, 1.5)
    square, w = x * x, np.zeros_like(x)
    for odd in range(23, 1, -2):
        w = square / (odd + w)
    return np.where(np.abs(z) < 1.5, x * w / (1 + w), z - np.tanh(z))


@formula(
    "activation/tanhshrink",
    statement="z - tanh(z)",
    derivative="tanh(z)**2",
    curvature=lambda z, a, slope: 2 * np.tanh(z) * tanh(z)[1],
    sources=("pytorch-tanhshrink",),
)
@elementwise(beyond=lambda z: (z, -1))  # value ±(|z| − 1 + 2e^(−2|z|)) for large z, slope z² − 2z⁴/3 + … near 0
def tanhshrink(z: Array) -> tuple[Array, Array]:
    """Tanh shrinkage z − tanh z.

    1 − (1 − tanh²). The value cancels near 0 and is taken from a continued fraction there (`shrunken_tanh`).
    """
    t = np.tanh(z)
    return shrunken_tanh(z), t * t
