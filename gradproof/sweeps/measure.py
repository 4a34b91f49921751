"""One task of a sweep: every float of a span asked of each side, and each answer compared with the truth."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradproof.answers.answer import Side
from gradproof.answers.frameworks import sides
from gradproof.cases.case import Case
from gradproof.cases.parameters import label
from gradproof.evidence.environment import CPU
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import INACCURATE, ROUNDED, Verdict
from gradproof.lookup import Missing
from gradproof.sweeps.inputs import NOT_FINITE, floats, run_length, segment, segments
from oracles.floats import Truth, ulp_error
from reference.formula import Array

PARTS = ("value", "slope")
TIE = 0.5 + 2.0**-20  # ULP: both floats next to a tie, up to what a residual is known to
COUNTS = ("right", "faithful", "sign", "nan", "flushed", "ties", "untold")


@dataclass(frozen=True)
class Asked:
    """What a sweep is about: a formula at some parameters, a dtype, parts of PARTS, names of sides, and a device."""

    formula: str
    dtype: str
    parts: tuple[str, ...]
    sides: tuple[str, ...]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    device: str = CPU  # of the frameworks


def measure(asked: Asked, first: int, n: int) -> list[Finding]:
    """A finding for each segment, part and side, about the n floats whose bits begin with `first`."""
    answering = {name: side for name, side in sides({*asked.sides} - {"ours"}).items() if name in asked.sides}
    found: dict[Any, Finding] = {}
    for start in range(first, first + n, run_length(asked.dtype)):
        for f in run(asked, start, answering):
            found[f.key] = merged(found[f.key], f) if f.key in found else f
    return list(found.values())


@np.errstate(all="ignore")
def run(asked: Asked, first: int, answering: Mapping[str, Side]) -> list[Finding]:
    """Findings about one run of floats."""
    found = []
    z = floats(first, run_length(asked.dtype), asked.dtype)
    x = z.astype(np.float64)
    truths = dict(zip(asked.parts, truth(asked, x), strict=True))
    one = np.ones_like(z)
    for name, side in answering.items():
        try:
            answer = side(Case(asked.formula, asked.dtype, "sweep", 0, {"z": z}, {"value": one}, asked.parameters))
        except Missing:
            continue
        given = {"value": answer.outputs["value"], "slope": answer.gradients["z"]}
        for part in asked.parts:
            subject = Finding("exhaustive", asked.formula, segment(first, asked.dtype), part, asked.dtype, name)
            found.append(compared(subject, x, given[part].astype(np.float64), truths[part]))
    return found


def truth(asked: Asked, x: Array) -> list[Truth]:
    """The truth of each part at a run of floats. Of ±∞ it is the limit, of NaN it is NaN."""
    from oracles.arb_truth import points, segments

    orders = [PARTS.index(part) for part in asked.parts]
    if np.isfinite(x[0]):
        return segments.truths(asked.formula, x, asked.dtype, orders, **asked.parameters)
    infinite = np.flatnonzero(np.isinf(x))
    n = len(x)
    found = [Truth(np.full(n, np.nan), np.zeros(n), np.zeros(n, bool), asked.dtype) for _ in orders]
    limits = points.truths(asked.formula, x[infinite], orders, dtype=asked.dtype, **asked.parameters)
    for t, limit in zip(found, limits, strict=True):
        t.hi[infinite], t.undecided[infinite] = limit.hi, limit.undecided
    return found


@np.errstate(all="ignore")
def compared(subject: Finding, x: Array, got: Array, true: Truth) -> Finding:
    """The finding on one part of one side at points x: how many are how good, and the worst.

    An answer is right if it is the correctly rounded truth, faithful if it is an ULP from the truth at most. What has
    no truth, such as the slope at a kink, is untold and enters nothing; next to a tie, either float is right.
    """
    from oracles.arb_truth.segments import inverse_ulp

    equal = got == true.hi
    same = equal if equal.all() else equal | (np.isnan(got) & np.isnan(true.hi) & ~true.undecided)
    counts: dict[str, Any] = dict.fromkeys(COUNTS, 0)
    if same.all():
        error = np.abs(true.residual) if same is equal else np.where(np.isnan(got), 0.0, np.abs(true.residual))
        right = same
    else:
        error = np.abs((got - true.hi) * inverse_ulp(true.hi, true.dtype) - true.residual)
        error[~np.isfinite(error)] = np.inf
        special = np.flatnonzero(~np.isfinite(true.hi))
        error[special] = ulp_error(got[special], true[special])
        right = same | (true.undecided & (error <= TIE))
        counts["sign"] = np.count_nonzero((got < 0) & (true.hi > 0)) + np.count_nonzero((got > 0) & (true.hi < 0))
        counts["nan"] = np.count_nonzero(np.isnan(got) & ~np.isnan(true.hi))
        counts["flushed"] = np.count_nonzero((got == 0) & (true.hi != 0) & ~np.isnan(true.hi))
    untold = np.isnan(error)
    counts["untold"] = np.count_nonzero(untold)
    counts["right"] = np.count_nonzero(right & ~untold)
    counts["faithful"] = np.count_nonzero(error <= 1)
    if true.undecided.any():
        counts["ties"] = np.count_nonzero(true.undecided & ~np.isnan(true.hi))
    entries = len(x) - int(counts["untold"])
    more = {name: int(count) for name, count in counts.items() if count}
    if not entries:
        return replace(subject, more=more)
    k = int(np.nanargmax(error) if counts["untold"] else np.argmax(error))
    return replace(
        subject, entries=entries, max=float(error[k]), at=hexed(x[k]), got=hexed(got[k]), truth=hexed(true.hi[k]),
        more=more,
    )  # fmt: skip


def merged(one: Finding, other: Finding) -> Finding:
    """One finding of two on the same subject: counts add up, and of the worst points the one nearer to 0 stays."""
    first, second = sorted((one, other), key=_bad)
    more = {name: n for name in COUNTS if (n := one.more.get(name, 0) + other.more.get(name, 0))}
    return replace(first, entries=first.entries + second.entries, more=more)


def _bad(f: Finding) -> tuple[float, float, float]:
    """Sorts the worse before the better."""
    if f.max is None:
        return (1.0, 0.0, 0.0)
    x = float.fromhex(f.at)
    return (-f.max, abs(x), -x)


def whole(found: Iterable[Finding], asked: Asked) -> list[Finding]:
    """One finding for each part and side, from those of its segments; its `segments` keep what these came to."""
    by: dict[tuple[str, str], dict[str, Finding]] = {}
    for f in found:
        mine = by.setdefault((f.quantity, f.side), {})
        mine[f.what] = merged(mine[f.what], f) if f.what in mine else f
    result = []
    for mine in by.values():
        f = functools.reduce(merged, mine.values())
        finite = [g for g in mine.values() if g.what != NOT_FINITE]
        if finite:  # what is said of ±∞ and NaN stands in their segment, and is counted
            worst = functools.reduce(merged, finite)
            f = replace(f, max=worst.max, at=worst.at, got=worst.got, truth=worst.truth)
        rows = [_row(mine[name]) for name in segments(asked.dtype) if name in mine]
        more = {**f.more, "segments": rows, **({"parameters": dict(asked.parameters)} if asked.parameters else {})}
        result.append(replace(f, what=label(asked.parameters), max=short(f.max), verdict=verdict(f), more=more))
    return result


def _row(f: Finding) -> dict[str, Any]:
    """A segment as evidence has it: where all is right, that is all that is said."""
    said = {"of": f.what, "entries": f.entries, "max": short(f.max, 3)}
    others = {name: n for name, n in f.more.items() if name not in ("right", "faithful")}
    return {**said, **(others if f.more.get("right") == f.entries else {**f.more, "at": f.at})}


def verdict(f: Finding) -> str:
    """Ours keeps its promise or is wrong; a framework is exact, or not far off, or inaccurate."""
    if f.more.get("right") == f.entries:
        return Verdict.exact.value
    ours = f.side == "ours"
    near = (f.max or 0.0) <= (ROUNDED if ours else INACCURATE)
    return (Verdict.agrees if near else Verdict.wrong if ours else Verdict.inaccurate).value
