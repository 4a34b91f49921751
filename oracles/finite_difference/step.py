"""The two ways to a derivative without one: the complex step, and central differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from oracles.calls import Array

Derive = Callable[..., Array]

STEP = 2.0**-200  # h² is lost beside any derivative, and h·f' is representable down to f' ≈ 1e-247


def complex_step(f: Callable[[Array], Array], x: Array, axes: int = 0) -> Array:
    """∂f/∂x by the complex step, one evaluation for every index of the last `axes` axes of x.

    f maps an array like x to one of its leading shape, the axes before those (all of x where axes = 0): problems on
    leading axes do not mix. Returns float64 of the shape of x.
    """
    g = np.empty(x.shape)
    for index in np.ndindex(x.shape[x.ndim - axes :]):
        moved = x.astype(np.complex128)
        moved[(..., *index)] += 1j * STEP
        g[(..., *index)] = f(moved).imag / STEP
    return g


def central_difference(f: Callable[[Array], Array], x: Array, axes: int = 0) -> Array:
    """∂f/∂x by central differences, good to about ten digits of the size of f; arguments as `complex_step`."""
    g = np.empty(x.shape)
    for index in np.ndindex(x.shape[x.ndim - axes :]):
        at = (..., *index)
        left, right = x.astype(np.float64), x.astype(np.float64)
        h = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, np.abs(right[at]))
        left[at] -= h
        right[at] += h
        g[at] = (f(right) - f(left)) / (right[at] - left[at])
    return g
