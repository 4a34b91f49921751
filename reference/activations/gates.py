"""Activations z·G(z): the input times a gate G that opens from 0 to 1.

The gates of silu, gelu and gelu_tanh satisfy G(z) + G(−z) = 1, so g(z) − g(−z) = z and g'(z) + g'(−z) = 1: all
is known from the tail, g and g' at −|z|. There the gate is tiny, and a product of exponential and factor keeps its
relative accuracy down to underflow, where the textbook (1 + tanh u)/2 or (1 + erf)/2 cancels to nothing.

The slope of all four has one zero, where its terms cancel. Near it no digit of the slope is certain beyond
what half an ULP of z does to it (the conditioned ULP of `reference.formula`).
"""

from __future__ import annotations

import numpy as np

from reference.activation import elementwise
from reference.activations.smooth import sigmoid
from reference.exact import exponential, product, total
from reference.formula import Array, formula


def _from_tail(z: Array, value: Array, slope: Array) -> tuple[Array, Array]:
    """g and g' at z from those at −|z|, where G(z) + G(−z) = 1. Overwrites both."""
    step = z >= 0
    value += np.maximum(z, 0)
    slope *= 1 - 2.0 * step
    slope += step  # 1 − slope right of 0; `where` would be slower
    return value, slope


@formula(
    "activation/silu",
    statement="z/(1 + exp(-z))",
    derivative="1/(1 + exp(-z)) + z*exp(-z)/(1 + exp(-z))**2",
    range=("-0.2784645427610738", "oo"),
    numpy_value="Max(z, 0) - Abs(z)*exp(-Abs(z))/(1 + exp(-Abs(z)))",
    numpy_form="Piecewise((1 - exp(-z)*(1 - z + exp(-z))/(1 + exp(-z)*(2 + exp(-z))), z >= 0),"
    " (exp(z)*(1 + z + exp(z))/(1 + exp(z)*(2 + exp(z))), True))",
    slope_zeros=("-1.2784645427610738",),
    strict_ulp=16,
    curvature=lambda z, a, slope: sigmoid(z)[1] * (2 - np.clip(z, -1000, 1000) * np.tanh(z / 2)),
    sources=("ramachandran-2017",),
)
@elementwise(beyond=lambda z: (1, 0))  # z/2 + z²/4 − …
def silu(z: Array) -> tuple[Array, Array]:
    """Sigmoid-weighted linear unit (swish) z·σ(z).

    Product rule: σ + zσ' = σ(z)·(1 + z·σ(−z)). At z = −y that is e(1 − y + e)/(1 + e)² with e = e^(−y).
    """
    y = np.minimum(np.abs(z), 1000)  # e^(−y) is 0 long before, and 0·∞ must not appear
    near, far = exponential(-y)
    e = near * far
    return _from_tail(z, -y * near / (1 + e) * far, near * (1 - y + e) / (1 + e * (2 + e)) * far)


# Φ(−y) = y·φ̂(y)/π·∫₀^∞ e^(−t²/2)/(t² + y²) dt with φ̂ = e^(−y²/2). The midpoint rule of step h is exact for this
# integrand up to e^(−2π²/h²) = 1e-20, once the poles ±iy are allowed for by 1/(1 + e^(2πy/h)); the weights left out
# after 13 nodes are 5e-18 of all.
STEP = 21 / 32
NODES = (STEP * (np.arange(13)[::-1] + 0.5)) ** 2  # t², exact; the smallest weight first
WEIGHTS = STEP / np.pi * np.exp(-NODES / 2)
POLES = 2 * np.pi / STEP


def normal_tail(y: Array) -> tuple[Array, Array]:
    """(S, P) with Φ(−y) = e^(−y²/2)·(y·S + P), for y ≥ 0: sums of positive terms.  2 ULP.

    Φ(−y) is the upper tail of the normal distribution. Source: Hunter and Regan (1972), for erfc.
    """
    square, S = y * y, np.zeros_like(y)
    for node, weight in zip(NODES, WEIGHTS, strict=True):
        S += weight / (node + square)
    x = np.minimum(y, POLES)  # by then P is nothing beside y·S; beyond, it must not come back
    return S, np.exp(x * (x / 2 - POLES)) / (1 + np.exp(-POLES * x))


@formula(
    "activation/gelu",
    statement="z*(1 + erf(z/sqrt(2)))/2",
    derivative="(1 + erf(z/sqrt(2)))/2 + z*exp(-z**2/2)/sqrt(2*pi)",
    range=("-0.16997120747990367", "oo"),
    slope_zeros=("-0.7517915246935645",),
    strict_ulp=16,
    assumptions=("the normal tail is a midpoint rule of 13 terms, exact to 5e-18",),
    curvature=lambda z, a, slope: (2 - np.clip(z, -50, 50) ** 2) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi),
    sources=("hendrycks-2016", "hunter-regan-1972"),
)
@elementwise(beyond=lambda z: (1, 0))  # z/2 + z²/√(2π) − …
def gelu(z: Array) -> tuple[Array, Array]:
    """Gaussian error linear unit z·Φ(z).

    Product rule: Φ(z) + z·φ(z). At z = −y, in units of φ̂ = e^(−y²/2): Φ = φ̂·(yS + P) (`normal_tail`), so the
    value is −φ̂·(y²S + yP) and the slope φ̂·(P + y(S − 1/√(2π))).
    """
    y = np.minimum(np.abs(z), 50)
    square, rest = product(y, y)
    near, far = exponential(-square / 2, -rest / 2)
    S, P = normal_tail(y)
    return _from_tail(z, -(square * S + y * P) * near * far, (P + y * (S - 1 / np.sqrt(2 * np.pi))) * near * far)


A = 1.5957691216057308, -9.96930880911092e-17  # 2√(2/π), in two floats
B = 0.07135481627260025, -6.175149918155315e-19  # 0.044715 times that


@formula(
    "activation/gelu_tanh",
    statement="z*(1 + tanh(sqrt(2/pi)*(z + 44715*z**3/1000000)))/2",
    derivative="(1 + tanh(sqrt(2/pi)*(z + 44715*z**3/1000000)))/2"
    " + z*(1 - tanh(sqrt(2/pi)*(z + 44715*z**3/1000000))**2)*sqrt(2/pi)*(1 + 3*44715*z**2/1000000)/2",
    range=("-0.17004075057125406", "oo"),
    slope_zeros=("-0.7524614220710163",),
    strict_ulp=16,
    sources=("hendrycks-2016",),
)
@elementwise(beyond=lambda z: (1, 0))  # z/2 + z²/√(2π) − …
def gelu_tanh(z: Array) -> tuple[Array, Array]:
    """GELU by its tanh approximation, z·σ(u) with u = 2√(2/π)(z + 0.044715 z³).

    (1 + tanh(u/2))/2 = σ(u), so g' = σ(u) + z·u'·σ(u)σ(−u). At z = −y, with e = e^(−u(y)) and
    x = y·u'(y) = ay + 3by³, that is e(1 − x + e)/(1 + e)². The exponent u = y(a + by²) is carried in two floats.
    """
    y = np.minimum(np.abs(z), 40)
    square, square_rest = product(y, y)
    cubic, cubic_rest = product(square, B[0])
    a_plus, a_plus_rest = total(cubic, A[0])
    u, u_rest = product(a_plus, y)
    u_rest = u_rest + y * (a_plus_rest + (A[1] + cubic_rest + (square_rest * B[0] + square * B[1])))
    near, far = exponential(-u, -u_rest)
    e = near * far
    numerator = (1 - u + e) - (2 * y * cubic + u_rest)  # 1 − x + e, where 1 − u is exact about the crossing
    return _from_tail(z, -y * near / (1 + e) * far, near * numerator / (1 + e * (2 + e)) * far)


@formula(
    "activation/mish",
    statement="z*tanh(log(1 + exp(z)))",
    derivative="tanh(log(1 + exp(z))) + z*(1 - tanh(log(1 + exp(z)))**2)/(1 + exp(-z))",
    range=("-0.30884341301725041", "oo"),
    numpy_value="Piecewise((z*(1 + 2*exp(-z))/(1 + 2*exp(-z)*(1 + exp(-z))), z > -1),"
    " (z*(exp(z) + exp(2*z)/2)/(1 + exp(z) + exp(2*z)/2), True))",
    numpy_form="Piecewise(((1 + 2*exp(-z))/(1 + 2*exp(-z)*(1 + exp(-z)))"
    " + 4*z*exp(-2*z)*(1 + exp(-z))/(1 + 2*exp(-z)*(1 + exp(-z)))**2, z > -1),"
    " (exp(z)*(1 + z + exp(z)*(3/2 + z + exp(z)*(1 + exp(z)/4)))"
    "/(1 + (exp(z) + exp(2*z)/2)*(2 + exp(z) + exp(2*z)/2)), True))",
    slope_zeros=("-1.1924312145154952",),
    strict_ulp=16,
    sources=("misra-2019",),
)
@elementwise
def mish(z: Array) -> tuple[Array, Array]:
    """Mish z·t(z), t = tanh(softplus(z)).

    With n = eᶻ: t = ((1 + n)² − 1)/((1 + n)² + 1) = q/(1 + q) with q = n + n²/2, and by the chain rule
    t' = n(1 + n)/(1 + q)². Product rule: g' = t + zt'. Right of −1 both fractions are divided through by n² or n⁴,
    which leaves powers of e = e^(−z). Left of −1 the sum would cancel; over (1 + q)² its numerator is
    n(1 + z + n(3/2 + z + n(1 + n/4))).
    """
    right, x = z > -1, np.clip(z, -1000, 1000)
    e = np.exp(-np.maximum(x, -1))
    d = 1 + 2 * e * (1 + e)
    t, dt = (1 + 2 * e) / d, 4 * e * e * (1 + e) / (d * d)

    y = np.minimum(x, -1)
    n, far = exponential(y)  # far is 1 right of −1
    q = n + n * n / 2
    gate = np.where(right, t, q / (1 + q))
    slope = np.where(right, t + x * dt, n * (1 + y + n * (1.5 + y + n * (1 + n / 4))) / (1 + q * (2 + q)))
    return np.maximum(z, x) * gate * far, slope * far
