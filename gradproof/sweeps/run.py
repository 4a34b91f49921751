"""Run a sweep: tasks over any executor, each one's findings written whole as it comes back, evidence at the end."""

from __future__ import annotations

import shutil
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gradproof.evidence.environment import ORACLES, SIDES, header, versions
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.lookup import UsageError, find
from gradproof.parts import alone_in, done, prepare
from gradproof.sweeps.inputs import DTYPES, spans
from gradproof.sweeps.measure import PARTS, Asked, about, measure, whole
from gradproof.workers import pool

Progress = Callable[[str, int, int], None]
USES = ("numpy", "torch", "jax", "balls", "16 bits")
WAIT = 10  # seconds for a scheduler, and for its first worker


def asked(id: str, dtype: str, part: str | None = None, names: Sequence[str] = ()) -> Asked:
    """What these words mean; without a part both, without sides ours and all that are installed.

    Raises UsageError for an id, dtype, part or side that there is none of, and for what is not installed.
    """
    formula, parameters = find(id)
    if not formula.elementwise:
        raise UsageError(f"{id} takes whole arrays; a sweep asks for every input of a function of one number")
    if dtype not in DTYPES:
        why = "float64 has 2⁶⁴ inputs, which nobody can ask for" if dtype == "float64" else f"no dtype {dtype!r}"
        raise UsageError(f"--dtype: {why}; there are sweeps of {', '.join(DTYPES)}")
    if part is not None and part not in PARTS:
        raise UsageError(f"--part {part}: there are {' and '.join(PARTS)}")
    for name in names:
        if name not in SIDES:
            raise UsageError(f"--side {name}: there are {', '.join(SIDES)}")
        if name in ORACLES and "not installed" in versions([name]).values():
            raise UsageError(f"--side {name}: not installed; pip install 'gradproof[oracles]'")
    for use in ("balls", *(["16 bits"] if dtype == "bfloat16" else [])):
        if missing := [package for package, v in versions([use]).items() if v == "not installed"]:
            raise UsageError(f"{missing[0]}: not installed; pip install 'gradproof[oracles]'")
    here = tuple(name for name in SIDES if "not installed" not in versions([name]).values())
    chosen = tuple(name for name in SIDES if name in (names or here))
    return Asked(formula.id, dtype, (part,) if part else PARTS, chosen, parameters)


def run(
    out: Path,
    what: Asked,
    progress: Progress,
    on: str = "",
    jobs: int = 0,
    resume: bool = False,
    only: Sequence[tuple[int, int]] | None = None,
) -> list[Finding]:
    """Ask for every float, or those of the spans `only`; the findings, which then stand in OUT/evidence/sweeps.jsonl.

    Raises UsageError where another process writes to `out`, a worker has other versions or nobody is there to work,
    and where a task fails (what was measured stays for `resume`); EvidenceError where `resume` finds another sweep, or
    `out` has evidence that was made otherwise.
    """
    path, parts = out / "evidence" / "sweeps.jsonl", out / "sweeping"
    made_with = about()
    with alone_in(parts):
        kept = _others(path, what)
        run = prepare(parts, {**asdict(what), **made_with, "spans": only or "all"}, resume)
        tasks = {parts / f"{first:08x}.jsonl": (first, n) for first, n in only or spans(what.dtype)}
        left = {file: span for file, span in tasks.items() if not done(file, run)}
        name = f"{what.formula} in {what.dtype}"
        if left:
            with executor(on, jobs, str(parts / "libraries.log")) as workers:
                futures = {workers.submit(measure, what, *span, made_with): file for file, span in left.items()}
                running = set(futures)
                while running:
                    progress(name, len(tasks) - len(running), len(tasks))
                    finished, running = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                    for future in sorted(finished, key=_failed):  # what ended well is written, whatever else happened
                        with _said(running):
                            cpu, found = future.result()
                        write_evidence(futures[future], {"run": run, "cpu": cpu}, found)
        progress(name, len(tasks), len(tasks))
        read = [read_evidence(file) for file in tasks]
        result = whole([f for part in read for f in part.findings], what)
        cpus = ", ".join(sorted({part.header["cpu"] for part in read}))
        write_evidence(path, {**header(USES, {}), "cpu": cpus}, [*kept, *result])
        shutil.rmtree(parts)
    return result


def _others(path: Path, what: Asked) -> list[Finding]:
    """Findings of earlier sweeps that this one does not measure again."""
    if not path.exists():
        return []
    before, now = read_evidence(path), header(USES, {})
    if changed := [key for key in ("source", "versions") if before.header.get(key) != now[key]]:
        raise EvidenceError(
            f"{path} was made with another {' and '.join(changed)}; choose another --out, or remove the file"
        )
    again = {(what.formula, part, what.dtype, side) for part in what.parts for side in what.sides}
    return [f for f in before.findings if (f.formula, f.quantity, f.dtype, f.side) not in again]


@contextmanager
def _said(running: set[Future[Any]]) -> Iterator[None]:
    """A failure of a task as a UsageError that says how to go on; what has not begun is not begun."""
    try:
        yield
    except UsageError:
        _cancel(running)
        raise
    except (Exception, CancelledError) as error:
        _cancel(running)
        why = " ".join(str(error).split()) or "no word of it"
        raise UsageError(f"a task failed ({type(error).__name__}: {why}); go on from here with --resume") from error


def _failed(future: Future[Any]) -> bool:
    return future.cancelled() or future.exception() is not None


def _cancel(futures: set[Future[Any]]) -> None:
    for future in futures:
        future.cancel()


# ---------------------------------------------------------------- who works


@contextmanager
def executor(on: str, jobs: int, log: str) -> Iterator[Executor]:
    """Processes of this computer, or with "dask://HOST:PORT" the workers of a Dask scheduler.

    Raises UsageError for another address, for `jobs` beside it, where Dask is not installed, and where no scheduler or
    no worker answers.
    """
    if not on:
        with pool(jobs, log) as processes:
            yield processes
        return
    if jobs:
        raise UsageError(f"--jobs {jobs} is of processes here, and --on {on} names workers elsewhere; leave one out")
    scheme, _, address = on.partition("://")
    if scheme != "dask" or not address.rpartition(":")[2].isdecimal():
        raise UsageError(f"--on {on}: expected dask://HOST:PORT")
    try:
        from distributed import Client
    except ImportError as error:
        raise UsageError(f"--on {on}: Dask is not installed; pip install 'gradproof[dask]'") from error
    try:
        client = Client(f"tcp://{address}", timeout=WAIT, set_as_default=False)
    except OSError as error:
        raise UsageError(f"--on {on}: no Dask scheduler answers there within {WAIT} s") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError as error:
            raise UsageError(f"--on {on}: the scheduler has no workers") from error
        yield client.get_executor()
