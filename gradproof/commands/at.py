"""One activation at given points: ours, torch, jax and the truth side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.evidence.environment import ORACLES, load
from gradproof.evidence.verdicts import Verdict
from gradproof.lookup import UsageError, find
from reference.formula import Array, Formula

DTYPES = ("float16", "bfloat16", "float32", "float64")


def number(text: str) -> float:
    """The number a person typed: decimal, hex float or inf. Raises UsageError for anything else, and for NaN."""
    try:
        x = float.fromhex(text) if "0x" in text.lower() else float(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is not a number; write 38, -1e-3, 0x1.8p+1 or inf") from error
    if math.isnan(x):
        raise UsageError(f"{text!r}: there is nothing to compare at NaN; write a number")
    return x


def array(points: Sequence[float], dtype: str) -> Array:
    """The points in the dtype of that name. Raises UsageError for an unknown dtype."""
    if dtype not in DTYPES:
        raise UsageError(f"dtype {dtype!r} is unknown; choose one of {', '.join(DTYPES)}")
    if dtype == "bfloat16":
        try:
            import ml_dtypes
        except ImportError as error:
            raise UsageError("bfloat16 needs ml-dtypes: pip install 'gradproof[oracles]'") from error
        return np.array(points).astype(ml_dtypes.bfloat16)
    with np.errstate(over="ignore"):
        return np.array(points).astype(dtype)


def evaluate(id: str, points: Sequence[float], dtype: str = "float64") -> dict[str, Any]:
    """Value and slope at each point by every side that is installed, as hex floats.

    The truth is the correctly rounded one, with the one-sided slopes at a kink; a verdict judges our slope.
    Raises UsageError for an unknown id or dtype, or a formula that is not an elementwise activation.
    """
    formula = find(id)
    if not formula.elementwise:
        raise UsageError(f"{id} does not act on single numbers; 'at' takes elementwise activations")
    z = array(points, dtype)
    sides: dict[str, tuple[Array, Array]] = {"ours": formula.function(z)}
    for name in ORACLES:
        module = load(name)
        if module is not None and id in module.ELEMENTWISE:
            sides[name] = module.elementwise(id, z)
    rows: list[dict[str, Any]] = []
    for k, x in enumerate(z.tolist()):
        row: dict[str, Any] = {"x": float(x).hex()}
        for name, (value, slope) in sides.items():
            row[name] = {"value": float(value[k]).hex(), "slope": float(slope[k]).hex()}
        rows.append({**row, **_truth(formula, z[k : k + 1], row["ours"], dtype)})
    return {"formula": id, "dtype": dtype, "points": rows}


def _truth(formula: Formula, z: Array, ours: dict[str, str], dtype: str) -> dict[str, Any]:
    """The truth at one point, with one-sided slopes if they differ, and the verdict on ours.

    Empty without python-flint. At a kink a slope inside [left, right] is a convention; elsewhere ours agrees within
    the conditioned bound of its record.
    """
    try:
        from oracles import floats
        from oracles.arb_truth import points as arb_truth
    except ImportError:
        return {}
    truths = arb_truth.truths(formula.id, z, (0, 1, 2), dtype=dtype)
    found: dict[str, Any] = {"truth": {"value": _hex(truths[0]), "slope": _hex(truths[1])}}
    slope = float.fromhex(ours["slope"])
    if truths[1].undecided[0] and math.isnan(truths[1].hi[0]):
        left, right = (arb_truth.truth(formula.id, z, 1, dtype=dtype, side=side) for side in ("left", "right"))
        found.update(left=_hex(left), right=_hex(right))
        ends = sorted((float(left.hi[0]), float(right.hi[0])))
        inside = ends[0] <= slope <= ends[1]
        return {**found, "verdict": (Verdict.convention if inside else Verdict.wrong).value}
    if math.isnan(truths[1].hi[0]):
        return {**found, "verdict": Verdict.undefined.value}
    error = floats.conditioned_error(np.array([slope]), truths[1], z.astype(np.float64), truths[2])[0]
    exact = slope == truths[1].hi[0]
    fine = exact or error <= formula.conditioned_ulp
    return {**found, "verdict": (Verdict.exact if exact else Verdict.agrees if fine else Verdict.wrong).value}


def _hex(truth: Any) -> str:
    return float(truth.hi[0]).hex()


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
    digits, least = {"float16": (11, -24), "bfloat16": (8, -133), "float32": (24, -149), "float64": (53, -1074)}[dtype]
    exponent = math.frexp(x)[1] - digits if x else least
    return math.ldexp(1.0, max(exponent, least))
