"""Pooling in JAX: reductions over windows, which take padding on both ends of an axis."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from oracles.calls import Definition
from oracles.windows import counted, counts, drawn, each, ends, places, shares

Numbers = Any  # a number, or one for each axis in a tuple


def _reduced(
    x: Any, neutral: float, operation: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> Any:
    """Windows of the last axes reduced; with `ceil`, as much more padding as the last of them needs."""
    axes = len(kernel)
    sizes, steps, gaps = x.shape[x.ndim - axes :], each(stride, axes), each(dilation, axes)
    windows = counts(sizes, kernel, stride, padding, dilation, ceil)
    pads = [(a, max(z, (p - 1) * s + d * (k - 1) + 1 - n - a)) for (a, z), p, s, d, k, n in
            zip(ends(padding, axes), windows, steps, gaps, kernel, sizes, strict=True)]  # fmt: skip
    flat = x.reshape(-1, *sizes)
    y = lax.reduce_window(
        flat, neutral, operation, (1, *kernel), (1, *steps), [(0, 0), *pads], window_dilation=(1, *gaps)
    )
    return y.reshape(*x.shape[: x.ndim - axes], *windows)


def _max_pooling(
    x: Any,
    kernel_size: Numbers = (2,),
    stride: Numbers = None,
    padding: Numbers = (0,),
    dilation: Numbers = (1,),
    ceil_mode: bool = False,
) -> Any:
    kernel = each(kernel_size, 1)
    steps = kernel if stride is None else stride
    return _reduced(x, -jnp.inf, lax.max, kernel, steps, padding, dilation, bool(ceil_mode))


def _average_pooling(
    x: Any,
    kernel_size: Numbers = (2,),
    stride: Numbers = None,
    padding: Numbers = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Any:
    kernel = each(kernel_size, 1)
    steps, sizes = kernel if stride is None else stride, x.shape[x.ndim - len(kernel) :]
    count = np.empty(counts(sizes, kernel, steps, padding, 1, bool(ceil_mode)))
    for p in np.ndindex(*count.shape):
        inside = len(list(places(p, sizes, kernel, steps, padding)))
        count[p] = counted(p, sizes, kernel, steps, padding) if count_include_pad else inside
    return _reduced(x, 0.0, lax.add, kernel, steps, padding, 1, bool(ceil_mode)) / jnp.asarray(count, x.dtype)


def _adaptive(reduced: Any) -> Definition:
    """Axis by axis, each window reduced."""

    def pooling(x: Any, output_size: Numbers = (1,)) -> Any:
        sizes = each(output_size, 1)
        for axis, size in enumerate(sizes):
            at = x.ndim - len(sizes) + axis
            windows = shares(x.shape[at], size)
            x = jnp.stack([reduced(lax.slice_in_dim(x, r.start, r.stop, axis=at), at) for r in windows], at)
        return x

    return pooling


def _lp_pooling(x: Any, kernel_size: Numbers = (2,), stride: Numbers = None, p: float = 2.0) -> Any:
    kernel = each(kernel_size, 1)
    steps = kernel if stride is None else stride
    if p == np.inf:
        return _reduced(abs(x), -jnp.inf, lax.max, kernel, steps, 0, 1, False)
    return _reduced(abs(x) ** p, 0.0, lax.add, kernel, steps, 0, 1, False) ** (1 / p)


def _fractional_max_pooling(
    x: Any, kernel_size: Numbers = (2,), output_size: Numbers = (1,), samples: Numbers = (0.5,)
) -> Any:
    axes = max(len(each(kernel_size, 1)), len(each(output_size, 1)))
    sides = [each(given, axes) for given in (kernel_size, output_size, samples)]
    for axis, (k, windows, u) in enumerate(zip(*sides, strict=True), x.ndim - axes):
        parts = [x.take(jnp.asarray(region), axis) for region in drawn(x.shape[axis], k, windows, u)]
        x = jnp.stack([part.max(axis) for part in parts], axis)
    return x


OWN: dict[str, Definition] = {"layer/max_pooling": _max_pooling}
COMPOSED: dict[str, Definition] = {
    "layer/average_pooling": _average_pooling,
    "layer/adaptive_average_pooling": _adaptive(lambda part, axis: part.mean(axis)),
    "layer/adaptive_max_pooling": _adaptive(lambda part, axis: part.max(axis)),
    "layer/fractional_max_pooling": _fractional_max_pooling,
    "layer/lp_pooling": _lp_pooling,
}
