"""Two evidences by key: what changed in meaning, and how often only bits did."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradproof.evidence.files import EvidenceError, read_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import AGREEING, FAILING, got_worse

# A largest error counts as another one where it leaves [½, 2] times the old one and a whole unit with it. Within these,
# the functions of another processor or compiler differ from each other.
FACTOR, UNITS = 2.0, 1.0
NOT_COMPARED = ("speed", "drift", "checkers", "mutants")  # evidence of other things than gradients
PART = frozenset({"only", "dtype", "oracle"})  # what stands in the header of evidence of a part


@dataclass(frozen=True)
class Change:
    """One key whose meaning changed. `how`: verdict, error, reading, new or gone; `worse` decides the exit code.

    Where a finding counts verdicts of many cases, `before` has those that no case has now, and `now` the new ones.
    """

    area: str
    how: str
    finding: Finding
    before: str
    now: str
    worse: bool = False

    @property
    def subject(self) -> str:
        """The finding in a few words."""
        f = self.finding
        about = " ".join(filter(None, (f.quantity, f.dtype, f.side)))
        return f"{f.formula}{f' ({f.what})' if f.what else ''}{f': {about}' if about else ''}"


@dataclass(frozen=True)
class Comparison:
    """What two evidences have in common and what not."""

    changes: list[Change]
    made_with: dict[str, tuple[str, str]]  # package, processor or option: before, now; where these differ
    same: int
    bits: int  # findings with other numbers and the same meaning

    @property
    def worse(self) -> bool:
        """True if a verdict became worse."""
        return any(change.worse for change in self.changes)

    @property
    def as_json(self) -> dict[str, Any]:
        """For machines."""
        changes = [
            {"area": c.area, "how": c.how, "subject": c.subject, "before": c.before, "now": c.now, "worse": c.worse}
            for c in self.changes
        ]
        made_with = {package: list(versions) for package, versions in self.made_with.items()}
        return {"made_with": made_with, "same": self.same, "bits": self.bits, "worse": self.worse, "changes": changes}


def compare(before: Path, now: Path) -> Comparison:
    """Compare the evidence folders of two reports, areas that both have.

    Raises EvidenceError where a folder has no evidence, where the two have no area in common, and as `read_evidence`.
    """
    old, new = _areas(before), _areas(now)
    both = [area for area in old if area in new]
    if not both:
        raise EvidenceError(f"{before} has {', '.join(old)}, {now} has {', '.join(new)}: nothing to compare")
    changes: list[Change] = []
    made_with: dict[str, tuple[str, str]] = {}
    same = bits = 0
    for area in both:
        first, second = read_evidence(old[area]), read_evidence(new[area])
        made_with |= _made_with(first.header, second.header)
        found, wanted = ({f.key: f for f in side.findings} for side in (first, second))
        part = not PART.isdisjoint(second.header)  # of a part, what is not there was not asked for
        for key, finding in found.items():
            if key not in wanted:
                changes += [] if part else [Change(area, "gone", finding, finding.verdict, "")]
            elif finding.row == wanted[key].row:
                same += 1
            elif meant := list(_changes(area, finding, wanted[key])):
                changes += meant
            else:
                bits += 1
        come = (f for key, f in wanted.items() if key not in found)
        changes += [Change(area, "new", f, "", f.verdict, f.verdict in FAILING) for f in come]
    return Comparison(sorted(changes, key=lambda c: (not c.worse, c.area, c.how, c.subject)), made_with, same, bits)


def check_comparable(before: Path, now: Path) -> None:
    """Whether what will be written to `now` can be compared with what is in `before`, to know it before a long audit.

    Raises EvidenceError where it cannot.
    """
    if _areas(before) and before.resolve() in (now.resolve(), (now / "evidence").resolve()):
        raise EvidenceError(f"{before}: it would be overwritten, and then compared with itself; name another --out")
    for path in _areas(before).values():
        read_evidence(path)


def _areas(folder: Path) -> dict[str, Path]:
    evidence = folder / "evidence" if (folder / "evidence").is_dir() else folder
    found = {path.stem: path for path in sorted(evidence.glob("*.jsonl")) if path.stem not in NOT_COMPARED}
    if not found:
        raise EvidenceError(f"{folder}: no evidence here; name a folder that 'gradproof audit --out' has written")
    return found


def _made_with(before: dict[str, Any], now: dict[str, Any]) -> dict[str, tuple[str, str]]:
    old, new = ({**h.get("versions", {}), "cpu": h.get("cpu", ""), "formulas": h.get("source", ""),
                 **{option: str(h[option]) for option in ("seed", "draws") if option in h}}
                for h in (before, now))  # fmt: skip
    return {name: (old.get(name, ""), new.get(name, "")) for name in old | new if old.get(name) != new.get(name)}


def _changes(area: str, old: Finding, new: Finding) -> Iterator[Change]:
    before, now = _verdicts(old), _verdicts(new)
    if before.keys() != now.keys():
        gone, come = ({v: n for v, n in a.items() if v not in b} for a, b in ((before, now), (now, before)))
        worse = not FAILING.isdisjoint(come) or (not old.more.get("verdicts") and got_worse(old.verdict, new.verdict))
        yield Change(area, "verdict", new, _counted(gone), _counted(come), worse)
    elif None not in (old.max, new.max) and other_error(old.max, new.max):  # not said of networks that agree
        yield Change(area, "error", new, f"{old.max}", f"{new.max}")
    if (reading := new.more.get("reading")) != old.more.get("reading"):
        yield Change(area, "reading", new, str(old.more.get("reading")), str(reading))


def _verdicts(f: Finding) -> dict[str, int]:
    """The verdicts of a finding with their numbers; equal to the last bit is no other meaning than within rounding."""
    if counts := f.more.get("verdicts"):
        apart = {verdict: n for verdict, n in counts.items() if n and verdict not in AGREEING}
        rest = f.entries - sum(apart.values())
        return {"agrees": rest, **apart} if rest else apart
    return {"agrees" if f.verdict in AGREEING else f.verdict: 0} if f.verdict else {}


def _counted(verdicts: Mapping[str, int]) -> str:
    return ", ".join(f"{verdict} {n:,}" if n else verdict for verdict, n in verdicts.items())


def other_error(before: float | None, now: float | None) -> bool:
    """True if a largest error has become another one, by FACTOR and UNITS.

    >>> other_error(0.5, 0.9), other_error(5.8, 2.0), other_error(1e9, 1.1e9), other_error(3.0, math.inf)
    (False, True, False, True)
    """
    if before is None or now is None:
        return before is not now
    if before == now or (math.isnan(before) and math.isnan(now)):
        return False
    if not (math.isfinite(before) and math.isfinite(now)):
        return True
    low, high = sorted((before, now))
    return high > FACTOR * low and high - low > UNITS
