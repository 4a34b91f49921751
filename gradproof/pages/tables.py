"""One table, written three ways: Markdown for the repository page, CSV for machines, LaTeX for papers."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import write_whole
from gradproof.evidence.finding import Finding


@dataclass(frozen=True)
class Table:
    """Column names and rows of cells. A cell is text, a number or None; `title` and `note` go round the table."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


def beside(found: Iterable[Finding], sides: Collection[str] = SIDES) -> list[tuple[Finding, list[Finding | None]]]:
    """Findings that differ in the side alone: one of them, and that of each side, None where it has none."""
    by: dict[tuple[str, ...], dict[str, Finding]] = {}
    for f in found:
        by.setdefault(f.key[:-1], {})[f.side] = f
    return [(next(iter(those.values())), [those.get(side) for side in sides]) for those in by.values()]


def answered(f: Finding | None, shown: Callable[[Finding], str]) -> str:
    """What is shown of the answer of a side; where it has none, why."""
    if f is None:
        return "not installed"
    return shown(f) if f.entries else f.why


def number(x: float | int | None, digits: int = 2) -> str:
    """A figure short enough for a cell.

    >>> number(0.4999), number(3.0), number(9007199254740992.0), number(None), number(float("inf"))
    ('0.50', '3.0', '9.0e15', '–', '∞')
    """
    if x is None:
        return "–"
    if isinstance(x, int):
        return f"{x:,}"
    if math.isnan(x):
        return "NaN"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    if x == 0:
        return "0"
    if 0.01 <= abs(x) < 1000:
        decimals = 0 if abs(x) >= 100 else 1 if abs(x) >= 1 else digits if abs(x) >= 0.1 else digits + 1
        return f"{x:.{decimals}f}"
    mantissa, exponent = f"{x:.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def exactly(hex: str) -> str:
    """A float written as hex, in the shortest decimals that name it.

    >>> exactly("0x1.5555555555555p-3"), exactly("-0x1.8000000000000p+1"), exactly("")
    ('1/6', '−3', '')
    """
    if not hex:
        return ""
    x = float.fromhex(hex)
    if not math.isfinite(x):
        return number(x)
    said = repr(int(x)) if x.is_integer() and abs(x) < 1e15 else repr(x)
    if len(said) > 8 and 1e-3 < abs(x) < 1e3:  # a simple fraction reads better
        said = next((f"{round(x * q)}/{q}" for q in (3, 6, 7, 9, 11, 12) if round(x * q) / q == x != 0), said)
    return said.replace("-", "−")


def name(id: str) -> str:
    """A formula's id without its kind."""
    return id.partition("/")[2]


def cell(x: Any) -> str:
    """Text of one cell: numbers by `number`, everything else as it prints."""
    return number(x) if x is None or (isinstance(x, (int, float)) and not isinstance(x, bool)) else str(x)


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, figures right-aligned."""
    numeric = [
        any(isinstance(row[k], (int, float)) for row in table.rows) if table.rows else False
        for k in range(len(table.columns))
    ]
    lines = [f"## {table.title}", ""] if table.title else []
    if table.note:
        lines += [table.note, ""]
    lines.append("| " + " | ".join(table.columns) + " |")
    lines.append("|" + "|".join("---:" if n else "---" for n in numeric) + "|")
    lines += ["| " + " | ".join(cell(c).replace("|", "\\|") for c in row) + " |" for row in table.rows]
    return "\n".join(lines) + "\n"


def comma_separated(table: Table) -> str:
    """The table as CSV, numbers in full."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows(["" if c is None else c for c in row] for row in table.rows)
    return out.getvalue()


_LATEX = {"\\": r"\textbackslash{}", "_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "$": r"\$", "^": r"\^{}",
          "{": r"\{", "}": r"\}", "~": r"\~{}", "∞": r"$\infty$", "−": "$-$", "–": "--", "σ": r"$\sigma$",
          "×": r"$\times$", "≤": r"$\le$", "≥": r"$\ge$", "±": r"$\pm$", "δ": r"$\delta$", "∂": r"$\partial$",
          "√": r"$\surd$", "′": "'", "→": r"$\to$", "…": r"\dots{}", "`": "", "·": r"$\cdot$",
          "½": r"$\frac12$", "Σ": r"$\sum$", "‖": r"$\|$", "⟨": r"$\langle$", "⟩": r"$\rangle$",
          "ᵀ": "$^T$"}  # fmt: skip


def latex(table: Table) -> str:
    """The table as a LaTeX `tabular` with booktabs rules."""

    def text(c: Any) -> str:
        return "".join(_LATEX.get(ch, ch) for ch in cell(c))

    align = "".join(
        "r" if any(isinstance(r[k], (int, float)) for r in table.rows) else "l" for k in range(len(table.columns))
    )
    body = [" & ".join(text(c) for c in row) + r" \\" for row in table.rows]
    head = " & ".join(text(c) for c in table.columns) + r" \\"
    return "\n".join([rf"\begin{{tabular}}{{{align}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule",
                      r"\end{tabular}"]) + "\n"  # fmt: skip


def write_page(folder: Path, name: str, intro: str, tables: Sequence[Table], device: str = "") -> None:
    """Write `name`.md with every table, and each table as `name`.csv and `name`.tex (numbered after the first).

    With a `device` that is not the CPU, the page and each of its tables say that frameworks computed there.
    """
    if device:
        title, _, rest = intro.partition("\n")
        intro = f"{title}: torch and JAX on {device}\n\nOurs and the truth are of the CPU.\n{rest}"
        tables = [replace(t, title=f"{t.title} ({device})".lstrip()) for t in tables]
    page = f"{intro.rstrip()}\n\n" + "\n".join(markdown(t) for t in tables)
    write_whole(folder / f"{name}.md", page)
    for k, table in enumerate(tables, 1):
        stem = name if k == 1 else f"{name}-{k}"
        write_whole(folder / "csv" / f"{stem}.csv", comma_separated(table))
        write_whole(folder / "tex" / f"{stem}.tex", latex(table))
