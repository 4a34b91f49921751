"""Products of factors and weights of any sizes: nothing on the way leaves the range that the result is in."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.lift import Array, times

TINY = 2.0**-960  # a product below it may have lost digits
BEYOND = 1100  # 2 to that power is larger than all floats


def within_range(
    linear: Callable[[Array], Array], factors: Sequence[Any], weights: Sequence[Array] = (), power: Any = 0
) -> Array:
    """What is linear in the product of all. On the way nothing overflows or vanishes that does not do so itself."""
    x, each = product(factors, weights), (*factors, *weights)
    moved = not isinstance(power, int) and np.any(power)
    if moved or (len(each) > 1 and (_vanishes(x, each) or not math.isfinite(np.vdot(x, x)))):
        x = np.ldexp(*exactly(factors, weights, power))
    y = linear(x)
    if not math.isfinite(np.vdot(y, y)):
        mantissa, exponent = exactly(factors, weights, power)
        for over in (_top(mantissa, exponent), BEYOND):  # over the first, what is far smaller than the largest vanishes
            small = linear(np.ldexp(mantissa, exponent - over))
            lost = np.isfinite(y) | (np.abs(small) < TINY) | ~np.isfinite(small)
            y = np.where(lost, y, np.ldexp(small, over))
    return y


def _vanishes(x: Array, factors: Sequence[Any]) -> bool:
    """Whether an entry of the product x may have lost digits, and not because a factor is 0."""
    size = np.abs(x)
    if size.size and size.item(size.argmin()) >= TINY:  # so it mostly is, and NaN is not
        return False
    lost = size < TINY
    return bool(lost.any() and functools.reduce(np.logical_and, [factor != 0 for factor in factors], lost).any())


def product(factors: Sequence[Any], weights: Sequence[Array] = ()) -> Array:
    """The product of all. A weight of 0 takes it out, whatever the factors are."""
    x: Array = factors[0]
    for w in weights:
        x = times(w, x)
    for factor in factors[1:]:
        x = x * factor
    for w in weights if len(factors) > 1 else ():
        x = np.where(w == 0, 0.0, x)
    return x


def exactly(factors: Sequence[Any], weights: Sequence[Array] = (), power: Any = 0) -> tuple[Array, Array]:
    """The product of all and of 2^power as mantissas, near 1, and exponents."""
    own, by_weight = [np.frexp(f) for f in factors], [np.frexp(w) for w in weights]
    mantissa = product([m for m, _ in own], [m for m, _ in by_weight])
    return mantissa, np.broadcast_to(power + sum(e for _, e in (*own, *by_weight)), mantissa.shape)


def near_one(factors: Sequence[Any], weights: Sequence[Array] = (), power: Any = 0) -> tuple[Array, int]:
    """The product of all over a power of two that brings its largest entry near 1, and that power."""
    mantissa, exponent = exactly(factors, weights, power)
    top = _top(mantissa, exponent)
    return np.ldexp(mantissa, exponent - top), top


def _top(mantissa: Array, exponent: Array) -> int:
    return int(exponent.max(initial=-5000, where=np.isfinite(mantissa) & (mantissa != 0)))
