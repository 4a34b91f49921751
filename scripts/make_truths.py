"""Write the exact value, slope and second derivative of every elementwise activation into two files of truths.

    python scripts/make_truths.py        needs python-flint; takes seconds

tests/truths.npz has a thinned version of the audit's points (`oracles.points.dense`); gradproof/answers/truths.npz,
which travels with the package, the numbers that people type, with the slopes on both sides of kinks.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from gradproof.answers.kept import TABLES
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


if __name__ == "__main__":
    tasks = [(id, dtype) for id in ELEMENTWISE for dtype in DTYPES]
    with ProcessPoolExecutor(None, multiprocessing.get_context("spawn")) as pool:
        for path, made in ((SAMPLED, sampled), (TABLES, typed)):
            tables = [table for found in pool.map(made, tasks) for table in found]
            write_tables(path, tables)
            print(f"{path}: {len(tables)} tables, {path.stat().st_size / 1e6:.1f} MB")
