"""Which files the vectors are, and whether they are as they were made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gradproof.lookup import UsageError

SUMS = "SHA256SUMS"
BESIDE = ("README.md", SUMS)  # by hand, and the sums themselves


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex. Raises OSError as `open` does."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lines(folder: Path, names: Iterable[str]) -> str:
    """Lines as sha256sum writes them, and `sha256sum -c` reads them."""
    return "".join(f"{digest(folder / name)}  {name}\n" for name in sorted(names))


def listed(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file by its name. Raises UsageError where there is no list, or it is none."""
    path = folder / SUMS
    try:
        rows = [line.split("  ", 1) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}); say where the vectors are with --vectors DIR") from error
    if not rows or any(len(row) != 2 or len(row[0]) != 64 for row in rows):
        raise UsageError(f"{path}: not a list of checksums; run 'gradproof vectors make'")
    return {name: sum for sum, name in rows}


def problems(folder: Path) -> list[str]:
    """Files that are missing, changed, or there without being listed, each in words."""
    sums = listed(folder)
    found = []
    for name, sum in sums.items():
        if not (folder / name).is_file():
            found.append(f"{name} is missing")
        elif digest(folder / name) != sum:
            found.append(f"{name} is not the file of {SUMS}: its checksum differs")
    here = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    return found + [f"{name} is not in {SUMS}" for name in sorted(here - set(sums) - set(BESIDE))]


def misshapen(folder: Path) -> list[str]:
    """Files that break their schema, each with where and how. Raises ImportError without jsonschema."""
    import jsonschema

    from gradproof.vectors.schema import SCHEMAS
    from gradproof.vectors.verify import load

    checkers: dict[str, Any] = {name: jsonschema.Draft202012Validator(schema) for name, schema in SCHEMAS.items()}
    found = []
    for name in listed(folder):
        if name.endswith(".json") and not name.startswith("schema/"):
            checker = checkers["flags" if name == "flags.json" else "vectors"]
            errors = sorted(checker.iter_errors(load(folder / name)), key=lambda e: e.json_path)
            found += [f"{name}, {error.json_path}: {error.message[:200]}" for error in errors[:3]]
    return found
