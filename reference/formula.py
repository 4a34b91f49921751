"""A formula: a plain function, and beside it the record of what it claims.

The function is what runs. The record states the same thing the way a textbook prints it: `statement` and
`derivative` are one SymPy expression each, so the page that shows them and the proof that checks them read
the same line.

Notation in the expressions: `z` is the input of an activation; `a[i, j]`, `y[i, j]`, `z[i, j]` are output,
target and logit `j` of example `i` in a batch of `n` examples with `d` outputs; `w[i]` is a weight among `m`.
A derivative of an indexed statement is taken with respect to the first of its `arguments`, at the free
indices `i, j`; `partials` holds those with respect to anything else, further arguments and parameters. A vector
activation prints its derivative as the pullback of a cotangent `v`, where `s` stands for the output.

Accuracy. An error is counted in ULP of the exact result, and next to it in conditioned ULP: relative to ulp(y) plus
what half an ULP of the input does to y, u·|z·dy/dz|. No algorithm can do better than a few of these where the result
itself crosses zero, while a few strict ULP are asked for everywhere else.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import numpy as np

from reference.lift import Array, Slope, elementwise, floating

__all__ = ["CATALOGUE", "Array", "Formula", "Kink", "Slope", "elementwise", "floating", "formula"]


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
    """One formula with its hand-derived derivative under a permanent `id` such as `activation/gelu`.

    `numpy_value` and `numpy_form` are what the body evaluates for value and derivative, where that is an exact
    rewriting of the textbook form. `conditioned_ulp` and `strict_ulp` bound the errors of both in float64 (of a
    vector activation: of its value and of the entries of its Jacobian, in rows of up to ten). `slope_zeros` are
    points where the slope crosses zero, and within 1/4 of them its strict ULP are not bounded.
    """

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
    numpy_value: str = ""
    numpy_form: str = ""
    partials: Mapping[str, str] = field(default_factory=dict)
    slope_zeros: tuple[str, ...] = ()
    conditioned_ulp: float = 4.0
    strict_ulp: float = 4.0

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
        return float(eval(_compiled(expression), {"__builtins__": {}}, names))


@functools.cache
def _compiled(expression: str) -> CodeType:
    return compile(expression, "<formula>", "eval")


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
