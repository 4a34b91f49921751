"""Exact directional derivatives where a formula has no gradient: at kinks and ties, to the left and to the right.

Along a direction D, right is the derivative of f(x + tD) for t → 0⁺, and left that of f(x − tD) turned round. Both come
from the definition alone, as the first coefficient of a germ; see `oracles.arb_truth.germs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb

from oracles.arb_truth.arrays import DEFINITIONS, Program, program, run_back
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.germs import TERMS, Germ, along
from oracles.arb_truth.numbers import Ball, Undefined, working
from oracles.arb_truth.regularizers import Tied
from oracles.arb_truth.rounding import START, attempt, settle
from oracles.arb_truth.tape import Node

STEP = -40  # singular values that tie are taken at x ± 2^STEP·D


class OneSided(NamedTuple):
    """Derivatives along a direction on both sides, rounded correctly to float64; NaN where there is no finite one.

    `how` is "series", then they are exact; or "displaced 2^-40": where singular values tie or vanish they are no power
    series, and the exact gradients at x ± 2⁻⁴⁰D stand for those at x, which differ by about 2⁻⁴⁰ of the curvature.
    """

    left: float
    right: float
    how: str


def one_sided(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    direction: Mapping[str, npt.ArrayLike],
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    definitions: Mapping[str, Forward] = DEFINITIONS,
    **parameters: Any,
) -> OneSided:
    """The derivatives of ⟨cotangent, outputs⟩ on both sides of a point along a direction, of any formula of `vjp`.

    `direction` maps float arguments to arrays of their shape; those left out stay where they are. Raises as `vjp`, and
    KeyError or ValueError for a direction that does not fit.

    >>> one_sided("cost/l1", {"a": [0.5, 2.0], "y": [0.5, 0.0]}, {"a": [1.0, 1.0]}, reduction="sum")
    OneSided(left=0.0, right=2.0, how='series')
    """
    f = program(id, arguments, parameters, definitions)
    D = _flat(f, direction)
    try:
        left, right = (side * _derivative(f, cotangent, [side * d for d in D]) for side in (-1, 1))
        return OneSided(left + 0.0, right + 0.0, "series")
    except Tied:
        left, right = (_displaced(f, cotangent, D, side) for side in (-1, 1))
        return OneSided(left, right, f"displaced 2^{STEP}")


def _flat(f: Program, direction: Mapping[str, npt.ArrayLike]) -> list[float]:
    """The direction, number by number."""
    if unknown := sorted(set(direction) - set(f.shapes)):
        raise KeyError(f"a direction in {unknown[0]!r}, but the float arguments are {', '.join(f.shapes)}")
    D: list[float] = []
    for name, shape in f.shapes.items():
        d = np.asarray(direction.get(name, np.zeros(shape))).astype(np.float64)
        if d.shape != shape:
            raise ValueError(f"the direction in {name!r} has shape {d.shape}, the argument has shape {shape}")
        D += d.ravel().tolist()
    return D


def _derivative(f: Program, cotangent: Any, D: list[float]) -> float:
    """The derivative for t → 0⁺ along D."""

    def evaluate(_: int) -> list[Ball | None]:
        try:
            L = run_back(f, cotangent, along(f.inputs, D)).L
            return [L.derivative() if isinstance(L, Germ) else arb(0)]
        except Tied:
            raise
        except Undefined:
            return [None]

    return _settled(evaluate)


def _displaced(f: Program, cotangent: Any, D: list[float], side: int) -> float:
    """⟨gradient, D⟩ at x + side·2^STEP·D."""

    def evaluate(_: int) -> list[Ball | None]:
        leaves = [Node(arb(x) + side * arb(2) ** STEP * arb(d)) for x, d in zip(f.inputs, D, strict=True)]
        run_back(f, cotangent, leaves)
        return [sum((p.cotangent * arb(d) for p, d in zip(leaves, D, strict=True)), arb(0))]

    return _settled(evaluate)


def _settled(evaluate: Any) -> float:
    with working(2 * START, TERMS + 2):
        return float(settle([attempt(evaluate, 0, 1)], evaluate, "float64").hi[0])
