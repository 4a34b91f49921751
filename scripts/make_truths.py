"""Write tests/truths.npz: the exact value, slope and second derivative of every elementwise activation at a sample.

    python scripts/make_truths.py        needs python-flint; takes seconds

The sample is a thinned version of the audit's points (`oracles.points.dense`), the same on every run.
"""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

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


if __name__ == "__main__":
    tasks = [(id, dtype) for id in ELEMENTWISE for dtype in DTYPES]
    with ProcessPoolExecutor(None, multiprocessing.get_context("spawn")) as pool:
        write_tables(PATH, list(pool.map(table, tasks)))
    print(f"{PATH}: {len(tasks)} tables, {PATH.stat().st_size / 1e6:.1f} MB")
