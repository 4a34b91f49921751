"""Whole gradients of blocks, by every weight, each side against the truth over balls.

The error of an entry y is conditioned on all float inputs x, E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). A whole chain is
allowed what a single formula is, and nothing for its length: what rounds between its links is forgiven as far as
rounded inputs would do the same. Plain numbers can keep this. In wide cases, where the cotangents of saturated
softmaxes all but cancel over examples, not even correctly rounded layers can; there the sum counts as inputs also what
goes from one layer to the next, and the cotangents that come back (`oracles.arb_truth.chains`).

One finding is a block at one setting × dtype × side; its verdicts count gradients by a weight in a case. A gradient of
which not even the double would be called wrong says nothing, and is undefined.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.answers.frameworks import sides
from gradproof.answers.truth import VACUOUS, truth
from gradproof.blocks.blame import blame, error_of
from gradproof.cases.blocks import REGIMES, SETTINGS, draw
from gradproof.cases.case import Case
from gradproof.cases.parameters import label
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import INACCURATE, WORSE, Verdict
from gradproof.tasks import Plan, Task
from reference.formula import Array

DTYPES = ("float64", "float32")
SEEDS = 3
ALLOWED = {"float64": 4.0, "float32": 1.0}  # conditioned ULP of ours, as a layer's; float64 rounded once to float32


def known(case: Case) -> dict[str, Any]:
    """The truth by quantity, each an `oracles.arb_truth.Conditioned`. Raises ImportError without python-flint.

    Raises ValueError for a cotangent that the pullback kills, under which no error could be seen.
    """
    exact = truth(case)
    if not exact.vacuity >= VACUOUS:  # NaN: there is no slope
        raise ValueError(f"{case.formula} {case.name}: the pullback kills the cotangent: no error could be seen")
    return exact.quantities


@dataclass
class Record:
    """What one side, ours or another, said to all cases of a block at one setting."""

    ours: bool
    verdicts: Counter[str] = field(default_factory=Counter)
    relative: list[float] = field(default_factory=list)  # ‖p − truth‖/‖truth‖ of each gradient
    entries: int = 0
    largest: float = -1.0
    at: str = ""
    got: float = 0.0
    truth: float = 0.0
    why: str = ""

    def add(self, case: Case, name: str, got: Array, right: Any) -> None:
        """Take in one gradient, or the value."""
        y, exact, error = np.asarray(got).astype(np.float64), right.truth.hi, error_of(got, right)
        self.entries += y.size
        size = float(np.linalg.norm(exact))
        self.relative.append(float(np.linalg.norm(y - exact)) / size if size else 0.0)
        self.verdicts[verdict(y, right, error, ALLOWED[case.dtype] if self.ours else INACCURATE, self.ours).value] += 1
        worst = np.unravel_index(error.argmax(), error.shape)
        if error[worst] > self.largest:
            self.largest, self.got, self.truth = float(error[worst]), float(y[worst]), float(exact[worst])
            self.at = f"{case.name} {name}{[int(i) for i in worst] or ''}"


def verdict(got: Array, right: Any, error: Array, allowed: float, ours: bool) -> Verdict:
    """Of one gradient, all its entries together; `right` is its truth and `error` how far it is off."""
    if (got == right.truth.hi).all():
        return Verdict.exact
    if error.max() <= allowed:
        noticed = bool((right.error(2 * right.truth.hi) > allowed).any())
        return Verdict.agrees if noticed else Verdict.undefined
    return Verdict.wrong if ours else Verdict.inaccurate


def measure(id: str, setting: int, dtype: str, seed: int, names: Sequence[str]) -> list[Finding]:
    """The findings on one block at one of its settings in one dtype. Needs python-flint."""
    answering = sides(names)
    records = {side: Record(side == "ours") for side in answering}
    for regime, k in itertools.product(REGIMES, range(seed * SEEDS, (seed + 1) * SEEDS)):
        case = draw(id, dtype, regime, k * len(SETTINGS[id]) + setting)
        exact = known(case)
        for side, answer in answering.items():
            record = records[side]
            try:
                with np.errstate(all="ignore"):
                    said = answer(case).quantities
            except Exception as error:  # whatever a framework raises is a finding, and the other findings stay
                record.verdicts["unknown"] += len(exact)
                record.why = f"{type(error).__name__}: {error}"
                continue
            for name, right in exact.items():
                record.add(case, name, said[name], right)
            if record.ours and "wrong" in record.verdicts and not record.why:
                record.why = blame(case, exact, ALLOWED[dtype])
    return [_finding(id, label(SETTINGS[id][setting]), dtype, side, record) for side, record in records.items()]


def _finding(id: str, what: str, dtype: str, side: str, r: Record) -> Finding:
    got, exact = (hexed(r.got), hexed(r.truth)) if r.at else ("", "")
    median = short(float(np.median(r.relative)), 3) if r.relative else None
    return Finding(
        "block", id, what, dtype=dtype, side=side, verdict=max(r.verdicts, key=WORSE.index), entries=r.entries,
        max=short(r.largest) if r.at else None, at=r.at, got=got, truth=exact, why=r.why,
        more={"verdicts": dict(sorted(r.verdicts.items())), "median": median},
    )  # fmt: skip


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each block, setting and dtype."""
    for id, settings in SETTINGS.items():
        for k, options in enumerate(settings if plan.wants(id) else ()):
            for dtype in plan.those(DTYPES):
                call = functools.partial(measure, id, k, dtype, plan.seed, plan.oracles)
                yield Task(f"{id} in {dtype} {label(options)}".rstrip(), call)
