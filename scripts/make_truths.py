"""Write the exact truths that are read where python-flint is not installed.

    python scripts/make_truths.py        needs python-flint; takes a minute

* tests/truths.npz: value, slope and second derivative of every elementwise activation at a sample, a thinned version of
  the audit's points (`oracles.points.dense`), the same on every run;
* gradproof/evidence/exact.npz: value and slope at all floats of 16 bits.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from gradproof.evidence import exact
from oracles import points
from oracles.arb_truth import truths
from oracles.arb_truth.activations import ELEMENTWISE
from oracles.truth_tables import Table, write_tables

DTYPES = ("float16", "bfloat16", "float32", "float64")
SAMPLE = 160
PATH = Path(__file__).parent.parent / "tests" / "truths.npz"


def table(task):
    """The truths of one formula in one dtype, at its sample."""
    id, dtype = task
    every = points.dense(id, dtype, 4000)
    x = every[np.unique(np.linspace(0, len(every) - 1, SAMPLE).round().astype(int))]
    return Table(id, dtype, x, dict(enumerate(truths(id, x, (0, 1, 2), dtype=dtype))))


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
    tasks = [(id, dtype) for id in ELEMENTWISE for dtype in DTYPES]
    with ProcessPoolExecutor(None, multiprocessing.get_context("spawn")) as pool:
        write_tables(PATH, list(pool.map(table, tasks)))
        short = [(id, dtype) for id in ELEMENTWISE for dtype in exact.DTYPES]
        exact.write(dict(zip(short, pool.map(every_float, short), strict=True)))
    for path, made in ((PATH, tasks), (exact.PATH, short)):
        print(f"{path}: {len(made)} tables, {path.stat().st_size / 1e6:.2f} MB")
