"""PyTorch's convolutions."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.windows import each, ends

Numbers = Any  # a number, or one for each axis in a tuple

CONVOLUTIONS = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}


def _convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = (1,),
    padding: Numbers = (0,),
    dilation: Numbers = (1,),
    groups: int = 1,
) -> Tensor:
    axes = weight.ndim - 2
    pads = ends(padding, axes)
    if any(before != after for before, after in pads):  # which torch's own padding cannot be
        x = F.pad(x, [p for pair in reversed(pads) for p in pair])
        pads = [(0, 0)] * axes
    steps, gaps, padded = each(stride, axes), each(dilation, axes), [before for before, _ in pads]
    return CONVOLUTIONS[axes](x, weight, bias, steps, padded, gaps, groups)


def _transposed_convolution(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Numbers = (1,),
    padding: Numbers = (0,),
    output_padding: Numbers = (0,),
    dilation: Numbers = (1,),
    groups: int = 1,
) -> Tensor:
    axes = weight.ndim - 2
    steps, padded, extra, gaps = (each(p, axes) for p in (stride, padding, output_padding, dilation))
    return TRANSPOSED[axes](x, weight, bias, steps, padded, extra, groups, gaps)


def _causal_convolution(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, initial_state: Tensor | None = None
) -> dict[str, Tensor]:
    (channels, taps), T = weight.shape, x.shape[-1]
    start = x.new_zeros((*x.shape[:-1], taps - 1)) if initial_state is None else initial_state
    whole = torch.cat([start, x], -1)
    return {"value": F.conv1d(whole, weight[:, None], bias, groups=channels), "final_state": whole[..., T:]}


OWN: dict[str, Definition] = {
    "layer/convolution": _convolution,
    "layer/transposed_convolution": _transposed_convolution,
}
COMPOSED: dict[str, Definition] = {"layer/causal_convolution": _causal_convolution}
