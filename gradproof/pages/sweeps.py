"""sweeps.md: value and slope at every float of a narrow dtype, by everyone, and where they are off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.figures import segment_errors
from gradproof.pages.tables import Table, cell, exactly, name, write_page

__all__ = ["cell", "glance", "summary", "write"]

Findings = Sequence[Finding]
COLUMNS = ["activation", "part", "side", "correctly rounded", "≤ 1 ULP", "largest error", "worst input", "wrong sign",
           "NaN", "0 for a truth that is not", "ties", "no truth"]  # fmt: skip


def write(evidence: Path, folder: Path) -> None:
    """Write sweeps.md and a figure of each formula and dtype."""
    header, found = read_evidence(evidence / "sweeps.jsonl")
    figures, tables = [], []
    for dtype in dict.fromkeys(f.dtype for f in found):
        here = [f for f in found if f.dtype == dtype]
        tables.append(summary(here, f"Every input in {dtype}"))
        for formula, what in dict.fromkeys((f.formula, f.what) for f in here):
            mine = [f for f in here if (f.formula, f.what) == (formula, what)]
            path = f"figures/sweep-{name(formula)}-{dtype}.svg"
            segment_errors(mine, folder / path)
            figures.append(f"![Largest error of {name(formula)} in {dtype}, by segments of the input]({path})")
            tables += [_by_segment([f for f in mine if f.quantity == part]) for part in ("slope", "value")]
    intro = (
        "# Sweeps\n\nEvery float there is of a dtype of at most 32 bits, asked of everyone, against the exact truth: "
        "neighbouring floats share a Taylor polynomial over balls with its remainder, evaluated in float64, where that "
        "leaves two floats open in twice its bits, and where these do point by point over balls. No input is left out "
        "or drawn at random: a largest error is the largest there is, of finite inputs; ±∞ and NaN are counted. "
        "*Correctly rounded*: equal to the float nearest to the truth. Errors are strict, |ŷ − y|/ulp(y), so that they "
        "have no bound next to a zero of the slope. *Ties*: truths that no precision tells from the middle between two "
        "floats, of which either is then right. *No truth*: where left and right slope, or the limits at ±∞, differ; "
        f"these enter nothing. torch is eager, JAX is compiled, on {header['cpu']}. `gradproof sweep {_first(found)}` "
        "makes its rows again.\n\n" + "\n".join(figures)
    )
    write_page(folder, "sweeps", intro, [t for t in tables if t.rows], header.get("device", ""))


def _first(found: Findings) -> str:
    return f"{found[0].formula} --dtype {found[0].dtype}" if found else "ID"


def summary(found: Findings, title: str = "") -> Table:
    """A row for each formula, part and side."""
    order = {side: k for k, side in enumerate(SIDES)}
    rows = []
    for f in sorted(found, key=lambda f: (f.formula, f.what, f.quantity, order.get(f.side, 9))):
        label = f"{name(f.formula)} ({f.what})" if f.what else name(f.formula)
        counts = [f.more.get(count, 0) for count in ("sign", "nan", "flushed", "ties", "untold")]
        shares = [share(f.more.get(count, 0), f.entries) for count in ("right", "faithful")]
        rows.append([label, f.quantity, f.side, *shares, f.max, exactly(f.at) if shares[0] != "all" else "", *counts])
    inputs = max((f.entries + f.more.get("untold", 0) for f in found), default=0)
    return Table(title, COLUMNS, rows, f"{inputs:,} inputs." if inputs else "")


def glance(found: Findings) -> str:
    """Of slopes in float32, on how many everyone is right, as a range over formulas."""
    said = []
    for side in SIDES:
        mine = [f for f in found if (f.side, f.quantity, f.dtype) == (side, "slope", "float32")]
        shares = sorted((f.more.get("right", 0) / f.entries, name(f.formula)) for f in mine)
        if shares:
            (least, worst), (most, _) = shares[0], shares[-1]
            said.append(f"{side} {100 * least:.0f} % ({worst}) to {100 * most:.0f} %")
    return f"slopes in float32 that are correctly rounded: {', '.join(said)}" if said else ""


def share(part: int, whole: int) -> str:
    """A percentage that never rounds up to all, or down to none.

    >>> share(4294967295, 4294967296), share(3, 4), share(0, 4), share(4, 4)
    ('99.99999998 %', '75.00 %', 'none', 'all')
    """
    if part in (0, whole):
        return "all" if part else "none"
    percent = 100 * part / whole
    digits = next(n for n in range(2, 12) if 0 < round(percent, n) < 100)
    return f"{percent:.{digits}f} %"


def _by_segment(found: Findings) -> Table:
    """Largest error and share of correctly rounded results of each side, a row a segment."""
    if not found:
        return Table("", [], [])
    by = {f.side: {row["of"]: row for row in f.more["segments"]} for f in found}
    sides = [side for side in SIDES if side in by]
    rows: list[list[Any]] = []
    for segment in dict.fromkeys(row["of"] for f in found for row in f.more["segments"]):
        line: list[Any] = [segment.replace("..", " … ").replace("-", "−")]
        for side in sides:
            row = by[side].get(segment, {})
            line += [row.get("max"), share(row.get("right", row.get("entries", 0)), row.get("entries", 0))]
        rows.append(line)
    columns = [
        "input",
        *(column for side in sides for column in (f"{side} largest error", f"{side} correctly rounded")),
    ]
    what = f" ({found[0].what})" if found[0].what else ""
    return Table(
        f"{found[0].quantity.capitalize()} of {name(found[0].formula)}{what} in {found[0].dtype}", columns, rows
    )
