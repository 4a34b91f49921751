"""Whole gradients of blocks, by every weight, each side against the truth over balls.

The error of an entry y is conditioned on all float inputs x, E = |ŷ − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|). A whole chain is
allowed what a single formula is, and nothing for its length. One finding is a block at one setting × dtype × side; its
verdicts count gradients by a weight in a case. A gradient of which not even the double would be called wrong says
nothing, and is undefined.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.blocks.blame import blame
from gradproof.blocks.cases import SETTINGS, draw
from gradproof.cases.case import Case
from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import WORSE, Verdict
from gradproof.tasks import Plan, Task
from reference.blocks import BLOCKS
from reference.formula import Array

DTYPES = ("float64", "float32")
SEEDS = 3
ALLOWED = {"float64": 4.0, "float32": 1.0}  # conditioned ULP of ours, as a layer's; float64 rounded once to float32
INACCURATE = 4.0  # conditioned ULP beyond which another side is called inaccurate
VACUOUS = 2.0**-20  # ‖Jᵀv‖/(‖J‖‖v‖) below which a test under the cotangent v could not fail

Side = Callable[[Case], Answer]


def ours(case: Case) -> Answer:
    """The block of `reference`."""
    return Answer(*BLOCKS[case.formula].vjp(case.arguments, case.cotangent, **case.parameters))  # type: ignore[attr-defined]


def sides(names: Sequence[str]) -> dict[str, Side]:
    """Ours, and those of the oracles `names` that are installed."""

    def framework(module: Any) -> Side:
        return lambda case: Answer(*module.block(case.formula, case.arguments, case.cotangent, **case.parameters))

    return {"ours": ours, **{name: framework(module) for name, module in installed(names, "block").items()}}


def truth(case: Case) -> Any:
    """The exact answer, an `oracles.arb_truth.Pullback`. Raises ImportError without python-flint."""
    from oracles.arb_truth import pullback
    from oracles.arb_truth.layers.blocks import BLOCKS as DEFINITIONS

    given: dict[str, Any] = {"dtype": case.dtype, "definitions": DEFINITIONS, **case.parameters}
    found = pullback(case.formula, case.arguments, case.cotangent, **given)
    if not found.vacuity >= VACUOUS:  # NaN: there is no slope
        raise ValueError(f"{case.formula} {case.name}: the pullback kills the cotangent: no error could be seen")
    return found


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
        y, exact = np.asarray(got).astype(np.float64), right.truth.hi
        error = np.where(np.isnan(exact), 0, np.nan_to_num(right.error(y), nan=np.inf))
        self.entries += y.size
        size = float(np.linalg.norm(exact))
        self.relative.append(float(np.linalg.norm(y - exact)) / size if size else 0.0)
        self.verdicts[verdict(y, right, error, ALLOWED[case.dtype] if self.ours else INACCURATE, self.ours).value] += 1
        worst = np.unravel_index(error.argmax(), error.shape)
        if error[worst] > self.largest:
            self.largest, self.got, self.truth = float(error[worst]), float(y[worst]), float(exact[worst])
            self.at = f"{name} {[int(i) for i in worst]} of {case.name}"


def verdict(got: Array, right: Any, error: Array, allowed: float, ours: bool) -> Verdict:
    """Of one gradient, all its entries together; `right` is its truth and `error` how far it is off."""
    if (got == right.truth.hi).all():
        return Verdict.exact
    if error.max() <= allowed:
        noticed = bool((right.error(2 * right.truth.hi) > allowed).any())
        return Verdict.agrees if noticed else Verdict.undefined
    return Verdict.wrong if ours else Verdict.inaccurate


def label(options: Mapping[str, Any]) -> str:
    """A setting in words: what is not the default of the block."""
    return ", ".join(f"{name} = {value}" for name, value in options.items())


def measure(id: str, options: Mapping[str, Any], dtype: str, seed: int, names: Sequence[str]) -> list[Finding]:
    """The findings on one block at one setting in one dtype. Needs python-flint."""
    answering = sides(names)
    records = {side: Record(side == "ours") for side in answering}
    for k in range(seed * SEEDS, (seed + 1) * SEEDS):
        case = draw(id, options, dtype, k)
        exact = truth(case)
        known = {**exact.outputs, **{f"∂/∂{name}": g for name, g in exact.gradients.items()}}
        for side, answer in answering.items():
            record = records[side]
            try:
                with np.errstate(all="ignore"):
                    said = answer(case).quantities
            except Exception as error:  # whatever a framework raises is a finding, and the other findings stay
                record.verdicts["unknown"] += len(known)
                record.why = f"{type(error).__name__}: {error}"
                continue
            for name, right in known.items():
                record.add(case, name, said[name], right)
            if record.ours and "wrong" in record.verdicts and not record.why:
                record.why = blame(case, known, ALLOWED[dtype])
    return [_finding(id, label(options), dtype, side, record) for side, record in records.items()]


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
        for options in settings if plan.wants(id) else ():
            for dtype in plan.those(DTYPES):
                call = functools.partial(measure, id, options, dtype, plan.seed, plan.oracles)
                yield Task(f"{id} in {dtype} {label(options)}".rstrip(), call)
