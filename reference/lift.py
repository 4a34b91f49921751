"""From a body that sees float64 arrays and nothing else to a function of any shape and floating dtype.

A body is evaluated in float64 and its results are rounded once. So float32 results are within 0.501 ULP wherever
the body is good to a few ULP of float64, and float16 and bfloat16 results are correctly rounded: what could spoil
these is a second rounding on the way, which `rounded` avoids, or a truth so close to the middle between two
floats that float64 shows the middle itself, for which a formula gives the remainder (`beyond`).

A lift does everything around the body: it names what cannot be taken, checks parameters, keeps the shape and the
dtype, and makes the function's `vjp`, which is called alike for every formula (`reference.vjp`). Here are the lifts of
activations, `elementwise` and `rowwise`, and what all lifts share. The others stand by their formulas: `reduced` in
`reference.costs.reduction`, `each_matrix`, `of_outputs`, `with_mask` and `through_network` in `reference.regularizers`,
`each_parameter` and `jointly` in `reference.updates`.
"""

# Over 400 lines: what is taken, how it is rounded, and the two lifts that stand on that, read in one piece.
from __future__ import annotations

import functools
import inspect
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard, overload

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Slope = Callable[..., tuple[Array, Array]]
Pullback = Callable[[Array], Array]
Remainders = Callable[..., tuple[Any, Any]]
Answer = tuple[dict[str, Any], dict[str, Any]]  # outputs by name, gradients by argument

# Overflow and underflow are results like any other. Invalid is a signalling NaN among the inputs, or a limit that
# does not exist: NaN is the answer to both. Divisions by zero have the limit ±∞.
QUIET = np.errstate(over="ignore", under="ignore", invalid="ignore", divide="ignore")
BLOCK = 1 << 14  # entries evaluated at once: the temporaries of a body stay in the second-level cache


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


def _number(name: str, value: Any, default: Any, finite: bool) -> float:
    array = np.asarray(value)
    if array.ndim or (array.dtype.kind not in "fiu" and array.dtype.name != "bfloat16"):
        raise TypeError(f"{name} = {value!r} is not a number")
    x = float(array)
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


def cotangent_of(cotangent: Any, shape: tuple[int, ...], output: str = "value") -> Array | None:
    """The cotangent of an output of this shape in float64, None for ones. It may stand under the name of the output.

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
    return v.astype(np.float64)


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


# ---------------------------------------------------------------- elementwise


@overload
def elementwise(body: Slope) -> Slope: ...


@overload
def elementwise(*, exact: bool = False, beyond: Remainders | None = None) -> Callable[[Slope], Slope]: ...


def elementwise(body: Slope | None = None, *, exact: bool = False, beyond: Remainders | None = None) -> Any:
    """Lift `body`, which maps a flat float64 array z to two new ones, value and slope, to any shape and dtype.

    The lifted function returns (value, slope) in the dtype of its input, NaN where that is NaN, and checks its
    parameters. `exact` says that the body needs no wider dtype: it then sees float32 and float64 arrays as they are.
    `beyond(z, **parameters)` gives, for value and slope, the first term that float64 swallows where the result is all
    but halfway between two 16-bit floats (see `rounded`).

    Its vjp is v ↦ v ⊙ g'(z), and for a parameter among the arguments v ↦ Σ v ⊙ ∂g/∂parameter (`parameter_slope`).
    """
    if body is None:
        return functools.partial(elementwise, exact=exact, beyond=beyond)
    known = defaults(body, 1)

    def entries(z: Array, parameters: dict[str, float]) -> tuple[Array, Array]:
        """Value and slope of a flat array: rounded to its 16 bits, or as the body gives them."""
        size = z.dtype.itemsize
        x = z if size == 8 or (exact and size == 4) else z.astype(np.float64)
        value, slope = body(x, **parameters)
        if size == 2:
            remainders = beyond(x, **parameters) if beyond else (0, 0)
            value, slope = rounded(value, z.dtype, remainders[0]), rounded(slope, z.dtype, remainders[1])
        if math.isnan(x.dot(x)):  # so it is if and only if an entry is
            value[np.isnan(x)] = slope[np.isnan(x)] = np.nan
        return value, slope

    @functools.wraps(body)
    @QUIET
    def lifted(z: npt.ArrayLike, **parameters: float) -> tuple[Array, Array]:
        z = floating(z)
        if parameters:
            parameters = checked(lifted, known, parameters)
        flat = z.ravel()  # contiguous: NumPy may round exp and its kin differently where it cannot load whole vectors
        if z.size <= BLOCK or exact:
            value, slope = entries(flat, parameters)
        else:
            value, slope = np.empty_like(flat), np.empty_like(flat)
            for k in range(0, z.size, BLOCK):
                block = slice(k, k + BLOCK)
                value[block], slope[block] = entries(flat[block], parameters)  # rounded on the way
        if value.dtype != z.dtype:
            value = value.astype(z.dtype)
        if slope.dtype != z.dtype:
            slope = slope.astype(z.dtype)
        return value.reshape(z.shape), slope.reshape(z.shape)

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: float) -> Answer:
        learned = named(lifted, arguments, ("z", *lifted.parameter_slopes), 1)  # type: ignore[attr-defined]
        z = floating(learned.pop("z"))
        learned = {name: floating(p, name) for name, p in learned.items()}
        parameters = checked(lifted, known, {**parameters, **learned})
        value, slope = lifted(z.astype(np.float64), **parameters)
        value = lifted(z, **parameters)[0] if z.dtype.itemsize == 2 else value.astype(z.dtype, copy=False)
        v = cotangent_of(cotangent, z.shape)
        gradients = {"z": rounded(times(v, slope), z.dtype)}
        for name in learned:
            slope, *divisors = lifted.parameter_slopes[name].quotient(z, parameters)  # type: ignore[attr-defined]
            total = functools.reduce(np.divide, divisors, np.sum(times(v, slope)))
            if np.isnan(total) and v is not None:  # ∞ − ∞, unless a number is none
                total = np.ldexp(functools.reduce(np.divide, divisors, np.sum(times(np.ldexp(v, -1100), slope))), 1100)
            gradients[name] = rounded(np.asarray(total), z.dtype)
        return {"value": value}, gradients

    lifted.body, lifted.known = body, known  # type: ignore[attr-defined]  # a body marks the function as elementwise
    lifted.parameter_slopes = {}  # type: ignore[attr-defined]
    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


def parameter_slope(owner: Any, name: str) -> Callable[[Callable[..., Any]], Callable[..., Array]]:
    """Lift the decorated body, z ↦ ∂g/∂name in float64, and keep it as owner.parameter_slopes[name].

    The gradient of a learnable parameter is then Σ v ⊙ ∂g/∂name for the cotangent v of the output. A body may return a
    tuple, an array and the numbers that it is to be divided by: they then divide the sum.
    """

    def register(body: Callable[..., Any]) -> Callable[..., Array]:
        own = defaults(body, 1)

        def quotient(z: Array, parameters: Mapping[str, float]) -> tuple[Any, ...]:
            """∂g/∂name in float64, of the shape of z, and what is still to divide it."""
            x = np.ascontiguousarray(z, np.float64).reshape(-1)
            found = body(x, **{key: p for key, p in parameters.items() if key in own})
            slope, *divisors = found if isinstance(found, tuple) else (found,)
            return np.where(np.isnan(x), x, slope).reshape(z.shape), *divisors

        @functools.wraps(body)
        @QUIET
        def lifted(z: npt.ArrayLike, **parameters: float) -> Array:
            z = floating(z)
            slope, *divisors = quotient(z, checked(owner, owner.known, parameters))
            return rounded(functools.reduce(np.divide, divisors, slope), z.dtype)

        lifted.quotient = quotient  # type: ignore[attr-defined]
        owner.parameter_slopes[name] = lifted
        return lifted

    return register


# ---------------------------------------------------------------- rowwise


def rowwise(body: Callable[..., tuple[Array, Pullback]]) -> Callable[..., tuple[Array, Pullback]]:
    """Lift `body`, which maps float64 rows z (..., d) to their value and its pullback, to any floating dtype.

    The rows of the lifted function are along `axis`, the last one unless told otherwise. It returns (value, pullback)
    in the dtype of z, and raises ValueError where there is no such axis, or nothing on it, and TypeError for an axis
    that is no integer. Its vjp is the pullback of the cotangent.
    """
    known = defaults(body, 1)

    def wide(z: Array, parameters: dict[str, Any], axis: Any) -> tuple[Array, Pullback]:
        """Value and pullback in float64. A row whose cotangent is 0 does not enter, whatever stands in it."""
        axis = index("axis", axis)
        if z.ndim == 0:
            raise ValueError(f"z has shape {z.shape}; expected (..., d) with d ≥ 1")
        if not -z.ndim <= axis < z.ndim:
            raise ValueError(f"axis = {axis}, but z has shape {z.shape}: {z.ndim} axes")
        if z.shape[axis] == 0:
            raise ValueError(f"z has shape {z.shape}; expected (..., d) with d ≥ 1")
        rows = np.moveaxis(z, axis, -1)
        value, pull = body(rows.astype(np.float64, order="C"), **parameters)  # a copy, which a pullback may keep
        whole = value.ndim == z.ndim  # else it is one number a row

        def pullback(v: Array) -> Array:
            v = np.moveaxis(v, axis, -1) if whole else v
            enters = (v if whole else v[..., None]) != 0
            return np.moveaxis(np.where(enters.any(-1, keepdims=True), pull(v), 0), -1, axis)

        return np.moveaxis(value, -1, axis) if whole else value, pullback

    @functools.wraps(body)
    @QUIET
    def lifted(z: npt.ArrayLike, *positional: float, axis: int = -1, **parameters: float) -> tuple[Array, Pullback]:
        z = floating(z)
        dtype = z.dtype
        if positional or parameters:
            parameters = checked(lifted, known, {**dict(zip(known, positional, strict=False)), **parameters})
        value, pull = wide(z, parameters, axis)

        @QUIET
        def pullback(v: Array) -> Array:
            w = real(v, "cotangent").astype(np.float64)
            if w.shape != value.shape:
                raise ValueError(f"cotangent has shape {w.shape}, the output has shape {value.shape}; must be equal")
            return rounded(pull(w), dtype)

        return rounded(value, dtype), pullback

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, *, axis: int = -1, **parameters: float) -> Answer:
        z = floating(named(lifted, arguments, ("z",), 1)["z"])
        value, pull = wide(z, checked(lifted, known, parameters), axis)
        v = cotangent_of(cotangent, value.shape)
        gradient = pull(np.ones(value.shape) if v is None else v)
        return {"value": rounded(value, z.dtype)}, {"z": rounded(gradient, z.dtype)}

    along = inspect.Parameter("axis", inspect.Parameter.KEYWORD_ONLY, default=-1)
    signature = inspect.signature(body)
    lifted.__signature__ = signature.replace(parameters=[*signature.parameters.values(), along])  # type: ignore[attr-defined]
    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted
