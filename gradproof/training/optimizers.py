"""Optimizers and clipping: ours against torch.optim and Optax, as evidence and as a page.

`measure` makes the evidence; `write_page` makes the tables of it and of nothing else.
"""

from __future__ import annotations

import datetime
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from gradproof import __version__
from gradproof.checks.clipping import agreement
from gradproof.evidence.environment import cpu, importable, source_hash, versions
from gradproof.evidence.files import read_lines, write_lines
from gradproof.pages import tables
from gradproof.pages.tables import Table, number
from gradproof.training.paths import SEED, STEPS, Setting, compare
from gradproof.training.weight_decay import weight_decay

Row = dict[str, Any]

ORACLES = {"torch": "oracles.torch_autograd.updates", "optax": "oracles.jax_grad.updates"}
DTYPES = ("float32", "float64")

SETTINGS = (
    Setting("update/sgd", 5e-5, 0.5),
    Setting("update/sgd_l2", 5e-5, 0.5),
    Setting("update/momentum", 5e-5, 0.05),
    Setting("update/momentum", 5e-5, None, {"dampening": 0.5}),
    Setting("update/nesterov", 5e-5, 0.05),
    Setting("update/sgdw", 5e-5, 0.05),
    Setting("update/adagrad", 0.1, 0.05),
    Setting("update/adagrad", 0.1, 0.05, {"eps": 0.0, "initial": 0.1}),
    Setting("update/rmsprop"),
    Setting("update/rmsprop", 0.01, None, {"mu": 0.9}),
    Setting("update/rmsprop_centered"),
    Setting("update/rmsprop_centered", 0.01, None, {"mu": 0.9}),
    Setting("update/adadelta", 1.0, 1.0),
    Setting("update/adam"),
    Setting("update/adamw"),
    Setting("update/amsgrad"),
    Setting("update/amsgrad", given={"bias_correction": True}),
    Setting("update/nadam"),
    Setting("update/nadam", given={"momentum_decay": math.inf}),
    Setting("update/radam", 1e-4, 0.01),
    Setting("update/radam", 1e-4, 0.01, {"threshold": 5.0}),
    Setting("update/radam", 1e-4, None, {"threshold": 5.0, "eps": 0.0}),
    Setting("update/adamax"),
    Setting("update/lion", 0.01, 0.001, {"lam": 0.1}),
)


def load(names: Iterable[str] = tuple(ORACLES)) -> dict[str, ModuleType]:
    """The oracles of update rules among `names` whose framework is installed."""
    return importable(ORACLES, names)


def _trajectories(setting: Setting, oracles: Mapping[str, ModuleType]) -> list[Row]:
    problems = [p for p in ("quadratic", "digits") if getattr(setting, p) is not None]
    return [row for p in problems for dtype in DTYPES for row in compare(setting, p, dtype, oracles)]


def tasks() -> dict[str, Callable[[Mapping[str, ModuleType]], list[Row]]]:
    """What there is to measure, in the order of the evidence; each task takes the oracles."""
    paths = {f"{s.id}, {s.label}": functools.partial(_trajectories, s) for s in SETTINGS}
    return {"clipping": agreement, "weight decay": weight_decay, **paths}


def measure(task: str) -> list[Row]:
    """The evidence rows of one of `tasks()`, by us and by the oracles that are installed."""
    return tasks()[task](load())


def write_evidence(path: Path, rows: Sequence[Row]) -> None:
    """Write the evidence file `path`. An oracle that is not installed is named in the header."""
    used = versions()
    header = {
        "kind": "optimizers",
        "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "gradproof": __version__,
        "versions": used,
        "cpu": cpu(),
        "seed": SEED,
        "steps": STEPS,
        "source": source_hash("reference", "oracles"),
        "missing": [name for name in ORACLES if used[name] == "not installed"],
    }
    write_lines(path, header, rows)


def failure(row: Row) -> str:
    """One line for a row whose verdict fails: what, how far, and the call that makes it again."""
    what = f"{row['id']} ({row['who']}, {row['dtype']}): {number(row['ratio'])} times the bound; {row['why']}"
    if row["part"] == "clip":
        return f"{what}; again: gradproof.clipping.agreement"
    return f"{what}; {row['setting']}, η = {row['eta']}, {row['problem']}; again: gradproof.optimizer_paths.compare"


# The page


def _part(rows: Iterable[Row], part: str) -> list[Row]:
    return [row for row in rows if row["part"] == part]


def _groups(rows: Iterable[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """Rows by the values of `keys`, in the order in which they come."""
    found: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        found.setdefault(tuple(row[k] for k in keys), []).append(row)
    return found


def _name(id: str) -> str:
    return id.split("/")[1]


def _outcome(row: Row | None) -> str:
    if row is None:
        return "not installed"
    if row["verdict"] is None:
        return row["why"]
    return row["verdict"] if row["ratio"] == 0 else f"{row['verdict']} ({number(row['ratio'])})"


def _trajectory_tables(rows: Sequence[Row]) -> list[Table]:
    cells = []
    for (id, setting, problem), group in _groups(rows, "id", "setting", "problem").items():
        by = {(row["who"], row["dtype"]): row for row in group}
        bound = max(row["bound"] for row in group if row["dtype"] == "float32")
        line: list[Any] = [f"`{_name(id)}`", setting, problem, f"{bound:.1e}"]
        line += [_outcome(by.get((who, dtype))) for dtype in DTYPES for who in ("ours", *ORACLES)]
        cells.append(line)
    columns = ["rule", "hyperparameters", "problem", "bound/distance, float32"]
    columns += [f"{who} {dtype}" for dtype in DTYPES for who in ("ours", *ORACLES)]
    why = [row for row in rows if row["why"] and row["verdict"]]
    reasons = [
        [f"`{_name(id)}`", who, ", ".join(dict.fromkeys(r["dtype"] for r in group)), verdict,
         max(r["ratio"] for r in group), f"{max(r['difference'] for r in group):.1e}", reason]
        for (id, who, verdict, reason), group in _groups(why, "id", "who", "verdict", "why").items()
    ]  # fmt: skip
    return [
        Table(
            f"{STEPS} steps, step by step",
            columns,
            cells,
            "In brackets the largest difference of any parameter at any step over what rounding can do (1 is the"
            " limit): to our rule for torch and Optax, to the same rule in extended precision for ours.",
        ),
        Table(
            "What leaves the bound, and why",
            ["rule", "who", "dtype", "verdict", "times the bound", "largest difference", "found cause"],
            reasons,
            "A cause counts only if our rule, changed in that one respect, follows the other's trajectory to within"
            " the bound.",
        ),
    ]


def _decay_table(rows: Sequence[Row]) -> Table:
    cells = []
    for (family, problem), group in _groups(rows, "family", "problem").items():
        by = {row["who"]: row for row in group}
        line: list[Any] = [family, problem]
        for who in ("ours", *ORACLES):
            row = by.get(who)
            line.append("not installed" if row is None else row["why"] or f"{100 * row['apart']:.2f} %")
        cells.append([*line, by["ours"]["penalised"], by["ours"]["decayed"]])
    return Table(
        "Weight decay is not L2",
        ["rule", "problem", "apart: ours", "apart: torch.optim", "apart: Optax", "‖w‖ as L2", "‖w‖ decoupled"],
        cells,
        f"The same λ = {rows[0]['lam']} once as a penalty in the gradient and once as a decay of the step, after"
        f" {rows[0]['steps']} steps: ‖w_L2 − w_decoupled‖/‖w_decoupled‖.",
    )


def _clip_table(rows: Sequence[Row]) -> Table:
    cells = [
        [f"`{_name(r['id'])}`", r["quantity"], r["dtype"], r["who"], r["verdict"], r["ratio"], r["why"]] for r in rows
    ]
    return Table(
        "Gradient clipping: value and backward",
        ["function", "quantity", "dtype", "who", "verdict", "difference/bound", "found cause"],
        cells,
        "torch.nn.utils clips outside autograd; its backward here is autograd through the same forward written"
        " with torch operations.",
    )


def write_page(path: Path, folder: Path) -> None:
    """Write `optimizers.md` with its tables into `folder`, from the evidence file `path` alone.

    Raises EvidenceError where the evidence is missing or damaged.
    """
    header, rows = read_lines(path)
    trajectories = _part(rows, "trajectory")
    verdicts = [r["verdict"] for r in (*trajectories, *_part(rows, "clip")) if r["verdict"] and r["who"] != "ours"]
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts)))
    used = header["versions"]
    intro = (
        "# Optimizers\n\n"
        f"Every update rule of `reference.optimizers` against torch.optim {used['torch']} and Optax {used['optax']},"
        f" {header['steps']} steps on a quadratic of condition number 2¹⁴ and on a 64-16-10 network that learns"
        " scikit-learn's digits. On the digits every side is fed the gradients of our backprop.\n\n"
        "The limit is not tuned: the recurrence is run once on numbers that carry the first-order effect of every"
        " rounding so far, two per operation, and the sum of the magnitudes is what one side may be off by.\n\n"
        f"{len(verdicts)} comparisons: {counts}. What each side means by the name of a rule, its defaults, and"
        " clipping at its edges: see [conventions.md](conventions.md).\n"
    )
    pages = [
        *_trajectory_tables(trajectories),
        _decay_table(_part(rows, "decay")),
        _clip_table(_part(rows, "clip")),
    ]
    tables.write_page(folder, "optimizers", intro, pages)
