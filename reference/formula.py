"""A formula: a plain function, and beside it the record of what it claims.

The function is what runs. The record states the same thing the way a textbook prints it: `statement` and
`derivative` are one SymPy expression each, so the page that shows them and the proof that checks them read
the same line.

Notation in the expressions: `z` is the input of an activation; `a[i, j]`, `y[i, j]`, `z[i, j]` are output,
target and logit `j` of example `i` in a batch of `n` examples with `d` outputs; `w[i]` is a weight among `m`.
A derivative of an indexed statement is taken with respect to the first of its `arguments`, at the free
indices `i, j`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Slope = Callable[..., tuple[Array, Array]]


@dataclass(frozen=True)
class Kink:
    """A point where the one-sided slopes differ. `at`, `left`, `right` and `chosen` may name parameters."""

    at: str
    left: str
    right: str
    chosen: str
    why: str = "the one-sided slope of least magnitude (minimum-norm subgradient)"


@dataclass(frozen=True)
class Formula:
    """One formula with its hand-derived derivative under a permanent `id` such as `activation/gelu`."""

    id: str
    function: Callable[..., Any]
    statement: str
    derivative: str
    arguments: tuple[str, ...] = ("z",)
    parameters: Mapping[str, float] = field(default_factory=dict)
    domain: tuple[str, str] = ("-oo", "oo")
    range: tuple[str, str] = ("-oo", "oo")
    kinks: tuple[Kink, ...] = ()
    assumptions: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    numpy_form: str = ""

    @property
    def kind(self) -> str:
        """The part of the id before the slash: activation, cost, regularizer, network or update."""
        return self.id.split("/")[0]

    @property
    def name(self) -> str:
        """The part of the id after the slash."""
        return self.id.split("/")[1]

    @property
    def derivation(self) -> str:
        """Title and derivation by hand: the docstring of the function."""
        return inspect.getdoc(self.function) or ""

    @property
    def elementwise(self) -> bool:
        """True where the function acts on every entry by itself and returns (value, slope)."""
        return hasattr(self.function, "body")

    def at(self, expression: str, **parameters: float) -> float:
        """The number that `expression`, written in this formula's parameters, stands for.

        >>> from reference.activations import leaky_relu
        >>> leaky_relu.formula.at("negative_slope", negative_slope=0.2)
        0.2
        """
        names = {**self.parameters, **parameters, "oo": np.inf}
        return float(eval(expression, {"__builtins__": {}}, names))


CATALOGUE: dict[str, Formula] = {}


def formula(id: str, *, statement: str, derivative: str, **record: Any) -> Callable[[Any], Any]:
    """Put the decorated function into the catalogue under `id`; the function itself stays as it is.

    Numeric defaults of its signature are the formula's parameters. Raises ValueError if the id is taken.
    """

    def register(function: Any) -> Any:
        if id in CATALOGUE:
            raise ValueError(f"formula id {id!r} is taken by {CATALOGUE[id].function.__qualname__}")
        parameters = {
            p.name: float(p.default)
            for p in inspect.signature(function).parameters.values()
            if isinstance(p.default, (int, float)) and not isinstance(p.default, bool)
        }
        function.formula = CATALOGUE[id] = Formula(id, function, statement, derivative, parameters=parameters, **record)
        return function

    return register


def floating(x: npt.ArrayLike, name: str = "z") -> Array:
    """`x` as an array of a floating dtype. Raises TypeError for integers, booleans and objects."""
    x = np.asarray(x)
    # bfloat16 is not a NumPy float kind; it is recognised by its name so that ml_dtypes stays optional.
    if x.dtype.kind != "f" and x.dtype.name != "bfloat16":
        raise TypeError(f"{name} has dtype {x.dtype}; pass floats, e.g. {name}.astype(np.float64)")
    return x


BLOCK = 1 << 14  # entries evaluated at once: the temporaries of a body stay in the second-level cache


def elementwise(body: Slope) -> Slope:
    """Lift `body`, written for a flat float64 array, to any shape and floating dtype.

    The lifted function returns (value, slope) in the dtype of its input. It evaluates in float64 and rounds
    once, so float32 results are within 0.501 ULP wherever the float64 body is good to a few ULP.
    """

    @functools.wraps(body)
    def lifted(z: npt.ArrayLike, **parameters: float) -> tuple[Array, Array]:
        z = floating(z)
        value, slope = np.empty(z.shape, z.dtype), np.empty(z.shape, z.dtype)
        if z.size <= BLOCK:
            value[...], slope[...] = body(z.astype(np.float64, copy=False), **parameters)
            return value, slope
        flat, v, s = z.reshape(-1), value.reshape(-1), slope.reshape(-1)
        for k in range(0, z.size, BLOCK):
            block = slice(k, k + BLOCK)
            v[block], s[block] = body(flat[block].astype(np.float64, copy=False), **parameters)
        return value, slope

    lifted.body = body  # type: ignore[attr-defined]  # marks the function as elementwise
    return lifted
