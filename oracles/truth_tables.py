"""Truths kept in a file, so that errors in ULP can be measured where python-flint is not installed. NumPy only.

One compressed .npz holds many tables. Entry `index` is JSON: the version of the layout and, for each table, its
formula, parameters, dtype, side and orders. Table k has the arrays `k.x`, and for each order `k.hi.ORDER`,
`k.residual.ORDER` and `k.undecided.ORDER`. Entry `checksum` is the SHA-256 of all the others.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from oracles.floats import Array, Truth, format_of

VERSION = 1


class TableError(Exception):
    """A file of truths that cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Table:
    """The truths of one formula at points x: float64 array of floats of `dtype`, one `Truth` per order."""

    id: str
    dtype: str
    x: Array
    truths: Mapping[int, Truth]
    parameters: Mapping[str, float] = field(default_factory=dict)
    side: str | None = None


def write_tables(path: Path, tables: Sequence[Table]) -> None:
    """Replace the file whole or not at all. Raises OSError as `open` does, ValueError for shapes that differ."""
    arrays: dict[str, Array] = {}
    rows = []
    for k, table in enumerate(tables):
        arrays[f"{k}.x"] = np.asarray(table.x, np.float64)
        for order, truth in table.truths.items():
            if truth.hi.shape != np.shape(table.x) or truth.dtype != table.dtype:
                raise ValueError(
                    f"{table.id}: truth of order {order} is {truth.dtype} of shape {truth.hi.shape}, "
                    f"the points are {table.dtype} of shape {np.shape(table.x)}"
                )
            arrays[f"{k}.hi.{order}"] = truth.hi
            arrays[f"{k}.residual.{order}"] = truth.residual.astype(np.float32)  # known to 2^-20 only
            arrays[f"{k}.undecided.{order}"] = truth.undecided
        rows.append(
            {
                "id": table.id,
                "dtype": table.dtype,
                "parameters": dict(table.parameters),
                "side": table.side,
                "orders": sorted(table.truths),
            }
        )
    arrays["index"] = _bytes(json.dumps({"version": VERSION, "tables": rows}, sort_keys=True).encode())
    arrays["checksum"] = _bytes(_digest(arrays))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    _replace(path, buffer.getvalue())


def read_tables(path: Path) -> list[Table]:
    """All tables of a file. Raises TableError where it is missing, cut short, altered or of another version."""
    remedy = "write it again with write_tables (python-flint needed), or restore the committed file"
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        digest = arrays.pop("checksum").tobytes()
        if digest != _digest(arrays):
            raise TableError(f"{path}: the checksum does not match its contents; {remedy}")
        index = json.loads(arrays["index"].tobytes())
    except (OSError, EOFError, ValueError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error) as error:
        raise TableError(f"{path}: not a readable file of truths ({error!r}); {remedy}") from error
    if index["version"] != VERSION:
        raise TableError(f"{path}: layout version {index['version']}, this program reads {VERSION}; {remedy}")
    return [_table(k, row, arrays) for k, row in enumerate(index["tables"])]


def _table(k: int, row: Mapping[str, Any], arrays: Mapping[str, Array]) -> Table:
    dtype, _ = format_of(row["dtype"])
    truths = {
        order: Truth(
            arrays[f"{k}.hi.{order}"],
            arrays[f"{k}.residual.{order}"].astype(np.float64),
            arrays[f"{k}.undecided.{order}"],
            dtype,
        )
        for order in row["orders"]
    }
    return Table(row["id"], dtype, arrays[f"{k}.x"], truths, row["parameters"], row["side"])


def _bytes(data: bytes) -> Array:
    return np.frombuffer(data, np.uint8)


def _digest(arrays: Mapping[str, Array]) -> bytes:
    """SHA-256 over name, type, shape and bytes of every array, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        sha.update(array.tobytes())
    return sha.digest()


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(data)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
