"""What a wrong step of an update rule may be instead: each is the right step from another state, with another
hyperparameter, or of another rule.

A moving average βm + (1 − β)x becomes any other number if it starts from another m. So what was done to an average is
said as the m that it would have come from.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from gradproof.yours.hypotheses import Hypothesis, Seen, right_of
from reference import CATALOGUE
from reference.formula import Array

LONG = 2**40  # steps after which 1 − βᵗ is 1
SHARES = {"m": ("beta1", "rho"), "v": ("beta2", "rho"), "s": ("rho",)}  # by which an accumulator is averaged
Change = Callable[["State"], tuple[Mapping[str, Array], Mapping[str, Any]]]  # to other arguments and hyperparameters


class State:
    """The arrays of a case in float64, accumulators at 0 where they are not given, and every hyperparameter."""

    def __init__(self, s: Seen) -> None:
        formula = s.standard.formula
        assert formula is not None
        taken = inspect.signature(formula.function).parameters.values()
        given = {name: np.asarray(x).astype(np.float64) for name, x in s.case.arguments.items()}
        self.h = {p.name: p.default for p in taken if p.kind is p.KEYWORD_ONLY} | {"t": 1} | dict(s.case.parameters)
        self.w, self.g = given["w"], given["dC"]
        letters = [argument.split("[")[0] for argument in formula.arguments]
        names = [name for name in letters if name not in ("w", "dC", "t", "P")]
        self.kept = {name: given.get(name, np.zeros_like(self.w)) for name in names}

    def share(self, name: str) -> float:
        """The β of the average `name`; 1 where it is a sum."""
        return next((float(self.h[share]) for share in SHARES.get(name, ()) if share in self.h), 1.0)

    def new(self, name: str) -> Array:
        """What is averaged anew."""
        square = {"m": self.g, "s": (self.g - self.kept.get("m", 0.0)) ** 2 * self.share("s")}
        return np.asarray(square.get(name, self.g**2))

    def after(self, name: str) -> Array:
        """The average after the step."""
        beta = self.share(name)
        return np.asarray(beta * self.kept[name] + (1 - beta if beta < 1 else 1.0) * self.new(name))

    def to(self, name: str, after: Array) -> dict[str, Array]:
        """The accumulator from which this step would lead to `after`."""
        beta = self.share(name)
        return {name: (after - (1 - beta if beta < 1 else 1.0) * self.new(name)) / beta}

    def weight(self, name: str) -> float:
        """1 − βᵗ where the average is corrected by it, else 1."""
        corrected = "t" in self.corrected
        return 1 - self.share(name) ** self.h["t"] if corrected else 1.0

    @property
    def corrected(self) -> tuple[str, ...]:
        """("t",) where biases are corrected."""
        return ("t",) if "beta1" in self.h and "eps" in self.h and self.h.get("bias_correction", True) else ()


def of_steps(s: Seen) -> Iterator[Hypothesis]:
    """What is done wrong in a step, in words, and the numbers that it leads to."""
    state = State(s)
    if s.quantity in state.kept:
        yield f"{s.quantity} is not renewed", lambda s: State(s).kept[s.quantity]
    if s.quantity == "w":
        yield "the sign of the step is wrong: it goes uphill", lambda s: 2 * State(s).w - s.truth
        yield "w stays as it is", lambda s: State(s).w
    for words, change in _changes(state):
        yield words, lambda s, change=change: _changed(s, change)  # type: ignore[misc]
    yield from _other_rules(s)


def _changed(s: Seen, change: Change) -> Any:
    arguments, hyperparameters = change(State(s))
    return s.right(arguments, None, **hyperparameters)


def _changes(state: State) -> Iterator[tuple[str, Change]]:
    h, kept = state.h, state.kept
    second = next((name for name in ("v", "s", "G") if name in kept), "")
    if state.corrected:
        yield from _of_corrections(second)
    if "lam" in h and "n" not in h:
        yield "the weight decay goes into the gradient", lambda q: ({"dC": q.g + q.h["lam"] * q.w}, {"lam": 0.0})
        yield "the weight decay is left out", lambda q: ({}, {"lam": 0.0})
        yield "the weight decay is not multiplied by η", lambda q: ({}, {"lam": q.h["lam"] / q.h["eta"]})
    for name in ("m", "v"):
        if name in kept and state.share(name) < 1:
            beta = next(share for share in SHARES[name] if share in h)
            yield f"the factor 1 − {beta} is missing in {name}", functools.partial(_whole, name=name)
            yield f"{beta} and 1 − {beta} are exchanged", functools.partial(_exchanged, beta=beta)
    for name in kept:
        if name in SHARES:
            yield f"the step is taken with {name} as it was before it", functools.partial(_before, name=name)
    if {"beta1", "beta2"} <= h.keys():
        yield "beta1 and beta2 are exchanged", lambda q: ({}, {"beta1": q.h["beta2"], "beta2": q.h["beta1"]})
    if "eps" in h and second:
        yield "ε is left out", lambda q: ({}, {"eps": 0.0})
        yield (
            "ε is added inside the root",
            lambda q: (q.to(second, q.after(second) + q.h["eps"] * q.weight(second)), {"eps": 0.0}),
        )
        yield (
            "ε is added inside the root, before the bias is corrected",
            lambda q: (q.to(second, q.after(second) + q.h["eps"]), {"eps": 0.0}),
        )
        yield (
            "ε is added before the bias is corrected",
            lambda q: ({}, {"eps": q.h["eps"] / np.sqrt(q.weight(second))}),
        )
    if second:
        yield (
            "the root of the second moment is missing",
            lambda q: (q.to(second, q.after(second) ** 2 / q.weight(second)), {}),
        )
        yield (
            "the gradient is not squared in the second moment",
            lambda q: (q.to(second, q.after(second) + (1 - q.share(second) or 1.0) * (q.g - q.new(second))), {}),
        )


def _whole(q: State, name: str) -> tuple[Mapping[str, Array], Mapping[str, Any]]:
    return q.to(name, q.share(name) * q.kept[name] + q.new(name)), {}


def _exchanged(q: State, beta: str) -> tuple[Mapping[str, Array], Mapping[str, Any]]:
    return {}, {beta: 1 - q.h[beta]}


def _before(q: State, name: str) -> tuple[Mapping[str, Array], Mapping[str, Any]]:
    return q.to(name, q.kept[name]), {}


def _of_corrections(second: str) -> Iterator[tuple[str, Change]]:
    yield "the bias correction is missing", lambda q: ({}, {"t": LONG})
    if second:
        yield (
            "the bias correction of m is missing",
            lambda q: (q.to(second, q.after(second) / q.weight(second)), {"t": LONG}),
        )
        yield (
            f"the bias correction of {second} is missing",
            lambda q: (q.to("m", q.after("m") / q.weight("m")), {"t": LONG}),
        )
    yield "the bias is corrected for t − 1 steps: t counts from 0", lambda q: ({}, {"t": max(q.h["t"] - 1, 1)})
    yield "the bias is corrected for t + 1 steps", lambda q: ({}, {"t": q.h["t"] + 1})


def _other_rules(s: Seen) -> Iterator[Hypothesis]:
    mine = s.standard.formula
    for other in CATALOGUE.values():
        if other.is_step and mine is not None and other.id != mine.id:
            yield f"it is the step of {other.id}", lambda s, other=other: right_of(s, other)  # type: ignore[misc]
