"""Expressions split by the sign of everything on which a branch depends, until no branch is left.

Branches are the arguments of Abs and sign, the differences inside Max and Min, and the conditions of Piecewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sympy as sp
from sympy.core.relational import Relational


class Case(NamedTuple):
    """Two sides where every expression in `positive` is > 0; what `cases` yields has no branch any more."""

    positive: tuple[sp.Expr, ...]
    sides: tuple[sp.Expr, ...]


class Undecided(Exception):
    """The identity can be neither proved nor refuted; the message is the reason."""


def question_of(node: sp.Basic) -> sp.Expr | None:
    """The expression whose sign decides what `node` is, if anything does."""
    match node:
        case sp.Abs() | sp.sign():
            return node.args[0]
        case sp.Max() | sp.Min():
            return node.args[0] - node.args[1]
        case Relational():
            return node.lhs - node.rhs
    return None


def settle(node: sp.Basic, sign: int) -> sp.Basic:
    """What `node` is where its question has this sign, or is zero."""
    match node:
        case sp.Abs():
            return sign * node.args[0]
        case sp.sign():
            return sp.Integer(sign)
        case sp.Max() | sp.Min():
            winner = node.args[0 if (sign > 0) == isinstance(node, sp.Max) else 1]
            return node.func(winner, *node.args[2:])
        case sp.Eq() | sp.Ne():
            return sp.S((sign == 0) == isinstance(node, sp.Eq))
    if sign == 0:
        return sp.S("=" in node.rel_op)
    return sp.S((sign > 0) == (">" in node.rel_op))


def choose(expression: sp.Basic, question: sp.Expr, sign: int) -> sp.Basic:
    """`expression` where `question` has this sign, or is zero: every branch that this settles is taken."""

    def take(node: sp.Basic) -> sp.Basic:
        ratio = sp.cancel(question_of(node) / question)
        return settle(node, sign) if ratio.is_positive else settle(node, -sign) if ratio.is_negative else node

    return expression.replace(lambda node: question_of(node) is not None, take)


def _empty(positive: Sequence[sp.Expr]) -> bool:
    """True if the last of `positive` cannot be > 0 together with one of the others.

    Two expressions p·t + q and r·t + s with p and r of opposite sign are combined so that t drops out; if what
    remains is never positive, neither are both. On a line this finds every empty case.
    """
    *others, newest = positive
    if sp.expand(newest).is_nonpositive:
        return True
    for other in others:
        if sp.expand(newest + other).is_nonpositive:
            return True
        for t in newest.free_symbols & other.free_symbols:
            weight = sp.cancel(-sp.diff(newest, t) / sp.diff(other, t))
            if weight.is_positive and sp.expand(newest + weight * other).is_nonpositive:
                return True
    return False


def cases(*sides: sp.Expr, positive: tuple[sp.Expr, ...] = ()) -> Iterator[Case]:
    """Split `sides` into cases without branches, within the region where every `positive` expression is > 0.

    The boundaries of the cases, where a question is answered by zero, are left out, but for those of a remainder,
    which is of whole numbers: there zero is a case of its own. Raises Undecided where a question can have neither
    sign, which is so if it is zero throughout.
    """
    nodes = (node for side in sides for node in sp.postorder_traversal(side))  # innermost first
    question = next((q for q in map(question_of, nodes) if q is not None), None)
    if question is None:
        yield Case(positive, sides)
        return
    if question.has(sp.Mod):
        yield from cases(*(choose(side, question, 0) for side in sides), positive=positive)
    signs = [sign for sign in (1, -1) if not _empty((*positive, sign * question))]
    if not signs:
        raise Undecided(f"{question} is neither positive nor negative")
    for sign in signs:
        chosen = (choose(side, question, sign) for side in sides)
        yield from cases(*chosen, positive=(*positive, sign * question))
