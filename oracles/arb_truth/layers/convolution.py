"""Convolutions over balls: every output as the sum of products that it is."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from oracles.arb_truth.functions import dot
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, objects
from oracles.windows import counts, each, ends, places

Option = Any  # a parameter that is given as it is


def _sums(x: Array, weight: Array, bias: Array | None, places: tuple[int, ...], under: Any, groups: int) -> Array:
    """Σ w·x of every example, channel and place: `under(place)` yields taps and the places of x that belong to it.

    weight: (c/g, o, *kernel), the channels of x by those of the output.
    """
    axes, (per_group, o) = len(places), weight.shape[:2]
    rows = x.reshape(-1, *x.shape[x.ndim - axes - 1 :])
    y = np.empty((len(rows), o, *places), object)
    for n, j in itertools.product(range(len(rows)), range(o)):
        first = j // (o // groups) * per_group
        for p in itertools.product(*map(range, places)):
            pairs = [(weight[(l, j, *k)], rows[(n, first + l, *q)]) for k, q in under(p) for l in range(per_group)]
            term = dot([w for w, _ in pairs], [u for _, u in pairs]) if pairs else 0
            y[(n, j, *p)] = term if bias is None else term + bias[j]
    return y.reshape(*x.shape[: x.ndim - axes - 1], o, *places)


@layer("groups >= 1", stride=(1,), padding=(0,), dilation=(1,), groups=1)
def convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Option,
    padding: Option,
    dilation: Option,
    groups: Option,
) -> Array:
    """Σ_k w[k]·x[stride·p + dilation·k − padding] + b."""
    kernel = weight.shape[2:]
    sizes = x.shape[x.ndim - len(kernel) :]
    windows = counts(sizes, kernel, stride, padding, dilation)

    def under(p: tuple[int, ...]) -> Any:
        return places(p, sizes, kernel, stride, padding, dilation)

    return _sums(x, weight.swapaxes(0, 1), bias, windows, under, int(groups))


@layer("groups >= 1", stride=(1,), padding=(0,), output_padding=(0,), dilation=(1,), groups=1)
def transposed_convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Option,
    padding: Option,
    output_padding: Option,
    dilation: Option,
    groups: Option,
) -> Array:
    """Σ w[k]·x[p] over the p and k with stride·p + dilation·k − padding at the place, + b."""
    kernel = weight.shape[2:]
    axes, groups = len(kernel), int(groups)
    s, d, sides, extra = each(stride, axes), each(dilation, axes), ends(padding, axes), each(output_padding, axes)
    sizes = x.shape[x.ndim - axes :]
    found = tuple(
        (sizes[a] - 1) * s[a] - sum(sides[a]) + d[a] * (kernel[a] - 1) + extra[a] + 1 for a in range(axes)
    )  # fmt: skip

    def under(q: tuple[int, ...]) -> Any:
        for k in itertools.product(*map(range, kernel)):
            steps = [divmod(q[a] + sides[a][0] - d[a] * k[a], s[a]) for a in range(axes)]
            if all(rest == 0 and 0 <= p < sizes[a] for a, (p, rest) in enumerate(steps)):
                yield k, tuple(p for p, _ in steps)

    per_group = weight.shape[0] // groups
    by_group = [weight[g * per_group : (g + 1) * per_group] for g in range(groups)]
    return _sums(x, np.concatenate(by_group, 1), bias, found, under, groups)


@layer()
def causal_convolution(
    x: Array, weight: Array, bias: Array | None = None, initial_state: Array | None = None
) -> dict[str, Array]:
    """The state and then the inputs, convolved channel by channel; the end of them is the new state."""
    (c, K), (*before, _, T) = weight.shape, x.shape
    value, final = [], []
    for n in np.ndindex(*before):
        for j in range(c):
            start = [0] * (K - 1) if initial_state is None else list(initial_state[(*n, j)])
            whole = [*start, *x[(*n, j)]]
            sums = [dot(weight[j], whole[t : t + K]) for t in range(T)]
            value.append(sums if bias is None else [y + bias[j] for y in sums])
            final.append(whole[T:])
    return {"value": objects(value).reshape(x.shape), "final_state": objects(final).reshape(*before, c, K - 1)}
