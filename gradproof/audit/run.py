"""Run an audit: areas cut into tasks, tasks over workers, evidence written whole, pages made of it.

A finished task is a file in OUT/parts, written whole; `--resume` takes what is there. Evidence is replaced only where
every task of its area has ended well.
"""

from __future__ import annotations

import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gradproof.audit import report
from gradproof.audit.areas import Area
from gradproof.audit.blame import message
from gradproof.audit.select import Options, select
from gradproof.evidence.environment import ORACLES, PACKAGES, cpu, header, source_hash, versions
from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import FAILING
from gradproof.lookup import UsageError
from gradproof.pages import figures
from gradproof.parts import alone_in, done, prepare
from gradproof.tasks import Plan, Task
from gradproof.workers import pool

Progress = Callable[[str, int, int], None]


@dataclass
class Outcome:
    """Verdict counts of an audit and the messages about everything that failed.

    `seconds` of an area passed between the end of the area before it and its own: areas are measured side by side, and
    end one after another. `incomplete` areas have tasks that did not end well; their evidence is as it was.
    """

    verdicts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    incomplete: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """True if any verdict fails, or something could not be measured."""
        return bool(self.failures or self.incomplete)


def run(out: Path, options: Options, progress: Progress) -> Outcome:
    """Measure what `options` names into `out`, then write its report.

    Raises UsageError for options that mean nothing or leave nothing to measure, for an oracle that was named and is not
    installed, for an area without any of the oracles it needs, and where another audit is writing to `out`;
    ImportError without matplotlib, where a page has figures; EvidenceError where `resume` finds a run made otherwise,
    or `out` has evidence of other areas that cannot be read; OSError where `out` cannot be written.
    """
    areas, plan = select(options)
    outcome = Outcome()
    parts = out / "parts"
    with alone_in(parts), pool(options.jobs, str(parts / "libraries.log")) as executor:
        # Asked of a worker: this process needs no framework, and the workers import theirs side by side.
        here = executor.submit(_importable).result()
        if missing := [name for name in options.oracle or () if name not in here]:
            raise UsageError(f"--oracle {missing[0]}: not installed; pip install 'gradproof[oracles]'")
        plan = replace(plan, oracles=tuple(name for name in plan.oracles if name in here))
        areas = _able(areas, plan, here, named=frozenset(options.only))
        if any(area.figures for area in areas):
            figures.check_installed()
        tasks = {area.name: list(area.tasks(plan)) for area in areas}
        if not any(tasks.values()):
            raise UsageError(f"nothing to measure: what was asked for does not stand in {', '.join(tasks)}")
        report.check_readable(out, but=tasks)
        run = prepare(parts, _made_with(plan), options.resume)
        started = [(area, _start(area, tasks[area.name], parts, run, executor)) for area in areas if tasks[area.name]]
        written = []
        last = time.perf_counter()
        for area, running in started:
            if _finish(area, running, out, options, outcome, progress):
                written.append(executor.submit(report.write_area, area.name, out))
            now = time.perf_counter()
            outcome.seconds[area.name], last = now - last, now
        for page in written:
            page.result()
    if not outcome.incomplete:
        shutil.rmtree(parts)
    if any((out / "evidence").glob("*.jsonl")):
        report.write_overview(out)
    return outcome


# ---------------------------------------------------------------- what is there


def _importable() -> set[str]:
    """What of `PACKAGES` is installed."""
    return {use for use in PACKAGES if "not installed" not in versions([use]).values()}


def _able(areas: Sequence[Area], plan: Plan, here: set[str], named: frozenset[str]) -> list[Area]:
    """The areas that have one of the oracles they need; of those that were named, all must."""
    able = []
    for area in areas:
        usable = {need for need in area.needs if need in (plan.oracles if need in ORACLES else here)}
        if usable or not area.needs:
            able.append(area)
        elif area.name in named or len(areas) == 1:
            wanted = " or ".join(package for need in area.needs for package in PACKAGES[need][:1])
            raise UsageError(f"{area.name} needs {wanted}: not installed; pip install 'gradproof[oracles]'")
    if not able:
        raise UsageError("none of the oracles is installed; pip install 'gradproof[oracles]'")
    return able


def _made_with(plan: Plan) -> dict[str, Any]:
    """What parts are measured with."""
    return {
        **asdict(replace(plan, formulas=None)), "formulas": sorted(plan.formulas or ()),
        "source": source_hash("reference", "oracles", "gradproof", "literature"), "versions": versions(), "cpu": cpu(),
    }  # fmt: skip


# ---------------------------------------------------------------- tasks


@dataclass
class Running:
    """A task, the file that it leaves, and what it is doing; None where it was done before."""

    task: Task
    path: Path
    future: Future[None] | None


def _start(area: Area, tasks: Sequence[Task], parts: Path, run: str, executor: Executor) -> list[Running]:
    """Submit the tasks of an area that have not been done yet; their files carry the name of the run."""
    started = []
    for task in tasks:
        path = parts / area.name / f"{re.sub(r'[^0-9A-Za-z._-]+', '-', task.name)}.jsonl"
        started.append(Running(task, path, None if done(path, run) else executor.submit(_measure, task, path, run)))
    return started


def _measure(task: Task, path: Path, run: str) -> None:
    write_evidence(path, {"task": task.name, "run": run}, task.call())


def _finish(
    area: Area, tasks: Sequence[Running], out: Path, options: Options, outcome: Outcome, progress: Progress
) -> bool:
    """Wait for the tasks of an area and write its evidence; True if it was written."""
    futures: set[Future[None]] = {task.future for task in tasks if task.future}
    total, running = sum(t.task.weight for t in tasks), futures
    while True:
        done = sum(t.task.weight for t in tasks if t.future not in running)
        progress(area.name, done, total)
        if not running:
            break
        _, running = wait(running, timeout=0.2)
    failed = {t.task.name: error for t in tasks if t.future and (error := t.future.exception())}
    for name, error in failed.items():
        outcome.failures.append(f"{area.name}, {name}: {type(error).__name__}: {' '.join(str(error).split())}")
        outcome.verdicts["unknown"] += 1
    if failed:
        outcome.incomplete.append(area.name)
        return False
    made_with = {**options.given(area), **area.constants}
    findings = area.fold([f for task in tasks for f in read_evidence(task.path).findings])
    write_evidence(out / "evidence" / f"{area.name}.jsonl", header(area.uses, made_with), findings)
    _count(findings, outcome)
    return True


def _count(findings: Sequence[Finding], outcome: Outcome) -> None:
    """Count the verdicts, those on networks by architecture: each other overview has the same cases once more."""
    for found in findings:
        counts = found.more.get("verdicts") or ({found.verdict: 1} if found.verdict else {})
        if found.kind not in ("network", "overview", "disagreement") or found.what == "architecture":
            outcome.verdicts.update(counts)
        if found.kind not in ("overview", "disagreement") and not FAILING.isdisjoint(counts):
            outcome.failures.append(message(found))
