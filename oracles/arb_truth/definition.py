"""What a definition is: pieces of a function of one number, or a function of arrays of numbers; and its parameters.

No derivative stands anywhere. A piecewise function is the list of its pieces from left to right and of the
breakpoints between them, so that one-sided derivatives are the series of the piece on that side. Parameters are exact:
a float counts as the number that it is. A parameter may itself carry a derivative, which gives the slope by it.
"""

from __future__ import annotations

import ast
import difflib
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple

from flint import arb, arb_series, ctx

from oracles.arb_truth.numbers import Ball, Number, Scalar, Series, ball

Piece = Callable[..., Series]


@dataclass(frozen=True)
class Definition:
    """Pieces from left to right, the breakpoints between them, and parameters with their defaults.

    `owner` says which neighbour defines the value at a breakpoint; it matters only where the function jumps.
    `requires` is a condition on the parameters, in Python. `rising` says that value and slope rise with z: what is
    beyond every float at one z is so at all that are greater, which no ball over a wide range of e^z shows.
    """

    pieces: tuple[Piece, ...]
    breakpoints: Callable[..., tuple[Scalar, ...]]
    parameters: Mapping[str, float]
    requires: str
    owner: tuple[str, ...]
    rising: bool = False


def define(
    *pieces: Piece,
    at: Callable[..., tuple[Scalar, ...]] | tuple[float, ...] = (),
    requires: str = "True",
    owner: tuple[str, ...] = (),
    rising: bool = False,
    **parameters: float,
) -> Definition:
    """A definition; `at` gives the breakpoints as numbers, or as a function of the parameters."""
    breakpoints = at if callable(at) else lambda **_: at
    return Definition(pieces, breakpoints, parameters, requires, owner or ("left",) * (len(pieces) - 1), rising)


@dataclass(frozen=True)
class Forward:
    """A function of arrays of numbers, its parameters with their defaults, and a condition on these, in Python.

    The function takes arrays by name and parameters by keyword, and returns a number, an array of them, or a mapping
    of output names to either. A default that is a float declares a real parameter, which is given as an exact ball;
    any other default declares an option, which is given as it is.

    With `by_norm`, entries of a result are conditioned on the norm of the inputs: ‖x‖·‖∂y/∂x‖ for Σ|xᵢ·∂y/∂xᵢ|.
    """

    function: Callable[..., Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    requires: str = "True"
    by_norm: bool = False


class Bound(NamedTuple):
    """A definition with its parameters filled in: functions of z alone, and the breakpoints between them."""

    definition: Definition
    parameters: Mapping[str, Scalar]
    pieces: tuple[Callable[[Series], Series], ...]
    breakpoints: tuple[Scalar, ...]
    moving: tuple[str, ...] = ()  # parameters that carry derivatives of their own


def fill(definition: Definition, parameters: Mapping[str, Scalar]) -> Bound:
    """A definition with these parameters. One that is a series counts in breakpoints with its constant term."""
    constants = {name: p[0] if isinstance(p, arb_series) else p for name, p in parameters.items()}
    breakpoints = tuple(t if isinstance(t, Number) else arb(t) for t in definition.breakpoints(**constants))
    pieces = tuple(functools.partial(piece, **parameters) for piece in definition.pieces)
    moving = tuple(name for name, p in parameters.items() if isinstance(p, Number))
    return Bound(definition, parameters, pieces, breakpoints, moving)


def choose(g: Bound, at: Ball, side: str | None = None) -> list[int]:
    """Which pieces a number may lie on: one, unless it meets a breakpoint. A piece as short as a point is left out.

    Where it lies exactly on a breakpoint, `side` chooses: the "left" neighbour, the "right" one, or the "owner",
    whose value the function has there.
    """
    first, last = 0, len(g.pieces) - 1
    for k, breakpoint in enumerate(g.breakpoints):
        t = ball(breakpoint)
        chosen = (g.definition.owner[k] if side == "owner" else side) if side and at == t else None
        if at > t or chosen == "right":
            first = k + 1
        elif at < t or chosen == "left":
            last = k
            break
    if last == first:
        return [first]
    ends = [None, *(ball(t) for t in g.breakpoints), None]
    return [k for k in range(first, last + 1) if not (ends[k] is not None and ends[k] == ends[k + 1])]


def expand(g: Bound, z: Series, side: str | None = None) -> list[Series]:
    """The series of every piece that z may lie on; `side` as in `choose`."""
    return [g.pieces[k](z) for k in choose(g, z[0], side)]


def union(series: Sequence[Series], terms: int) -> Series:
    """Coefficient by coefficient, the smallest ball that encloses all of them."""
    if len(series) == 1:
        return series[0]
    result = [series[0][k] for k in range(terms)]
    for s in series[1:]:
        result = [a if a == s[k] else a.union(s[k]) for k, a in enumerate(result)]
    return arb_series(result, terms)


def evaluate(g: Bound, z: Series) -> Series:
    """g(z), enclosing every piece that z may lie on."""
    return union(expand(g, z), min(ctx.cap, z.prec))


# ---------------------------------------------------------------- parameters


def bind(id: str, definition: Definition, parameters: Mapping[str, Any]) -> Bound:
    """`definition` with `parameters`, defaults for those left out; errors as `check_parameters`."""
    return fill(definition, check_parameters(id, definition.parameters, definition.requires, parameters))


def check_parameters(
    id: str, defaults: Mapping[str, Any], requires: str, parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """Defaults overridden by `parameters`: as exact balls where the default is a float, else as they are.

    Raises TypeError for a parameter that is not known or that is no number, ValueError for one that is not finite or
    outside its domain; ∞ is taken where the condition says "NAME <= oo".
    """
    for name in parameters:
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise TypeError(f"{id} has no parameter {name!r}; its parameters: {known}")
    values: dict[str, Any] = {}
    for name, default in defaults.items():
        given = parameters.get(name, default)
        carries = isinstance(given, (arb_series, Number)) or not isinstance(default, float)
        values[name] = given if carries else arb(_number(id, name, given, infinite=f"{name} <= oo" in requires))
    if requires != "True":
        plain = {**{name: _plain(v) for name, v in values.items()}, "oo": math.inf}
        for condition in requires.split(" and "):
            if not eval(_compiled(condition), {"__builtins__": {}}, plain):
                shown = ", ".join(f"{name} = {plain[name]!r}" for name in values if name in _names(condition))
                raise ValueError(f"{id}: {shown}, but {condition} is required")
    return values


def _plain(value: Any) -> Any:
    """A parameter as a condition reads it: a float for what is a ball or carries a derivative."""
    if isinstance(value, arb_series):
        return float(value[0])
    return float(ball(value)) if isinstance(value, (arb, Number)) else value


@functools.cache
def _compiled(condition: str) -> CodeType:
    return compile(condition, "<condition>", "eval")


def _number(id: str, name: str, value: Any, *, infinite: bool) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{id}: parameter {name} = {value!r} is not a number") from error
    if not math.isfinite(number) and not (infinite and number == math.inf):
        raise ValueError(f"{id}: parameter {name} = {number!r} is not finite")
    return number


def _names(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def lookup(id: str, table: Mapping[str, Any]) -> Any:
    """The entry of `table` under `id`; KeyError naming the nearest ids."""
    try:
        return table[id]
    except KeyError:
        raise KeyError(f"no definition of {id!r}; {nearest(id, table)}") from None


def nearest(id: str, known: Iterable[str]) -> str:
    """'did you mean …' for a message, or the list of all that is known."""
    close = difflib.get_close_matches(id, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"
