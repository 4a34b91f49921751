"""A wrong or right gradient as a question that any checker can be asked: arrays, a cotangent, and a function.

Everybody is asked at the same ordinary inputs: the plain cases of the audit, or, of a function that acts entry by
entry, normal numbers. Regimes at which difference quotients mean nothing (saturated, near a kink) are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gradproof.cases.case import as_dtype, generator
from gradproof.lookup import find
from gradproof.yours.asked import Asking, of_formula, options_of
from gradproof.yours.subject import Subject, subject_of
from oracles.calls import floating
from reference.formula import Array

SHAPE = (8, 12)  # of the inputs of a function that acts entry by entry
SPREAD = 3.0  # their standard deviation
ASKED = ("float64", "float32")
COTANGENTS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], Any]] = {
    "normal": lambda rng, shape: rng.standard_normal(shape),
    "ones": lambda rng, shape: np.ones(shape),
    "U(−1, 1)": lambda rng, shape: rng.uniform(-1, 1, shape),
    "U(0, 1)": lambda rng, shape: rng.uniform(0, 1, shape),
    "{0, …, 0.199}": lambda rng, shape: 0.001 * rng.integers(0, 200, shape),
}
BEHAVIOURS = ("inputs are not overwritten", "earlier results stay", "the same again", "leaves global state alone",
              "memory layout does not matter", "any shape")  # fmt: skip  # laws that no one pair of arrays can break


class Misshapen(Exception):
    """A gradient that is missing or has not the shape of its argument: no framework would take it."""


@dataclass(frozen=True)
class Question:
    """A subject at one case. `needed` are the arguments whose gradients are judged, by the formula's names."""

    subject: Subject
    id: str
    asking: Asking
    needed: tuple[str, ...]

    @property
    def arrays(self) -> list[Array]:
        """The arguments that are differentiated."""
        return [np.asarray(self.asking.case.arguments[name]) for name in self.needed]

    def cotangent(self, kind: str) -> dict[str, Array]:
        """A cotangent for each output, of one of the kinds in COTANGENTS."""
        case = self.asking.case
        rng = generator(case.formula, case.dtype, case.regime, case.seed, f" {kind}")
        given = case.cotangent or {}
        return {name: as_dtype(COTANGENTS[kind](rng, np.shape(v)), case.dtype) for name, v in given.items()}

    def outputs(self, arrays: Sequence[Array]) -> dict[str, Array]:
        """What the subject returns for these arrays in place of its own."""
        return self._answer(arrays, self.cotangent("ones"))[0]

    def gradients(self, arrays: Sequence[Array], v: Mapping[str, Array]) -> list[Array]:
        """What it says the gradients of ⟨v, outputs⟩ are, in the order of `needed`. Raises Misshapen."""
        found = self._answer(arrays, v)[1]
        if not self.subject.linear:  # of one number, or entry by entry
            (by,) = v.values()
            found = {name: np.asarray(g) * np.asarray(by) for name, g in found.items()}
        gradients = []
        for name, x in zip(self.needed, arrays, strict=True):
            g = found.get(self.asking.names[name])
            if g is None or np.shape(g) != np.shape(x):
                raise Misshapen(f"∂/∂{name} is {'missing' if g is None else f'of shape {np.shape(g)}'}")
            gradients.append(np.asarray(g))
        return gradients

    def _answer(self, arrays: Sequence[Array], v: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, Any]]:
        case = self.asking.case
        arguments = {**case.arguments, **dict(zip(self.needed, arrays, strict=True))}
        by = {mine: np.array(arguments[name]) for name, mine in self.asking.names.items()}
        given = {name: by.get(name) for name in self.subject.arguments}
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seeds = {name: np.array(x) for name, x in v.items()}
            found = self.subject.answer(given, seeds, options_of(self.subject, case.parameters))
        return {name: np.array(y) for name, y in found.outputs.items()}, dict(found.gradients)


def questions(entry: Any, dtype: str) -> Iterator[Question]:
    """An entry of the catalogue (`subject`, `against`, `how`) at every case that it is asked at."""
    subject = subject_of(entry.subject)
    formula, more = find(entry.against)
    parameters = {**more, **entry.how.get("parameters", {})}
    for asking in of_formula(subject, formula, dtype, parameters, {}, 0):
        case = asking.case
        if formula.elementwise:
            rng = generator(formula.id, "any", "normal", 0)  # the same numbers in every dtype
            z = as_dtype(SPREAD * rng.standard_normal(SHAPE), dtype)
            ones = {"value": as_dtype(np.ones(SHAPE), dtype)}
            case = type(case)(formula.id, dtype, "normal", 0, {"z": z}, ones, case.parameters)
        elif case.regime != "plain":
            continue
        weights = {"weight", "pos_weight"} if formula.kind == "cost" else set()
        needed = [
            name for name, x in case.arguments.items()
            if isinstance(x, np.ndarray) and floating(x) and name not in {formula.target, *weights}
        ]  # fmt: skip
        yield Question(subject, formula.id, Asking(case, asking.names), tuple(needed))


def truths(question: Question, kind: str) -> list[Array]:
    """The exact gradients, rounded once, in the order of `needed`; NaN where there is none."""
    case = question.asking.case
    given = tuple((name, np.asarray(x).tobytes(), np.shape(x)) for name, x in case.arguments.items())
    key = (question.id, case.dtype, kind, given, repr(sorted(case.parameters.items())))
    if key not in _KNOWN:
        from oracles import arb_truth

        v = question.cotangent(kind)
        found = arb_truth.pullback(question.id, case.arguments, v, dtype=case.dtype, **case.parameters)
        _KNOWN[key] = {name: np.asarray(g.truth.hi) for name, g in found[1].items()}
    return [_KNOWN[key][name] for name in question.needed]


_KNOWN: dict[Any, dict[str, Array]] = {}  # many entries are of one formula


@cache
def catalogue() -> tuple[list[Any], list[Any]]:
    """The wrong gradients and the right ones that `gradproof.check` is tested with, from `tests/wrong`."""
    from wrong import arrays, behaviours, entries, right

    return [*entries.MADE, *arrays.MADE, *behaviours.MADE], list(right.MADE)
