"""The tables of truth in 16 bits: whole, those of the definitions of today, and refused where damaged."""

import numpy as np
import pytest

from gradproof.evidence import exact
from gradproof.evidence.files import EvidenceError
from reference import CATALOGUE

TABLES = exact.read()
EVERY = np.arange(1 << 16)


def test_every_elementwise_formula_has_a_table_in_both_dtypes():
    assert {*TABLES} == {(f.id, dtype) for f in CATALOGUE.values() if f.elementwise for dtype in exact.DTYPES}
    assert exact.PATH.stat().st_size < 250_000


@pytest.mark.parametrize("dtype", exact.DTYPES)
def test_bits_and_floats_are_each_others_inverse(dtype):
    again = exact.to_bits(exact.from_bits(EVERY, dtype), dtype)
    nan = np.isnan(exact.from_bits(EVERY, dtype))
    np.testing.assert_array_equal(again[~nan], EVERY[~nan])
    assert len({*again[nan].tolist()}) == 1


@pytest.mark.parametrize(("id", "dtype"), TABLES)
def test_a_table_is_what_balls_say_today(id, dtype):
    pytest.importorskip("flint")
    from oracles.arb_truth import truths

    table = TABLES[id, dtype]
    drawn = np.random.default_rng(0).integers(0, 1 << 16, 150)
    at = np.array(sorted({*drawn.tolist(), *table.kinks}))
    x = exact.from_bits(at, dtype)
    for found, truth in zip((table.value, table.slope), truths(id, x, (0, 1), dtype=dtype), strict=True):
        np.testing.assert_array_equal(found[at], exact.to_bits(truth.hi, dtype))
    for side in (0, 1) if table.kinks else ():
        torn = exact.from_bits([*table.kinks], dtype)
        truth = truths(id, torn, (1,), dtype=dtype, side=("left", "right")[side])[0]
        assert [slopes[side] for slopes in table.kinks.values()] == exact.to_bits(truth.hi, dtype).tolist()


@pytest.mark.parametrize("f", [f for f in CATALOGUE.values() if f.elementwise], ids=lambda f: f.id)
def test_kinks_are_where_a_slope_is_missing_and_nowhere_else(f):
    for dtype in exact.DTYPES:
        table = TABLES[f.id, dtype]
        x, slope = (exact.from_bits(bits, dtype) for bits in (EVERY, table.slope))
        assert {*np.flatnonzero(np.isnan(slope) & np.isfinite(x)).tolist()} == {*table.kinks}


def test_what_is_written_is_read(tmp_path):
    table = exact.Exact(EVERY.astype(np.uint16)[::-1].copy(), np.zeros(1 << 16, np.uint16), {3: (4, 5)})
    exact.write({("a/b", "float16"): table}, tmp_path / "exact.npz")
    ((key, found),) = exact.read(tmp_path / "exact.npz").items()
    assert key == ("a/b", "float16")
    np.testing.assert_array_equal(found.value, table.value)
    np.testing.assert_array_equal(found.slope, table.slope)
    assert found.kinks == table.kinks


def test_a_file_that_is_missing_or_cut_short_is_said_so(tmp_path):
    cut = tmp_path / "cut.npz"
    cut.write_bytes(exact.PATH.read_bytes()[:9000])
    for path in (cut, tmp_path / "none.npz"):
        with pytest.raises(EvidenceError, match=rf"{path.name}: no readable tables of truth .*make_truths"):
            exact.read(path)
