"""What of a block is to blame for a wrong gradient: one of its parts, or the chain between them.

Each part is replaced by its exact one, over balls: if the gradients are then right, it was that part. If none mends
them, the links are right and the chain is wrong: perhaps the gradients are exactly what they are with one way cut, on
which nothing comes back. By which weights they are wrong, and by which not, says where.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.answers.factors import explain
from gradproof.answers.truth import truth
from gradproof.cases.case import Case
from reference.blocks import BLOCKS, parts
from reference.formula import Array


def exact(name: str) -> Any:
    """The part of that name over balls, called as ours. Needs python-flint."""
    from oracles.arb_truth import vjp

    part = getattr(parts, name)
    id, kind = part.formula.id, part.formula.kind
    taken = [p.name for p in inspect.signature(part).parameters.values() if p.kind is not p.KEYWORD_ONLY]

    def rounded(quantities: Mapping[str, Any]) -> dict[str, Any]:
        return {key: q.truth.hi for key, q in quantities.items()}

    def of_balls(*positional: Any, **given: Any) -> Any:
        arguments = dict(zip(taken, positional, strict=False))
        arguments |= {key: given.pop(key) for key in taken if key in given}
        outputs, gradients = map(rounded, vjp(id, arguments, **given))
        if kind == "activation":
            return outputs["value"], gradients[taken[0]]  # value and slope
        if kind == "cost":
            return outputs["value"], gradients

        def pullback(*cotangents: Any) -> dict[str, Any]:
            v = {key: w for key, w in zip(outputs, cotangents, strict=False) if w is not None}
            return rounded(vjp(id, arguments, v, **given)[1])

        values = tuple(outputs.values())
        return values if len(values) > 1 else values[0], pullback

    return of_balls


def used(case: Case) -> list[str]:
    """The parts that a block is made of, in the order in which they are called."""
    met: dict[str, None] = {}

    class Recording:
        def __getattr__(self, name: str) -> Any:
            met[name] = None
            return getattr(parts, name)

    BLOCKS[case.formula].vjp(case.arguments, case.cotangent, **case.parameters, parts=Recording())
    return list(met)


def error_of(got: Any, right: Any) -> Array:
    """Errors in conditioned ULP: ∞ for what is not a number, 0 where there is no truth."""
    error = np.nan_to_num(right.error(np.asarray(got).astype(np.float64)), nan=np.inf)
    return np.where(np.isnan(right.truth.hi), 0, error)


def off(case: Case, known: Mapping[str, Any], allowed: float, made_of: Any = parts) -> dict[str, Any]:
    """The quantities that ours has wrong, as it has them, with these parts."""
    outputs, gradients = BLOCKS[case.formula].vjp(case.arguments, case.cotangent, **case.parameters, parts=made_of)
    said = {**outputs, **{f"∂/∂{name}": g for name, g in gradients.items()}}
    return {name: said[name] for name, right in known.items() if error_of(said[name], right).max() > allowed}


def with_one_way_cut(case: Case) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The ways by which values go to two places, each with the quantities if nothing came back on it."""
    from oracles.arb_truth.layers.blocks import WAYS

    for way in WAYS.get(case.formula, ()):
        yield way, truth(replace(case, parameters={**case.parameters, "cut": way})).quantities


def blame(case: Case, known: Mapping[str, Any], allowed: float) -> str:
    """In words what is wrong with a block whose answer is not that of the truth, `known` by quantity."""
    wrong = off(case, known, allowed)
    if not wrong:
        return ""
    name, got = next(iter(wrong.items()))
    cause = f"{name}: {explain(got, known[name].truth.hi)}"
    for part in used(case):
        if not off(case, known, allowed, SimpleNamespace(**{**vars(parts), part: exact(part)})):
            id = getattr(parts, part).formula.id
            return f"{case.name}: {id} is to blame, with its exact one every gradient is right; {cause}"
    right = ", ".join(name for name in known if name not in wrong) or "nothing"
    lost = next((way for way, q in with_one_way_cut(case) if not off(case, q, allowed)), None)
    why = f"nothing comes back on {lost}" if lost else "not the chain"
    return f"{case.name}: every part is right, but {why}: wrong {', '.join(wrong)}; right {right}; {cause}"
