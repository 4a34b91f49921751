"""Kinks: the slope that everyone returns where left and right differ, and at ±0, ±∞ and NaN.

The one-sided slopes come from the exact truth, not from our record; a record that says otherwise is wrong.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.checks.sweep import formulas, sides
from gradproof.evidence.environment import load
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.draws import COSTS, REGULARIZERS
from reference import CATALOGUE
from reference.formula import Formula

SPECIAL = (("+0", 0.0), ("−0", -0.0), ("+∞", math.inf), ("−∞", -math.inf), ("NaN", math.nan))


def run(names: Sequence[str]) -> list[dict[str, Any]]:
    """Evidence rows on every activation, cost and regularizer, in float64."""
    oracles = {name: module for name in names if (module := load(name))}
    rows: list[dict[str, Any]] = []
    with np.errstate(all="ignore"):
        for formula in formulas():
            rows += _kinks(formula, oracles)
            rows += _special(formula, oracles)
        for id in (*COSTS, *REGULARIZERS):  # costs of several inputs have theirs in costs.jsonl
            if CATALOGUE[id].kinks:
                rows += _of_absolute_value(CATALOGUE[id], oracles)
    return rows


def _slopes(formula: Formula, x: float, oracles: dict[str, ModuleType]) -> dict[str, float]:
    return {name: float(slope[0]) for name, (_, slope) in sides(formula, np.array([x]), "float64", oracles).items()}


def _inside(slope: float, left: float, right: float) -> bool:
    return min(left, right) <= slope <= max(left, right)


def _kinks(formula: Formula, oracles: dict[str, ModuleType]) -> Iterable[dict[str, Any]]:
    """One row a kink: exact one-sided slopes, and everyone's choice."""
    from oracles.arb_truth import points as arb_truth

    for kink in formula.kinks:
        at = np.array([formula.at(kink.at)])
        left, right = (float(arb_truth.truth(formula.id, at, 1, side=side).hi[0]) for side in ("left", "right"))
        slopes = _slopes(formula, float(at[0]), oracles)
        recorded = np.array([formula.at(kink.left), formula.at(kink.right), formula.at(kink.chosen)])
        measured = np.array([left, right, slopes["ours"]])
        fits = bool((np.abs(recorded - measured) <= np.spacing(np.abs(measured))).all())
        yield {
            "row": "kink", "formula": formula.id, "at": float(at[0]), "left": left, "right": right, "why": kink.why,
            **slopes, "inside": {name: _inside(s, left, right) for name, s in slopes.items()},
            "verdict": (Verdict.agrees if fits and _inside(slopes["ours"], left, right) else Verdict.wrong).value,
        }  # fmt: skip


def _special(formula: Formula, oracles: dict[str, ModuleType]) -> Iterable[dict[str, Any]]:
    """Value and slope at ±0, ±∞ and NaN beside the limit, where there is one."""
    from oracles.arb_truth import points as arb_truth

    for label, x in SPECIAL:
        pairs = sides(formula, np.array([x]), "float64", oracles)
        for part, order in (("value", 0), ("slope", 1)):
            truth = arb_truth.truth(formula.id, np.array([x]), order)
            exact = None if truth.undecided[0] and math.isnan(truth.hi[0]) else float(truth.hi[0])
            got = {name: float(pair[order][0]) for name, pair in pairs.items()}
            fine = exact is None or got["ours"] == exact or (math.isnan(got["ours"]) and math.isnan(exact))
            fine = fine or (math.isfinite(exact or 0) and abs(got["ours"] - (exact or 0)) <= 4 * math.ulp(exact or 0))
            yield {
                "row": "special", "formula": formula.id, "part": part, "at": label, "truth": _text(exact),
                **{name: _text(g) for name, g in got.items()},
                "verdict": (Verdict.agrees if fine else Verdict.wrong).value,
            }  # fmt: skip


def _of_absolute_value(formula: Formula, oracles: dict[str, ModuleType]) -> Iterable[dict[str, Any]]:
    """Costs and regularizers with a kink: the gradient of one output, or of one weight, at it."""
    for kink in formula.kinks:
        at = formula.at(kink.at)
        x, zero = np.array([[at]]), np.zeros((1, 1))
        found: dict[str, float] = {}
        for name, module in {"ours": None, **oracles}.items():
            if module is not None and formula.id not in {**module.COSTS, **module.REGULARIZERS}:
                continue
            if formula.kind == "cost":
                gradient = formula.function(x, zero)[1] if module is None else module.cost(formula.id, x, zero)[1]
            else:
                gradient = formula.function([x])[1][0] if module is None else module.regularizer(formula.id, x)[1]
            found[name] = float(np.asarray(gradient).ravel()[0])
        left, right = formula.at(kink.left), formula.at(kink.right)
        yield {
            "row": "kink", "formula": formula.id, "at": at, "left": left, "right": right, "why": kink.why,
            **found, "inside": {name: _inside(s, left, right) for name, s in found.items()},
            "verdict": (Verdict.agrees if _inside(found["ours"], left, right) else Verdict.wrong).value,
        }  # fmt: skip


def _text(x: float | None) -> str:
    return "no limit" if x is None else f"{x:.6g}"
