"""A reverse tape over balls: scalars that remember how they were made.

It knows sums, products, quotients and functions of one variable, whose local derivatives come from the power
series of their definitions. A sum, and one of products, squares or absolute values, is one entry of the tape however
long it is. Nothing here knows what a network is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from flint import arb, arb_series

from oracles.arb_truth.definition import Ball, Bound, Series, expand, union

_clock = itertools.count()
ZERO, ONE, MINUS_ONE = arb(0), arb(1), arb(-1)
THIN = arb(2) ** -60  # radius below which slopes on both sides of a breakpoint count as one


class Imprecise(ArithmeticError):
    """A ball is too wide to go on with: it lies across a breakpoint or a pole. More bits may help."""


class Node:
    """A ball, the nodes it was computed from, and the partial derivative with respect to each of them."""

    __slots__ = ("cotangent", "hull", "kink", "parents", "partials", "serial", "value")

    def __init__(self, value: Ball, parents: Sequence[Any] = (), partials: Sequence[Any] = (), kink: bool = False):
        self.value, self.parents, self.partials = value, parents, partials
        self.kink = kink  # a breakpoint was met exactly, and a wide partial encloses the slopes of both sides
        self.serial = next(_clock)
        self.cotangent: Ball = ZERO
        self.hull = False  # the cotangent came through a kink: it encloses every convention, and stays wide

    def __getitem__(self, k: int) -> Ball:
        """Entry 0 is the ball, as for a power series."""
        if k:
            raise IndexError(f"a node has coefficient 0 only, not {k}")
        return self.value

    def __add__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value + other.value, (self, other), (ONE, ONE))
        return Node(self.value + other, (self,), (ONE,))

    def __mul__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value * other.value, (self, other), (other.value, self.value))
        return Node(self.value * other, (self,), (other,))

    def __truediv__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return self * other.apply(lambda t: 1 / t)
        return Node(self.value / other, (self,), (1 / arb(other),))

    def __rtruediv__(self, other: Any) -> Node:
        return self.apply(lambda t: 1 / t) * other

    def __neg__(self) -> Node:
        return Node(-self.value, (self,), (MINUS_ONE,))

    def __sub__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value - other.value, (self, other), (ONE, MINUS_ONE))
        return Node(self.value - other, (self,), (ONE,))

    def __rsub__(self, other: Any) -> Node:
        return Node(other - self.value, (self,), (MINUS_ONE,))

    __radd__, __rmul__ = __add__, __mul__

    def apply(self, function: Callable[[Series], Series]) -> Node:
        """`function` of this node; the local derivative is the first coefficient of its series.

        Raises Imprecise where it divides by what may be zero.
        """
        try:
            jet = function(arb_series([self.value, ONE], 2))
        except (ValueError, ZeroDivisionError) as error:  # the divisor of a quotient may be zero
            raise Imprecise(f"the function is not bounded on {self.value}") from error
        return Node(jet[0], (self,), (jet[1],))

    def exp(self) -> Node:
        """e to the power of this node."""
        return self.apply(lambda t: t.exp())

    def log(self) -> Node:
        """Natural logarithm of this node; not a finite ball unless the node is provably positive."""
        return self.apply(lambda t: t.log())

    def sqrt(self) -> Node:
        """Square root of this node; its slope is not finite unless the node is provably positive."""
        return self.apply(lambda t: t.sqrt())

    def pull(self) -> None:
        """Add to the cotangents of the parents what they get through this node, and mark those seen through a kink."""
        v = self.cotangent
        for parent, partial in zip(self.parents, self.partials, strict=True):
            parent.cotangent += v * partial
        if self.hull or self.kink:
            for parent, partial in zip(self.parents, self.partials, strict=True):
                if not parent.hull and (self.hull or _wide(partial)):
                    parent.hull = not (v * partial).is_zero()


def _wide(slope: Ball) -> bool:
    return not slope.rad() < THIN


def elementwise(g: Bound, u: Any) -> Any:
    """g(u) of a node or a series u, enclosing the slopes of both neighbours where u lies exactly on a breakpoint.

    Raises Imprecise where u meets a breakpoint without lying on it exactly, and the slopes differ there.
    """
    z = arb_series([u.value, ONE], 2) if isinstance(u, Node) else u
    try:
        pieces = expand(g, z)
    except (ValueError, ZeroDivisionError) as error:  # the divisor of a quotient may be zero
        raise Imprecise(f"g is not bounded on {z[0]}") from error
    if len(pieces) == 1:
        jet, kink = pieces[0], False
    else:
        # Where both neighbours have the same slope at the breakpoint, their union over a small ball is small too.
        jet = union(pieces, 2)
        kink = _wide(jet[1])
        if kink and not z[0].is_exact():
            raise Imprecise(f"{z[0]} is not decided against the breakpoints {', '.join(map(str, g.breakpoints))}")
    return Node(jet[0], (u,), (jet[1],), kink) if isinstance(u, Node) else jet


def total(terms: Sequence[Any]) -> Any:
    """The sum, as one node if there are nodes among the terms."""
    nodes = [t for t in terms if isinstance(t, Node)]
    if not nodes:
        return sum(terms)
    return Node(sum(t.value if isinstance(t, Node) else t for t in terms), nodes, [ONE] * len(nodes))


def sum_of_squares(u: Sequence[Any]) -> Any:
    """Σₖ uₖ² of nodes, as one node, or of series."""
    if not isinstance(u[0], Node):
        return sum(map(mul, u, u))
    values = [v.value for v in u]
    return Node(sum(map(mul, values, values), ZERO), [*u, *u], [*values, *values])


def sum_of_sizes(u: Sequence[Any]) -> Any:
    """Σₖ |uₖ| = Σₖ sₖuₖ of nodes, as one node, or of series: sₖ is −1 left of 0, 1 right of it, and their hull at 0.

    Raises Imprecise where uₖ meets 0 without being 0 exactly.
    """
    values = [v[0] for v in u]
    signs = [ONE if v > ZERO else MINUS_ONE if v < ZERO else _both_signs(v) for v in values]
    if not isinstance(u[0], Node):
        return sum(map(mul, u, signs))
    return Node(sum(map(mul, values, signs), ZERO), u, signs, kink=any(map(_wide, signs)))


def _both_signs(v: Ball) -> Ball:
    if v == ZERO:
        return ONE.union(MINUS_ONE)
    raise Imprecise(f"{v} is not decided against the breakpoint 0")


class _Products:
    """The entries Z[i][j] = Σₖ A[i][k]·W[j][k] + b[j] as one entry of the tape, the only parent of these nodes."""

    def __init__(self, W: Sequence[Sequence[Node]], A: Sequence[Sequence[Any]], b: Sequence[Node]):
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
        """Add to the cotangents of W, b and A, term by term from the last row on, and mark what is behind a kink."""
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


class _Entry(Node):
    """One of many products, which pulls for all of them."""

    __slots__ = ()

    def pull(self) -> None:
        """Nothing."""


def _columns(rows: Sequence[Sequence[Ball]]) -> list[tuple[Ball, ...]]:
    """Columns of a matrix, each from the last row to the first."""
    return list(zip(*reversed(rows), strict=True))


def products(W: Sequence[Sequence[Any]], A: Sequence[Sequence[Any]], b: Sequence[Any]) -> list[list[Any]]:
    """Rows Z[i][j] = Σₖ A[i][k]·W[j][k] + b[j]; `W` and `b` are nodes, `A` nodes or balls. On series: plain sums."""
    if isinstance(b[0], Node):
        return _Products(W, A, b).Z
    return [[sum(map(mul, w, a), bias) for w, bias in zip(W, b, strict=True)] for a in A]


def backward(root: Node) -> None:
    """Fill `cotangent` with ∂root/∂node for every node that root was made from, and mark those seen through a kink."""
    root.cotangent = ONE
    for node in _inner(root):
        node.pull()


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
