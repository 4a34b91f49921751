"""What entries of an argument may be: probabilities, rows that sum to one, signs, counts.

Of a cost, a layer or a mask alike; a record says which of them it is in its `entries`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.lift import Array


def require(condition: npt.ArrayLike, name: str, x: Array, must: str) -> None:
    """Raise ValueError naming the first entry of x for which the condition is false: `must` says what it breaks."""
    wrong = ~np.broadcast_to(condition, x.shape)
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"{name} = {x[where]} at index {where} {must}")


def distributions(name: str, x: Array, digits: int = 52) -> None:
    """Raise ValueError unless every row is ≥ 0 and sums to one, as a row of floats of so many binary digits does.

    A row normalised by the plainest summation is off by d + 1 roundings at most; twice that is let pass.
    """
    if x.size == 0:
        return
    x = x if x.ndim else x[None]
    total, slack = np.add.reduce(x, -1), (x.shape[-1] + 1) * 2.0**-digits
    off = (total - 1.0).ravel()
    if not (x.item(x.argmin()) >= 0 and off.dot(off) <= slack * slack):  # enough, and false for NaN
        require((x >= 0) & (x <= 1 + slack), name, x, "is not a probability: must lie in [0, 1]")
        require(np.abs(total - 1) <= slack, f"the sum of a row of {name}", np.asarray(total), "is not 1")


def _log_distributions(name: str, x: Array, digits: int) -> None:
    require(x <= 0, name, x, "is not the logarithm of a probability: must be ≤ 0")
    distributions(f"exp({name})", np.exp(x), digits)


def _probabilities(name: str, x: Array, digits: int) -> None:
    if x.size and not (x.item(x.argmin()) >= 0 and x.item(x.argmax()) <= 1):
        require((x >= 0) & (x <= 1), name, x, "is not a probability: must lie in [0, 1]")


def _must(condition: Callable[[Array], Array], must: str) -> Callable[[str, Array, int], None]:
    return lambda name, x, digits: require(condition(x), name, x, must)


# By what a record says of the entries of an argument; the last number is the binary digits of its dtype.
CHECKS: dict[str, Callable[[str, Array, int], None]] = {
    "probability": _probabilities,
    "distribution": distributions,
    "log distribution": _log_distributions,
    "log probability": _must(lambda x: x <= 0, "is not the logarithm of a probability: must be ≤ 0"),
    "indicator": _must(lambda x: (x == 0) | (x == 1), "is not an indicator: must be 0 or 1"),
    "sign": _must(lambda x: np.abs(x) == 1, "is not a label: must be −1 or +1"),
    "count": _must(lambda x: x >= 0, "is not a count: must be ≥ 0"),
    "rate": _must(lambda x: x >= 0, "is not a rate: must be ≥ 0"),
    "variance": _must(lambda x: x > 0, "is not a variance: must be > 0"),
    "variance or 0": _must(lambda x: x >= 0, "is not a variance: must be ≥ 0"),
}
DIGITS = {"e": 10, "E": 7, "f": 23, "d": 52}  # behind the point, by the character of a dtype (E: bfloat16)


def check_entries(
    x: Mapping[str, Array], entries: Mapping[str, str], dtypes: Mapping[str, np.dtype[Any]], weight: Array | None = None
) -> None:
    """Raise ValueError for entries that are not what the record says; those whose weight is 0 may be anything.

    Rows are to sum to one as far as the coarser of their own dtype and that of the first argument goes.
    """
    for name, kind in entries.items():
        if name in x and kind in CHECKS:
            first = DIGITS[next(iter(dtypes.values())).char]
            weighted = weight is not None and weight.shape == x[name].shape and "distribution" not in kind
            sure = 0.0 if kind.startswith("log") else 1.0  # is of every kind
            counted = np.where(weight == 0, sure, x[name]) if weighted else x[name]
            CHECKS[kind](name, counted, min(first, DIGITS[dtypes[name].char]) if name in dtypes else first)
