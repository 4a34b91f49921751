"""kinks.md: everyone's slope where left and right differ, and values and slopes at special inputs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, answered, beside, exactly, name, write_page

KINDS = {"activation": "Activations", "cost": "Costs", "regularizer": "Regularizers", "layer": "Layers",
         "update": "Clipping"}  # fmt: skip


def write(evidence: Path, folder: Path) -> None:
    """Write kinks.md from evidence/kinks.jsonl."""
    _, found = read_evidence(evidence / "kinks.jsonl")
    kinks = [f for f in found if f.kind == "kink"]
    tables = [slopes(title, [f for f in kinks if f.formula.startswith(f"{kind}/")]) for kind, title in KINDS.items()]
    tables.append(special([f for f in found if f.kind == "special"]))
    intro = (
        "# Kinks and special inputs\n\nSlopes in float64 where the exact slopes on the two sides differ, or might. "
        "They come from the definition alone, as power series at t → 0 from either side, and not from our record; a "
        "record that says otherwise is wrong. Where more than one entry is torn, the slope is that along a random "
        "direction, and *outside* means: not between left and right along some of several directions. Ours is the "
        "subgradient of least norm."
    )
    write_page(folder, "kinks", intro, [table for table in tables if table.rows])


def slopes(title: str, found: Sequence[Finding]) -> Table:
    """Everyone's slope at each place, beside those on the left and on the right."""
    lines = [
        [name(f.formula), f.what, f.quantity, *(exactly(f.more[side]) for side in ("left", "right")),
         *(answered(row, slope) for row in rows), f.why]
        for _, rows in beside(found) if (f := rows[0])
    ]  # fmt: skip
    return Table(title, ["formula", "where", "slope", "left", "right", *SIDES, "why ours"], lines)


def slope(f: Finding) -> str:
    """One side's slope in a cell."""
    return exactly(f.got) + ("" if f.more["inside"] else " (outside)")


def _unsigned(hex: str) -> str:
    """A float as hex, zero without its sign."""
    return hex.removeprefix("-") if float.fromhex(hex) == 0 else hex


def special(found: Sequence[Finding]) -> Table:
    """Only the lines on which someone differs, by more than the sign of a zero."""
    lines = []
    for one, rows in beside(found):
        truth = rows[0].truth if rows[0] else ""
        said = {_unsigned(hex) for hex in (truth, *(f.got for f in rows if f)) if hex}
        if len(said) > 1:
            shown = ["–" if f is None else exactly(f.got) for f in rows]
            lines.append([name(one.formula), one.quantity, one.what, exactly(truth) or "no limit", *shown])
    note = "Only the lines on which someone differs, by more than the sign of a zero; the evidence has all."
    return Table("At ±0, ±∞ and NaN", ["activation", "part", "input", "limit", *SIDES], lines, note)
