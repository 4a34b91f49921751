"""The audit of regularizers: each against the exact truth on small arrays, and against autograd and grad on larger.

A difference to autograd or grad is counted in u of the largest entry of the gradient. The limit is the number of
operations between an entry of the input and an entry of the gradient, which is what rounding can add up to when nothing
cancels, times the condition of the problem where something does.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.cases.regularizers import LAYERS, NAMES, NETWORK, OUTPUT
from gradproof.checks import penalty_accuracy, penalty_kinks
from gradproof.checks.penalty_accuracy import ORACLES, accuracy, input_gradient_penalty, penalty
from gradproof.evidence.files import read_lines, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.pages import tables
from gradproof.pages.tables import Table, number
from reference import CATALOGUE
from reference.formula import Array

Row = dict[str, Any]

DTYPES = ("float32", "float64")
CASES, NETWORK_CASES = 50, 5
SEED = 22
SHAPE = (7, 5)
MATRIX = ("group_lasso", "max_norm", "orthogonality", "spectral_norm", "nuclear_norm")
COMPARED = (*MATRIX, *OUTPUT, *NETWORK)  # the others are compared inside networks


def _condition(name: str, w: Array) -> float:
    """How much the gradient magnifies a relative change of w.

    Singular vectors turn by σ₁ over a gap: to σ₂ for the leading pair, to 0 for all of them. The max-norm penalty
    subtracts its limit from the norm of a row.
    """
    sigma = np.linalg.svd(w.astype(np.float64), compute_uv=False)
    norms = np.linalg.norm(w.astype(np.float64), axis=-1)
    excess = float((norms - CATALOGUE["regularizer/max_norm"].parameters["limit"]).max())
    by_name = {
        "spectral_norm": sigma[0] / (sigma[0] - sigma[1]),
        "nuclear_norm": sigma[0] / sigma[-1],
        "max_norm": norms.max() / excess if excess > 0 else 1.0,
    }
    return float(by_name.get(name, 1.0))


def _draw(name: str, rng: np.random.Generator, dtype: str) -> tuple[tuple[Array, ...], float]:
    """Inputs of one case, and how many roundings the limit allows for."""
    if name in MATRIX:
        m, d = SHAPE
        w = rng.standard_normal(SHAPE).astype(dtype)
        operations = m * m * d if name in ("spectral_norm", "nuclear_norm") else m * d
        return (w,), (operations + 16) * _condition(name, w)
    n, d = SHAPE
    z = (3 * rng.standard_normal(SHAPE)).astype(dtype)
    return ((z, rng.integers(0, d, n)) if name == "label_smoothing" else (z,)), n * d * 4 + 16


def agreement(name: str, oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: the worst difference of any gradient entry over random cases."""
    rows = []
    for dtype in DTYPES:
        for who, oracle in oracles.items():
            rng, worst, share = np.random.default_rng(SEED), 0.0, 0.0
            for _ in range(count := NETWORK_CASES if name in NETWORK else CASES):
                off, limit = (_network_case if name in NETWORK else _case)(name, dtype, rng, oracle)
                worst, share = max(worst, off), max(share, off / limit)
            verdict = Verdict.exact if worst == 0 else Verdict.agrees if share <= 1 else Verdict.unknown
            rows.append({"part": "agreement", "id": f"regularizer/{name}", "who": who, "dtype": dtype, "cases": count,
                         "difference": float(f"{worst:.3g}"), "ratio": float(f"{share:.3g}"),
                         "verdict": verdict.value})  # fmt: skip
    return rows


def _case(name: str, dtype: str, rng: np.random.Generator, oracle: ModuleType) -> tuple[float, float]:
    inputs, limit = _draw(name, rng, dtype)
    (_, mine), (_, other) = (f(f"regularizer/{name}", *inputs) for f in (penalty, oracle.penalty))
    return _off([mine], [other], float(np.finfo(dtype).eps) / 2), limit


def _network_case(name: str, dtype: str, rng: np.random.Generator, oracle: ModuleType) -> tuple[float, float]:
    sizes = [3, 5, 4, NETWORK[name]]
    x = rng.standard_normal((4, 3)).astype(dtype)
    W = [rng.standard_normal((b, a)).astype(dtype) for a, b in itertools.pairwise(sizes)]
    b = [rng.standard_normal(k).astype(dtype) for k in sizes[1:]]
    id = f"regularizer/{name}"
    (_, dW, db), (_, other_dW, other_db) = (
        f(id, x, W, b, LAYERS, **CATALOGUE[id].parameters)
        for f in (input_gradient_penalty, oracle.input_gradient_penalty)
    )
    # Four passes over the layers, each with a sum over its inputs, and the sum over examples.
    limit = 4 * (sum(sizes) + 16 * 3) + 4
    return _off([*dW, *db], [*other_dW, *other_db], float(np.finfo(dtype).eps) / 2), limit


def _off(mine: Sequence[Array], theirs: Sequence[Array], u: float) -> float:
    """Largest difference of any entry, in u of the largest entry; ∞ for a NaN."""
    size = max(float(np.abs(g).max()) for g in mine) or 1.0
    difference = max(float(np.abs(g.astype(float) - h.astype(float)).max()) for g, h in zip(mine, theirs, strict=True))
    return math.inf if math.isnan(difference) else difference / (u * size)


def measure(id: str, oracles: Mapping[str, ModuleType]) -> list[Row]:
    """All rows of evidence on one regularizer. Raises ImportError without python-flint."""
    rows = [row for dtype in DTYPES for row in accuracy(id, dtype, oracles)]
    rows += penalty_kinks.kinks(id, oracles)
    return rows + (agreement(id.split("/")[1], oracles) if id.split("/")[1] in COMPARED else [])


def ids() -> list[str]:
    """Every regularizer."""
    return [f"regularizer/{name}" for name in NAMES]


def write_evidence(path: Path, header: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write evidence/penalties.jsonl whole."""
    write_lines(path, {**header, "seeds": penalty_accuracy.SEEDS, "cases": CASES}, rows)


def failure(row: Row) -> str:
    """For a person: what was wrong, by how much, and how to make it again."""
    if row["part"] != "agreement":
        return (penalty_accuracy if row["part"] == "accuracy" else penalty_kinks).failure(row)
    return (
        f"{row['id']}: gradients by us and by {row['who']} in {row['dtype']} are {number(row['difference'])} u apart, "
        f"{number(row['ratio'])} times the limit; again: gradproof.penalties.agreement"
    )


# ---------------------------------------------------------------- page

SIDES = ("ours", *ORACLES)


def _accuracy_table(rows: Sequence[Row], dtype: str) -> Table:
    by = {(r["id"], r["quantity"], r["who"]): r for r in rows if r["part"] == "accuracy" and r["dtype"] == dtype}
    lines = []
    for id, quantity in dict.fromkeys((id, quantity) for id, quantity, _ in by):
        mine = by[id, quantity, "ours"]
        errors = [_error(by.get((id, quantity, side))) for side in SIDES]
        lines.append([f"`{id.split('/')[1]}`", quantity, mine["gate"], *errors, mine["at"]])
    columns = ["regularizer", "quantity", "our limit", *(f"{side} max (mean)" for side in SIDES), "worst of ours"]
    return Table(dtype, columns, lines, "Conditioned ULP.")


def _error(row: Row | None) -> str:
    if row is None:
        return "not installed"
    return f"{number(row['max'])} ({number(row['mean'])})" if row["entries"] else row["why"]


def _agreement_table(rows: Sequence[Row]) -> Table:
    by = {(r["id"], r["who"], r["dtype"]): r for r in rows if r["part"] == "agreement"}
    lines = []
    for id in dict.fromkeys(id for id, _, _ in by):
        found = [by.get((id, who, dtype)) for dtype in DTYPES for who in ORACLES]
        cells = [f"{r['verdict']} ({number(r['difference'])})" if r else "not installed" for r in found]
        lines.append([f"`{id.split('/')[1]}`", *cells])
    columns = ["regularizer", *(f"{who} {dtype}" for dtype in DTYPES for who in ORACLES)]
    note = (
        "Gradients by us against those of the frameworks on matrices of 7 by 5 and networks of 3-5-4 units. In "
        "brackets the worst difference in u of the largest entry."
    )
    return Table("Against the frameworks", columns, lines, note)


def write_page(evidence: Path, folder: Path) -> None:
    """Write penalties.md with its tables from evidence/penalties.jsonl alone.

    Raises EvidenceError where the evidence is missing or damaged.
    """
    header, rows = read_lines(evidence / "penalties.jsonl")
    mine = [r for r in rows if r["part"] == "accuracy" and r["who"] == "ours"]
    worst = {dtype: max((r["max"] for r in mine if r["dtype"] == dtype), default=0.0) for dtype in DTYPES}
    used = header["versions"]
    intro = (
        "# Accuracy of the regularizers\n\n"
        f"Values and gradients of {len({r['id'] for r in mine})} regularizers, {sum(r['entries'] for r in mine):,} "
        f"numbers by us, each against the exact one; beside them PyTorch {used.get('torch')} and JAX "
        f"{used.get('jax')}, in whose operations all but the matrix norms are written out. The error is "
        "|ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). For the spectral and the nuclear norm the sum is ‖x‖·‖∂y/∂x‖: singular "
        "vectors in floats are those of a matrix u‖W‖ off, and their condition σ₁/gap is in ∂y/∂x. Our largest is "
        f"{number(worst['float64'])} in float64 and {number(worst['float32'])} in float32.\n\n"
        "The truth comes from definitions over balls and nothing else: power series in all inputs give the gradient; "
        "singular values are roots of det(tI − WWᵀ); of the Jacobian and gradient penalties, tangents pushed through "
        "the network, which are differentiated once more. Regimes: plain, wide (many magnitudes, saturated), near "
        "(rows as long as the limit, all but orthonormal or all but equal singular values, all but equal logits). "
        "Inside networks: see [regularizers.md](regularizers.md)."
    )
    found = [*(_accuracy_table(rows, dtype) for dtype in ("float64", "float32"))]
    found += [penalty_kinks.table([r for r in rows if r["part"] == "kink"], SIDES), _agreement_table(rows)]
    tables.write_page(folder, "penalties", intro, found)
