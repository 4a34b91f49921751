"""A planned gradient: what `reference.network.backprop` computes, for one shape and dtype, again and again.

`plan` decides beforehand all that shapes, dtypes and functions decide, and makes room for every array on the way.
What is then called are the same formulas: the four equations of backpropagation, the bodies of the activations and of
the cost. Nothing is derived here, and `backprop` stays the definition.

Where the rounding differs. In float64 nowhere: the results have the same bits. In float32 `backprop` evaluates
activations in float64 and rounds once; a plan evaluates those in float32 whose body is good to `ULP` units in the last
place there, which it tries out on floats of all sizes. Costs are in float64 in both. A tiny network, of up to `TINY`
parameters times examples, is a straight line of scalars in float64, rounded at the end (`reference.straight`).

What entries of the targets may be is not looked at; but where the cost is not finite `backprop` is asked, with its
errors.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.activation import BLOCK, Pullback
from reference.costs.ends import ordinary_end
from reference.formula import Array
from reference.lift import QUIET, checked, index, split
from reference.network import (
    Activation,
    EndCost,
    at_end,
    backprop,
    beside,
    bias_gradient,
    hidden_error,
    output_error,
    weight_gradient,
    weighted_input,
)
from reference.straight import ULP, straight_line

if TYPE_CHECKING:
    from reference.regularizers import Regularizer

ORDER: dict[str, Any] = {"f": "F", "d": "C"}  # of z and δ: in which the products were faster
TINY = 150  # parameters times examples: up to there a straight line of scalars is faster than arrays


class Gradients(NamedTuple):
    """∂C/∂W and ∂C/∂b of every layer."""

    dW: list[Array]
    db: list[Array]


Planned = Callable[[Array, Array, Sequence[Array], Sequence[Array]], tuple[Array, Gradients]]


def plan(
    sizes: Sequence[int],
    activations: Sequence[Activation],
    cost: EndCost,
    batch: int,
    dtype: npt.DTypeLike,
    regularizer: Regularizer | None = None,
    leading: Sequence[int] = (),
) -> Planned:
    """The function (x, y, W, b) ↦ cost, gradients of dense networks of one shape and dtype.

    sizes: (d_in, …, d_out); `activations`, `cost` and `regularizer` as `backprop` takes them; dtype: float32 or
    float64, of x: (n, d_in) with n = `batch`, W[l]: (d_out, d_in), b[l]: (d_out,), and of y: (n, d_out) where the cost
    compares entries with entries. `leading` are axes in front of all of them, of independent networks.

    Every call writes its gradients into the same arrays: copy what is to outlast the next one. A plan belongs to one
    thread. Raises ValueError for sizes, a batch or a dtype that no network has, and so does the function for arrays of
    another shape or dtype than planned for, naming the argument; TypeError for what is no integer.

    >>> import numpy as np
    >>> from reference.activations import identity
    >>> from reference.costs import quadratic
    >>> gradient = plan((1, 1), [identity], quadratic, batch=1, dtype=np.float64)
    >>> C, (dW, db) = gradient(np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.zeros(1)])
    >>> float(C), dW[0].tolist(), db[0].tolist()  # C = ½(6 − 1)², δ = 5, ∂C/∂w = 5·2
    (12.5, [[10.0]], [5.0])
    """
    sizes, n, dtype, leading = _checked(sizes, activations, batch, dtype, leading)
    room = functools.partial(np.empty, dtype=dtype, order="C" if leading else ORDER[dtype.char])
    of_layers = [(*leading, n, d) for d in sizes]
    z = [room(shape) for shape in of_layers[1:]]
    v = [room(shape) for shape in of_layers[1:]]  # cotangents of a, and then δ
    stages = [_stage(g, buffer) for g, buffer in zip(activations, z, strict=True)]
    end, of_y = _end(cost, v[-1], len(leading))
    flat, gradients = _gradients(sizes, leading, dtype)
    dW, db = gradients
    finite = math.isfinite if of_y and not leading else _all_finite  # the former is faster, but of one number
    names = [*(f"{q}[{l}]" for q in "Wb" for l in range(len(activations))), "x", "y"]
    expected = [q.shape for q in (*dW, *db)] + [of_layers[0], *of_y]

    def by_arrays(x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> Any:
        a, pullbacks = [x], []
        for stage, w, c, out in zip(stages, W, b, z, strict=True):
            value, pullback = stage(weighted_input(a[-1], w, c, out))
            a.append(value)
            pullbacks.append(pullback)
        C, dC_da = end(a[-1], y)
        delta = output_error(dC_da, pullbacks[-1])  # BP1
        for l in reversed(range(len(W))):
            bias_gradient(delta, db[l])  # BP3
            weight_gradient(delta, a[l], dW[l])  # BP4
            if l:
                delta = hidden_error(delta, W[l], pullbacks[l - 1], v[l - 1])  # BP2
        return C

    line = by_arrays
    if not leading and n * flat.size <= TINY:
        line = straight_line(sizes, activations, cost, by_arrays, n, flat)

    @QUIET
    def gradient(x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> tuple[Array, Gradients]:
        _check(names, (*W, *b, x, y), expected, dtype, flat)
        C = line(x, y, W, b)
        if not finite(C):
            g = backprop(x, y, W, b, activations, cost, regularizer)
            for mine, theirs in zip((*dW, *db), (*g.dW, *g.db), strict=True):
                mine[...] = theirs
            return g.cost, gradients
        C = np.asarray(C, dtype)
        if regularizer is not None:
            R, dR = regularizer(W)
            C = C + beside(R, C)
            for slope, penalty in zip(dW, dR, strict=True):
                slope += penalty
        return C, gradients

    return gradient


# ---------------------------------------------------------------- what is decided beforehand


def _checked(
    sizes: Sequence[int], activations: Sequence[Activation], batch: int, dtype: npt.DTypeLike, leading: Sequence[int]
) -> tuple[tuple[int, ...], int, np.dtype[Any], tuple[int, ...]]:
    sizes, n, leading = tuple(index("sizes", d) for d in sizes), index("batch", batch), tuple(leading)
    if len(sizes) < 2 or min(sizes) < 1:
        raise ValueError(f"sizes = {sizes}; need (d_in, …, d_out), one number of units ≥ 1 for x and for each layer")
    if len(activations) != len(sizes) - 1:
        raise ValueError(f"{len(activations)} activations for sizes = {sizes}; need one for each layer")
    if n < 1:
        raise ValueError(f"batch = {n}; need n ≥ 1 examples")
    if np.dtype(dtype).char not in "fd":
        raise ValueError(f"dtype = {np.dtype(dtype)}; a plan is for float32 or float64, `backprop` takes 16 bits too")
    return sizes, n, np.dtype(dtype), leading


def _gradients(sizes: tuple[int, ...], leading: tuple[int, ...], dtype: np.dtype[Any]) -> tuple[Array, Gradients]:
    """Room for ∂C/∂W and ∂C/∂b of every layer, and the flat array that all of it lies in, one after the other."""
    pairs = list(itertools.pairwise(sizes))
    shapes = [(*leading, o, i) for i, o in pairs] + [(*leading, o) for _, o in pairs]
    ends = [0, *itertools.accumulate(map(math.prod, shapes))]
    flat = np.empty(ends[-1], dtype)
    each = [flat[start:end].reshape(s) for s, (start, end) in zip(shapes, itertools.pairwise(ends), strict=True)]
    return flat, Gradients(each[: len(pairs)], each[len(pairs) :])


def _check(
    names: Sequence[str], given: Sequence[Any], expected: Sequence[tuple[int, ...]], dtype: np.dtype, written: Array
) -> None:
    """Raise ValueError naming the first argument that is no array of the shape and dtype planned for, or `written`."""
    L = len(names) // 2 - 1
    if len(given) != len(names):
        raise ValueError(f"{len(given) - 2} weights and biases; planned for {L} weights and {L} biases")
    for name, q, shape in zip(names, given, expected, strict=False):  # y may be for the cost to judge
        if type(q) is np.ndarray and q.shape == shape and (q.dtype is dtype or q.dtype == dtype):
            if q.base is written:
                raise ValueError(f"{name} is a gradient that this plan writes to: take a copy")
            continue
        if type(q) is not np.ndarray:
            raise ValueError(f"{name} is of type {type(q).__name__}; planned for an array of shape {shape} and {dtype}")
        raise ValueError(f"{name} has shape {q.shape} and dtype {q.dtype}; planned for {shape} and {dtype}")


def _end(cost: EndCost, out: Array, lead: int) -> tuple[Callable[[Array, Array], tuple[Array, Array]], list[Any]]:
    """(a, y) ↦ C, ∂C/∂a at the end of the network, the latter written to `out`, and the shapes that y may have."""
    ordinary = ordinary_end(cost, lead)
    if ordinary is None:

        def asked(a: Array, y: Array) -> tuple[Array, Array]:
            C, out[...] = at_end(cost, a, y)
            return C, out

        return asked, []

    def end(a: Array, y: Array) -> tuple[Array, Array]:
        return ordinary(np.asarray(a, np.float64, order="C"), np.asarray(y, np.float64, order="C"), out), out

    return end, [out.shape]


def _all_finite(x: Array) -> bool:
    return bool(np.isfinite(x).all())


def _stage(activation: Activation, z: Array) -> Callable[[Array], tuple[Array, Pullback]]:
    """The activation of a layer whose z is this buffer: z ↦ value and pullback, which writes over its argument."""
    function, given = split(activation)
    if not hasattr(function, "body"):
        shape = np.shape(activation(np.zeros_like(z))[0])
        if shape != z.shape:
            raise ValueError(f"an activation makes {shape} of z of shape {z.shape}; a plan is for one that keeps it")
        return lambda z: _with_pullback(*activation(z))
    body, neutral = _of_floats(function, tuple(checked(function, function.known, given).items()), z.dtype)
    if neutral:
        return lambda z: (z, lambda v: v)
    a, slope = np.empty_like(z), np.empty_like(z)
    flat = [q.reshape(-1, order="A") for q in (z, a, slope)]  # views, in the order that all three have
    blocks = [[q[k : k + BLOCK] for q in flat] for k in range(0, z.size, BLOCK)]

    def pullback(v: Array) -> Array:
        return np.multiply(v, slope, v)

    def stage(z: Array) -> tuple[Array, Pullback]:
        for block, value, its_slope in blocks:
            value[...], its_slope[...] = body(block)
        return a, pullback

    return stage


def _with_pullback(value: Array, slope: Array | Pullback) -> tuple[Array, Pullback]:
    return value, slope if callable(slope) else lambda v: v * slope


@functools.cache
def _of_floats(function: Any, given: tuple[tuple[str, Any], ...], dtype: np.dtype[Any]) -> tuple[Any, bool]:
    """What takes a flat array of this dtype: the body of `function`, where it is good to `ULP`, else the function.

    And whether it is the identity. Both are tried out on floats of all sizes, infinities and NaN.
    """
    lifted, body = functools.partial(function, **dict(given)), functools.partial(function.body, **dict(given))
    info = np.finfo(dtype)
    powers = np.ldexp(np.linspace(1, 2, 8, False)[:, None], np.arange(info.minexp - info.nmant, info.maxexp)).ravel()
    z = np.concatenate([powers, np.linspace(0, 20, 2001), [np.inf, np.nan]]).astype(dtype)
    z = np.concatenate([z, -z])
    rounded = lifted(z)
    with np.errstate(all="ignore"):
        own = body(z)
        close = [(p == q) | (abs(p - q) <= ULP * np.spacing(abs(q))) for p, q in zip(own, rounded, strict=True)]
    good = bool(np.where(np.isnan(z), np.isnan(own[0]), close[0] & close[1]).all())  # the cost shows what is NaN
    neutral = np.array_equal(rounded[0], z, equal_nan=True) and bool((rounded[1] == 1)[~np.isnan(z)].all())
    return (body if given else function.body) if good else lifted, neutral
