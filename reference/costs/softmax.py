"""What the costs of a softmax share: cross-entropy and its slope, and powers of 1 − p, without a difference from 1."""

from __future__ import annotations

import functools
import math
from typing import Any, NamedTuple

import numpy as np

from reference.exact import DEEP, exponential, fallen, power_of_two, product, quotient, total
from reference.formula import Array
from reference.lift import times

Factors = tuple[Array, ...]  # of a product


class Softmax(NamedTuple):
    """Rows z less their largest entry m, e^(that/T), 0 at m, and the sum of these; m in the flat array."""

    below: Array
    e: Array
    others: Array
    m: Array

    def surprise(self, temperature: float = 1.0) -> Array:
        """−T·log p.  (..., d)."""
        return temperature * np.log1p(self.others)[..., None] - self.below


@functools.lru_cache(maxsize=8)
def _starts(shape: tuple[int, ...]) -> Array:
    """Where in the flat array each row begins."""
    return np.arange(0, math.prod(shape), shape[-1]).reshape(shape[:-1])


def _largest(z: Array) -> Array:
    """Where in the flat array the largest entry of each row is.  (..., d) -> (...)."""
    return z.argmax(-1) + _starts(z.shape)


def softmax(z: Array, temperature: float = 1.0) -> Softmax:
    """What costs of softmax(z/T) look at.  z: (..., d)."""
    m = _largest(z)
    below = z - z.take(m)[..., None]
    below.put(m, 0)  # ∞ − ∞ too
    e = np.exp(below / temperature)
    e.put(m, 0)
    return Softmax(below, e, e.sum(-1), m)


def softmax_cost(z: Array, q: Array, low: Array | None = None) -> tuple[Factors, Factors]:
    """−Σ q log p for p = softmax(z + low), and its slope in z, p·Σq − q, as factors.  (..., d) -> (...), (..., d).

    At the largest entry m, where p is all but 1 once a row is learned, the slope is Σ_{k≠m} q_k·p_m − q_m(1 − p_m).
    """
    m = _largest(z)
    below = z - z.take(m)[..., None]
    e, q_m, q = np.exp(below), q.take(m), q.copy()
    if low is not None:
        e += e * low
    e.put(m, 0)
    q.put(m, 0)
    others, rest = np.add.reduce(e, -1), np.add.reduce(q, -1)
    whole, total = q_m + rest, 1.0 + others
    deep = q.size and not below.item(below.argmin()) > DEEP
    wanted_below = np.where(q == 0, 0, below) if deep else below  # what is not wanted costs nothing, nor at −∞
    cost = whole * np.log1p(others) - np.vecdot(q, wanted_below)
    e *= (whole / total)[..., None]
    e -= q
    e.put(m, (rest - q_m * others) / total)
    if math.isnan(np.vdot(cost, cost)):  # a row that nobody wants anything of does not enter, whatever is in it
        wanted = (q_m != 0) | q.any(-1)
        cost, e = np.where(wanted, cost, 0), np.where(wanted[..., None], e, 0)
    return _from_afar(below, q, q_m, m, cost, e) if deep else ((cost,), (e,))


def _from_afar(below: Array, q: Array, q_m: Array, m: Array, cost: Array, slope: Array) -> tuple[Factors, Factors]:
    """`cost` and `slope` as factors, where some e_k = e^below are so small that weights bring them back from underflow.

    Where q_k = 0 the slope is e_k·Σq. Where q is all at m and all others are far, Σe_k is left of the cost, and −q_m
    times it of the slope at m. `q` is 0 at m.
    """
    near, half = fallen(below)
    half = np.where((q == 0) & (half < 1), half, 1)
    slope = np.where(half < 1, near * (q_m + q.sum(-1))[..., None], slope)
    below.put(m, -np.inf)
    second = below.max(-1)
    alone = (second > -np.inf) & (second < DEEP) & (q == 0).all(-1)
    left = q_m * np.exp(below - np.where(alone, second - DEEP, 0)[..., None]).sum(-1)
    fall = np.where(alone, fallen(second)[1], 1)
    slope.put(m, np.where(alone, -left, slope.take(m)))
    half.put(m, fall)
    return (np.where(alone, left, cost), fall, fall), (slope, half, half)


def capped(z: Array, softcap: float, temperature: float) -> tuple[Array, Array, tuple[Any, ...]]:
    """What softmax(c·tanh(z/c)/T) sees, less its largest entry, as two floats, and the slope of it in z as factors.

    Where |z| > c, c·tanh(z/c) is ±(c − 2c·e/(1 + e)), e = e^(−2|z|/c): two numbers, for the first of which the second
    is small. Differences of capped logits are then as good as the logits are.  (..., d) each.
    """
    unit = 4.0 if temperature > 4 else 1.0  # nothing overflows that a large T makes small
    slope: tuple[Any, ...] = (1.0,)
    high, rest = np.zeros_like(z), z / unit
    if softcap < np.inf:
        x = z / softcap
        size = np.abs(x)
        near, far = exponential(-2 * size)
        e = near * far
        short = np.where(size < 1e-9, 1, np.tanh(x) / np.where(size == 0, 1, x)) * z
        high = np.where(size > 1, np.copysign(softcap / unit, z), 0)
        rest = np.where(size > 1, -np.copysign(2 * (softcap / unit) * (e / (1 + e)), z), short / unit)
        slope = (4 * near / (1 + e) ** 2, far)
    m = _largest(high + rest)
    high, rest = (np.where(q == q.take(m)[..., None], 0, q - q.take(m)[..., None]) for q in (high, rest))
    below, low = total(high, rest)
    if temperature != 1:
        t = temperature / unit
        mantissa, exponent = math.frexp(t)
        over, more = quotient(below, t)
        below, low = over, more + low / t
        slope = (*slope, 1 / mantissa, *power_of_two(-exponent), 1 / unit)
    return below, np.where(np.isfinite(low), low, 0), slope


FAR = 30.0  # by so much a label leads where 1 − p is worked out as an exponential


def miss_power(z: Array, y: Array, loss: Array, gamma: float) -> tuple[Array, Array]:
    """(1 − p)^γ, of which γ magnifies no error, and p(−log p)/(1 − p) with `loss` −log p.  (...) each.

    With e_k = e^(z_k − t) for the largest other logit t, 1 − p = S/(S + e_y), S = Σ_{k≠y} e_k. Up to differences of 1
    the e are 1 and e_k − 1, so that S, S + e_y and their quotient are two floats.
    """
    here = np.take_along_axis(z, y[..., None], -1)
    below = z.copy()
    np.put_along_axis(below, y[..., None], -np.inf, -1)
    top = below.max(-1, keepdims=True)
    lead = (here - top)[..., 0]
    below = np.where(below == top, np.where(np.isneginf(top), top, 0), below - top)  # ∞ − ∞ too
    near, close = below > -1, np.abs(lead) < 1
    S, S_low = total(near.sum(-1), np.where(near, np.expm1(below), np.exp(below)).sum(-1))
    e, e_low = total(np.where(close, 1.0, np.exp(np.minimum(lead, FAR))), np.where(close, np.expm1(lead), 0.0))
    whole, error = total(S, e)
    share, rest = quotient(S, whole)
    rest = rest + (S_low * (1 - share) - share * (error + e_low)) / whole  # what is left beside a share of 1 stays
    power = times(share**gamma, np.exp(gamma * np.where(share == 0, 0, rest / share)))
    t, low = product(gamma, lead - np.log(S))
    leading = np.prod(exponential(-t, -np.where(np.isfinite(low), low, 0)), 0) if gamma else np.ones_like(lead)
    # far ahead p is 1 and −log p is 1 − p; far behind p·log p is 0
    ratio = np.where(lead > FAR, 1, times(e, loss) / S)
    return np.where(lead > FAR, leading, power), ratio


def beyond_linear(x: Array, surprise: Array) -> Array:
    """−log(1 − x) − x of `surprise` −log(1 − x), for 0 ≤ x ≤ 1: x²/2 + x³/3 + …, without cancellation.

    With t = x/(2 − x), −log(1 − x) = 2(t + t³/3 + t⁵/5 + …) and x = 2t/(1 + t).
    """
    t = np.minimum(x, 0.5)
    t = t / (2 - t)
    square, series = t * t, np.zeros_like(t)
    for odd in range(35, 1, -2):
        series = 1 / odd + square * series
    return np.where(x < 0.5, 2 * square * (1 / (1 + t) + t * series), surprise - x)
