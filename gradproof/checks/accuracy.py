"""Costs of several inputs against the exact truth: the value and every gradient, and the slopes at kinks.

The error of an entry y is conditioned on all inputs x, E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|): no algorithm can do
better than a few of these, and none is forgiven more. One row of evidence is one formula × dtype × quantity × side;
a quantity is the value or the gradient with respect to one argument.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.cases.costs import DRAWS, Case, cases
from gradproof.evidence.environment import importable
from gradproof.evidence.files import read_lines, write_lines
from gradproof.evidence.verdicts import Verdict
from gradproof.pages.tables import Table, number, write_page
from reference import CATALOGUE
from reference.formula import Array, Formula

Row = dict[str, Any]
Answer = tuple[Any, Mapping[str, Any]]  # value, gradient by argument
ORACLES = {"torch": "oracles.torch_autograd.costs", "jax": "oracles.jax_grad.costs"}
DTYPES = ("float32", "float64")
SEEDS = 6  # per regime
FLOAT32_ULP = 1.0
INACCURATE = 4.0  # conditioned ULP beyond which an oracle is called inaccurate


def load(names: Sequence[str] = tuple(ORACLES)) -> dict[str, ModuleType]:
    """The oracles of costs among `names` whose framework is installed."""
    return importable(ORACLES, names)


def formulas() -> list[Formula]:
    """Every cost of several inputs."""
    return [CATALOGUE[id] for id in DRAWS]


def reduction_of(formula: Formula) -> str:
    """The default reduction; "mean" for a cost that has no choice."""
    parameter = inspect.signature(formula.function).parameters.get("reduction")
    return "mean" if parameter is None else str(parameter.default)


def ours(case: Case, reduction: str | None = None) -> Answer:
    """Our value and gradients of a case."""
    formula = CATALOGUE[case.id]
    given = {} if reduction is None else {"reduction": reduction}
    value, gradients = formula.function(**case.inputs, **given, **case.parameters)
    return value, gradients


def exact(case: Case) -> tuple[Any, Mapping[str, Any]]:
    """The exact value and gradients of a case, at the default reduction. Raises ImportError without python-flint."""
    from oracles.arb_truth.arrays import loss_truth

    reduction = reduction_of(CATALOGUE[case.id])
    return loss_truth(case.id, case.inputs, reduction=reduction, dtype=case.dtype, **case.parameters)


def answers(case: Case, oracles: Mapping[str, ModuleType]) -> dict[str, Answer]:
    """Value and gradients by us and by each oracle, at the default reduction."""
    reduction = reduction_of(CATALOGUE[case.id])
    theirs = {name: oracle.cost(case.id, case.inputs, reduction, **case.parameters) for name, oracle in oracles.items()}
    return {"ours": ours(case), **theirs}


@dataclass
class Worst:
    """Errors of one side in one quantity, over cases."""

    errors: list[float]
    largest: float = -1.0
    at: str = ""
    got: float = math.nan
    truth: float = math.nan
    not_numbers: int = 0

    def add(self, error: Array, got: Array, truth: Array, case: str) -> None:
        """Take in one array of errors. A NaN error is no truth to compare with."""
        counted = ~np.isnan(error)
        self.errors += error[counted].ravel().tolist()
        self.not_numbers += int((np.isnan(got) & ~np.isnan(truth)).sum())
        if counted.any():
            k = np.unravel_index(np.argmax(np.where(counted, error, -1)), error.shape)
            if error[k] > self.largest:
                self.largest, self.got, self.truth = float(error[k]), float(got[k]), float(truth[k])
                self.at = f"{case} {[int(i) for i in k]}"


def accuracy(id: str, dtype: str, oracles: Mapping[str, ModuleType], seeds: int = SEEDS) -> list[Row]:
    """Rows of evidence on one formula in one dtype. The truth needs python-flint."""
    formula = CATALOGUE[id]
    found: dict[tuple[str, str], Worst | None] = {}
    for case in cases(id, dtype, seeds):
        value, gradients = exact(case)
        truths = {"value": value, **gradients}
        with np.errstate(all="ignore"):
            for side, (got_value, got_gradients) in answers(case, oracles).items():
                got = {"value": got_value, **got_gradients}
                for quantity, truth in truths.items():
                    if quantity not in got:
                        found.setdefault((quantity, side), None)
                        continue
                    y = np.asarray(got[quantity]).astype(np.float64)
                    worst = found.get((quantity, side)) or Worst([])
                    worst.add(truth.error(y), y, truth.truth.hi, case.name)
                    found[quantity, side] = worst
    return [_row(formula, dtype, *key, worst) for key, worst in found.items()]


def gate(formula: Formula, dtype: str) -> float:
    """What we must keep, in conditioned ULP."""
    return formula.conditioned_ulp if dtype == "float64" else FLOAT32_ULP


def _row(formula: Formula, dtype: str, quantity: str, side: str, worst: Worst | None) -> Row:
    row: Row = {"row": "accuracy", "formula": formula.id, "dtype": dtype, "quantity": quantity, "side": side}
    if worst is None:
        return row | {"entries": 0, "verdict": Verdict.undefined.value, "why": "gives no gradient for this argument"}
    limit = gate(formula, dtype) if side == "ours" else INACCURATE
    fails = Verdict.wrong if side == "ours" else Verdict.inaccurate
    finite = [e for e in worst.errors if math.isfinite(e)]
    return row | {
        "entries": len(worst.errors), "max": float(f"{worst.largest:.4g}"),
        "mean": float(f"{np.mean(finite):.4g}") if finite else None, "at": worst.at,
        "got": worst.got.hex(), "truth": worst.truth.hex(), "not a number": worst.not_numbers,
        "composed": side != "ours" and _composed(load([side])[side], formula.id, quantity),
        "verdict": (Verdict.agrees if worst.largest <= limit else fails).value,
    }  # fmt: skip


def _composed(oracle: ModuleType, id: str, quantity: str) -> bool:
    """Whether the framework has no function of its own for this cost, or none with these slopes."""
    return id in oracle.COMPOSED or (quantity != "value" and id in getattr(oracle, "COMPOSED_SLOPES", ()))


# ---------------------------------------------------------------- kinks

STEP = 2.0**-40  # the truth is taken this far to the left and to the right


@dataclass(frozen=True)
class Probe:
    """Inputs at a kink, and the entry in which the slope jumps there."""

    id: str
    what: str
    inputs: Mapping[str, Any]
    argument: str
    index: tuple[int, ...]
    parameters: Mapping[str, Any]


def _probe(
    id: str, what: str, argument: str, index: tuple[int, ...] = (0, 0), *, given: Any = None, **inputs: Any
) -> Probe:
    arrays = {name: np.asarray(x) for name, x in inputs.items()}
    return Probe(f"cost/{id}", what, arrays, argument, index, given or {})


PROBES = (
    _probe("l1", "a = y", "a", a=[[0.5]], y=[[0.5]]),
    _probe("quantile", "a = y, τ = 0.9", "a", a=[[0.5]], y=[[0.5]], given={"tau": 0.9}),
    _probe("hinge", "yz = 1", "z", z=[[1.0]], y=[[1.0]]),
    _probe("perceptron", "z = 0", "z", z=[[0.0]], y=[[1.0]]),
    _probe("hinge_embedding", "z = margin, y = −1", "z", z=[[1.0]], y=[[-1]]),
    _probe("margin_ranking", "a = b, margin 0", "a", a=[[0.5]], b=[[0.5]], y=[[1.0]]),
    _probe("multi_margin", "z_y − z_j = margin", "z", (0, 1), z=[[1.5, 0.5]], labels=[0]),
    _probe("multilabel_margin", "z_l − z_j = 1", "z", (0, 1), z=[[1.5, 0.5]], y=[[1, 0]]),
    _probe("multiclass_hinge", "z_y − z_j = 1", "z", (0, 1), z=[[1.5, 0.5]], labels=[0]),
    _probe("multiclass_hinge", "two largest others", "z", (0, 1), z=[[0.0, 2.0, 2.0]], labels=[0]),
    _probe("multiclass_perceptron", "z_y = z_j", "z", (0, 1), z=[[0.5, 0.5]], labels=[0]),
    _probe("cosine_embedding", "cos = margin = 0, y = −1", "b", a=[[1.0, 0.0]], b=[[0.0, 1.0]], y=[-1]),
    _probe("triplet_margin", "‖a − c‖ − ‖a − b‖ = margin", "b", a=[[0.0]], b=[[1.0]], c=[[2.0]]),
    _probe("triplet_margin", "a = b", "b", a=[[0.5]], b=[[0.5]], c=[[0.75]]),
)


def kink(probe: Probe, oracles: Mapping[str, ModuleType]) -> Row:
    """One row of evidence: exact slopes beside the kink, and what everyone returns at it."""
    from oracles.arb_truth.arrays import loss_truth

    case = Case(probe.id, "float64", "kink", 0, probe.inputs, probe.parameters)
    left, right = (
        float(loss_truth(probe.id, _moved(probe, step), **probe.parameters)[1][probe.argument].truth.hi[probe.index])
        for step in (-STEP, STEP)
    )
    with np.errstate(all="ignore"):
        slopes = {side: float(g[probe.argument][probe.index]) for side, (_, g) in answers(case, oracles).items()}
    low, high = sorted((left, right))
    inside = {side: bool(low - STEP <= slope <= high + STEP) for side, slope in slopes.items()}
    return {
        "row": "kink", "formula": probe.id, "at": probe.what, "argument": f"{probe.argument}{list(probe.index)}",
        "left": _short(left), "right": _short(right), **{side: _short(slope) for side, slope in slopes.items()},
        "inside": inside, "verdict": (Verdict.agrees if inside["ours"] else Verdict.wrong).value,
    }  # fmt: skip


def _short(slope: float) -> float | str:
    """Ten digits: the truth was taken a little to the side. NaN and infinities as text, which JSON can hold."""
    return float(f"{slope:.10g}") if math.isfinite(slope) else str(slope)


def _moved(probe: Probe, step: float) -> dict[str, Any]:
    x = np.array(probe.inputs[probe.argument])
    x[probe.index] += step
    return {**probe.inputs, probe.argument: x}


# ---------------------------------------------------------------- evidence and page


def measure(oracles: Mapping[str, ModuleType], ids: Sequence[str] = tuple(DRAWS), seeds: int = SEEDS) -> Iterator[Row]:
    """All rows of evidence on the costs `ids`, one formula after another."""
    for id in ids:
        for dtype in DTYPES:
            yield from accuracy(id, dtype, oracles, seeds)
        yield from (kink(probe, oracles) for probe in PROBES if probe.id == id)


def write_evidence(path: Path, header: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write evidence/costs.jsonl whole."""
    write_lines(path, {**header, "seeds": SEEDS}, rows)


SIDES = ("ours", "torch", "jax")


def _accuracy_table(rows: Sequence[Row], dtype: str) -> Table:
    by_key = {
        (r["formula"], r["quantity"], r["side"]): r for r in rows if r["row"] == "accuracy" and r["dtype"] == dtype
    }
    lines: list[list[Any]] = []
    for formula, quantity in dict.fromkeys((f, q) for f, q, _ in by_key):
        found = [by_key.get((formula, quantity, side)) for side in SIDES]
        what = quantity if quantity == "value" else f"∂C/∂{quantity}"
        worst = next((r["at"] for r in found if r and r["side"] == "ours" and r["entries"]), "")
        lines.append([formula.split("/")[1], what, *map(_errors, found), worst])
    columns = ["cost", "quantity", *(f"{side} max (mean)" for side in SIDES), "worst of ours"]
    note = "Conditioned ULP. A star marks what the framework does not have, written out in its operations."
    return Table(dtype, columns, lines, note)


def _errors(row: Row | None) -> str:
    if row is None:
        return "not measured"
    if not row["entries"]:
        return "no gradient"
    return f"{number(row['max'])} ({number(row['mean'])})" + ("*" if row["composed"] else "")


def kink_table(rows: Sequence[Row]) -> Table:
    """Everyone's slope where the exact slopes on the two sides differ."""
    lines = [
        [r["formula"].split("/")[1], r["at"], r["argument"], f"[{_slope(r['left'])}, {_slope(r['right'])}]",
         *(_slope(r[s]) + ("" if r["inside"][s] else " (outside)") if s in r else "–" for s in SIDES)]
        for r in rows if r["row"] == "kink"
    ]  # fmt: skip
    columns = ["cost", "at", "entry", "exact slopes left, right", *SIDES]
    return Table("Kinks", columns, lines, "The slope in one entry where the exact slopes on its two sides differ.")


def _slope(x: float | str) -> str:
    return f"{x:.4g}" if isinstance(x, float) else x


def write_costs_page(evidence: Path, folder: Path) -> None:
    """Write costs-accuracy.md from evidence/costs.jsonl, with its tables."""
    _, rows = read_lines(evidence / "costs.jsonl")
    entries = sum(r["entries"] for r in rows if r["row"] == "accuracy" and r["side"] == "ours")
    worst = {dtype: max((r["max"] for r in rows if r["row"] == "accuracy" and r["dtype"] == dtype
                         and r["side"] == "ours" and r["entries"]), default=0.0) for dtype in DTYPES}  # fmt: skip
    intro = (
        f"# Accuracy of the costs\n\nValues and gradients of {len({r['formula'] for r in rows})} costs with respect to "
        f"every argument, {entries:,} numbers by us, each against the exact one. The error is |ŷ − y|/(ulp(y) + "
        "u·Σ|xᵢ·∂y/∂xᵢ|): what half an ULP of the inputs would do is forgiven. Our largest is "
        f"{number(worst['float64'])} in float64 and {number(worst['float32'])} in float32. Regimes: plain, wide (many "
        "magnitudes, saturated), near (predictions close to their targets)."
    )
    tables = [kink_table(rows), *(_accuracy_table(rows, dtype) for dtype in ("float64", "float32"))]
    write_page(folder, "costs-accuracy", intro, tables)


def failure(row: Row) -> str:
    """For a person: what was wrong, by how much, and the line that makes it again."""
    if row["row"] == "kink":
        sides = f"[{row['left']}, {row['right']}]"
        return f"{row['formula']}: slope {row['ours']} in {row['argument']} at {row['at']}, outside {sides}"
    regime, seed, *_ = row["at"].split(" ")
    return (
        f"{row['formula']}: {row['quantity']} in {row['dtype']} is {float.fromhex(row['got'])!r}, exact "
        f"{float.fromhex(row['truth'])!r}: {row['max']} conditioned ULP at {row['at']}\n"
        f"again: gradproof case {row['formula']} {regime} {seed} --dtype {row['dtype']}"
    )
