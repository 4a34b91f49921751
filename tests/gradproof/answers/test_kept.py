"""The truths that travel: at what people type, the same as balls give, for every elementwise activation."""

import math

import numpy as np
import pytest

from gradproof.answers import kept
from gradproof.answers.kept import TABLES, known, where
from gradproof.evidence import exact
from oracles.truth_tables import TableError, read_tables
from reference import CATALOGUE

ELEMENTWISE = [f.id for f in CATALOGUE.values() if f.elementwise]


@pytest.mark.parametrize("id", ELEMENTWISE)
def test_what_people_type_is_there(id):
    for x in (0.0, -0.0, 0.1, -2.5, 3.0, -12.0, 38.0, -100.0, math.inf):
        assert {*known(id, "float64", x)} == {0, 1, 2}
    assert not known(id, "float64", 0.126953125)
    assert not known(id, "float64", math.nan)
    assert not known(id, "float8", 1.0)
    assert where(id, "float64") == "257 numbers"
    assert where(id, "float16") == "every float16"
    assert where("cost/l1", "float64") == "0 numbers"


@pytest.mark.parametrize("dtype", exact.DTYPES)
@pytest.mark.parametrize("id", ELEMENTWISE)
def test_in_16_bits_every_float_is_there(id, dtype):
    table, kinks = exact.read()[id, dtype], 0
    bits = np.arange(0, 1 << 16, 211)
    for at in [*bits.tolist(), *table.kinks]:
        x = float(exact.from_bits(at, dtype))
        found = known(id, dtype, x)
        if np.isnan(x):
            assert not found
            continue
        assert exact.to_bits(found[0].hi, dtype)[0] == table.value[at]
        sides = [known(id, dtype, x, side) for side in ("left", "right")]
        assert all(sides) == any(sides) == (at in table.kinks)
        if all(sides):
            kinks += 1
            assert tuple(exact.to_bits(side[1].hi, dtype)[0] for side in sides) == table.kinks[at]
    assert kinks >= len(table.kinks)


@pytest.mark.parametrize("table", read_tables(TABLES)[::7], ids=lambda t: f"{t.id} {t.dtype} {t.side or ''}")
def test_they_are_what_balls_give(table):
    arb = pytest.importorskip("oracles.arb_truth", exc_type=ImportError)
    now = arb.truths(table.id, table.x, tuple(table.truths), dtype=table.dtype, side=table.side)
    for truth, again in zip(table.truths.values(), now, strict=True):
        np.testing.assert_array_equal(truth.hi, again.hi)
        np.testing.assert_array_equal(truth.undecided, again.undecided)


def test_where_there_is_no_single_slope_there_are_both():
    tables = {(t.id, t.dtype, t.side): t for t in read_tables(TABLES)}
    assert {key[:2] for key in tables} == {(id, dtype) for id in ELEMENTWISE for dtype in ("float32", "float64")}
    for (id, dtype, side), table in tables.items():
        torn = table.x[np.isnan(table.truths[1].hi)] if side is None else ()
        for x in torn:
            assert all(np.isfinite(known(id, dtype, x, side)[1].hi).all() for side in ("left", "right"))


def test_a_damaged_file_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "TABLES", tmp_path / "truths.npz")
    (tmp_path / "truths.npz").write_bytes(TABLES.read_bytes()[:-100])
    with pytest.raises(TableError, match=r"truths\.npz: not a readable file"):
        known("activation/tanh", "float64", 0.5)
