"""Pooling over balls: the largest or the mean of what lies in each window."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from oracles.arb_truth.functions import absolute, largest, norm, power, sum_of_sizes, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, ball
from oracles.windows import counted, counts, drawn, each, places, shares

Option = Any  # a parameter that is given as it is


def _pooled(x: Array, axes: int, windows: Sequence[int], value: Callable[[Array, tuple[int, ...]], Scalar]) -> Array:
    """`value` of the places of every example and of a window, for all of them."""
    before = x.shape[: x.ndim - axes]
    y = np.empty((*before, *windows), object)
    for i, p in itertools.product(np.ndindex(*before), np.ndindex(*windows)):
        y[(*i, *p)] = value(x[i], p)
    return y


@layer(kernel_size=(2,), stride=None, padding=(0,), dilation=(1,), ceil_mode=False)
def max_pooling(
    x: Array, *, kernel_size: Option, stride: Option, padding: Option, dilation: Option, ceil_mode: Option
) -> Array:
    """The largest of every window."""
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]
    windows = counts(sizes, kernel, steps, padding, dilation, ceil_mode)
    return _pooled(x, len(kernel), windows, lambda row, p: largest(
        [row[q] for _, q in places(p, sizes, kernel, steps, padding, dilation)]
    ))  # fmt: skip


@layer(kernel_size=(2,), stride=None, padding=(0,), ceil_mode=False, count_include_pad=True)
def average_pooling(
    x: Array, *, kernel_size: Option, stride: Option, padding: Option, ceil_mode: Option, count_include_pad: Option
) -> Array:
    """The sum of every window over what it counts."""
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]

    def mean(row: Array, p: tuple[int, ...]) -> Scalar:
        inside = [row[q] for _, q in places(p, sizes, kernel, steps, padding)]
        return total(inside) / (counted(p, sizes, kernel, steps, padding) if count_include_pad else len(inside))

    return _pooled(x, len(kernel), counts(sizes, kernel, steps, padding, 1, ceil_mode), mean)


@layer("p >= 1 and p <= oo", kernel_size=(2,), stride=None, p=2.0)
def lp_pooling(x: Array, *, kernel_size: Option, stride: Option, p: Scalar) -> Array:
    """The p-norm of every window."""
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]
    windows = counts(sizes, kernel, steps, 0)

    def length(row: Array, window: tuple[int, ...]) -> Scalar:
        inside = np.array([row[q] for _, q in places(window, sizes, kernel, steps, 0)], object)
        if ball(p) == 2:
            return norm(inside)
        if ball(p) == 1:
            return sum_of_sizes(inside)
        if not ball(p).is_finite():
            return largest(absolute(inside))
        return power(total([power(u, p) for u in absolute(inside)]), 1 / p)

    return _pooled(x, len(kernel), windows, length)


def _shared(x: Array, output_size: Option, reduced: Callable[[list[Scalar]], Scalar]) -> Array:
    """Windows that share the axes, each reduced."""
    sizes = each(output_size, 1)
    ranges = [shares(n, P) for n, P in zip(x.shape[x.ndim - len(sizes) :], sizes, strict=True)]
    return _pooled(x, len(sizes), sizes, lambda row, p: reduced([row[q] for q in _region(ranges, p)]))


def _region(ranges: Sequence[Sequence[range]], p: tuple[int, ...]) -> Iterable[tuple[int, ...]]:
    return itertools.product(*(r[k] for r, k in zip(ranges, p, strict=True)))


@layer(output_size=(1,))
def adaptive_average_pooling(x: Array, *, output_size: Option) -> Array:
    """The mean of every window."""
    return _shared(x, output_size, lambda inside: total(inside) / len(inside))


@layer(output_size=(1,))
def adaptive_max_pooling(x: Array, *, output_size: Option) -> Array:
    """The largest of every window."""
    return _shared(x, output_size, largest)


@layer(kernel_size=(2,), output_size=(1,), samples=(0.5,))
def fractional_max_pooling(x: Array, *, kernel_size: Option, output_size: Option, samples: Option) -> Array:
    """The largest of windows that samples place."""
    axes = max(len(each(kernel_size, 1)), len(each(output_size, 1)))
    sides = [each(given, axes) for given in (kernel_size, output_size, samples)]
    ranges = [drawn(n, *side) for n, side in zip(x.shape[x.ndim - axes :], zip(*sides, strict=True), strict=True)]
    return _pooled(x, axes, sides[1], lambda row, p: largest([row[q] for q in _region(ranges, p)]))
