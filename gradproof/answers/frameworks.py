"""The answer of a framework: its own operations, differentiated by its own machinery."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any

from gradproof.answers.answer import Answer, Side
from gradproof.answers.ours import ours
from gradproof.cases import STEPS
from gradproof.cases.case import Case
from gradproof.evidence.environment import ORACLES, installed, load
from gradproof.lookup import Missing
from reference import CATALOGUE

SHORT = ("float16", "bfloat16")
NO_KERNEL = (NotImplementedError, RuntimeError)  # for this dtype
IN_OTHER_WORDS = (TypeError, ValueError)  # the same, of one of 16 bits


def framework(name: str) -> Side:
    """The side of an installed oracle. It raises Missing for a formula that it has no answer for."""
    module = installed([name])[name]

    def answer(case: Case) -> Answer:
        if not module.has(case.formula):
            raise Missing(f"{name} has no {case.formula}")
        refusals = (*NO_KERNEL, *(IN_OTHER_WORDS if case.dtype in SHORT else ()))
        try:
            return Answer(*module.vjp(case.formula, case.arguments, case.cotangent, **_parameters(case)))
        except refusals as error:
            raise Missing(" ".join(str(error).split())[:120]) from error
        except LookupError as error:  # no such setting of a rule
            if case.formula in STEPS and not isinstance(error, (KeyError, IndexError)):
                raise Missing(str(error)) from error
            raise

    return answer


def _parameters(case: Case) -> dict[str, Any]:
    """Those of the case; of a step all hyperparameters, for a framework's defaults are others."""
    if case.formula not in STEPS:
        return dict(case.parameters)
    taken = inspect.signature(CATALOGUE[case.formula].function).parameters.values()
    return {**{p.name: p.default for p in taken if p.kind is p.KEYWORD_ONLY}, **case.parameters}


def sides(names: Iterable[str]) -> dict[str, Side]:
    """Ours, and those of the oracles `names` that are installed."""
    return {"ours": ours, **{name: framework(name) for name in installed(names)}}


def composed(name: str, id: str, quantity: str) -> bool:
    """True where a framework has no function of its own for this, and its answer is the definition written out."""
    module = load(name) if name in ORACLES else None
    return module is not None and bool(module.has(id, quantity.removeprefix("∂/∂")) == "composed")
