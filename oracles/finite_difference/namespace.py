"""The complex step of a function written against the array API, where it is analytic.

`xp` is NumPy over complex arrays. What compares, and |z|, the larger and the smaller of two, go by the real part: there
a function is analytic in pieces. Where two pieces meet and the step decides which one it is, and where a function is
not analytic at all, `NotAnalytic` is raised: nothing here is right by accident.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from oracles.calls import Answer, Array, as_arrays, check, cotangents, double, floats, named
from oracles.finite_difference.step import complex_step

COMPARE = {"less", "less_equal", "equal", "not_equal", "greater", "greater_equal"}
CONSTANT = {"floor", "ceil", "trunc", "rint", "floor_divide", "remainder", "fmod", "divmod"}
REFUSED = {"conj", "conjugate", "real", "imag", "angle", "linalg", "fft", "sort", "argsort", "round", "signbit"}


class NotAnalytic(ValueError):
    """The complex step has no derivative here; the message says why."""


class Stepped(np.ndarray[Any, Any]):
    """A complex array whose functions are the analytic ones, or refuse."""

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        arrays = [np.asarray(x) for x in inputs]
        name = ufunc.__name__
        if method == "__call__" and name in ANALYTIC:
            return _stepped(ANALYTIC[name](*arrays))
        if method == "reduce" and name in ("maximum", "minimum"):
            return _stepped(_extreme(name, arrays[0], **options))
        if name in COMPARE:
            decided(name, *arrays)
            arrays = [x.real for x in arrays]
        if name in CONSTANT or name in REFUSED:
            raise NotAnalytic(f"{name} is not analytic: the complex step has no derivative of it")
        try:
            return _stepped(getattr(ufunc, method)(*arrays, **options))
        except TypeError as error:
            raise NotAnalytic(f"{name} is not there for complex numbers: write it by functions that are") from error

    def __getitem__(self, index: Any) -> Any:
        return _stepped(super().__getitem__(index))

    def __array_finalize__(self, other: Any) -> None:
        """Nothing is carried along."""

    real = imag = property(lambda self: _refuse("the real or imaginary part"))
    conj = conjugate = lambda self: _refuse("the conjugate")


def _refuse(what: str) -> Any:
    raise NotAnalytic(f"{what} is not analytic: the complex step has no derivative of it")


def _stepped(found: Any) -> Any:
    """Complex results stay what they are, without axes too."""
    if isinstance(found, (list, tuple)):
        return type(found)(map(_stepped, found))
    complex_numbers = isinstance(found, (np.ndarray, np.generic)) and found.dtype.kind == "c"
    return np.asarray(found).view(Stepped) if complex_numbers else found


def decided(name: str, a: Array, b: Any) -> None:
    """Raise NotAnalytic where a and b have the same real part and differ by the step."""
    if ((np.real(a) == np.real(b)) & (np.imag(a) != np.imag(b))).any():
        at = np.real(np.broadcast_arrays(a, b)[0])[(np.real(a) == np.real(b)) & (np.imag(a) != np.imag(b))][0]
        raise NotAnalytic(f"a kink is met, {name} at {float(at)!r}: slopes on its two sides may differ")


def _absolute(z: Array) -> Array:
    decided("abs", z, 0)
    return np.where(z.real < 0, -z, z)


def _sign(z: Array) -> Array:
    decided("sign", z, 0)
    return np.sign(z.real)


def _larger(a: Array, b: Array) -> Array:
    decided("maximum", a, b)
    return np.where((a.real >= b.real) | np.isnan(a.real), a, b)


def _smaller(a: Array, b: Array) -> Array:
    return -_larger(-a, -b)


ANALYTIC: dict[str, Callable[..., Any]] = {
    "absolute": _absolute,
    "sign": _sign,
    "maximum": _larger,
    "minimum": _smaller,
    "clip": lambda z, low, high: _smaller(_larger(z, low), high),
    "hypot": lambda a, b: np.sqrt(a * a + b * b),
    "vecdot": lambda a, b: (a * b).sum(-1),
    "logaddexp": lambda a, b: _log_of_sum(a, b),
}


def _log_of_sum(a: Array, b: Array) -> Array:
    top = np.where(a.real >= b.real, a, b)
    return top + np.log(np.exp(a - top) + np.exp(b - top))


def _extreme(name: str, z: Array, axis: Any = 0, keepdims: bool = False, **_: Any) -> Array:
    """The largest or smallest along axes, one pair after another."""
    axes = range(z.ndim) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, z.ndim)
    for k in sorted(axes, reverse=True):
        z = functools.reduce(ANALYTIC[name], np.moveaxis(z, k, 0))
        z = np.expand_dims(z, k) if keepdims else z
    return z


# ---------------------------------------------------------------- the namespace


def _mean(x: Any, /, *, axis: Any = None, keepdims: bool = False) -> Any:
    return _stepped(np.mean(np.asarray(x), axis=axis, keepdims=keepdims))


def _var(x: Any, /, *, axis: Any = None, correction: float = 0.0, keepdims: bool = False) -> Any:
    z = np.asarray(x)
    d = z - z.mean(axis=axis, keepdims=True)  # NumPy's own takes |d|²
    n = z.size / d.mean(axis=axis).size
    return _stepped((d * d).sum(axis=axis, keepdims=keepdims) / (n - correction))


def _astype(x: Any, dtype: Any, /, **options: Any) -> Any:
    if isinstance(x, Stepped):
        return x if np.dtype(dtype).kind == "f" else _refuse(f"a number as {np.dtype(dtype)}")
    return np.asarray(x).astype(dtype, **options)


def _asarray(x: Any, /, *, dtype: Any = None, **_: Any) -> Any:
    made = x if isinstance(x, Stepped) else _stepped(np.asarray(x))
    return made if dtype is None else _astype(made, dtype)


def _like(make: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, /, *given, dtype=None, **_: make(np.shape(x), *given, dtype=dtype or (
        np.float64 if isinstance(x, Stepped) else np.asarray(x).dtype))  # fmt: skip


def _place(place: Callable[..., Any]) -> Callable[..., Any]:
    """Index of the largest or smallest real part, if it is one alone that the step may move."""

    def of(x: Any, /, *, axis: int | None = None, keepdims: bool = False) -> Any:
        z = np.asarray(x)
        found = place(z.real, axis=axis, keepdims=True)
        at = z.ravel()[found] if axis is None else np.take_along_axis(z, found, axis)
        decided(place.__name__, z, at)
        return found if keepdims else np.squeeze(found, axis=axis)

    return of


OWN: dict[str, Callable[..., Any]] = {
    "mean": _mean,
    "var": _var,
    "std": lambda x, /, **options: np.sqrt(_var(x, **options)),
    "argmax": _place(np.argmax),
    "argmin": _place(np.argmin),
    "astype": _astype,
    "asarray": _asarray,
    "clip": lambda x, min=-np.inf, max=np.inf: _stepped(ANALYTIC["clip"](*map(np.asarray, (x, min, max)))),
    "vecdot": lambda a, b, /, *, axis=-1: _stepped(np.sum(np.moveaxis(a * b, axis, -1), axis=-1)),
    "zeros_like": _like(np.zeros),
    "ones_like": _like(np.ones),
    "full_like": _like(np.full),
    "empty_like": _like(np.zeros),
}


class Namespace:
    """NumPy as the array API, over complex arrays."""

    def __getattr__(self, name: str) -> Any:
        if name in OWN:
            return OWN[name]
        if name in REFUSED or name in CONSTANT:
            raise NotAnalytic(f"xp.{name} is not analytic: the complex step has no derivative of it")
        found = getattr(np, name)  # AttributeError as NumPy's
        if not callable(found) or isinstance(found, type):
            return found
        return lambda *arrays, **options: _of(found, arrays, options)


def _of(f: Callable[..., Any], arrays: tuple[Any, ...], options: Mapping[str, Any]) -> Any:
    return _stepped(f(*arrays, **options))


xp = Namespace()


def pullback_of(f: Callable[..., Any], arguments: Mapping[str, Any], cotangent: Any = None, **options: Any) -> Answer:
    """Outputs of f(xp, **arguments, **options), and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    In float64, with one evaluation of f for each number: for small arrays. f returns an array, called "value", or a
    mapping by name; None stands for a cotangent of ones. Raises NotAnalytic, which is a ValueError, where f is not
    analytic and at kinks, AttributeError for what NumPy has not, TypeError where nothing is floating or an argument is
    missing, LookupError for one that f does not take.

    >>> pullback_of(lambda xp, x: xp.sum(xp.exp(x)), {"x": [0.0, 1.0]})[1]["x"].round(3).tolist()
    [1.0, 2.718]
    """
    given = double(f, arguments)
    definition = functools.partial(f, xp)
    check(getattr(f, "__name__", "f"), definition, given, options)
    by = [name for name in given if name in floats(given)]
    moving = {name: _stepped(x.astype(np.complex128)) if name in by else x for name, x in given.items()}

    def evaluate(**moved: Any) -> dict[str, Array]:
        return {k: np.asarray(y) for k, y in named(definition(**{**moving, **moved}, **options)).items()}

    with np.errstate(all="ignore"):
        outputs = evaluate()
        for name, y in outputs.items():
            if (np.imag(y) != 0).any():
                raise NotAnalytic(f"{name} is complex at real arguments: a root or logarithm of a negative number")
        v = cotangents(as_arrays(cotangent), outputs)

        def paired(name: str, x: Array) -> Array:
            return np.asarray(sum((v[k] * y).sum() for k, y in evaluate(**{name: _stepped(x)}).items()), complex)

        gradients = {name: complex_step(functools.partial(paired, name), given[name], given[name].ndim) for name in by}
    return {name: y.real.astype(np.float64) for name, y in outputs.items()}, gradients
