"""Answers to cases against the truth, entry by entry: outputs, and gradients by every argument; of update rules the
new parameter and accumulators.

The error of an entry y is conditioned on all float inputs x, cotangents among them:
E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). No algorithm can do better than a few of these, and none is forgiven more.
One finding is one formula × quantity × dtype × side. A framework whose rule is another one by convention is measured
by that (`gradproof.answers.variants`), and the finding says so.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gradproof import cases
from gradproof.answers.answer import Side
from gradproof.answers.frameworks import composed, sides
from gradproof.answers.truth import VACUOUS, truth
from gradproof.answers.variants import VARIANTS
from gradproof.cases.case import Case
from gradproof.checks import sweep
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import INACCURATE, ROUNDED, Verdict
from gradproof.lookup import Missing
from gradproof.tasks import Plan, Task
from reference import CATALOGUE
from reference.formula import Array, Formula

if TYPE_CHECKING:
    from oracles.arb_truth import Conditioned

DTYPES = sweep.DTYPES
SEEDS = 6  # of each regime


@dataclass
class Worst:
    """The errors of one side in one quantity, over cases."""

    errors: list[float] = field(default_factory=list)
    largest: float = -1.0
    at: str = ""
    got: float = math.nan
    truth: float = math.nan
    not_numbers: int = 0
    input: Mapping[str, Any] = field(default_factory=dict)  # what of each argument belongs to that entry

    def add(self, error: Array, got: Array, truth: Array, case: Case) -> None:
        """Take in one array of errors. A NaN among them has no truth to compare with."""
        counted = ~np.isnan(error)
        self.errors += error[counted].ravel().tolist()
        self.not_numbers += int((np.isnan(got) & ~np.isnan(truth)).sum())
        if counted.any():
            k = np.unravel_index(np.argmax(np.where(counted, error, -1)), error.shape)
            if error[k] > self.largest:
                self.largest, self.got, self.truth = float(error[k]), float(got[k]), float(truth[k])
                self.at = f"{case.name} {[int(i) for i in k]}"
                self.input = _input(case, tuple(int(i) for i in k), error.shape)


def _input(case: Case, k: tuple[int, ...], shape: tuple[int, ...]) -> dict[str, Any]:
    """Of every argument of the same axes the entry k, or the row; {} of a quantity that has no axes."""
    found = {name: np.asarray(x)[k] for name, x in case.arguments.items() if k and np.shape(x)[: len(k)] == shape}
    return {name: hexed(x) if not x.shape else [hexed(q) for q in x] for name, x in found.items() if x.ndim < 2}


def gate(formula: Formula, dtype: str) -> float:
    """What we must keep, in conditioned ULP: the bound of the record in float64, 1 in float32, one rounding below."""
    return {"float64": formula.conditioned_ulp, "float32": 1.0}.get(dtype, ROUNDED)


def check(asked: Iterable[Case], answering: Mapping[str, Side]) -> list[Finding]:
    """The findings on cases of one formula in one dtype.

    Of a case whose cotangent the pullback kills, outputs alone are compared: no error of a gradient could be seen.
    Raises ValueError if that is so of all cases but those that have no slopes at all, ImportError without python-flint.
    """
    worst: dict[tuple[str, str], Worst] = {}
    apart: dict[tuple[str, str], Worst] = {}  # from a rule that is another by convention
    missing: dict[tuple[str, str], str] = {}
    vacuities: list[float] = []
    case: Case | None = None
    for case in asked:
        exact = truth(case)
        vacuities.append(exact.vacuity)
        known = exact.outputs if exact.vacuity < VACUOUS else exact.quantities
        for side, answer in answering.items():
            try:
                with np.errstate(all="ignore"):
                    got = answer(case).quantities
            except Missing as reason:
                missing |= {(quantity, side): str(reason) for quantity in exact.quantities}
                continue
            for quantity, right in known.items():
                if quantity not in got:
                    missing[quantity, side] = (
                        "gives no gradient for this argument" if quantity.startswith("∂") else "does not keep it"
                    )
                    continue
                y = np.asarray(got[quantity]).astype(np.float64)
                worst.setdefault((quantity, side), Worst()).add(right.error(y), y, right.truth.hi, case)
                if (case.formula, side) in VARIANTS:
                    other = _by_convention(case, side, quantity, right)
                    nearer = min((right, other), key=lambda known: _largest(known.error(y)))  # settings may not differ
                    apart.setdefault((quantity, side), Worst()).add(nearer.error(y), y, nearer.truth.hi, case)
    if case is None:
        return []
    if any(v < VACUOUS for v in vacuities) and not any(v >= VACUOUS for v in vacuities):  # NaN: there is no slope
        raise ValueError(f"{case.formula}: the pullback kills every cotangent: no error of a gradient could be seen")
    found = [_finding(case, quantity, side, w, apart.get((quantity, side))) for (quantity, side), w in worst.items()]
    return found + [
        Finding("accuracy", case.formula, quantity=quantity, dtype=case.dtype, side=side, why=why,
                verdict=Verdict.undefined.value)
        for (quantity, side), why in missing.items() if (quantity, side) not in worst
    ]  # fmt: skip


def _largest(error: Array) -> float:
    return float(np.max(error, initial=0.0, where=~np.isnan(error)))


def _by_convention(case: Case, side: str, quantity: str, right: Conditioned) -> Conditioned:
    """The right answer with what this side does differently put in, as conditioned as ours."""
    step: Any = VARIANTS[case.formula, side][0]
    wide = {name: np.asarray(x).astype(np.float64) for name, x in case.arguments.items()}
    known = inspect.signature(step).parameters
    given = {name: p for name, p in case.parameters.items() if name == "t" or name in known}
    y = np.where(np.isnan(right.truth.hi), np.nan, step.vjp(wide, **given)[0][quantity])
    return replace(right, truth=replace(right.truth, hi=y, residual=np.zeros(y.shape)))


def _finding(case: Case, quantity: str, side: str, worst: Worst, apart: Worst | None = None) -> Finding:
    formula = CATALOGUE[case.formula]
    ours, why = side == "ours", ""
    if apart and apart.largest < worst.largest:
        worst, why = apart, (inspect.getdoc(VARIANTS[case.formula, side][0]) or "").splitlines()[0]
    allowed = gate(formula, case.dtype) if ours else max(INACCURATE, formula.conditioned_ulp)
    fine = worst.largest <= allowed and not worst.not_numbers
    finite = [e for e in worst.errors if math.isfinite(e)]
    more: dict[str, Any] = {"allowed": allowed} if ours else {}
    if worst.not_numbers:
        more["not a number"] = worst.not_numbers
    if not ours and composed(side, formula.id, quantity):
        more["composed"] = True
    if not fine and worst.input:
        more["input"] = worst.input
    verdict = Verdict.agrees if fine else Verdict.wrong if ours else Verdict.inaccurate
    if fine and why:
        verdict = Verdict(VARIANTS[case.formula, side][1])
    return Finding(
        "accuracy", formula.id, quantity=quantity, dtype=case.dtype, side=side, verdict=verdict.value,
        entries=len(worst.errors), max=short(worst.largest), mean=short(float(np.mean(finite)) if finite else None),
        at=worst.at, got=hexed(worst.got), truth=hexed(worst.truth), why=why, more=more,
    )  # fmt: skip


def measure(id: str, dtype: str, seed: int, names: tuple[str, ...]) -> list[Finding]:
    """All cases of one formula in one dtype, by us and by the oracles `names`. Needs python-flint."""
    return check(cases.of(id, dtype, range(seed * SEEDS, (seed + 1) * SEEDS)), sides(names))


def tasks(plan: Plan) -> Iterator[Task]:
    """The sweeps of the elementwise activations, then the cases of every formula that has some."""
    yield from sweep.tasks(plan)
    for id in (*cases.DRAWS, *cases.STEPS):
        for dtype in plan.those(DTYPES):
            if plan.wants(id):
                yield Task(f"{id} in {dtype}", functools.partial(measure, id, dtype, plan.seed, plan.oracles))
