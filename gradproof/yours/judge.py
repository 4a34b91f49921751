"""Answers of a subject against a standard: errors entry by entry, and what they come to.

An error is counted in conditioned ULP, E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). A sum of n terms may be off by n rounding
errors of them, so E may be FEW + n, n the numbers that went in (FEW alone for an elementwise function, or where the
subject states that it accumulates in a wider format). Nothing else is tuned. Beyond that a gradient is

    inaccurate   right to half of its digits wherever inputs are ordinary, or to half of those of the numbers that
                 cancel there: a right formula in an unstable form
    wrong        else

How large the numbers are that cancel, other entries say: those of the array, and of the same quantity in the other
plain cases, which differ in their draw and not in their size. By a row of one entry, say, a norm has the gradient
r·(g − x̂²·g), x̂² = 1 − ε·r²: next to nothing for small ε, made of terms as large as any other gradient by that argument.
Rounding them leaves a multiple of their roundoff, which falls with the precision; what is wrong by more than half of
their digits no rounding explains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.yours.asked import Asking, sizes
from oracles.floats import format_of
from reference.formula import Array

FEW = 8.0  # conditioned ULP of a formula of a few operations
MIDDLE = (2.0**-4, 8.0)  # |x| of ordinary inputs of an elementwise function
WORSE = ("right", "undecided", "inaccurate", "wrong")


class Worst(NamedTuple):
    """An entry: its error in conditioned ULP, the numbers, and its input (elementwise functions) or place."""

    error: float = 0.0
    got: float = float("nan")
    truth: float = float("nan")
    x: float | None = None
    at: str = ""


@dataclass
class Judged:
    """One quantity in one dtype, over all cases. `verdict` is one of WORSE; `why` says what is not by numbers.

    `quantity` goes by the subject's name of an argument, `argument` is that of the standard, empty for an output.
    `worst` is the entry of largest error, `usual` that among ordinary inputs.
    """

    quantity: str
    dtype: str
    allowed: float
    argument: str = ""
    verdict: str = "right"
    entries: int = 0
    of: int = 0  # entries that there are; more than were asked where an estimate is costly
    off: int = 0
    plain: int = 0  # entries of plain cases, or of an elementwise function
    gross: int = 0  # those of them that lost half of their digits or more
    worst: Worst = field(default_factory=Worst)
    usual: Worst | None = None
    why: str = ""
    seen: list[tuple[Array, Array, Array, Array]] = field(default_factory=list)  # x (or index), got, truth, error
    shown: list[tuple[Asking, Array, Array]] = field(default_factory=list)  # case, got, truth, where they differ

    @property
    def largest(self) -> float:
        """The largest error, in conditioned ULP."""
        return self.worst.error

    @property
    def told(self) -> Worst:
        """The entry to show: at an ordinary input where that is beyond what is allowed, else the worst of all."""
        return self.usual if self.usual is not None and self.usual.error > self.allowed else self.worst

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
    largest = _largest(asked)
    strict = ulp is not None
    for (asking, truth), answer in zip(asked, answers, strict=True):
        limit = allowed(asking, elementwise, wide) if ulp is None else ulp
        for name, right in truth.outputs.items() if outputs else ():
            if (given := answer.outputs.get(name)) is not None:
                j = found.setdefault(name, Judged(name, asking.case.dtype, limit))
                _add(j, asking, np.asarray(given), right, limit, elementwise, strict, largest.get(name, 0.0))
        for name, right in truth.gradients.items():
            plain, square = name.removesuffix("²"), "²" if name.endswith("²") else ""
            if plain not in asking.names:
                continue
            mine = asking.names[plain]
            given, quantity = answer.gradients.get(mine + square), _by(mine + square)
            if given is None and name not in needed:
                continue
            j = found.setdefault(quantity, Judged(quantity, asking.case.dtype, limit, argument=name))
            j.allowed = max(j.allowed, limit)
            if given is None:
                j.worsen("wrong", "has no gradient")
            else:
                size = largest.get(f"∂/∂{name}", 0.0)
                _add(j, asking, np.asarray(given), right, limit, elementwise, strict, size)
    return list(found.values())


def _by(name: str) -> str:
    """What a gradient by an argument, or a second derivative, is called."""
    return f"∂²/∂{name}" if name.endswith("²") else f"∂/∂{name}"


def _largest(asked: Sequence[tuple[Asking, Truth]]) -> dict[str, float]:
    """The largest entry of every quantity in the plain cases, by the standard's names."""
    found: dict[str, float] = {}
    for asking, truth in asked:
        for name, right in truth.quantities.items() if asking.case.regime.startswith("plain") else ():
            y = right.truth.hi
            found[name] = max(found.get(name, 0.0), float(np.max(np.abs(y[np.isfinite(y)]), initial=0.0)))
    return found


def _add(
    j: Judged, asking: Asking, got: Array, right: Any, limit: float, elementwise: bool, strict: bool, largest: float
) -> None:
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
    j.of += error.size
    over = counted & (error > limit)
    j.off += int(over.sum())
    if not counted.any():
        return
    x = np.asarray(next(iter(asking.case.arguments.values())))
    entrywise = elementwise and x.shape == error.shape
    plain = asking.case.regime.startswith("plain")
    j.plain += int(counted.sum()) if plain or entrywise else 0
    seen = np.where(counted, error, -1)
    j.worst = _worse(j.worst, _worst(seen, y, truth, x if entrywise else None, asking))
    usual = counted & (_middle(x) if entrywise else plain)
    if usual.any():
        j.usual = _worse(j.usual, _worst(np.where(usual, error, -1), y, truth, x if entrywise else None, asking))
    where = x.astype(np.float64) if entrywise else np.arange(error.size) + sum(e.size for *_, e in j.seen)
    j.seen.append((where.ravel(), y.ravel(), truth.ravel(), error.ravel()))
    if over.any():
        j.shown.append((asking, y, truth))
        half = 2.0 ** (format_of(asking.case.dtype)[1].digits / 2)
        with np.errstate(invalid="ignore", over="ignore"):
            scale = _scale(truth, x if entrywise else None)
            if not entrywise and plain:
                scale = np.maximum(scale, largest)
            elif not entrywise:  # saturated: what is left may be small
                seeds = [
                    np.max(np.abs(v.astype(np.float64)), initial=0.0) for v in (asking.case.cotangent or {}).values()
                ]
                scale = np.maximum(scale, max(seeds, default=0.0))
            beside = np.abs(y - truth) > scale / half
        gross = over & (error > half) & (beside | ~np.isfinite(y))  # half of the digits are lost
        j.gross += int(gross.sum()) if plain or entrywise else 0
        j.worsen("wrong" if _ordinary(asking, gross, y, elementwise) else "inaccurate" if not strict else "wrong")


def _worst(error: Array, y: Array, truth: Array, x: Array | None, asking: Asking) -> Worst:
    k = np.unravel_index(np.argmax(error), error.shape)
    there = f"{asking.case.name}, {[int(i) for i in k]}" if x is None else ""
    return Worst(float(error[k]), float(y[k]), float(truth[k]), None if x is None else float(x[k]), there)


def _worse(one: Worst | None, other: Worst) -> Worst:
    return one if one is not None and one.error >= other.error and (one.at or one.x is not None) else other


def _middle(x: Array) -> Array:
    """Where inputs are ordinary."""
    size = np.abs(x.astype(np.float64))
    return np.asarray((size >= MIDDLE[0]) & (size <= MIDDLE[1]))


def _scale(truth: Array, x: Array | None) -> Array:
    """The size of the numbers that an entry is made of: where they cancel, what is left is small beside it.

    Of an array it is the largest entry; of an elementwise function max(1, |x|), or less where the function is smaller.
    """
    known = np.abs(truth[np.isfinite(truth) & (_middle(x) if x is not None else True)])
    largest = np.max(known, initial=0.0)
    if x is None:
        return np.asarray(largest)
    return np.asarray(np.maximum(1, np.abs(x.astype(np.float64))) * min(1.0, largest))


def _ordinary(asking: Asking, gross: Array, y: Array, elementwise: bool) -> bool:
    """Whether half of the digits are lost where no intermediate number need leave the range.

    Of an elementwise function that is so where x⁴ does not overflow and x is not subnormal, which hardware may take as
    0, and of what is not finite where |x| is ordinary; of arrays in cases that are not made to cancel.
    """
    if not gross.any():
        return False
    if not elementwise:
        regime = asking.case.regime.split(",")[0]
        return regime == "plain" or (regime == "wide" and bool(np.isfinite(y[gross]).any()))
    size = np.abs(np.asarray(next(iter(asking.case.arguments.values()))).astype(np.float64))
    fmt = format_of(asking.case.dtype)[1]
    reach, subnormal = 2.0 ** (fmt.greatest / 4), (size > 0) & (size < 2.0 ** (fmt.least + fmt.digits - 1))
    return bool((gross & ~subnormal & (size <= np.where(np.isfinite(y), reach, MIDDLE[1]))).any())


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
        if not j.argument or j.verdict == "wrong":
            continue
        for what, plant in PLANTS:
            if not _found(asked, j, plant, how):
                missed.append(f"{j.quantity} in {j.dtype}: {what} would not have been seen")
    return missed


def _found(asked: Sequence[tuple[Asking, Truth]], j: Judged, plant: Any, how: Mapping[str, Any]) -> bool:
    """Whether the truth with an error in this gradient is called anything but right."""
    for asking, truth in asked:
        if j.argument not in truth.gradients:
            continue
        plain, square = j.argument.removesuffix("²"), "²" * j.argument.endswith("²")
        right = truth.gradients[j.argument]
        g = np.asarray(right.truth.hi)
        largest = int(np.argmax(np.where(np.isfinite(g), np.abs(g), -1))) if g.size else 0
        answer = Answer({}, {asking.names[plain] + square: plant(g, largest)})
        with np.errstate(all="ignore"):
            found = judge([(asking, Truth({}, {j.argument: right}, truth.vacuity))], [answer], **how)
        if any(one.off for one in found):
            return True
    return False
