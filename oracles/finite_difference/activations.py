"""Activations as functions that the complex step can differentiate, by z and by their parameters.

Definitions are written so that small quantities stay small. A kink belongs to the piece on its right, but for a jump,
where the value decides.
"""

from __future__ import annotations

import inspect

import numpy as np
from scipy.special import erfc, expm1

from oracles.calls import Array, Definition, options
from oracles.finite_difference.functions import (
    above,
    absolute,
    huber,
    largest,
    log_cosh,
    log_softmax,
    log_total,
    sigmoid,
    softplus,
)

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717


def _leaky(z: Array, slope: float) -> Array:
    return np.where(z.real < 0, slope * z, z)


def _elu(z: Array, alpha: float = 1.0) -> Array:
    """z for z ≥ 0, else α(eᶻ − 1)."""
    return np.where(z.real < 0, alpha * expm1(np.where(z.real < 0, z, 0)), z)


def _celu(z: Array, alpha: float = 1.0) -> Array:
    """z for z ≥ 0, else α(e^(z/α) − 1)."""
    return np.where(z.real < 0, alpha * expm1(np.where(z.real < 0, z, 0) / alpha), z)


def _gelu_tanh(z: Array) -> Array:
    """z/2·(1 + tanh u) = z·σ(2u) with u = √(2/π)(z + 0.044715 z³)."""
    return z * sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z * z * z))


def _between(z: Array, low: float, high: float) -> Array:
    return np.where(z.real < np.real(low), low, np.where(z.real < np.real(high), z, high))


def _softshrink(z: Array, lambd: float = 0.5) -> Array:
    edge = np.real(lambd)
    return np.where(z.real > edge, z - lambd, np.where(z.real < -edge, z + lambd, 0))


def _squareplus(z: Array, b: float = 4.0) -> Array:
    root = np.sqrt(z * z + b)
    return np.where(z.real < 0, b / 2 / np.where(z.real < 0, root - z, 1), (z + root) / 2)


def _sparse_plus(z: Array) -> Array:
    return np.where(z.real < -1, 0, np.where(z.real < 1, (z + 1) ** 2 / 4, z))


ELEMENTWISE: dict[str, Definition] = {
    "activation/identity": lambda z: z,
    "activation/sigmoid": lambda z: sigmoid(z),
    "activation/tanh": lambda z: np.tanh(z),
    "activation/relu": lambda z: above(z),
    "activation/relu6": lambda z: _between(z, 0, 6),
    "activation/squared_relu": lambda z: above(z) ** 2,
    "activation/leaky_relu": lambda z, negative_slope=0.01: _leaky(z, negative_slope),
    "activation/prelu": lambda z, weight=0.25: _leaky(z, weight),
    "activation/rrelu": lambda z, lower=1 / 8, upper=1 / 3: _leaky(z, (lower + upper) / 2),
    "activation/elu": _elu,
    "activation/celu": _celu,
    "activation/selu": lambda z: SELU_SCALE * _elu(z, SELU_ALPHA),
    "activation/softplus": lambda z, beta=1.0: softplus(beta * z) / beta,
    "activation/softsign": lambda z: z / (1 + absolute(z)),
    "activation/silu": lambda z: z * sigmoid(z),
    "activation/gelu": lambda z: z * erfc(-z / np.sqrt(2)) / 2,
    "activation/gelu_tanh": _gelu_tanh,
    "activation/mish": lambda z: z * np.tanh(softplus(z)),
    "activation/hardtanh": lambda z, min_val=-1.0, max_val=1.0: _between(z, min_val, max_val),
    "activation/hardsigmoid": lambda z: _between(z + 3, 0, 6) / 6,
    "activation/hardswish": lambda z: z * _between(z + 3, 0, 6) / 6,
    "activation/hardshrink": lambda z, lambd=0.5: np.where(np.abs(z.real) > np.real(lambd), z, 0),
    "activation/softshrink": _softshrink,
    "activation/tanhshrink": lambda z: z - np.tanh(z),
    "activation/threshold": lambda z, threshold=0.0, value=0.0: np.where(z.real > np.real(threshold), z, value),
    "activation/softplus_threshold": lambda z, beta=1.0, threshold=20.0: np.where(
        np.real(beta * z) > np.real(threshold), z, softplus(beta * z) / beta
    ),
    "activation/logsigmoid": lambda z: -softplus(-z),
    "activation/squareplus": _squareplus,
    "activation/sparse_plus": _sparse_plus,
    "activation/sparse_sigmoid": lambda z: _between((z + 1) / 2, 0, 1),
    "activation/gaussian": lambda z: np.exp(-z * z),
    "activation/exp": lambda z: np.exp(z),
    "activation/arctan": lambda z: np.arctan(z),
    "activation/log_cosh": lambda z: log_cosh(z),
    "activation/huber": huber,
}


def _softmax(z: Array, temperature: float = 1.0) -> Array:
    """e^(z_j/T)/Σₖe^(z_k/T) over the last axis."""
    e = np.exp((z - largest(z)[0]) / temperature)
    return np.asarray(e / e.sum(-1, keepdims=True))


def _logsumexp(z: Array, temperature: float = 1.0) -> Array:
    """T·log Σₖe^(z_k/T) over the last axis."""
    top, rest = log_total(z / temperature)
    return np.asarray(temperature * (top + rest)[..., 0])


def _logmeanexp(z: Array) -> Array:
    """log(Σₖe^z_k/d) over the last axis."""
    top, rest = log_total(z)
    return np.asarray((top + (rest - np.log(z.shape[-1])))[..., 0])


def _halves(gate: Definition) -> Definition:
    """a ⊙ gate(b) for the halves a, b of the last axis."""

    def gated(z: Array) -> Array:
        a, b = np.split(z, 2, -1)
        return np.asarray(a * gate(b))

    return gated


def _along(rows: Definition) -> Definition:
    """A function of rows along the last axis, along any `axis`."""

    def activation(z: Array, axis: int = -1, **given: float) -> Array:
        value = rows(np.moveaxis(z, axis, -1), **given)
        return np.moveaxis(value, -1, axis) if value.ndim == z.ndim else value

    own = [p.replace(kind=p.KEYWORD_ONLY) for name, p in options(rows).items() if name != "z"]
    first, last = list(inspect.signature(activation).parameters.values())[:2]
    activation.__signature__ = inspect.Signature([first, last, *own])  # type: ignore[attr-defined]
    return activation


LAST: dict[str, Definition] = {
    "activation/softmax": _softmax,
    "activation/softmin": lambda z, temperature=1.0: _softmax(-z, temperature),
    "activation/log_softmax": lambda z, temperature=1.0: log_softmax(z / temperature),
    "activation/logsumexp": _logsumexp,
    "activation/logmeanexp": _logmeanexp,
    "activation/glu": _halves(sigmoid),
    "activation/geglu": _halves(ELEMENTWISE["activation/gelu"]),
    "activation/swiglu": _halves(ELEMENTWISE["activation/silu"]),
    "activation/reglu": _halves(above),
    "activation/maxout": lambda z, k=2: largest(z.reshape(*z.shape[:-1], -1, int(k)))[0][..., 0],
    "activation/l2_normalize": lambda z: z / np.sqrt((z * z).sum(-1, keepdims=True)),
}
VECTOR: dict[str, Definition] = {id: _along(rows) for id, rows in LAST.items()}
