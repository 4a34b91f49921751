"""Write the exact truths that are read where python-flint is not installed.

    python scripts/make_truths.py        needs python-flint; takes a minute

* tests/truths.npz: value, slope and second derivative of every elementwise activation at a sample, a thinned version of
  the audit's points (`oracles.points.dense`), the same on every run;
* gradproof/answers/truths.npz: the same at numbers that people type, in float32 and float64, with the slopes on both
  sides of kinks;
* gradproof/evidence/exact.npz: value and slope at all floats of 16 bits.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from gradproof.answers.kept import TABLES
from gradproof.evidence import exact
from oracles import points
from oracles.arb_truth import truths
from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.points import truth
from oracles.truth_tables import Table, write_tables

DTYPES = ("float16", "bfloat16", "float32", "float64")
SAMPLE = 160
SAMPLED = Path(__file__).parent.parent / "tests" / "truths.npz"


TYPED = np.concatenate([
    [0.0, 1e-300, 1e-100, 1e-20, 1e-10, 1e-8, 1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.02, 0.05, 0.15],
    np.arange(1, 31) / 10, np.arange(1, 25) / 4, np.arange(4, 21), [25, 30, 35, 36, 37, 38, 39, 40, 45, 50],
    [60, 64, 70, 75, 80, 85, 87, 88, 89, 90, 99, 100, 103, 104, 128, 150, 200, 256, 300, 400, 500, 512, 600, 700],
    [708, 709, 710, 744, 745, 746, 750, 800, 1000, 1024, 1e4, 1e5, 1e6, 1e8, 1e10, 1e20, 1e100, 1e300],
])  # fmt: skip


def sampled(task):
    """The truths of one formula in one dtype, at its sample."""
    id, dtype = task
    every = points.dense(id, dtype, 4000)
    x = every[np.unique(np.linspace(0, len(every) - 1, SAMPLE).round().astype(int))]
    return [Table(id, dtype, x, dict(enumerate(truths(id, x, (0, 1, 2), dtype=dtype))))]


def typed(task):
    """The truths of one formula in one dtype at numbers that people type, at kinks from either side too."""
    id, dtype = task
    x = points.rounded(np.concatenate([-TYPED, TYPED]), dtype) + 0.0  # −0 + 0 is 0
    x = np.append(np.unique(x[np.abs(x) <= points.special(dtype)[-3]]), [-np.inf, np.inf])
    table = Table(id, dtype, x, dict(enumerate(truths(id, x, (0, 1, 2), dtype=dtype))))
    torn = x[np.isnan(table.truths[1].hi)]
    sides = ("left", "right") if torn.size else ()
    return [
        table,
        *(Table(id, dtype, torn, {1: truth(id, torn, 1, side=side, dtype=dtype)}, side=side) for side in sides),
    ]


def every_float(task):
    """The truths of one formula in 16 bits at every float, and the slopes on both sides where they differ."""
    id, dtype = task
    x = exact.from_bits(np.arange(1 << 16), dtype)
    value, slope = truths(id, x, (0, 1), dtype=dtype)
    assert not np.any((value.undecided | slope.undecided) & np.isfinite(x) & np.isfinite(value.hi + slope.hi))
    torn = np.flatnonzero(slope.undecided & np.isfinite(x))
    sides = [truths(id, x[torn], (1,), dtype=dtype, side=side)[0].hi for side in ("left", "right")]
    left, right = (exact.to_bits(slopes, dtype).tolist() for slopes in sides)
    kinks = dict(zip(torn.tolist(), zip(left, right, strict=True), strict=True))
    return exact.Exact(exact.to_bits(value.hi, dtype), exact.to_bits(slope.hi, dtype), kinks)


if __name__ == "__main__":
    tasks = {kind: [(id, dtype) for id in ELEMENTWISE for dtype in dtypes]
             for kind, dtypes in (("all", DTYPES), ("wide", DTYPES[2:]), ("short", exact.DTYPES))}  # fmt: skip
    with ProcessPoolExecutor(None, multiprocessing.get_context("spawn")) as pool:
        for path, made, kind in ((SAMPLED, sampled, "all"), (TABLES, typed, "wide")):
            tables = [table for found in pool.map(made, tasks[kind]) for table in found]
            write_tables(path, tables)
            print(f"{path}: {len(tables)} tables, {path.stat().st_size / 1e6:.2f} MB")
        exact.write(dict(zip(tasks["short"], pool.map(every_float, tasks["short"]), strict=True)))
        print(f"{exact.PATH}: {len(tasks['short'])} tables, {exact.PATH.stat().st_size / 1e6:.2f} MB")
