"""Convolutions for complex arrays: kernels over views of padded inputs, or products dropped where they belong."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.calls import Array, Definition
from oracles.windows import each, ends


def _finished(y: Array, bias: Any, axes: int, before: tuple[int, ...]) -> Array:
    """With the bias, and the leading axes of x.  y: (n, o, *places)."""
    y = y if bias is None else y + bias.reshape(-1, *[1] * axes)
    return y.reshape(*before, *y.shape[1:])


def _convolution(
    x: Array,
    weight: Array,
    bias: Any = None,
    stride: Any = (1,),
    padding: Any = (0,),
    dilation: Any = (1,),
    groups: int = 1,
) -> Array:
    kernel = weight.shape[2:]
    axes, groups = len(kernel), int(groups)
    reach = [d * (k - 1) + 1 for d, k in zip(each(dilation, axes), kernel, strict=True)]
    last = tuple(range(-axes, 0))
    padded = np.pad(x.reshape(-1, *x.shape[x.ndim - axes - 1 :]), [(0, 0), (0, 0), *ends(padding, axes)])
    views = np.lib.stride_tricks.sliding_window_view(padded, reach, last)  # (n, c, *windows, *reach)
    taken = [slice(None, None, step) for step in (*each(stride, axes), *each(dilation, axes))]
    views = views[(slice(None), slice(None), *taken)]
    views = views.reshape(len(views), groups, -1, *views.shape[2:])  # (n, g, c, *windows, *kernel)
    w = weight.reshape(groups, -1, *weight.shape[1:])  # (g, o, c, *kernel)
    p, k = "pqr"[:axes], "stu"[:axes]
    y = np.einsum(f"gjl{k},ngl{p}{k}->ngj{p}", w, views)
    return _finished(y.reshape(len(y), -1, *y.shape[3:]), bias, axes, x.shape[: x.ndim - axes - 1])


def _transposed_convolution(
    x: Array,
    weight: Array,
    bias: Any = None,
    stride: Any = (1,),
    padding: Any = (0,),
    output_padding: Any = (0,),
    dilation: Any = (1,),
    groups: int = 1,
) -> Array:
    kernel = weight.shape[2:]
    axes, groups = len(kernel), int(groups)
    steps, gaps, extra = each(stride, axes), each(dilation, axes), each(output_padding, axes)
    rows = x.reshape(-1, groups, len(weight) // groups, *x.shape[x.ndim - axes :])
    w = weight.reshape(groups, -1, *weight.shape[1:])  # (g, c, o, *kernel)
    whole = [(p - 1) * s + d * (k - 1) + e + 1 for p, s, d, k, e in
             zip(rows.shape[3:], steps, gaps, kernel, extra, strict=True)]  # fmt: skip
    y = np.zeros((len(rows), groups, w.shape[2], *whole), np.result_type(x, weight))
    for k in np.ndindex(*kernel):
        places: list[Any] = [..., *(slice(d * t, d * t + s * (p - 1) + 1, s) for d, t, s, p in
                  zip(gaps, k, steps, rows.shape[3:], strict=True))]  # fmt: skip
        y[tuple(places)] += np.einsum("glj,ngl...->ngj...", w[(..., *k)], rows)
    cut: list[Any] = [slice(a, size - z) for (a, z), size in zip(ends(padding, axes), whole, strict=True)]
    y = y.reshape(len(y), -1, *whole)[(slice(None), slice(None), *cut)]
    return _finished(y, bias, axes, x.shape[: x.ndim - axes - 1])


def _causal_convolution(x: Array, weight: Array, bias: Any = None, initial_state: Any = None) -> dict[str, Array]:
    (c, K), T = weight.shape, x.shape[-1]
    start = np.zeros((*x.shape[:-1], K - 1)) if initial_state is None else initial_state
    whole = np.concatenate([start, x], -1)
    return {"value": _convolution(whole, weight[:, None], bias, groups=c), "final_state": whole[..., T:]}


DEFINITIONS: dict[str, Definition] = {
    "layer/convolution": _convolution,
    "layer/transposed_convolution": _transposed_convolution,
    "layer/causal_convolution": _causal_convolution,
}
