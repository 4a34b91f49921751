"""Value and slope of every elementwise activation against the exact truth, in units in the last place.

At dense points (in 16 bits at every float) and then round the worst ones found, each side's error is measured:
strict, and conditioned, E = |ŷ − y|/(ulp(y) + u·|x·y'(x)|), which forgives what half an ULP of the input would
do. One row of evidence is one formula × dtype × value or slope × side.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.environment import load
from gradproof.evidence.verdicts import Verdict
from gradproof.networks.tolerance import ULPS
from reference import CATALOGUE
from reference.formula import Array, Formula

DTYPES = ("float16", "bfloat16", "float32", "float64")
WIDE = ("float32", "float64")
PARTS = ("value", "slope")
LOST = 0.5  # relative error from which no digit is left
BINS = 96  # of the error curves
ROUNDS, SEEDS, NEIGHBOURS = 3, 4, 40  # of the local search round the worst points
BLOCK = 1 << 13  # points that JAX is asked for at once


@dataclass(frozen=True)
class Gate:
    """What our value and slope must keep: conditioned and strict ULP, the strict one away from zeros of the slope."""

    conditioned: float
    strict: float


def gate(formula: Formula, dtype: str) -> Gate:
    """The bounds of the formula's record in float64; correct rounding, up to 0.001 ULP, in the narrower dtypes."""
    if dtype == "float64":
        return Gate(formula.conditioned_ulp, formula.strict_ulp)
    return Gate(0.501, 0.501)


def points(formula: Formula, dtype: str, n: int) -> Array:
    """Every float of a 16-bit dtype; about n dense ones of a wider. float64 array of floats of `dtype`."""
    from oracles import points as choose

    return choose.every(dtype) if dtype in ("float16", "bfloat16") else choose.dense(formula.id, dtype, n)


def as_dtype(x: Array, dtype: str) -> Array:
    """float64 values in `dtype`, where they are exact already."""
    if dtype == "bfloat16":
        import ml_dtypes

        return x.astype(ml_dtypes.bfloat16)
    return x.astype(dtype)


def sides(formula: Formula, x: Array, dtype: str, oracles: dict[str, ModuleType]) -> dict[str, tuple[Array, Array]]:
    """(value, slope) as float64 arrays by us and by each oracle that has the formula in this dtype."""
    z = as_dtype(x, dtype)
    found = {"ours": formula.function(z)}
    for name, module in oracles.items():
        with contextlib.suppress(NotImplementedError, RuntimeError, TypeError):  # no kernel for this dtype
            pair = functools.partial(module.elementwise, formula.id)
            found[name] = _by_blocks(pair, z) if name == "jax" else pair(z)
    return {name: tuple(np.asarray(q).astype(np.float64) for q in pair) for name, pair in found.items()}  # type: ignore[misc]


def _by_blocks(pair: Callable[[Array], tuple[Array, Array]], z: Array) -> tuple[Array, Array]:
    """(value, slope) at all of z by arrays of one size, since JAX compiles every operation anew for each size."""
    blocks = np.zeros((-(-len(z) // BLOCK), BLOCK), z.dtype)
    blocks.flat[: len(z)] = z
    value, slope = (np.concatenate(q)[: len(z)] for q in zip(*map(pair, blocks), strict=True))
    return value, slope


@dataclass
class Measured:
    """Errors of all sides at points x, for one part (value or slope) of one formula."""

    x: Array
    truth: Array
    strict: dict[str, Array]
    conditioned: dict[str, Array]
    got: dict[str, Array]


def measure(formula: Formula, x: Array, dtype: str, oracles: dict[str, ModuleType]) -> dict[str, Measured]:
    """Errors of value and slope at the points x. Kinks and undecided truths have error NaN and do not count."""
    from oracles import floats
    from oracles.arb_truth import blocks as arb_blocks
    from oracles.arb_truth import points as arb_truth

    wide = dtype in WIDE  # in 16 bits every result shall be correctly rounded: no error is forgiven
    truths = arb_truth.truths(formula.id, x, dtype=dtype) if wide else arb_blocks.truths(formula.id, x, dtype)
    got = sides(formula, x, dtype, oracles)
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


def search(
    formula: Formula, dtype: str, found: dict[str, Measured], oracles: dict[str, ModuleType]
) -> dict[str, Measured]:
    """Add points round the worst of ours: a fixed grid understates a maximum."""
    from oracles.points import from_ordinal, ordinal

    offsets = np.unique(np.round(2 ** np.linspace(0, 44 if dtype == "float64" else 16, NEIGHBOURS)).astype(np.int64))
    for _ in range(ROUNDS):
        centres: list[float] = []
        for m in found.values():
            for error in (m.strict["ours"], m.conditioned["ours"]):
                finite = np.where(np.isfinite(error), error, -1)
                centres += m.x[np.argsort(finite)[-SEEDS:]].tolist()
        here = ordinal(np.unique(centres), dtype)[:, None]
        near = np.unique(from_ordinal(np.concatenate([here + offsets, here - offsets]).ravel(), dtype))
        near = near[np.isfinite(near)]
        more = measure(formula, near, dtype, oracles)
        found = {part: _join(found[part], more[part]) for part in PARTS}
    return found


def run_one(id: str, dtype: str, n: int, names: Sequence[str]) -> list[dict[str, Any]]:
    """All rows of evidence about one formula in one dtype."""
    formula = CATALOGUE[id]
    oracles = {name: module for name in names if (module := load(name))}
    with np.errstate(all="ignore"):
        found = measure(formula, points(formula, dtype, n), dtype, oracles)
        if dtype in WIDE:
            found = search(formula, dtype, found, oracles)
        rows = [row for part in PARTS for row in _rows(formula, dtype, part, found[part], oracles)]
    return rows


def _top(error: Array, x: Array) -> tuple[float | None, float | None, str | None]:
    """Maximum, mean of the finite, and where the maximum is (the point nearest 0 if there are several)."""
    counted = ~np.isnan(error)
    if not counted.any():
        return None, None, None
    e, z = error[counted], x[counted]
    worst = e.max()
    at = z[e == worst]
    finite = e[np.isfinite(e)]
    return float(worst), float(finite.mean()) if len(finite) else None, float(at[np.argmin(np.abs(at))]).hex()


def _round(x: float | None) -> float | None:
    return None if x is None else float(f"{x:.4g}")


def _rows(
    formula: Formula, dtype: str, part: str, m: Measured, oracles: dict[str, ModuleType]
) -> Iterable[dict[str, Any]]:
    from oracles.floats import format_of

    order = np.argsort(m.x, kind="stable")
    smallest = 2.0 ** (format_of(dtype)[1].least + format_of(dtype)[1].digits - 1)
    normal = (np.abs(m.truth) >= smallest) | (m.truth == 0)
    bounds = gate(formula, dtype)
    for name, got in m.got.items():
        strict, conditioned = m.strict[name], m.conditioned[name]
        worst, mean, at = _top(np.where(normal, strict, np.nan), m.x)
        c_worst, c_mean, c_at = _top(np.where(normal, conditioned, np.nan), m.x)
        below = _top(np.where(normal, np.nan, strict), m.x)[0]
        row: dict[str, Any] = {
            "row": "accuracy", "formula": formula.id, "dtype": dtype, "part": part, "side": name,
            "points": int((~np.isnan(strict)).sum()),
            "strict max": _round(worst), "strict mean": _round(mean), "at": at,
            "conditioned max": _round(c_worst), "conditioned mean": _round(c_mean), "conditioned at": c_at,
            "strict max, subnormal truth": _round(below),
            "not a number": int((np.isnan(got) & ~np.isnan(m.truth)).sum()),
            "lost": _lost(m.x[order], got[order], m.truth[order], normal[order]),
        }  # fmt: skip
        if c_at is not None:
            i = int(np.flatnonzero(m.x == float.fromhex(c_at))[0])
            row["got"], row["truth"] = float(got[i]).hex(), float(m.truth[i]).hex()
        limit = bounds if name == "ours" else Gate(ULPS, np.inf)
        strict_enough = max(worst or 0, below or 0) <= limit.strict or (
            dtype == "float64" and bool(formula.slope_zeros)
        )
        fine = max(c_worst or 0, below or 0) <= limit.conditioned and strict_enough
        failed = Verdict.wrong if name == "ours" else Verdict.inaccurate
        row["verdict"] = (Verdict.agrees if fine else failed).value
        if name != "ours":
            row["composed"] = formula.id in oracles[name].COMPOSED
        yield row
        if dtype in WIDE:
            yield {"row": "curve", "formula": formula.id, "dtype": dtype, "part": part, "side": name,
                   "ulp": _curve(m.x, conditioned, dtype)}  # fmt: skip


def _lost(x: Array, got: Array, truth: Array, normal: Array) -> list[list[str]]:
    """Ranges [first, last] of consecutive points at which a normal, non-zero truth is off by half of itself or more."""
    with np.errstate(all="ignore"):
        bad = (np.abs(got - truth) >= LOST * np.abs(truth)) | (np.isnan(got) & ~np.isnan(truth))
    bad &= normal & (truth != 0) & np.isfinite(truth)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], bad, [False]]).astype(int)))
    ranges = sorted(edges.reshape(-1, 2), key=lambda r: r[0] - r[1])[:4]
    return [[float(x[a]).hex(), float(x[b - 1]).hex()] for a, b in sorted(ranges, key=lambda r: r[0])]


def curve_edges(dtype: str) -> Array:
    """Edges of the bins of an error curve on a signed log axis, as powers of two: t ↦ sign(t)·2^|t|."""
    low, high = (-30, 8) if dtype == "float32" else (-60, 11)
    return np.linspace(low, high, BINS // 2 + 1)


def _curve(x: Array, error: Array, dtype: str) -> list[float | None]:
    """Largest error in each bin: negative inputs from large to small, then positive ones from small to large."""
    edges = curve_edges(dtype)
    with np.errstate(divide="ignore"):
        logs = np.log2(np.abs(x))
    bins = np.digitize(logs, edges) - 1
    counted = ~np.isnan(error) & (bins >= 0) & (bins < len(edges) - 1)
    curve: list[float | None] = []
    for sign, order in ((-1, range(len(edges) - 2, -1, -1)), (1, range(len(edges) - 1))):
        for k in order:
            here = error[counted & (bins == k) & (np.sign(x) == sign)]
            curve.append(float(f"{min(here.max(), 1e300):.3g}") if len(here) else None)
    return curve


def formulas() -> list[Formula]:
    """Every elementwise activation of the catalogue."""
    return [f for f in CATALOGUE.values() if f.kind == "activation" and f.elementwise]


def failure(row: dict[str, Any]) -> str:
    """One message about a row of accuracy or kink evidence that failed: where, got, truth, and how to see it."""
    if row["row"] == "accuracy":
        bounds = gate(CATALOGUE[row["formula"]], row["dtype"])
        return (
            f"{row['formula']}: {row['part']} at {row['conditioned at']} in {row['dtype']} is {row.get('got')}, truth "
            f"{row.get('truth')}: {row['conditioned max']} conditioned and {row['strict max']} strict ULP "
            f"(subnormal: {row['strict max, subnormal truth']}), allowed {bounds.conditioned} and {bounds.strict}\n"
            f"  gradproof at {row['formula']} {row['conditioned at']} --dtype {row['dtype']}"
        )
    if row["row"] == "vector":
        return f"{row['formula']}: {row['part']} in {row['dtype']} is off by {row['strict max']} ULP"
    return f"{row['formula']} at {row['at']}: ours {row['ours']}, the exact slopes and limits say otherwise: {row}"
