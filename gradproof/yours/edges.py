"""Where a gradient is not a matter of rounding: kinks, and numbers at the ends of the format.

At a kink any slope between those on the two sides is a convention, one outside is wrong. The slopes come from the
truth; without a formula on record kinks are looked for by bisection of the forward, and the slopes are differences.
At ±0, ±inf, NaN, subnormal and huge numbers an elementwise function is asked for the limit, where there is one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.cases import kinks as places
from gradproof.cases.case import Case, as_dtype
from gradproof.yours.asked import Asking, named, options_of
from gradproof.yours.judge import FEW
from gradproof.yours.returned import Broken
from gradproof.yours.subject import Subject
from oracles.floats import format_of
from reference.formula import Array, Formula

Ask = Callable[[Asking], Answer]
GRID = np.arange(-129, 130) / 16 + 2.0**-7  # where kinks are looked for
JUMP = 2.0**-5  # of the slope, beside slopes of 1: less is no kink
LEVELS = 18  # of bisection, each to a half of the interval


@dataclass(frozen=True)
class Edge:
    """One quantity at one place: what came, and the slopes on both sides; at a special value both are the limit.

    `verdict` is "agrees", "convention" (strictly between, or one of two sides), "inaccurate" or "wrong".
    """

    kind: str  # "kink" or "special"
    where: str
    quantity: str
    dtype: str
    got: float
    left: float
    right: float
    verdict: str

    def __str__(self) -> str:
        if self.kind == "special" and math.isnan(self.left):
            return f"{self.quantity} is {self.got!r} at {self.where}, which it does not pass on"
        if self.kind == "special":
            return f"{self.quantity} is {self.got!r} at {self.where}; the limit is {self.left!r}"
        inside = "in" if self.verdict != "wrong" else "outside"
        return (
            f"{self.quantity} is {self.got:.6g} at the kink {self.where}, {inside} [{self.left:.6g}, {self.right:.6g}]"
        )


def at_kinks(
    subject: Subject, formula: Formula, dtype: str, parameters: Mapping[str, Any], names: Mapping[str, str], ask: Ask
) -> Iterator[Edge]:
    """Every kink of a formula that the subject can be asked at: those on record, and the written places of arrays."""
    if formula.elementwise:
        for at in sorted({formula.at(kink.at, **parameters) + 0.0 for kink in formula.kinks}):
            z = as_dtype(np.array([at]), dtype)
            if z.astype(np.float64)[0] == at:
                case = Case(formula.id, dtype, "kink", 0, {"z": z}, {"value": as_dtype(np.ones(1), dtype)}, parameters)
                yield from _kink(Asking(case, {"z": subject.arguments[0]}), {"z": np.ones(1)}, f"{at:g}", ask)
        return
    if dtype != "float64":
        return
    for place in places.places():
        if place.case.formula != formula.id:
            continue
        taken = options_of(subject, place.case.parameters)
        settled = {**formula.parameters, **parameters}
        if any(name not in taken and settled.get(name) != p for name, p in place.case.parameters.items()):
            continue  # of a parameter that the subject does not have, at another value than its own
        fixed = {"reduction": "sum"} if subject.form == "objective" and formula.reduction else {}
        case = replace(place.case, parameters={**parameters, **place.case.parameters, **fixed})
        if not set(case.arguments) <= {*subject.arguments, *names} and len(case.arguments) > len(subject.arguments):
            continue
        asking = Asking(case, named(subject, formula, case, names))
        for direction in place.directions:
            yield from _kink(asking, {place.argument: direction}, place.what, ask)


def _kink(asking: Asking, direction: Mapping[str, Array], where: str, ask: Ask) -> Iterator[Edge]:
    """The derivative along a direction beside those on both sides."""
    from oracles.arb_truth import one_sided

    case = asking.case
    (name, D), *_ = direction.items()
    sides = one_sided(case.formula, case.arguments, direction, case.cotangent, **case.parameters)
    if math.isnan(sides.left) or math.isnan(sides.right):
        return
    try:
        mine = asking.names[name]
        g = np.asarray(ask(asking).gradients[mine]).astype(np.float64)
        got = float((g.reshape(D.shape) * D).sum())
    except (Broken, KeyError, ValueError):  # an example of this size is not taken: it is judged elsewhere
        return
    slack = 2 * FEW * 2.0 ** -format_of(case.dtype)[1].digits * max(abs(sides.left), abs(sides.right), 1)
    yield _at("kink", where, f"∂/∂{mine}", case.dtype, got, sorted((sides.left, sides.right)), slack)


def _at(kind: str, where: str, quantity: str, dtype: str, got: float, sides: Sequence[float], slack: float) -> Edge:
    left, right = sides
    inside = left - slack <= got <= right + slack  # False for NaN
    verdict = "wrong" if not inside else "convention" if right - left > slack else "agrees"
    return Edge(kind, where, quantity, dtype, got, left, right, verdict)


# ---------------------------------------------------------------- kinks nobody has written down


def found_kinks(subject: Subject, ask: Callable[[Array], Answer], forward: Callable[[Array], Any]) -> Iterator[Edge]:
    """Kinks in [−8, 8] of an elementwise forward, by bisection in float64, and the slope of the subject there."""
    (name, *_) = subject.arguments
    for at in bisected(forward):
        h = 2.0**-22
        below, here, above = (float(y) for y in np.asarray(forward(np.array([at - h, at, at + h]))))
        left, right = (here - below) / h, (above - here) / h
        try:
            got = float(np.asarray(ask(np.array([at])).gradients[name]).ravel()[0])
        except (Broken, KeyError):
            return
        slack = 2.0**-12 * max(abs(left), abs(right), 1)
        yield _at("kink", f"{at:g} (found by bisection)", f"∂/∂{name}", "float64", got, sorted((left, right)), slack)


def bisected(forward: Callable[[Array], Any]) -> list[float]:
    """Where the slope of a continuous elementwise function jumps, in [−8, 8], at short binary fractions.

    >>> bisected(lambda x: np.maximum(x, 0) + abs(x - 1.5))
    [0.0, 1.5]
    """
    y = np.asarray(forward(GRID), np.float64)
    with np.errstate(all="ignore"):
        jumps = np.abs(np.diff(y, 2)) / np.diff(GRID)[0]
    found = []
    for k in np.flatnonzero(np.isfinite(jumps) & (jumps > JUMP)):
        low, high = GRID[k], GRID[k + 2]
        jump = jumps[k]
        for _ in range(LEVELS):
            x = np.linspace(low, high, 9)
            y = np.asarray(forward(x), np.float64)
            inner = np.abs(np.diff(y, 2)) / (x[1] - x[0])
            if not np.isfinite(inner).all() or not inner.max() > JUMP / 2 or inner.max() > 1e6:
                break  # smooth after all, or a jump of the value itself
            j = int(np.argmax(inner))
            low, high, jump = x[j], x[j + 2], float(inner[j])
        else:
            at = round((low + high) / 2 * 1024) / 1024 + 0.0
            if low <= at <= high and jump < 1e6:
                found.append(at)
    return sorted(set(found))


# ---------------------------------------------------------------- the ends of the format


def at_specials(subject: Subject, case: Case, truth: Callable[[Case], Truth], values: bool, ask: Ask) -> list[Edge]:
    """±0, ±inf, NaN, subnormal and huge numbers of an elementwise formula, of whose points `case` is one."""
    format = format_of(case.dtype)[1]
    top = float(np.ldexp(2 - 2.0 ** (1 - format.digits), format.greatest))
    ends = [0.0, math.ldexp(1.0, format.least), math.ldexp(1.0, format.least + format.digits - 1), top, math.inf]
    z = as_dtype(np.array([*ends, *(-x for x in ends), math.nan]), case.dtype)
    special = replace(case, regime="special", arguments={"z": z}, cotangent={"value": np.ones_like(z)})
    right = truth(special)
    answer = ask(Asking(special, {"z": subject.arguments[0]}))
    mine = subject.arguments[0]
    compared = {f"∂/∂{mine}": (answer.gradients.get(mine), right.gradients["z"])}
    if values:
        compared["value"] = (answer.outputs.get("value"), right.outputs["value"])
    found = []
    for quantity, (got, exact) in compared.items():
        if got is None or np.shape(got) != z.shape:
            continue
        y = np.asarray(got).astype(np.float64)
        for x, mine_y, limit, error in zip(z.astype(np.float64), y, exact.truth.hi, exact.error(y), strict=True):
            if np.isnan(error) or (np.isnan(limit) and not np.isnan(x)):
                continue  # there is no limit
            verdict = "agrees" if error <= FEW else "convention" if np.isnan(x) else "inaccurate"
            found.append(Edge("special", f"x = {float(x)!r}", quantity, case.dtype, float(mine_y), float(limit),
                              float(limit), verdict))  # fmt: skip
    return found
