"""Our answer: the hand-derived formula, or block."""

from __future__ import annotations

from typing import Any

from gradproof.answers.answer import Answer
from gradproof.cases.case import Case
from reference import vjp
from reference.blocks import BLOCKS


def ours(case: Case) -> Answer:
    """What our formula says. Raises what it raises for input that it refuses."""
    block: Any = BLOCKS.get(case.formula)
    if block is not None:
        return Answer(*block.vjp(case.arguments, case.cotangent, **case.parameters))
    return Answer(*vjp(case.formula, case.arguments, case.cotangent, **case.parameters))
