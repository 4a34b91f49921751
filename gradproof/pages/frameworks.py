"""frameworks.md: defects of the frameworks, what the accuracy evidence shows of them, each with a line to see it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, exactly, markdown, name, number, write_page

DEFECT = 1000.0  # conditioned ULP from which an inaccuracy is listed as a defect: three digits beyond rounding
WIDEST = ("float64", "float32", "bfloat16", "float16")
SMALLEST = {"float32": 2.0**-126, "float64": 2.0**-1022}


def write(evidence: Path, folder: Path) -> None:
    """Write frameworks.md from evidence/accuracy.jsonl."""
    header, found = read_evidence(evidence / "accuracy.jsonl")
    listed = defects(found)
    versions = header["versions"]
    groups: dict[tuple[str, str], list[Finding]] = {}
    for f in listed:
        groups.setdefault((f.side, f.formula.split("/")[0]), []).append(f)
    elsewhere = f": torch and JAX on {header['device']}" if "device" in header else ""
    intro = (
        f"# Framework defects{elsewhere}\n\n"
        f"Values and slopes off by more than {DEFECT:,.0f} conditioned ULP at some input, or "
        "not numbers where the truth is one, shown at the worst input in the widest dtype that has the defect. "
        "*Composed*: the framework has no such function, and its definition was written out; then the defect is "
        "that of the textbook form; all others are *native*.\n\n" + markdown(counts(groups))
    )
    tables = [_table(f"{side} {kind}", found, versions) for (side, kind), found in groups.items()]
    write_page(folder, "frameworks", intro, tables)


def counts(groups: Mapping[tuple[str, str], Sequence[Finding]]) -> Table:
    """How many defects there are by kind of formula and framework, those of native functions too, and where."""
    sides = list(dict.fromkeys(side for side, _ in groups))

    def cell(side: str, kind: str) -> str:
        found = groups.get((side, kind), ())
        native = sum("composed" not in f.more for f in found)
        return f"[{len(found):,}](#{side}-{kind}), {native:,} native" if found else "–"

    lines = [[kind, *(cell(side, kind) for side in sides)] for kind in dict.fromkeys(kind for _, kind in groups)]
    return Table("", ["defects", *sides], lines)


def defects(found: Sequence[Finding]) -> list[Finding]:
    """One finding per formula, parameters, quantity and framework; its `dtype` names all wide ones that show it."""
    worst: dict[tuple[str, str, str, str], list[Finding]] = {}
    for f in found:
        off = (f.max or 0) > DEFECT or f.more.get("not a number", 0) > 0
        if f.kind in ("sweep", "accuracy") and f.side != "ours" and f.dtype in SMALLEST and f.entries and off:
            worst.setdefault((f.side, f.formula, f.what, f.quantity), []).append(f)
    listed = []
    for _, group in sorted(worst.items()):
        group.sort(key=lambda f: WIDEST.index(f.dtype))
        listed.append(replace(group[0], why=", ".join(f.dtype for f in group)))
    return listed


def _table(title: str, found: Sequence[Finding], versions: dict[str, str]) -> Table:
    lines = [
        [f.side, versions[f.side], name(f.formula), f.what or "defaults", f.quantity, f.why, place(f),
         exactly(f.got), exactly(f.truth), number(f.max), kind(f),
         "composed" if "composed" in f.more else "native", f"`{f.again()}`"]
        for f in found
    ]  # fmt: skip
    where = ["framework", "version", "formula", "parameters", "quantity", "dtypes", "input"]
    return Table(title, [*where, "got", "truth", "ULP", "what", "function", "see it"], lines)


def place(f: Finding) -> str:
    """The point; of arrays the case, and what of each argument belongs to the entry."""
    if f.kind == "sweep":
        return exactly(f.at)
    given = f.more.get("input", {}).items()
    return ": ".join([f.at, *filter(None, [", ".join(f"{name} = {_numbers(x)}" for name, x in given)])])


def _numbers(x: str | Sequence[str]) -> str:
    return exactly(x) if isinstance(x, str) else f"({', '.join(map(exactly, x))})"


def kind(f: Finding) -> str:
    """What kind of defect the numbers show, and what is at the bottom of it."""
    got, truth = float.fromhex(f.got), float.fromhex(f.truth)
    if math.isnan(got):
        return "NaN where the truth is a number: 0·∞ or ∞ − ∞ on the way"
    return _of_numbers(f, got, truth) + (", NaN elsewhere" if f.more.get("not a number") else "")


def _of_numbers(f: Finding, got: float, truth: float) -> str:
    if math.isinf(got):
        return "overflow on the way to a finite number"
    if f.kind == "sweep" and 0 < abs(float.fromhex(f.at)) < SMALLEST[f.dtype]:
        return "subnormal input taken as 0"
    if got == 0 and abs(truth) < SMALLEST[f.dtype]:
        return "subnormal result taken as 0"
    if got == 0:
        return "0 where the truth is not: underflow or a difference of equals on the way"
    if truth == 0:
        return "not 0 where the truth is: what cancels does so only to rounding"
    relative = abs(got / truth - 1)
    return "all digits lost" if relative >= 0.5 else f"relative error {relative:.1e}"
