"""What a wrong finding of ours says beyond its numbers: the input at that entry, and the likely cause.

The case is asked once more, and hypotheses are tried on it as on a gradient of a user's own (`gradproof.yours`), whose
right numbers are here those of the truth: the formula that is wrong is asked for nothing. No verdict is decided here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof import cases
from gradproof.answers.ours import ours
from gradproof.cases.case import Case, as_dtype
from gradproof.cases.kinks import places
from gradproof.cases.parameters import label
from gradproof.evidence.explain import failure
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import FAILING
from reference import CATALOGUE
from reference.formula import Array

Asked = tuple[Case, Array, Array]  # a case, what was got and the truth
SEEDS = 4  # further cases of the regime plain that a cause must explain
POINTS = (-6.0, -2.5, -1.2, -0.7, -0.3, -0.1, 0.2, 0.4, 0.9, 1.6, 3.1, 5.5)  # ordinary inputs of an activation


def message(found: Finding) -> str:
    """What a failing finding says to a person; with input and likely cause where it is ours that is wrong."""
    if found.side != "ours" or found.verdict not in FAILING:
        return failure(found)
    try:
        with np.errstate(all="ignore"):
            return failure(found, _given(found), _cause(found))
    except (ImportError, LookupError, ArithmeticError, ValueError, TypeError):  # what it stands on may be what is wrong
        return failure(found)


def _given(found: Finding) -> str:
    """The input of the entry: the arguments of its shape there, and the parameters."""
    case = _case(found)
    if case is None:
        return ""
    index = tuple(json.loads(found.at[found.at.index("[") :])) if "[" in found.at else ()
    quantity = np.asarray(ours(case).quantities[found.quantity]) if found.kind == "accuracy" else None  # of its shape
    there = [
        f"{name}{list(index) or ''} = {float(x[index])!r}" for name, x in case.arguments.items()
        if quantity is not None and x.shape == quantity.shape
    ]  # fmt: skip
    if found.kind == "kink":
        there = [f"{name} = {np.asarray(x).tolist()}" for name, x in case.arguments.items()]
    return ", ".join([*there, *filter(None, [label(case.parameters)])])


def _case(found: Finding) -> Case | None:
    if found.kind == "accuracy":
        regime, seed, *_ = found.at.split(" ")
        return cases.draw(found.formula, found.dtype, regime, int(seed))
    if found.kind == "kink":
        fitting = (p.case for p in places() if (p.case.formula, p.what) == (found.formula, found.what))
        return next(fitting, None)
    return None


def _cause(found: Finding) -> str:
    from gradproof.yours.diagnosis import of_one
    from gradproof.yours.standard import of_formula

    formula = CATALOGUE[found.formula]
    standard = of_formula(formula)
    quantity = "∂/∂z" if formula.elementwise and found.quantity == "slope" else found.quantity
    if found.kind == "kink":
        return _at_a_kink(found)
    if formula.elementwise:
        asked: Sequence[Case] = [_points(found)]
    elif found.kind in ("accuracy", "trajectory"):
        named, quantity = _case(found), quantity or "w"
        plain = [cases.draw(found.formula, found.dtype, "plain", seed) for seed in range(SEEDS)]
        asked = [*([named] if named else []), *(c for c in plain if named is None or c.name != named.name)]
    else:
        return ""
    seen: list[Asked] = []
    for case in asked:
        known = standard.truth(case).quantities
        if quantity not in known:
            continue
        truth = known[quantity].truth.hi
        got = np.asarray(ours(case).quantities[quantity]).astype(np.float64)
        if not np.allclose(got, truth, rtol=1e-9, atol=0, equal_nan=True):
            seen.append((case, got, truth))
    finite = [asked for asked in seen if np.isfinite(asked[1]).all()]
    return of_one(standard, quantity, finite or seen) if seen else ""


def _points(found: Finding) -> Case:
    """Ordinary points of an activation, under a cotangent of ones."""
    z = as_dtype(np.array(POINTS), found.dtype)
    return Case(found.formula, found.dtype, "plain", 0, {"z": z}, {"value": np.ones_like(z)}, _parameters(found))


def _parameters(found: Finding) -> dict[str, Any]:
    return dict(found.more.get("parameters", {}))


def _at_a_kink(found: Finding) -> str:
    """What a slope at a kink is instead of one between left and right."""
    left, right, got = (float.fromhex(x) for x in (found.more["left"], found.more["right"], found.got))
    if left <= got <= right or right <= got <= left:
        return "the record says otherwise than the truth, or than the function, of left, right and chosen"
    if got in (-left, -right):
        return "the sign is wrong"
    return f"it is not between left and right, {left!r} and {right!r}"
