"""Convolutions in JAX: one function for any number of axes, which leaves room between inputs for the transposed one."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import lax

from oracles.calls import Definition
from oracles.windows import each, ends

Numbers = Any  # a number, or one for each axis in a tuple


def _with_bias(y: Any, bias: Any, axes: int) -> Any:
    return y if bias is None else y + bias.reshape(-1, *[1] * axes)


def _convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Numbers = (1,),
    padding: Numbers = (0,),
    dilation: Numbers = (1,),
    groups: int = 1,
) -> Any:
    axes = weight.ndim - 2
    batch = x.reshape(-1, *x.shape[x.ndim - axes - 1 :])
    y = lax.conv_general_dilated(
        batch, weight, each(stride, axes), ends(padding, axes),
        rhs_dilation=each(dilation, axes), feature_group_count=groups,
    )  # fmt: skip
    return _with_bias(y, bias, axes).reshape(*x.shape[: x.ndim - axes - 1], *y.shape[1:])


def _transposed_convolution(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Numbers = (1,),
    padding: Numbers = (0,),
    output_padding: Numbers = (0,),
    dilation: Numbers = (1,),
    groups: int = 1,
) -> Any:
    axes = weight.ndim - 2
    kernel, gaps, extra = weight.shape[2:], each(dilation, axes), each(output_padding, axes)
    by_group = weight.reshape(groups, -1, *weight.shape[1:]).swapaxes(1, 2)  # (g, o/g, c/g, *kernel)
    flipped = jnp.flip(by_group.reshape(-1, *by_group.shape[2:]), tuple(range(2, 2 + axes)))
    reach = [d * (k - 1) for d, k in zip(gaps, kernel, strict=True)]
    pads = zip(ends(padding, axes), reach, extra, strict=True)
    batch = x.reshape(-1, *x.shape[x.ndim - axes - 1 :])
    y = lax.conv_general_dilated(
        batch, flipped, [1] * axes, [(r - before, r - after + e) for (before, after), r, e in pads],
        lhs_dilation=each(stride, axes), rhs_dilation=gaps, feature_group_count=groups,
    )  # fmt: skip
    return _with_bias(y, bias, axes).reshape(*x.shape[: x.ndim - axes - 1], *y.shape[1:])


def _causal_convolution(x: Any, weight: Any, bias: Any = None, initial_state: Any = None) -> dict[str, Any]:
    (channels, taps), T = weight.shape, x.shape[-1]
    start = jnp.zeros((*x.shape[:-1], taps - 1), x.dtype) if initial_state is None else initial_state
    whole = jnp.concatenate([start, x], -1)
    return {"value": _convolution(whole, weight[:, None], bias, groups=channels), "final_state": whole[..., T:]}


OWN: dict[str, Definition] = {"layer/convolution": _convolution}
COMPOSED: dict[str, Definition] = {
    "layer/transposed_convolution": _transposed_convolution,
    "layer/causal_convolution": _causal_convolution,
}
