"""What each side means by a name: every probe, asked of all sides, and the page made of the answers."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.checks import accuracy as costs
from gradproof.checks import clipping, penalty_accuracy
from gradproof.conventions import regularizers as regularizer_conventions
from gradproof.conventions import updates as optimizer_conventions
from gradproof.conventions.costs import Call, number, probes
from gradproof.evidence.files import read_lines, write_lines
from gradproof.pages.tables import Table, write_page
from gradproof.training import optimizers
from reference import CATALOGUE

Row = dict[str, Any]
SIDES = ("ours", "torch", "optax")
FRAMEWORKS = {"jax": "optax"}  # by oracle: the library whose names are asked about, where it is another


def callers(oracles: Mapping[str, ModuleType]) -> dict[str, Callable[[str], Call]]:
    """For each side, the function behind an id, with the side's own defaults."""

    def ours(id: str) -> Call:
        function: Call = lambda inputs, **options: CATALOGUE[id].function(**inputs, **options)  # noqa: E731
        return function

    def theirs(oracle: ModuleType) -> Callable[[str], Call]:
        return lambda id: lambda inputs, **options: oracle.native(id, inputs, **options)

    return {"ours": ours, **{FRAMEWORKS.get(name, name): theirs(oracle) for name, oracle in oracles.items()}}


def of_costs(oracles: Mapping[str, ModuleType], part: int = 0, parts: int = 1) -> list[Row]:
    """Evidence rows: every probe of a cost, or one of several parts of them, by us and by each oracle."""
    asked = probes()
    return [
        _asked(probe, who, functools.partial(probe.ask, function(probe.id)))
        for probe in asked[part * len(asked) // parts : (part + 1) * len(asked) // parts]
        for who, function in callers(oracles).items()
    ]


def of_regularizers(oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: every probe of a regularizer, by us and by each oracle."""
    sides = {"ours": regularizer_conventions.OURS, **{FRAMEWORKS.get(who, who): o for who, o in oracles.items()}}
    return [
        _asked(probe, who, functools.partial(probe.ask, side))
        for probe in regularizer_conventions.probes()
        for who, side in sides.items()
    ]


def _asked(probe: Any, who: str, ask: Callable[[], tuple[Any, str]]) -> Row:
    try:
        with np.errstate(all="ignore"):
            measured, reading = ask()
    except (ValueError, TypeError, RuntimeError, IndexError) as error:
        message = " ".join(str(error).split())
        measured, reading = f"{type(error).__name__}: {message}", type(error).__name__
        if who == "ours":
            reading = f"{reading}: {message}"
    except LookupError as missing:
        measured, reading = None, str(missing.args[0])
    return {"row": "convention", "topic": probe.topic, "formula": probe.id, "probe": probe.what, "side": who,
            "reading": reading, "measured": _plain(measured)}  # fmt: skip


def of_optimizers(oracles: Mapping[str, ModuleType]) -> list[Row]:
    """Evidence rows: conventions and defaults of update rules, and clipping at its edges."""
    asked = [
        {"row": "convention", "topic": r["topic"], "formula": r["id"], "probe": r["probe"], "side": r["who"],
         "reading": r["reading"], "measured": r["measured"]}
        for r in optimizer_conventions.conventions(oracles)
    ]  # fmt: skip
    asked += [
        {"row": "convention", "topic": "clipping at its edges", "formula": r["id"], "probe": r["topic"],
         "side": r["who"], "reading": r["measured"], "measured": r["measured"]}
        for r in clipping.edges(oracles)
    ]  # fmt: skip
    given = [
        {"row": "default", "formula": r["id"], "side": r["who"], "given": r["given"]}
        for r in optimizer_conventions.defaults(oracles)
    ]
    return asked + given


def _costs(part: int, names: Sequence[str]) -> list[Row]:
    return of_costs(costs.load(names), part, PARTS)


PARTS = 8  # of the costs, which take longest
TASKS: Mapping[str, Callable[[Sequence[str]], list[Row]]] = {
    **{f"costs, part {k + 1}": functools.partial(_costs, k) for k in range(PARTS)},
    "regularizers": lambda names: of_regularizers(penalty_accuracy.load(names)),
    "optimizers": lambda names: of_optimizers(optimizers.load([FRAMEWORKS.get(name, name) for name in names])),
}


def measure(task: str, names: Sequence[str]) -> list[Row]:
    """The evidence rows of one of `TASKS`, by us and by the oracles `names` that are installed."""
    return TASKS[task](names)


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


def _table(title: str, kind: str, rows: Sequence[Row], note: str = "") -> Table:
    """One line per question, in the order of the evidence."""
    cells: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows:
        cells.setdefault((row["topic"], row["formula"], row["probe"]), {})[row["side"]] = row["reading"]
    lines = [[id.split("/")[1], topic, probe, *(found.get(side, "not installed") for side in SIDES)]
             for (topic, id, probe), found in cells.items()]  # fmt: skip
    return Table(title, [kind, "question", "asked at", *SIDES], lines, note)


def _optimizer_tables(rows: Sequence[Row]) -> list[Table]:
    """The answers, and how each question is asked: by the same steps of every rule."""
    table = _table("Optimizers", "rule", rows)
    asked = {row["topic"]: row["probe"] for row in rows}
    note = "Trajectories, and why weight decay is not L2: see [optimizers.md](optimizers.md)."
    columns = [c for c in table.columns if c != "asked at"]
    answers = Table(table.title, columns, [[*r[:2], *r[3:]] for r in table.rows], note)
    return [answers, Table("How the optimizers are asked", ["question", "asked by"], list(asked.items()))]


def _default_table(rows: Sequence[Row]) -> Table:
    by: dict[str, dict[str, str]] = {}
    for row in rows:
        given = ", ".join(f"{name} = {value}" for name, value in row["given"].items())
        by.setdefault(row["formula"], {})[row["side"]] = given or "–"
    lines = [[id.split("/")[1], *(found.get(side, "not installed") for side in SIDES)] for id, found in by.items()]
    return Table("Defaults of the optimizers", ["rule", *SIDES], lines, "Read off the installed signatures.")


def write_conventions_page(evidence: Path, folder: Path) -> None:
    """Write conventions.md from evidence/conventions.jsonl, with its tables."""
    header, rows = read_lines(evidence / "conventions.jsonl")
    asked: dict[str, list[Row]] = {"cost": [], "regularizer": [], "update": []}
    for row in rows:
        if row["row"] == "convention":
            asked[row["formula"].split("/")[0]].append(row)
    edges = [row for row in asked["update"] if "clip" in row["formula"]]
    tables = [
        *(_table(title, "cost", [row for row in asked["cost"] if belongs(row["topic"])])
          for title, belongs in SECTIONS.items()),
        _table("Regularizers", "regularizer", asked["regularizer"], "Where a framework has no such function, the "
               "gradients at ties and zeros are those of the regularizer written out in its operations, rows in "
               "brackets."),
        *_optimizer_tables([row for row in asked["update"] if row not in edges]),
        _default_table([row for row in rows if row["row"] == "default"]),
        _table("Gradient clipping", "function", edges),
    ]  # fmt: skip
    packages = ", ".join(
        f"{name} {header['versions'][name]}" for name in ("torch", "jax", "optax") if name in header["versions"]
    )
    intro = (
        "# Conventions\n\n"
        "What each side means by the name of a cost, a regularizer or an optimizer, with its own defaults. Every cell "
        f"is read off a number measured with {packages}; where no convention known here gives it, the number itself "
        "stands. The column of Optax has what JAX itself has, too. An error is named by its type; ours are shown in "
        "full. Which slope is taken at a kink: see [costs-accuracy.md](costs-accuracy.md)."
    )
    write_page(folder, "conventions", intro, [table for table in tables if table.rows])
