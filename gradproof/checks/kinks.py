"""Kinks: the slope that everyone returns where left and right differ, and what they return at ±0, ±∞ and NaN.

The one-sided slopes come from the exact truth, not from our record; a record that says otherwise is wrong. A gradient
G is inside if its slope ⟨G, D⟩ lies between left and right along every direction D of a place.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.answers.answer import Side
from gradproof.answers.frameworks import sides
from gradproof.cases.case import Case
from gradproof.cases.kinks import Place, places
from gradproof.evidence.finding import Finding, hexed
from gradproof.evidence.verdicts import Verdict
from gradproof.lookup import Missing
from gradproof.tasks import Plan, Task
from reference import CATALOGUE

SPECIAL = (("+0", 0.0), ("−0", -0.0), ("+∞", math.inf), ("−∞", -math.inf), ("NaN", math.nan))
SLACK = 2.0**-30  # how much slopes may still turn where they had to be taken beside the place
ULPS = 4.0  # of the products that a slope along a direction is the sum of


def measure(id: str, names: Sequence[str]) -> list[Finding]:
    """All findings on one formula, in float64. Needs python-flint."""
    answering = sides(names)
    with np.errstate(all="ignore"):
        found = [f for place in places() if place.case.formula == id for f in kink(place, answering)]
        if CATALOGUE[id].elementwise:
            found += special(id, answering)
    return found


def kink(place: Place, answering: Mapping[str, Side]) -> Iterator[Finding]:
    """One finding a side: its slope along the first direction between the exact ones, and whether it is inside."""
    from oracles import arb_truth

    case = place.case
    exact = [
        arb_truth.one_sided(case.formula, case.arguments, {place.argument: D}, case.cotangent, **case.parameters)
        for D in place.directions
    ]
    left, right = exact[0].left + 0.0, exact[0].right + 0.0
    ours: float | None = None
    for name, side in answering.items():
        common: dict[str, Any] = {"what": place.what, "quantity": f"∂/∂{place.argument}", "side": name}
        try:
            gradient = np.asarray(side(case).gradients[place.argument], np.float64)
        except (Missing, KeyError) as missing:
            why = str(missing) if isinstance(missing, Missing) else "gives no gradient for this argument"
            yield Finding("kink", case.formula, **common, why=why)
            continue
        slopes = [float((gradient * D).sum()) for D in place.directions]
        sizes = [float(np.abs(gradient * D).sum()) for D in place.directions]
        inside = all(_inside(s, size, e) for s, size, e in zip(slopes, sizes, exact, strict=True))
        more = {"left": hexed(left), "right": hexed(right), "inside": inside, "parameters": dict(case.parameters)}
        if exact[0].how != "series":
            more["how"] = exact[0].how
        verdict, why = Verdict.agrees if inside else Verdict.inaccurate, ""
        if name == "ours":
            ours, why = slopes[0], _why(place) if left != right else "left and right agree"
            fits = inside and _recorded(place, left, right, slopes[0])
            verdict = Verdict.agrees if fits else Verdict.wrong
        elif inside:
            verdict = Verdict.agrees if slopes[0] == ours else Verdict.convention
        yield Finding("kink", case.formula, **common, verdict=verdict.value, entries=len(slopes), got=hexed(slopes[0]),
                      why=why, more={k: v for k, v in more.items() if v not in ({}, None)})  # fmt: skip


def _inside(slope: float, size: float, exact: Any) -> bool:
    """Whether a slope along a direction, the sum of products of that size, lies between those on both sides."""
    low, high = sorted((exact.left, exact.right))
    slack = SLACK if exact.how != "series" else ULPS * math.ulp(size)
    return bool(low - slack <= slope <= high + slack)


def _why(place: Place) -> str:
    kinks = CATALOGUE[place.case.formula].kinks
    return kinks[0].why if kinks else "the subgradient of least norm"


def _recorded(place: Place, left: float, right: float, ours: float) -> bool:
    """False where the record of an elementwise activation says otherwise than the truth, or than our function."""
    formula, given = CATALOGUE[place.case.formula], place.case.parameters
    if not formula.elementwise or left == right:  # no kink for these parameters
        return True
    at = float(place.case.arguments["z"][0])
    kinks = [kink for kink in formula.kinks if formula.at(kink.at, **given) == at]
    said = [(formula.at(k.left, **given), formula.at(k.right, **given), formula.at(k.chosen, **given)) for k in kinks]
    return (left, right, ours) in [
        tuple(m if abs(s - m) <= np.spacing(abs(m)) else s for s, m in zip(line, (left, right, ours), strict=True))
        for line in said
    ]


def special(id: str, answering: Mapping[str, Side]) -> Iterator[Finding]:
    """Value and slope at ±0, ±∞ and NaN beside the limit, where there is one."""
    from oracles.arb_truth import points

    for label, x in SPECIAL:
        z = np.array([x])
        case = Case(id, "float64", "special", 0, {"z": z}, None)
        for name, side in answering.items():
            try:
                answer = side(case)
            except Missing:
                continue
            for quantity, order, got in (("value", 0, answer.outputs["value"]), ("slope", 1, answer.gradients["z"])):
                truth = points.truth(id, z, order)
                limit = None if truth.undecided[0] and math.isnan(truth.hi[0]) else float(truth.hi[0])
                y = float(got[0])
                fine = limit is None or _equal(y, limit)
                verdict = Verdict.agrees if fine else Verdict.wrong if name == "ours" else Verdict.inaccurate
                yield Finding("special", id, label, quantity, "float64", name, verdict.value, got=hexed(y),
                              truth="" if limit is None else hexed(limit))  # fmt: skip


def _equal(got: float, limit: float) -> bool:
    if math.isnan(limit) or math.isinf(limit):
        return got == limit or (math.isnan(got) and math.isnan(limit))
    return abs(got - limit) <= ULPS * math.ulp(limit)


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each formula that has a kink, or acts on single numbers; none where float64 is not asked for."""
    if not plan.those(("float64",)):
        return
    elementwise = [f.id for f in CATALOGUE.values() if f.elementwise]
    for id in dict.fromkeys([*elementwise, *(place.case.formula for place in places())]):
        if plan.wants(id):
            yield Task(id, functools.partial(measure, id, plan.oracles))
