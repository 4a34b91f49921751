"""PyTorch's pooling."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.windows import each

Numbers = Any  # a number, or one for each axis in a tuple

LARGEST = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
AVERAGE = {1: F.avg_pool1d, 2: F.avg_pool2d, 3: F.avg_pool3d}
LENGTH = {1: F.lp_pool1d, 2: F.lp_pool2d, 3: F.lp_pool3d}
SHARED_LARGEST = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}
FRACTIONAL = {2: F.fractional_max_pool2d, 3: F.fractional_max_pool3d}
ADAPTIVE = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}


def _of_last(function: Any, x: Tensor, axes: int, *options: Any) -> Tensor:
    """A function of the last axes, with all before them as one axis of channels."""
    y = function(x.reshape(-1, *x.shape[x.ndim - axes :]), *options)
    return y.reshape(*x.shape[: x.ndim - axes], *y.shape[1:])


def _max_pooling(
    x: Tensor,
    kernel_size: Numbers = (2,),
    stride: Numbers = None,
    padding: Numbers = (0,),
    dilation: Numbers = (1,),
    ceil_mode: bool = False,
) -> Tensor:
    axes = len(each(kernel_size, 1))
    steps = each(kernel_size if stride is None else stride, axes)
    options = each(kernel_size, axes), steps, each(padding, axes), each(dilation, axes), bool(ceil_mode)
    return _of_last(LARGEST[axes], x, axes, *options)


def _average_pooling(
    x: Tensor,
    kernel_size: Numbers = (2,),
    stride: Numbers = None,
    padding: Numbers = (0,),
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    axes = len(each(kernel_size, 1))
    steps = each(kernel_size if stride is None else stride, axes)
    options = each(kernel_size, axes), steps, each(padding, axes), bool(ceil_mode), bool(count_include_pad)
    return _of_last(AVERAGE[axes], x, axes, *options)


def _adaptive(functions: Any) -> Definition:
    def pooling(x: Tensor, output_size: Numbers = (1,)) -> Tensor:
        axes = len(each(output_size, 1))
        return _of_last(functions[axes], x, axes, each(output_size, axes))

    return pooling


def _lp_pooling(x: Tensor, kernel_size: Numbers = (2,), stride: Numbers = None, p: float = 2.0) -> Tensor:
    axes = len(each(kernel_size, 1))
    steps = None if stride is None else each(stride, axes)
    kernel = each(kernel_size, axes)
    return _of_last(LENGTH[axes], x, axes, p, kernel[0] if axes == 1 else kernel, steps)


def _fractional_max_pooling(
    x: Tensor, kernel_size: Numbers = (2,), output_size: Numbers = (1,), samples: Numbers = (0.5,)
) -> Tensor:
    """Examples as channels. A single axis goes beside one of length 1; of two, PyTorch takes the samples reversed."""
    axes = max(len(each(kernel_size, 1)), len(each(output_size, 1)))
    kernel, sizes, drawn = each(kernel_size, axes), each(output_size, axes), each(samples, axes)
    if axes == 1:
        return _fractional_max_pooling(x[..., None], (*kernel, 1), (*sizes, 1), (*drawn, 0))[..., 0]
    flat = x.reshape(1, -1, *x.shape[x.ndim - axes :])
    u = torch.tensor(drawn[::-1] if axes == 2 else drawn, dtype=x.dtype).expand(1, flat.shape[1], axes)
    return FRACTIONAL[axes](flat, kernel, sizes, _random_samples=u).reshape(*x.shape[: x.ndim - axes], *sizes)


OWN: dict[str, Definition] = {
    "layer/max_pooling": _max_pooling,
    "layer/average_pooling": _average_pooling,
    "layer/adaptive_average_pooling": _adaptive(ADAPTIVE),
    "layer/adaptive_max_pooling": _adaptive(SHARED_LARGEST),
    "layer/fractional_max_pooling": _fractional_max_pooling,
    "layer/lp_pooling": _lp_pooling,
}
COMPOSED: dict[str, Definition] = {}
