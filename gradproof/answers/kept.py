"""The exact truth at numbers that people type, which travels with the package: for where python-flint is missing."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from oracles.floats import Truth
from oracles.truth_tables import Table, read_tables

TABLES = Path(__file__).parent / "truths.npz"  # of every elementwise activation; scripts/make_truths.py makes it


@functools.cache
def _tables(path: Path) -> Mapping[tuple[str, str, str | None], Table]:
    return {(table.id, table.dtype, table.side): table for table in read_tables(path)}


def known(id: str, dtype: str, x: float, side: str | None = None) -> Mapping[int, Truth]:
    """Value, slope and second derivative at one point by order, (1,) each, at default parameters; empty if not kept.

    At a kink the slope is kept from either `side`, "left" and "right". Raises TableError where the file is damaged.

    >>> float(known("activation/sigmoid", "float64", 38.0)[1].hi[0]), known("activation/sigmoid", "float64", 38.125)
    (3.1391327920480296e-17, {})
    """
    table = _tables(TABLES).get((id, dtype, side))
    at = np.flatnonzero(table.x == x) if table else np.array([], int)
    return {order: truth[at] for order, truth in table.truths.items()} if table and at.size else {}


def points(id: str, dtype: str) -> int:
    """At how many inputs the truth is kept."""
    table = _tables(TABLES).get((id, dtype, None))
    return len(table.x) if table else 0
