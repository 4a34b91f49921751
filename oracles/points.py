"""Where to test an activation: near 0, out to the ends of the range, tails into underflow, kinks, zeros of f'.

Floats of a dtype are numbered by their order, so that equal steps in the number are steps of equal ratio over the
range of the format, and neighbours differ by one. Every choice is made from integers and a fixed sequence:
the points are the same on every machine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from oracles.floats import FORMATS, Array, format_of

GOLDEN = 0.6180339887498949  # multiples of it, modulo 1, never cluster
NEIGHBOURS = 48  # floats on each side of a kink or a zero


def ordinal(x: npt.ArrayLike, dtype: npt.DTypeLike | str) -> Array:
    """Number of each float of x in the order of `dtype`: 0 at zero, ±1 at the least subnormals, as int64.

    >>> ordinal([0.0, 2.0**-149, -1.0], "float32").tolist()
    [0, 1, -1065353216]
    """
    format = format_of(dtype)[1]
    m, e = np.frexp(np.abs(np.asarray(x, np.float64)))
    # Binade 0 is that of the subnormals and of the least normals, which are as dense.
    binade = np.where(m == 0, 0, np.maximum(e - format.digits - format.least, 0))
    mantissa = np.ldexp(m, e - binade - format.least).astype(np.int64)  # in units of the last place
    number = binade.astype(np.int64) * (1 << (format.digits - 1)) + mantissa
    return np.where(np.signbit(x), -number, number)


def from_ordinal(number: npt.ArrayLike, dtype: npt.DTypeLike | str) -> Array:
    """The floats of these numbers, the inverse of `ordinal`; those beyond the greatest are left out. float64 array."""
    name, format = format_of(dtype)
    number = np.asarray(number, np.int64)
    number = number[np.abs(number) <= _greatest(name)]
    half = 1 << (format.digits - 1)
    binade = np.maximum(np.abs(number) // half - 1, 0)
    mantissa = np.abs(number) - binade * half
    return np.copysign(np.ldexp(mantissa.astype(np.float64), (binade + format.least).astype(np.int32)), number)


def _greatest(name: str) -> int:
    """Number of the greatest finite float."""
    format = FORMATS[name]
    half = 1 << (format.digits - 1)
    return (format.greatest - format.least - format.digits + 3) * half - 1


def spread(n: int, low: float, high: float) -> Array:
    """n points between low and high, evenly and without repetition."""
    return low + (high - low) * ((np.arange(1, n + 1) * GOLDEN) % 1)


def geometric(n: int, low: float, high: float, dtype: npt.DTypeLike | str) -> Array:
    """n floats of `dtype` between low and high, positive and evenly spread over the binades."""
    ends = ordinal([low, high], dtype)
    return from_ordinal(spread(n, float(ends[0]), float(ends[1])).astype(np.int64), dtype)


def every(dtype: npt.DTypeLike | str) -> Array:
    """All finite floats of a 16-bit dtype in rising order, as float64. Raises ValueError for a wider dtype."""
    name, _ = format_of(dtype)
    if name not in ("float16", "bfloat16"):
        raise ValueError(f"{name} has too many floats to list; use dense(...)")
    top = _greatest(name)
    return from_ordinal(np.arange(-top, top + 1), name)


def special(dtype: npt.DTypeLike | str) -> Array:
    """±0, the ends of the subnormal and normal ranges, small integers, ±inf and NaN, as float64."""
    name, format = format_of(dtype)
    least, normal = math.ldexp(1.0, format.least), math.ldexp(1.0, format.least + format.digits - 1)
    top = float(from_ordinal([_greatest(name)], name)[0])
    positive = np.array([0.0, least, normal - least, normal, 0.5, 1, 2, 3, 6, top, math.inf])
    return np.concatenate([-positive[::-1], positive, [math.nan]])


def tail_thresholds(dtype: npt.DTypeLike | str) -> list[float]:
    """Where eˣ, e²ˣ, e³ˣ, e^(x²) and e^(x²/2) meet the ends of the format and the unit roundoff."""
    _, format = format_of(dtype)
    ends = {
        "least subnormal": -format.least,
        "least normal": 1 - format.least - format.digits,
        "overflow": format.greatest + 1,
        "roundoff": format.digits,
    }
    logs = [round(bits * math.log(2), 3) for bits in ends.values()]  # rounded, to be the same on every machine
    return [c for t in logs for c in (t, t / 2, t / 3, math.sqrt(t), math.sqrt(2 * t))]


def around(centre: float, n: int, dtype: npt.DTypeLike | str) -> Array:
    """The nearest float to `centre`, its neighbours on both sides, and 2n floats approaching it geometrically."""
    name, format = format_of(dtype)
    here = int(ordinal(rounded([centre], name), name)[0])
    offsets = np.exp2(np.round(spread(n, -format.digits, 0), 6))
    near = from_ordinal(here + np.arange(-NEIGHBOURS, NEIGHBOURS + 1), name)
    return np.concatenate([near, rounded(centre + offsets, name), rounded(centre - offsets, name)])


def rounded(x: npt.ArrayLike, dtype: npt.DTypeLike | str) -> Array:
    """x rounded to floats of `dtype`, as float64."""
    format = format_of(dtype)[1]
    x = np.asarray(x, np.float64)
    _, e = np.frexp(x)
    q = np.maximum(e - format.digits, format.least)
    return np.ldexp(np.rint(np.ldexp(x, -q)), q)


def dense(id: str, dtype: npt.DTypeLike | str, n: int = 20_000, **parameters: float) -> Array:
    """About n finite points at which activation `id` is hard, rising and distinct; float64 array of floats of `dtype`.

    Needs python-flint, for the breakpoints and zeros of the slope. Errors as `oracles.arb_truth.truth`.
    """
    from oracles.arb_truth.activations import bind

    name, format = format_of(dtype)
    g = bind(id, **parameters)
    least = math.ldexp(1.0, format.least)
    top = float(from_ordinal([_greatest(name)], name)[0])
    small = 2.0**-60 if format.digits > 24 else 2.0**-30
    end = -format.least * math.log(2) * 1.02
    parts = [spread(n // 4, -12, 12), spread(n // 8, -2, 2), spread(n // 8, -end, end)]
    for sign in (1, -1):
        parts.append(sign * geometric(n // 8, small, 2.0**8 if format.greatest > 15 else top, name))
        parts.append(sign * geometric(n // 12, least, top, name))
        parts += [sign * c * spread(n // 320, 0.97, 1.03) for c in tail_thresholds(name)]
    for centre in {0.0, *(float(t) for t in g.breakpoints), *zeros_of_slope(id, **parameters)}:
        parts.append(around(centre, n // 130, name))
    parts.append(special(name))
    x = rounded(np.concatenate(parts), name)
    return np.unique(x[np.abs(x) <= top] + 0.0)  # −0 + 0 is 0


def zeros_of_slope(id: str, **parameters: float) -> list[float]:
    """The float64 at or just above each point in [−12, 12] where g' changes sign, by bisection of its truth."""
    from oracles.arb_truth.points import truth

    def sign(x: Array) -> Array:
        keywords: dict[str, Any] = {**parameters}
        slope = truth(id, x, 1, dtype="float64", **keywords)
        return np.sign(np.where(slope.hi == 0, slope.residual, slope.hi))  # NaN at a kink

    grid = np.linspace(-12, 12, 385) + 2.0**-7  # steps of 1/16, off the usual kinks
    signs = sign(grid)
    zeros = []
    for k in np.flatnonzero(signs[1:] * signs[:-1] < 0):
        low, high = (int(v) for v in ordinal(grid[[k, k + 1]], "float64"))
        while high - low > 1:
            middle = (low + high) // 2
            same = sign(from_ordinal([middle], "float64"))[0] == signs[k]
            low, high = (middle, high) if same else (low, middle)
        zeros.append(float(from_ordinal([high], "float64")[0]))
    return zeros
