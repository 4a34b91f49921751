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

from gradproof.cases import (
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
from gradproof.conditioning import penalty_sizes
from gradproof.environment import cpu, load, source_hash, versions
from gradproof.files import EvidenceError, write_whole
from gradproof.judge import QUANTITIES, Arbiter, Distance, Gradient, Ruling, distance, gradient, judge
from gradproof.tolerance import Tolerance, choose, propagate, unit_roundoff, with_penalty
from gradproof.verdicts import Verdict
from reference.network import Backward


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

    @property
    def cases(self) -> int:
        """Number of cases in it."""
        return len(self.configurations) * len(ARCHITECTURES[self.architecture].regimes)


def parts(only: str, dtypes: Sequence[str]) -> list[Part]:
    """The audit cut into parts, grouped by (product, architecture, dtype)."""
    groups = itertools.groupby(configurations(only, dtypes), lambda c: (c.product, c.architecture, c.dtype, c.hidden))
    return [Part(*key, tuple(group)) for key, group in groups]


def run_part(part: Part, seed: int, oracles: Sequence[str]) -> list[dict[str, Any]]:
    """One row per case: distances of every pair and the verdict about each oracle."""
    modules = {name: module for name in oracles if (module := load(name))}
    rows: list[dict[str, Any]] = []
    u = unit_roundoff(np.dtype(part.dtype))
    with np.errstate(all="ignore"):  # saturated and singular cases are meant to overflow; they are judged instead
        for _, group in itertools.groupby(part.configurations, lambda c: (c.output, c.cost)):
            versions_of_one = list(group)  # they differ in the regularizer, and share inputs and exact gradient
            c = replace(versions_of_one[0], regularizer="regularizer/none")
            cases = draw(c, seed)
            inputs = (gradient(c, cases), cases.x, cases.y, cases.W, cases.b, *c.formulas[:3], u)
            plain = {p: propagate(*inputs, p) for p in (1, 2)}
            symmetric = np.isin(ARCHITECTURES[c.architecture].regimes, SYMMETRIC)
            arbiter = Arbiter(c, cases)
            for c in versions_of_one:
                g = gradient(c, cases)
                given = PARAMETERS.get(c.regularizer, {})
                penalty = penalty_sizes(c.regularizer, cases.W, c.formulas[3].function(cases.W, **given), u, **given)
                bound, sigma = (with_penalty(plain[p], g, penalty, u, p) for p in (1, 2))
                rows += _rows(c, cases, g, choose(sigma, bound, symmetric), modules, arbiter)
    return rows


def _rows(
    c: Configuration, cases: Cases, g: Backward, t: Tolerance, modules: dict[str, ModuleType], arbiter: Arbiter
) -> list[dict[str, Any]]:
    """The findings of one configuration, one row a case."""
    ours = (g.cost, g.dW, g.db)
    theirs, judged = {}, {}
    for name, oracle in modules.items():
        extra = {"among": c.product.families} if name == "jax" else {}
        try:
            theirs[name] = oracle.network(
                cases.x, cases.y, cases.W, cases.b, c.hidden, c.output, c.cost, c.regularizer, PARAMETERS, **extra
            )
        except Exception as error:  # whatever a framework raises is a finding, and the other findings stay
            theirs[name] = _no_gradient(ours)
            judged[name] = _unknown(f"{name} raised {type(error).__name__}: {error}", ours, t)
        else:
            judged[name] = judge(c, cases, ours, theirs[name], oracle, t, arbiter)
    pairs = {f"ours-{name}": apart for name, (_, apart, _) in judged.items()}
    if len(theirs) == 2:
        pairs["torch-jax"] = distance(theirs["torch"], theirs["jax"], t)
    rows = []
    for k, regime in enumerate(ARCHITECTURES[c.architecture].regimes):
        row: dict[str, Any] = {"configuration": c.id, "case": k, "regime": regime}
        for pair, apart in pairs.items():
            for q, quantity in enumerate(QUANTITIES):
                row[f"{pair} {quantity} sigma"] = float(apart.sigmas[k, q])
                row[f"{pair} {quantity} relative"] = float(apart.relative[k, q])
        for name, (verdicts, _, rulings) in judged.items():
            ruling = rulings.get(k)
            row[f"{name} verdict"] = verdicts[k].value
            row[f"{name} off truth"] = ruling.other if ruling else None
            row[f"ours off truth ({name})"] = ruling.ours if ruling else None
            row[f"{name} reason"] = ruling.reason if ruling else ""
        rows.append(row)
    return rows


def _no_gradient(g: Gradient) -> Gradient:
    """NaN in place of a gradient like `g`."""
    cost, dW, db = g
    return np.full_like(cost, np.nan), [np.full_like(w, np.nan) for w in dW], [np.full_like(b, np.nan) for b in db]


def _unknown(reason: str, ours: Gradient, t: Tolerance) -> tuple[list[Verdict], Distance, dict[int, Ruling]]:
    """What `judge` returns, for an oracle that gave no gradient at all."""
    S = len(ours[0])
    ruling = Ruling(math.nan, math.nan, Verdict.unknown, reason)
    return [Verdict.unknown] * S, distance(ours, _no_gradient(ours), t), dict.fromkeys(range(S), ruling)


def _schema(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import polars as pl

    def kind(column: str) -> Any:
        if column == "case":
            return pl.Int8
        return pl.Float64 if column.split()[-1] in ("sigma", "relative") or "off truth" in column else pl.String

    return {column: kind(column) for column in rows[0]}


def write_part(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows as one Parquet file, whole or not at all."""
    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=_schema(rows)).write_parquet(buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def _run_group(group: Sequence[Part], seed: int, oracles: Sequence[str], folder: Path) -> None:
    for part in group:
        write_part(folder / part.file, run_part(part, seed, oracles))


def fingerprint(seed: int, only: str, dtypes: Sequence[str], oracles: Sequence[str]) -> dict[str, Any]:
    """What raw findings depend on; a run is only resumed with the same one."""
    return {
        "seed": seed,
        "only": only,
        "dtypes": list(dtypes),
        "oracles": list(oracles),
        "source": source_hash("reference", "oracles", "gradproof"),
        "versions": versions(),
        "cpu": cpu(),
    }


def _measured(path: Path, part: Part) -> bool:
    """True if `path` holds all cases of the part, undamaged."""
    import polars as pl

    try:
        return len(pl.read_parquet(path)) == part.cases
    except Exception:  # missing, cut off or overwritten, whatever polars calls it: it is measured again
        return False


def start(
    out: Path,
    executor: Executor,
    *,
    only: str = "*",
    dtypes: Sequence[str] = DTYPES,
    seed: int = 0,
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
    made_with = fingerprint(seed, only, dtypes, available)
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

    missing = [p for p in todo if not _measured(folder / p.file, p)]
    for part in missing:
        (folder / part.file).unlink(missing_ok=True)  # what is damaged: a file is a finished part
    total = sum(p.cases for p in todo)
    before_us = total - sum(p.cases for p in missing)
    groups = [list(g) for _, g in itertools.groupby(missing, lambda p: (p.product, p.architecture, p.dtype))]
    futures = [executor.submit(_run_group, group, seed, available, folder) for group in groups]

    def finish(progress: Callable[[int, int], None]) -> Path:
        progress(before_us, total)
        running: Any = futures
        while running:
            finished, running = wait(running, timeout=0.2, return_when=FIRST_EXCEPTION)
            progress(total - sum(p.cases for p in missing if not (folder / p.file).exists()), total)
            for future in finished:
                future.result()  # raises what the worker raised
        return folder

    return finish


def failures(raw: Path, seed: int, most: int = 10) -> list[str]:
    """One message for each formula that a wrong verdict blames, the worst first, and for undecided cases."""
    import polars as pl

    from gradproof.diagnose import diagnose

    cases = pl.read_parquet(raw / "*.parquet")
    names = [c.removesuffix(" verdict") for c in cases.columns if c.endswith(" verdict")]
    messages: dict[str, str] = {}
    for name in names:
        bad = cases.filter(pl.col(f"{name} verdict").is_in(["wrong", "unknown"]))
        for row in bad.sort("configuration", "case").gather_every(max(1, len(bad) // 200)).iter_rows(named=True):
            c = by_id(row["configuration"])
            again = f"gradproof audit --only '{c.id}' --seed {seed}"
            if row[f"{name} verdict"] == "unknown":
                messages.setdefault(f"unknown {name}", f"{c.id}: {row[f'{name} reason']}\n  {again}")
            elif found := diagnose(c, draw(c, seed)[row["case"]]):
                messages.setdefault(found.formula, f"{found}\n  {again}")
            else:
                off = row[f"ours off truth ({name})"]
                messages.setdefault(
                    "subtle", f"{c.id} ({row['regime']}): {off:.3g}σ off the exact gradient, no gross error\n  {again}"
                )
    return list(messages.values())[:most]
