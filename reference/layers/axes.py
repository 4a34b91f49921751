"""One axis of an array, brought to the end and back."""

from __future__ import annotations

import numpy as np

from reference.formula import Array

WHOLE = {"axis": "axis % 1 == 0"}


def last(x: Array, axis: int, name: str = "x") -> Array:
    """x with this axis last. Raises ValueError where it has none such, or nothing on it."""
    if not -x.ndim <= axis < x.ndim or x.shape[axis] == 0:
        raise ValueError(f"{name} has shape {x.shape}; expected one entry or more on the axis {axis}")
    return np.moveaxis(x, axis, -1)
