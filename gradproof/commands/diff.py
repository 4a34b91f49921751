"""Two evidences side by side: what changed in meaning."""

from __future__ import annotations

from pathlib import Path

from gradproof.evidence.compare import Comparison
from gradproof.evidence.environment import header
from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages import drift
from gradproof.pages.tables import Table

MOST = 40  # changes that are shown to a person


def summary(found: Comparison) -> str:
    """One paragraph: what the two were made with, and how many findings are the same."""
    made = ", ".join(f"{what} {old or '–'} → {new or '–'}" for what, (old, new) in found.made_with.items())
    worse = sum(change.worse for change in found.changes)
    return (
        f"made with: {made or 'the same versions, processor and formulas'}\n"
        f"{found.same:,} findings are the same, {found.bits:,} differ in bits alone, {len(found.changes):,} changed in "
        f"meaning, {worse:,} of these for the worse"
    )


def table(found: Comparison) -> Table:
    """The changes, the worst first."""
    lines = [
        [c.area, c.how, c.subject, c.before or "–", c.now or "–", "worse" if c.worse else ""]
        for c in found.changes[:MOST]
    ]
    more = len(found.changes) - MOST
    return Table("", ["area", "what", "finding", "before", "now", ""], lines, f"and {more:,} more" if more > 0 else "")


def keep(found: Comparison, title: str, folder: Path) -> None:
    """Put the comparison among those of `folder`/evidence/drift.jsonl under its title, and write drift.md.

    Raises EvidenceError where that file is there and cannot be read.
    """
    path = folder / "evidence" / "drift.jsonl"
    others = [f for f in read_evidence(path).findings if f.more["title"] != title] if path.exists() else []
    write_evidence(path, header((), {}), [*others, *findings(found, title)])
    drift.write(folder / "evidence", folder)


def findings(found: Comparison, title: str) -> list[Finding]:
    """A comparison as findings: one for the whole, and one for each change of meaning."""
    as_json = found.as_json
    changes = as_json.pop("changes")
    as_json.pop("worse")
    entries = found.same + found.bits + len(changes)
    whole = Finding("comparison", title, entries=entries, more={"title": title} | as_json)
    each = []
    for c in found.changes:
        f = c.finding
        more = {"title": title, "area": c.area, "what": f.what, "how": c.how, "before": c.before, "now": c.now}
        where = f"{title}: {c.area} {f.kind} {c.how} {f.what}"
        each.append(Finding("change", f.formula, where, f.quantity, f.dtype, f.side, more=more | {"worse": c.worse}))
    return [whole, *each]
