"""The exact truth that travels with the package: for where python-flint is not installed.

In 16 bits it is known at every input (`gradproof.evidence.exact`), in wider dtypes at the numbers that people type.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gradproof.evidence import exact
from oracles.floats import Truth
from oracles.truth_tables import Table, read_tables

TABLES = Path(__file__).parent / "truths.npz"  # of every elementwise activation; scripts/make_truths.py makes it


@functools.cache
def _tables(path: Path) -> Mapping[tuple[str, str, str | None], Table]:
    return {(table.id, table.dtype, table.side): table for table in read_tables(path)}


@functools.cache
def _of_16_bits(path: Path) -> Mapping[tuple[str, str], exact.Exact]:
    return exact.read(path)


def known(id: str, dtype: str, x: float, side: str | None = None) -> Mapping[int, Truth]:
    """Value, slope and second derivative at one float by order, (1,) each, at default parameters; empty if not kept.

    At a kink the slope is kept from either `side`, "left" and "right"; in 16 bits the second derivative is NaN. Raises
    TableError or EvidenceError where a file is damaged.

    >>> float(known("activation/sigmoid", "float64", 38.0)[1].hi[0]), known("activation/sigmoid", "float64", 38.125)
    (3.1391327920480296e-17, {})
    """
    if dtype in exact.DTYPES:
        found = _of_16_bits(exact.PATH).get((id, dtype))
        return {} if found is None or math.isnan(x) else _at(found, dtype, x, side)
    table = _tables(TABLES).get((id, dtype, side))
    at = np.flatnonzero(table.x == x) if table else np.array([], int)
    return {order: truth[at] for order, truth in table.truths.items()} if table and at.size else {}


def _at(table: exact.Exact, dtype: str, x: float, side: str | None) -> Mapping[int, Truth]:
    """The truths at one float of 16 bits: rounded, without what is missing to the truth."""
    here = int(exact.to_bits(x, dtype))
    bits = {0: table.value[here], 1: table.slope[here]}
    if side is not None:
        slopes = table.kinks.get(here)
        bits = {1: np.uint16(slopes[side == "right"])} if slopes else {}
    hi = {order: np.array([float(exact.from_bits(b, dtype))]) for order, b in bits.items()}
    hi |= {2: np.array([np.nan])} if side is None else {}
    return {order: Truth(y, np.zeros(1), np.isnan(y), dtype) for order, y in hi.items()}


def where(id: str, dtype: str) -> str:
    """At which inputs the truth of a formula is kept, in words."""
    table = _tables(TABLES).get((id, dtype, None))
    return f"every {dtype}" if dtype in exact.DTYPES else f"{len(table.x) if table else 0} numbers"
