import numpy as np
import pytest

from oracles.floats import Truth
from oracles.truth_tables import Table, TableError, read_tables, write_tables


def table(id="activation/gelu", dtype="float32", n=50):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n).astype(np.float32).astype(float)
    truths = {
        order: Truth(rng.normal(size=n), rng.uniform(-0.5, 0.5, n).astype(np.float32).astype(float), x > 1, dtype)
        for order in (0, 1)
    }
    return Table(id, dtype, x, truths, {"alpha": 0.5}, "left")


def test_what_is_read_is_what_was_written(tmp_path):
    path, tables = tmp_path / "deep" / "truth.npz", [table(), table("activation/silu", "bfloat16", 7)]
    write_tables(path, tables)
    for got, put in zip(read_tables(path), tables, strict=True):
        assert (got.id, got.dtype, got.parameters, got.side) == (put.id, put.dtype, put.parameters, put.side)
        np.testing.assert_array_equal(got.x, put.x)
        assert got.truths.keys() == put.truths.keys()
        for order, truth in put.truths.items():
            for name in ("hi", "residual", "undecided"):
                np.testing.assert_array_equal(getattr(got.truths[order], name), getattr(truth, name))


def test_same_tables_same_bytes(tmp_path):
    write_tables(tmp_path / "a", [table()])
    write_tables(tmp_path / "b", [table()])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}  # nothing half-written left behind


def test_missing_file_is_a_clear_error(tmp_path):
    with pytest.raises(TableError, match=r"nothing\.npz.*write it again"):
        read_tables(tmp_path / "nothing.npz")


@pytest.mark.parametrize("position", [0.0, 0.1, 0.3, 0.5, 0.7, 0.9])
def test_a_flipped_byte_is_noticed(tmp_path, position):
    path = tmp_path / "truth.npz"
    write_tables(path, [table(n=500)])
    data = bytearray(path.read_bytes())
    for k in range(int(position * len(data)), int(position * len(data)) + 40):
        data[k] ^= 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(TableError, match=r"truth\.npz"):
        read_tables(path)


@pytest.mark.parametrize("part", [0, 0.3, 0.9])
def test_half_a_file_is_noticed(tmp_path, part):
    path = tmp_path / "truth.npz"
    write_tables(path, [table()])
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(TableError, match=r"truth\.npz"):
        read_tables(path)


def test_an_altered_table_fails_the_checksum(tmp_path):
    """Rewritten as a valid archive with one number changed, so that only the checksum can tell."""
    path = tmp_path / "truth.npz"
    write_tables(path, [table()])
    with np.load(path) as file:
        arrays = dict(file)
    arrays["0.hi.1"][3] = np.nextafter(arrays["0.hi.1"][3], 9)
    np.savez_compressed(path, **arrays)
    with pytest.raises(TableError, match="checksum"):
        read_tables(path)


def test_tables_that_do_not_fit_are_refused(tmp_path):
    good = table()
    wrong = Table(good.id, good.dtype, good.x[:-1], good.truths)
    with pytest.raises(ValueError, match=r"order 0 is float32 of shape \(50,\)"):
        write_tables(tmp_path / "truth.npz", [wrong])
    assert not (tmp_path / "truth.npz").exists()
