"""What travels with the package: verdicts, largest errors, kinks and the hashes of citations, out of whole evidence.

The files in `SHIPPED` are evidence files like any other, with fewer findings and less said of each, so that whatever
reads evidence reads them. They follow from `reports/evidence` of the checkout, which `gradproof report` sees to.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gradproof.evidence.files import EvidenceError, encode, read_evidence, write_evidence, write_whole
from gradproof.evidence.finding import DEFAULTS, Finding, short

SHIPPED = Path(__file__).parent / "shipped"
HASHES = "hashes.json"
LOCATED = ("at", "got", "truth")  # where the largest error is, and what is there
KEPT: dict[str, dict[str, tuple[str, ...]]] = {  # by area and kind, beside the key and the verdict: fields, and of more
    "accuracy": {"accuracy": ("entries", "max", "why"), "sweep": ("entries", "max", *LOCATED, "strict")},
    "blocks": {"block": ("max", "verdicts")},
    "kinks": {"kink": ("entries", "got", "why", "left", "right", "inside"), "special": ("got", "truth")},
    "literature": {"claim": ()},
    "networks": {"overview": ("verdicts",)},
    "proofs": {"proof": ()},
}


def place(reports: Path | None) -> Path:
    """The folder of the evidence in `reports`, or what travels with the package where none is named."""
    return SHIPPED if reports is None else reports / "evidence"


def write(evidence: Path, folder: Path = SHIPPED) -> None:
    """Write what travels of the whole evidence into `folder`, of every area that is there.

    Raises EvidenceError where a file of it cannot be used, OSError as `open` does.
    """
    measured: set[str] = set()
    for area, kinds in KEPT.items():
        path = evidence / f"{area}.jsonl"
        if not path.exists():
            continue
        header, findings = read_evidence(path)
        kept = [_kept(f, kinds[f.kind]) for f in findings if f.kind in kinds and _is_general(f)]
        measured |= {f.formula for f in kept}
        write_evidence(folder / path.name, {k: v for k, v in header.items() if k != "schema"}, kept)
    found = hashes(evidence)
    lines = ",\n".join(f"{encode(id)}:{encode(found[id])}" for id in sorted(found.keys() & measured))
    write_whole(folder / HASHES, f"{{\n{lines}\n}}\n")


def _is_general(f: Finding) -> bool:
    """Whether it is about a formula at its defaults, or a special input, and not about one setting of many."""
    return f.kind not in ("accuracy", "sweep", "overview") or ("/" in f.formula and not (f.kind == "sweep" and f.what))


def _kept(f: Finding, names: tuple[str, ...]) -> Finding:
    """The finding with its key, its verdict and what else is named."""
    gone = {name: value for name, value in DEFAULTS.items() if name not in (*KEY, *names)}
    more = {name: short(value) if isinstance(value, float) else value for name, value in f.more.items()}
    return dataclasses.replace(f, **{**gone, "more": {name: more[name] for name in names if name in more}})


KEY = ("kind", "formula", "what", "quantity", "dtype", "side", "verdict")


def stale(evidence: Path, folder: Path = SHIPPED) -> list[str]:
    """The files of `folder` that do not follow from the whole evidence. Raises EvidenceError as `write`."""
    with tempfile.TemporaryDirectory() as scratch:
        write(evidence, Path(scratch))
        made = {path.name: path.read_bytes() for path in Path(scratch).iterdir()}
    there = {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def hashes(evidence: Path) -> dict[str, str]:
    """Of every id of a formula or claim in an evidence a short hash over all lines that name it.

    Raises EvidenceError where a file of it cannot be used: what is damaged is no record.
    """
    kept = evidence / HASHES
    if kept.exists():
        return _read(kept)
    digests: dict[str, Any] = {}
    for file in sorted(evidence.glob("*.jsonl")):
        read_evidence(file)
        for line in file.read_text(encoding="utf-8").splitlines():
            for word in {word for word in _QUOTED.findall(line) if "/" in word}:
                digests.setdefault(word, hashlib.sha256()).update(line.encode())
    return {word: digest.hexdigest()[:12] for word, digest in digests.items()}


_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def _read(path: Path) -> dict[str, str]:
    try:
        found: Mapping[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return {str(id): str(hash) for id, hash in found.items()}
    except (OSError, ValueError, AttributeError) as error:
        raise EvidenceError(f"{path}: cannot be read ({error}); install gradproof again") from error
