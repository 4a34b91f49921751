"""The network audit: every configuration, ours against each oracle and the oracles against each other.

Work is cut into parts (product × architecture × dtype × hidden activation). A finished part is one Parquet file in
`OUT/raw`, written whole; `resume` skips the parts that are there.
"""

from __future__ import annotations

import io
import itertools
import json
import math
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Executor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.environment import cpu, load, source_hash, versions
from gradproof.evidence.files import EvidenceError, write_whole
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.conditioning import penalty_sizes
from gradproof.networks.draws import (
    ARCHITECTURES,
    DTYPES,
    PARAMETERS,
    SYMMETRIC,
    Cases,
    Configuration,
    Product,
    by_id,
    configurations,
    draw,
)
from gradproof.networks.judge import (
    QUANTITIES,
    Arbiter,
    Distance,
    Ruling,
    bound,
    distance,
    functions,
    gradient,
    in_blocks,
    judge,
)
from gradproof.networks.tolerance import (
    Flat,
    Tolerance,
    flat,
    picked,
    propagate,
    repeated,
    unit_roundoff,
    where_bounds,
    with_penalty,
)
from reference.formula import Array
from reference.network import Backward

Columns = dict[str, list[Any]]  # findings of many cases, one entry a case


class MissingOracle(Exception):
    """None of the oracles asked for can be imported."""


def installed(oracles: Sequence[str]) -> list[str]:
    """Those of `oracles` that can be imported. Raises MissingOracle if there is none."""
    available = [name for name in oracles if load(name)]
    if not available:
        raise MissingOracle(f"{' and '.join(oracles)}: not installed; pip install 'gradproof[oracles]'")
    return available


@dataclass(frozen=True)
class Part:
    """One unit of work: all configurations of a product, architecture and dtype with one hidden activation."""

    product: Product
    architecture: str
    dtype: str
    hidden: str
    configurations: tuple[Configuration, ...]

    @property
    def file(self) -> str:
        """Name of its Parquet file."""
        return f"{self.product.name}-{self.architecture}-{self.dtype}-{self.hidden.split('/')[1]}.parquet"

    def cases(self, draws: int = 1) -> int:
        """Number of cases in it."""
        return len(self.configurations) * len(ARCHITECTURES[self.architecture].regimes(draws))


def parts(only: str, dtypes: Sequence[str]) -> list[Part]:
    """The audit cut into parts, grouped by (product, architecture, dtype)."""
    groups = itertools.groupby(configurations(only, dtypes), lambda c: (c.product, c.architecture, c.dtype, c.hidden))
    return [Part(*key, tuple(group)) for key, group in groups]


def run_part(part: Part, seed: int, oracles: Sequence[str], draws: int = 1) -> Columns:
    """One row per case: distances of every pair and the verdict about each oracle."""
    modules = {name: module for name in oracles if (module := load(name))}
    columns: Columns = {}
    with np.errstate(all="ignore"):  # saturated and singular cases are meant to overflow; they are judged instead
        for _, group in itertools.groupby(part.configurations, lambda c: (c.output, c.cost)):
            for column, values in _findings(list(group), seed, modules, draws).items():
                columns.setdefault(column, []).extend(values)
    return columns


def _findings(stack: Sequence[Configuration], seed: int, modules: dict[str, ModuleType], draws: int) -> Columns:
    """The findings of configurations that differ in the regularizer, computed at once: one block of cases for each."""
    c = replace(stack[0], regularizer="regularizer/none")
    regimes = ARCHITECTURES[c.architecture].regimes(draws)
    cases = draw(c, seed, draws)
    stacked = cases.repeated(len(stack))
    g = gradient(c, stacked, functions(*stack))
    first = np.arange(len(regimes))
    plain = picked(g, first) if stack[0] == c else gradient(c, cases)
    t = _tolerance(stack, cases, stacked, plain, g, np.isin(regimes, SYMMETRIC))
    ours = flat((g.cost, g.dW, g.db))
    arbiter = Arbiter(c, cases)
    theirs, judged = {}, {}
    for name, oracle in modules.items():
        extra = {"among": stack[0].product.families[:3]} if name == "jax" else {}
        try:
            theirs[name] = flat(oracle.network(
                stacked.x, stacked.y, stacked.W, stacked.b, c.hidden, c.output, c.cost,
                [one.regularizer for one in stack], PARAMETERS, **extra,
            ))  # fmt: skip
        except Exception as error:  # whatever a framework raises is a finding, and the other findings stay
            theirs[name] = _no_gradient(ours)
            judged[name] = _unknown(f"{name} raised {type(error).__name__}: {error}", ours, t)
        else:
            judged[name] = judge(stack, stacked, ours, theirs[name], oracle, t, arbiter)
    pairs = {f"ours-{name}": apart for name, (_, apart, _) in judged.items()}
    if len(theirs) == 2:
        pairs["torch-jax"] = distance(theirs["torch"], theirs["jax"], t)
    columns: Columns = {
        "configuration": [one.id for one in stack for _ in regimes],
        "case": list(range(len(regimes))) * len(stack),
        "regime": list(regimes) * len(stack),
    }
    for pair, apart in pairs.items():
        for q, quantity in enumerate(QUANTITIES):
            columns[f"{pair} {quantity} sigma"] = apart.sigmas[:, q].tolist()
            columns[f"{pair} {quantity} relative"] = apart.relative[:, q].tolist()
    for name, (verdicts, _, rulings) in judged.items():
        ruled = [rulings.get(i) for i in range(len(verdicts))]
        columns[f"{name} verdict"] = [verdict.value for verdict in verdicts]
        columns[f"{name} off truth"] = [ruling and ruling.other for ruling in ruled]
        columns[f"ours off truth ({name})"] = [ruling and ruling.ours for ruling in ruled]
        columns[f"{name} reason"] = [ruling.reason if ruling else "" for ruling in ruled]
    return columns


def _tolerance(
    stack: Sequence[Configuration], cases: Cases, stacked: Cases, plain: Backward, g: Backward, symmetric: Array
) -> Tolerance:
    """Errors of the stacked gradients `g`; `plain` are those without regularizer, of one block of cases."""
    c, R = stack[0], len(stack)
    u = unit_roundoff(np.dtype(c.dtype))
    p = np.where(symmetric, 1, 2)

    def penalty(one: Configuration) -> Callable[..., Any]:
        given = PARAMETERS.get(one.regularizer, {})
        return lambda W: penalty_sizes(one.regularizer, W, bound(one.formulas[3])(W), u, **given)

    t = propagate(plain, cases.x, cases.y, cases.W, cases.b, *c.formulas[:3], u, p)
    sizes = in_blocks([penalty(one) for one in stack])(stacked.W)
    return where_bounds(with_penalty(repeated(t, R), g, sizes, u, np.tile(p, R)), np.tile(symmetric, R))


def _no_gradient(g: Flat) -> Flat:
    """NaN in place of a gradient like `g`."""
    return g._replace(rows=np.full_like(g.rows, np.nan), squares=np.full_like(g.squares, np.nan))


def _unknown(reason: str, ours: Flat, t: Tolerance) -> tuple[list[Verdict], Distance, dict[int, Ruling]]:
    """What `judge` returns, for an oracle that gave no gradient at all."""
    S = len(ours.rows)
    ruling = Ruling(math.nan, math.nan, Verdict.unknown, reason)
    return [Verdict.unknown] * S, distance(ours, _no_gradient(ours), t), dict.fromkeys(range(S), ruling)


def write_part(path: Path, columns: Columns) -> None:
    """Write the findings as one Parquet file, whole or not at all."""
    import polars as pl

    def kind(column: str) -> Any:
        if column == "case":
            return pl.Int32
        return pl.Float64 if column.split()[-1] in ("sigma", "relative") or "off truth" in column else pl.String

    buffer = io.BytesIO()
    table = pl.DataFrame(columns, schema={column: kind(column) for column in columns})
    table.write_parquet(buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def _run_group(group: Sequence[Part], seed: int, oracles: Sequence[str], draws: int, folder: Path) -> None:
    for part in group:
        write_part(folder / part.file, run_part(part, seed, oracles, draws))


def fingerprint(seed: int, draws: int, only: str, dtypes: Sequence[str], oracles: Sequence[str]) -> dict[str, Any]:
    """What raw findings depend on; a run is only resumed with the same one."""
    return {
        "seed": seed,
        "draws": draws,
        "only": only,
        "dtypes": list(dtypes),
        "oracles": list(oracles),
        "source": source_hash("reference", "oracles", "gradproof"),
        "versions": versions(),
        "cpu": cpu(),
    }


def _measured(path: Path, cases: int) -> bool:
    """True if `path` holds that many cases, undamaged."""
    import polars as pl

    try:
        return len(pl.read_parquet(path)) == cases
    except Exception:  # missing, cut off or overwritten, whatever polars calls it: it is measured again
        return False


def start(
    out: Path,
    executor: Executor,
    *,
    only: str = "*",
    dtypes: Sequence[str] = DTYPES,
    seed: int = 0,
    draws: int = 1,
    oracles: Sequence[str] = ("torch", "jax"),
    resume: bool = False,
) -> Callable[[Callable[[int, int], None]], Path]:
    """Submit every matching configuration to `executor`.

    Returns a function that waits for them, calling `progress(cases done, cases in all)`, raises what a worker raised,
    and returns the folder of raw findings, `out/raw`. Raises MissingOracle if none of `oracles` is installed,
    EvidenceError if `resume` finds a run made otherwise, ValueError if nothing matches `only`, OSError if `out` cannot
    be written.
    """
    available = executor.submit(installed, oracles).result()  # asked of a worker: this process imports no framework
    todo = parts(only, dtypes)
    if not todo:
        raise ValueError(f"nothing matches {only!r}; a pattern looks like '4-5-3/float64/tanh/*' or 'activation/gelu'")
    folder = out / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    made_with = fingerprint(seed, draws, only, dtypes, available)
    header = folder / "run.json"
    if resume and header.exists():
        try:
            before = json.loads(header.read_text())
        except json.JSONDecodeError:
            before = None
        if not isinstance(before, dict):
            raise EvidenceError(f"{header}: damaged; run again without --resume")
        if before != made_with:
            changed = ", ".join(key for key in made_with if before.get(key) != made_with[key])
            raise EvidenceError(f"{folder} was measured with another {changed}; run again without --resume")
    else:
        for old in folder.glob("*.parquet"):
            old.unlink()
    write_whole(header, json.dumps(made_with, indent=1))

    missing = [p for p in todo if not _measured(folder / p.file, p.cases(draws))]
    for part in missing:
        (folder / part.file).unlink(missing_ok=True)  # what is damaged: a file is a finished part
    total = sum(p.cases(draws) for p in todo)
    before_us = total - sum(p.cases(draws) for p in missing)
    groups = [list(g) for _, g in itertools.groupby(missing, lambda p: (p.product, p.architecture, p.dtype))]
    futures = [executor.submit(_run_group, group, seed, available, draws, folder) for group in groups]

    def finish(progress: Callable[[int, int], None]) -> Path:
        progress(before_us, total)
        running: Any = futures
        while running:
            finished, running = wait(running, timeout=0.2, return_when=FIRST_EXCEPTION)
            progress(total - sum(p.cases(draws) for p in missing if not (folder / p.file).exists()), total)
            for future in finished:
                future.result()  # raises what the worker raised
        return folder

    return finish


def failures(raw: Path, seed: int, draws: int = 1, most: int = 10) -> list[str]:
    """One message for each formula that a wrong verdict blames, the worst first, and for undecided cases."""
    import polars as pl

    from gradproof.networks.blame import diagnose

    cases = pl.read_parquet(raw / "*.parquet")
    names = [c.removesuffix(" verdict") for c in cases.columns if c.endswith(" verdict")]
    messages: dict[str, str] = {}
    for name in names:
        bad = cases.filter(pl.col(f"{name} verdict").is_in(["wrong", "unknown"]))
        for row in bad.sort("configuration", "case").gather_every(max(1, len(bad) // 200)).iter_rows(named=True):
            c = by_id(row["configuration"])
            again = f"gradproof audit --only '{c.id}' --seed {seed}" + f" --draws {draws}" * (draws > 1)
            if row[f"{name} verdict"] == "unknown":
                messages.setdefault(f"unknown {name}", f"{c.id}: {row[f'{name} reason']}\n  {again}")
            elif found := diagnose(c, draw(c, seed, draws)[row["case"]]):
                messages.setdefault(found.formula, f"{found}\n  {again}")
            else:
                off = row[f"ours off truth ({name})"]
                messages.setdefault(
                    "subtle", f"{c.id} ({row['regime']}): {off:.3g}σ off the exact gradient, no gross error\n  {again}"
                )
    return list(messages.values())[:most]
