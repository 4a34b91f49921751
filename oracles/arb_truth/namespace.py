"""The array API over balls: a function written once, `def f(xp, x, w): …`, has an exact truth here.

    forward(f, static=…)                              f as a definition, which every machine of this oracle takes
    pullback_of(f, arguments, cotangent, dtype=…)     the truth of its outputs and gradients, as `arrays.pullback`

`xp` has the names of the array API standard. A float that enters counts as the number that it is, and nothing is
rounded, whatever the dtype; `xp.pi` is π. Integer and bool arrays are labels, masks and indices, and stay NumPy's.
Comparisons are decided exactly; see `branches` for what happens at a tie. Nothing is known of a whole function: if its
maximum is taken out and put back, as in logsumexp, and two entries tie for it, the gradient is undecided. Integers
that Python's / divides are floats of NumPy, already rounded: `xp.astype(k, xp.float64) / 3` is not.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from oracles.arb_truth.array_functions import ENTERED
from oracles.arb_truth.array_type import Numbers, exact
from oracles.arb_truth.arrays import Pullback, pullback
from oracles.arb_truth.definition import Forward, nearest
from oracles.arb_truth.numbers import Array, Number

UserFunction = Callable[..., Any]

CONSTANTS: dict[str, Callable[[], Any]] = {
    "pi": arb.pi,
    "e": lambda: arb(1).exp(),
    "inf": arb.pos_inf,
    "nan": arb.nan,
    "newaxis": lambda: None,
    "finfo": lambda: np.finfo,
    "isdtype": lambda: np.isdtype,
    "float32": lambda: np.float32,
    "float64": lambda: np.float64,
    "int32": lambda: np.int32,
    "int64": lambda: np.int64,
    "bool": lambda: np.bool_,
}
INSTEAD = {  # of what is not in the array API
    "logsumexp": "write m + xp.log(xp.sum(xp.exp(x - m), axis=axis)) with m = xp.max(x, axis=axis)",
    "softmax": "write e / xp.sum(e, axis=axis, keepdims=True) with e = xp.exp(x - m)",
    "einsum": "write xp.matmul, xp.tensordot or xp.sum of a product",
    "relu": "write xp.maximum(x, 0.0)",
    "sigmoid": "write 1 / (1 + xp.exp(-x))",
    "erf": "it has no standard name; a Gelu by the hyperbolic tangent can be written",
    "transpose": "write xp.permute_dims or xp.matrix_transpose",
    "concatenate": "write xp.concat",
    "cumsum": "write xp.cumulative_sum",
    "power": "write xp.pow or **",
    "dot": "write xp.matmul or xp.vecdot",
    "linalg": "write it by xp.matmul, xp.vecdot and xp.sqrt",
    "sort": "compare with xp.where, xp.maximum and xp.minimum",
}


class Namespace:
    """The functions, constants and dtypes of the array API that there are over balls."""

    def __dir__(self) -> list[str]:
        return sorted({*ENTERED, *CONSTANTS})

    def __getattr__(self, name: str) -> Any:
        if name in ENTERED:
            return ENTERED[name]
        if name in CONSTANTS:
            return CONSTANTS[name]()
        advice = INSTEAD.get(name) or nearest(name, dir(self))
        raise AttributeError(f"xp.{name} is not there over balls: {advice} (dir(xp) lists what there is)")


xp = Namespace()


def forward(f: UserFunction, static: Mapping[str, Any] | None = None) -> Forward:
    """f(xp, x, w, …, *, eps=1e-5, …) as a definition.

    After the namespace come arrays by name; one with the default None may be left out. Whatever has another default is
    a parameter, a real one if that is a float (an exact ball in f, and an array by which there is a gradient if it is
    passed as one). `static` are more parameters, and other defaults. f returns an array, or a mapping of names to them.

    Raises TypeError for an f that takes no namespace, and for what is static and f does not take.

    >>> definition = forward(lambda xp, x: xp.sum(x * x) / 2)
    >>> pullback_of(lambda xp, x: xp.sum(x * x) / 2, {"x": [3.0, 1.0]}).gradients["x"].truth.hi.tolist()
    [3.0, 1.0]
    """
    name, taken = getattr(f, "__name__", "f"), list(inspect.signature(f).parameters.values())
    if not taken or taken[0].kind not in (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD):
        raise TypeError(f"{name} takes no namespace: write def {name}(xp, x, …)")
    known = {p.name: p for p in taken[1:]}
    for option in static or {}:
        if option not in known:
            raise TypeError(f"{name} takes no {option!r}; it takes {', '.join(known) or 'nothing'}")
    defaults = {p.name: p.default for p in known.values() if p.default not in (p.empty, None)}
    parameters = {**defaults, **(static or {})}

    def function(**given: Any) -> Any:
        return _outputs(name, f(xp, **{key: _received(x) for key, x in given.items()}))

    of_arrays = [p for p in known.values() if p.name not in parameters]
    function.__signature__ = inspect.Signature(of_arrays)  # type: ignore[attr-defined]
    return Forward(function, parameters)


def pullback_of(
    f: UserFunction,
    arguments: Mapping[str, npt.ArrayLike | None],
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    dtype: npt.DTypeLike | str = "float64",
    **options: Any,
) -> Pullback:
    """The truth of f's outputs, and of the gradient of ⟨cotangent, outputs⟩ by every float argument.

    Arguments, cotangent, dtype and what is raised as `arrays.vjp`; `options` are parameters of f. Where slopes on two
    sides differ, a gradient is NaN and undecided.

    Raises AttributeError for a function that xp has not, Undecided where a tie, of numbers that were rounded on the
    way, is not settled by any precision.
    """
    name = getattr(f, "__name__", "f")
    return pullback(name, arguments, cotangent, dtype=dtype, definitions={name: forward(f, options)})


def _received(x: Any) -> Any:
    """An argument as f sees it: numbers, integers or bools."""
    if isinstance(x, Number):
        return Numbers(x)
    if not (isinstance(x, np.ndarray) and x.dtype == object):
        return x
    if x.size and all(isinstance(v, bool) for v in x.flat):
        return x.astype(bool)
    return x.astype(np.int64) if x.size and all(isinstance(v, int) for v in x.flat) else Numbers(x)


def _outputs(name: str, found: Any) -> dict[str, Array]:
    named = found if isinstance(found, Mapping) else {"value": found}
    for key, y in named.items():
        if y is None or isinstance(y, (str, tuple, list, Mapping)):
            raise TypeError(f"{name} returns {type(y).__name__} as {key!r}; return an array, or arrays by name")
    return {key: exact(y) for key, y in named.items()}
