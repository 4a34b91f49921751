"""From a body that sees flat float64 arrays to a function of any shape and floating dtype.

A body is evaluated in float64 and its results are rounded once. So float32 results are within 0.501 ULP wherever
the body is good to a few ULP of float64, and float16 and bfloat16 results are correctly rounded: what could spoil
these is a second rounding on the way, which `rounded` avoids, or a truth so close to the middle between two
floats that float64 shows the middle itself, for which a formula gives the remainder (`beyond`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, overload

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Slope = Callable[..., tuple[Array, Array]]
Remainders = Callable[..., tuple[Any, Any]]

# Overflow and underflow are results like any other. Invalid is a signalling NaN among the inputs, or a limit that
# does not exist: NaN is the answer to both.
QUIET = np.errstate(over="ignore", under="ignore", invalid="ignore")
BLOCK = 1 << 14  # entries evaluated at once: the temporaries of a body stay in the second-level cache


def floating(x: npt.ArrayLike, name: str = "z") -> Array:
    """`x` as an array of one of the four floating dtypes. Raises TypeError for any other, naming `name`."""
    x = np.asarray(x)
    # bfloat16 comes from ml_dtypes, which is optional: it is recognised by its name.
    if not (x.dtype.kind == "f" and x.dtype.itemsize <= 8) and x.dtype.name != "bfloat16":
        raise TypeError(f"{name} has dtype {x.dtype}; pass floats, e.g. {name}.astype(np.float64)")
    return x


def numbers(**parameters: Any) -> dict[str, float]:
    """Parameters as Python floats. Raises TypeError for what is no number, ValueError for NaN and infinity."""
    for name, value in parameters.items():
        if np.ndim(value) or np.asarray(value).dtype.kind not in "fiu":
            raise TypeError(f"{name} = {value!r} is not a number")
        if not np.isfinite(value):
            raise ValueError(f"{name} = {value} is not finite")
    return {name: float(value) for name, value in parameters.items()}


def positive(**parameters: float) -> None:
    """Raise ValueError, naming the parameter and its value, unless every one is > 0."""
    for name, value in parameters.items():
        if not value > 0:
            raise ValueError(f"{name} = {value}; need {name} > 0")


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


@overload
def elementwise(body: Slope) -> Slope: ...


@overload
def elementwise(*, exact: bool = False, beyond: Remainders | None = None) -> Callable[[Slope], Slope]: ...


def elementwise(body: Slope | None = None, *, exact: bool = False, beyond: Remainders | None = None) -> Any:
    """Lift `body`, which maps a flat float64 array z to two new ones, value and slope, to any shape and dtype.

    The lifted function returns (value, slope) in the dtype of its input, NaN where that is NaN, and checks that
    parameters are finite numbers. `exact` says that the body needs no wider dtype: it then sees float32 and
    float64 arrays as they are. `beyond(z, **parameters)` gives, for value and slope, the first term that float64
    swallows where the result is all but halfway between two 16-bit floats (see `rounded`).
    """
    if body is None:
        return functools.partial(elementwise, exact=exact, beyond=beyond)

    def entries(z: Array, parameters: dict[str, float]) -> tuple[Array, Array]:
        """Value and slope of a flat array: rounded to its 16 bits, or as the body gives them."""
        x = z if exact and z.dtype.itemsize > 2 else z.astype(np.float64, copy=False)
        value, slope = body(x, **parameters)
        if z.dtype.itemsize == 2:
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
            parameters = numbers(**parameters)
        flat = z.ravel()  # contiguous: NumPy may round exp and its kin differently where it cannot load whole vectors
        if z.size <= BLOCK or exact:
            value, slope = entries(flat, parameters)
        else:
            value, slope = np.empty_like(flat), np.empty_like(flat)
            for k in range(0, z.size, BLOCK):
                block = slice(k, k + BLOCK)
                value[block], slope[block] = entries(flat[block], parameters)  # rounded on the way
        return np.asarray(value, z.dtype).reshape(z.shape), np.asarray(slope, z.dtype).reshape(z.shape)

    lifted.body = body  # type: ignore[attr-defined]  # marks the function as elementwise
    lifted.parameter_slopes = {}  # type: ignore[attr-defined]
    return lifted


def parameter_slope(owner: Any, name: str) -> Callable[[Callable[..., Array]], Callable[..., Array]]:
    """Lift the decorated body, z ↦ ∂g/∂name in float64, and keep it as owner.parameter_slopes[name].

    The gradient of a learnable parameter is then Σ v ⊙ ∂g/∂name for the cotangent v of the output.
    """

    def register(body: Callable[..., Array]) -> Callable[..., Array]:
        @functools.wraps(body)
        @QUIET
        def lifted(z: npt.ArrayLike, **parameters: float) -> Array:
            z = floating(z)
            x = np.ascontiguousarray(z, np.float64).reshape(-1)
            slope = body(x, **numbers(**parameters))
            return rounded(np.where(np.isnan(x), x, slope), z.dtype).reshape(z.shape)

        owner.parameter_slopes[name] = lifted
        return lifted

    return register
