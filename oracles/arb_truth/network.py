"""The true gradient of a dense network: balls around the cost and every ∂C/∂W, ∂C/∂b, rounded outwards to floats.

The network and its cost are written once, forward only, over numbers. Two machines differentiate it, and
neither knows the equations of backpropagation: a reverse tape over balls (`oracles.arb_tape`), and forward mode,
one pass over power series for each parameter, whose balls must overlap those of the tape. Inputs are exact:
every float counts as the number that it is. The precision is doubled until all balls are thin.

At a kink, where the pre-activation (or a − y, or a weight) lies on the breakpoint exactly, the slope is the hull
of both sides, so that the balls enclose the gradient of every convention.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series

from oracles.arb_truth.definition import ELEMENTWISE, VECTOR, Ball, Number, bind, bind_vector, lookup, working
from oracles.arb_truth.ends import COSTS, ENDINGS, REGULARIZERS, Matrix, bind_term
from oracles.arb_truth.ends import Undefined as Undefined
from oracles.arb_truth.matrices import PENALTIES
from oracles.arb_truth.tape import Imprecise, Node, backward, elementwise, products

Array = npt.NDArray[Any]
Parameters = Mapping[str, Mapping[str, float]]

START, MAXIMUM = 128, 8192  # bits
RELATIVE_BITS = 60  # a ball is thin when its radius is below 2^-60 of its midpoint …
TINY = arb(2) ** -1100  # … or below this, far under the least subnormal of float64


class Undecided(ArithmeticError):
    """The greatest precision did not decide a branch or did not make a ball thin; the message says where."""


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

Program = Callable[[list[Matrix], list[list[Number]]], Number]
RowFunction = Callable[[list[Number]], list[Number]]


def program(
    x: Array, y: Array, hidden: str, output: str, cost: str, regularizer: str, parameters: Parameters
) -> Program:
    """The regularized cost as a function of W and b alone."""
    rows, targets = _exact(x), _exact(y)
    activations = {id: _row_function(id, parameters.get(id, {})) for id in (hidden, output)}
    error = bind_term(cost, {**COSTS, **ENDINGS}, parameters.get(cost, {}))
    penalty = _penalty(regularizer, parameters.get(regularizer, {}))

    def evaluate(W: list[Matrix], b: list[list[Number]]) -> Number:
        a = rows
        for l, (w, c) in enumerate(zip(W, b, strict=True), 1):
            g = activations[hidden if l < len(W) else output]
            z, a = products(w, a, c), []
            for example, row in enumerate(z):
                try:
                    a.append(g(row))
                except Imprecise as obstacle:
                    raise Imprecise(f"layer {l}, example {example}, {obstacle}") from obstacle
        return error(a, targets) + penalty(W)

    return evaluate


def _penalty(regularizer: str, parameters: Mapping[str, float]) -> Callable[[list[Matrix]], Number]:
    """A regularizer as a function of all matrices: one of every weight, or a sum over matrices."""
    penalty = bind_term(regularizer, {**REGULARIZERS, **PENALTIES}, parameters)
    if regularizer in PENALTIES:
        return lambda W: sum(penalty(w) for w in W)
    return lambda W: penalty([v for w in W for unit in w for v in unit])


def _row_function(id: str, parameters: Mapping[str, float]) -> RowFunction:
    if id in VECTOR:
        return bind_vector(id, **parameters)
    g = bind(id, **parameters)

    def row_function(z: list[Number]) -> list[Number]:
        a = []
        for unit, z_j in enumerate(z):
            try:
                a.append(elementwise(g, z_j))
            except Imprecise as error:
                raise Imprecise(f"unit {unit}: {error}") from error
        return a

    return row_function


def _exact(matrix: Array) -> list[list[Ball]]:
    return [[arb(v) for v in row] for row in matrix.tolist()]


# ---------------------------------------------------------------- its gradient, by two machines


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
        cost = Node(arb(cost))
    backward(cost)
    return Balls(cost.value, [p.cotangent for p in leaves], [p.hull for p in leaves])


def forward_mode(f: Program, W: Sequence[Array], b: Sequence[Array]) -> list[Ball]:
    """∂C/∂p by one pass over power series for each parameter p. Raises Imprecise or Undefined."""
    values = flatten(W, b)
    constants = [arb_series([p]) for p in values]
    gradient = []
    for k, p in enumerate(values):
        cost = f(*unflatten([*constants[:k], arb_series([p, 1]), *constants[k + 1 :]], W))
        gradient.append(cost[1] if isinstance(cost, arb_series) else arb(0))
    return gradient


def flatten(W: Sequence[Array], b: Sequence[Array]) -> list[Ball]:
    """All parameters as exact balls: W[0] row by row, W[1], …, b[0], b[1], …"""
    return [arb(p) for array in (*W, *b) for p in array.ravel().tolist()]


def unflatten(flat: Sequence[Number], W: Sequence[Array]) -> tuple[list[Matrix], list[list[Number]]]:
    """The inverse of `flatten`, as nested lists W[l][j][k] and b[l][j]."""
    rest = iter(flat)
    matrices = [[list(itertools.islice(rest, w.shape[1])) for _ in w] for w in W]
    return matrices, [list(itertools.islice(rest, len(w))) for w in W]


# ---------------------------------------------------------------- the truth


def truth(
    x: Array,
    y: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str = "regularizer/none",
    *,
    parameters: Parameters | None = None,
    precision: int = START,
    max_precision: int = MAXIMUM,
) -> NetworkTruth:
    """Enclose the cost and its gradient for n examples x (n, d_in) with targets y (n, d), rows of numbers.

    W[l] is (d_out, d_in), b[l] is (d_out,), float32 or float64, taken as exact. `hidden` is the activation of
    every layer but the last, `output` that of the last; `parameters` maps a formula id to its parameters, the
    rest keep their defaults. Balls are thin, below 2^-60 of themselves, so that lower and upper are neighbouring
    floats, or the neighbours of one, except where a kink is met exactly: there they enclose every choice of slope
    (and up to 10^-7 of that range more, since a radius has 30 bits).

    Raises Undefined where the cost does not exist; Undecided where `max_precision` bits do not settle a branch or
    a ball, saying which; KeyError for an unknown id, naming the nearest; TypeError or ValueError for a parameter,
    dtype or shape that does not fit.
    """
    parameters = {} if parameters is None else parameters
    for id in parameters:
        lookup(id, {**ELEMENTWISE, **VECTOR, **COSTS, **ENDINGS, **REGULARIZERS, **PENALTIES})
    check_arrays(x, y, W, b)
    return enclose(program(x, y, hidden, output, cost, regularizer, parameters), W, b, precision, max_precision)


def penalty_truth(W: Sequence[Array], regularizer: str, *, parameters: Parameters | None = None) -> NetworkTruth:
    """Enclose a regularizer alone and its gradient; the rest of the cost is 0. Raises as `truth` does."""
    penalty = _penalty(regularizer, (parameters or {}).get(regularizer, {}))
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
        return f"the cost is only known as {balls.cost}"
    for k, (ball, hull) in enumerate(zip(balls.gradient, balls.hull, strict=True)):
        if not (thin(ball) or (hull and ball.is_finite())):
            return f"∂C/∂{parameter_name(k, W)} is only known as {ball}"
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
