"""The true gradient of a dense network: balls around the cost and every ∂C/∂W, ∂C/∂b, rounded outwards to floats.

The network and its cost are written once, forward only, over numbers, and the tape over balls differentiates them: it
does not know the equations of backpropagation. Inputs are exact: every float counts as the number that it is. The
precision is doubled until all balls are thin.

At a kink, where the pre-activation (or a − y, or a weight) lies on the breakpoint exactly, the slope is the hull
of both sides, so that the balls enclose the gradient of every convention.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from flint import arb

from oracles.arb_truth.activations import ELEMENTWISE, VECTOR, bind, bind_vector
from oracles.arb_truth.costs import COSTS
from oracles.arb_truth.definition import Forward, check_parameters, lookup
from oracles.arb_truth.functions import elementwise
from oracles.arb_truth.numbers import (
    Array,
    Ball,
    Imprecise,
    Scalar,
    Undecided,
    Undefined,
    ball,
    objects,
    shown,
    working,
)
from oracles.arb_truth.regularizers import REGULARIZERS
from oracles.arb_truth.tape import Node, backward, obstacle, products

Parameters = Mapping[str, Mapping[str, Any]]

START, MAXIMUM = 128, 8192  # bits
RELATIVE_BITS = 60  # a ball is thin when its radius is below 2^-60 of its midpoint …
TINY = arb(2) ** -1100  # … or below this, far under the least subnormal of float64


class Enclosure(NamedTuple):
    """lower ≤ truth ≤ upper, float64 arrays of the shape of the quantity; within 2 ULP unless a kink is met."""

    lower: Array
    upper: Array


@dataclass(frozen=True)
class NetworkTruth:
    """Lower and upper ends of the cost, every ∂C/∂W and every ∂C/∂b, in a row of float64 each: (1 + parameters,)."""

    lower: Array
    upper: Array
    shapes: list[tuple[int, ...]]  # of W[0], W[1], …, b[0], b[1], …
    precision: int  # bits used
    kinks: int  # entries of dW and db that were reached through a kink, and may be wide

    @property
    def cost(self) -> Enclosure:
        """Of the cost, 0-d."""
        return Enclosure(self.lower[0], self.upper[0])

    @property
    def dW(self) -> list[Enclosure]:
        """Of the gradient in every W[l], (d_out, d_in)."""
        return self._parts()[: len(self.shapes) // 2]

    @property
    def db(self) -> list[Enclosure]:
        """Of the gradient in every b[l], (d_out,)."""
        return self._parts()[len(self.shapes) // 2 :]

    def _parts(self) -> list[Enclosure]:
        ends = itertools.accumulate(map(math.prod, self.shapes), initial=1)
        return [
            Enclosure(self.lower[i:j].reshape(shape), self.upper[i:j].reshape(shape))
            for shape, (i, j) in zip(self.shapes, itertools.pairwise(ends), strict=True)
        ]


# ---------------------------------------------------------------- the network, forward

Program = Callable[[list[Array], list[Array]], Scalar]  # of object arrays W[l] and b[l]
RowFunction = Callable[[list[Scalar]], Any]


def program(
    x: Array,
    y: Array,
    hidden: str,
    output: str,
    cost: str,
    regularizer: str,
    parameters: Parameters,
    ends: tuple[str, str] = ("a", "y"),
) -> Program:
    """The regularized cost as a function of W and b alone."""
    rows = [[arb(v) for v in row] for row in x.tolist()]
    activations = {id: _row_function(id, parameters.get(id, {})) for id in (hidden, output)}
    error = _bind(cost, COSTS, parameters)
    penalty = _penalty(regularizer, parameters)
    targets = y.argmax(-1).astype(object) if ends[1] == "labels" else objects([[arb(v) for v in r] for r in y.tolist()])

    def evaluate(W: list[Array], b: list[Array]) -> Scalar:
        a: Any = rows
        for l, (w, c) in enumerate(zip(W, b, strict=True), 1):
            g = activations[hidden if l < len(W) else output]
            z, a = products(w, a, c), []
            for example, row in enumerate(z):
                try:
                    a.append(g(row))
                except Imprecise as obstacle:
                    raise Imprecise(f"layer {l}, example {example}, {obstacle}") from obstacle
        C = error(**{ends[0]: objects([list(row) for row in a]), ends[1]: targets})
        return np.asarray(C, object).item() + penalty(W)

    return evaluate


def _bind(id: str, table: Mapping[str, Forward], parameters: Parameters) -> Callable[..., Any]:
    forward: Forward = lookup(id, table)
    given = check_parameters(id, forward.parameters, forward.requires, parameters.get(id, {}))
    return functools.partial(forward.function, **given)


def _penalty(regularizer: str, parameters: Parameters) -> Callable[[list[Array]], Scalar]:
    """A regularizer as the sum over all matrices."""
    penalty = _bind(regularizer, REGULARIZERS, parameters)
    return lambda W: sum(penalty(w=w) for w in W)


def _row_function(id: str, parameters: Mapping[str, Any]) -> RowFunction:
    if id in VECTOR:
        vector = bind_vector(id, **parameters)
        return lambda z: vector(objects(z))
    g = bind(id, **parameters)

    def row_function(z: list[Scalar]) -> list[Scalar]:
        a = []
        for unit, z_j in enumerate(z):
            try:
                a.append(elementwise(g, z_j))
            except Imprecise as error:
                raise Imprecise(f"unit {unit}: {error}") from error
        return a

    return row_function


# ---------------------------------------------------------------- its gradient


class Balls(NamedTuple):
    """Balls around the cost and ∂C/∂p for every parameter p, in the order of `flatten`."""

    cost: Ball
    gradient: list[Ball]
    hull: list[bool]  # reached through a kink: encloses every convention, and stays wide at any precision


def reverse_mode(f: Program, W: Sequence[Array], b: Sequence[Array]) -> Balls:
    """One backward pass of the tape, at the precision of the moment. Raises Imprecise or Undefined."""
    leaves = [Node(p) for p in flatten(W, b)]
    cost = f(*unflatten(leaves, W))
    if not isinstance(cost, Node):  # no parameter entered, as under targets that are all zero
        cost = Node(ball(cost))
    if reason := obstacle(cost):
        raise Undefined(f"the cost does not exist: {reason}")
    backward(cost)
    for k, p in enumerate(leaves):
        if p.hull and not p.cotangent.is_finite():
            raise Undefined(f"∂C/∂{parameter_name(k, W)} does not exist: it is reached through what has no slope")
    return Balls(cost.value, [p.cotangent for p in leaves], [p.hull for p in leaves])


def flatten(W: Sequence[Array], b: Sequence[Array]) -> list[Ball]:
    """All parameters as exact balls: W[0] row by row, W[1], …, b[0], b[1], …"""
    return [arb(p) for array in (*W, *b) for p in array.ravel().tolist()]


def unflatten(flat: Sequence[Scalar], W: Sequence[Array]) -> tuple[list[Array], list[Array]]:
    """The inverse of `flatten`, as object arrays W[l][j, k] and b[l][j]."""
    rest = iter(flat)
    matrices = [np.fromiter(rest, object, w.size).reshape(w.shape) for w in W]
    return matrices, [np.fromiter(rest, object, len(w)) for w in W]


# ---------------------------------------------------------------- the truth


def network(
    x: Array,
    y: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str = "regularizer/none",
    parameters: Parameters | None = None,
    ends: tuple[str, str] = ("a", "y"),
    *,
    precision: int = START,
    max_precision: int = MAXIMUM,
) -> NetworkTruth:
    """Enclose the cost and its gradient for n examples x (n, d_in) with targets y (n, d), rows of numbers.

    W[l] is (d_out, d_in), b[l] is (d_out,), float32 or float64, taken as exact. `hidden` is the activation of
    every layer but the last, `output` that of the last; `parameters` maps a formula id to its parameters, the
    reduction of the cost among them, the rest keep their defaults. `ends` names the arguments of the cost that take
    the outputs and the targets; "labels" are where the rows of y have their 1.

    Balls are thin, below 2^-60 of themselves, so that lower and upper are neighbouring floats, or the neighbours of
    one, except where a kink is met exactly: there they enclose every choice of slope (and up to 10^-7 of that range
    more, since a radius has 30 bits).

    Raises Undefined where the cost does not exist; Undecided where `max_precision` bits do not settle a branch or
    a ball, saying which; KeyError for an unknown id, naming the nearest; TypeError or ValueError for a parameter,
    dtype or shape that does not fit.
    """
    parameters = {} if parameters is None else parameters
    known = {**ELEMENTWISE, **VECTOR, **COSTS, **REGULARIZERS}
    for id in parameters:
        lookup(id, known)
    check_arrays(x, y, W, b)
    return enclose(program(x, y, hidden, output, cost, regularizer, parameters, ends), W, b, precision, max_precision)


def penalty(W: Sequence[Array], regularizer: str, parameters: Parameters | None = None) -> NetworkTruth:
    """Enclose a regularizer alone and its gradient; the rest of the cost is 0. Raises as `network` does."""
    penalty = _penalty(regularizer, parameters or {})
    return enclose(lambda W, b: penalty(W), W, [np.zeros(len(w)) for w in W])


def enclose(
    f: Program, W: Sequence[Array], b: Sequence[Array], precision: int = START, max_precision: int = MAXIMUM
) -> NetworkTruth:
    """Value and gradient of `f` at W and b, the precision doubled until every ball is thin."""
    while True:
        with working(precision, 2):
            try:
                balls = reverse_mode(f, W, b)
                obstacle = _too_wide(balls, W)
            except Imprecise as error:
                obstacle = str(error)
            if not obstacle:
                lower, upper = map(np.array, zip(*map(outwards, (balls.cost, *balls.gradient)), strict=True))
                return NetworkTruth(lower, upper, [p.shape for p in (*W, *b)], precision, sum(balls.hull))
        if 2 * precision > max_precision:
            raise Undecided(f"{obstacle}, at {precision} bits; raise max_precision or move the input off the kink")
        precision *= 2


def check_arrays(x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> None:
    """Raise TypeError or ValueError naming the first array that does not fit."""
    named = {"x": x, "y": y, **{f"W[{l}]": w for l, w in enumerate(W)}, **{f"b[{l}]": c for l, c in enumerate(b)}}
    for name, array in named.items():
        if not isinstance(array, np.ndarray) or array.dtype not in (np.float32, np.float64):
            kind = array.dtype if isinstance(array, np.ndarray) else type(array).__name__
            raise TypeError(f"{name} is {kind}; pass a float32 or float64 array")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds {array[~np.isfinite(array)][0]}; the truth needs finite numbers")
    if not len(W) == len(b) > 0:
        raise ValueError(f"{len(W)} weights and {len(b)} biases: one each per layer, at least one layer")
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected (n examples, d_in), both at least 1")
    below = x.shape[1]
    for l, (w, c) in enumerate(zip(W, b, strict=True)):
        if w.ndim != 2 or 0 in w.shape or w.shape[1] != below:
            raise ValueError(f"W[{l}] has shape {w.shape}; expected (d_out, {below}), since layer {l + 1} gets {below}")
        if c.shape != w.shape[:1]:
            raise ValueError(f"b[{l}] has shape {c.shape}; expected {w.shape[:1]}, since W[{l}] has shape {w.shape}")
        below = w.shape[0]
    if y.shape != (x.shape[0], below):
        raise ValueError(f"y has shape {y.shape}; expected {(x.shape[0], below)}, one row per example")


def thin(ball: Ball) -> bool:
    """True where the ball is known to `RELATIVE_BITS` bits, or to better than any float64 can tell from zero."""
    return bool(ball.is_finite() and (ball.rel_accuracy_bits() >= RELATIVE_BITS or ball.rad() < TINY))


def _too_wide(balls: Balls, W: Sequence[Array]) -> str:
    """What is not thin and not excused by a kink; nothing if all is well."""
    if not thin(balls.cost):
        return f"the cost is only known as {shown(balls.cost)}"
    for k, (slope, hull) in enumerate(zip(balls.gradient, balls.hull, strict=True)):
        if not (thin(slope) or (hull and slope.is_finite())):
            return f"∂C/∂{parameter_name(k, W)} is only known as {shown(slope)}"
    return ""


def parameter_name(k: int, W: Sequence[Array]) -> str:
    """How the k-th parameter of `flatten` is indexed: W[l][j, i] or b[l][j]."""
    for l, w in enumerate(W):
        if k < w.size:
            return f"W[{l}][{k // w.shape[1]}, {k % w.shape[1]}]"
        k -= w.size
    for l, w in enumerate(W):
        if k < len(w):
            return f"b[{l}][{k}]"
        k -= len(w)
    raise IndexError(f"there are {k} parameters too few")


def outwards(ball: Ball) -> tuple[float, float]:
    """The greatest float64 below the ball and the least above it; equal where the ball is one float."""
    if ball.is_zero():
        return 0.0, 0.0
    if ball.rel_accuracy_bits() >= RELATIVE_BITS:  # the ball ends before the floats next to that of its midpoint
        near = float(ball)
        if ball > near:
            return near, math.nextafter(near, math.inf)
        if ball < near:
            return math.nextafter(near, -math.inf), near
    lower, upper = ball.lower(), ball.upper()
    low, high = float(lower), float(upper)
    if arb(low) > lower:
        low = math.nextafter(low, -math.inf)
    if arb(high) < upper:
        high = math.nextafter(high, math.inf)
    return low, high
