"""Defects of the frameworks: what the accuracy evidence shows, strongest first, each with a line to see it."""

from __future__ import annotations

import math
from typing import Any

DEFECT = 1000.0  # conditioned ULP from which an inaccuracy is listed as a defect: three digits beyond rounding


def defects(accuracy: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per formula, part and framework whose value or slope is off by more than `DEFECT`.

    Takes the rows of accuracy.jsonl; keeps, of the dtypes that show it, the widest.
    """
    order = {"float64": 0, "float32": 1, "bfloat16": 2, "float16": 3}
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    rows = [
        r for r in accuracy if r["row"] == "accuracy" and r["side"] != "ours" and r["dtype"] in ("float32", "float64")
    ]
    for row in sorted(rows, key=lambda r: order[r["dtype"]]):
        worst = row["conditioned max"]
        if worst is not None and worst > DEFECT:
            key = (row["side"], row["formula"], row["part"])
            if key in found:
                found[key]["dtypes"].append(row["dtype"])
            else:
                found[key] = {**row, "dtypes": [row["dtype"]]}
    return sorted(found.values(), key=lambda r: (r["side"], r["formula"], r["part"]))


def of_arrays(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same of costs and regularizers: rows of costs.jsonl and of penalties.jsonl, in one form."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in sorted(rows, key=lambda r: r.get("dtype", ""), reverse=True):  # float64 first
        side, id = row.get("side") or row.get("who"), row.get("formula") or row.get("id")
        if "accuracy" not in (row.get("row"), row.get("part")) or side == "ours" or not row["entries"]:
            continue
        if row["max"] > DEFECT or row["not a number"]:
            key = (str(side), str(id), row["quantity"])
            first = found.setdefault(key, {**row, "side": side, "formula": id, "dtypes": []})
            first["dtypes"].append(row["dtype"])
    return [found[key] for key in sorted(found)]


def kind(row: dict[str, Any]) -> str:
    """What kind of defect the numbers show."""
    got, truth = float.fromhex(row["got"]), float.fromhex(row["truth"])
    smallest = {"float32": 2.0**-126, "float64": 2.0**-1022}[row["dtype"]]
    if math.isnan(got):
        return "NaN where the truth is finite"
    if math.isinf(got):
        return "overflow where the truth is finite"
    if "conditioned at" in row and 0 < abs(float.fromhex(row["conditioned at"])) < smallest:
        return "subnormal input taken as 0"
    if got == 0:
        return "0 where the truth is not"
    if truth == 0:
        return "not 0 where the truth is"
    relative = abs(got / truth - 1)
    return "all digits lost" if relative >= 0.5 else f"relative error {relative:.1e}"


def reproduce(row: dict[str, Any]) -> str:
    """The command that shows the defect."""
    if "conditioned at" not in row:
        regime, seed, *_ = row["at"].split(" ")
        return f"gradproof case {row['formula']} {regime} {seed} --dtype {row['dtype']}"
    return f"gradproof at {row['formula']} {row['conditioned at']} --dtype {row['dtype']}"
