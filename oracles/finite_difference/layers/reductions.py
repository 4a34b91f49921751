"""Reductions for complex arrays: the largest and sizes by real parts."""

from __future__ import annotations

import numpy as np

from oracles.calls import Array, Definition


def _largest(x: Array, by: Array, axis: int) -> Array:
    return np.take_along_axis(x, np.expand_dims(by.argmax(int(axis)), int(axis)), int(axis)).squeeze(int(axis))


def _maximum(x: Array, axis: int = -1) -> Array:
    return _largest(x, x.real, axis)


def _minimum(x: Array, axis: int = -1) -> Array:
    return _largest(x, -x.real, axis)


def _norm(x: Array, p: float = 2.0, axis: int = -1) -> Array:
    sizes = np.where(x.real < 0, -x, x)
    if p == 2:
        return np.asarray(np.sqrt((x * x).sum(int(axis))))
    return np.asarray(sizes.sum(int(axis))) if p == 1 else _largest(sizes, sizes.real, axis)


def _variance(x: Array, correction: float = 1.0, axis: int = -1) -> Array:
    r = x - x.mean(int(axis), keepdims=True)
    return np.asarray((r * r).sum(int(axis)) / (x.shape[int(axis)] - correction))


def _standard_deviation(x: Array, correction: float = 1.0, axis: int = -1) -> Array:
    return np.asarray(np.sqrt(_variance(x, correction, axis)))


DEFINITIONS: dict[str, Definition] = {
    "layer/maximum": _maximum,
    "layer/minimum": _minimum,
    "layer/norm": _norm,
    "layer/variance": _variance,
    "layer/standard_deviation": _standard_deviation,
}
