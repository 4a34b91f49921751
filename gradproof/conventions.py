"""What each side means by the name of a cost: every probe, asked of all sides, and the page made of the answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.convention_probes import Call, number, probes
from gradproof.files import read_lines, write_lines
from gradproof.tables import Table, write_page
from reference import CATALOGUE

Row = dict[str, Any]
SIDES = ("ours", "torch", "optax")


def callers(oracles: Mapping[str, ModuleType]) -> dict[str, Callable[[str], Call]]:
    """For each side, the function behind an id, with the side's own defaults."""

    def ours(id: str) -> Call:
        function: Call = lambda inputs, **options: CATALOGUE[id].function(**inputs, **options)  # noqa: E731
        return function

    def theirs(oracle: ModuleType) -> Callable[[str], Call]:
        return lambda id: lambda inputs, **options: oracle.native(id, inputs, **options)

    names = {"jax": "optax"}
    return {"ours": ours, **{names.get(name, name): theirs(oracle) for name, oracle in oracles.items()}}


def conventions(oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: every probe, by us and by each oracle."""
    rows = []
    for probe in probes():
        for who, function in callers(oracles).items():
            try:
                with np.errstate(all="ignore"):
                    measured, reading = probe.ask(function(probe.id))
            except (ValueError, TypeError, RuntimeError, IndexError) as error:
                message = " ".join(str(error).split())
                measured, reading = f"{type(error).__name__}: {message}", type(error).__name__
                if who == "ours":
                    reading = f"{reading}: {message}"
            except LookupError as missing:
                measured, reading = None, str(missing.args[0])
            rows.append({"row": "convention", "topic": probe.topic, "formula": probe.id, "probe": probe.what,
                         "side": who, "reading": reading, "measured": _plain(measured)})  # fmt: skip
    return rows


def _plain(measured: Any) -> Any:
    """JSON has no NaN and no infinity: as text."""
    if isinstance(measured, list):
        return [_plain(m) for m in measured]
    return number(measured) if isinstance(measured, float) and not math.isfinite(measured) else measured


def write_evidence(path: Path, header: Mapping[str, Any], rows: Sequence[Row]) -> None:
    """Write evidence/conventions.jsonl whole."""
    write_lines(path, header, rows)


def _of_reductions(topic: str) -> bool:
    return topic == "reduction by default" or "mean divides" in topic or "reduction of" in topic


def _of_gradients(topic: str) -> bool:
    return topic.startswith("gradient with respect to")


def _of_nonsense(topic: str) -> bool:
    return topic == "input that makes no sense"


def _of_the_rest(topic: str) -> bool:
    return not (_of_reductions(topic) or _of_gradients(topic) or _of_nonsense(topic))


SECTIONS: Mapping[str, Callable[[str], bool]] = {
    "Reductions": _of_reductions,
    "Constants, clamps, ties and edges": _of_the_rest,
    "Gradients": _of_gradients,
    "Input that makes no sense": _of_nonsense,
}


def write_conventions_page(evidence: Path, folder: Path) -> None:
    """Write conventions.md from evidence/conventions.jsonl, with its tables."""
    header, rows = read_lines(evidence / "conventions.jsonl")
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        cells.setdefault((row["topic"], row["formula"], row["probe"]), {})[row["side"]] = row["reading"]
    tables = []
    for title, belongs in SECTIONS.items():
        lines = [[name.split("/")[1], topic, probe, *(found.get(side, "not installed") for side in SIDES)]
                 for (topic, name, probe), found in cells.items() if belongs(topic)]  # fmt: skip
        tables.append(Table(title, ["cost", "question", "asked at", *SIDES], lines))
    packages = ", ".join(
        f"{name} {header['versions'][name]}" for name in ("torch", "jax", "optax") if name in header["versions"]
    )
    intro = (
        "# Conventions of the costs\n\n"
        "What each side means by the name of a cost, with its own defaults. Every cell is read off a number measured "
        f"with {packages}; where no convention known here gives it, the number itself stands. An error is named by its "
        "type; ours are shown in full. Which slope is taken at a kink: see [costs-accuracy.md](costs-accuracy.md)."
    )
    write_page(folder, "conventions", intro, tables)
