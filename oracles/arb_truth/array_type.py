"""Arrays of numbers as the array API wants them: operators, indexing, and functions that go entry by entry.

NumPy's object arrays do the work: shapes, broadcasting, indexing. What it does by comparing or by rounding, the
functions do that are entered in `FUNCTIONS`. An operator on arrays, or a ufunc of NumPy, is the function of its name.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from flint import arb
from numpy.lib.mixins import NDArrayOperatorsMixin

from oracles.arb_truth.branches import RELATIONS, both, choose, compare, either, negation, one_of
from oracles.arb_truth.elements import BINARY, UNARY
from oracles.arb_truth.numbers import Array, Number, Scalar, Undecided

FLOAT, BOOL = np.dtype(np.float64), np.dtype(bool)
FUNCTIONS: dict[str, Callable[..., Any]] = {}  # of the namespace, by name


def function(f: Callable[..., Any]) -> Callable[..., Any]:
    """Enters a function in the namespace; an underscore at the end of its name keeps it apart from Python's own."""
    FUNCTIONS[f.__name__.rstrip("_")] = f
    return f


class Numbers(NDArrayOperatorsMixin):
    """An array of numbers, or a mask of which some entries are tied. `data`: the object array behind it."""

    __slots__ = ("data", "dtype")

    def __init__(self, data: Any, dtype: Any = FLOAT):
        self.data, self.dtype = np.asarray(data, object), dtype

    shape = property(lambda self: self.data.shape, doc="The lengths of the axes.")
    ndim = property(lambda self: self.data.ndim, doc="How many axes there are.")
    size = property(lambda self: self.data.size, doc="How many entries there are.")
    T = property(lambda self: Numbers(self.data.T, self.dtype), doc="The transpose of a matrix.")
    mT = property(lambda self: Numbers(self.data.mT, self.dtype), doc="The transposes of matrices.")

    def __getitem__(self, index: Any) -> Any:
        if any(isinstance(i, Numbers) for i in (index if isinstance(index, tuple) else (index,))):
            raise Undecided("an array as an index: indices are integers, or a mask without a tie; or use xp.where")
        return Numbers(self.data[index], self.dtype)

    def __len__(self) -> int:
        return len(self.data)

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        return f"Numbers(shape={self.shape}, dtype={self.dtype})"

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(f"the truth of an array of shape {self.shape} is not one: use xp.all or xp.any")
        tied = compare("not_equal", exact(self).item(), 0)
        if isinstance(tied, Number):
            raise Undecided("a Python branch on a comparison of what is equal: which side it takes, changes the slopes")
        return bool(tied)

    def __array_ufunc__(self, ufunc: Any, method: str, *arrays: Any, **_: Any) -> Any:
        name = UFUNCS.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or name not in FUNCTIONS:
            raise NotImplementedError(f"NumPy's {ufunc.__name__} of numbers: use a function of the namespace, xp")
        return FUNCTIONS[name](*arrays)

    def __array_function__(self, f: Any, *_: Any) -> Any:
        raise NotImplementedError(f"NumPy's {f.__name__} of numbers: use a function of the namespace, xp")

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError("numbers as an array of NumPy would lose their slopes: use the functions of the namespace, xp")

    def __float__(self) -> float:
        raise TypeError("numbers as a Python float would lose their slopes: leave them an array without axes")

    __int__ = __complex__ = __float__

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError("arrays are not changed in place: use xp.where, xp.concat or xp.stack")

    def __array_namespace__(self, **_: Any) -> Any:
        from oracles.arb_truth.namespace import xp

        return xp

    def __getattr__(self, name: str) -> Any:
        if name in ("sum", "mean"):
            return functools.partial(FUNCTIONS[name], self)
        if name == "reshape":
            return lambda *shape: FUNCTIONS["reshape"](self, shape if len(shape) > 1 else shape[0])
        raise AttributeError(f"arrays have no {name!r} that all frameworks agree on: is there xp.{name}?")


# ---------------------------------------------------------------- what comes in


def _number(value: Any) -> Scalar:
    if isinstance(value, (Number, arb)):
        return value
    if isinstance(value, (complex, np.complexfloating)):
        raise TypeError(f"{value!r} is complex; pass real numbers")
    return arb(int(value)) if isinstance(value, (bool, np.bool_, np.integer)) else arb(value)


_numbers = np.frompyfunc(_number, 1, 1)


def exact(x: Any) -> Array:
    """An array, or what can be made one, as an object array of balls and numbers: each float is the number it is."""
    if isinstance(x, Numbers):
        return x.data if x.dtype == FLOAT else np.asarray(_numbers(x.data), object)
    if isinstance(x, (list, tuple)):
        return np.array([exact(v).tolist() for v in x], object)
    array = np.asarray(x)
    if array.dtype.kind == "f" or array.dtype.name == "bfloat16":
        array = array.astype(np.float64)
    return np.asarray(_numbers(array.astype(object)), object)


def whole(*arrays: Any) -> bool:
    """Whether these are integers and bools, which stay NumPy's."""
    return all(not isinstance(x, (Numbers, Number, arb)) and np.asarray(x).dtype.kind in "iub" for x in arrays)


def mask(x: Any) -> Array:
    """A mask as an object array of bools and ties. Raises TypeError for what is none."""
    if isinstance(x, Numbers) and x.dtype == BOOL:
        return x.data
    if whole(x) and np.asarray(x).dtype == BOOL:
        return np.asarray(x).astype(object)
    raise TypeError(f"{x!r} is no mask: compare, such as x != 0")


def masked(found: Any) -> Any:
    """A mask of NumPy if every entry is decided."""
    data = np.asarray(found, object)
    return Numbers(data, BOOL) if any(isinstance(v, Number) for v in data.flat) else data.astype(bool)


# ---------------------------------------------------------------- functions of entries


def _entrywise(name: str, scalar: Callable[..., Scalar], count: int) -> Callable[..., Any]:
    """A function of numbers as one of arrays; of integers it is NumPy's where the result is integers too."""
    ufunc, numpys = np.frompyfunc(scalar, count, 1), getattr(np, name)

    def of_arrays(*arrays: Any) -> Any:
        if len(arrays) != count:
            raise TypeError(f"xp.{name} takes {count} array{'s' if count > 1 else ''}, not {len(arrays)}")
        if name in INTEGRAL and whole(*arrays):
            return np.asarray(numpys(*arrays))
        return Numbers(ufunc(*map(exact, arrays)))

    return of_arrays


def _comparison(name: str) -> Callable[..., Any]:
    ufunc, numpys = np.frompyfunc(functools.partial(compare, name), 2, 1), getattr(np, name)

    def of_arrays(a: Any, b: Any) -> Any:
        return np.asarray(numpys(a, b)) if whole(a, b) else masked(ufunc(exact(a), exact(b)))

    return of_arrays


def _logical(name: str, scalar: Callable[..., Any], count: int) -> Callable[..., Any]:
    ufunc, numpys = np.frompyfunc(scalar, count, 1), getattr(np, name)

    def of_arrays(*arrays: Any) -> Any:
        return np.asarray(numpys(*arrays)) if whole(*arrays) else masked(ufunc(*map(mask, arrays)))

    return of_arrays


INTEGRAL = {
    *("abs", "add", "ceil", "floor", "floor_divide", "maximum", "minimum", "multiply", "negative", "positive"),
    *("remainder", "round", "sign", "square", "subtract", "trunc"),
}
LOGICAL = {"and": both, "or": either, "xor": one_of}

FUNCTIONS.update({name: _entrywise(name, scalar, 1) for name, scalar in UNARY.items()})
FUNCTIONS.update({name: _entrywise(name, scalar, 2) for name, scalar in BINARY.items()})
FUNCTIONS.update({name: _comparison(name) for name in RELATIONS})
for _name, _scalar in LOGICAL.items():
    FUNCTIONS.update({f"{kind}_{_name}": _logical(f"{kind}_{_name}", _scalar, 2) for kind in ("logical", "bitwise")})
FUNCTIONS.update({name: _logical(name, negation, 1) for name in ("logical_not", "bitwise_invert")})
UFUNCS = {getattr(np, name).__name__: name for name in FUNCTIONS if hasattr(np, name)}  # arccos: acos

_choose = np.frompyfunc(choose, 3, 1)


@function
def where(condition: Any, x1: Any, x2: Any) -> Any:
    """x1 where the condition holds, else x2: what is not chosen may be infinite or no number."""
    if whole(condition, x1, x2):
        return np.where(condition, x1, x2)
    return Numbers(_choose(mask(condition), exact(x1), exact(x2)))


@function
def clip(x: Any, min: Any = None, max: Any = None) -> Any:
    """x, at least min and at most max."""
    at_least = x if min is None else FUNCTIONS["maximum"](x, min)
    return at_least if max is None else FUNCTIONS["minimum"](at_least, max)


@function
def isfinite(x: Any) -> Any:
    """Where x is a finite number."""
    return np.isfinite(x) if whole(x) else np.asarray(_is_finite(exact(x)), object).astype(bool)


@function
def isnan(x: Any) -> Any:
    """Where x is no number."""
    return np.isnan(x) if whole(x) else np.asarray(_is_nan(exact(x)), object).astype(bool)


@function
def isinf(x: Any) -> Any:
    """Where x is infinite."""
    return ~(isfinite(x) | isnan(x))


def _ball(u: Scalar) -> Any:
    return u.ball if isinstance(u, Number) else u


_is_finite = np.frompyfunc(lambda u: bool(_ball(u).is_finite()), 1, 1)
_is_nan = np.frompyfunc(lambda u: bool(_ball(u).is_nan()), 1, 1)
