"""Run a sweep: tasks over any executor, each one's findings written whole as it comes back, evidence at the end."""

from __future__ import annotations

import functools
import shutil
from asyncio import CancelledError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from gradproof.cases.parameters import label
from gradproof.evidence.environment import CPU, ORACLES, SIDES, header, versions
from gradproof.evidence.files import EvidenceError, read_evidence, write_evidence
from gradproof.evidence.finding import Finding
from gradproof.executors import about, ended, executor, made_on, there
from gradproof.lookup import UsageError, find
from gradproof.parts import alone_in, done, prepare
from gradproof.sweeps.inputs import DTYPES, spans
from gradproof.sweeps.measure import PARTS, Asked, measure, whole
from reference import CATALOGUE

Progress = Callable[[str, int, int], None]
USES = ("numpy", "torch", "jax", "balls", "16 bits")


def elementwise(word: str) -> list[str]:
    """The elementwise activations that a pattern names; a word without a star is an id. Raises UsageError for none."""
    if "*" not in word:
        return [word]
    found = [id for id, formula in CATALOGUE.items() if formula.elementwise and fnmatchcase(id, word)]
    if not found:
        raise UsageError(f"no elementwise activation matches {word!r}; 'gradproof list activation' has their ids")
    return found


def asked(id: str, dtype: str, part: str | None = None, names: Sequence[str] = (), device: str = CPU) -> Asked:
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
    if device != CPU and not any(name in ORACLES for name in chosen):
        raise UsageError(f"--device {device}: of {', '.join(chosen)} nobody computes there")
    return Asked(formula.id, dtype, (part,) if part else PARTS, chosen, parameters, device)


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
        before, kept = _others(path, what)
        run = prepare(parts, {**asdict(what), **made_with, "spans": only or "all"}, resume)
        tasks = {parts / f"{first:08x}.jsonl": (first, n) for first, n in only or spans(what.dtype)}
        left = {file: span for file, span in tasks.items() if not done(file, run)}
        name = f"{what.formula} in {what.dtype}"
        if left:
            call = functools.partial(there, made_with, what.sides, what.device, measure, what)
            with executor(on, jobs, str(parts / "libraries.log")) as workers:
                running = {workers.submit(call, *span): file for file, span in left.items()}
                while running:
                    progress(name, len(tasks) - len(running), len(tasks))
                    for file, future in ended(running):
                        with _said():
                            on_what, found = future.result()
                        write_evidence(file, {"run": run, **on_what}, found)
        progress(name, len(tasks), len(tasks))
        read = [read_evidence(file) for file in tasks]
        result = whole([f for part in read for f in part.findings], what)
        write_evidence(path, header(USES, {}) | made_on([*before, *(part.header for part in read)]), [*kept, *result])
        shutil.rmtree(parts)
    return result


def stands(out: Path, what: Asked) -> bool:
    """Whether all that is asked stands in the evidence of `out`."""
    path = out / "evidence" / "sweeps.jsonl"
    wanted = {(part, side) for part in what.parts for side in what.sides}
    return path.exists() and wanted <= {(f.quantity, f.side) for f in read_evidence(path).findings if _about(f, what)}


def _about(f: Finding, what: Asked) -> bool:
    return (f.formula, f.dtype, f.what) == (what.formula, what.dtype, label(what.parameters))


def _others(path: Path, what: Asked) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The header of earlier sweeps, and findings of theirs that this one does not measure again."""
    if not path.exists():
        return [], []
    before, now = read_evidence(path), header(USES, {})
    if changed := [key for key in ("source", "versions") if before.header.get(key) != now[key]]:
        raise EvidenceError(
            f"{path} was made with another {' and '.join(changed)}; choose another --out, or remove the file"
        )
    again = [f for f in before.findings if _about(f, what) and f.quantity in what.parts and f.side in what.sides]
    kept = [f for f in before.findings if f not in again]
    return [before.header] if kept else [], kept


@contextmanager
def _said() -> Iterator[None]:
    """A failure of a task as a UsageError that says how to go on."""
    try:
        yield
    except UsageError:
        raise
    except (Exception, CancelledError) as error:
        why = " ".join(str(error).split()) or "no word of it"
        raise UsageError(f"a task failed ({type(error).__name__}: {why}); go on from here with --resume") from error
