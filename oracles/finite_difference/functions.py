"""Functions that several definitions share, for real and for complex numbers: they branch on the real part."""

from __future__ import annotations

import numpy as np
from scipy.special import log1p

from oracles.calls import Array


def absolute(z: Array) -> Array:
    """|z|; at 0 the piece on the right."""
    return np.where(z.real < 0, -z, z)


def above(z: Array) -> Array:
    """max(0, z); at 0 the piece on the right."""
    return np.where(z.real < 0, 0, z)


def sigmoid(z: Array) -> Array:
    """1/(1 + e⁻ᶻ)."""
    e = np.exp(-absolute(z))  # at most 1
    return np.where(z.real < 0, e, 1) / (1 + e)


def softplus(z: Array) -> Array:
    """log(1 + eᶻ)."""
    return above(z) + log1p(np.exp(-absolute(z)))


def log_cosh(z: Array) -> Array:
    """log cosh z = log(1 + 2 sinh²(z/2)), and |z| + log(1 + e^(−2|z|)) − log 2 for large |z|."""
    size = absolute(z)
    half = np.sinh(np.where(size.real < 1, z, 0) / 2)
    return np.where(size.real < 1, log1p(2 * half * half), size + log1p(np.exp(-2 * size)) - np.log(2))


def huber(z: Array, delta: float = 1.0) -> Array:
    """z²/2 for |z| ≤ δ, else δ(|z| − δ/2)."""
    return np.where(np.abs(z.real) <= np.real(delta), z * z / 2, delta * (absolute(z) - delta / 2))


def xlogy(x: Array, y: Array) -> Array:
    """x·log y, and 0 where x = 0; NaN where y is not positive and x is not 0, for the logarithm ends there."""
    inside = np.log(np.where(y.real > 0, y, 1))
    return np.where(x == 0, 0, x * np.where(y.real > 0, inside, np.nan))


def largest(z: Array) -> tuple[Array, Array]:
    """The largest entry of every row with its imaginary part, the first of several, and where it is.  (..., 1) each."""
    m = z.real.argmax(-1)[..., None]
    return np.take_along_axis(z, m, -1), m


def log_total(z: Array) -> tuple[Array, Array]:
    """The largest entry of every row, and log Σe^(z − largest), all digits of it.  (..., 1) each."""
    top, m = largest(z)
    others = np.exp(z - top)
    np.put_along_axis(others, m, 0, -1)
    return top, log1p(others.sum(-1, keepdims=True))


def log_softmax(z: Array) -> Array:
    """z_j − log Σₖe^(z_k) over the last axis."""
    top, rest = log_total(z)
    return z - top - rest


def norms(x: Array) -> Array:
    """‖row‖ over the last axis; a row of zeros has the slope 0, which lies between those of its sides."""
    return np.where((x.real == 0).all(-1), 0, np.sqrt((x * x).sum(-1)))


def cosines(a: Array, b: Array) -> Array:
    """⟨a, b⟩/(‖a‖‖b‖) over the last axis."""
    return np.asarray((a * b).sum(-1) / (np.sqrt((a * a).sum(-1)) * np.sqrt((b * b).sum(-1))))
