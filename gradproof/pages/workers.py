"""workers.md: what the tasks of sweeps take, and a model of what 64 cores would need for all there is."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, name, number, write_page

Findings = Sequence[Finding]

CORES = (2, 64)
GOAL, GOALS = 3, {"gelu": 5}  # minutes for one derivative by three sides, on two cores
SEGMENTS = 2 * 2046 * 256  # of float64: each 256th part of each binade of normal numbers, of both signs
NEIGHBOURS = 1 << 15  # in each of them

HOW = """\
# Workers

What `gradproof sweep` takes: CPU time of every side's answer, of the truth, and of the comparison. It is measured on
runs of neighbouring floats spread evenly over all bits, {runs:,} inputs or more a line, and times of whole sweeps are
that of an input times their number: a **model**. Made {made} on {cpu} by `python -m benchmarks.workers`; formulas
{source}."""

MODEL = """\
**A model, not a measurement**: start + max(tasks · seconds a task ÷ cores, tasks · seconds to write one). Workers share
nothing, tasks are of {span:,} inputs, and one process writes what comes back, {bytes:,} bytes a task with its call.
Cores are taken to be as fast as the one that was measured, and as fast when all are busy."""


def write(evidence: Path, folder: Path) -> None:
    """Write workers.md."""
    header, found = read_evidence(evidence / "workers.jsonl")
    runs = [f for f in found if f.kind == "run"]
    intro = HOW.format(runs=min((f.entries for f in runs), default=0), made=header["made"][:10], cpu=header["cpu"],
                       source=header["source"])  # fmt: skip
    linear = [f for f in found if f.kind == "workers"]
    tables = [model(runs, linear), goals(runs), by_workers(linear), stages(runs)]
    write_page(folder, "workers", intro, [t for t in tables if t.rows])


def model(runs: Findings, linear: Findings) -> Table:
    """Hours of all there is, for each number of cores."""
    if not (runs and linear):
        return Table("", [], [])
    one = linear[0].more
    span = linear[0].entries // one["tasks"]
    rows = []
    for what, dtype, inputs in (
        ("every float32 of", "float32", 2**32),
        (f"float64 by segments, {NEIGHBOURS:,} neighbours in each of {SEGMENTS:,}, of", "float64",
         SEGMENTS * NEIGHBOURS),
        ("every float64 of", "float64", 2**64),
    ):  # fmt: skip
        mine = [f for f in runs if (f.dtype, f.what) == (dtype, "value and slope")]
        mean = statistics.fmean(f.more["ns"]["all"] for f in mine) * 1e-9
        tasks = len(mine) * inputs / span
        times = [one["seconds"]["start"] + max(tasks * span * mean / n, tasks * one["seconds"]["write"]) for n in CORES]
        rows.append([f"{what} {len(mine)} activations, value and slope, {len(SIDES)} sides", number(len(mine) * inputs),
                     number(1e9 * mean), number(span * mean), *map(lasting, times)])  # fmt: skip
    columns = ["what", "inputs", "ns an input", "s a task", *(f"{n} cores" for n in CORES)]
    return Table("What all there is would take", columns, rows, MODEL.format(span=span, bytes=one["bytes"]))


def goals(runs: Findings) -> Table:
    """Minutes of one derivative of float32 on two cores, and whether that is what was aimed at."""
    rows = []
    for f in sorted((f for f in runs if (f.dtype, f.what) == ("float32", "slope")), key=lambda f: -f.more["ns"]["all"]):
        minutes, goal = f.more["ns"]["all"] * 1e-9 * 2**32 / 60 / 2, GOALS.get(name(f.formula), GOAL)
        rows.append([name(f.formula), round(minutes, 1), f"≤ {goal}", "met" if minutes <= goal else "**missed**"])
    note = f"By {len(SIDES)} sides, by the model above. The last table says what takes the time."
    return Table("Every float32 of one derivative", ["activation", "minutes of two cores", "goal", ""], rows, note)


def by_workers(linear: Findings) -> Table:
    """The same tasks by one worker and by two."""
    rows = [
        [name(f.formula), f.more["jobs"], f.more["tasks"], f.more["seconds"]["start"], f.more["seconds"]["tasks"],
         round(linear[0].more["seconds"]["tasks"] / f.more["seconds"]["tasks"], 2), f.more["bytes"]]
        for f in linear
    ]  # fmt: skip
    columns = ["activation", "workers", "tasks", "s to start", "s for all tasks", "times as fast", "bytes a task"]
    return Table("One worker and two", columns, rows, "Measured; wall seconds.")


def stages(runs: Findings) -> Table:
    """Nanoseconds of an input, by who takes them."""
    rows = []
    for f in runs:
        ns = f.more["ns"]
        parts = [ns.get(who) for who in ("truth", *SIDES)]
        rest = max(0.0, ns["all"] - sum(filter(None, parts)))
        rows.append([name(f.formula), f.dtype, f.what, ns["all"], *parts, rest])
    columns = ["activation", "dtype", "part", "all", "truth", *SIDES, "to compare"]
    return Table("CPU nanoseconds of an input", columns, rows)


def lasting(seconds: float) -> str:
    """A time in the unit that suits it.

    >>> lasting(40), lasting(600), lasting(40000), lasting(1e12)
    ('40 s', '10 min', '11 h', '31,710 years')
    """
    for unit, size, least in (("years", 365 * 86400, 2), ("days", 86400, 3), ("h", 3600, 3), ("min", 60, 2)):
        if seconds >= least * size:
            return f"{seconds / size:,.0f} {unit}"
    return f"{seconds:.0f} s"
