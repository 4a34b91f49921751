"""Exact second derivatives ∂²L/∂xᵢ², entry by entry, of any formula of arrays: what a boosting objective returns.

The tape over jets carries the slope of every cotangent by all inputs; the diagonal of these is what is wanted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from oracles.arb_truth.arrays import DEFINITIONS, TERMS, Conditioned, Program, program, run_back
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.jets import Jet, variables
from oracles.arb_truth.numbers import Ball, working
from oracles.arb_truth.rounding import START, attempt, settle
from oracles.arb_truth.tape import Node
from oracles.floats import Truth, format_of

STEP = 2.0**-20  # by which inputs are moved to see what a second derivative does


def curvature(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    by: str,
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    dtype: npt.DTypeLike | str = "float64",
    definitions: Mapping[str, Forward] = DEFINITIONS,
    **parameters: Any,
) -> Conditioned:
    """The truth of ∂²L/∂xᵢ², L = ⟨cotangent, outputs⟩, for every entry of the argument `by`, in its shape.

    An entry without a truth, as at a kink, is NaN. The sway is that of a difference quotient: all inputs moved by
    2⁻²⁰ of themselves. Raises as `vjp`, and KeyError for an argument that is not floating.

    >>> curvature("cost/quadratic", {"a": [[3.0, 1.0]], "y": [[1.0, 1.0]]}, "a").truth.hi.tolist()
    [[1.0, 1.0]]
    """
    f = program(id, arguments, parameters, definitions)
    if by not in f.shapes:
        raise KeyError(f"{id}: {by!r} is no floating argument; there are {', '.join(f.shapes)}")
    name = format_of(dtype)[0]
    truth = _diagonal(f, by, cotangent, name)
    wide = truth if name == "float64" else _diagonal(f, by, cotangent, "float64")
    moved = [_diagonal(Program(f.run, [x * s for x in f.inputs], f.shapes), by, cotangent, "float64").hi
             for s in (1 + STEP, 1 - STEP)]  # fmt: skip
    with np.errstate(invalid="ignore"):
        sway = np.maximum(*(np.abs(m - wide.hi) for m in moved)) / STEP
    return Conditioned(truth, np.nan_to_num(sway))


def _diagonal(f: Program, by: str, cotangent: Any, dtype: str) -> Truth:
    names = list(f.shapes)
    start = sum(math.prod(f.shapes[name]) for name in names[: names.index(by)])
    places = range(start, start + math.prod(f.shapes[by]))

    def evaluate(_: int) -> list[Ball | None]:
        leaves = [Node(jet) for jet in variables(f.inputs)]
        run_back(f, cotangent, leaves)
        return [_second(leaves[k], k) for k in places]

    with working(START, TERMS):
        found = settle([attempt(evaluate, 0, len(places))], evaluate, dtype)
    return found.map(lambda a: a.reshape(f.shapes[by]))


def _second(leaf: Node, k: int) -> Ball | None:
    """The slope of the cotangent of input k by that input; None where there is none."""
    if leaf.hull:
        return None
    slope = leaf.cotangent.slope.entries()[k] if isinstance(leaf.cotangent, Jet) else arb(0)
    return slope if slope.is_finite() else None
