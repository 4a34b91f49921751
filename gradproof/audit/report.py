"""The report: every page made from evidence alone, and whether what is committed still follows from it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from gradproof import pages
from gradproof.audit.areas import AREAS
from gradproof.claims import literature
from gradproof.evidence import summary
from gradproof.evidence.compare import PART
from gradproof.evidence.environment import source_hash
from gradproof.evidence.files import EvidenceError, read_evidence

Page = Callable[[Path, Path], None]
REPORTS = Path(__file__).parents[2] / "reports"  # of a checkout, whose evidence is what travels with the package

PAGES: dict[str, Page] = {name: area.page for name, area in AREAS.items()} | {
    "speed": pages.speed.write,
    "sweeps": pages.sweeps.write,
    "workers": pages.workers.write,
    "drift": pages.drift.write,
    "checkers": pages.checkers.write,
    "mutants": pages.mutants.write,
}


@contextmanager
def _made_of(evidence: Path) -> Iterator[None]:
    """Raises EvidenceError, naming `evidence`, where a page cannot be made of the findings there."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(
            f"{evidence}: not the findings that its pages need ({error!r}); run the audit again"
        ) from error


def write_area(name: str, out: Path, evidence: Path | None = None) -> None:
    """Write the pages of one area into `out`, from `out/evidence` unless told otherwise.

    Raises EvidenceError where they do not follow.
    """
    evidence = evidence or out / "evidence"
    _check_kinds(name, evidence / f"{name}.jsonl")
    with _made_of(evidence / f"{name}.jsonl"):
        PAGES[name](evidence, out)


def _check_kinds(name: str, path: Path) -> None:
    """Raises EvidenceError where an area's evidence has findings of another one."""
    own = AREAS[name].kinds if name in AREAS else ()
    others = {kind: area.name for area in AREAS.values() for kind in area.kinds if kind not in own}
    if foreign := next((f for f in read_evidence(path).findings if f.kind in others), None):
        raise EvidenceError(
            f"{path}: has findings of {others[foreign.kind]} ({foreign.kind} {foreign.formula}); run the audit again"
        )


def write_overview(out: Path, evidence: Path | None = None) -> None:
    """Write the pages that look at the evidence of several areas: defects of the frameworks, optimizers, the front.

    Of the reports of a checkout, also what travels with the package.
    Raises EvidenceError where they do not follow.
    """
    evidence = evidence or out / "evidence"
    with _made_of(evidence):
        if (evidence / "accuracy.jsonl").exists():
            pages.frameworks.write(evidence, out)
        if (evidence / "updates.jsonl").exists():
            pages.updates.write(evidence, out)
        pages.front.write(evidence, out)
        if out.resolve() == REPORTS:
            summary.write(evidence)


def check_readable(out: Path, but: Collection[str]) -> None:
    """Raises EvidenceError where evidence of other areas, of which the front page is made too, is unreadable."""
    for area in PAGES:
        path = out / "evidence" / f"{area}.jsonl"
        if area not in but and path.exists():
            read_evidence(path)


def write_report(out: Path, evidence: Path | None = None) -> list[str]:
    """Write every page whose evidence is in `out/evidence`, unless told otherwise. Returns the areas.

    Raises EvidenceError where evidence is missing altogether or cannot be read.
    """
    evidence = evidence or out / "evidence"
    present = [area for area in PAGES if (evidence / f"{area}.jsonl").exists()]
    if not present:
        raise EvidenceError(f"{evidence}: no evidence here; run 'gradproof audit' first")
    for area in present:
        write_area(area, out, evidence)
    write_overview(out, evidence)
    return present


def check_report(folder: Path) -> list[str]:
    """What does not hold of committed reports: pages that do not follow from evidence, stale or partial evidence.

    Nothing in `folder` is changed.
    """
    problems = []
    evidence = folder / "evidence"
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch)
        write_report(made, evidence)
        for page in sorted(p for p in made.rglob("*") if p.is_file()):
            committed = folder / page.relative_to(made)
            if not committed.exists() or committed.read_bytes() != page.read_bytes():
                problems.append(f"{committed} does not follow from the evidence; run 'gradproof report'")
    if folder.resolve() == REPORTS:
        problems += [f"{summary.SHIPPED / name}, which travels with the package, does not follow from {evidence}; "
                     "run 'gradproof report'" for name in summary.stale(evidence)]  # fmt: skip
    now = source_hash("reference", "oracles")
    for name in AREAS:
        path = evidence / f"{name}.jsonl"
        if not path.exists():
            problems.append(f"{path} is missing; run 'gradproof audit --only {name} --out {folder}'")
            continue
        header, findings = read_evidence(path)
        if header.get("source") != now:
            problems.append(
                f"{path} was made from formulas {header.get('source')}, the source is now {now}; audit again"
            )
        if part := PART & header.keys():
            problems.append(f"{path} is a part ({', '.join(sorted(part))}); run 'gradproof audit'")
        if name == "literature" and (old := literature.stale(findings)):
            problems.append(f"{path} is stale about {', '.join(old[:5])}; run 'gradproof audit --only literature'")
    return problems
