"""All floats of a dtype by their bits: in runs of one binade, in tasks of many runs, and in segments to be told by."""

from __future__ import annotations

import bisect
import itertools
import math

import numpy as np

from gradproof.cases.case import as_dtype
from oracles.floats import FORMATS
from reference.formula import Array

DTYPES = ("float32", "float16", "bfloat16")  # of float64 there are 2⁶⁴
RUN = 1 << 16  # floats that a side is asked for at once
SPAN = 1 << 22  # floats of a task
NOT_FINITE = "not finite"  # the segment of ±∞ and NaN
EXPONENTS = (-16, -8, -4, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7)  # of the ends of segments, beside those of the format


def bits(dtype: str) -> int:
    """Bits of a float of the dtype."""
    return 32 if dtype == "float32" else 16


def run_length(dtype: str) -> int:
    """Floats of a run: those of a binade, or a part of them."""
    return min(RUN, 1 << (FORMATS[dtype].digits - 1))


def spans(dtype: str) -> list[tuple[int, int]]:
    """First float and number of floats of each task; together they are all floats of the dtype."""
    every = 1 << bits(dtype)
    n = min(SPAN, every // 2)
    return [(first, n) for first in range(0, every, n)]


def floats(first: int, n: int, dtype: str) -> Array:
    """The floats whose bits are first, first + 1, …: (n,), of the dtype.

    >>> floats(0x3F800000, 2, "float32").tolist(), floats(0x8000, 1, "float16").tolist()
    ([1.0, 1.0000001192092896], [-0.0])
    """
    numbers = np.arange(first, first + n, dtype=np.uint32 if bits(dtype) == 32 else np.uint16)
    return numbers.view(as_dtype(0, dtype).dtype)


def segment(first: int, dtype: str) -> str:
    """The segment that the run which begins with these bits lies in, from its end nearer to 0 to the other.

    >>> segment(0x40000000, "float32"), segment(0x80000000, "float32"), segment(0x7F800000, "float32")
    ('2..4', '-0..-2^-126', 'not finite')
    """
    x = float(abs(floats(first, 1, dtype)[0]))
    if not math.isfinite(x):
        return NOT_FINITE
    sign = "-" if first >> (bits(dtype) - 1) else ""
    ends = _ends(dtype)
    k = bisect.bisect_right([end for end, _ in ends], x) - 1
    return f"{sign}{ends[k][1]}..{sign}{ends[k + 1][1]}"


def _ends(dtype: str) -> list[tuple[float, str]]:
    """0, the least normal number, powers of two and what is beyond the greatest number, and how these are written."""
    format = FORMATS[dtype]
    normal, top = format.least + format.digits - 1, format.greatest + 1
    exponents = [normal, *(e for e in EXPONENTS if normal < e < top), top]
    return [(0.0, "0"), *((math.ldexp(1.0, e), str(2**e) if 0 <= e < 16 else f"2^{e}") for e in exponents)]


def segments(dtype: str) -> list[str]:
    """All segments, from the most negative to the most positive, and at last what is not finite."""
    names = [name for _, name in _ends(dtype)]
    positive = [f"{low}..{high}" for low, high in itertools.pairwise(names)]
    return [*(f"-{s.replace('..', '..-')}" for s in reversed(positive)), *positive, NOT_FINITE]
