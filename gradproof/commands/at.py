"""One activation at given points: ours, torch, jax and the truth side by side."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gradproof.answers import kept
from gradproof.answers.frameworks import sides
from gradproof.cases.case import Case
from gradproof.commands.given import pairs, rounded
from gradproof.evidence.environment import ORACLES, load
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import hexed
from gradproof.evidence.summary import SHIPPED
from gradproof.evidence.verdicts import WORSE, Verdict
from gradproof.lookup import Missing, UsageError, find
from gradproof.pages.tables import Table
from gradproof.pages.tables import number as figure
from oracles.floats import FORMATS, Truth, conditioned_error
from reference.formula import Array, Formula

DTYPES = tuple(FORMATS)
KINK = ("At a kink every slope from the left one to the right one is legitimate, whoever takes it: which, is a "
        "convention. The verdict is on ours.")  # fmt: skip
NO_SLOPE = "no single slope"  # where left and right differ


def number(text: str) -> float:
    """The number a person typed: decimal, hex float, inf or nan. Raises UsageError for anything else."""
    try:
        return float.fromhex(text) if "0x" in text.lower() else float(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a number; write 38, -1e-3, 0x1.8p+1, inf or nan") from error


def split(words: Sequence[str]) -> tuple[list[float], dict[str, float]]:
    """Points, and parameters given as name=value. Raises UsageError for what is neither, or given twice."""
    points = [number(word) for word in words if "=" not in word]
    parameters = pairs([word for word in words if "=" in word])
    if not points:
        raise UsageError("no point given; write one or more numbers, as in 'gradproof at activation/tanh 0.5'")
    return points, {name: number(value) for name, value in parameters.items()}


def array(points: Sequence[float], dtype: str) -> Array:
    """The points in the dtype of that name. Raises UsageError for an unknown dtype, and for a point beyond it."""
    if dtype not in DTYPES:
        raise UsageError(f"dtype {dtype!r} is unknown; choose one of {', '.join(DTYPES)}")
    return rounded("x", np.array(points), dtype)


def evaluate(
    id: str, points: Sequence[float], dtype: str = "float64", parameters: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Value and slope at each point by every side that is installed, as hex floats.

    The truth is the correctly rounded one, with the one-sided slopes at a kink; a verdict judges our value and slope.
    Raises UsageError for an unknown id, dtype or parameter, or a formula that is not an elementwise activation.
    """
    formula, stands_for = find(id)
    if not formula.elementwise:
        raise UsageError(f"{id} does not act on single numbers; 'at' takes elementwise activations")
    given = {**stands_for, **(parameters or {})}
    if strangers := sorted(given.keys() - formula.parameters.keys()):
        known = ", ".join(formula.parameters) or "none"
        raise UsageError(f"{formula.id} has no parameter {', '.join(strangers)}; its parameters: {known}")
    z = array(points, dtype)
    case = Case(formula.id, dtype, "at", 0, {"z": z}, {"value": np.ones_like(z)}, given)
    answers: dict[str, tuple[Array, Array]] = {}
    for name, side in sides(ORACLES).items():
        try:
            answer = side(case)
        except Missing:
            continue
        except ValueError as error:  # of a parameter
            raise UsageError(f"{formula.id}: {error}") from error
        answers[name] = answer.outputs["value"], answer.gradients["z"]
    rows: list[dict[str, Any]] = []
    balls = _balls(formula.id, dtype, given)
    exact = balls or _kept(formula, dtype, given)
    for k, x in enumerate(z.tolist()):
        row: dict[str, Any] = {"x": hexed(x)}
        for name, (value, slope) in answers.items():
            row[name] = {"value": hexed(value[k]), "slope": hexed(slope[k])}
        rows.append({**row, **_truth(formula, z[k : k + 1], row["ours"], exact)})
    by = "balls" if balls else "tables"
    return {"formula": formula.id, "dtype": dtype, "parameters": given, "truth by": by, "points": rows}


Exact: TypeAlias = "Callable[[Array, str | None], Mapping[int, Truth]]"  # a point and a side -> truths by order


def _balls(id: str, dtype: str, given: Mapping[str, Any]) -> Exact | None:
    """The truth at any point; None without python-flint."""
    try:
        from oracles.arb_truth import points
    except ImportError:
        return None

    def exact(z: Array, side: str | None) -> Mapping[int, Truth]:
        orders = (0, 1, 2) if side is None else (1,)
        return dict(zip(orders, points.truths(id, z, orders, dtype=dtype, side=side, **given), strict=True))

    return exact


def _kept(formula: Formula, dtype: str, given: Mapping[str, float]) -> Exact:
    """The truth that travels with the package: at some points, for default parameters."""
    usual = {**formula.parameters, **given} == formula.parameters
    return lambda z, side: kept.known(formula.id, dtype, float(z[0]), side) if usual else {}


def _truth(formula: Formula, z: Array, ours: dict[str, str], exact: Exact) -> dict[str, Any]:
    """The truth at one point, with one-sided slopes if they differ, and the verdict on ours.

    Empty where it is not known. At a kink a slope inside [left, right] is a convention; elsewhere ours agrees within
    the conditioned bound of its record. The verdict is the worse of those on value and slope.
    """
    truths = exact(z, None)
    if not truths:
        return {}
    found: dict[str, Any] = {"truth": {"value": hexed(truths[0].hi[0]), "slope": hexed(truths[1].hi[0])}}
    x = z.astype(np.float64)

    def judged(part: str, order: int) -> Verdict:
        got = float.fromhex(ours[part])
        same = got == truths[order].hi[0] or (math.isnan(got) and math.isnan(truths[order].hi[0]))
        error = conditioned_error(np.array([got]), truths[order], x, truths[order + 1])[0]
        return Verdict.exact if same else Verdict.agrees if error <= formula.conditioned_ulp else Verdict.wrong

    value = judged("value", 0)
    if truths[1].undecided[0] and math.isnan(truths[1].hi[0]):
        left, right = (exact(z, side)[1] for side in ("left", "right"))
        found.update(left=hexed(left.hi[0]), right=hexed(right.hi[0]))
        low, high = sorted((float(left.hi[0]), float(right.hi[0])))
        chosen = float.fromhex(ours["slope"])
        slack = formula.conditioned_ulp * math.ulp(chosen)  # the slope of a branch may be no float
        slope = Verdict.convention if low - slack <= chosen <= high + slack else Verdict.wrong
    elif math.isnan(truths[1].hi[0]):
        slope = Verdict.undefined
    else:
        slope = judged("slope", 1)
    return {**found, "verdict": max(value.value, slope.value, key=WORSE.index)}


def table(result: Mapping[str, Any], evidence: Path = SHIPPED) -> Table:
    """What `evaluate` found, for a person; where no truth is known, what `evidence` says of ours."""
    dtype = result["dtype"]
    lines = []
    for point in result["points"]:
        x = repr(float.fromhex(point["x"]))
        base = point.get("truth", point["ours"])
        for side in ("truth", "ours", *ORACLES):
            if side not in point:
                said = "not known" if side == "truth" else "no answer" if load(side) else "not installed"
                lines.append([x, side, said, "", "", "", ""])
                continue
            cells = []
            for part in ("value", "slope"):
                known = point[side] is not base and base[part] != "nan"
                off = f"{ulps(base[part], point[side][part], dtype):.3g}" if known else ""
                torn = side == "truth" and part == "slope" and "left" in point
                cells += [NO_SLOPE if torn else repr(float.fromhex(point[side][part])), off]
            lines.append([x, side, *cells, point.get("verdict", "") if side == "ours" else ""])
        for side in ("left", "right"):
            if side in point:
                lines.append([x, f"from the {side}", "", "", repr(float.fromhex(point[side])), "", ""])
    known = ["truth" in point for point in result["points"]]
    from_what = "the rounded truth" + ", else from ours" * (not all(known)) if any(known) else "ours"
    given = "".join(f", {name} = {value:g}" for name, value in result["parameters"].items())
    title = f"{result['formula']} in {dtype}{given}; ULP: distance from {from_what}"
    notes = [KINK] if any("left" in point for point in result["points"]) else []
    if result["truth by"] == "tables":
        notes.append(_of_tables(result["formula"], dtype, all(known), evidence))
    return Table(title, ["x", "side", "value", "ULP", "slope", "ULP", "verdict"], lines, "\n".join(notes))


def _of_tables(id: str, dtype: str, all_known: bool, evidence: Path) -> str:
    """What truth there is without python-flint; where it is missing, how good ours was where it was measured."""
    said = f"Without python-flint the truth is known at {kept.where(id, dtype)}, for default parameters, from a table"
    if all_known:
        return f"{said}."
    return f"{said}; pip install 'gradproof[check]' computes it anywhere.{recorded(id, dtype, evidence)}"


def recorded(id: str, dtype: str, evidence: Path) -> str:
    """Our largest error in an evidence, in a sentence; empty where there is none."""
    path = evidence / "accuracy.jsonl"
    header, findings = read_evidence(path) if path.exists() else ({}, [])
    ours = [f for f in findings if (f.formula, f.dtype, f.side, f.what) == (id, dtype, "ours", "") and f.entries]
    if not ours:
        return ""
    worst, tried = max(f.max or 0.0 for f in ours), max(f.entries for f in ours)
    day = str(header.get("made", ""))[:10]
    return f" Measured {day}: ours is off by at most {figure(worst)} conditioned ULP in {tried:,} numbers."


def ulps(a: str, b: str, dtype: str) -> float:
    """Distance of two hex floats in units in the last place of the first. NaN equals NaN."""
    p, q = float.fromhex(a), float.fromhex(b)
    if p == q or (math.isnan(p) and math.isnan(q)):
        return 0.0
    if not (math.isfinite(p) and math.isfinite(q)):
        return math.inf
    return abs(p - q) / ulp(p, dtype)


def ulp(x: float, dtype: str) -> float:
    """Spacing of the floats of `dtype` just above |x|."""
    from oracles.floats import ulp as spacing

    return float(spacing(x, dtype))
