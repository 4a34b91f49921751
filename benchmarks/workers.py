"""Command line: python -m benchmarks.workers. CPU seconds and bytes of the tasks of sweeps, by one and by two workers.

A sweep of a formula takes the same steps at every run of neighbouring floats, so that a few hundred runs, spread
evenly over all bits, say what all of them take.
"""

from __future__ import annotations

import argparse
import functools
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.command import add_out, make, require, stopwatch
from gradproof.answers.frameworks import sides
from gradproof.cases.case import Case
from gradproof.evidence.environment import SIDES, header
from gradproof.evidence.files import write_evidence
from gradproof.evidence.finding import Finding
from gradproof.executors import about, executor, there
from gradproof.pages import workers as page
from gradproof.sweeps import measure as sweep
from gradproof.sweeps.inputs import SPAN, bits, floats, run_length
from gradproof.sweeps.measure import PARTS, Asked
from gradproof.workers import load_frameworks
from reference import CATALOGUE

NEEDED = ("torch", "jax", "flint", "ml_dtypes")
RUNS = 96  # of float32, of 2^16 neighbours each
PLACES, NEIGHBOURS = 24, 1 << 12  # of float64
TASKS = 32  # of a sweep, by one worker and by two
WRITTEN = 50  # times that a part is written


def short(x: float) -> float:
    """A figure to three digits."""
    return float(f"{x:.3g}")


class Clock:
    """CPU seconds of this process, all threads, by the name of what took them."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, f: Callable[..., Any]) -> Callable[..., Any]:
        """`f`, whose time is counted."""

        @functools.wraps(f)
        def timing(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            try:
                return f(*args, **kwargs)
            finally:
                self.seconds[name] = self.seconds.get(name, 0.0) + time.process_time() - start

        return timing

    def nanoseconds(self, n: int) -> dict[str, float]:
        """Of each of n inputs, to three digits."""
        return {name: short(1e9 * s / n) for name, s in self.seconds.items()}


def spread_out(n: int, every: int, length: int) -> list[int]:
    """First bits of n runs of so many floats, evenly over all `every`, each anywhere in its part.

    >>> all(k * 16 <= first < (k + 1) * 16 for k, first in enumerate(spread_out(4, 64, 4)))
    True
    """
    rng = np.random.default_rng(0)
    return [int((k + rng.random()) * every / n) // length * length for k in range(n)]


def of_float32(id: str, parts: tuple[str, ...], runs: int) -> Finding:
    """CPU time of an input in a sweep, and of that in asking each side and in the truth."""
    dtype, clock = "float32", Clock()
    n = run_length(dtype)
    asked, answering = Asked(id, dtype, parts, SIDES), sides(SIDES[1:])
    sweep.run(asked, 0x3F800000, answering)  # compiled
    whole = clock.timed("all", sweep.run)
    answering = {name: clock.timed(name, side) for name, side in answering.items()}
    starts = spread_out(runs, 1 << bits(dtype), n)
    for first in starts:
        whole(asked, first, answering)
    truth = clock.timed("truth", sweep.truth)
    with np.errstate(all="ignore"):
        for first in starts:
            truth(asked, floats(first, n, dtype).astype(np.float64))
    return Finding("run", id, " and ".join(parts), dtype=dtype, entries=n * runs,
                   more={"ns": clock.nanoseconds(n * runs)})  # fmt: skip


def of_float64(id: str, places: int) -> Finding:
    """The same where neighbours in float64 are asked for: each side, and the truth in twice the bits."""
    from oracles.arb_truth import segments

    clock, answering = Clock(), sides(SIDES[1:])
    truth = clock.timed("truth", segments.truths)
    with np.errstate(all="ignore"):
        for first in spread_out(places, (0x7FF << 52) - (1 << 52), NEIGHBOURS):
            z = (np.arange(first, first + NEIGHBOURS, dtype=np.int64)).view(np.float64)
            case = Case(id, "float64", "sweep", 0, {"z": z}, {"value": np.ones_like(z)}, {})
            for name, side in answering.items():
                side(case)
                clock.timed(name, side)(case)
            truth(id, z, "float64")
    ns = clock.nanoseconds(NEIGHBOURS * places)
    return Finding("run", id, "value and slope", dtype="float64", entries=NEIGHBOURS * places,
                   more={"ns": {"all": short(sum(ns.values())), **ns}})  # fmt: skip


def by_workers(id: str, jobs: int, tasks: int, n: int = SPAN) -> Finding:
    """Wall seconds until workers have started, and of the tasks of a sweep; bytes of one, and seconds to write it."""
    asked = Asked(id, "float32", ("slope",), SIDES)
    call = functools.partial(there, about(), SIDES, "cpu", sweep.measure, asked)
    with executor(jobs=jobs) as workers:
        start = time.perf_counter()
        for future in [workers.submit(call, 0x3F800000, run_length("float32")) for _ in range(8 * jobs)]:
            future.result()
        started = time.perf_counter()
        for future in [workers.submit(call, first, n) for first in spread_out(tasks, 1 << 32, n)]:
            made_on, found = future.result()
        ended = time.perf_counter()
    size = len(pickle.dumps((made_on, found))) + len(pickle.dumps((call, 0, n)))
    with tempfile.TemporaryDirectory() as folder:
        before = time.perf_counter()
        for k in range(WRITTEN):
            write_evidence(Path(folder) / f"{k}.jsonl", made_on, found)
        write = (time.perf_counter() - before) / WRITTEN
    seconds = {"start": started - start, "tasks": ended - started, "write": write}
    return Finding("workers", id, f"{jobs} of {tasks}", "slope", "float32", entries=n * tasks,
                   more={"seconds": {k: short(s) for k, s in seconds.items()}, "bytes": size,
                         "jobs": jobs, "tasks": tasks})  # fmt: skip


def measure(ids: Iterable[str], progress: Callable[[str], None]) -> Iterator[Finding]:
    """Everything, formula by formula."""
    ids = list(ids)
    for jobs in (1, 2):
        progress(f"{ids[0]} by {jobs}")
        yield by_workers(ids[0], jobs, TASKS)
    load_frameworks()
    for id in ids:
        progress(id)
        yield of_float32(id, ("slope",), RUNS)
        yield of_float32(id, PARTS, RUNS)
        yield of_float64(id, PLACES)


def main() -> None:
    """Measure, write `OUT/evidence/workers.jsonl` and make the page from it."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workers",
        description="Measure what the tasks of sweeps take, and whether two workers take half as long as one.",
        epilog="example: python -m benchmarks.workers --out trial",
    )
    add_out(parser)
    options = parser.parse_args()
    require(parser, NEEDED, "oracles")
    make(parser, options.out, "evidence")
    progress = stopwatch()
    found = list(measure((id for id, f in CATALOGUE.items() if f.elementwise), progress))
    made_with = header(("numpy", "torch", "jax", "balls", "16 bits"), {})
    write_evidence(options.out / "evidence" / "workers.jsonl", made_with, found)
    page.write(options.out / "evidence", options.out)
    progress(f"wrote {options.out / 'workers.md'}")


if __name__ == "__main__":
    main()
