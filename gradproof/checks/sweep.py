"""Value and slope of every elementwise activation at dense inputs against the exact truth, in units in the last place.

At dense points (in 16 bits at every float) and then round the worst ones found, each side's error is measured:
strict, and conditioned, E = |ŷ − y|/(ulp(y) + u·|x·y'(x)|), which forgives what half an ULP of the input would
do. One finding is one formula × parameters × value or slope × dtype × side.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.answers.answer import Side
from gradproof.answers.frameworks import composed, sides
from gradproof.cases.case import Case, as_dtype
from gradproof.cases.parameters import label, settings
from gradproof.evidence.environment import extensions
from gradproof.evidence.finding import Finding, hexed, short
from gradproof.evidence.verdicts import INACCURATE, ROUNDED, Verdict
from gradproof.lookup import Missing
from gradproof.tasks import Plan, Task
from reference import CATALOGUE
from reference.formula import Array, Formula

Parameters = Mapping[str, float]

DTYPES = ("float64", "float32", "float16", "bfloat16")
WIDE = ("float32", "float64")
PARTS = ("value", "slope")
POINTS, FEWER = 20_000, 2_000  # in float32 and float64, before the search round the worst: defaults, and others
WITHOUT_SIMD = 6.0  # ULP that NumPy's functions may cost us where they are those of the C library
LOST = 0.5  # relative error from which no digit is left
BINS = 96  # of the error curves
ROUNDS, SEEDS, NEIGHBOURS = 3, 4, 40  # of the local search round the worst points
BLOCK = 1 << 13  # points that a side is asked for at once


@dataclass(frozen=True)
class Gate:
    """What our value and slope must keep: conditioned and strict ULP, the strict one away from zeros of the slope."""

    conditioned: float
    strict: float


def gate(formula: Formula, dtype: str) -> Gate:
    """The bounds of the formula's record in float64; correct rounding, up to 0.001 ULP, in the narrower dtypes.

    The record speaks of NumPy's own functions with SIMD, as does the gate of `tests/reference/test_accuracy.py`.
    """
    if dtype == "float64":
        least = 0.0 if extensions() else WITHOUT_SIMD
        return Gate(max(formula.conditioned_ulp, least), max(formula.strict_ulp, least))
    return Gate(ROUNDED, ROUNDED)


def ask(side: Side, formula: Formula, x: Array, dtype: str, parameters: Parameters) -> tuple[Array, Array]:
    """(value, slope) at the points x as float64 arrays, by blocks of one size, since JAX compiles each size anew.

    The slope is the gradient under ones: every entry answers for itself. Raises Missing where the side has no answer.
    """
    blocks = np.zeros((-(-len(x) // BLOCK), BLOCK))
    blocks.flat[: len(x)] = x
    found = []
    for block in blocks:
        z = as_dtype(block, dtype)
        answer = side(Case(formula.id, dtype, "sweep", 0, {"z": z}, {"value": np.ones_like(z)}, parameters))
        found.append((answer.outputs["value"], answer.gradients["z"]))
    value, slope = (np.concatenate(q)[: len(x)].astype(np.float64) for q in zip(*found, strict=True))
    return value, slope


@dataclass
class Measured:
    """Errors of all sides at points x, for one part (value or slope) of one formula."""

    x: Array
    truth: Array
    strict: dict[str, Array]
    conditioned: dict[str, Array]
    got: dict[str, Array]


@dataclass(frozen=True)
class Sweep:
    """One formula at one setting of its parameters in one dtype, and those who answer."""

    formula: Formula
    dtype: str
    parameters: Parameters
    sides: Mapping[str, Side]

    def points(self, n: int) -> Array:
        """Every float of a 16-bit dtype; about n dense ones of a wider. float64 array of floats of the dtype."""
        from oracles import points as choose

        if self.dtype in WIDE:
            return choose.dense(self.formula.id, self.dtype, n, **self.parameters)
        return choose.every(self.dtype)

    def measure(self, x: Array) -> dict[str, Measured]:
        """Errors of value and slope at the points x. Kinks and undecided truths have error NaN and do not count."""
        from oracles import floats
        from oracles.arb_truth import blocks, points

        wide = self.dtype in WIDE  # in 16 bits every result shall be correctly rounded: no error is forgiven
        if wide:
            given: dict[str, Any] = {"dtype": self.dtype, **self.parameters}
            truths = points.truths(self.formula.id, x, **given)
        else:
            truths = blocks.truths(self.formula.id, x, self.dtype)
        got = {}
        for name, side in self.sides.items():
            try:
                got[name] = ask(side, self.formula, x, self.dtype, self.parameters)
            except Missing:
                continue
        found = {}
        for k, part in enumerate(PARTS):
            strict = {name: floats.ulp_error(pair[k], truths[k]) for name, pair in got.items()}
            conditioned = strict
            if wide:
                conditioned = {
                    name: floats.conditioned_error(pair[k], truths[k], x, truths[k + 1]) for name, pair in got.items()
                }
            found[part] = Measured(x, truths[k].hi, strict, conditioned, {name: pair[k] for name, pair in got.items()})
        return found

    def search(self, found: dict[str, Measured]) -> dict[str, Measured]:
        """Add points round the worst of ours: a fixed grid understates a maximum."""
        from oracles.points import from_ordinal, ordinal

        reach = 44 if self.dtype == "float64" else 16
        offsets = np.unique(np.round(2 ** np.linspace(0, reach, NEIGHBOURS)).astype(np.int64))
        for _ in range(ROUNDS):
            centres: list[float] = []
            for m in found.values():
                for error in (m.strict["ours"], m.conditioned["ours"]):
                    finite = np.where(np.isfinite(error), error, -1)
                    centres += m.x[np.argsort(finite)[-SEEDS:]].tolist()
            here = ordinal(np.unique(centres), self.dtype)[:, None]
            near = np.unique(from_ordinal(np.concatenate([here + offsets, here - offsets]).ravel(), self.dtype))
            more = self.measure(near[np.isfinite(near)])
            found = {part: _join(found[part], more[part]) for part in PARTS}
        return found

    def findings(self, n: int) -> list[Finding]:
        """Everything about this formula, dtype and setting; error curves where the parameters are the defaults."""
        with np.errstate(all="ignore"):
            found = self.measure(self.points(n))
            if self.dtype in WIDE:
                found = self.search(found)
            return [f for part in PARTS for name in found[part].got for f in self._findings(part, found[part], name)]

    def _findings(self, part: str, m: Measured, name: str) -> Iterable[Finding]:
        from oracles.floats import format_of

        dtype, what = self.dtype, label(self.parameters)
        strict, conditioned, got = m.strict[name], m.conditioned[name], m.got[name]
        smallest = 2.0 ** (format_of(dtype)[1].least + format_of(dtype)[1].digits - 1)
        normal = (np.abs(m.truth) >= smallest) | (m.truth == 0)
        worst = _top(np.where(normal, strict, np.nan), m.x)
        fair = _top(np.where(normal, conditioned, np.nan), m.x)
        ordinary = _top(np.where(normal & (np.abs(m.x) <= ORDINARY), strict, np.nan), m.x)
        below = _top(np.where(normal, np.nan, strict), m.x)
        order = np.argsort(m.x, kind="stable")
        more: dict[str, Any] = {
            "strict": short(worst.error), "strict at": worst.at,
            "ordinary": short(ordinary.error), "ordinary at": ordinary.at, "subnormal": short(below.error),
            "not a number": int((np.isnan(got) & ~np.isnan(m.truth)).sum()),
            "lost": _lost(m.x[order], got[order], m.truth[order], normal[order]),
            "parameters": dict(self.parameters),
        }  # fmt: skip
        ours = name == "ours"
        limit = gate(self.formula, dtype) if ours else Gate(INACCURATE, np.inf)
        crosses = dtype == "float64" and bool(self.formula.slope_zeros)  # where no strict ULP can be asked for
        bounds = [
            ("conditioned ULP", fair, limit.conditioned),
            ("strict ULP", worst, np.inf if crosses else limit.strict),
            ("ULP of a subnormal result", below, min(limit.conditioned, np.inf if crosses else limit.strict)),
        ]
        broken = next(((unit, top, bound) for unit, top, bound in bounds if (top.error or 0) > bound), None)
        shown = fair
        if ours:
            more |= {"allowed": limit.conditioned, "allowed strict": limit.strict}
        elif composed(name, self.formula.id, "value"):
            more["composed"] = True
        if ours and broken:
            unit, shown, bound = broken
            more["broken"] = {"unit": unit, "error": short(shown.error), "allowed": bound}
        verdict = Verdict.agrees if not broken else Verdict.wrong if ours else Verdict.inaccurate
        got_there = truth_there = ""
        if shown.at:
            k = int(np.flatnonzero(m.x == float.fromhex(shown.at))[0])
            got_there, truth_there = hexed(got[k]), hexed(m.truth[k])
        yield Finding(
            "sweep", self.formula.id, what, part, dtype, name, verdict.value, int((~np.isnan(strict)).sum()),
            short(fair.error), short(fair.mean), shown.at,
            got_there, truth_there, more={key: said for key, said in more.items() if said and said != shown.at},
        )  # fmt: skip
        if dtype in WIDE and not self.parameters:
            bins = _worst_of_bins(m.x, conditioned, dtype)
            yield Finding("curve", self.formula.id, "", part, dtype, name, more={
                "range": RANGES[dtype], "ulp": [None if k is None else _capped(conditioned[k]) for k in bins],
                "shown": _shown(bins, (m.x, got, m.truth), conditioned),  # input, result and truth
            })  # fmt: skip


ORDINARY = 10.0  # |x| up to which a user is likely to be


@dataclass(frozen=True)
class Top:
    """Maximum, mean of the finite, and where the maximum is (the point nearest 0 if there are several)."""

    error: float | None = None
    mean: float | None = None
    at: str = ""


def _top(error: Array, x: Array) -> Top:
    counted = ~np.isnan(error)
    if not counted.any():
        return Top()
    e, z = error[counted], x[counted]
    worst = e.max()
    at = z[e == worst]
    finite = e[np.isfinite(e)]
    return Top(float(worst), float(finite.mean()) if len(finite) else None, hexed(at[np.argmin(np.abs(at))]))


def _join(first: Measured, second: Measured) -> Measured:
    def both(p: dict[str, Array], q: dict[str, Array]) -> dict[str, Array]:
        return {name: np.concatenate([p[name], q[name]]) for name in p}

    return Measured(
        np.concatenate([first.x, second.x]),
        np.concatenate([first.truth, second.truth]),
        both(first.strict, second.strict),
        both(first.conditioned, second.conditioned),
        both(first.got, second.got),
    )


def _lost(x: Array, got: Array, truth: Array, normal: Array) -> list[list[str]]:
    """Ranges [first, last] of consecutive points at which a normal, non-zero truth is off by half of itself or more."""
    with np.errstate(all="ignore"):
        bad = (np.abs(got - truth) >= LOST * np.abs(truth)) | (np.isnan(got) & ~np.isnan(truth))
    bad &= normal & (truth != 0) & np.isfinite(truth)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]]).astype(int)))
    ranges = sorted(edges.reshape(-1, 2), key=lambda r: r[0] - r[1])[:4]
    return [[hexed(x[a]), hexed(x[b - 1])] for a, b in sorted(ranges, key=lambda r: r[0])]


SHOWN = 8  # bins of a curve whose worst is kept
RANGES = {"float32": (-30, 8), "float64": (-60, 11)}  # of error curves: powers of two on both sides of 0


def _worst_of_bins(x: Array, error: Array, dtype: str) -> list[int | None]:
    """Where the largest error of each bin of log|x| is: negative inputs from large to small, then positive ones."""
    edges = np.linspace(*RANGES[dtype], BINS // 2 + 1)
    with np.errstate(divide="ignore"):
        logs = np.log2(np.abs(x))
    bins = np.digitize(logs, edges) - 1
    counted = ~np.isnan(error) & (bins >= 0) & (bins < len(edges) - 1)
    worst: list[int | None] = []
    for sign, order in ((-1, range(len(edges) - 2, -1, -1)), (1, range(len(edges) - 1))):
        for k in order:
            here = np.flatnonzero(counted & (bins == k) & (np.sign(x) == sign))
            worst.append(int(here[np.argmax(error[here])]) if len(here) else None)
    return worst


def _capped(error: float) -> float:
    """An error to three digits, finite: JSON's numbers are."""
    return float(f"{min(error, 1e300):.3g}")


def _shown(worst: list[int | None], arrays: Sequence[Array], error: Array) -> dict[str, list[str]]:
    """Of the bins in which a result is furthest off, by more than 1 ULP, the numbers there, as hex, by their place."""
    off = {bin: k for bin, k in enumerate(worst) if k is not None and error[k] > 1}
    furthest = sorted(off, key=lambda bin: -error[off[bin]])[:SHOWN]
    return {str(bin): [hexed(a[off[bin]]) for a in arrays] for bin in sorted(furthest)}


def formulas() -> list[Formula]:
    """Every elementwise activation of the catalogue."""
    return [f for f in CATALOGUE.values() if f.elementwise]


def measure(id: str, dtype: str, parameters: Parameters, n: int, names: tuple[str, ...]) -> list[Finding]:
    """The findings on one formula in one dtype at one setting of its parameters."""
    return Sweep(CATALOGUE[id], dtype, parameters, sides(names)).findings(n)


def tasks(plan: Plan) -> Iterator[Task]:
    """Every elementwise activation in every dtype at its defaults, in the wide ones at other parameters too."""
    for dtype in plan.those(DTYPES):
        for formula in formulas():
            for parameters in settings(formula.id) if plan.wants(formula.id) else ():
                if parameters and dtype not in WIDE:
                    continue
                n = FEWER if parameters else POINTS
                call: Callable[[], list[Finding]] = functools.partial(
                    measure, formula.id, dtype, parameters, n, plan.oracles
                )
                yield Task(f"sweep of {formula.id} in {dtype} {label(parameters)}".rstrip(), call)
