"""What every lift shares: arrays and parameters as a body wants them, and results rounded once.

A body sees float64 arrays and nothing else, is evaluated in float64, and its results are rounded once. So float32
results are within 0.501 ULP wherever the body is good to a few ULP of float64, and float16 and bfloat16 results are
correctly rounded: what could spoil these is a second rounding on the way, which `rounded` avoids, or a truth so close
to the middle between two floats that float64 shows the middle itself, for which a formula gives the remainder
(`beyond`).

A lift does everything around the body: it names what cannot be taken, checks parameters, keeps the shape and the
dtype, and makes the function's `vjp`, which is called alike for every formula (`reference.vjp`). Lifts stand by their
formulas: `elementwise` and `rowwise` in `reference.activation`, `reduced` in `reference.costs.reduction`, `layer` in
`reference.layers.layer`, `each_matrix`, `of_outputs`, `with_mask` and `through_network` in `reference.regularizers`,
`each_parameter` and `jointly` in `reference.updates`.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Answer = tuple[dict[str, Any], dict[str, Any]]  # outputs by name, gradients by argument

# Overflow and underflow are results like any other. Invalid is a signalling NaN among the inputs, or a limit that
# does not exist: NaN is the answer to both. Divisions by zero have the limit ±∞.
QUIET = np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")


# ---------------------------------------------------------------- what is taken


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether it is one of the four floating dtypes."""
    # bfloat16 comes from ml_dtypes, which is optional: it is recognised by its name.
    return (dtype.kind == "f" and dtype.itemsize <= 8) or dtype.name == "bfloat16"


def array(x: npt.ArrayLike, name: str) -> Array:
    """`x` as an array in the byte order of this machine; what it may hold, `floating`, `real` and `integers` say.

    Raises TypeError for a masked array, whose mask would be lost, and ValueError for rows of different lengths, naming
    `name`.
    """
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{name} is a masked array, whose mask would be lost; pass {name}.filled(…): {_shown(x)}")
    try:
        x = np.asarray(x)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


def floating(x: npt.ArrayLike, name: str = "z") -> Array:
    """`x` as an array of one of the four floating dtypes. Raises TypeError for any other, naming `name`."""
    if is_plain(x):
        return x
    x = array(x, name)
    if not is_floating(x.dtype):
        raise TypeError(f"{name} has dtype {x.dtype}; pass floats, e.g. {name}.astype(np.float64): {_shown(x)}")
    return x


def real(x: npt.ArrayLike, name: str) -> Array:
    """`x` as an array of floats, integers or bools. Raises TypeError for any other dtype, naming `name`."""
    if is_plain(x):
        return x
    x = array(x, name)
    if x.dtype.kind not in "iub" and not is_floating(x.dtype):
        raise TypeError(f"{name} has dtype {x.dtype}; pass real numbers of up to 64 bits: {_shown(x)}")
    return x


def integers(x: npt.ArrayLike, name: str) -> Array:
    """`x` as an array of integers. Raises TypeError for any other dtype, naming `name`, a plural."""
    x = array(x, name)
    if x.dtype.kind not in "iu":
        raise TypeError(f"{name} have dtype {x.dtype}; pass integers: {_shown(x)}")
    return x


def is_plain(x: Any) -> TypeGuard[Array]:
    """Whether it is an array of float32 or float64 in the byte order of this machine, which is taken as it is."""
    return type(x) is np.ndarray and x.dtype.char in "fd" and x.dtype.isnative


def _shown(x: Array) -> str:
    """The first entries of an array, for a message."""
    first = ", ".join(str(entry) for entry in x.ravel()[:3])
    return f"it is [{first}{', …' if x.size > 3 else ''}]" if x.ndim else f"it is {first}"


def named(function: Any, arguments: Mapping[str, Any], names: Sequence[str], needed: int) -> dict[str, Any]:
    """The arguments that are given.

    Raises TypeError for one that `function` does not have, and where one of the first `needed` is missing.
    """
    if strangers := [name for name in arguments if name not in names]:
        raise TypeError(f"{function.__name__} has no argument {strangers[0]!r}; it has {', '.join(names)}")
    given = {name: x for name, x in arguments.items() if x is not None}
    for name in names[:needed]:
        if name not in given:
            raise TypeError(f"{function.__name__} needs the argument {name!r}")
    return given


def index(name: str, value: Any) -> int:
    """An integer. Raises TypeError naming it."""
    try:
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r} is not an integer") from None


def split(function: Any) -> tuple[Any, dict[str, Any]]:
    """A function, and the parameters that `functools.partial` gives it."""
    return (function.func, function.keywords) if isinstance(function, functools.partial) else (function, {})


def choice(name: str, value: Any, known: Iterable[str]) -> None:
    """Raise ValueError naming it unless the value is one of those known."""
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} = {value!r} is not one of {', '.join(known)}")


def defaults(body: Callable[..., Any], skip: int = 0) -> dict[str, Any]:
    """The parameters of `body` after the first `skip`, with their defaults."""
    return {p.name: p.default for p in list(inspect.signature(body).parameters.values())[skip:]}


def checked(function: Any, known: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as the body wants them: numbers as Python floats, or ints where the default is an integer.

    `known` are all parameters with their defaults. Raises TypeError for an unknown one and for what is no number,
    or no bool, where the default is one; ValueError for a number that is not finite, or breaks a condition in the
    `valid` of the function's record: "tau = 2; need 0 < tau < 1".
    """
    record = getattr(function, "formula", None)
    valid: Mapping[str, str] = record.valid if record is not None else {}
    out: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise TypeError(
                f"{function.__name__} got an unexpected keyword argument {name!r}; it has {', '.join(known)}"
            )
        default = known[name]
        if isinstance(default, bool):
            out[name] = _flag(name, value)
        elif isinstance(default, (int, float)) or default is inspect.Parameter.empty:
            out[name] = _number(
                name, value, default, finite=record is not None and not _INFINITY.search(valid.get(name, ""))
            )
        else:
            out[name] = value
    for condition in valid.values():
        holds, names = _condition(condition)
        if any(name in given for name in names):
            numbers = [out.get(name, known.get(name)) for name in names]
            if not holds(*numbers):
                said = ", ".join(f"{name} = {given.get(name, x)}" for name, x in zip(names, numbers, strict=True))
                raise ValueError(f"{said}; need {_printed(condition)}")
    return out


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)) and not (isinstance(value, (int, float)) and value in (0, 1)):
        raise TypeError(f"{name} = {value!r} is neither True nor False")
    return bool(value)


def scalar(value: Any) -> Array | None:
    """One real number as an array without axes, an integer of more than 64 bits as a float; None for what is none."""
    if isinstance(value, int) and value.bit_length() > 63:
        value = float(value) if abs(value) <= sys.float_info.max else math.inf if value > 0 else -math.inf
    x = np.asarray(value)
    return x if not x.ndim and (x.dtype.kind in "fiu" or x.dtype.name == "bfloat16") else None


def number(name: str, value: Any) -> float:
    """One real number as a Python float. Raises TypeError naming it."""
    x = scalar(value)
    if x is None:
        raise TypeError(f"{name} = {value!r} is not a number")
    return float(x)


def _number(name: str, value: Any, default: Any, finite: bool) -> float:
    x = number(name, value)
    if not math.isfinite(x) and (finite or math.isnan(x)):
        raise ValueError(f"{name} = {value} is not finite")
    return int(x) if isinstance(default, int) and x.is_integer() else x


@functools.cache
def _condition(condition: str) -> tuple[Callable[..., bool], tuple[str, ...]]:
    """A condition as a function of the parameters that it speaks of, and their names."""
    names = tuple(name for name in compile(condition, "<condition>", "eval").co_names if name != "oo")
    return eval(f"lambda {', '.join(names)}: {condition}", {"__builtins__": {}, "oo": math.inf}), names


_INFINITY = re.compile(r"\boo\b")  # and no part of a name


def _printed(condition: str) -> str:
    for sign, printed in (("<=", "≤"), (">=", "≥"), ("==", "=")):
        condition = condition.replace(sign, printed)
    return _INFINITY.sub("∞", condition)


# ---------------------------------------------------------------- cotangents and rounding


def cotangent_of(cotangent: Any, shape: tuple[int, ...], output: str = "value", copy: bool = True) -> Array | None:
    """The cotangent of an output of this shape in float64, None for ones. It may stand under the name of the output.

    Without a copy, float64 numbers are those of the caller, to be read only.

    Raises TypeError for what is not real, ValueError for another shape or another output.
    """
    if isinstance(cotangent, Mapping):
        if set(cotangent) != {output}:
            raise ValueError(f"cotangents of {', '.join(map(str, cotangent)) or 'nothing'}; the output is {output!r}")
        cotangent = cotangent[output]
    if cotangent is None:
        return None
    v = real(cotangent, "cotangent")
    if v.shape != shape:
        raise ValueError(f"cotangent has shape {v.shape}, the output has shape {shape}; they must be equal")
    v = v.astype(np.float64, copy=copy).view()
    v.flags.writeable = copy
    return v


def times(v: Array | float | None, x: Array) -> Array:
    """v·x, and 0 where v is 0 whatever x is: what does not enter does not touch. None stands for ones."""
    return x if v is None else np.where(v == 0, 0.0, v * x)


def rounded(x: Array, dtype: np.dtype[Any], beyond: Any = 0) -> Array:
    """Float64 `x` in `dtype`, rounded once, to nearest even.

    To 16 bits the way leads over float32, rounded to odd: an inexact float32 is made odd, and is then never the
    middle between two shorter floats. `beyond` is what the exact value has beyond x, too small for float64 to
    show; only its sign counts.
    """
    if dtype.itemsize > 2:
        return x.astype(dtype, copy=False)
    single = x.astype(np.float32)
    lost = (x > single).astype(np.int32) - (x < single)
    lost = np.where((lost == 0) & np.isfinite(x) & (x != 0), np.sign(beyond), lost).astype(np.int32)
    bits = single.view(np.int32)
    outwards = np.where(bits < 0, -lost, lost)  # bits count away from zero
    return np.where(bits & 1, bits, bits + outwards).view(np.float32).astype(dtype)
