"""One case of the audit again: outputs and gradients of a formula by everyone, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradproof import cases
from gradproof.answers.frameworks import sides
from gradproof.answers.truth import truth
from gradproof.cases import blocks
from gradproof.cases.case import Case
from gradproof.cases.parameters import label
from gradproof.cases.source import REGIMES
from gradproof.commands import given
from gradproof.commands.at import NO_SLOPE, recorded
from gradproof.evidence.environment import ORACLES
from gradproof.evidence.finding import hexed
from gradproof.evidence.summary import SHIPPED
from gradproof.lookup import Missing, UsageError, find, identify
from gradproof.pages.tables import Table, number
from oracles.floats import FORMATS
from reference.formula import Array, Formula

DTYPES = tuple(FORMATS)


def drawn(id: str, regime: str, seed: int, dtype: str = "float64") -> Case:
    """A case of the audit. Raises UsageError for an unknown id, dtype or regime, and a formula without such cases."""
    id = identify(id, blocks.DRAWS)
    regimes = blocks.REGIMES if id in blocks.DRAWS else REGIMES
    if regime not in regimes:
        raise UsageError(f"no regime {regime!r}; there are {', '.join(regimes)}")
    if dtype not in DTYPES:
        raise UsageError(f"no cases in {dtype!r}; there are in {', '.join(DTYPES)}")
    if id in blocks.DRAWS:
        return blocks.draw(id, dtype, regime, seed)
    formula, _ = find(id)
    if formula.id not in {**cases.DRAWS, **cases.STEPS}:
        raise UsageError(f"{id} has no cases of its own; {_instead(formula)}")
    return cases.draw(formula.id, dtype, regime, seed)


def asked(id: str, words: Sequence[str], dtype: str = "float64", cotangent: str | None = None) -> Case:
    """A case of one's own: arguments and parameters as name=value, see `gradproof.commands.given`.

    The cotangent is an array for the one output, ones unless given. Raises UsageError for what the formula does not
    take.
    """
    formula, stands_for = find(id)
    if formula.id not in cases.DRAWS and formula.kind in ("network", "update"):
        raise UsageError(f"{id}: its truth is not asked for at points; {_instead(formula)}")
    arguments, parameters = given.arrays(formula, words)
    typed = given.of_dtype(arguments, formula, dtype)
    v = None
    if cotangent is not None:
        v = {"value": given.rounded("--cotangent", given.array("--cotangent", cotangent), dtype)}
    return Case(formula.id, dtype, "as", 0, typed, v, {**stands_for, **parameters})


def as_json(case: Case) -> dict[str, Any]:
    """A case and the answers of everyone to it, floats as hex. Raises UsageError as `beside`."""

    def hexes(x: Any) -> Any:
        if np.ndim(x):
            return [hexes(y) for y in x]
        return int(x) if x.dtype.kind in "iub" else hexed(x)

    exact, answers = _everyone(case)
    said = {side: a if isinstance(a, str) else {q: hexes(np.asarray(y).astype(np.float64)) for q, y in a.items()}
            for side, a in answers.items()}  # fmt: skip
    truths = {quantity: hexes(known.truth.hi) for quantity, known in exact.items()}
    errors = {side: {q: exact[q].error(y).tolist() for q, y in a.items() if q in exact}
              for side, a in answers.items() if not isinstance(a, str)}  # fmt: skip
    arguments = {name: hexes(np.asarray(x)) for name, x in case.arguments.items()}
    cotangent = {name: hexes(np.asarray(v)) for name, v in (case.cotangent or {}).items()}
    return {"formula": case.formula, "dtype": case.dtype, "parameters": dict(case.parameters), "arguments": arguments,
            "cotangent": cotangent, "truth": truths, **said, "conditioned ULP": errors}  # fmt: skip


def beside(case: Case, evidence: Path = SHIPPED) -> Table:
    """Every entry of outputs and gradients of a case: the truth, and each side with its error.

    Errors are in conditioned ULP, as in the tables of accuracy. Without python-flint there is no truth, and what
    `evidence` says of ours instead. Raises UsageError for a case that the definition refuses.
    """
    exact, answers = _everyone(case)
    numbers = not any(np.isnan(np.asarray(x).astype(np.float64)).any() for x in case.arguments.values())
    ours = {} if isinstance(answers["ours"], str) else answers["ours"]
    quantities = exact or dict.fromkeys(ours)
    lines = [line for quantity, known in quantities.items() for line in _lines(quantity, known, answers, numbers)]
    options = f", {label(case.parameters)}" if case.parameters else ""
    name = f", {case.name}" if case.regime in REGIMES else ""
    title = f"{case.formula} in {case.dtype}{name}{options}"
    title += "; in brackets: conditioned ULP from the truth" if exact else ""
    note = "" if exact else f"{NO_BALLS}.{recorded(case.formula, case.dtype, evidence)}"
    values = {q: known.truth.hi for q, known in exact.items()} or {q: np.asarray(y) for q, y in ours.items()}
    return Table(title + _of_the_sum(case, values), ["quantity", "truth", *answers], lines, note)


NO_BALLS = "The truth needs python-flint: pip install 'gradproof[check]'"


def _of_the_sum(case: Case, values: Mapping[str, Array]) -> str:
    """What slopes are of where several outputs have no cotangent, and which of them are 0 for that reason."""
    slopes = {quantity: y for quantity, y in values.items() if quantity.startswith("∂/∂")}
    outputs = sum(y.size for y in values.values()) - sum(g.size for g in slopes.values())
    if case.cotangent is not None or outputs < 2 or not slopes:
        return ""
    gone = [quantity for quantity, g in slopes.items() if g.size and not g.any()]
    vanish = f", and 0 by {', '.join(q.removeprefix('∂/∂') for q in gone)}" if gone else ""
    return f"; slopes are of the sum of all outputs{vanish}: --cotangent V weighs them"


def _everyone(case: Case) -> tuple[dict[str, Any], dict[str, Mapping[str, Any] | str]]:
    """The truth by quantity, and the answer of each side, or why it has none.

    No truth without python-flint. Raises UsageError for what our formula refuses, in its words.
    """
    asked = sides(ORACLES)
    try:
        answers: dict[str, Mapping[str, Any] | str] = dict.fromkeys(("ours", *ORACLES), "not installed")
        answers["ours"] = asked.pop("ours")(case).quantities
    except (TypeError, ValueError, LookupError) as error:
        raise UsageError(f"{case.formula}: {error}") from error
    try:
        exact = {q: known for q, known in truth(case).quantities.items() if q in answers["ours"]}  # none by a switch
    except ImportError:
        exact = {}
    except (TypeError, ValueError, LookupError, ArithmeticError) as error:
        said = str(error)
        if empty := [name for name, x in case.arguments.items() if np.size(x) == 0]:
            said = (
                f"{empty[0]} has shape {np.shape(case.arguments[empty[0]])}, no entries, and balls give no answer to it"
            )
        raise UsageError(said if case.formula in said else f"{case.formula}: {said}") from error
    with np.errstate(all="ignore"):
        for name, side in asked.items():
            try:
                answers[name] = side(case).quantities
            except (Missing, TypeError, ValueError, LookupError, ArithmeticError, RuntimeError) as refused:
                answers[name] = str(refused).partition("\n")[0]
    return exact, {name: _fitting(answer, exact) for name, answer in answers.items()}


def _fitting(answer: Mapping[str, Any] | str, exact: Mapping[str, Any]) -> Mapping[str, Any] | str:
    """The answer, or what is said instead where one of its quantities has another number of entries than the truth."""
    for quantity, got in {} if isinstance(answer, str) else answer.items():
        if quantity in exact and np.size(got) != exact[quantity].truth.hi.size:
            return f"{quantity} has shape {np.shape(got)}, the truth has shape {exact[quantity].truth.hi.shape}"
    return answer


def _instead(formula: Formula) -> str:
    """Where a formula without cases is measured."""
    if formula.elementwise:
        return f"it acts on single numbers: 'gradproof at {formula.id} 0.5'"
    if formula.kind == "network":
        return "it is asked with every network: 'gradproof audit --only networks'"
    if formula.id in cases.STEPS:
        return f"a step of it on arrays that are drawn: 'gradproof case {formula.id} plain 0'"
    return f"'gradproof doctor {formula.id}' says what it lacks"


def _lines(quantity: str, known: Any, answers: Mapping[str, Mapping[str, Any] | str], numbers: bool) -> list[list[str]]:
    """One line for each entry of a quantity. A gradient of `numbers` that has no exact one is at a kink."""
    kink = numbers and quantity.startswith("∂/∂")
    exact = np.asarray(answers["ours"][quantity]) if known is None else known.truth.hi  # type: ignore[index]
    columns = []
    for answer in answers.values():
        got = None if isinstance(answer, str) else answer.get(quantity)
        if got is None:
            columns.append([answer if isinstance(answer, str) else "–"] * exact.size)
            continue
        y = np.asarray(got).astype(np.float64).reshape(exact.shape)
        errors = np.full(y.size, np.nan) if known is None else known.error(y).flat
        columns.append([
            f"{float(p)!r}" + ("" if np.isnan(e) else f" ({number(float(e))})")
            for p, e in zip(y.flat, errors, strict=True)
        ])  # fmt: skip
    truths = [NO_SLOPE if kink and np.isnan(x) else repr(x) for x in exact.ravel().tolist()]
    truths = ["not known"] * exact.size if known is None else truths
    places = [f"{quantity}{list(index) or ''}" for index in np.ndindex(exact.shape)]
    return [list(line) for line in zip(places, truths, *columns, strict=True)]
