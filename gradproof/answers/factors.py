"""What turns a right array into a wrong one: a constant factor with a name, a transpose, one of given alternatives."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from reference.formula import Array

NEAR = 1e-6  # relative; an explanation must fit this well
LEAST = 2.0**-1022 / 2.0**-200  # below it the complex step, of 2^-200, has no digits


def close(p: Array, q: Array, slack: float = LEAST, near: float = NEAR) -> bool:
    """Whether p is q, but for `near` times the largest entry of q."""
    reach = near * np.abs(q).max(initial=0) + slack
    return p.shape == q.shape and bool(np.isfinite(p).all()) and bool((np.abs(p - q) <= reach).all())


def ratio(got: Array, expected: Array, near: float = NEAR) -> float:
    """The constant c with got = c·expected; NaN if there is none.

    >>> import numpy as np
    >>> ratio(np.array([-3.0, 0.0]), np.array([1.0, 0.0]))
    -3.0
    """
    here = expected != 0
    c = float(np.median(got[here] / expected[here])) if here.any() else math.nan
    return c if close(got, c * expected, near=near) else math.nan


def named(c: float, sizes: Mapping[str, int], near: float = NEAR) -> str:
    """What the factor c usually stands for, in words; `sizes` are numbers by which one may divide, as that of examples.

    Empty where it has no name.

    >>> named(5.0, {"n": 5})
    'the 1/n of the mean is missing (ratio 5)'
    """
    if abs(c + 1) < near:
        return "the sign is wrong (ratio −1)"
    for name, n in sizes.items():
        for factor, words in (
            (n, f"the 1/{name} of the mean is missing (ratio {n})"),
            (1 / n if n else 0, f"1/{name} is applied twice"),
        ):
            if n > 1 and abs(c / factor - 1) < near:
                return words
    if abs(c - 2) < near or abs(c - 0.5) < near:
        return f"a factor 2 or ½ (ratio {c:.3g})"
    return ""


def explain(got: Array, expected: Array, n: int = 1, alternatives: Mapping[str, Array] | None = None) -> str:
    """The likely cause that turns `expected` into `got`, in words; `n` is the number of examples.

    >>> import numpy as np
    >>> explain(np.array([-1.0, -2.0]), np.array([1.0, 2.0]))
    'the sign is wrong (ratio −1)'
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    if not np.isfinite(got).all():
        return "it is not finite"
    if expected.any() and not got.any():
        return "it is zero"
    c = ratio(got, expected)
    if words := named(c, {"n": n}):
        return words
    if got.ndim == 2 and got.shape[0] == got.shape[1] and close(got, expected.T):
        return "it is the transpose"
    for words, other in (alternatives or {}).items():
        if close(got, np.asarray(other, np.float64)):
            return words
    return "no simple cause fits" if math.isnan(c) else f"a constant factor (ratio {c:.9g})"
