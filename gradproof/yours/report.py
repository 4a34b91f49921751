"""What came of a check, for a person, for machines, and as one line of Python that does it again."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gradproof.evidence.finding import Finding, hexed, short
from gradproof.yours.edges import Edge
from gradproof.yours.judge import WORSE, Judged, Worst
from gradproof.yours.memory import Law

SIGN = {True: "holds", False: "FAILS", None: "does not apply"}


class WrongGradient(AssertionError):
    """A gradient that is not that of its function; `report` is what was found."""

    def __init__(self, report: Report):
        super().__init__(str(report))
        self.report = report


@dataclass(frozen=True)
class Report:
    """What a check found.

    `verdict` is "right", "inaccurate" (a right formula in an unstable form), "wrong", "broken" (it raised, or returned
    something else than its adapter says) or "cannot tell" (an error in it could not have been seen).
    """

    subject: str
    form: str
    standard: str
    strength: str
    verdict: str
    judged: Sequence[Judged] = ()
    laws: Sequence[Law] = ()
    edges: Sequence[Edge] = ()  # kinks and special values
    missed: Sequence[str] = ()  # planted errors that were not seen
    planted: int = 0
    skipped: Mapping[str, str] = field(default_factory=dict)  # dtypes that the subject does not take, and why
    causes: Sequence[str] = ()
    broken: str = ""
    again: str = ""

    @property
    def ok(self) -> bool:
        """True if nothing is wrong: the verdict is right or, unless an accuracy was required, inaccurate."""
        return self.verdict in ("right", "inaccurate")

    def __bool__(self) -> bool:
        raise TypeError(f"a report is no truth value: ask report.ok (the verdict is {self.verdict!r})")

    def picture(self, path: str | Path) -> None:
        """Draw errors and ratios into a file, .svg, .png or .pdf. Needs matplotlib; raises UsageError, OSError."""
        from gradproof.yours.picture import draw

        draw(self, path)

    @property
    def findings(self) -> list[Finding]:
        """The report as rows of evidence, the side being "yours"."""
        return [
            Finding("check", self.subject, quantity=j.quantity, dtype=j.dtype, side="yours", verdict=j.verdict,
                    entries=j.entries, max=short(j.largest), at=w.at or (hexed(w.x) if w.x is not None else ""),
                    got=hexed(w.got), truth=hexed(w.truth), why=j.why, more={"allowed": j.allowed, "off": j.off})
            for j in self.judged for w in [j.told]
        ]  # fmt: skip

    @property
    def as_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "subject": self.subject, "form": self.form, "standard": self.standard, "strength": self.strength,
            "verdict": self.verdict, "causes": list(self.causes), "findings": [f.row for f in self.findings],
            "laws": [{"law": w.name, "holds": w.holds, "message": w.message} for w in self.laws],
            "edges": [asdict(e) for e in self.edges],
            "control": {"planted": self.planted, "missed": list(self.missed)}, "skipped": dict(self.skipped),
            "broken": self.broken, "again": self.again,
        }  # fmt: skip

    def __str__(self) -> str:
        lines = [f"{self.subject}, by {self.form}: {self.verdict.upper() if not self.ok else self.verdict}"]
        lines.append(f"  judged by {self.standard} ({self.strength})")
        if self.broken:
            lines.append(f"  {self.broken}")
        for quantity, verdict in dict.fromkeys((j.quantity, j.verdict) for j in sorted(self.judged, key=_badness)):
            lines += _said([j for j in self.judged if (j.quantity, j.verdict) == (quantity, verdict)])
        lines += _at_edges(self.edges)
        for cause in self.causes:
            lines.append(f"  likely cause: {cause}")
        for law in self.laws:
            if law.holds is False:
                lines.append(f"  law fails: {law.name}: {law.message}")
        held = sum(law.holds is True for law in self.laws)
        if held:
            lines.append(f"  {held} laws hold: {', '.join(law.name for law in self.laws if law.holds)}")
        if self.planted:
            found = self.planted - len(self.missed)
            lines.append(f"  could it have failed? {found} of {self.planted} planted errors were found")
        lines += [f"    {line}" for line in self.missed]
        lines += [f"  not asked in {dtype}: {why}" for dtype, why in self.skipped.items()]
        if self.again:
            lines.append(f"  again: {self.again}")
        return "\n".join(lines)


def _badness(j: Judged) -> int:
    return -WORSE.index(j.verdict)


def _said(these: Sequence[Judged]) -> list[str]:
    """One quantity in the dtypes in which it has the same verdict, in words: details of the widest."""
    j, *_ = these
    where = ", ".join(k.dtype for k in these)
    if j.verdict == "right":
        figures = ", ".join(f"{k.dtype} {k.largest:.2g}" for k in these)
        some = f"; {j.entries:,} of {j.of:,} entries were asked for, at random" if j.entries < j.of / 2 else ""
        return [f"  {j.quantity}: right; largest error in ULP: {figures} (rounding allows {j.allowed:g}){some}"]
    if j.why:
        return [f"  {j.quantity} in {where}: {j.verdict}: it {j.why}"]
    beyond = ", ".join(f"{k.off:,} of {k.entries:,}" for k in these)
    lines = [f"  {j.quantity} in {where}: {j.verdict}; beyond what rounding allows, {j.allowed:.3g} ULP: {beyond}"]
    for w in dict.fromkeys((j.told, j.worst)):
        place = f"x = {_number(w.x)}" if w.x is not None else w.at
        lines.append(f"    {_off(w)} at {place}: got {_number(w.got)}, truth {_number(w.truth)}")
    return lines


def _at_edges(edges: Sequence[Edge]) -> list[str]:
    """Kinks, one line each; special values where the limit was missed, and one line if it never was."""
    lines: dict[str, list[str]] = {}
    for e in edges:
        if e.kind == "kink" or e.verdict != "agrees":
            lines.setdefault(f"{e}: {WORD.get(e.verdict, e.verdict)}", []).append(e.dtype)
    said = [f"  {line} ({', '.join(dict.fromkeys(dtypes))})" for line, dtypes in lines.items()]
    special = [e for e in edges if e.kind == "special"]
    if special and all(e.verdict == "agrees" for e in special):
        said.append("  special values (±0, ±inf, NaN, subnormal, huge): the limits")
    return said


WORD = {"convention": "a convention", "agrees": "agrees"}


def _off(w: Worst) -> str:
    """How far an entry is off; of nothing, no number of ULP is one to read."""
    if w.truth == 0 and math.isfinite(w.got):
        return "not 0 where the truth is,"
    return f"{'∞' if w.error == math.inf else f'{w.error:.3g}'} ULP off"


def _number(x: float) -> str:
    """A number in decimal and, where that is not short, in hex."""
    return f"{x!r} ({hexed(x)})" if len(repr(x)) > 8 else repr(x)
