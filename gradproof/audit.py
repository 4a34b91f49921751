"""The network audit: every configuration, ours against each oracle and the oracles against each other.

Work is cut into parts (architecture × dtype × hidden activation). A finished part is one Parquet file in
`OUT/raw`, written whole; `resume` skips the parts that are there.
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import itertools
import json
import multiprocessing
import os
import platform
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.cases import (
    ARCHITECTURES,
    DTYPES,
    FAMILIES,
    PARAMETERS,
    SYMMETRIC,
    Cases,
    Configuration,
    configurations,
    draw,
)
from gradproof.files import EvidenceError, read_lines, write_lines, write_whole
from gradproof.judge import QUANTITIES, Arbiter, distance, gradient, judge
from gradproof.tolerance import Tolerance, choose, propagate, unit_roundoff, with_penalty
from reference.network import Backward

ORACLES = {"torch": "oracles.torch_autograd", "jax": "oracles.jax_grad"}
PACKAGES = ("numpy", "scipy", "torch", "jax", "jaxlib", "optax", "python-flint", "sympy", "ml-dtypes", "scikit-learn")


class MissingOracle(Exception):
    """None of the oracles asked for can be imported."""


def load(name: str) -> ModuleType | None:
    """The oracle module `name`, or None if its framework is not installed."""
    try:
        return importlib.import_module(ORACLES[name])
    except ImportError:
        return None


def versions() -> dict[str, str]:
    """Installed version of every package that evidence depends on; "not installed" where it is missing."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def cpu() -> str:
    """The processor's name and the SIMD extensions NumPy dispatches to, which decide the last bits."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    simd = getattr(getattr(np, "_core", None), "_multiarray_umath", None)
    features = getattr(simd, "__cpu_features__", {})
    best = [f for f in ("X86_V4", "AVX512_SKX", "X86_V3", "AVX2", "ASIMD") if features.get(f)]
    return f"{name} ({', '.join(best) or 'baseline'})"


def source_hash(*packages: str) -> str:
    """Hash of the source of the named packages: evidence made from other formulas is stale.

    Only code counts: comments, docstrings and layout do not change it.
    """
    import ast

    digest = hashlib.sha256()
    for package in packages:
        for path in sorted(Path(str(importlib.import_module(package).__file__)).parent.glob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                body = getattr(node, "body", None)
                if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
                    first = body[0].value
                    if isinstance(first, ast.Constant) and isinstance(first.value, str):
                        body[0] = ast.Expr(ast.Constant("")) if len(body) == 1 else body[0]
                        first.value = ""
            digest.update(path.name.encode() + ast.dump(tree).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Part:
    """One unit of work: all configurations of an architecture and dtype with one hidden activation."""

    architecture: str
    dtype: str
    hidden: str
    configurations: tuple[Configuration, ...]

    @property
    def file(self) -> str:
        """Name of its Parquet file."""
        return f"{self.architecture}-{self.dtype}-{self.hidden.split('/')[1]}.parquet"

    @property
    def cases(self) -> int:
        """Number of cases in it."""
        return len(self.configurations) * len(ARCHITECTURES[self.architecture].regimes)


def parts(only: str, dtypes: Sequence[str]) -> list[Part]:
    """The audit cut into parts, grouped by (architecture, dtype)."""
    groups = itertools.groupby(configurations(only, dtypes), lambda c: (c.architecture, c.dtype, c.hidden))
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
                penalty = c.formulas[3].function(cases.W, **PARAMETERS.get(c.regularizer, {}))
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
        extra = {"among": FAMILIES} if name == "jax" else {}
        theirs[name] = oracle.network(
            cases.x, cases.y, cases.W, cases.b, c.hidden, c.output, c.cost, c.regularizer, PARAMETERS, **extra
        )
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


def _schema(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    import polars as pl

    def kind(column: str) -> Any:
        if column == "case":
            return pl.Int8
        return pl.Float64 if column.split()[-1] in ("sigma", "relative") or "off truth" in column else pl.String

    return {column: kind(column) for column in rows[0]}


def write_part(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows as one Parquet file, whole or not at all."""
    import io

    import polars as pl

    buffer = io.BytesIO()
    pl.DataFrame(rows, schema=_schema(rows)).write_parquet(buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def _start_worker(cache: str, queue: Any) -> None:
    """Set up a worker process: one thread each, compiled programs kept between runs."""
    global _progress
    _progress = queue
    if torch := load("torch"):
        torch.torch.set_num_threads(1)
    if jax := load("jax"):
        jax.cache_programs(cache)


_progress: Any = None


def _run_group(group: Sequence[Part], seed: int, oracles: Sequence[str], folder: Path) -> None:
    for part in group:
        write_part(folder / part.file, run_part(part, seed, oracles))
        _progress.put(part.cases)


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


def _readable(path: Path) -> bool:
    import polars as pl

    try:
        pl.read_parquet_schema(path)
    except Exception:  # whatever is wrong with a cut-off file: it is measured again
        return False
    return True


def cache_folder() -> Path:
    """Where compiled JAX programs are kept: $XDG_CACHE_HOME/gradproof, or ~/.cache/gradproof."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gradproof"


def run(
    out: Path,
    *,
    only: str = "*",
    dtypes: Sequence[str] = DTYPES,
    seed: int = 0,
    jobs: int = 0,
    oracles: Sequence[str] = ("torch", "jax"),
    resume: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Path:
    """Measure every matching configuration and return the folder of raw findings, `out/raw`.

    Raises MissingOracle if none of `oracles` is installed, EvidenceError if `resume` finds a run made
    otherwise, ValueError if nothing matches `only`, OSError if `out` cannot be written.
    """
    available = [name for name in oracles if load(name)]
    if not available:
        raise MissingOracle(f"{' and '.join(oracles)}: not installed; pip install 'gradproof[oracles]'")
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
        except json.JSONDecodeError as error:
            raise EvidenceError(f"{header}: not JSON; run again without --resume") from error
        if before != made_with:
            changed = ", ".join(key for key in made_with if before.get(key) != made_with[key])
            raise EvidenceError(f"{folder} was measured with another {changed}; run again without --resume")
    else:
        for old in folder.glob("*.parquet"):
            old.unlink()
    write_whole(header, json.dumps(made_with, indent=1))

    total, done = sum(p.cases for p in todo), 0
    missing = [p for p in todo if not _readable(folder / p.file)]
    done = total - sum(p.cases for p in missing)
    progress(done, total)
    if not missing:
        return folder
    groups = [list(g) for _, g in itertools.groupby(missing, lambda p: (p.architecture, p.dtype))]
    for variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    work = functools.partial(_run_group, seed=seed, oracles=available, folder=folder)
    workers = min(jobs or os.cpu_count() or 1, len(groups))
    with ProcessPoolExecutor(workers, context, _start_worker, (str(cache_folder() / "jax"), queue)) as pool:
        futures = [pool.submit(work, group) for group in groups]
        for _ in missing:
            while queue.empty() and not any(f.done() and f.exception() for f in futures):
                _wait(futures)
            if queue.empty():
                break
            done += queue.get()
            progress(done, total)
        for future in as_completed(futures):
            future.result()
    return folder


def _wait(futures: Iterable[Any]) -> None:
    from concurrent.futures import wait

    wait([f for f in futures if not f.done()], timeout=0.2)


__all__ = ["MissingOracle", "read_lines", "run", "write_lines"]
