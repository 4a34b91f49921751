"""A reverse tape: numbers that remember how they were made.

It knows sums, products, quotients and functions of one or several numbers, whose local derivatives come from the power
series of their definitions. A sum, and one of products or absolute values, is one entry of the tape however long it is.
Nothing here knows what a network is.

What the tape computes with are balls, or jets: over jets, the way back gives the slopes of slopes, each row of the
matrix of second derivatives, in one pass. At a kink that is met exactly, a partial encloses the slopes of both sides,
and what lies behind it is marked.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from flint import arb

from oracles.arb_truth import series
from oracles.arb_truth.definition import Bound, choose
from oracles.arb_truth.jets import Jet
from oracles.arb_truth.numbers import CONSTANT, Ball, Number, Scalar, Series, ball, shown
from oracles.arb_truth.series import is_wide

Value = Any  # a ball or a jet
Matrix = Any  # rows of scalars: lists, or an object array

_clock = itertools.count()
ZERO, ONE, MINUS_ONE = arb(0), arb(1), arb(-1)
JUMP = "a jump"  # how reasons begin of what is torn by one: 0 times its slope is not 0


class Node(Number):
    """A value, the nodes it was computed from, and the partial derivative with respect to each of them."""

    __slots__ = ("cotangent", "hull", "parents", "partials", "serial", "torn", "value")

    def __init__(self, value: Value, parents: Sequence[Any] = (), partials: Sequence[Any] = (), torn: str = ""):
        self.value, self.parents, self.partials = value, parents, partials
        self.torn = torn  # why there is no derivative here: wide partials enclose those around, NaN is none at all
        self.serial = next(_clock)
        self.cotangent: Value = ZERO
        self.hull = False  # the cotangent came through a kink: it encloses every convention, and stays wide

    @property
    def ball(self) -> Ball:
        """The value as a ball."""
        return _ball(self.value)

    def __add__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value + other.value, (self, other), (ONE, ONE))
        return Node(self.value + other, (self,), (ONE,)) if isinstance(other, CONSTANT) else NotImplemented

    def __mul__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value * other.value, (self, other), (other.value, self.value))
        return Node(self.value * other, (self,), (other,)) if isinstance(other, CONSTANT) else NotImplemented

    def __truediv__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return self * other.reciprocal()
        if isinstance(other, CONSTANT):
            return Node(self.value / other, (self,), (1 / arb(other),))
        return NotImplemented

    def __neg__(self) -> Node:
        return Node(-self.value, (self,), (MINUS_ONE,))

    def __sub__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value - other.value, (self, other), (ONE, MINUS_ONE))
        return Node(self.value - other, (self,), (ONE,)) if isinstance(other, CONSTANT) else NotImplemented

    def __rsub__(self, other: Any) -> Node:
        return Node(other - self.value, (self,), (MINUS_ONE,)) if isinstance(other, CONSTANT) else NotImplemented

    def derivatives(self, function: Callable[[Series], Series], count: int) -> list[Node]:
        """f, f′, … of this node, `count` of them; the local derivative of each is the next.

        Raises Imprecise where the function divides by what may be zero.
        """
        f = _derivatives(function, self.value, count + 1)
        return [Node(f[k], (self,), (f[k + 1],)) for k in range(count)]

    def apply(self, function: Callable[[Series], Series]) -> Node:
        """`function` of this node; raises as `derivatives`."""
        value, slope = _derivatives(function, self.value, 2)
        return Node(value, (self,), (slope,))

    def reciprocal(self) -> Node:
        """One over this node; torn at 0."""
        return self._torn(arb.nan(), "a division by 0") if self.ball.is_zero() else super().reciprocal()

    def log(self) -> Node:
        """Natural logarithm; torn where the node is provably not positive."""
        if self.ball <= 0:
            return self._torn(arb.nan(), f"the logarithm of {shown(self.ball)}")
        return super().log()

    def sqrt(self) -> Node:
        """Square root; torn at 0 and where the node is provably negative."""
        if self.ball <= 0:
            return self._torn(ZERO if self.ball.is_zero() else arb.nan(), f"the root of {shown(self.ball)}")
        return super().sqrt()

    def _torn(self, value: Ball, why: str) -> Node:
        return Node.with_slopes(value, [self], [arb.nan()], why)

    def pieces(self, g: Bound) -> list[int]:
        """The pieces of g that this node may lie on."""
        return choose(g, self.ball)

    @staticmethod
    def compose(pieces: Sequence[Callable[..., Series]], numbers: Sequence[Node]) -> Node:
        """A function of several nodes, which is any of `pieces`; raises as `series.local`."""
        values = [u.value for u in numbers]
        carried = any(isinstance(v, Jet) for v in values)
        f = series.local(pieces, [_ball(v) for v in values], 2 if carried else 1)
        partials = (
            [_with_slopes(s, values, c) for s, c in zip(f.slopes, f.curves, strict=True)] if carried else f.slopes
        )
        return Node(_with_slopes(f.value, values, f.slopes), numbers, partials, "a kink" if f.torn else "")

    @staticmethod
    def with_slopes(value: Ball, numbers: Sequence[Scalar], slopes: Sequence[Ball], why: str) -> Node:
        """A function of `numbers` where it is torn."""
        nodes, partials = zip(
            *((u, s) for u, s in zip(numbers, slopes, strict=True) if isinstance(u, Node)), strict=True
        )
        return Node(_with_slopes(value, [u.value for u in nodes], partials), nodes, partials, why)

    def pull(self) -> None:
        """Add to the cotangents of the parents what they get through this node, and mark those seen through a kink."""
        v = self.cotangent
        if v is ZERO:
            return
        if v.is_zero():
            self._pass_zero()
            return
        behind_kink = self.hull or self.torn
        for parent, partial in zip(self.parents, self.partials, strict=True):
            if behind_kink:
                if _is_zero(partial):  # times a slope that is no number: nothing passes
                    continue
                parent.hull = parent.hull or self.hull or is_wide(_ball(partial))
            part = v if partial is ONE else v * partial
            parent.cotangent = part if parent.cotangent is ZERO else parent.cotangent + part

    def _pass_zero(self) -> None:
        """A cotangent of 0 goes on as it is, to where there may be a jump: x·sign(x) has no slope at 0."""
        jump = self.torn.startswith(JUMP)
        for parent in self.parents:
            parent.hull = parent.hull or jump
            if jump:
                parent.cotangent = arb.nan()
            elif parent.cotangent is ZERO:
                parent.cotangent = arb(0)


def _ball(value: Value) -> Ball:
    return value.value if isinstance(value, Jet) else value


def _is_zero(value: Value) -> bool:
    return value == 0 if isinstance(value, (int, float)) else bool(value.is_zero())


def _derivatives(function: Callable[[Series], Series], at: Value, count: int) -> list[Value]:
    if isinstance(at, Jet):
        return at.derivatives(function, count)
    return series.derivatives(function, at, count)


def _with_slopes(value: Ball, values: Sequence[Value], slopes: Sequence[Ball]) -> Value:
    """A ball, or a jet if the values that it moves with are jets."""
    return Jet.with_slopes(value, values, slopes) if any(isinstance(v, Jet) for v in values) else value


# ---------------------------------------------------------------- many products at once


class _Products:
    """The entries Z[i][j] = Σₖ A[i][k]·W[j][k] + b[j] as one entry of the tape, the only parent of these nodes."""

    def __init__(self, W: Matrix, A: Matrix, b: Any):
        self.W, self.A, self.b = W, A, b
        self.variable = isinstance(A[0][0], Node)
        self.weights = [[p.value for p in row] for row in W]
        self.below = [[q.value for q in row] for row in A] if self.variable else A
        self.parents = list(itertools.chain(*W, b, *(A if self.variable else ())))
        self.serial = next(_clock)
        self.Z = [
            [_Entry(sum(map(mul, w, a), bias.value), (self,)) for w, bias in zip(self.weights, b, strict=True)]
            for a in self.below
        ]

    def pull(self) -> None:
        """Add to the cotangents of W, b and A, once, term by term from the last row on; mark what is behind a kink."""
        V = [[z.cotangent for z in row] for row in self.Z]
        behind_A = _columns(self.below)
        for row, bias, v in zip(self.W, self.b, _columns(V), strict=True):
            bias.cotangent = sum(v, bias.cotangent)
            for p, a in zip(row, behind_A, strict=True):
                p.cotangent = sum(map(mul, v, a), p.cotangent)
        if self.variable:
            behind_W = _columns(self.weights)
            for nodes, u in zip(self.A, V, strict=True):
                for q, w in zip(nodes, behind_W, strict=True):
                    q.cotangent = sum(map(mul, reversed(u), w), q.cotangent)
        for i, j in itertools.product(range(len(self.A)), range(len(self.W))):
            if self.Z[i][j].hull and not V[i][j].is_zero():
                self.b[j].hull = True
                for p, a in zip(self.W[j], self.below[i], strict=True):
                    p.hull = p.hull or not a.is_zero()
                if self.variable:
                    for q, w in zip(self.A[i], self.weights[j], strict=True):
                        q.hull = q.hull or not w.is_zero()
        self.Z = []  # entries hold what holds them: a circle, which only the garbage collector would find


class _Entry(Node):
    """One of many products, which pulls for all of them."""

    __slots__ = ()

    def pull(self) -> None:
        """Nothing."""


def _columns(rows: Sequence[Sequence[Value]]) -> list[tuple[Value, ...]]:
    """Columns of a matrix, each from the last row to the first."""
    return list(zip(*reversed(rows), strict=True))


def products(W: Matrix, A: Matrix, b: Any) -> list[list[Any]]:
    """Rows Z[i][j] = Σₖ A[i][k]·W[j][k] + b[j]; `W` and `b` are nodes over balls, `A` nodes or balls.

    On other numbers: plain sums.
    """
    if isinstance(b[0], Node):
        return _Products(W, A, b).Z
    return [[sum(map(mul, w, a), bias) for w, bias in zip(W, b, strict=True)] for a in A]


# ---------------------------------------------------------------- the way back


def backward(root: Node) -> None:
    """Fill `cotangent` with ∂root/∂node for every node that root was made from, and mark those seen through a kink."""
    root.cotangent = ONE
    for node in _inner(root):
        node.pull()


def gradient(root: Node) -> list[tuple[Value, bool]]:
    """∂root/∂leaf for every leaf that root was made from, and whether it was seen through a kink; leaves no trace."""
    inner = _inner(root)
    leaves = {p.serial: p for node in inner for p in node.parents if not p.parents}.values()
    backward(root)
    found = [(leaf.cotangent, leaf.hull) for leaf in leaves]
    for node in (*inner, *leaves):
        node.cotangent, node.hull = ZERO, False
    return found


def obstacle(root: Scalar) -> str:
    """Why a scalar has no value, if it is one of those from which it was made; nothing where more bits may help."""
    if not isinstance(root, Node):
        return "" if ball(root).is_finite() else "a constant that is no finite number"
    if not root.ball.is_finite():
        for node in _inner(root):
            if isinstance(node, Node) and not node.ball.is_finite():
                if node.torn:
                    return node.torn
                if any(not (p.parents or p.ball.is_finite()) for p in node.parents if isinstance(p, Node)):
                    return "an input that is no finite number"
    return ""


def _inner(root: Node) -> list[Any]:
    """The root and all it was made from but the leaves, the youngest first.

    A node is younger than its parents, so that in this order each cotangent is complete when it is used.
    """
    seen, stack = {root.serial: root}, [root]
    while stack:
        for parent in stack.pop().parents:
            if parent.parents and parent.serial not in seen:
                seen[parent.serial] = parent
                stack.append(parent)
    return [seen[serial] for serial in sorted(seen, reverse=True)]
