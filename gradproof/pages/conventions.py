"""conventions.md: what each side means by a name, every cell read off a measured number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gradproof.evidence.environment import SIDES
from gradproof.evidence.files import read_evidence
from gradproof.evidence.finding import Finding
from gradproof.pages.tables import Table, name, write_page

Findings = Sequence[Finding]
TITLES = {side: side for side in SIDES} | {"jax": "optax"}
CALLED = tuple(side for side in SIDES if side != "ours")


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


def write(evidence: Path, folder: Path) -> None:
    """Write conventions.md from evidence/conventions.jsonl, with its tables."""
    header, found = read_evidence(evidence / "conventions.jsonl")
    asked: dict[str, list[Finding]] = {"cost": [], "regularizer": [], "layer": [], "update": []}
    for f in found:
        if f.kind == "convention":
            asked[f.formula.split("/")[0]].append(f)
    edges = [f for f in asked["update"] if "clip" in f.formula]
    tables = [
        *(readings(title, "cost", [f for f in asked["cost"] if belongs(f.more["topic"])])
          for title, belongs in SECTIONS.items()),
        readings("Regularizers", "regularizer", asked["regularizer"], "Where a framework has no such function, the "
               "gradients at ties and zeros are those of the regularizer written out in its operations, rows in "
               "brackets."),
        readings("Layers", "layer", [f for f in asked["layer"] if not _of_nonsense(f.more["topic"])]),
        readings("Layers: input that makes no sense", "layer",
               [f for f in asked["layer"] if _of_nonsense(f.more["topic"])],
               "What becomes of it: the first entry of the output, or the error. In brackets the framework has no such "
               "layer, and its operations answer."),
        *_optimizer_tables([f for f in asked["update"] if f not in edges]),
        defaults([f for f in found if f.kind == "default"]),
        readings("Gradient clipping", "function", edges),
    ]  # fmt: skip
    versions = header["versions"]
    packages = ", ".join(f"{package} {versions[package]}" for package in ("torch", "jax", "optax"))
    intro = (
        "# Conventions\n\n"
        "What each side means by the name of a cost, a regularizer, a layer or an optimizer, with its own defaults. "
        f"Every cell is read off a number measured with {packages}; where no convention known here gives it, the "
        "number itself stands. The column of Optax has what JAX itself has, too. An error is named by its type; ours "
        "are shown in full. What was called is shown beside the answers, arrays under the names that our formulas give "
        "them; … is what was made of them on the way. Which slope is taken at a kink: see [kinks.md](kinks.md)."
    )
    write_page(folder, "conventions", intro, [table for table in tables if table.rows])


def readings(title: str, kind: str, found: Findings, note: str = "") -> Table:
    """One line per question, all about one function together."""
    cells: dict[tuple[str, str, str], dict[str, Finding]] = {}
    for f in found:
        cells.setdefault((f.formula, f.more["topic"], f.more["probe"]), {})[f.side] = f
    lines = [[name(id), topic, probe, *(said[s].more["reading"] if s in said else "not installed" for s in SIDES),
              *(_calls(said.get(side)) for side in CALLED)]
             for (id, topic, probe), said in sorted(cells.items())]  # fmt: skip
    called = [f"called in {side}" for side in CALLED]
    titles = SIDES if kind == "layer" else TITLES.values()  # Optax has no layers
    return Table(title, [kind, "question", "asked at", *titles, *called], lines, note)


def _calls(f: Finding | None) -> str:
    """The calls by which a side answered, as code."""
    return "; ".join(f"`{call}`" for call in f.more.get("calls", ())) if f else ""


def _optimizer_tables(found: Findings) -> list[Table]:
    """The answers, and how each question is asked: by the same steps of every rule."""
    table = readings("Optimizers", "rule", found)
    asked = {f.more["topic"]: f.more["probe"] for f in found}
    note = "Trajectories, and why weight decay is not L2: see [optimizers.md](optimizers.md)."
    columns = ["rule", "question", *TITLES.values()]
    answers = Table(table.title, columns, [[*r[:2], *r[3 : 3 + len(TITLES)]] for r in table.rows], note)
    return [answers, Table("How the optimizers are asked", ["question", "asked by"], sorted(asked.items()))]


def defaults(found: Findings) -> Table:
    """What every side's hyperparameters are unless told otherwise."""
    by: dict[str, dict[str, str]] = {}
    for f in found:
        given = ", ".join(f"{parameter} = {value}" for parameter, value in f.more.get("given", {}).items())
        by.setdefault(f.formula, {})[f.side] = given or "–"
    lines = [[name(id), *(said.get(side, "not installed") for side in SIDES)] for id, said in by.items()]
    columns = ["rule", *TITLES.values()]
    return Table("Defaults of the optimizers", columns, lines, "Read off the installed signatures.")
