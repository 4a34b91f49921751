"""What was measured of one formula, in tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from gradproof.evidence.environment import SIDES
from gradproof.evidence.finding import Finding
from gradproof.pages import conventions, frameworks, kinks
from gradproof.pages.literature import inline
from gradproof.pages.literature import name as document
from gradproof.pages.networks import counts
from gradproof.pages.tables import Table, exactly, number
from gradproof.site.known import Known
from gradproof.site.markup import page_link
from literature import CLAIMS
from reference.formula import Formula

DTYPES = ("float64", "float32", "float16", "bfloat16")


def errors(known: Known, f: Formula) -> list[Finding]:
    """Findings on the accuracy of a formula: the widest dtype first, within it quantity by quantity."""
    found = known.of(f.id, "sweep") + known.of(f.id, "accuracy")
    parts = {"value": 0, "slope": 1}
    return sorted(found, key=lambda e: (e.what, DTYPES.index(e.dtype), parts.get(e.quantity, 2), e.quantity))


def largest(found: Sequence[Finding]) -> Table:
    """The largest and the mean error of every side, a line each setting, dtype and quantity."""
    by = {(f.what, f.dtype, f.quantity, f.side): f for f in found}
    lines = []
    for key in dict.fromkeys(key[:3] for key in by):
        lines.append([key[0] or "defaults", *key[1:], *(_error(by.get((*key, side))) for side in SIDES)])
    return Table("", ["parameters", "dtype", "quantity", *(f"{side}: max (mean)" for side in SIDES)], lines)


def _error(f: Finding | None) -> str:
    if f is None:
        return "–"
    if not f.entries:
        return f.why or "–"
    return f"{number(f.max)} ({number(f.mean)}){'*' if 'composed' in f.more else ''}"


def worst(found: Sequence[Finding]) -> Table:
    """Where the largest error of every side is, what it gives there, and the truth."""
    lines = [
        [f.side, f.what or "defaults", f.dtype, f.quantity, exactly(f.at) if f.kind == "sweep" else f.at,
         f"`{f.at}`" if f.kind == "sweep" else "", exactly(f.got), exactly(f.truth), f.max, f.verdict]
        for f in found if f.at
    ]  # fmt: skip
    columns = ["side", "parameters", "dtype", "quantity", "input", "in hex", "got", "truth", "ULP", "verdict"]
    return Table("", columns, lines)


def slopes(known: Known, f: Formula) -> Table:
    """Everyone's slope where left and right differ, or might."""
    return _of_one(kinks.slopes("", known.of(f.id, "kink")))


def special(known: Known, f: Formula) -> Table:
    """Values and slopes at special inputs at which someone differs."""
    return _of_one(kinks.special(known.of(f.id, "special")))


def _of_one(table: Table) -> Table:
    """A table of the reports that is about one formula, without the column that names it."""
    return Table("", table.columns[1:], [row[1:] for row in table.rows])


def defects(known: Known, ids: Iterable[str]) -> list[Finding]:
    """Defects of the frameworks in these formulas."""
    return frameworks.defects([f for id in ids for kind in ("sweep", "accuracy") for f in known.of(id, kind)])


def defect_table(found: Sequence[Finding]) -> Table:
    """One line a defect, what is wrong first, with the line to see it."""
    lines = [
        [f.side, f.quantity, f.max, frameworks.kind(f), exactly(f.at) if f.kind == "sweep" else f.at,
         exactly(f.got), exactly(f.truth), f.why, f.what or "defaults",
         "composed" if "composed" in f.more else "native", f"`{f.again()}`"]
        for f in found
    ]  # fmt: skip
    where = ["framework", "quantity", "ULP", "what", "input", "got", "truth", "dtypes", "parameters"]
    return Table("", [*where, "function", "see it"], lines)


def meanings(known: Known, f: Formula) -> list[Table]:
    """What each side means by the name: its conventions, and its defaults."""
    asked, given = known.of(f.id, "convention"), known.of(f.id, "default")
    found = [_of_one(conventions.readings("", f.kind, asked)), _of_one(conventions.defaults(given))]
    return [table for table in found if table.rows]


def networks(known: Known, f: Formula) -> Table:
    """Verdicts on whole networks with this formula in them."""
    lines = [
        [found.what, found.dtype, found.side, found.entries, counts(found.more["verdicts"])]
        for found in known.of(f.id, "overview") if "verdicts" in found.more
    ]  # fmt: skip
    return Table("", ["where", "dtype", "against", "gradients", "verdicts"], lines,
                 "[What the words mean](/guides/verdicts/index.md).")  # fmt: skip


def steps(known: Known, f: Formula) -> Table:
    """Trajectories of an update rule beside those of the frameworks' optimizers."""
    lines = [[t.what, t.dtype, t.side, t.max, t.verdict, t.why] for t in known.of(f.id, "trajectory")]
    return Table("", ["setting and problem", "dtype", "side", "over its rounding error", "verdict", "why"], lines)


def claims(known: Known, f: Formula) -> Table:
    """Published equations that bear on this formula, each with its verdict."""
    lines = []
    for claim in CLAIMS.values():
        if f.id in claim.supports:
            verdict = next((j.verdict for j in known.of(claim.id, "claim")), "not judged")
            said = claim.wrong or claim.doubt or claim.convention or claim.unchecked or claim.remark
            lines.append([claim.id, f"{claim.place} of {document(claim.source)}", inline(claim.latex["printed"]),
                          f"**{verdict}**", said])  # fmt: skip
    return Table("", ["claim", "where", "as printed", "verdict", "what to know"], lines)


def laws(known: Known, f: Formula) -> str:
    """How many laws hold of it, and which are undefined."""
    found = known.of(f.id, "law")
    kept = sum(law.verdict == "holds" for law in found)
    others = [f"{law.verdict}: {law.what} ({law.dtype})" for law in found if law.verdict not in ("holds", "undefined")]
    where = page_link("laws", "laws")
    return f"{kept} {where} hold" + (f"; {'; '.join(others)}" if others else "") + "." if found else ""


def mutants(known: Known, f: Formula) -> str:
    """What became of the errors that were planted in it."""
    found = Counter(m.verdict for m in known.of(f.id, "mutant"))
    said = ", ".join(f"{n} {verdict}" for verdict, n in sorted(found.items()))
    return f"Errors planted in it ({page_link('mutants', 'mutants')}): {said}." if found else ""
