"""A lock file: verdicts and largest errors of chosen formulas, by every side, and the versions they are of."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gradproof.audit.run import Progress
from gradproof.audit.select import Options, select
from gradproof.evidence.compare import other_error
from gradproof.evidence.environment import ORACLES, versions
from gradproof.evidence.files import EvidenceError, encode, refuse_constant, write_whole
from gradproof.evidence.finding import Finding, hexed
from gradproof.evidence.verdicts import FAILING, got_worse
from gradproof.executors import about, executor, there
from gradproof.lookup import UsageError
from gradproof.tasks import Task

AREAS = ("accuracy", "kinks")
LOCKED = ("sweep", "accuracy", "kink")  # kinds of findings that have a verdict or an error
USES = ("numpy", "torch", "jax", "balls", "16 bits")


@dataclass(frozen=True)
class Change:
    """One line of the lock that is another one now; `worse` decides the exit code."""

    finding: str
    before: str
    now: str
    worse: bool


def run(
    path: Path, ids: Sequence[str], check: bool, dtypes: Sequence[str] | None, jobs: int, progress: Progress
) -> tuple[str, list[list[str]], bool]:
    """Write the lock file `path` for formulas `ids`, or `check` what is measured now against it.

    Gives what is to be said, the lines that changed, and whether one became worse. Raises UsageError for what cannot be
    asked, EvidenceError for a file that cannot be read, ImportError without python-flint, OSError as `open` does.
    """
    if not check:
        if not ids:
            raise UsageError("lock: name formulas, as in 'gradproof lock gradients.lock activation/gelu'")
        now = measure(ids, dtypes, jobs, progress)
        write(path, now)
        return f"{path}: {len(now['lines'])} lines", [], False
    if ids or dtypes:
        raise UsageError("lock --check takes formulas and dtypes from the file: leave them out")
    kept = read(path)
    if missing := absent(kept):
        raise UsageError(f"{path} was made with {', '.join(missing)}: not installed")
    now = measure(kept["formulas"], kept["dtypes"], jobs, progress)
    old, new = kept["versions"], now["versions"]
    made = ", ".join(
        f"{package} {old[package]} → {new.get(package)}" for package in old if old[package] != new.get(package)
    )
    found = list(changes(kept, now))
    said = (
        f"made with: {made or 'the same versions'}\n{len(kept['lines'])} lines, {len(found)} changed, "
        f"{sum(c.worse for c in found)} of these for the worse"
    )
    lines = [[c.finding, c.before, c.now, "worse" if c.worse else ""] for c in found]
    return said, lines, any(c.worse for c in found)


def measure(ids: Sequence[str], dtypes: Sequence[str] | None, jobs: int, progress: Progress) -> dict[str, Any]:
    """What a lock file says of formulas, ids or patterns of ids, measured now.

    Raises UsageError for what names no formula, ImportError without python-flint.
    """
    try:
        areas, plan = select(Options(only=(*AREAS, *ids), dtype=tuple(dtypes) if dtypes else None))
    except UsageError as error:
        raise UsageError(str(error).removeprefix("--only ")) from None  # an option of the audit
    found: list[Finding] = []
    tasks: list[Task] = [task for area in areas for task in area.tasks(plan)]
    with executor(jobs=jobs) as workers:
        call = functools.partial(there, about(), plan.oracles, plan.device)
        for done, future in enumerate([workers.submit(call, task.call) for task in tasks], 1):
            found += future.result()[1]
            progress("lock", done, len(tasks))
    lines = {" ".join(filter(None, f.key)): _line(f) for f in found if f.kind in LOCKED and (f.verdict or f.entries)}
    if not lines:
        raise UsageError(f"{', '.join(ids)}: nothing to lock; give the ids of formulas")
    return {"formulas": list(ids), "dtypes": list(dtypes or ()), "versions": versions(USES), "lines": lines}


def _line(f: Finding) -> dict[str, Any]:
    said = {"verdict": f.verdict, "ulp": f.max, "slope": f.got if f.kind == "kink" else ""}
    return {name: value for name, value in said.items() if value not in ("", None)}


def write(path: Path, lock: Mapping[str, Any]) -> None:
    """Write the lock file, a line a finding. Raises OSError as `open` does."""
    lines = ",\n".join(f"  {encode(name)}: {encode(line)}" for name, line in sorted(lock["lines"].items()))
    head = "".join(f"{encode(name)}: {encode(lock[name])},\n" for name in ("formulas", "dtypes", "versions"))
    write_whole(path, f'{{{head}"lines": {{\n{lines}\n}}}}\n')


def read(path: Path) -> dict[str, Any]:
    """A lock file. Raises EvidenceError where it cannot be read."""
    try:
        lock = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse_constant)
        if not {"formulas", "dtypes", "versions", "lines"} <= lock.keys():
            raise ValueError("no lock file")
        for line in lock["lines"].values():
            line.update({"ulp": float(line["ulp"])} if "ulp" in line else {})
            line.update({"slope": hexed(float.fromhex(line["slope"]))} if "slope" in line else {})  # once with zeros
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise EvidenceError(f"{path}: cannot be read ({error}); make it with 'gradproof lock {path} ID'") from error
    return dict(lock)


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[Change]:
    """Every line that has another verdict, largest error or slope, or is gone.

    >>> old, new = ({"lines": {"sweep gelu": {"verdict": "agrees", "ulp": u}}} for u in (0.7, 3.9))
    >>> [change.worse for change in changes(old, new)], [change.worse for change in changes(new, old)]
    ([True], [False])
    """
    for name, old in sorted(before["lines"].items()):
        new = now["lines"].get(name)
        if new is None:
            yield Change(name, _said(old), "not measured", True)
        elif old.get("verdict") != new.get("verdict"):
            worse = got_worse(old.get("verdict", ""), new.get("verdict", "")) or new.get("verdict") in FAILING
            yield Change(name, _said(old), _said(new), worse)
        elif other_error(old.get("ulp"), new.get("ulp")):
            yield Change(name, _said(old), _said(new), not (new.get("ulp") or 0.0) < (old.get("ulp") or 0.0))
        elif old.get("slope") != new.get("slope"):
            yield Change(name, _said(old), _said(new), True)


def _said(line: Mapping[str, Any]) -> str:
    ulp = f"{line['ulp']:.4g} ULP" if "ulp" in line else ""
    return ", ".join(filter(None, (line.get("verdict", ""), ulp, line.get("slope", ""))))


def absent(lock: Mapping[str, Any]) -> list[str]:
    """The frameworks that a lock was measured with and that are not installed here."""
    here = versions(USES)
    known = [name for name in ORACLES if lock["versions"].get(name, "not installed") != "not installed"]
    return [name for name in known if here[name] == "not installed"]
