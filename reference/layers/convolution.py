"""Convolution: every output is a sum of products of a kernel with what lies under it, over any number of axes.

Window p has under tap k the place q (see `windows`), if it has one. That one relation carries three sums, over the
k, p and q that it joins,

    y[p] = Σ_k w[k] x[q],    x̄[q] = Σ_{k, p} w[k]ᵀ v[p],    w̄[k] = Σ_p v[p] x[q]ᵀ,

where x[q] is (c,), y[p] and its cotangent v[p] are (o,), and w[k], (o, c), is a matrix of channels; a bar marks the
cotangent of an argument, and w̄ is summed over examples. All are linear in each factor, and ⟨v, y⟩ = ⟨x̄, x⟩ = ⟨w̄, w⟩:
convolution has the first as its value and the others as its pullback; transposed convolution has the second as its
value, and the first in its pullback. With g groups, c and o are cut into g runs of channels, and run i of y is made of
run i of x, by a matrix (o/g, c/g) of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.windows import Grid, both_ends, each, held, over, shape_of

BLOCK = 1 << 17  # entries under windows at once
UNDER = "h[p, k, q]"
GROUPS = {"groups": "groups >= 1 and groups % 1 == 0"}
PRINTED = (
    "printed for one axis and one group; several axes have as many such relations between places, windows and taps"
)
OUTSIDE = "places outside, in the padding, count as 0 and do not enter"
NOT_FLIPPED = "the kernel is not flipped: a cross-correlation"


def flat(a: Array, axes: int) -> Array:
    """`a` with all but its first `axes` axes as one."""
    return a.reshape(*a.shape[:axes], math.prod(a.shape[axes:]))


def under(x: Array, grid: Grid) -> Array:
    """What is under the taps of every window, 0 where nothing is.  (n, g, c, *places) -> (n, g, c·taps, windows)."""
    found = np.zeros((*x.shape[:3], *grid.kernel, *grid.windows))
    for k, p, q in grid.taps():
        found[(*k, *p[1:])] = x[q]
    return found.reshape(*x.shape[:2], -1, math.prod(grid.windows))


def some(x: Array, grid: Grid) -> Iterator[slice]:
    """Examples by so many at once as leave what is under their windows in the cache.  x: (n, g, c, *places)."""
    entries = math.prod((*x.shape[1:3], *grid.kernel, *grid.windows))
    step = max(1, BLOCK // max(1, entries))
    for first in range(0, len(x), step):
        yield slice(first, first + step)


def gathered(w: Array, x: Array, grid: Grid) -> Array:
    """Σ_k w[k] x[q].  w: (g, o, c, *kernel), x: (n, g, c, *places) -> (n, g, o, *windows).

    All taps at once; one by one where a weight is not finite, since ∞·0 in the padding would be NaN.
    """
    y = np.zeros((len(x), *w.shape[:2], *grid.windows))
    if np.isfinite(w).all():
        for here in some(x, grid):
            y[here] = (flat(w, 2) @ under(x[here], grid)).reshape(y[here].shape)  # (g, o, c·taps) × (…, p)
        return y
    for k, p, q in grid.taps():
        x_k = x[q]  # (n, g, c, *p)
        y_k = w[k] @ flat(x_k, 3)  # (g, o, c) × (n, g, c, p)
        y[p] += y_k.reshape(*y_k.shape[:3], *x_k.shape[3:])
    return y


def scattered(w: Array, v: Array, grid: Grid) -> Array:
    """Σ_{k, p} w[k]ᵀ v[p].  w: (g, o, c, *kernel), v: (n, g, o, *windows) -> (n, g, c, *places)."""
    x = np.zeros((len(v), w.shape[0], w.shape[2], *grid.places))
    for here in some(x, grid):
        x_h = x[here]
        back = flat(w, 2).swapaxes(1, 2) @ flat(v[here], 3)  # (g, c·taps, o) × (n, g, o, p)
        back = back.reshape(*x_h.shape[:3], *grid.kernel, *grid.windows)
        for k, p, q in grid.taps():
            x_h[q] += back[(*k, *p[1:])]
    return x


def correlated(v: Array, x: Array, grid: Grid, turned: bool = False) -> Array:
    """Σ_p v[p] x[q]ᵀ over examples, v the cotangent, or x if `turned`: what is 0 there takes the other out.

    v: (n, g, o, *windows), x: (n, g, c, *places) -> (g, o, c, *kernel).
    """
    w = np.zeros((*v.shape[1:3], x.shape[2], *grid.kernel))
    if np.isfinite(v).all() and np.isfinite(x).all():
        for here in some(x, grid):
            w += (flat(v[here], 3) @ under(x[here], grid).swapaxes(-1, -2)).sum(0).reshape(w.shape)
        return w
    for k, p, q in grid.taps():
        v_k = flat(np.moveaxis(v[p], 0, 2), 2)  # (g, o, n·p)
        x_k = flat(np.moveaxis(x[q], 0, 2), 2)  # (g, c, n·p)
        enters = ((x_k if turned else v_k) != 0).any(1, keepdims=True)
        v_k, x_k = np.where(enters, v_k, 0), np.where(enters, x_k, 0)
        w[k] = v_k @ x_k.swapaxes(1, 2)
    return w


def examples(x: Array, channels: int, groups: int, axes: int) -> Array:
    """x with all axes before its channels as one, and these by group.  (..., c, *places) -> (n, g, c/g, *places).

    Raises ValueError where x has not so many channels.
    """
    if x.ndim <= axes or x.shape[x.ndim - axes - 1] != channels:
        raise ValueError(f"x has shape {x.shape}; expected (..., {channels}) and {axes} more axes, as the weight has")
    return x.reshape(math.prod(x.shape[: x.ndim - axes - 1]), groups, channels // groups, *x.shape[x.ndim - axes :])


def grouped(weight: Array, groups: int) -> Array:
    """A weight by group, (g·o, c, *kernel) -> (g, o, c, *kernel). Raises ValueError where it cannot be."""
    if weight.ndim < 3 or 0 in weight.shape:
        raise ValueError(f"weight has shape {weight.shape}; expected two axes of channels and one or more of taps")
    if weight.shape[0] % groups:
        raise ValueError(f"groups = {groups}; need a divisor of {weight.shape[0]}, the first axis of the weight")
    return weight.reshape(groups, -1, *weight.shape[1:])


def with_bias(y: Array, bias: Array | None) -> Array:
    """y + b for every channel.  y: (n, g, o, *windows), bias: (g·o,). Raises ValueError for a bias of another shape."""
    channels = y.shape[1] * y.shape[2]
    if bias is None:
        return y
    if bias.shape != (channels,):
        raise ValueError(f"bias has shape {bias.shape}; expected ({channels},), one entry an output channel")
    return y + bias.reshape(*y.shape[1:3], *[1] * (y.ndim - 3))


def over_channels(v: Array) -> Array:
    """v summed over all but channels: the slope by a bias.  (n, g, o, *windows) -> (g·o,)."""
    return v.sum((0, *range(3, v.ndim))).reshape(-1)


@formula(
    "layer/convolution",
    statement=f"Sum(w[j, l, k]*x[l, q]*{UNDER}, (l, 1, m), (k, 1, K), (q, 1, d)) + b[j]",
    derivative=f"Sum(w[j, l, k]*v[j, p]*{UNDER}, (j, 1, o), (k, 1, K), (p, 1, P))",
    arguments=("x[l, q]", "w[j, l, k]", "b[j]"),
    partials={
        "w[j, l, k]": f"Sum(v[j, p]*x[l, q]*{UNDER}, (p, 1, P), (q, 1, d))",
        "b[j]": "Sum(v[j, p], (p, 1, P))",
    },
    valid=GROUPS,
    assumptions=(NOT_FLIPPED, OUTSIDE, PRINTED, "slopes of weight and bias are summed over examples"),
    sources=("dumoulin-2016", "goodfellow-2016"),
)
@layer()
def convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = (1,),
    padding: Any = (0,),
    dilation: Any = (1,),
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """Convolution y[p] = Σ_k w[k] x[stride·p + dilation·k − padding] + b.

    x: (..., c, *places); weight: (o, c/groups, *kernel); bias: (o,) -> y: (..., o, *windows).

    The weight has as many axes after its two of channels as are convolved. `stride`, `padding` and `dilation` are a
    number, or a tuple of one for each of these axes; a padding may be a pair, before and after. y is linear in x, in w
    and in b, so the pullback of its cotangent v is the transpose of each map: x̄[q] = Σ w[k]ᵀ v[p] over the windows and
    taps that meet place q; over examples and windows w̄[k] = Σ v[p] x[q]ᵀ, and b̄ = Σ v[p]. Raises ValueError for shapes
    that do not fit each other, TypeError for parameters that are no whole numbers.
    """
    w = grouped(weight, groups)  # (g, o/g, c/g, *kernel)
    kernel = w.shape[3:]
    rows = examples(x, groups * w.shape[2], groups, len(kernel))  # (n, g, c/g, *places)
    grid = over(rows.shape[3:], kernel, stride, padding, dilation)
    y = with_bias(gathered(w, rows, grid), bias)  # (n, g, o/g, *windows)

    def pullback(v: Array) -> Gradients:
        v = v.reshape(y.shape)
        return {
            "x": scattered(w, v, grid).reshape(x.shape),
            "weight": correlated(v, rows, grid).reshape(weight.shape),
            "bias": over_channels(v),
        }

    return y.reshape(*x.shape[: x.ndim - len(kernel) - 1], len(weight), *grid.windows), pullback


@formula(
    "layer/transposed_convolution",
    statement=f"Sum(w[l, j, k]*x[l, p]*{UNDER}, (l, 1, m), (k, 1, K), (p, 1, P)) + b[j]",
    derivative=f"Sum(w[l, j, k]*v[j, q]*{UNDER}, (j, 1, o), (k, 1, K), (q, 1, d))",
    arguments=("x[l, p]", "w[l, j, k]", "b[j]"),
    partials={
        "w[l, j, k]": f"Sum(x[l, p]*v[j, q]*{UNDER}, (p, 1, P), (q, 1, d))",
        "b[j]": "Sum(v[j, q], (q, 1, d))",
    },
    valid=GROUPS,
    assumptions=("the transpose of a convolution, not its inverse", "padding takes places away", PRINTED),
    sources=("dumoulin-2016", "zeiler-2010"),
)
@layer()
def transposed_convolution(
    x: Array,
    weight: Array,
    bias: Array | None = None,
    *,
    stride: Any = (1,),
    padding: Any = (0,),
    output_padding: Any = (0,),
    dilation: Any = (1,),
    groups: int = 1,
) -> tuple[Array, Pullback]:
    """Transposed convolution y[stride·p + dilation·k − padding] = Σ_{k, p} w[k]ᵀ x[p] + b.

    x: (..., c, *windows); weight: (c, o/groups, *kernel); bias: (o,) -> y: (..., o, *places), along each axis
    (windows − 1)·stride − padding before and after + dilation·(kernel − 1) + output_padding + 1 of them.

    The sum is over the (k, p) that have the place q = stride·p + dilation·k − padding; w[k] is (c, o). y − b is x̄ of a
    convolution, so with v the cotangent of y the pullback is that convolution: x̄[p] = Σ_k w[k] v[q], and over examples
    w̄[k] = Σ_p x[p] v[q]ᵀ, b̄ = Σ v[q]. Parameters and errors as for `convolution`;
    `output_padding` must be less than the larger of stride and dilation.
    """
    w = grouped(weight, groups)  # (g, c/g, o/g, *kernel)
    kernel = w.shape[3:]
    axes = len(kernel)
    rows = examples(x, len(weight), groups, axes)  # (n, g, c/g, *windows)
    steps, gaps, ends = (
        each("stride", stride, axes),
        each("dilation", dilation, axes),
        both_ends("padding", padding, axes),
    )
    extra = each("output_padding", output_padding, axes, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, steps, gaps, strict=True)):
        raise ValueError(f"output_padding = {output_padding!r}; expected less than the stride or the dilation")
    sizes = zip(rows.shape[3:], kernel, steps, gaps, ends, extra, strict=True)
    places = tuple((p - 1) * s - before - after + d * (k - 1) + e + 1 for p, k, s, d, (before, after), e in sizes)
    if min(places) < 1 or 0 in rows.shape[3:]:
        raise ValueError(f"x has shape {x.shape}: {shape_of(places)} places are left of padding = {padding!r}")
    held(f"stride = {stride!r}, dilation = {dilation!r}", places)
    steps = [min(s, n) for s, n in zip(steps, places, strict=True)]  # of two windows or more
    grid = Grid(places, rows.shape[3:], kernel, steps, gaps, *zip(*ends, strict=True))
    y = with_bias(scattered(w, rows, grid), bias)  # (n, g, o/g, *places)

    def pullback(v: Array) -> Gradients:
        v = v.reshape(y.shape)
        return {
            "x": gathered(w, v, grid).reshape(x.shape),
            "weight": correlated(rows, v, grid, turned=True).reshape(weight.shape),
            "bias": over_channels(v),
        }

    return y.reshape(*x.shape[: x.ndim - axes - 1], y.shape[1] * y.shape[2], *places), pullback


@formula(
    "layer/causal_convolution",
    statement="Sum(w[j, k]*x[j, p + k - 1], (k, 1, K)) + b[j]",
    derivative="Sum(w[j, k]*v[j, p]*KroneckerDelta(q, p + k - 1), (k, 1, K), (p, 1, P))",
    arguments=("x[j, q]", "w[j, k]", "b[j]"),
    partials={"w[j, k]": "Sum(v[j, p]*x[j, p + k - 1], (p, 1, P))", "b[j]": "Sum(v[j, p], (p, 1, P))"},
    assumptions=(
        "printed for the value, with x the initial state and then the inputs; the final state is the last of these",
        "without an initial state, zeros, which do not enter",
        NOT_FLIPPED,
    ),
    sources=("oord-2016", "gu-dao-2023"),
)
@layer("value", "final_state")
def causal_convolution(
    x: Array, weight: Array, bias: Array | None = None, initial_state: Array | None = None
) -> tuple[tuple[Array, Array], Pullback]:
    """Causal depthwise convolution y_t = Σ_k w_k x_{t − K + 1 + k} + b of every channel, over the last K inputs.

    x: (..., c, T); weight: (c, K); bias: (c,); initial_state: (..., c, K − 1) -> value: (..., c, T),
    final_state: (..., c, K − 1), with which the next piece of a sequence begins.

    In each channel let x̃ be the initial state, zeros if not given, and then x: (K − 1 + T,). With t, k and j from 0,
    y_t = Σ_k w_k x̃_{t+k} + b, a convolution in as many groups as channels; the final state is the last K − 1 of x̃.
    So with v the cotangent of y, ∂C/∂x̃_j = Σ_k w_k v_{j−k} over 0 ≤ j − k < T, and the last K − 1 have the cotangent of
    the final state besides; over examples ∂C/∂w_k = Σ_t v_t x̃_{t+k}, ∂C/∂b = Σ v. Raises ValueError for shapes that do
    not fit.
    """
    if weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(f"weight has shape {weight.shape}; expected (channels, taps)")
    (c, K), T = weight.shape, x.shape[-1] if x.ndim else 0
    rows = examples(x, c, c, 1)  # (n, c, 1, T)
    state = (*x.shape[:-1], K - 1)
    if initial_state is not None and initial_state.shape != state:
        raise ValueError(f"initial_state has shape {initial_state.shape}; expected {state}, {K} taps less one")
    start = np.zeros(state) if initial_state is None else initial_state
    whole = np.concatenate([start.reshape(len(rows), c, 1, K - 1), rows], -1)  # x̃: (n, c, 1, K − 1 + T)
    w = weight.reshape(c, 1, 1, K)
    given = rows if initial_state is None else whole
    grid = over(given.shape[3:], (K,), 1, ((K - 1 if initial_state is None else 0, 0),), 1)
    y = with_bias(gathered(w, given, grid), bias)  # (n, c, 1, T)

    def pullback(v: Array, v_state: Array) -> Gradients:
        v = v.reshape(y.shape)
        dx = np.zeros(whole.shape)
        dx[..., whole.shape[-1] - given.shape[-1] :] = scattered(w, v, grid)
        dx[..., T:] += v_state.reshape(len(rows), c, 1, K - 1)
        return {
            "x": dx[..., K - 1 :].reshape(x.shape),
            "weight": correlated(v, given, grid).reshape(weight.shape),
            "bias": over_channels(v),
            "initial_state": dx[..., : K - 1].reshape(state),
        }

    return (y.reshape(x.shape), whole[..., T:].reshape(state).copy()), pullback
