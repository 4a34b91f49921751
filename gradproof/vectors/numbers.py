"""Numbers as text that every language reads exactly, and arrays of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array

LEAST = 1e-3  # ULP, below which nothing is forgiven


def written(x: float) -> str:
    """A float as hex without trailing zeros, or inf, -inf, nan.

    >>> written(3.0), written(-0.0), written(float("-inf"))
    ('0x1.8p+1', '-0x0p+0', '-inf')
    """
    text = float(x).hex()
    if "p" not in text:
        return text
    mantissa, exponent = text.split("p")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}p{exponent}"


def read(value: Any) -> float:
    """The number that a program wrote: a JSON number, or a string as `written` or in decimal.

    Raises ValueError for anything else.

    >>> read("0x1.8p+1"), read(3), read("-Infinity")
    (3.0, 3.0, -inf)
    """
    try:
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)
        if isinstance(value, str):
            return float.fromhex(value) if "0x" in value.lower() else float(value)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{value!r} is not a number; write 0x1.8p+1, 3.0, inf or nan")


def array(x: Array) -> dict[str, Any]:
    """An argument: shape and entries row by row, hex where they are floats."""
    x = np.asarray(x)
    if x.dtype.kind in "iub":
        return {"shape": list(x.shape), "integers": [int(k) for k in x.ravel()]}
    return {"shape": list(x.shape), "data": [written(v) for v in x.astype(np.float64).ravel()]}


def exact(hi: Array, residual: Array, undecided: Array, forgiven: Array) -> dict[str, Any]:
    """Exact numbers: the float they round to, what is missing in ULP, and what half an ULP of the inputs does to them.

    An entry without a truth is None. What is forgiven is to three digits, below 1/1000 it is 0. `residual` and
    `forgiven` are left out where they are 0.
    """
    no_truth = (np.isnan(hi) & undecided).ravel()
    found: dict[str, Any] = {
        "shape": list(hi.shape),
        "data": [None if none else written(y) for y, none in zip(hi.ravel(), no_truth, strict=True)],
    }
    flat = zip(residual.ravel().tolist(), forgiven.ravel().tolist(), np.isfinite(hi.ravel()), strict=True)
    rests = [
        (round(r, 4) + 0.0, float(f"{f:.3g}") if f >= LEAST else 0.0) if fine else (0.0, 0.0) for r, f, fine in flat
    ]
    for key, numbers in (("residual", [r for r, _ in rests]), ("forgiven", [f for _, f in rests])):
        if any(numbers):
            found[key] = [_short(x) for x in numbers]
    return found


def _short(x: float) -> float | int:
    return int(x) if x == int(x) and abs(x) < 1e15 else x
