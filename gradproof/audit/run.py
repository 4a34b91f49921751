"""The audit: areas that measure, evidence they leave, and pages made from the evidence alone."""

from __future__ import annotations

import contextlib
import datetime
import functools
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gradproof.checks import accuracy as costs
from gradproof.checks import kinks, penalties, penalty_accuracy, vectors
from gradproof.checks import sweep as accuracy
from gradproof.claims import literature, proofs
from gradproof.conventions import ask as conventions
from gradproof.evidence.environment import ORACLES, cpu, importable, source_hash, versions
from gradproof.evidence.files import EvidenceError, read_lines, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.networks import run as networks
from gradproof.networks import scaling
from gradproof.networks.summary import summarise
from gradproof.pages import accuracy as accuracy_pages
from gradproof.pages import errata, notation, speed
from gradproof.pages import networks as pages
from gradproof.pages.front import write_front
from gradproof.training import optimizers
from gradproof.training import parity as training
from gradproof.workers import pool
from literature import CLAIMS

Progress = Callable[[str, int, int], None]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Options:
    """What to measure and how; see `gradproof audit --help`."""

    only: str = "*"
    dtypes: tuple[str, ...] = ("float32", "float64")
    seed: int = 0
    draws: int = 1
    jobs: int = 0
    oracles: tuple[str, ...] = ("torch", "jax")
    resume: bool = False


@dataclass
class Outcome:
    """Verdict counts of an audit and the messages about everything that failed.

    `seconds` of an area passed between the end of the area before it and its own: areas are measured side by side, and
    end one after another.
    """

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
        "draws": options.draws,
        "only": options.only,
        "oracles": list(oracles),
        "source": source_hash("reference", "oracles"),
        "versions": versions(),
        "cpu": cpu(),
    }


@dataclass(frozen=True)
class Work:
    """What every area is given: where evidence goes, what to measure, the oracles that are there, and the workers."""

    out: Path
    options: Options
    oracles: Sequence[str]
    executor: Executor

    @property
    def header(self) -> dict[str, Any]:
        """The first line of an area's evidence."""
        return header(self.options, self.oracles)


# An area is a function that submits its tasks and returns one that waits for them and writes the evidence. All areas
# submit before any waits, so that no worker is idle while an area ends.
Finish = Callable[[Progress], Outcome]
Tasks = dict[str, Future[Rows]]


def _wait(area: str, tasks: Tasks, progress: Progress) -> tuple[Rows, Outcome]:
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


def _finish(
    area: str,
    work: Work,
    tasks: Tasks,
    write: Callable[[Path, dict[str, Any], Rows], None] = write_lines,
    failure: Callable[[dict[str, Any]], str] | None = None,
    counts: Callable[[dict[str, Any]], bool] = lambda row: "verdict" in row,
) -> Finish:
    """Wait for the tasks, write their rows, and with `failure` add up the verdicts of all rows that count.

    `failure` is the message about a row whose verdict fails.
    """

    def finish(progress: Progress) -> Outcome:
        rows, outcome = _wait(area, tasks, progress)
        write(work.out / "evidence" / f"{area}.jsonl", work.header, rows)
        if failure is not None:
            for row in filter(counts, rows):
                outcome.verdicts[row["verdict"]] += 1
                if Verdict(row["verdict"]).fails:
                    outcome.failures.append(failure(row))
        return outcome

    return finish


def audit_networks(work: Work) -> Finish:
    """The cross product of configurations; evidence/networks.jsonl. Raises what `networks.start` does."""
    chosen = {name: getattr(work.options, name) for name in ("only", "dtypes", "seed", "draws", "oracles", "resume")}
    measured = networks.start(work.out, work.executor, **chosen)

    def finish(progress: Progress) -> Outcome:
        raw = measured(functools.partial(progress, "networks"))
        counts = summarise(raw, work.out / "evidence", work.header)
        return Outcome(counts, networks.failures(raw, work.options.seed, work.options.draws))

    return finish


def _parity(task: training.Task, dtype: str, seed: int, oracles: Sequence[str]) -> Rows:
    return training.parity(task, dtype, seed, importable(ORACLES, oracles))


def audit_training(work: Work) -> Finish:
    """Training parity on the three data sets; evidence/training.jsonl."""
    tasks = {
        f"{task.data} in {dtype}": work.executor.submit(_parity, task, dtype, work.options.seed, work.oracles)
        for task in training.TASKS
        for dtype in work.options.dtypes
    }
    return _finish("training", work, tasks)


def _scaling(dtype: str, seed: int, oracles: Sequence[str]) -> Rows:
    return scaling.measure(dtype, seed, importable(ORACLES, oracles))


def audit_scaling(work: Work) -> Finish:
    """Differences against depth and width; evidence/scaling.jsonl."""
    dtypes, seed = work.options.dtypes, work.options.seed
    tasks = {dtype: work.executor.submit(_scaling, dtype, seed, work.oracles) for dtype in dtypes}
    return _finish("scaling", work, tasks)


def audit_accuracy(work: Work) -> Finish:
    """Every activation against the truth; evidence/accuracy.jsonl."""
    tasks = {
        f"{f.id} in {dtype}": work.executor.submit(accuracy.run_one, f.id, dtype, POINTS, work.oracles)
        for dtype in accuracy.DTYPES
        for f in accuracy.formulas()
    }
    tasks |= {
        f"{f.id} in {dtype}": work.executor.submit(vectors.run_one, f.id, dtype, work.oracles)
        for dtype in accuracy.WIDE
        for f in vectors.formulas()
    }

    def write(path: Path, header: dict[str, Any], rows: Rows) -> None:
        write_lines(path, {**header, "points": POINTS}, rows)

    return _finish("accuracy", work, tasks, write, accuracy.failure)


def audit_kinks(work: Work) -> Finish:
    """Everyone's slope at every kink and at special inputs; evidence/kinks.jsonl."""
    tasks = {"all": work.executor.submit(kinks.run, work.oracles)}
    return _finish("kinks", work, tasks, failure=accuracy.failure)


def audit_proofs(work: Work) -> Finish:
    """Every statement and derivative by computer algebra; evidence/proofs.jsonl. A refuted claim is `wrong`."""
    tasks = {f"part {k + 1}": work.executor.submit(proofs.measure, k) for k in range(proofs.PARTS)}

    def finish(progress: Progress) -> Outcome:
        rows, outcome = _wait("proofs", tasks, progress)
        proofs.write_evidence(work.out / "evidence" / "proofs.jsonl", rows)
        refuted = [row for row in rows if row["verdict"] == "refuted"]
        outcome.verdicts[Verdict.wrong.value] += len(refuted)
        outcome.failures += [f"{row['id']}: {row['claim']} is refuted at {row['counterexample']}" for row in refuted]
        return outcome

    return finish


def audit_literature(work: Work) -> Finish:
    """Published equations as printed; evidence/literature.jsonl. Their misprints are not our failures."""
    oracles = literature.oracles_here()
    tasks = {id: work.executor.submit(literature.measure, id, oracles) for id in CLAIMS}

    def write(path: Path, _: dict[str, Any], rows: Rows) -> None:
        literature.write_evidence(path, oracles, rows)

    return _finish("literature", work, tasks, write)


PARTS: dict[str, Callable[[str, Sequence[str]], Rows]] = {
    "costs": lambda id, names: list(costs.measure(costs.load(names), [id])),
    "penalties": lambda id, names: penalties.measure(id, penalty_accuracy.load(names)),
    "conventions": conventions.measure,
}


def _part(area: str, part: str, names: Sequence[str]) -> Rows:
    return PARTS[area](part, names)


def _by_part(area: str, work: Work, parts: Sequence[str]) -> Tasks:
    """An area measured part by part."""
    return {part: work.executor.submit(_part, area, part, work.oracles) for part in parts}


def audit_costs(work: Work) -> Finish:
    """Every cost of several inputs against the truth; evidence/costs.jsonl."""
    tasks = _by_part("costs", work, [f.id for f in costs.formulas()])
    return _finish("costs", work, tasks, costs.write_evidence, costs.failure)


def audit_penalties(work: Work) -> Finish:
    """Every regularizer against the truth and against both frameworks; evidence/penalties.jsonl."""
    tasks = _by_part("penalties", work, penalties.ids())
    return _finish("penalties", work, tasks, penalties.write_evidence, penalties.failure)


def audit_conventions(work: Work) -> Finish:
    """What each side means by the name of a cost, regularizer or optimizer; evidence/conventions.jsonl."""
    tasks = _by_part("conventions", work, list(conventions.TASKS))
    return _finish("conventions", work, tasks, conventions.write_evidence)


def _fails(row: dict[str, Any]) -> bool:
    return row.get("verdict") in (Verdict.wrong.value, Verdict.unknown.value)


def audit_optimizers(work: Work) -> Finish:
    """Update rules against torch.optim and optax; evidence/optimizers.jsonl. Only what fails counts."""
    tasks = {task: work.executor.submit(optimizers.measure, task) for task in optimizers.tasks()}

    def write(path: Path, _: dict[str, Any], rows: Rows) -> None:
        optimizers.write_evidence(path, rows)

    return _finish("optimizers", work, tasks, write, "optimizers: {}".format, _fails)


def literature_pages(evidence: Path, folder: Path) -> None:
    """Write literature.md, errata.md and notation.md."""
    errata.write_pages(evidence / "literature.jsonl", folder)
    notation.write_page(folder)


POINTS = 20_000  # per activation in float32 and float64, before the search round the worst

# In the order of submission: the longest first, so that no worker is left alone with one at the end.
AREAS: dict[str, Callable[[Work], Finish]] = {
    "networks": audit_networks,
    "accuracy": audit_accuracy,
    "costs": audit_costs,
    "proofs": audit_proofs,
    "optimizers": audit_optimizers,
    "conventions": audit_conventions,
    "penalties": audit_penalties,
    "kinks": audit_kinks,
    "training": audit_training,
    "scaling": audit_scaling,
    "literature": audit_literature,
}
NEED_AN_ORACLE = {"networks", "training", "scaling"}
PAGES: dict[str, Callable[[Path, Path], None]] = {
    "networks": pages.networks_pages,
    "training": pages.training_page,
    "scaling": scaling.write,
    "accuracy": accuracy_pages.accuracy_page,
    "kinks": accuracy_pages.kinks_page,
    "proofs": lambda evidence, folder: proofs.write_page(evidence / "proofs.jsonl", folder),
    "costs": costs.write_costs_page,
    "penalties": penalties.write_page,
    "conventions": conventions.write_conventions_page,
    "optimizers": lambda evidence, folder: optimizers.write_page(evidence / "optimizers.jsonl", folder),
    "literature": literature_pages,
    "speed": speed.write_page,
}
# Figures that take long to draw, from the area's own evidence: drawn while the workers measure what comes next.
EARLY = {"networks", "accuracy"}


def _installed(oracles: Sequence[str]) -> list[str]:
    return list(importable(ORACLES, oracles))


def run(out: Path, options: Options, progress: Progress) -> Outcome:
    """Run the areas that `options.only` names (all of them by default; a pattern means networks), then report.

    Raises MissingOracle if an area needs an oracle and there is none, OSError if `out` cannot be written, and
    whatever the areas raise.
    """
    (out / "evidence").mkdir(parents=True, exist_ok=True)
    areas = [options.only] if options.only in AREAS else ["networks"] if options.only != "*" else list(AREAS)
    chosen = options if options.only not in AREAS else replace(options, only="*")
    total = Outcome({v.value: 0 for v in Verdict})
    written: list[str] = []
    last = time.perf_counter()
    with pool(options.jobs) as executor:
        # Asked of a worker: this process needs no framework, and the workers import theirs side by side.
        ask = networks.installed if NEED_AN_ORACLE & {*areas} else _installed
        work = Work(out, chosen, executor.submit(ask, options.oracles).result(), executor)
        for area, finish in {area: AREAS[area](work) for area in areas}.items():
            total.add(finish(progress))
            now = time.perf_counter()
            total.seconds[area], last = now - last, now
            if area in EARLY:
                with contextlib.suppress(EvidenceError, OSError):  # met again below, when all has been measured
                    _write_pages(PAGES[area], area, out / "evidence", out)
                    written.append(area)
    write_report(out / "evidence", out, written)
    return total


def _write_pages(write: Callable[[Path, Path], None], area: str, evidence: Path, folder: Path) -> None:
    try:
        write(evidence, folder)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceError(
            f"{evidence / area}.jsonl: not the rows that its pages need ({error!r}); run the audit again"
        ) from error


def write_report(evidence: Path, folder: Path, written: Sequence[str] = ()) -> list[str]:
    """Write every page whose evidence is there, and those that look at all of it. Returns the areas.

    The pages of the areas `written` are there already. Raises EvidenceError where evidence is missing altogether or
    cannot be read.
    """
    present = [area for area in PAGES if (evidence / f"{area}.jsonl").exists()]
    if not present:
        raise EvidenceError(f"{evidence}: no evidence here; run 'gradproof audit' first")
    for area in present:
        if area not in written:
            _write_pages(PAGES[area], area, evidence, folder)
    if "accuracy" in present:  # frameworks.md, from costs and penalties too
        _write_pages(accuracy_pages.frameworks_page, "accuracy", evidence, folder)
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
