"""Activations of a whole row: each acts along `axis`, by default the last, and returns (value, pullback of v).

Their Jacobians are not diagonal, so there is no slope; the pullback is v ↦ vᵀ·∂g/∂z. Bodies see float64 rows
(`reference.activation.rowwise`).

A Jacobian entry such as 1 − s_j cancels where s_j is nearly 1. But softmax does not change when a constant is
added to z, so its pullback kills constants, and likewise that of z/‖z‖ kills z. Where one entry m outweighs all
others, taking from v the multiple that makes it 0 at m changes nothing, and sums then run over the others alone.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reference.activation import Pullback, Slope, rowwise
from reference.activations.gates import gelu, silu
from reference.activations.piecewise import relu
from reference.activations.smooth import sigmoid
from reference.exact import exponential, quotient, scaled, total
from reference.formula import Array, Kink, formula

ROW = "acts on the last axis, or along `axis`"
WITH_OUTPUT = "derivative: the pullback of the cotangent v, with s the output"
WITHOUT_OUTPUT = "derivative: the pullback of the cotangent v"


def _exponentials(z: Array, temperature: float) -> tuple[Array, Array, Array, Array]:
    """e = exp(h), h = (z − z_m)/T, z_m the largest entry; the sum of all e but e_m = 1; and m.  (..., d).

    z − z_m and the quotient are carried in two floats.
    """
    m = z.argmax(-1)[..., None]
    shift, rest = total(z, -np.take_along_axis(z, m, -1))
    np.put_along_axis(shift, m, 0, -1)
    h, low = quotient(shift, temperature)
    low = low + np.where(rest == 0, 0, rest / temperature)
    low = np.where(np.isfinite(low), low, 0)  # next to h = −∞
    e = np.exp(h)
    e += e * low
    np.put_along_axis(e, m, 0, -1)
    others = e.sum(-1, keepdims=True)
    np.put_along_axis(e, m, 1, -1)
    return e, h + low, others, m


@formula(
    "activation/softmax",
    statement="exp(z[i, j]/temperature)/Sum(exp(z[i, k]/temperature), (k, 1, d))",
    derivative="s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d)))/temperature",
    arguments=("z[i, j]",),
    range=("0", "1"),
    valid={"temperature": "temperature > 0"},
    assumptions=(ROW, WITH_OUTPUT),
    strict_ulp=8,
    sources=("bridle-1990", "goodfellow-2016", "hinton-2015"),
)
@rowwise
def softmax(z: Array, temperature: float = 1.0) -> tuple[Array, Pullback]:
    """Softmax s_j = e^(z_j/T)/Σₖe^(z_k/T) over the last axis.  z: (..., d) -> s: (..., d), pullback of s.

    ∂s_k/∂z_j = s_k([k = j] − s_j)/T, so v ↦ s ⊙ (v − ⟨v, s⟩)/T.
    """
    e, _, others, m = _exponentials(z, temperature)
    s = e / (1 + others)

    def pullback(v: Array) -> Array:
        w = v - np.where(others < 1, np.take_along_axis(v, m, -1), 0)  # constants are killed
        return s * (w - (w * s).sum(-1, keepdims=True)) / temperature

    return s, pullback


@formula(
    "activation/softmin",
    statement="exp(-z[i, j]/temperature)/Sum(exp(-z[i, k]/temperature), (k, 1, d))",
    derivative="-s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d)))/temperature",
    arguments=("z[i, j]",),
    range=("0", "1"),
    valid={"temperature": "temperature > 0"},
    assumptions=(ROW, WITH_OUTPUT),
    strict_ulp=8,
    sources=("pytorch-softmin",),
)
@rowwise
def softmin(z: Array, temperature: float = 1.0) -> tuple[Array, Pullback]:
    """Softmax of −z.  z: (..., d) -> s: (..., d), pullback of s, which changes sign by the chain rule."""
    s, pullback = softmax(-z, temperature)
    return s, lambda v: -pullback(v)


@formula(
    "activation/log_softmax",
    statement="z[i, j]/temperature - log(Sum(exp(z[i, k]/temperature), (k, 1, d)))",
    derivative="(v[i, j] - exp(s[i, j])*Sum(v[i, k], (k, 1, d)))/temperature",
    arguments=("z[i, j]",),
    range=("-oo", "0"),
    valid={"temperature": "temperature > 0"},
    assumptions=(ROW, WITH_OUTPUT),
    sources=("bridle-1990",),
)
@rowwise
def log_softmax(z: Array, temperature: float = 1.0) -> tuple[Array, Pullback]:
    """Log-softmax z_j/T − log Σₖe^(z_k/T) over the last axis.  z: (..., d) -> (..., d), pullback.

    ∂(log s_k)/∂z_j = ([k = j] − s_j)/T, so v ↦ (v − s·Σv)/T. At the largest entry, 1 − s_m is the share of the
    others.
    """
    e, h, others, m = _exponentials(z, temperature)
    s, rest = e / (1 + others), others / (1 + others)

    def pullback(v: Array) -> Array:
        g = v - s * v.sum(-1, keepdims=True)
        v_m, w = np.take_along_axis(v, m, -1), v.copy()
        np.put_along_axis(w, m, 0, -1)
        at_m = v_m * rest - np.take_along_axis(s, m, -1) * w.sum(-1, keepdims=True)
        np.put_along_axis(g, m, at_m, -1)
        return g / temperature

    return h - np.log1p(others), pullback


@formula(
    "activation/logsumexp",
    statement="temperature*log(Sum(exp(z[i, k]/temperature), (k, 1, d)))",
    derivative="v[i]*exp((z[i, j] - s[i])/temperature)",
    arguments=("z[i, j]",),
    valid={"temperature": "temperature > 0"},
    assumptions=(ROW, WITH_OUTPUT),
    sources=("pytorch-logsumexp",),
)
@rowwise
def logsumexp(z: Array, temperature: float = 1.0) -> tuple[Array, Pullback]:
    """T·log Σₖe^(z_k/T) over the last axis, a smooth maximum.  z: (..., d) -> (...), pullback (...) -> (..., d).

    Chain rule: ∂/∂z_j = softmax(z/T)_j, in which T has cancelled.
    """
    e, _, others, m = _exponentials(z, temperature)
    s, largest = e / (1 + others), np.take_along_axis(z, m, -1)
    value = np.where(np.isinf(largest), largest, largest + temperature * np.log1p(others))
    return value[..., 0], lambda v: v[..., None] * s


@formula(
    "activation/logmeanexp",
    statement="log(Sum(exp(z[i, k]), (k, 1, d))/d)",
    derivative="v[i]*exp(z[i, j] - s[i])/d",
    arguments=("z[i, j]",),
    assumptions=(ROW, WITH_OUTPUT),
    sources=("jax-logmeanexp",),
)
@rowwise
def logmeanexp(z: Array) -> tuple[Array, Pullback]:
    """log of the mean of e^z over the last axis.  z: (..., d) -> (...), pullback (...) -> (..., d).

    It is log Σe^z less the constant log d, so ∂/∂z_j = softmax(z)_j. With h = z − z_m the mean of e^h is
    1 + Σ(e^h − 1)/d, whose logarithm loses no digit where all are close.
    """
    e, h, others, m = _exponentials(z, 1.0)
    s, largest = e / (1 + others), np.take_along_axis(z, m, -1)
    np.put_along_axis(h, m, 0, -1)
    below = np.expm1(h).sum(-1, keepdims=True) / z.shape[-1]
    mean = np.where(below > -0.5, np.log1p(np.maximum(below, -0.5)), np.log((1 + others) / z.shape[-1]))
    value = np.where(np.isinf(largest), largest, largest + mean)
    return value[..., 0], lambda v: v[..., None] * s


Deep = Callable[[Array], tuple[Array, Array, Array]]
FAR_BELOW = -600.0  # there σ(b) is e^b, to the last digit of float64
SMALL = 2.0**-960  # where a product may have lost digits


def _deep_sigmoid(b: Array) -> tuple[Array, Array, Array]:
    """σ(b) and its slope far below 0, both of them e^b, over a factor that is subnormal before they are."""
    near, far = exponential(b)
    return near, near, far


def _deep_silu(b: Array) -> tuple[Array, Array, Array]:
    """bσ(b) and its slope likewise: b·e^b and (1 + b)e^b."""
    near, far = exponential(b)
    return b * near, (1 + b) * near, far


def _gated(z: Array, gate: Slope, deep: Deep | None = None, even: bool = False) -> tuple[Array, Pullback]:
    """a ⊙ g(b) for the halves a, b of the last axis: v ↦ (v ⊙ g(b), v ⊙ a ⊙ g'(b)).

    Where g(b) may be subnormal and a·g(b) is not, g(b) is two factors: g'(b) and b next to 0, and as `deep` says far
    below it. An `even` slope is the same far above.
    """
    d, odd = divmod(z.shape[-1], 2)
    if odd:
        raise ValueError(f"z has shape {z.shape}; its last axis must split into two halves")
    a, b = z[..., :d], z[..., d:]
    g, slope = gate(b)
    of_value = of_slope = np.ones_like(b)
    if (small := (np.abs(b) < SMALL) & (np.abs(g) < SMALL) & (slope != 0)).any():
        g, of_value = np.where(small, slope, g), np.where(small, b, 1)
    low = b < FAR_BELOW
    tail = low | (b > -FAR_BELOW) if even else low
    if deep is not None and tail.any():
        value, below, far = deep(np.clip(-np.abs(b), -2000, FAR_BELOW))
        g, slope = np.where(low, value, g), np.where(tail, below, slope)
        of_value, of_slope = np.where(low, far, of_value), np.where(tail, far, of_slope)

    def pullback(v: Array) -> Array:
        both = np.concatenate([v * g * of_value, v * a * slope * of_slope], -1)
        if not np.isfinite(np.vdot(both, both)) or (np.abs(both) < SMALL).any():  # on the way it may leave the range
            both = np.concatenate([scaled(0, v, g, of_value), scaled(0, v, a, slope, of_slope)], -1)
        return np.where(np.concatenate([v, v], -1) == 0, 0, both)

    return a * g * of_value, pullback


HALVES = "a and b are the halves of the last axis"


@formula(
    "activation/glu",
    statement="a[i, j]/(1 + exp(-b[i, j]))",
    derivative="v[i, j]/(1 + exp(-b[i, j]))",
    arguments=("a[i, j]", "b[i, j]"),
    partials={"b[i, j]": "v[i, j]*a[i, j]*exp(-b[i, j])/(1 + exp(-b[i, j]))**2"},
    assumptions=(HALVES, WITHOUT_OUTPUT),
    sources=("dauphin-2017",),
)
@rowwise
def glu(z: Array) -> tuple[Array, Pullback]:
    """Gated linear unit a ⊙ σ(b).  z = (a, b): (..., 2d) -> (..., d), pullback (..., d) -> (..., 2d).

    Linear in a; in b by the slope of the sigmoid. Raises ValueError for a last axis of odd length.
    """
    return _gated(z, sigmoid, _deep_sigmoid, even=True)


@formula(
    "activation/geglu",
    statement="a[i, j]*b[i, j]*(1 + erf(b[i, j]/sqrt(2)))/2",
    derivative="v[i, j]*b[i, j]*(1 + erf(b[i, j]/sqrt(2)))/2",
    arguments=("a[i, j]", "b[i, j]"),
    partials={
        "b[i, j]": "v[i, j]*a[i, j]*((1 + erf(b[i, j]/sqrt(2)))/2 + b[i, j]*exp(-b[i, j]**2/2)/sqrt(2*pi))",
    },
    slope_zeros=gelu.formula.slope_zeros,  # in b
    strict_ulp=16,
    assumptions=(HALVES, "where the gate g(b) is subnormal, below b = −37, a·g(b) has its few bits", WITHOUT_OUTPUT),
    sources=("shazeer-2020",),
)
@rowwise
def geglu(z: Array) -> tuple[Array, Pullback]:
    """GELU-gated linear unit a ⊙ gelu(b).  Shapes, pullback and errors as `glu`."""
    return _gated(z, gelu)


@formula(
    "activation/swiglu",
    statement="a[i, j]*b[i, j]/(1 + exp(-b[i, j]))",
    derivative="v[i, j]*b[i, j]/(1 + exp(-b[i, j]))",
    arguments=("a[i, j]", "b[i, j]"),
    partials={
        "b[i, j]": "v[i, j]*a[i, j]*(1/(1 + exp(-b[i, j])) + b[i, j]*exp(-b[i, j])/(1 + exp(-b[i, j]))**2)",
    },
    slope_zeros=silu.formula.slope_zeros,  # in b
    strict_ulp=16,
    assumptions=(HALVES, WITHOUT_OUTPUT),
    sources=("shazeer-2020",),
)
@rowwise
def swiglu(z: Array) -> tuple[Array, Pullback]:
    """SiLU-gated linear unit a ⊙ silu(b).  Shapes, pullback and errors as `glu`."""
    return _gated(z, silu, _deep_silu)


@formula(
    "activation/reglu",
    statement="Piecewise((a[i, j]*b[i, j], b[i, j] > 0), (0, True))",
    derivative="Piecewise((v[i, j]*b[i, j], b[i, j] > 0), (0, True))",
    arguments=("a[i, j]", "b[i, j]"),
    partials={"b[i, j]": "Piecewise((v[i, j]*a[i, j], b[i, j] > 0), (0, True))"},
    kinks=(Kink(of="b", at="0", left="0", right="1", chosen="0"),),
    assumptions=(HALVES, WITHOUT_OUTPUT),
    sources=("shazeer-2020",),
)
@rowwise
def reglu(z: Array) -> tuple[Array, Pullback]:
    """Relu-gated linear unit a ⊙ relu(b).  Shapes, pullback and errors as `glu`."""
    return _gated(z, relu)


@formula(
    "activation/maxout",
    statement="Piecewise((a[i, j], a[i, j] > b[i, j]), (b[i, j], True))",
    derivative="Piecewise((v[i, j], a[i, j] > b[i, j]), (0, a[i, j] < b[i, j]), (v[i, j]/2, True))",
    arguments=("a[i, j]", "b[i, j]"),
    partials={"b[i, j]": "Piecewise((v[i, j], b[i, j] > a[i, j]), (0, b[i, j] < a[i, j]), (v[i, j]/2, True))"},
    kinks=(
        Kink(of="a - b", at="0", left="0", right="1", chosen="1/2", why="equal shares of tied pieces (minimum norm)"),
    ),
    valid={"k": "k >= 1 and k % 1 == 0"},
    assumptions=(
        "each output is the largest of k consecutive inputs, the pieces; stated for two of them, a and b",
        WITHOUT_OUTPUT,
    ),
    sources=("goodfellow-2013",),
)
@rowwise
def maxout(z: Array, k: int = 2) -> tuple[Array, Pullback]:
    """Maxout: the largest of each group of k consecutive entries.  z: (..., d·k) -> (..., d), pullback.

    The cotangent goes to the largest entry, in equal shares where several are. Raises ValueError where the last
    axis does not divide into groups.
    """
    if z.shape[-1] % k:
        raise ValueError(f"k = {k} and z has shape {z.shape}; need a last axis of whole groups of k entries")
    groups = z.reshape(*z.shape[:-1], z.shape[-1] // k, k)
    value = groups.max(-1)
    wins = groups == value[..., None]

    def pullback(v: Array) -> Array:
        shares = np.where(wins, v[..., None], 0) / wins.sum(-1, keepdims=True)
        return shares.reshape(z.shape)

    return value, pullback


@formula(
    "activation/l2_normalize",
    statement="z[i, j]/sqrt(Sum(z[i, k]**2, (k, 1, d)))",
    derivative="(v[i, j] - s[i, j]*Sum(v[i, k]*s[i, k], (k, 1, d)))/sqrt(Sum(z[i, k]**2, (k, 1, d)))",
    arguments=("z[i, j]",),
    range=("-1", "1"),
    assumptions=(ROW, WITH_OUTPUT, "no row is zero: there is no limit there, and the result is NaN"),
    strict_ulp=8,
    sources=("pytorch-normalize",),
)
@rowwise
def l2_normalize(z: Array) -> tuple[Array, Pullback]:
    """s = z/‖z‖₂ over the last axis.  z: (..., d) -> s: (..., d), pullback of s.

    ∂‖z‖/∂z_j = s_j, so by the quotient rule ∂s_k/∂z_j = ([k = j] − s_k s_j)/‖z‖, and v ↦ (v − s⟨v, s⟩)/‖z‖. Rows
    are scaled by a power of two first, so that no square overflows.
    """
    infinite = np.isinf(z)
    count = infinite.sum(-1, keepdims=True)
    z = np.where(count == 0, z, np.where(count == 1, np.where(infinite, np.sign(z), 0), np.nan))
    m = np.abs(z).argmax(-1)[..., None]
    exponent = np.frexp(np.take_along_axis(z, m, -1))[1]
    z = np.ldexp(z, -exponent)
    norm = np.sqrt((z * z).sum(-1, keepdims=True))
    s = z / norm
    s_m = np.take_along_axis(s, m, -1)

    def pullback(v: Array) -> Array:
        without_m = v - np.take_along_axis(v, m, -1) / s_m * s  # multiples of s are killed
        np.put_along_axis(without_m, m, 0, -1)
        w = np.where(s_m * s_m > 0.5, without_m, v)
        g = np.ldexp((w - s * (w * s).sum(-1, keepdims=True)) / norm, -exponent)
        return np.where(count == 0, g, 0 * s)

    return s, pullback
