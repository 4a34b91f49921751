"""Pooling for complex arrays: window by window, the largest by its real part."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.windows import counted, counts, drawn, each, places, shares


def _pooled(x: Array, axes: int, windows: Sequence[int], inside: Callable[..., Any], reduced: Any) -> Array:
    """What lies in each window, on a last axis, reduced to a number."""
    y = np.empty((*x.shape[: x.ndim - axes], *windows), x.dtype)
    for p in np.ndindex(*windows):
        y[(..., *p)] = reduced(np.stack([x[(..., *q)] for q in inside(p)], -1), p)
    return y


def _largest(row: Array, _: Any) -> Array:
    return np.asarray(np.take_along_axis(row, row.real.argmax(-1)[..., None], -1)[..., 0])


def _max_pooling(
    x: Array,
    kernel_size: Any = (2,),
    stride: Any = None,
    padding: Any = (0,),
    dilation: Any = (1,),
    ceil_mode: bool = False,
) -> Array:
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]
    windows = counts(sizes, kernel, steps, padding, dilation, ceil_mode)
    inside = lambda p: (q for _, q in places(p, sizes, kernel, steps, padding, dilation))  # noqa: E731
    return _pooled(x, len(kernel), windows, inside, _largest)


def _average_pooling(
    x: Array,
    kernel_size: Any = (2,),
    stride: Any = None,
    padding: Any = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Array:
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]

    def mean(row: Array, p: Any) -> Array:
        count = counted(p, sizes, kernel, steps, padding) if count_include_pad else row.shape[-1]
        return np.asarray(row.sum(-1) / count)

    inside = lambda p: (q for _, q in places(p, sizes, kernel, steps, padding))  # noqa: E731
    return _pooled(x, len(kernel), counts(sizes, kernel, steps, padding, 1, ceil_mode), inside, mean)


def _adaptive(reduced: Any) -> Definition:
    def pooling(x: Array, output_size: Any = (1,)) -> Array:
        sizes = each(output_size, 1)
        ranges = [shares(n, P) for n, P in zip(x.shape[x.ndim - len(sizes) :], sizes, strict=True)]
        inside = lambda p: itertools.product(*(r[k] for r, k in zip(ranges, p, strict=True)))  # noqa: E731
        return _pooled(x, len(sizes), sizes, inside, reduced)

    return pooling


def _lp_pooling(x: Array, kernel_size: Any = (2,), stride: Any = None, p: float = 2.0) -> Array:
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]
    inside = lambda window: (q for _, q in places(window, sizes, kernel, steps, 0))  # noqa: E731
    size = np.where(x.real < 0, -x, x)
    reduced = _largest if p == np.inf else lambda row, _: (row**p).sum(-1) ** (1 / p)
    return _pooled(size, len(kernel), counts(sizes, kernel, steps, 0), inside, reduced)


def _fractional_max_pooling(x: Array, kernel_size: Any = (2,), output_size: Any = (1,), samples: Any = (0.5,)) -> Array:
    axes = max(len(each(kernel_size, 1)), len(each(output_size, 1)))
    sides = [each(given, axes) for given in (kernel_size, output_size, samples)]
    ranges = [drawn(n, *side) for n, side in zip(x.shape[x.ndim - axes :], zip(*sides, strict=True), strict=True)]
    inside = lambda p: itertools.product(*(r[k] for r, k in zip(ranges, p, strict=True)))  # noqa: E731
    return _pooled(x, axes, sides[1], inside, _largest)


DEFINITIONS: dict[str, Definition] = {
    "layer/max_pooling": _max_pooling,
    "layer/average_pooling": _average_pooling,
    "layer/adaptive_average_pooling": _adaptive(lambda row, _: row.mean(-1)),
    "layer/adaptive_max_pooling": _adaptive(_largest),
    "layer/fractional_max_pooling": _fractional_max_pooling,
    "layer/lp_pooling": _lp_pooling,
}
