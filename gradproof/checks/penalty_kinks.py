"""Regularizers where they have no gradient: is what everyone returns there between the exact slopes on both sides?

At a tie or a zero W, the exact gradients at W − hD and W + hD give the slopes left and right along a direction D. A
gradient G of a side is accepted if its slope ⟨G, D⟩ lies between them for every one of several random D.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.checks.penalty_accuracy import input_gradient_penalty, penalty
from gradproof.evidence.verdicts import Verdict
from gradproof.pages.tables import Table
from reference.formula import Array

Row = dict[str, Any]

STEP = 2.0**-40
SLACK = 2.0**-30  # how much slopes may still turn within a step
DIRECTIONS = 8
SEED = 23
LAYER = ("activation/identity",)
FLAT = {"x": np.ones((1, 2)), "b1": np.zeros(1)}  # with W1, a network of one layer


@dataclass(frozen=True)
class Point:
    """A place without a gradient: the array that the gradient is taken by."""

    name: str
    what: str
    at: Array

    @property
    def id(self) -> str:
        """The regularizer."""
        return f"regularizer/{self.name}"

    def gradient(self, penalty: Callable[..., Any], network: Callable[..., Any]) -> Array:
        """What a side returns here, at λ = 1."""
        if self.name == "gradient_penalty":
            (gradient,) = network(self.id, FLAT["x"], [self.at], [FLAT["b1"]], LAYER, lam=1.0, target=1.0)[1]
        else:
            _, gradient = penalty(self.id, self.at, lam=1.0)
        return np.asarray(gradient, np.float64)

    def exact(self, moved: Array) -> Array:
        """The exact gradient at an array close by, rounded to float64."""
        from oracles.arb_truth.regularizers import penalty_truth

        if self.name == "gradient_penalty":
            inputs = {**FLAT, "W1": moved}
            return penalty_truth(self.id, inputs, lam=1.0, target=1.0, activations=LAYER)[1]["W1"].truth.hi
        argument = "a" if self.name.startswith("activity") else "w"
        return penalty_truth(self.id, {argument: moved}, lam=1.0)[1][argument].truth.hi


ZERO_ROW = np.array([[0.0, 0.0], [3.0, 4.0]])
ZEROS = np.zeros((2, 2))
EQUAL = np.diag([2.0, 2.0])
POINTS = (
    Point("l1", "w = 0", np.zeros((1, 1))),
    Point("elastic_net", "w = 0", np.zeros((1, 1))),
    Point("group_lasso", "a row of zeros", ZERO_ROW),
    Point("max_norm", "a row of zeros", ZERO_ROW),
    Point("max_norm", "a row as long as the limit", np.array([[0.0, 3.0]])),
    Point("spectral_norm", "W = 0", ZEROS),
    Point("spectral_norm", "σ₁ = σ₂", EQUAL),
    Point("nuclear_norm", "W = 0", ZEROS),
    Point("nuclear_norm", "rank 1 of 2", np.array([[0.0, 3.0], [0.0, 4.0]])),
    Point("nuclear_norm", "σ₁ = σ₂", EQUAL),
    Point("activity_l1", "a = 0", np.zeros((1, 2))),
    Point("gradient_penalty", "∂a/∂x = 0", np.zeros((1, 2))),
)


def kinks(id: str, oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows on one regularizer, one for each of its points. Needs python-flint."""
    return [kink(point, oracles) for point in POINTS if point.id == id]


def kink(point: Point, oracles: Mapping[str, ModuleType]) -> Row:
    """Slopes along the first direction, and whether everyone's are inside along all of them."""
    rng = np.random.default_rng(SEED)
    with np.errstate(all="ignore"):
        found = {"ours": point.gradient(penalty, input_gradient_penalty)}
        found |= {who: point.gradient(o.penalty, o.input_gradient_penalty) for who, o in oracles.items()}
    slopes: list[dict[str, float]] = []
    inside = dict.fromkeys(found, True)
    for _ in range(DIRECTIONS):
        D = rng.integers(1, 64, point.at.shape) * rng.choice([-1.0, 1.0], point.at.shape) / 64
        left, right = (float((point.exact(point.at + step * D) * D).sum()) for step in (-STEP, STEP))
        slopes.append({"left": left, "right": right, **{who: float((g * D).sum()) for who, g in found.items()}})
        low, high = sorted((left, right))
        for who in found:
            inside[who] &= low - SLACK <= slopes[-1][who] <= high + SLACK
    return {
        "part": "kink", "id": point.id, "at": point.what, **{key: _short(s) for key, s in slopes[0].items()},
        "inside": inside, "verdict": (Verdict.agrees if inside["ours"] else Verdict.wrong).value,
    }  # fmt: skip


def _short(slope: float) -> float | str:
    """Six digits, without what the step has left; NaN as text, which JSON can hold."""
    return str(slope) if np.isnan(slope) else float(f"{slope if abs(slope) > SLACK else 0.0:.6g}")


def table(rows: Sequence[Row], sides: Sequence[str]) -> Table:
    """The table of the page."""
    lines = [
        [f"`{r['id'].split('/')[1]}`", r["at"], f"[{_text(r['left'])}, {_text(r['right'])}]",
         *(_text(r[s]) + ("" if r["inside"][s] else " (outside)") if s in r else "not installed" for s in sides)]
        for r in rows
    ]  # fmt: skip
    note = (
        f"The slope along one direction, and the exact slopes on both sides; outside: not between them along some of "
        f"{DIRECTIONS} directions. Ours is the subgradient of least norm. The gradients themselves are in "
        "[conventions.md](conventions.md)."
    )
    return Table("Ties and zeros", ["regularizer", "at", "exact slopes left, right", *sides], lines, note)


def _text(slope: float | str) -> str:
    return f"{slope:.4g}" if isinstance(slope, float) else "NaN" if slope == "nan" else str(slope)


def failure(row: Row) -> str:
    """For a person: the slope, where, and what it should have been between."""
    return (
        f"{row['id']}: at {row['at']} our slope along a direction is {row['ours']}, the exact ones are {row['left']} "
        f"and {row['right']}, or it is outside along another; again: gradproof.penalty_kinks.kinks({row['id']!r}, {{}})"
    )
