"""The answer of a framework: its own operations, differentiated by its own machinery."""

from __future__ import annotations

from collections.abc import Iterable

from gradproof.answers.answer import Answer, Side
from gradproof.answers.ours import ours
from gradproof.cases.case import Case
from gradproof.evidence.environment import ORACLES, installed, load
from gradproof.lookup import Missing


def framework(name: str) -> Side:
    """The side of an installed oracle. It raises Missing for a formula that it has no answer for."""
    module = installed([name])[name]

    def answer(case: Case) -> Answer:
        if not module.has(case.formula):
            raise Missing(f"{name} has no {case.formula}")
        try:
            return Answer(*module.vjp(case.formula, case.arguments, case.cotangent, **case.parameters))
        except (NotImplementedError, RuntimeError) as error:  # no kernel for this dtype
            raise Missing(" ".join(str(error).split())[:120]) from error

    return answer


def sides(names: Iterable[str]) -> dict[str, Side]:
    """Ours, and those of the oracles `names` that are installed."""
    return {"ours": ours, **{name: framework(name) for name in installed(names)}}


def composed(name: str, id: str, quantity: str) -> bool:
    """True where a framework has no function of its own for this, and its answer is the definition written out."""
    module = load(name) if name in ORACLES else None
    return module is not None and bool(module.has(id, quantity.removeprefix("∂/∂")) == "composed")
