"""Files that are replaced whole or not at all, and JSON lines that a person can diff."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


class EvidenceError(Exception):
    """An evidence file that cannot be used; the message says which, where and what to do."""


def write_whole(path: Path, data: str | bytes) -> None:
    """Write `data` beside `path`, then move it there in one step. Raises OSError as `open` does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = data.encode() if isinstance(data, str) else data
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def write_lines(path: Path, header: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write evidence: the header on the first line, then one JSON object a line, then the number of rows."""
    lines = [json.dumps(dict(row), ensure_ascii=False, separators=(",", ":")) for row in rows]
    top = json.dumps({"header": dict(header)}, ensure_ascii=False)
    write_whole(path, "\n".join([top, *lines, json.dumps({"rows": len(lines)})]) + "\n")


def read_lines(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Header and rows of an evidence file.

    Raises EvidenceError where the file is missing, not JSON, or cut short, naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")  # splitlines() cuts strings at U+2028
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceError(f"{path}: cannot be read ({error}); run 'gradproof audit' to make it") from error
    parsed: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            parsed.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise EvidenceError(f"{path}, line {number}: not JSON ({error.msg}); run the audit again") from error
        if not isinstance(parsed[-1], dict):
            raise EvidenceError(f"{path}, line {number}: not a row ({line[:40]}); run the audit again")
    if not isinstance(parsed[0].get("header"), dict):
        raise EvidenceError(f"{path}: no header line; this is not an evidence file")
    if len(parsed) < 2 or parsed[-1] != {"rows": len(parsed) - 2}:
        raise EvidenceError(
            f"{path}: {len(parsed) - 1} lines after the header, but its end is missing; run the audit again"
        )
    return parsed[0]["header"], parsed[1:-1]
