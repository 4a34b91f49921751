"""Run an audit: areas cut into tasks, tasks over workers, evidence written whole, pages made of it.

A finished task is a file in OUT/parts, written whole; `--resume` takes what is there. Evidence is replaced only where
every task of its area has ended well.
"""

from __future__ import annotations

import functools
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from gradproof.audit import report
from gradproof.audit.areas import Area, Findings
from gradproof.audit.blame import message
from gradproof.audit.select import Options, select
from gradproof.evidence.environment import ORACLES, PACKAGES, cpu, header, source_hash, versions
from gradproof.evidence.files import read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.evidence.verdicts import FAILING
from gradproof.executors import Refused, about, ended, executor, made_on, there
from gradproof.lookup import UsageError
from gradproof.pages import figures
from gradproof.parts import alone_in, done, prepare
from gradproof.tasks import Plan, Task

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
    with alone_in(parts), executor(options.on, options.jobs, str(parts / "libraries.log")) as workers:
        here = _importable()
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
        started = [(area, [_part(area, task, parts, run) for task in tasks[area.name]]) for area in areas]
        call = functools.partial(there, about(), plan.oracles, plan.device)
        left = [part for _, those in started for part in those if part.left]
        running = {workers.submit(call, part.task.call): part for part in left}
        last = time.perf_counter()
        for area, those in started:
            if not those:
                continue
            while _left(area, those, progress):
                _write_ended(running, run)
            if _finish(area, those, out, options, outcome):
                report.write_area(area.name, out)
            now = time.perf_counter()
            outcome.seconds[area.name], last = now - last, now
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
class Part:
    """A task, the file that what it found is written to, whether it is still to be done, or why it did not end well."""

    task: Task
    path: Path
    left: bool
    error: str = ""


def _part(area: Area, task: Task, parts: Path, run: str) -> Part:
    path = parts / area.name / f"{re.sub(r'[^0-9A-Za-z._-]+', '-', task.name)}.jsonl"
    return Part(task, path, left=not done(path, run))


def _left(area: Area, parts: Sequence[Part], progress: Progress) -> bool:
    """Whether there is still something to do for an area; tells its progress."""
    total, left = (sum(part.task.weight for part in those) for those in (parts, [p for p in parts if p.left]))
    progress(area.name, total - left, total)
    return left > 0


def _write_ended(running: dict[Future[tuple[dict[str, str], Findings]], Part], run: str) -> None:
    """Write what has ended meanwhile, of whatever area. Raises Refused and UsageError where none can go on."""
    for part, future in ended(running):
        part.left = False
        try:
            on, found = future.result()
            write_evidence(part.path, {"task": part.task.name, "run": run, **on}, found)
        except Refused:
            raise
        except CancelledError as error:
            raise UsageError("the workers have gone; go on from here with --resume") from error
        except Exception as error:
            part.error = f"{part.task.name}: {type(error).__name__}: {' '.join(str(error).split())}"


def _finish(area: Area, parts: Sequence[Part], out: Path, options: Options, outcome: Outcome) -> bool:
    """Write the evidence of an area whose tasks have ended; True if all ended well and it was written."""
    failed = [f"{area.name}, {part.error}" for part in parts if part.error]
    if failed:
        outcome.failures += failed
        outcome.verdicts["unknown"] += len(failed)
        outcome.incomplete.append(area.name)
        return False
    read = [read_evidence(part.path) for part in parts]
    findings = area.fold([f for part in read for f in part.findings])
    made_with = header(area.uses, {**options.given(area), **area.constants}) | made_on(part.header for part in read)
    write_evidence(out / "evidence" / f"{area.name}.jsonl", made_with, findings)
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
