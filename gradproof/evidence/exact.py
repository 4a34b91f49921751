"""Exact value and slope of every elementwise formula at all floats of 16 bits, at the defaults, from one file.

The file is made of the truth alone (`scripts/make_truths.py`), and is read with NumPy alone. A table is kept as
differences from one float to the next, which are few and small: about two kilobytes for 65,536 floats.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gradproof.evidence.files import EvidenceError, write_whole

PATH = Path(__file__).parent / "exact.npz"
DTYPES = ("float16", "bfloat16")
Bits = npt.NDArray[np.uint16]


class Exact(NamedTuple):
    """Bits of correctly rounded results, each (65536,), at the float whose bits are the index; slopes at kinks.

    NaN where there is no limit or, of a slope, where left and right differ: `kinks` has bits of the input, and of the
    slopes on the left and on the right.
    """

    value: Bits
    slope: Bits
    kinks: Mapping[int, tuple[int, int]]


def to_bits(x: npt.ArrayLike, dtype: str) -> Bits:
    """Bits of numbers that are floats of the dtype, of any shape; every NaN is the one with the first bit after.

    >>> [hex(b) for b in to_bits([1.0, -2.0, np.nan], "float16").tolist()]
    ['0x3c00', '0xc000', '0x7e00']
    """
    known = np.asarray(x, np.float64)
    if dtype == "float16":
        return np.where(np.isnan(known), np.uint16(0x7E00), known.astype(np.float16).view(np.uint16))
    wide = (known.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)
    return np.where(np.isnan(known), np.uint16(0x7FC0), wide)


def from_bits(bits: npt.ArrayLike, dtype: str) -> npt.NDArray[np.float64]:
    """The floats of the dtype that have these bits, of any shape, in float64, which holds them.

    >>> from_bits([0x3F80, 0xC000], "bfloat16").tolist()
    [1.0, -2.0]
    """
    given = np.asarray(bits, np.uint16)
    floats = given.view(np.float16) if dtype == "float16" else (given.astype(np.uint32) << 16).view(np.float32)
    with np.errstate(invalid="ignore"):  # a NaN that signals
        return floats.astype(np.float64)


def steps(bits: Bits) -> Bits:
    """Differences from one to the next, modulo 2¹⁶; `np.cumsum(…, dtype=np.uint16)` undoes them."""
    return np.diff(bits, prepend=np.uint16(0))


def write(tables: Mapping[tuple[str, str], Exact], path: Path = PATH) -> None:
    """Write tables by formula and dtype, whole or not at all. Raises OSError as `open` does."""
    arrays, kinks = {}, {}
    for (id, dtype), table in tables.items():
        arrays[f"{id}.{dtype}"] = np.stack([steps(table.value), steps(table.slope)])
        kinks[f"{id}.{dtype}"] = [[at, *slopes] for at, slopes in table.kinks.items()]
    buffer = io.BytesIO()
    said = np.frombuffer(json.dumps(kinks).encode(), np.uint8)
    np.savez_compressed(buffer, kinks=said, **arrays)  # type: ignore[arg-type]
    write_whole(path, buffer.getvalue())


def read(path: Path = PATH) -> dict[tuple[str, str], Exact]:
    """All tables by formula and dtype. Raises EvidenceError where the file is missing or damaged."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        kinks = json.loads(arrays.pop("kinks").tobytes())
        found = {}
        for name, both in arrays.items():
            id, _, dtype = name.rpartition(".")
            value, slope = np.cumsum(both, axis=1, dtype=np.uint16)
            found[id, dtype] = Exact(value, slope, {at: (left, right) for at, left, right in kinks[name]})
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        remedy = "run 'python scripts/make_truths.py'"
        raise EvidenceError(f"{path}: no readable tables of truth ({error}); {remedy}") from error
    return found
