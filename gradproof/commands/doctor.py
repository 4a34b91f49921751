"""What is installed here, and what a formula still lacks before it is measured against everybody."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from gradproof.evidence.environment import ORACLES, cpu, load, versions
from gradproof.lookup import find
from reference.formula import Formula

INSTALL = "not installed: pip install 'gradproof[oracles]'"
VALUES = 2  # of every parameter beside its default


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
    formula, _ = find(id)
    return [*_record(formula), *_oracles(formula), *_balls(formula), *_cases(formula)]


def _record(formula: Formula) -> Iterator[str]:
    from literature.bibliography import WORKS

    for source in formula.sources:
        if source not in WORKS:
            yield f"source {source!r} is not in literature/bibliography.py"
    if not formula.derivation:
        yield "no derivation: it is the docstring of the function"


def _oracles(formula: Formula) -> Iterator[str]:
    """A side without an answer says so in the record, and one with an answer does not."""
    if formula.kind == "network":
        return
    for name in ORACLES:
        module = load(name)
        if module is None:
            yield f"{name}: {INSTALL}; nothing can be said of it"
            continue
        answers, excused = bool(module.has(formula.id)), name in formula.unanswered
        if not answers and not excused:
            yield f"no forward definition in oracles/{module.__name__.split('.')[-1]}/; or say why in `unanswered`"
        if answers and excused:
            yield f"the record says that {name} has no answer, but it has one"


def _balls(formula: Formula) -> Iterator[str]:
    if formula.kind == "network" or (formula.kind == "update" and "clip" not in formula.name):
        return  # the equations of backpropagation are those of a tape; steps are followed in extended precision
    try:
        from oracles import arb_truth
    except ImportError:
        yield f"python-flint: {INSTALL}; nothing can be said of the truth"
        return
    if not arb_truth.has(formula.id):
        yield "no forward definition in oracles/arb_truth/"


def _cases(formula: Formula) -> Iterator[str]:
    from gradproof.cases import DRAWS
    from gradproof.cases.parameters import OTHERS
    from gradproof.training.settings import SETTINGS

    if formula.kind == "network":
        return
    if formula.kind == "update" and "clip" not in formula.name:
        given = [setting.given for setting in SETTINGS if setting.id == formula.id]
        if not given:
            yield "no setting in gradproof/training/settings.py"
        return
    if formula.id not in DRAWS and not formula.elementwise:
        yield "no draw in gradproof/cases/"
    for name in formula.parameters:
        values = {setting[name] for setting in OTHERS.get(formula.id, ()) if name in setting}
        if len(values) < VALUES:
            yield f"parameter {name} has {len(values)} values off its default in gradproof/cases/parameters.py, not two"
