"""Two evidences side by side: what changed in meaning."""

from __future__ import annotations

from gradproof.evidence.compare import Comparison
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
