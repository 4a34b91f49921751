"""What has been measured so far: a file a task, written whole, in a folder that one process holds at a time."""

from __future__ import annotations

import fcntl
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gradproof.evidence.files import EvidenceError, encode, read_evidence, write_whole
from gradproof.lookup import UsageError


@contextmanager
def alone_in(parts: Path) -> Iterator[None]:
    """Hold the folder that `parts` is in for this process alone. Raises UsageError where another one has it."""
    out = parts.parent
    parts.mkdir(parents=True, exist_ok=True)
    with open(out / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"{out}: another audit or sweep is writing here; wait for it, or choose another --out"
            ) from error
        yield


def prepare(parts: Path, made_with: Mapping[str, Any], resume: bool) -> str:
    """The name of a run. Parts stay as they were left with `resume`, else there are none; run.json says of what.

    Raises EvidenceError where `resume` finds parts of something else, or cannot tell.
    """
    path, now = parts / "run.json", json.loads(encode(made_with))
    if resume and path.exists():
        try:
            before = json.loads(path.read_text())
            changed = [key for key in now if before.get(key) != now[key]]
        except (ValueError, AttributeError) as error:
            raise EvidenceError(f"{path}: damaged; run again without --resume") from error
        if changed:
            raise EvidenceError(f"{parts} was measured with another {', '.join(changed)}; run again without --resume")
    else:
        for old in parts.rglob("*.jsonl"):
            old.unlink()
    write_whole(path, json.dumps(now, indent=1))
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def done(path: Path, run: str) -> bool:
    """True if the task of this file has ended well in this run; what a killed one may have left does not count."""
    try:
        return read_evidence(path).header.get("run") == run
    except EvidenceError:
        return False
