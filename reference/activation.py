"""From a body to an activation: of a flat array, entry by entry, or of rows, to any shape and floating dtype."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from reference.lift import (
    QUIET,
    Answer,
    Array,
    checked,
    cotangent_of,
    defaults,
    floating,
    index,
    named,
    real,
    rounded,
    times,
)

Slope = Callable[..., tuple[Array, Array]]
Pullback = Callable[[Array], Array]
Remainders = Callable[..., tuple[Any, Any]]
BLOCK = 1 << 14  # entries evaluated at once: the temporaries of a body stay in the second-level cache


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
