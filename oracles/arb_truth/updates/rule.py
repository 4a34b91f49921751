"""What every definition of a step shares: how it is entered, what is checked, and averages, roots and signs.

Every definition takes the parameter w, its gradient dC, and the accumulators as they stand before step number t, at
their start unless given. It returns what they are after it, under the same names. Hyperparameters are exact numbers:
1 − βᵗ is that of the float β.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import entrywise, largest
from oracles.arb_truth.numbers import Array, Ball, Imprecise, Scalar, ball, shown

Step = dict[str, Any]  # outputs by name
Kept = Any  # an accumulator: an array, or its start
Shape = tuple[int, ...]
Definition = Callable[..., Step]

UPDATES: dict[str, Forward] = {}
SHAPES: dict[str, Mapping[str, Callable[[Shape], Shape]]] = {}  # of accumulators, where not that of w, given that
MEETING: set[str] = set()  # rules in which an entry is made of other entries too
POSITIVE = ("eta", "lam", "eps", "initial", "gamma", "smallest")
SHARES = ("mu", "rho", "beta1", "beta2", "beta3")


def one(shape: Shape) -> Shape:
    """One number for the whole array, with its axes."""
    return (1,) * len(shape)


def rule(
    requires: str = "",
    *,
    shapes: Mapping[str, Callable[[Shape], Shape]] | None = None,
    meets: bool = False,
    by_norm: bool = False,
    **hyperparameters: Any,
) -> Callable[[Definition], Definition]:
    """Enter a definition as update/NAME: its hyperparameters with their defaults, and a further condition on them.

    `shapes` gives the shapes of accumulators that are not of that of w. In a rule that `meets`, an entry is made of
    all entries of what goes in.
    """
    signs = [f"{name} >= 0" for name in hyperparameters if name in POSITIVE]
    shares = [f"0 <= {name} < 1" for name in hyperparameters if name in SHARES]
    conditions = " and ".join(["t >= 1", *signs, *shares, *filter(None, [requires])])

    def enter(function: Definition) -> Definition:
        given = {**hyperparameters, "t": 1}
        id = f"update/{function.__name__}"
        UPDATES[id], SHAPES[id] = Forward(function, given, conditions, by_norm), shapes or {}
        if meets:
            MEETING.add(id)
        return function

    return enter


def check_step(id: str, shapes: Mapping[str, Shape], t: Any) -> None:
    """Raise TypeError where w, dC or an integer t is lacking, ValueError where an array has another shape than it."""
    for name in ("w", "dC"):
        if name not in shapes:
            raise TypeError(f"{id} needs {name}, a float array")
    if isinstance(t, bool) or not isinstance(t, (int, np.integer)):
        raise TypeError(f"{id}: t = {t!r}; need the number of the step, an integer from 1 on")
    for name, shape in shapes.items():
        right = SHAPES[id][name](shapes["w"]) if name in SHAPES[id] else shapes["w"]
        if shape != right:
            raise ValueError(f"{id}: {name} has shape {shape}, not {right}{' as w' if right == shapes['w'] else ''}")


# ---------------------------------------------------------------- what steps are made of


def average(beta: Ball, old: Array, new: Array) -> Array:
    """The moving average βm + (1 − β)x."""
    return beta * old + (1 - beta) * new


def unbiased(beta: Ball, average: Array, t: int) -> Array:
    """The average over 1 − βᵗ, the sum of its weights."""
    return average / (1 - beta**t)


@entrywise
def root(u: Scalar) -> Scalar:
    """√u, which is not decided where u may be on either side of 0. At 0 itself its slope is counted as 0."""
    x = ball(u)
    if x.is_zero():
        return arb(0)
    if x.contains(0) and x.is_finite():
        raise Imprecise(f"{shown(x)} is not told from 0, under a root")
    return u.sqrt()


@entrywise
def larger(p: Scalar, q: Scalar) -> Scalar:
    """max(p, q)."""
    return largest([p, q]) if ball(p).is_finite() and ball(q).is_finite() else arb.nan()


@entrywise
def over(p: Scalar, q: Scalar) -> Scalar:
    """p/q, which is no number where q is 0."""
    return arb.nan() if ball(q).is_zero() else p / q


@entrywise
def sign(u: Scalar) -> Scalar:
    """−1, 0 or 1: constant around every u but 0, where it jumps."""
    x = ball(u)
    if x.contains(0) and not x.is_zero() and x.is_finite():
        raise Imprecise(f"the sign of {shown(x)} is not decided")
    return arb(1 if x > 0 else -1 if x < 0 else 0) if x.is_finite() else arb.nan()
