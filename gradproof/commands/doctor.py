"""What is installed here, and what a formula still lacks before it is measured against everybody."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path

from gradproof.cases.source import REGIMES
from gradproof.evidence.environment import ORACLES, cpu, load, versions
from gradproof.lookup import UsageError, find
from reference.blocks import BLOCKS
from reference.formula import Formula

INSTALL = "not installed: pip install 'gradproof[oracles]'"
DRAWN_IN = {
    "activation": "rows.py",
    "cost": "costs.py, preferences.py or sequences.py",
    "regularizer": "regularizers.py",
    "layer": "layers/",
    "update": "clipping.py",
}
NOTHING_SAID = "nothing can be said of its answer"
FURTHER = {"truth": "oracles.arb_truth", "finite_difference": "oracles.finite_difference"}  # sides beside ORACLES
ROOT = Path(__file__).parents[2]  # of a checkout
VALUES, SEEDS = 2, 6  # of every parameter beside its default, among the seeds of an audit


def environment() -> Iterator[tuple[str, str]]:
    """Versions, processor, oracles, and where the packages are imported from."""
    yield from versions().items()
    yield "cpu", cpu()
    for name in ORACLES:
        yield f"oracle {name}", "ready" if load(name) else INSTALL
    for package in ("reference", "oracles", "gradproof"):
        yield package, str(importlib.import_module(package).__file__)


def lacking(id: str) -> list[str]:
    """What formula `id` lacks, and where it belongs, a line each. Raises UsageError for an unknown id."""
    try:
        formula, _ = find(id)
    except UsageError as error:
        if id in BLOCKS:
            raise
        raise UsageError(f"{error} (to add one, begin with 'Add a formula' in CONTRIBUTING.md)") from error
    return [*_record(formula), *_sides(formula), *_cases(formula), *_truths(formula)]


def _record(formula: Formula) -> Iterator[str]:
    from literature.bibliography import work

    if not formula.sources and formula.statement != "0":
        yield "no source: its key belongs into `sources` of the record, and its entry into literature/bibliography.py"
    for source in formula.sources:
        try:
            work(source)
        except KeyError as error:
            yield str(error.args[0])
    if not formula.derivation:
        yield "no derivation: it is the docstring of the function"


def _sides(formula: Formula) -> Iterator[str]:
    """A side without an answer says so in the record, and one with an answer does not."""
    for name, place in {**ORACLES, **FURTHER}.items():
        try:
            answers = bool(importlib.import_module(place).has(formula.id))
        except ImportError as error:
            yield f"{name}: {NOTHING_SAID}: {error.name} is {INSTALL}"
            continue
        excused = name in formula.unanswered
        if not answers and not excused:
            yield f"{name}: no definition in {place.replace('.', '/')}/, and no reason in the record's `unanswered`"
        if answers and excused:
            yield f"{name}: the record says that it has no answer, but it has one"
        for option, theirs, ours in _other_defaults(formula, place):
            where = place.replace(".", "/")
            yield f"{name}: {option} is {theirs!r} unless told otherwise, {ours!r} in the record: {where}/"


def _other_defaults(formula: Formula, place: str) -> Iterator[tuple[str, object, object]]:
    """Options, the reduction of a cost among them, whose default differs in an oracle: theirs, the record's."""
    definition = getattr(importlib.import_module(place), "DEFINITIONS", {}).get(formula.id)
    if definition is None:
        return
    theirs = getattr(definition, "parameters", None)  # of a definition over balls
    if theirs is None:
        theirs = {name: p.default for name, p in inspect.signature(definition).parameters.items()}
    for name, p in inspect.signature(formula.function).parameters.items():
        if name in theirs and p.default not in (p.empty, None) and theirs[name] != p.default:
            yield name, theirs[name], p.default


def _cases(formula: Formula) -> Iterator[str]:
    """Whether anybody asks for the formula, and for its parameters off their defaults."""
    from gradproof import cases
    from gradproof.cases.parameters import settings
    from gradproof.training.settings import SETTINGS

    if formula.kind == "network":
        return  # asked for with every network
    if formula.kind == "update" and formula.id not in cases.DRAWS:
        if all(setting.id != formula.id for setting in SETTINGS):
            yield "no setting in gradproof/training/settings.py"
        if formula.id not in cases.STEPS:
            yield "no accumulators in gradproof/cases/updates.py"
    asked = [*settings(formula.id)]
    if formula.id in {**cases.DRAWS, **cases.STEPS}:
        drawn = (cases.draw(formula.id, "float64", REGIMES[0], seed) for seed in range(SEEDS))
        asked += [{**case.arguments, **case.parameters} for case in drawn]
    elif not formula.elementwise and formula.kind != "update":
        yield f"no draw in gradproof/cases/{DRAWN_IN[formula.kind]}"
    for name, default in formula.parameters.items():
        values = {float(given[name]) for given in asked if name in given} - {default}
        choices = formula.valid.get(name, "").count("==")  # "p == 1 or p == 2"
        needed = choices - 1 if choices else VALUES
        if len(values) < needed:
            yield f"parameter {name}: {len(values)} values off its default, not {needed}: gradproof/cases/parameters.py"


def _truths(formula: Formula) -> Iterator[str]:
    """Whether a checkout has the exact values by which the tests of accuracy judge an activation."""
    if formula.elementwise and (ROOT / "scripts" / "make_truths.py").is_file() and formula.id not in _tables():
        yield "no exact values in tests/truths.npz: run 'python scripts/make_truths.py'"


@functools.cache
def _tables() -> frozenset[str]:
    """The formulas in tests/truths.npz; none where it cannot be read."""
    from oracles.truth_tables import TableError, read_tables

    try:
        return frozenset(table.id for table in read_tables(ROOT / "tests" / "truths.npz"))
    except TableError:
        return frozenset()
