"""What each side means by a name: every question, asked of all sides."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from gradproof.conventions import attention, costs, layers, muon, regularizers, sequences, updates
from gradproof.conventions.probe import Probe, finding
from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from reference import CATALOGUE, vjp


def _ours(id: str, arguments: Mapping[str, Any], **options: Any) -> Any:
    """Our formula with its own defaults, and what we have for the practice that goes by the name of a regularizer."""
    if id.startswith("regularizer/"):
        return regularizers.ours(id, arguments, **options)
    return vjp(id, arguments, None, **options)


OURS = SimpleNamespace(NAME="ours", vjp=vjp, native=_ours)


def questions() -> list[Probe]:
    """All that are asked of a side that has `vjp` and `native`; those of optimizer steps are asked rule by rule."""
    rooms = (costs, sequences, regularizers, attention, layers, muon)
    return [*(probe for room in rooms for probe in room.probes()), *updates.edges()]


def measure(id: str, names: Sequence[str]) -> list[Finding]:
    """Every question about one formula, by us and by the oracles `names` that are installed."""
    oracles = installed(names, "native")
    found = [
        finding(probe, name, side)
        for probe in questions() if probe.id == id
        for name, side in {"ours": OURS, **oracles}.items()
    ]  # fmt: skip
    if id.startswith("update/") and id not in (updates.VALUE, updates.NORM):
        found += updates.of(id.split("/")[1], oracles)
    return found


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each formula that is asked about."""
    rules = [f.id for f in CATALOGUE.values() if f.kind == "update"]
    for id in dict.fromkeys([*(probe.id for probe in questions()), *rules]):
        if plan.wants(id):
            yield Task(id, functools.partial(measure, id, plan.oracles))
