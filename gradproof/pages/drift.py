"""drift.md: what changed in meaning between versions of the frameworks, and between processors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, number, write_page

INTRO = """# Drift

The same cases, measured twice: with other versions of the frameworks, or with other instructions of the processor.
Most numbers that differ do so in their last bits. Listed is what changed in meaning: a verdict; a largest error by more
than a factor of two and a unit in the last place; a convention; a formula that one of the two did not have. Networks
stand together by hidden and output activation, cost and regularizer; of their verdicts only those are named that no
network of the row had before, or has now."""


def write(evidence: Path, folder: Path) -> None:
    """Write drift.md from evidence/drift.jsonl."""
    _, found = read_evidence(evidence / "drift.jsonl")
    wholes = [f for f in found if f.kind == "comparison"]
    changes = [f for f in found if f.kind == "change"]
    tables = [_table(whole, [f for f in changes if f.more["title"] == whole.formula]) for whole in wholes]
    write_page(folder, "drift", INTRO, tables)


def _table(whole: Finding, changes: Sequence[Finding]) -> Table:
    """One line for the dtypes and quantities that share formula, side and change."""
    together: dict[tuple[str, ...], list[Finding]] = {}
    for f in changes:
        what, before, now = f.more["what"], _said(f, "before"), _said(f, "now")
        together.setdefault((f.more["area"], f.formula, what, f.side, f.more["how"], before, now), []).append(f)
    lines = []
    for (area, formula, what, side, how, before, now), group in together.items():
        parts = dict.fromkeys(" ".join(filter(None, (f.quantity, f.dtype))) for f in group)
        worse = "worse" if any(f.more["worse"] for f in group) else ""
        lines.append([area, formula, what, ", ".join(parts), side, how, before, now, worse])
    made = ", ".join(f"{name} {old or '–'} → {new or '–'}" for name, (old, new) in whole.more["made_with"].items())
    note = (
        f"{made}. {whole.more['same']:,} findings are the same to the last digit, {whole.more['bits']:,} differ in "
        f"bits alone, {len(changes):,} changed in meaning."
    )
    columns = ["area", "formula", "where", "of", "side", "what", "before", "after", ""]
    return Table(whole.formula, columns, lines, note)


def _said(f: Finding, when: str) -> str:
    said = f.more[when]
    return number(float(said), 2) if f.more["how"] == "error" and said != "None" else said or "–"
