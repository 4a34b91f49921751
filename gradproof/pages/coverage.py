"""coverage.md: every name of the frameworks that has a gradient, and the formula that we have for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, write_page

STATUSES = ("formula", "composed of", "no formula", "not yet")
INTRO = """# Coverage

What the frameworks offer that has a gradient, or makes a step of one, asked of the installed packages: functions of
`torch.nn.functional`, `jax.nn` and `optax.losses`, modules of `torch.nn`, optimizers of `torch.optim` and
transformations of gradients in Optax. *formula*: the id is the same function, under options that stand beside it.
*composed of*: a few formulas put together. *no formula*: there is nothing to derive, and why. *not yet*: it has a
gradient of its own that nobody has written here; an id there is one that is being written.
"""


def write(evidence: Path, folder: Path) -> None:
    """Write coverage.md from evidence/coverage.jsonl."""
    _, found = read_evidence(evidence / "coverage.jsonl")
    rooms = list(dict.fromkeys(_room(f) for f in found))
    counts = {room: Counter(_status(f) for f in found if _room(f) == room) for room in rooms}
    columns = [*STATUSES, *sorted({_status(f) for f in found} - {*STATUSES})]
    lines = [[f"`{room}`", sum(counts[room].values()), *(counts[room][s] for s in columns)] for room in rooms]
    tables = [Table("", ["module", "names", *columns], lines)]
    tables += [Table(room, ["name", "what we have", "formulas", "remark"], _lines(found, room)) for room in rooms]
    write_page(folder, "coverage", INTRO, tables)


def glance(found: Sequence[Finding]) -> str:
    """How many names there are of each status, e.g. "310 formula, 40 composed of"."""
    counts = Counter(map(_status, found))
    return ", ".join(f"{counts[status]:,} {status}" for status in sorted(counts, key=[*STATUSES, *counts].index))


def _room(f: Finding) -> str:
    return f.formula.rpartition(".")[0]


def _status(f: Finding) -> str:
    return f.what or f.verdict


def _lines(found: Sequence[Finding], room: str) -> list[list[str]]:
    return [
        [f"`{f.formula.rpartition('.')[2]}`", _status(f), ", ".join(f"`{id}`" for id in f.more.get("ids", ())), f.why]
        for f in found if _room(f) == room
    ]  # fmt: skip
