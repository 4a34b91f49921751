"""Functions of numbers that carry derivatives, and of rows of them: pieces, logarithms, powers.

A number is a jet, a power series or a node of a tape over balls, or it is a ball that carries nothing. Where a branch
is decided by exactly 0, a jet raises AtKink, and a node encloses the slopes of both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from flint import arb, arb_series

from oracles.arb_truth.definition import (
    ABSOLUTE,
    Ball,
    Bound,
    Definition,
    Number,
    Series,
    bind,
    bind_definition,
    define,
    union,
)
from oracles.arb_truth.definition import softplus as softplus_series
from oracles.arb_truth.jets import Jet, sign
from oracles.arb_truth.tape import Imprecise, Node, elementwise

Row = Sequence[Number]

SIZE = bind_definition("|u|", ABSOLUTE, {})
RELU = bind("activation/relu")


def _piece(g: Bound, u: Number) -> Number:
    """g(u) for a g in two pieces that meet at 0."""
    return g.pieces[sign(u) > 0](u) if isinstance(u, Jet) else elementwise(g, u)


def absolute(u: Number) -> Number:
    """|u|."""
    return _piece(SIZE, u)


def above(u: Number) -> Number:
    """max(0, u)."""
    return _piece(RELU, u)


def _apply(function: Callable[[Series], Series], u: Number) -> Number:
    return function(u) if isinstance(u, arb_series) else u.apply(function)


def softplus(u: Number) -> Number:
    """log(1 + eᵘ)."""
    return _apply(softplus_series, u)


def _exact(u: Any) -> bool:
    """True for a number or ball that carries no derivative."""
    return isinstance(u, (int, float, arb))


def is_zero(u: Any) -> bool:
    """True for a number that is exactly 0, whether it carries derivatives or not."""
    return bool((arb(u) if _exact(u) else u[0]) == 0)


def xlogy(x: Number, y: Number) -> Number:
    """x·log y, and 0 for a constant x = 0 whatever y is."""
    return 0 if _exact(x) and x == 0 else x * y.log()


def power(u: Number, exponent: Ball) -> Number:
    """u^exponent for u > 0, or u ≥ 0 and an exponent that is a whole number."""
    k = int(float(exponent))
    if exponent == k:
        return _product([u] * k) if k else 1 + 0 * u
    return (u.log() * exponent).exp()


def _product(factors: Row) -> Number:
    out = factors[0]
    for factor in factors[1:]:
        out = out * factor
    return out


def surprises(z: Row) -> list[Number]:
    """−log softmax(z) = log Σₖ e^(z_k − z_j); the largest entry is taken out, so that nothing overflows."""
    m = max(range(len(z)), key=lambda k: float(z[k][0].mid()))
    log_total = sum((z_k - z[m]).exp() if k != m else 1 + 0 * z_k for k, z_k in enumerate(z)).log()
    return [log_total + (z[m] - z_j) if j != m else log_total for j, z_j in enumerate(z)]


def logistic(u: Number) -> Number:
    """1/(1 + e⁻ᵘ)."""
    return (-softplus(-u)).exp()


def huber(r: Number, delta: Ball) -> Number:
    """r²/2 for |r| ≤ δ, δ(|r| − δ/2) beyond."""
    if not isinstance(r, Jet):
        return elementwise(bind("activation/huber", delta=delta), r)
    if abs(r[0]) < delta:
        return r * r / 2
    size = absolute(r)
    return delta * (size - delta / 2) if sign(size - delta) > 0 else r * r / 2


PINBALL: Definition = define(lambda r, tau: -tau * r, lambda r, tau: (1 - tau) * r, at=(0,), tau=0.5)


def pinball(r: Number, tau: Ball) -> Number:
    """−τr below 0, (1 − τ)r above."""
    return _piece(bind_definition("pinball", PINBALL, {"tau": tau}), r)


def largest(row: Row) -> Number:
    """The largest of a row; a node encloses the choice of any that tie exactly."""
    m = 0
    for k, u in enumerate(row):
        if u[0] > row[m][0]:
            m = k
    if isinstance(row[m], Jet):
        for k, u in enumerate(row):
            if k != m and sign(row[m] - u) < 0:
                raise ValueError("which entry is the largest is not decided")
        return row[m]
    tied = []
    for u in row:
        behind = u[0] - row[m][0]
        if behind == 0:
            tied.append(u)
        elif not behind < 0 and u is not row[m]:
            raise Imprecise(f"{u[0]} and {row[m][0]}: which is the larger is not decided")
    if len(tied) < 2:
        return row[m]
    if isinstance(row[m], Node):  # slopes between 0 and 1 in each of those that tie
        return Node(row[m].value, tied, [arb(0).union(arb(1))] * len(tied), kink=True)
    return union(tied, 2)
