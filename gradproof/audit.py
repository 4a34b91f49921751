"""The audit: areas that measure, evidence they leave, and pages made from the evidence alone."""

from __future__ import annotations

import datetime
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gradproof import (
    accuracy,
    accuracy_pages,
    conventions,
    costs,
    errata,
    kinks,
    literature,
    networks,
    notation,
    optimizers,
    pages,
    penalties,
    penalty_accuracy,
    proofs,
    scaling,
    speed,
    training,
    vectors,
)
from gradproof.environment import cpu, load, source_hash, versions
from gradproof.files import EvidenceError, read_lines, write_lines
from gradproof.front import write_front
from gradproof.summary import summarise
from gradproof.verdicts import Verdict
from gradproof.workers import pool, report

Progress = Callable[[str, int, int], None]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What to measure and how; see `gradproof audit --help`."""

    only: str = "*"
    dtypes: tuple[str, ...] = ("float32", "float64")
    seed: int = 0
    jobs: int = 0
    oracles: tuple[str, ...] = ("torch", "jax")
    resume: bool = False


@dataclass
class Outcome:
    """Verdict counts of an audit and the messages about everything that failed."""

    verdicts: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """True if any verdict is `wrong` or `unknown`."""
        return any(n and Verdict(v).fails for v, n in self.verdicts.items())

    def add(self, other: Outcome) -> None:
        """Take in the counts and messages of another outcome."""
        self.failures += other.failures
        for verdict, n in other.verdicts.items():
            self.verdicts[verdict] = self.verdicts.get(verdict, 0) + n


def header(options: Options, oracles: Sequence[str]) -> dict[str, Any]:
    """What evidence was made with: the first line of its file."""
    now = datetime.datetime.now(datetime.timezone.utc)
    return {
        "made": now.isoformat(timespec="seconds"),
        "seed": options.seed,
        "only": options.only,
        "oracles": list(oracles),
        "source": source_hash("reference", "oracles"),
        "versions": versions(),
        "cpu": cpu(),
    }


def audit_networks(out: Path, options: Options, progress: Progress) -> Outcome:
    """The cross product of configurations; evidence/networks.jsonl. Raises what `networks.run` does."""
    available = networks.installed(options.oracles)
    raw = networks.run(
        out,
        only=options.only,
        dtypes=options.dtypes,
        seed=options.seed,
        jobs=options.jobs,
        oracles=options.oracles,
        resume=options.resume,
        progress=functools.partial(progress, "networks"),
    )
    counts = summarise(raw, out / "evidence", header(options, available))
    return Outcome(counts, networks.failures(raw, options.seed))


def _parity(task: training.Task, dtype: str, seed: int, oracles: Sequence[str]) -> list[dict[str, Any]]:
    modules = {name: module for name in oracles if (module := load(name))}
    rows = training.parity(task, dtype, seed, modules)
    report(1)
    return rows


def _wait(area: str, tasks: dict[str, Future[Rows]], progress: Progress) -> tuple[Rows, Outcome]:
    """The rows of all tasks of an area. One that raised is an `unknown` verdict with a message, and costs no other."""
    running: Any = tasks
    while running:
        finished, running = wait(tasks.values(), timeout=0.2)
        progress(area, len(finished), len(tasks))
    rows: Rows = []
    outcome = Outcome({v.value: 0 for v in Verdict})
    for name, task in tasks.items():
        if error := task.exception():
            outcome.verdicts[Verdict.unknown.value] += 1
            outcome.failures.append(f"{area}, {name}: {type(error).__name__}: {error}")
        else:
            rows += task.result()
    return rows, outcome


def audit_training(out: Path, options: Options, progress: Progress) -> Outcome:
    """Training parity on the three data sets; evidence/training.jsonl. Raises MissingOracle if there is none."""
    available = networks.installed(options.oracles)
    with pool(options.jobs) as (executor, _):
        tasks = {
            f"{task.data} in {dtype}": executor.submit(_parity, task, dtype, options.seed, available)
            for task in training.TASKS
            for dtype in options.dtypes
        }
        rows, outcome = _wait("training", tasks, progress)
    write_lines(out / "evidence" / "training.jsonl", header(options, available), rows)
    return outcome


def _scaling(dtype: str, seed: int, oracles: Sequence[str]) -> Rows:
    rows = scaling.measure(dtype, seed, {name: module for name in oracles if (module := load(name))})
    report(1)
    return rows


def audit_scaling(out: Path, options: Options, progress: Progress) -> Outcome:
    """Differences against depth and width; evidence/scaling.jsonl. Raises MissingOracle if there is no oracle."""
    available = networks.installed(options.oracles)
    with pool(options.jobs) as (executor, _):
        tasks = {dtype: executor.submit(_scaling, dtype, options.seed, available) for dtype in options.dtypes}
        rows, outcome = _wait("scaling", tasks, progress)
    write_lines(out / "evidence" / "scaling.jsonl", header(options, available), rows)
    return outcome


def audit_accuracy(out: Path, options: Options, progress: Progress) -> Outcome:
    """Every activation against the truth; evidence/accuracy.jsonl."""
    available = [name for name in options.oracles if load(name)]
    with pool(options.jobs) as (executor, _):
        # The longest first, so that no worker is left alone with one at the end.
        tasks = {
            f"{f.id} in {dtype}": executor.submit(accuracy.run_one, f.id, dtype, POINTS, available)
            for dtype in accuracy.DTYPES
            for f in accuracy.formulas()
        }
        tasks |= {
            f"{f.id} in {dtype}": executor.submit(vectors.run_one, f.id, dtype, available)
            for dtype in accuracy.WIDE
            for f in vectors.formulas()
        }
        rows, outcome = _wait("accuracy", tasks, progress)
    write_lines(out / "evidence" / "accuracy.jsonl", {**header(options, available), "points": POINTS}, rows)
    return _judged(rows, outcome)


def audit_kinks(out: Path, options: Options, progress: Progress) -> Outcome:
    """Everyone's slope at every kink and at special inputs; evidence/kinks.jsonl."""
    available = [name for name in options.oracles if load(name)]
    with pool(options.jobs) as (executor, _):
        rows, outcome = _wait("kinks", {"all": executor.submit(kinks.run, available)}, progress)
    write_lines(out / "evidence" / "kinks.jsonl", header(options, available), rows)
    return _judged(rows, outcome)


def _judged(rows: Rows, outcome: Outcome, failure: Callable[[dict[str, Any]], str] = accuracy.failure) -> Outcome:
    """The outcome with the verdicts of all rows that have one, and a message for each that fails."""
    for row in rows:
        if "verdict" in row:
            outcome.verdicts[row["verdict"]] += 1
            if Verdict(row["verdict"]).fails:
                outcome.failures.append(failure(row))
    return outcome


def audit_proofs(out: Path, options: Options, progress: Progress) -> Outcome:
    """Every statement and derivative by computer algebra; evidence/proofs.jsonl. A refuted claim is `wrong`."""
    rows = proofs.prove_all(
        out / "evidence" / "proofs.jsonl", jobs=options.jobs, progress=functools.partial(progress, "proofs")
    )
    refuted = [row for row in rows if row["verdict"] == "refuted"]
    messages = [f"{row['id']}: {row['claim']} is refuted at {row['counterexample']}" for row in refuted]
    return Outcome({Verdict.wrong.value: len(refuted)}, messages)


def audit_literature(out: Path, options: Options, progress: Progress) -> Outcome:
    """Published equations as printed; evidence/literature.jsonl. Their misprints are not our failures."""
    literature.judge_all(out / "evidence" / "literature.jsonl", progress=functools.partial(progress, "literature"))
    return Outcome()


PARTS: dict[str, Callable[[str, Sequence[str]], Rows]] = {
    "costs": lambda id, names: list(costs.measure(costs.load(names), [id])),
    "penalties": lambda id, names: penalties.measure(id, penalty_accuracy.load(names)),
    "conventions": conventions.measure,
}


def _part(area: str, part: str, names: Sequence[str]) -> Rows:
    rows = PARTS[area](part, names)
    report(1)
    return rows


def _by_part(area: str, parts: Sequence[str], options: Options, progress: Progress) -> tuple[Rows, Outcome, Any]:
    """Rows and outcome of an area measured part by part, and the header of its evidence."""
    available = [name for name in options.oracles if load(name)]
    with pool(options.jobs) as (executor, _):
        tasks = {part: executor.submit(_part, area, part, available) for part in parts}
        return *_wait(area, tasks, progress), header(options, available)


def audit_costs(out: Path, options: Options, progress: Progress) -> Outcome:
    """Every cost of several inputs against the truth; evidence/costs.jsonl."""
    rows, outcome, made_with = _by_part("costs", [f.id for f in costs.formulas()], options, progress)
    costs.write_evidence(out / "evidence" / "costs.jsonl", made_with, rows)
    return _judged(rows, outcome, costs.failure)


def audit_penalties(out: Path, options: Options, progress: Progress) -> Outcome:
    """Every regularizer against the truth and against both frameworks; evidence/penalties.jsonl."""
    ids = penalties.ids()
    rows, outcome, made_with = _by_part("penalties", ids[::-1], options, progress)  # the longest first
    rows.sort(key=lambda row: ids.index(row["id"]))
    penalties.write_evidence(out / "evidence" / "penalties.jsonl", made_with, rows)
    return _judged(rows, outcome, penalties.failure)


def audit_conventions(out: Path, options: Options, progress: Progress) -> Outcome:
    """What each side means by the name of a cost, regularizer or optimizer; evidence/conventions.jsonl."""
    rows, outcome, made_with = _by_part("conventions", list(conventions.TASKS), options, progress)
    conventions.write_evidence(out / "evidence" / "conventions.jsonl", made_with, rows)
    return outcome


def _failed(rows: Rows, name: str) -> Outcome:
    """The outcome of comparisons made elsewhere: only what fails counts."""
    bad = [row for row in rows if row.get("verdict") in (Verdict.wrong.value, Verdict.unknown.value)]
    counts = {v: sum(row["verdict"] == v for row in bad) for v in (Verdict.wrong.value, Verdict.unknown.value)}
    return Outcome(counts, [f"{name}: {row}" for row in bad])


def audit_optimizers(out: Path, options: Options, progress: Progress) -> Outcome:
    """Update rules against torch.optim and optax; evidence/optimizers.jsonl."""
    path = out / "evidence" / "optimizers.jsonl"
    return _failed(optimizers.measure(path, options.jobs, functools.partial(progress, "optimizers")), "optimizers")


def literature_pages(evidence: Path, folder: Path) -> None:
    """Write literature.md, errata.md and notation.md."""
    errata.write_pages(evidence / "literature.jsonl", folder)
    notation.write_page(folder)


POINTS = 20_000  # per activation in float32 and float64, before the search round the worst

AREAS: dict[str, Callable[[Path, Options, Progress], Outcome]] = {
    "networks": audit_networks,
    "training": audit_training,
    "scaling": audit_scaling,
    "accuracy": audit_accuracy,
    "kinks": audit_kinks,
    "proofs": audit_proofs,
    "costs": audit_costs,
    "penalties": audit_penalties,
    "conventions": audit_conventions,
    "optimizers": audit_optimizers,
    "literature": audit_literature,
}
PAGES: dict[str, Callable[[Path, Path], None]] = {
    "networks": pages.networks_pages,
    "training": pages.training_page,
    "scaling": scaling.write,
    "accuracy": accuracy_pages.write,
    "kinks": accuracy_pages.kinks_page,
    "proofs": lambda evidence, folder: proofs.write_page(evidence / "proofs.jsonl", folder),
    "costs": costs.write_costs_page,
    "penalties": penalties.write_page,
    "conventions": conventions.write_conventions_page,
    "optimizers": lambda evidence, folder: optimizers.write_page(evidence / "optimizers.jsonl", folder),
    "literature": literature_pages,
    "speed": speed.write_page,
}


def run(out: Path, options: Options, progress: Progress) -> Outcome:
    """Run the areas that `options.only` names (all of them by default; a pattern means networks), then report.

    Raises OSError if `out` cannot be written, and whatever the areas raise.
    """
    (out / "evidence").mkdir(parents=True, exist_ok=True)
    areas = [options.only] if options.only in AREAS else ["networks"] if options.only != "*" else list(AREAS)
    total = Outcome({v.value: 0 for v in Verdict})
    for area in areas:
        start = time.perf_counter()
        chosen = options if options.only not in AREAS else Options(**{**vars(options), "only": "*"})
        outcome = AREAS[area](out, chosen, progress)
        total.seconds[area] = time.perf_counter() - start
        total.add(outcome)
    write_report(out / "evidence", out)
    return total


def write_report(evidence: Path, folder: Path) -> list[str]:
    """Write every page whose evidence is there, and the page in front of them. Returns the areas written.

    Raises EvidenceError where evidence is missing altogether or cannot be read.
    """
    present = [area for area in PAGES if (evidence / f"{area}.jsonl").exists()]
    if not present:
        raise EvidenceError(f"{evidence}: no evidence here; run 'gradproof audit' first")
    for area in present:
        try:
            PAGES[area](evidence, folder)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise EvidenceError(
                f"{evidence / area}.jsonl: not the rows that its pages need ({error!r}); run the audit again"
            ) from error
    write_front(evidence, folder)
    return present


def check_report(folder: Path) -> list[str]:
    """What does not hold of committed reports: pages that do not follow from evidence, evidence of other source.

    Nothing in `folder` is changed.
    """
    import tempfile

    problems = []
    evidence = folder / "evidence"
    with tempfile.TemporaryDirectory() as scratch:
        write_report(evidence, Path(scratch))
        for made in sorted(Path(scratch).rglob("*")):
            if made.is_file():
                committed = folder / made.relative_to(scratch)
                if not committed.exists() or committed.read_bytes() != made.read_bytes():
                    problems.append(f"{committed} does not follow from the evidence; run 'gradproof report'")
    now = (source_hash("reference", "oracles"), source_hash("reference"))
    for path in sorted(evidence.glob("*.jsonl")):
        made_from = read_lines(path)[0].get("source")
        if made_from not in (None, *now):
            problems.append(
                f"{path} was made from formulas {made_from}, the source is now {now[0]}; run 'gradproof audit'"
            )
    claims = evidence / "literature.jsonl"
    if claims.exists() and (old := literature.stale(read_lines(claims)[1])):
        problems.append(f"{claims} is stale about {', '.join(old[:5])}; run 'gradproof audit --only literature'")
    return problems
