"""One case of the audit again: value and gradients of a cost or regularizer by everyone, beside the truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gradproof.cases import costs as cost_cases
from gradproof.cases import regularizers as penalty_cases
from gradproof.checks import accuracy as costs
from gradproof.checks import penalty_accuracy
from gradproof.lookup import UsageError, find, suggestion
from gradproof.pages.tables import Table, number

SIDES = ("ours", "torch", "jax")


def replay(id: str, regime: str, seed: int, dtype: str = "float64") -> Table:
    """Every entry of value and gradients of a case of the audit: the truth, and each side with its error.

    Errors are in conditioned ULP, as in costs-accuracy.md and penalties.md. Raises UsageError for an unknown id, dtype
    or regime, for a formula without such cases, and without python-flint.
    """
    formula = find(id)
    known = [*cost_cases.DRAWS, *(f"regularizer/{name}" for name in penalty_cases.NAMES)]
    if formula.id not in known:
        raise UsageError(f"{id} has no cases of its own; {suggestion(id, known)}")
    if regime not in cost_cases.REGIMES:
        raise UsageError(f"no regime {regime!r}; there are {', '.join(cost_cases.REGIMES)}")
    if dtype not in costs.DTYPES:
        raise UsageError(f"no cases in {dtype!r}; there are in {' and '.join(costs.DTYPES)}")
    cases: Any
    area: Any
    cases, area = (cost_cases, costs) if id in cost_cases.DRAWS else (penalty_cases, penalty_accuracy)
    case = cases.draw(id, dtype, regime, seed)
    try:
        value, gradients = area.exact(case)
    except ImportError as error:
        raise UsageError("python-flint: not installed; pip install 'gradproof[oracles]'") from error
    with np.errstate(all="ignore"):
        answers = area.answers(case, area.load())
        lines = [line for name, truth in {"value": value, **gradients}.items() for line in _lines(name, truth, answers)]
    title = f"{id} in {dtype}, {regime} {seed}; in brackets: conditioned ULP from the truth"
    return Table(title, ["quantity", "truth", *SIDES], lines)


def _lines(name: str, truth: Any, answers: Mapping[str, Any]) -> list[list[str]]:
    """One line for each entry of the value, or of the gradient with respect to `name` if anyone gives it."""
    exact = truth.truth.hi
    columns = []
    for side in SIDES:
        answer = answers.get(side)
        got = None if answer is None else {"value": answer[0], **answer[1]}.get(name)
        if got is None:
            columns.append(["–"] * exact.size)
            continue
        y = np.asarray(got).astype(np.float64).reshape(exact.shape)
        columns.append([f"{float(p)!r} ({number(float(e))})" for p, e in zip(y.flat, truth.error(y).flat, strict=True)])
    if all(column[:1] == ["–"] for column in columns):
        return []
    places = [name if name == "value" else f"∂/∂{name}{list(index) or ''}" for index in np.ndindex(exact.shape)]
    return [list(line) for line in zip(places, map(repr, exact.ravel().tolist()), *columns, strict=True)]
