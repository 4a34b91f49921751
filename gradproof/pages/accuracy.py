"""The pages on accuracy: activations, costs, regularizers and layers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.figures import VISIBLE, error_curves, lost_digits, visibly_wrong
from gradproof.pages.tables import Table, answered, beside, exactly, name, number, write_page
from reference import CATALOGUE

DTYPES = ("float64", "float32", "float16", "bfloat16")
WIDE, SHORT = DTYPES[:2], DTYPES[2:]
Findings = Sequence[Finding]


def write(evidence: Path, folder: Path) -> None:
    """Write accuracy.md with its error curves, costs-accuracy.md, penalties.md and layers.md."""
    header, found = read_evidence(evidence / "accuracy.jsonl")
    device = header.get("device", "")
    _activations(found, folder, device)
    _arrays(found, folder, "costs-accuracy", "cost", "Accuracy of the costs", COSTS, device)
    _arrays(found, folder, "penalties", "regularizer", "Accuracy of the regularizers", REGULARIZERS, device)
    _arrays(found, folder, "layers", "layer", "Accuracy of the layers", LAYERS, device)


# ---------------------------------------------------------------- activations


def _activations(found: Findings, folder: Path, device: str) -> None:
    sweeps = [f for f in found if f.kind == "sweep"]
    figures = []
    for dtype in WIDE:
        defaults = [f for f in sweeps if f.dtype == dtype and not f.what]
        if defaults:
            path = f"figures/digits-{dtype}.svg"
            lost_digits(defaults, dtype, folder / path)
            figures.append(f"![Decimal digits lost at the worst input in {dtype}]({path})\n")
    for part in ("slope", "value"):
        for dtype in WIDE:
            curves = [f for f in found if f.kind == "curve" and (f.quantity, f.dtype) == (part, dtype)]
            if curves:
                path = f"figures/accuracy-{part}-{dtype}.svg"
                error_curves(curves, dtype, folder / path)
                figures.append(f"![Error in ULP of the {part} in {dtype}, against the input]({path})\n\n"
                               f"{_right(curves, part, dtype)}\n")  # fmt: skip
    tables = [_sweep_table([f for f in sweeps if f.dtype == dtype], dtype) for dtype in DTYPES]
    kinds = ("activation/", "update/")
    arrays = [f for f in found if f.kind == "accuracy" and f.formula.startswith(kinds) and not is_step(f)]
    about = "Rows, learnable parameters and clipping"
    wide = [f for f in arrays if f.dtype in WIDE]
    tables += [
        errors_table(wide, about, "Conditioned ULP, under random cotangents."),
        _short_table(arrays, f"{about}, 16 bits"),
    ]
    intro = (
        "# Accuracy\n\nError of value and slope of every elementwise activation against the exact truth (balls around "
        "the definition, precision doubled until they round to one float), in units in the last place. *Strict*: "
        "|ŷ − y|/ulp(y), and the largest where |x| ≤ 10 beside it; × where the exact slope crosses zero, next to which "
        "strict ULP have no bound. *Conditioned*: |ŷ − y|/(ulp(y) + u·|x·y′(x)|), which forgives what half an ULP of "
        "the input would do. float16 and bfloat16: every input, neighbours by one Taylor polynomial in balls and its "
        "remainder. Truths below the smallest normal number are kept out of the maxima (frameworks may flush them); "
        "the evidence has them. torch is eager, JAX is compiled. `gradproof audit --only accuracy` makes this page "
        "again.\n\n" + "\n".join(figures)
    )
    write_page(folder, "accuracy", intro, [t for t in (*tables, _lost_table(sweeps)) if t.rows], device)


def _right(curves: Findings, part: str, dtype: str) -> str:
    """Who is in no panel of the figure of error curves."""
    right = sorted({name(f.formula) for f in curves} - {*map(name, visibly_wrong(curves))})
    return f"In none of the panels, as all have the {part} right to {VISIBLE:.0f} ULP in {dtype}: {', '.join(right)}."


def _sweep_table(found: Findings, dtype: str) -> Table:
    wide = dtype in WIDE
    columns = ["activation", "parameters", "part"]
    columns += [f"{side} conditioned max (mean)" if wide else f"{side} max (mean)" for side in SIDES]
    columns += [f"{side} strict max, |x| ≤ 10" for side in SIDES] if wide else []
    columns += [f"worst input, {side}" for side in SIDES]
    lines = []
    for one, rows in beside(found):
        line: list[Any] = [name(one.formula), one.what or "defaults", one.quantity]
        line += ["no such function" if f is None else _errors(f) for f in rows]
        line += ["" if f is None else _strict(f) for f in rows] if wide else []
        line += ["" if f is None else exactly(f.at) for f in rows]
        lines.append(line)
    count = sum(f.entries for f in found if f.side == "ours")
    return Table(dtype, columns, lines, f"{count:,} inputs in all. 0.5 ULP is a correctly rounded result.")


def _errors(f: Finding) -> str:
    return f"{number(f.max)} ({number(f.mean)})"


def _strict(f: Finding) -> str:
    crosses = f.quantity == "slope" and f.formula in CATALOGUE and CATALOGUE[f.formula].slope_zeros
    mark = " ×" if crosses else ""
    return f"{number(f.more.get('strict', 0.0))}, {number(f.more.get('ordinary', 0.0))}{mark}"


def _lost_table(found: Findings) -> Table:
    lines = []
    for f in found:
        if f.dtype in WIDE and "lost" in f.more and not f.what:
            where = ", ".join(f"[{exactly(a)}, {exactly(b)}]" for a, b in f.more["lost"])
            lines.append([name(f.formula), f.quantity, f.dtype, f.side, where, f.more.get("not a number", 0)])
    return Table(
        "Where all digits are lost",
        ["activation", "part", "dtype", "side", "input ranges", "NaN results"],
        lines,
        "Ranges of tested inputs (at most four, the longest) over which a normal, non-zero truth is missed by half of "
        "itself or more.",
    )


# ---------------------------------------------------------------- formulas of arrays

COSTS = (
    "Regimes: plain, wide (many magnitudes, saturated), near (predictions close to their targets), extreme (both ends "
    "of the range of the dtype, single entries, ends of domains); every reduction, "
    "weights in every second case, and parameters off their defaults."
)
REGULARIZERS = (
    "For the spectral and the nuclear norm the sum is ‖x‖·‖∂y/∂x‖: singular vectors in floats are those of a matrix "
    "u‖W‖ off, and their condition σ₁/gap is in ∂y/∂x. The truth comes from definitions over balls and nothing else: "
    "singular values are roots of det(tI − WWᵀ); of the Jacobian and gradient penalties, tangents pushed through the "
    "network, which are differentiated once more. Regimes: plain, wide, near (rows as long as the limit, all but "
    "orthonormal or all but equal singular values, all but equal logits), extreme (both ends of the range of the "
    "dtype). Inside networks: see [regularizers.md](regularizers.md)."
)

LAYERS = (
    "Regimes: plain, wide (many magnitudes), near (rows far from 0, scores all but equal), extreme (both ends of the "
    "range of the dtype; in float64 as far as products of all numbers that meet in one stay in it; not of recurrent "
    "cells and local response norm); every option on and off, optional arguments given in some of the cases, sizes "
    "that differ, one of them 1."
)


def _arrays(found: Findings, folder: Path, page: str, kind: str, title: str, about: str, device: str) -> None:
    mine = [f for f in found if f.kind == "accuracy" and f.formula.startswith(f"{kind}/")]
    if not mine:
        return
    entries = sum(f.entries for f in mine if f.side == "ours")
    worst = {
        dtype: number(max((f.max or 0.0 for f in mine if (f.side, f.dtype) == ("ours", dtype)), default=0.0))
        for dtype in DTYPES
    }
    intro = (
        f"# {title}\n\nValues and gradients of {len({f.formula for f in mine})} formulas by every argument, under "
        f"random cotangents, {entries:,} numbers by us, each against the exact one. The error is "
        "|ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|): what half an ULP of the inputs would do is forgiven. Our largest is "
        f"{worst['float64']} in float64, {worst['float32']} in float32, {worst['float16']} in float16 and "
        f"{worst['bfloat16']} in bfloat16. {about} Slopes at kinks and ties: see [kinks.md](kinks.md)."
    )
    tables = [errors_table([f for f in mine if f.dtype == dtype], dtype, STAR) for dtype in WIDE]
    tables.append(_short_table(mine, "float16 and bfloat16"))
    write_page(folder, page, intro, [t for t in tables if t.rows], device)


STARRED = "A star marks what the framework does not have, written out in its operations."
STAR = f"Conditioned ULP. {STARRED}"


def is_step(f: Finding) -> bool:
    """Whether a finding is about the step of an update rule, which stands on optimizers.md."""
    return f.formula in CATALOGUE and CATALOGUE[f.formula].is_step


def errors_table(found: Findings, title: str, note: str) -> Table:
    """A line for each formula, quantity and dtype: the largest error of every side, and where ours is."""
    lines = []
    for f, rows in beside(found):
        allowed, worst = (number(rows[0].more.get("allowed")), rows[0].at) if rows[0] else ("", "")
        lines.append([name(f.formula), f.quantity, f.dtype, allowed, *(answered(row, _cell) for row in rows), worst])
    columns = ["formula", "quantity", "dtype", "our limit", *(f"{side} max (mean)" for side in SIDES), "worst of ours"]
    return Table(title, columns, lines, note)


def _short_table(found: Findings, title: str) -> Table:
    """The worse of the two dtypes of 16 bits, for every side."""
    by = {(f.formula, f.quantity, f.side, f.dtype): f for f in found if f.dtype in SHORT}
    lines = []
    for formula, quantity in dict.fromkeys(key[:2] for key in by):
        cells = [_worse([by.get((formula, quantity, side, dtype)) for dtype in SHORT]) for side in SIDES]
        lines.append([name(formula), quantity, *cells])
    note = "The larger error of the two dtypes, in conditioned ULP; our limit is 0.501, one rounding."
    return Table(title, ["formula", "quantity", *(f"{side} max" for side in SIDES)], lines, f"{note} {STARRED}")


def _worse(found: Sequence[Finding | None]) -> str:
    """The larger error, and its dtype where the other is less than half of it; else why there is none."""
    known = sorted((f for f in found if f is not None and f.entries), key=lambda f: f.max or 0.0)
    if not known:
        return next((f.why for f in found if f is not None), "not installed")
    least, largest = (known[0].max or 0.0), (known[-1].max or 0.0)
    alone = f" {known[-1].dtype}" if len(known) == 1 or largest > 2 * least else ""
    return f"{number(largest)}{'*' if 'composed' in known[-1].more else ''}{alone}"


def _cell(f: Finding) -> str:
    return f"{_errors(f)}{'*' if 'composed' in f.more else ''}{'†' if f.verdict == 'convention' else ''}"
