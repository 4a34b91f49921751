"""The functions of the array API that move entries, reduce axes, multiply matrices and make arrays."""

from __future__ import annotations

import functools
import itertools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from oracles.arb_truth import branches, functions
from oracles.arb_truth.array_type import BOOL, FUNCTIONS, Numbers, exact, function, mask, masked, whole
from oracles.arb_truth.elements import sqrt
from oracles.arb_truth.germs import Germ
from oracles.arb_truth.numbers import Array, Number, Scalar, Undecided

Axis = int | tuple[int, ...] | None

# ---------------------------------------------------------------- entries move


def _is_mask(x: Any) -> bool:
    return isinstance(x, Numbers) and x.dtype == BOOL


def _moving(numpys: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy that only moves the entries of its first argument."""

    def move(x: Any, *rest: Any, **options: Any) -> Any:
        if whole(x):
            return numpys(x, *rest, **options)
        wrap = masked if _is_mask(x) else lambda data: Numbers(exact(data))
        moved = numpys(mask(x) if _is_mask(x) else exact(x), *rest, **options)
        return tuple(map(wrap, moved)) if isinstance(moved, (list, tuple)) else wrap(moved)

    return move


def _joining(numpys: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy that only moves the entries of the arrays in its first argument, a list."""

    def join(arrays: Sequence[Any], **options: Any) -> Any:
        if whole(*arrays):
            return numpys(arrays, **options)
        if all(_is_mask(x) or (whole(x) and np.asarray(x).dtype == BOOL) for x in arrays):
            return masked(numpys([mask(x) for x in arrays], **options))
        return Numbers(numpys([exact(x) for x in arrays], **options))

    return join


for _name in (
    *("reshape", "permute_dims", "expand_dims", "squeeze", "broadcast_to", "flip", "roll", "tile", "repeat"),
    *("moveaxis", "matrix_transpose", "take", "take_along_axis", "tril", "triu"),
):
    FUNCTIONS[_name] = _moving(getattr(np, _name))
FUNCTIONS |= {"concat": _joining(np.concatenate), "stack": _joining(np.stack)}


@function
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The arrays along an axis."""
    moved = FUNCTIONS["moveaxis"](x, axis, 0)
    return tuple(moved[k] for k in range(len(moved)))


@function
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """Arrays of the shape that they broadcast to."""
    shape = np.broadcast_shapes(*(np.shape(x) if whole(x) else exact(x).shape for x in arrays))
    return tuple(FUNCTIONS["broadcast_to"](x, shape) for x in arrays)


@function
def astype(x: Any, dtype: Any, /, **_: Any) -> Any:
    """Masks and integers as another dtype; of numbers every float dtype is the same, and nothing is rounded."""
    if np.dtype(dtype).kind == "f":
        return Numbers(exact(x))
    if whole(x):
        return np.asarray(x).astype(dtype)
    if np.dtype(dtype) == BOOL:
        return x if _is_mask(x) else FUNCTIONS["not_equal"](x, 0)
    raise TypeError(f"numbers as {np.dtype(dtype)} have no slopes: compare them, or pass integers as an argument")


# ---------------------------------------------------------------- axes are reduced


def _reduce(row_function: Callable[[list[Any]], Any], data: Array, axis: Axis, keepdims: bool) -> Array:
    """A function of the list of entries along these axes, for every index of the others."""
    axes = tuple(range(data.ndim)) if axis is None else normalize_axis_tuple(axis, data.ndim)
    others = [k for k in range(data.ndim) if k not in axes]
    shape = tuple(data.shape[k] for k in others)
    rows = data.transpose(*others, *axes).reshape(*shape, math.prod(data.shape[k] for k in axes))
    found = np.empty(shape, object)
    for index in np.ndindex(shape):
        found[index] = row_function(list(rows[index]))
    return found.reshape([1 if k in axes else n for k, n in enumerate(data.shape)]) if keepdims else found


def _sum(row: list[Scalar]) -> Scalar:
    return functions.total(row) if row else arb(0)


def _mean(row: list[Scalar]) -> Scalar:
    return _sum(row) / len(row) if row else arb.nan()


def _variance(row: list[Scalar], correction: float) -> Scalar:
    m = _mean(row)
    deviations = [u - m for u in row]
    return functions.dot(deviations, deviations) / (len(row) - arb(correction)) if row else arb.nan()


def _fold(pick: Callable[[Scalar, Scalar], Scalar]) -> Callable[[list[Scalar]], Scalar]:
    def of(row: list[Scalar]) -> Scalar:
        if not row:
            raise ValueError("the largest or smallest of no numbers")
        return functools.reduce(pick, row)

    return of


def _reduction(name: str, of_row: Callable[[list[Scalar]], Scalar]) -> None:
    """Enters a reduction; of integers it is NumPy's."""

    def reduction(x: Any, /, *, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
        if whole(x) and (dtype is None or np.dtype(dtype).kind in "iu"):
            return np.asarray(getattr(np, name)(x, axis=axis, keepdims=keepdims))
        return Numbers(_reduce(of_row, exact(x), axis, keepdims))

    FUNCTIONS[name] = reduction


_reduction("sum", _sum)
_reduction("prod", lambda row: functools.reduce(operator.mul, row, arb(1)))
_reduction("max", _fold(branches.larger))
_reduction("min", _fold(branches.smaller))


@function
def mean(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Numbers:
    """The mean over the axes."""
    return Numbers(_reduce(_mean, exact(x), axis, keepdims))


@function
def var(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Numbers:
    """The mean square of what is left when the mean is taken off, over n − correction."""
    return Numbers(_reduce(functools.partial(_variance, correction=correction), exact(x), axis, keepdims))


@function
def std(x: Any, /, *, axis: Axis = None, correction: float = 0.0, keepdims: bool = False) -> Numbers:
    """The root of `var`."""
    return Numbers(_reduce(lambda row: sqrt(_variance(row, correction)), exact(x), axis, keepdims))


def _as_mask(x: Any) -> Array:
    return mask(x) if _is_mask(x) or (whole(x) and np.asarray(x).dtype == BOOL) else mask(FUNCTIONS["not_equal"](x, 0))


@function
def all_(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether all entries hold."""
    return masked(_reduce(lambda row: functools.reduce(branches.both, row, True), _as_mask(x), axis, keepdims))


@function
def any_(x: Any, /, *, axis: Axis = None, keepdims: bool = False) -> Any:
    """Whether any entry holds."""
    return masked(_reduce(lambda row: functools.reduce(branches.either, row, False), _as_mask(x), axis, keepdims))


def _place(row: list[Scalar], side: int) -> int:
    """Index of the largest (side 1) or smallest (side −1) entry. Raises Undecided where several are."""
    found = 0
    for k in range(1, len(row)):
        sign = branches.order(row[k], row[found])
        moves = any(isinstance(row[j], Number) and not isinstance(row[j], Germ) for j in (k, found))
        if sign is None or (sign == 0 and moves and row[k] is not row[found]):
            raise Undecided("which entry is the largest or smallest: two are equal, or one is no number")
        found = k if sign == side else found
    return found


def _placing(name: str, side: int) -> None:
    def place(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        found = _reduce(functools.partial(_place, side=side), exact(x), axis, keepdims)
        return np.asarray(found).astype(np.int64)

    FUNCTIONS[name] = place


_placing("argmax", 1)
_placing("argmin", -1)


def _accumulating(name: str, step: Callable[[Scalar, Scalar], Scalar], start: int) -> None:
    def accumulate(x: Any, /, *, axis: int | None = None, include_initial: bool = False) -> Any:
        if whole(x):
            return getattr(np, name)(x, axis=axis, include_initial=include_initial)
        data = exact(x)
        if axis is None and data.ndim != 1:
            raise ValueError(f"xp.{name} of an array of shape {data.shape}: pass the axis")
        k = normalize_axis_index(0 if axis is None else axis, data.ndim)
        rows = np.moveaxis(data, k, -1)
        found = np.empty((*rows.shape[:-1], rows.shape[-1] + include_initial), object)
        for index in np.ndindex(rows.shape[:-1]):
            found[index] = [*itertools.accumulate(rows[index], step, initial=arb(start))][not include_initial :]
        return Numbers(np.moveaxis(found, -1, k))

    FUNCTIONS[name] = accumulate


_accumulating("cumulative_sum", operator.add, 0)
_accumulating("cumulative_prod", operator.mul, 1)


@function
def diff(x: Any, /, *, axis: int = -1, n: int = 1) -> Any:
    """Differences of neighbours, n times."""
    for _ in range(n):
        moved = FUNCTIONS["moveaxis"](x, axis, -1)
        x = FUNCTIONS["moveaxis"](moved[..., 1:] - moved[..., :-1], -1, axis)
    return x


# ---------------------------------------------------------------- products of matrices

_dots = np.vectorize(lambda p, q: functions.dot(p, q) if len(p) else arb(0), otypes=[object], signature="(k),(k)->()")


@function
def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Numbers:
    """Σₖ x1ₖ·x2ₖ along an axis."""
    return Numbers(_dots(np.moveaxis(exact(x1), axis, -1), np.moveaxis(exact(x2), axis, -1)))


@function
def matmul(x1: Any, x2: Any, /) -> Any:
    """Products of the matrices in the last two axes, or of vectors where there is one.  (…, n, k), (…, k, m)."""
    if whole(x1, x2):
        return np.matmul(x1, x2)
    a, b = exact(x1), exact(x2)
    if not (a.ndim and b.ndim) or a.shape[-1] != b.shape[-2 if b.ndim > 1 else -1]:
        raise ValueError(f"xp.matmul of shapes {a.shape} and {b.shape}: the last axis meets the last but one")
    rows = a if a.ndim == 1 else a[..., :, None, :] if b.ndim > 1 else a
    columns = b if b.ndim == 1 else b.mT if a.ndim == 1 else b.mT[..., None, :, :]
    return Numbers(_dots(rows, columns))


@function
def tensordot(x1: Any, x2: Any, /, *, axes: int | tuple[Sequence[int], Sequence[int]] = 2) -> Numbers:
    """Sums over as many last axes of x1 and first of x2, or over pairs of axes."""
    a, b = exact(x1), exact(x2)
    pairs = (range(a.ndim - axes, a.ndim), range(axes)) if isinstance(axes, int) else axes
    p, q = normalize_axis_tuple(pairs[0], a.ndim), normalize_axis_tuple(pairs[1], b.ndim)
    left, right = [k for k in range(a.ndim) if k not in p], [k for k in range(b.ndim) if k not in q]
    k = math.prod(a.shape[i] for i in p)
    rows = a.transpose(*left, *p).reshape(-1, k)
    columns = b.transpose(*right, *q).reshape(-1, k)
    shape = [*(a.shape[i] for i in left), *(b.shape[i] for i in right)]
    return Numbers(_dots(rows[:, None], columns).reshape(shape))


# ---------------------------------------------------------------- arrays are made


def _made(found: Any) -> Any:
    """Integers and bools as they are, floats as numbers."""
    return np.asarray(found) if whole(found) else Numbers(exact(found))


@function
def asarray(obj: Any, /, *, dtype: Any = None, **_: Any) -> Any:
    """An array of integers or bools, or of numbers."""
    holder = isinstance(obj, (list, tuple)) and any(isinstance(v, Numbers) for v in obj)
    made = Numbers(exact(obj)) if holder else obj if isinstance(obj, Numbers) else _made(obj)
    return made if dtype is None else astype(made, dtype)


def _making(name: str) -> None:
    def make(*given: Any, dtype: Any = None, **options: Any) -> Any:
        like = [x.data if isinstance(x, Numbers) else x for x in given]
        kind = np.float64 if isinstance(given[0], Numbers) and dtype is None else dtype
        return _made(getattr(np, name)(*like, dtype=kind, **options))

    FUNCTIONS[name] = make


for _name in ("zeros", "ones", "eye", "zeros_like", "ones_like"):
    _making(_name)
FUNCTIONS |= {"empty": FUNCTIONS["zeros"], "empty_like": FUNCTIONS["zeros_like"]}


@function
def full(shape: Any, fill_value: Any, *, dtype: Any = None) -> Any:
    """One value everywhere."""
    return FUNCTIONS["broadcast_to"](asarray(fill_value, dtype=dtype), shape)


@function
def full_like(x: Any, /, fill_value: Any, *, dtype: Any = None) -> Any:
    """One value in the shape of x, in its dtype."""
    return full(x.shape, fill_value, dtype=x.dtype if dtype is None else dtype)


@function
def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None) -> Any:
    """start + k·step up to stop, which is left out: not rounded."""
    start, stop = (0, start) if stop is None else (start, stop)
    if whole(start, stop, step):
        return asarray(np.arange(start, stop, step), dtype=dtype)
    count = max(0, math.ceil((stop - start) / step))
    return Numbers([arb(start) + k * arb(step) for k in range(count)])


@function
def linspace(start: Any, stop: Any, /, num: int, *, endpoint: bool = True) -> Numbers:
    """`num` numbers from start to stop, equally far apart: not rounded."""
    gaps = max(1, num - 1 if endpoint else num)
    return Numbers([arb(start) + k * (arb(stop) - arb(start)) / gaps for k in range(num)])


ENTERED = FUNCTIONS  # all of them, once this module is there
