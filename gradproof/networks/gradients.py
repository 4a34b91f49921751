"""Our gradient of a stack of networks, and gradients in rows, as they are compared."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof.networks.configurations import PARAMETERS, Configuration
from gradproof.networks.draws import Cases
from reference.formula import Array, Formula
from reference.network import Backward, at_end, backprop

QUANTITIES = ("cost", "dW", "db")
Gradient = tuple[Array, list[Array], list[Array]]  # cost, ∂C/∂W, ∂C/∂b
Penalty = tuple[Array, list[Array]]  # R, ∂R/∂W


class Flat(NamedTuple):
    """Gradients of S cases, one row a case in float64, and where in it cost, dW and db start.

    `rows`: (S, 1 + parameters). `squares`: (S, 3), sums of squares of cost, dW and db.
    """

    rows: Array
    starts: list[int]
    squares: Array

    @property
    def norm(self) -> Array:
        """‖(dW, db)‖ of every case, (S,)."""
        return np.sqrt(self.squares[:, 1:].sum(1))


def flat(g: Gradient) -> Flat:
    """Cost, every ∂C/∂W and every ∂C/∂b of S cases, in rows."""
    rows = np.concatenate([np.asarray(q, np.float64).reshape(len(q), -1) for q in (g[0], *g[1], *g[2])], axis=1)
    starts = [0, 1, 1 + sum(w[0].size for w in g[1])]
    return Flat(rows, starts, np.add.reduceat(rows * rows, starts, axis=1))


def picked(g: Backward, here: Array) -> Backward:
    """The gradients of the cases `here`, a mask or indices."""
    lists = ([q[here] for q in each] for each in g[1:])
    return Backward(g.cost[here], *lists)


def bound(f: Formula) -> Callable[..., Any]:
    """The function of `f` with the audit's parameters; a cost as (a, y) ↦ (C, ∂C/∂a), a label where y has its 1."""
    function = functools.partial(f.function, **PARAMETERS.get(f.id, {}))
    if f.kind != "cost":
        return function
    return lambda a, y: at_end(function, a, y.argmax(-1) if f.target == "labels" else y)


def in_blocks(penalties: Sequence[Callable[..., Any]]) -> Callable[..., Any]:
    """One regularizer for each of as many equal blocks of the first axis of every W[l]."""

    def regularizer(W: Sequence[Array]) -> Penalty:
        return joined(f(block) for f, block in zip(penalties, blocks(W, len(penalties)), strict=True))

    return regularizer if len(penalties) > 1 else penalties[0]


def blocks(arrays: Sequence[Array], count: int) -> list[list[Array]]:
    """As many equal blocks of the first axis, each of all arrays."""
    size = len(arrays[0]) // count
    return [[q[k : k + size] for q in arrays] for k in range(0, len(arrays[0]), size)]


def joined(penalties: Iterable[Penalty]) -> Penalty:
    """Penalties of blocks as those of all cases."""
    R, dR = zip(*penalties, strict=True)
    return np.concatenate(R), [np.concatenate(q) for q in zip(*dR, strict=True)]


def functions(*stack: Configuration) -> tuple[Callable[..., Any], ...]:
    """Hidden activation, output activation, cost and regularizer of a stack of configurations, with their parameters.

    They differ in the regularizer, and each has its block of cases.
    """
    return *map(bound, stack[0].formulas[:3]), in_blocks([bound(c.formulas[3]) for c in stack])


def gradient(c: Configuration, cases: Cases, choice: Sequence[Callable[..., Any]] | None = None) -> Backward:
    """Our gradient of all cases of `c`; `choice` replaces its four functions."""
    hidden, output, cost, regularizer = choice or functions(c)
    layers = [hidden] * (len(cases.W) - 1) + [output]
    return backprop(cases.x, cases.y, cases.W, cases.b, layers, cost, regularizer)
