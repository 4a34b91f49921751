"""What of a block is to blame for a wrong gradient: a layer, or the chain between them.

Each layer is replaced by its exact one, over balls: if the gradients are then right, it was that layer. If none mends
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
from reference import layers
from reference.blocks import BLOCKS
from reference.formula import Array


def exact_layer(name: str) -> Any:
    """The layer of that name over balls, called as ours. Needs python-flint."""
    from oracles.arb_truth import vjp

    taken = [
        p.name for p in inspect.signature(getattr(layers, name)).parameters.values() if p.kind is not p.KEYWORD_ONLY
    ]

    def layer(*positional: Any, **given: Any) -> Any:
        arguments = dict(zip(taken, positional, strict=False))
        arguments |= {key: given.pop(key) for key in taken if key in given}
        outputs = {key: y.truth.hi for key, y in vjp(f"layer/{name}", arguments, **given)[0].items()}

        def pullback(*cotangents: Any) -> dict[str, Any]:
            v = {key: w for key, w in zip(outputs, cotangents, strict=False) if w is not None}
            return {key: g.truth.hi for key, g in vjp(f"layer/{name}", arguments, v, **given)[1].items()}

        values = tuple(outputs.values())
        return values if len(values) > 1 else values[0], pullback

    return layer


def used(case: Case) -> list[str]:
    """The layers that a block is made of, in the order in which they are called."""
    met: dict[str, None] = {}

    class Recording:
        def __getattr__(self, name: str) -> Any:
            met[name] = None
            return getattr(layers, name)

    BLOCKS[case.formula].vjp(case.arguments, case.cotangent, **case.parameters, layers=Recording())
    return list(met)


def error_of(got: Any, right: Any) -> Array:
    """Errors in conditioned ULP: ∞ for what is not a number, 0 where there is no truth."""
    error = np.nan_to_num(right.error(np.asarray(got).astype(np.float64)), nan=np.inf)
    return np.where(np.isnan(right.truth.hi), 0, error)


def off(case: Case, known: Mapping[str, Any], allowed: float, made_of: Any = layers) -> dict[str, Any]:
    """The quantities that ours has wrong, as it has them, with these layers."""
    outputs, gradients = BLOCKS[case.formula].vjp(case.arguments, case.cotangent, **case.parameters, layers=made_of)
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
    for layer in used(case):
        if not off(case, known, allowed, SimpleNamespace(**{**vars(layers), layer: exact_layer(layer)})):
            return f"{case.name}: layer/{layer} is to blame, with its exact one every gradient is right; {cause}"
    right = ", ".join(name for name in known if name not in wrong) or "nothing"
    lost = next((way for way, q in with_one_way_cut(case) if not off(case, q, allowed)), None)
    why = f"nothing comes back on {lost}" if lost else "not the chain"
    return f"{case.name}: every layer is right, but {why}: wrong {', '.join(wrong)}; right {right}; {cause}"
