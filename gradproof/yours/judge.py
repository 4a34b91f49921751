"""Answers of a subject against a standard: errors entry by entry, and what they come to.

An error is counted in conditioned ULP, E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). A sum of n terms may be off by n rounding
errors of them, so E may be FEW + n, n the numbers that went in (FEW alone for an elementwise function, or where the
subject states that it accumulates in a wider format). Nothing else is tuned. Beyond that a gradient is

    inaccurate   right to half of its digits wherever inputs are ordinary: a right formula in an unstable form
    wrong        else
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.yours.asked import Asking, sizes
from oracles.floats import format_of
from reference.formula import Array

FEW = 8.0  # conditioned ULP of a formula of a few operations
MIDDLE = (2.0**-4, 8.0)  # |x| of ordinary inputs of an elementwise function
SHARE = 0.02  # of these: so many may be off beside a kink or a zero of the slope
WORSE = ("right", "undecided", "inaccurate", "wrong")


@dataclass
class Judged:
    """One quantity in one dtype, over all cases. `verdict` is one of WORSE; `why` says what is not by numbers."""

    quantity: str
    dtype: str
    allowed: float
    verdict: str = "right"
    entries: int = 0
    off: int = 0
    gross: int = 0  # entries that lost half of their digits or more
    largest: float = 0.0
    at: str = ""
    x: float | None = None  # the input there, of an elementwise function
    got: float = float("nan")
    truth: float = float("nan")
    why: str = ""
    shown: list[tuple[Asking, Array, Array]] = field(default_factory=list)  # case, got, truth, where they differ

    def worsen(self, verdict: str, why: str = "") -> None:
        """Take the worse of two verdicts."""
        if WORSE.index(verdict) > WORSE.index(self.verdict):
            self.verdict, self.why = verdict, why or self.why


def allowed(asking: Asking, elementwise: bool, wide: bool) -> float:
    """How many conditioned ULP rounding alone may come to."""
    n = 0 if elementwise or wide else sizes([*asking.case.arguments.values(), *(asking.case.cotangent or {}).values()])
    return FEW + n


def judge(
    asked: Sequence[tuple[Asking, Truth]], answers: Sequence[Answer], *, elementwise: bool, outputs: bool,
    needed: Sequence[str], ulp: float | None = None, wide: bool = False,
) -> list[Judged]:  # fmt: skip
    """One `Judged` a quantity. `needed` are the arguments, by the standard's names, that must have a gradient.

    `outputs` says whether values are judged, `ulp` is a required accuracy in place of the derived one.
    """
    found: dict[str, Judged] = {}
    for (asking, truth), answer in zip(asked, answers, strict=True):
        limit = allowed(asking, elementwise, wide) if ulp is None else ulp
        expected = {**(truth.outputs if outputs else {}), **{f"∂/∂{n}": g for n, g in truth.gradients.items()}}
        got = {**answer.outputs, **{f"∂/∂{n}": answer.gradients.get(m) for n, m in asking.names.items()}}
        got |= {f"∂/∂{n}": g for n, g in answer.gradients.items() if n.endswith("²")}
        for quantity, right in expected.items():
            given = got.get(quantity)
            name = quantity.removeprefix("∂/∂")
            if given is None:
                if quantity in answer.outputs or name not in needed:
                    continue
                j = found.setdefault(quantity, Judged(quantity, asking.case.dtype, limit))
                j.worsen("wrong", "has no gradient")
                continue
            j = found.setdefault(quantity, Judged(quantity, asking.case.dtype, limit))
            j.allowed = max(j.allowed, limit)
            _add(j, asking, np.asarray(given), right, limit, elementwise, ulp is not None)
    return list(found.values())


def _add(j: Judged, asking: Asking, got: Array, right: Any, limit: float, elementwise: bool, strict: bool) -> None:
    truth = right.truth.hi
    if got.shape != truth.shape:
        if got.size == 1 == truth.size:
            got = got.reshape(truth.shape)
        else:
            j.worsen("wrong", f"has the shape {got.shape}, not {truth.shape}")
            j.shown.append((asking, got.astype(np.float64), truth))
            return
    y = got.astype(np.float64)
    error = right.error(y)
    counted = ~np.isnan(error)
    j.entries += int(counted.sum())
    over = counted & (error > limit)
    j.off += int(over.sum())
    if not counted.any():
        return
    worst = np.unravel_index(np.argmax(np.where(counted, error, -1)), error.shape)
    if error[worst] > j.largest or not j.at:
        j.largest, j.got, j.truth = float(error[worst]), float(y[worst]), float(truth[worst])
        x = next(iter(asking.case.arguments.values()))
        j.x = float(x[worst]) if elementwise and x.shape == error.shape else None
        j.at = f"{asking.case.name}, {[int(i) for i in worst]}" if j.x is None else ""
    if over.any():
        j.shown.append((asking, y, truth))
        gross = over & (error > 2.0 ** (format_of(asking.case.dtype)[1].digits / 2))  # half of the digits are lost
        j.gross += int(gross.sum())
        j.worsen("wrong" if _ordinary(asking, gross, elementwise) else "inaccurate" if not strict else "wrong")


def _ordinary(asking: Asking, gross: Array, elementwise: bool) -> bool:
    """Whether half of the digits are lost at ordinary inputs."""
    if not gross.any():
        return False
    if not elementwise:
        return asking.case.regime == "plain"
    x = np.abs(next(iter(asking.case.arguments.values())).astype(np.float64))
    middle = (x >= MIDDLE[0]) & (x <= MIDDLE[1])
    return bool(gross[middle].mean() > SHARE) if middle.any() else False


# ---------------------------------------------------------------- could it have failed?

Plant = tuple[str, Any]
PLANTS: tuple[Plant, ...] = (
    ("one entry by a tenth", lambda g, k: np.where(np.arange(g.size).reshape(g.shape) == k, 1.1 * g, g)),
    ("a factor 2", lambda g, k: 2 * g),
    ("a sign", lambda g, k: -g),
)


def controls(asked: Sequence[tuple[Asking, Truth]], judged: Sequence[Judged], **how: Any) -> list[str]:
    """What of the planted errors was not called wrong, as lines: the truth itself, with an error in one gradient.

    Empty where every error was found; no line about a quantity that is wrong already.
    """
    missed = []
    for j in judged:
        name = j.quantity.removeprefix("∂/∂")
        if name == j.quantity or name.endswith("²") or j.verdict == "wrong":
            continue
        for what, plant in PLANTS:
            if not _found(asked, name, plant, how):
                missed.append(f"∂/∂{name} in {j.dtype}: {what} would not have been seen")
    return missed


def _found(asked: Sequence[tuple[Asking, Truth]], name: str, plant: Any, how: Mapping[str, Any]) -> bool:
    """Whether the truth with an error in the gradient by `name` is called anything but right."""
    answers = []
    for asking, truth in asked:
        by = {n: g.truth.hi for n, g in truth.gradients.items()}
        g = np.asarray(by[name])
        largest = int(np.argmax(np.where(np.isfinite(g), np.abs(g), -1))) if g.size else 0
        by[name] = plant(g, largest)
        outputs = {n: y.truth.hi for n, y in truth.outputs.items()}
        answers.append(Answer(outputs, {asking.names[n]: g for n, g in by.items() if n in asking.names}))
    with np.errstate(all="ignore"):
        return any(j.quantity == f"∂/∂{name}" and j.off for j in judge(asked, answers, **how))
