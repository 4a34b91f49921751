"""A reverse tape over balls: scalars that remember how they were made.

It knows sums, products, quotients and functions of one variable, whose local derivatives come from the power
series of their definitions. Nothing here knows what a network is.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_series

from oracles.arb_definitions import Ball, Bound, Series, expand, union

_clock = itertools.count()
THIN = arb(2) ** -60  # radius below which slopes on both sides of a breakpoint count as one


class Imprecise(ArithmeticError):
    """A ball is too wide to go on with: it lies across a breakpoint or a pole. More bits may help."""


class Node:
    """A ball, the nodes it was computed from, and the partial derivative with respect to each of them."""

    __slots__ = ("cotangent", "hull", "kink", "parents", "partials", "serial", "value")

    def __init__(self, value: Ball, parents: Sequence[Node] = (), partials: Sequence[Any] = (), kink: bool = False):
        self.value, self.parents, self.partials = value, parents, partials
        self.kink = kink  # the value lies exactly on a breakpoint, and the partial encloses both slopes
        self.serial = next(_clock)
        self.cotangent: Any = 0
        self.hull = False  # the cotangent came through a kink: it encloses every convention, and stays wide

    def __getitem__(self, k: int) -> Ball:
        """Entry 0 is the ball, as for a power series."""
        if k:
            raise IndexError(f"a node has coefficient 0 only, not {k}")
        return self.value

    def __add__(self, other: Any) -> Node:
        if isinstance(other, Node):
            return Node(self.value + other.value, (self, other), (1, 1))
        return Node(self.value + other, (self,), (1,))

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
        return Node(-self.value, (self,), (-1,))

    def __sub__(self, other: Any) -> Node:
        return self + -other

    def __rsub__(self, other: Any) -> Node:
        return -self + other

    __radd__, __rmul__ = __add__, __mul__

    def apply(self, function: Callable[[Series], Series]) -> Node:
        """`function` of this node; the local derivative is the first coefficient of its series.

        Raises Imprecise where it divides by what may be zero.
        """
        try:
            jet = function(arb_series([self.value, 1], 2))
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


def elementwise(g: Bound, u: Any) -> Any:
    """g(u) of a node or a series u, enclosing the slopes of both neighbours where u lies exactly on a breakpoint.

    Raises Imprecise where u meets a breakpoint without lying on it exactly, and the slopes differ there.
    """
    z = arb_series([u.value, 1], 2) if isinstance(u, Node) else u
    try:
        pieces = expand(g, z)
    except (ValueError, ZeroDivisionError) as error:  # the divisor of a quotient may be zero
        raise Imprecise(f"g is not bounded on {z[0]}") from error
    if len(pieces) == 1:
        jet, kink = pieces[0], False
    else:
        # Where both neighbours have the same slope at the breakpoint, their union over a small ball is small too.
        jet = union(pieces, 2)
        kink = not jet[1].rad() < THIN
        if kink and not z[0].is_exact():
            raise Imprecise(f"{z[0]} is not decided against the breakpoints {', '.join(map(str, g.breakpoints))}")
    return Node(jet[0], (u,), (jet[1],), kink) if isinstance(u, Node) else jet


def dot(w: Sequence[Any], a: Sequence[Any], b: Any) -> Any:
    """Σₖ wₖaₖ + b as one node; `w` and `b` are nodes, `a` are nodes or constants. On series: the plain sum."""
    if not isinstance(b, Node):
        return sum((p * q for p, q in zip(w, a, strict=True)), b)
    weights = [p.value for p in w]
    variable = isinstance(a[0], Node)
    below = [q.value for q in a] if variable else a
    value = b.value
    for p, q in zip(weights, below, strict=True):
        value += p * q
    if variable:
        return Node(value, [*w, *a, b], [*below, *weights, 1])
    return Node(value, [*w, b], [*below, 1])


def backward(root: Node) -> None:
    """Fill `cotangent` with ∂root/∂node for every node that root was made from, and mark those seen through a kink."""
    root.cotangent = arb(1)
    for node in _inner(root):
        v = node.cotangent
        for parent, partial in zip(node.parents, node.partials, strict=True):
            parent.cotangent += v * partial
        if node.hull or node.kink:
            for parent, partial in zip(node.parents, node.partials, strict=True):
                parent.hull = parent.hull or not (v * partial).is_zero()


def _inner(root: Node) -> list[Node]:
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
