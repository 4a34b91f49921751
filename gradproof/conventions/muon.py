"""What is meant by Muon: which norm it divides by, which side of a matrix is long, what is corrected, and how exactly.

Every probe is one step from 0 at η = 1, in which all but what it asks is switched off.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from gradproof.conventions.probe import Probe, number, read
from reference.formula import Array

MUON = "update/muon"
PLAIN = {"eta": 1.0, "mu": 0.0, "lam": 0.0, "a": 3.4445, "b": -4.775, "c": 2.0315, "eps": 0.0, "iterations": 0,
         "nesterov": False, "adjust": "original"}  # fmt: skip


def _step(side: Any, gradient: Any, kept: dict[str, Any] | None = None, t: int = 1, **given: Any) -> Array:
    """How far a step goes down."""
    dC = np.array(gradient, float)
    outputs = side.vjp(MUON, {"w": 0 * dC, "dC": dC, **(kept or {})}, None, t=t, **{**PLAIN, **given})[0]
    return -np.asarray(outputs["w"])


def _norm(side: Any) -> tuple[Any, str]:
    """No iteration, a gradient of 4, 0, 0 and 0 in two rows, ε = 4: what it is divided by."""
    whole = 4 / float(_step(side, [[4.0, 0.0], [0.0, 0.0]], eps=4.0)[0, 0])
    return whole, read(whole, {"‖u‖ + ε": 8, "max(‖u‖, ε)": 4})


def _long_side(side: Any) -> tuple[Any, str]:
    """No iteration, a column of four entries: the length of the step."""
    size = float(np.linalg.norm(_step(side, [[2.0], [2.0], [2.0], [2.0]])))
    return size, read(size, {"√max(1, rows/columns)": 2, "√max(1, columns/rows)": 1})


def _second_step(side: Any) -> tuple[Any, str]:
    """No iteration, gradients (1, 0) and then (0, 1), μ = 1/2, Nesterov: the ratio of the second step's entries."""
    move = _step(side, [[0.0, 1.0]], {"m": np.array([[0.5, 0.0]])}, t=2, mu=0.5, nesterov=True)[0]
    ratio = float(move[1] / move[0])
    corrected = (1 / 2 * 1 / 2 / (1 - 1 / 8) + 1 / 2 / (1 - 1 / 4)) / (1 / 2 * 1 / 4 / (1 - 1 / 8))
    return ratio, read(ratio, {"μm + (1 − μ)g": (1 / 4 + 1 / 2) / (1 / 8), "both terms bias-corrected": corrected})


def _exactness(side: Any) -> tuple[Any, str]:
    """Five iterations from the unit matrix of two rows: how far the diagonal is off aσ + bσ³ + cσ⁵, five times over."""
    sigma = math.sqrt(0.5)
    for _ in range(5):
        sigma = 3.4445 * sigma - 4.775 * sigma**3 + 2.0315 * sigma**5
    off = abs(float(_step(side, np.eye(2), iterations=5)[0, 0]) / sigma - 1)
    names = {"in float64": 2.0**-40, "in float32": 2.0**-16, "in bfloat16": 2.0**-4}
    return off, next((name for name, most in names.items() if off < most), number(off))


def probes() -> list[Probe]:
    """All of them; what a side has no rule for, or no such setting, it says itself."""
    asked: tuple[tuple[str, Callable[[Any], tuple[Any, str]]], ...] = (
        ("what Muon divides by", _norm),
        ("which side of Muon's matrix is long", _long_side),
        ("Muon's average", _second_step),
        ("Muon's iteration", _exactness),
    )
    return [Probe(topic, MUON, (ask.__doc__ or "").strip(), ask) for topic, ask in asked]
