"""Evidence files: replaced whole or not at all, strict JSON, a row a line, sorted by key so that they diff well.

Findings that say the same of several sides, dtypes or questions are one row, which has the list of these.
"""

from __future__ import annotations

import itertools
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from gradproof.evidence.finding import Finding, finding

SCHEMA = 3  # of a row; the first had a form of its own in every area
READ = (2, SCHEMA)  # in the second every finding was a row of its own
TOGETHER = ("side", "dtype", "what")  # of which a row may have a list
Row = dict[str, Any]


class EvidenceError(Exception):
    """An evidence file that cannot be used; the message says which, where and what to do."""


class Evidence(NamedTuple):
    """What an area left: the header says what it was made with."""

    header: dict[str, Any]
    findings: list[Finding]


def write_whole(path: Path, data: str | bytes) -> None:
    """Write `data` beside `path`, then move it there in one step. Raises OSError as `open` does.

    A link stays one, and what is no file (a pipe, a device) is written to as it is.
    """
    raw = data.encode() if isinstance(data, str) else data
    path = path.resolve() if path.is_symlink() else path
    if path.exists() and not path.is_file() and not path.is_dir():
        path.write_bytes(raw)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException as error:
        os.unlink(temporary)
        if isinstance(error, OSError) and error.errno is not None:  # a disk that is full does not say for which file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def encode(value: Any) -> str:
    """JSON as its standard has it: numbers that are not finite are written as the words inf, -inf and nan."""
    return json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(v) for key, v in value.items()}
    return [_finite(v) for v in value] if isinstance(value, (list, tuple)) else value


def write_evidence(path: Path, header: Mapping[str, Any], findings: Iterable[Finding]) -> None:
    """Write the header, then the findings in the order of their keys, then the number of rows.

    Raises ValueError where two findings have one key, OSError as `open` does.
    """
    ordered = sorted(findings, key=lambda f: f.key)
    for one, other in itertools.pairwise(ordered):
        if one.key == other.key:
            raise ValueError(f"{path.stem}: two findings on {' '.join(filter(None, one.key))}")
    rows = [f.row for f in ordered]
    for name in TOGETHER:
        rows = _together(rows, name)
    lines = [encode({"header": {"schema": SCHEMA, **header}}), *map(encode, rows)]
    write_whole(path, "\n".join([*lines, encode({"rows": len(rows)})]) + "\n")


def _together(rows: list[Row], name: str) -> list[Row]:
    """Rows that differ in `name` alone as one."""
    alike: dict[str, list[Row]] = {}
    for row in rows:
        alike.setdefault(repr({k: v for k, v in row.items() if k != name}), []).append(row)
    return [{**first, name: [row.get(name, "") for row in (first, *others)]} if others else first
            for first, *others in alike.values()]  # fmt: skip


def _apart(row: Row) -> Iterator[Row]:
    """The rows that were written as one."""
    lists = {name: row[name] for name in TOGETHER if isinstance(row.get(name), list)}
    return ({**row, **dict(zip(lists, words, strict=True))} for words in itertools.product(*lists.values()))


def read_evidence(path: Path) -> Evidence:
    """Header and findings of an evidence file, in the order of their keys.

    Raises EvidenceError where the file is missing, of another schema, not JSON or cut short, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines() cuts strings at U+2028
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise EvidenceError(f"{path}: cannot be read ({why}); run 'gradproof audit' to make it") from error
    header = _parse(path, 1, lines[0]).get("header")
    if not isinstance(header, dict):
        raise EvidenceError(f"{path}: no header line; this is not an evidence file")
    schema = header.get("schema", 1)
    if schema not in READ:
        older = "an older gradproof; run 'gradproof audit' again"
        newer = "a newer gradproof, whose rows this one cannot read; update it with pip install -U gradproof"
        raise EvidenceError(f"{path}: made by {older if schema < SCHEMA else newer} (schema {schema}, not {SCHEMA})")
    if len(lines) < 2 or _parse(path, len(lines), lines[-1]) != {"rows": len(lines) - 2}:
        raise EvidenceError(
            f"{path}: {len(lines) - 1} lines after the header, but its end is missing; run the audit again"
        )
    found: list[Finding] = []
    for number, line in enumerate(lines[1:-1], 2):
        row = _parse(path, number, line)
        try:
            found += map(finding, _apart(row))
        except (TypeError, ValueError) as error:
            raise EvidenceError(f"{path}, line {number}: {error}; run the audit again") from error
    return Evidence(header, sorted(found, key=lambda f: f.key))


def _parse(path: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line, parse_constant=refuse_constant)
    except ValueError as error:
        message = getattr(error, "msg", str(error))
        raise EvidenceError(f"{path}, line {number}: not JSON ({message}); run the audit again") from error
    if not isinstance(row, dict):
        raise EvidenceError(f"{path}, line {number}: not a row ({line[:40]}); run the audit again")
    return row


def refuse_constant(constant: str) -> NoReturn:
    """Raise ValueError: NaN and Infinity, which Python's JSON has, are no numbers of JSON."""
    raise ValueError(f"{constant} is no number of JSON")
