"""Floating-point formats, units in the last place, and truths rounded to a format. NumPy only.

A truth is kept as the float it rounds to and the rest in ULP, so that the error of any candidate is known to a
small part of an ULP although the truth is no float.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Format(NamedTuple):
    """Bits of the significand, exponent of the least subnormal, and exponent of the greatest power of two."""

    digits: int
    least: int
    greatest: int


FORMATS = {
    "float16": Format(11, -24, 15),
    "bfloat16": Format(8, -133, 127),
    "float32": Format(24, -149, 127),
    "float64": Format(53, -1074, 1023),
}


def format_of(dtype: npt.DTypeLike | str) -> tuple[str, Format]:
    """Name and format of a dtype, given as a dtype or by name. Raises ValueError for any but the four known."""
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    if name not in FORMATS:
        raise ValueError(f"dtype {name!r} is not one of {', '.join(FORMATS)}")
    return name, FORMATS[name]


@dataclass(frozen=True)
class Truth:
    """What is true, as correctly rounded floats of `dtype` and what is missing to the truth.

    hi: float64 array of floats of `dtype`; residual: float64 array, (truth − hi)/ulp(hi), within 2^-20;
    undecided: bool array. Where undecided is set, either there is no answer (hi is NaN: both sides of a kink
    differ), or the truth is so close to halfway between two floats that hi may be either (residual is ±½).
    """

    hi: Array
    residual: Array
    undecided: Array
    dtype: str

    def __getitem__(self, index: Any) -> Truth:
        """The truth at some of the points."""
        return self.map(lambda a: a[index])

    def map(self, rearrange: Callable[[Array], Array]) -> Truth:
        """The truth with all its arrays rearranged alike."""
        return Truth(rearrange(self.hi), rearrange(self.residual), rearrange(self.undecided), self.dtype)


def ulp_exponent(y: npt.ArrayLike, dtype: npt.DTypeLike | str) -> Array:
    """Exponent of the unit in the last place of y in `dtype`, as integers; that of the greatest float for ±inf."""
    format = format_of(dtype)[1]
    _, e = np.frexp(np.asarray(y, np.float64))
    q = np.where(np.asarray(y) == 0, format.least, np.maximum(e - format.digits, format.least))
    return np.where(np.isfinite(y), q, format.greatest + 1 - format.digits)


def ulp(y: npt.ArrayLike, dtype: npt.DTypeLike | str) -> Array:
    """Unit in the last place of y in `dtype`: the gap to the next float away from zero, the least subnormal at 0.

    float64 array; NaN for NaN, and the last finite gap for ±inf.

    >>> ulp([1.0, 0.0, 65504.0], "float16").tolist() == [2.0**-10, 2.0**-24, 32.0]
    True
    """
    return np.where(np.isnan(y), np.nan, np.ldexp(1.0, ulp_exponent(y, dtype)))


def ulp_error(got: npt.ArrayLike, truth: Truth) -> Array:
    """|got − truth| in ULP of the rounded truth: ½ at most for a correctly rounded result.

    Infinite where got is NaN and the truth is not, or where one overflows and the other does not; 0 where both
    are the same infinity, or both NaN; NaN where there is no truth to compare with.

    >>> one = Truth(np.array([1.0]), np.array([0.25]), np.array([False]), "float64")
    >>> ulp_error([1 + 2.0**-52], one).tolist()
    [0.75]
    """
    got = np.asarray(got).astype(np.float64)
    q = -ulp_exponent(truth.hi, truth.dtype)
    with np.errstate(invalid="ignore", over="ignore"):
        # Scaled before subtracting: floats far apart may have a difference that overflows, though not in ULP.
        error = np.abs(np.ldexp(got, q) - np.ldexp(truth.hi, q) - truth.residual)
    same = (got == truth.hi) & np.isinf(got)
    one_sided = np.isnan(got) != np.isnan(truth.hi)
    error = np.where(same | (np.isnan(got) & np.isnan(truth.hi)), 0.0, np.where(one_sided, np.inf, error))
    return np.where(truth.undecided & np.isnan(truth.hi), np.nan, error)


def conditioned_error(got: npt.ArrayLike, truth: Truth, x: npt.ArrayLike, derivative: Truth) -> Array:
    """E = |got − y|/(ulp(y) + u·|x·y'(x)|): the error in ULP, forgiving what half an ULP of the input would do.

    `derivative` is the truth of y' at x: f' for values of f, f'' for values of f'. u is the unit roundoff of
    the dtype. Where y' or x is not finite nothing is forgiven. Special values as in `ulp_error`.
    """
    digits = format_of(truth.dtype)[1].digits
    with np.errstate(invalid="ignore", over="ignore"):
        sway = np.abs(np.asarray(x).astype(np.float64) * np.ldexp(derivative.hi, -digits))
        forgiven = np.where(np.isfinite(sway), np.ldexp(sway, -ulp_exponent(truth.hi, truth.dtype)), 0.0)
    error = ulp_error(got, truth)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        apart = np.abs(np.asarray(got).astype(np.float64) - truth.hi)
        far = np.isinf(error) & np.isfinite(apart) & np.isfinite(sway)  # from 0, by more ULPs than there are floats for
        beside = apart / sway
        return np.where(far, beside, np.where(np.isinf(error), error, error / (1 + forgiven)))
