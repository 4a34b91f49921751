"""Comparisons of numbers, what is chosen by them, and steps: decided exactly, and at a tie by both sides.

A comparison that is decided is a bool. Where two numbers are equal exactly, and one of them moves, it is a number that
has no slope: 1 where the comparison holds and 0 where it does not. What is chosen by such a number has a slope if both
branches have the same value and the same slopes there; else the slopes on the two sides are enclosed.
"""

from __future__ import annotations

from typing import Any

from flint import arb

from oracles.arb_truth.germs import Germ
from oracles.arb_truth.jets import Jet
from oracles.arb_truth.numbers import Ball, Imprecise, Number, Scalar, ball, shown
from oracles.arb_truth.series import is_wide
from oracles.arb_truth.tape import JUMP, ONE, ZERO, Node, gradient, obstacle

RELATIONS = {  # which signs of a − b they hold for
    "less": (-1,),
    "less_equal": (-1, 0),
    "equal": (0,),
    "not_equal": (-1, 1),
    "greater_equal": (0, 1),
    "greater": (1,),
}


def order(a: Scalar, b: Scalar) -> int | None:
    """The sign of a − b, 0 if they are equal exactly, None where one of them is no number.

    Raises Imprecise where the working precision does not tell.
    """
    p, q = ball(a), ball(b)
    if p < q:
        return -1
    if p > q:
        return 1
    if p.is_nan() or q.is_nan():
        if any(ball(u).is_nan() and not (_is_input(u) or obstacle(u)) for u in (a, b)):
            raise Imprecise(f"{shown(p)} is not compared with {shown(q)}")
        return None
    if isinstance(a, Germ) or isinstance(b, Germ):
        return int((a - b).sign())
    if p == q:
        return 0
    raise Imprecise(f"{shown(p)} is not told from {shown(q)}")


def _is_input(u: Scalar) -> bool:
    return isinstance(u, Node) and not u.parents


def compare(relation: str, a: Scalar, b: Scalar) -> Any:
    """Whether the relation holds: a bool, or at a tie a number without a slope, as above; NaN if one is no number."""
    sign = order(a, b)
    numbers = [u for u in (a, b) if isinstance(u, Number)]
    if sign is None:
        why = "a comparison with what is no number"
        return torn(arb.nan(), why, *numbers) if numbers else relation == "not_equal"
    holds = sign in RELATIONS[relation]
    if sign or a is b or not numbers or isinstance(numbers[0], Germ):
        return holds
    return torn(arb(int(holds)), "a comparison of what is equal", *numbers)


def torn(value: Ball, why: str, *numbers: Number) -> Any:
    """A number of this value that has no slope by any of `numbers`."""
    return numbers[0].with_slopes(value, numbers, [arb.nan()] * len(numbers), f"{JUMP}: {why}")


def choose(condition: Any, a: Scalar, b: Scalar) -> Scalar:
    """a where the condition holds, else b."""
    if not isinstance(condition, Number):
        return a if condition else b
    if not condition.ball.is_finite():
        return torn(arb.nan(), "a choice by what is no number", condition)
    here, there = (a, b) if condition.ball == 1 else (b, a)
    if not ball(here).overlaps(ball(there)):
        moving = [here] if isinstance(here, Number) else []
        return condition.with_slopes(ball(here), [condition, *moving], [arb.nan(), ONE][: 1 + len(moving)], JUMP)
    if same_slopes(here, there):
        return here
    numbers = [u for u in (here, there) if isinstance(u, Number)]
    return condition.with_slopes(ball(here), numbers, [ZERO.union(ONE)] * len(numbers), "a kink")


def same_slopes(a: Scalar, b: Scalar) -> bool:
    """Whether two numbers that are equal have the same slopes by everything, as far as the precision tells."""
    if a is b:
        return True
    difference = a - b
    if isinstance(difference, Jet):
        return all(map(_is_zero, difference.slope.entries()))
    if isinstance(difference, Node):
        return not any(hull or not _is_zero(v.value if isinstance(v, Jet) else v) for v, hull in gradient(difference))
    return True


def _is_zero(slope: Ball) -> bool:
    return bool(slope.contains(0)) and not is_wide(slope)


def larger(a: Scalar, b: Scalar) -> Scalar:
    """max(a, b)."""
    return choose(compare("greater_equal", a, b), a, b) if _ordered(a, b) else _none(a, b)


def smaller(a: Scalar, b: Scalar) -> Scalar:
    """min(a, b)."""
    return choose(compare("less_equal", a, b), a, b) if _ordered(a, b) else _none(a, b)


def _ordered(a: Scalar, b: Scalar) -> bool:
    return not (ball(a).is_nan() or ball(b).is_nan()) or order(a, b) is not None


def _none(*numbers: Scalar) -> Scalar:
    moving = [u for u in numbers if isinstance(u, Number)]
    return torn(arb.nan(), "the larger or smaller of what is no number", *moving) if moving else arb.nan()


# ---------------------------------------------------------------- masks


def both(p: Any, q: Any) -> Any:
    """p and q."""
    if not isinstance(p, Number):
        return q if p else False
    return (p if q else False) if not isinstance(q, Number) else p * q


def negation(p: Any) -> Any:
    """Not p."""
    return 1 - p if isinstance(p, Number) else not p


def either(p: Any, q: Any) -> Any:
    """p or q."""
    return negation(both(negation(p), negation(q)))


def one_of(p: Any, q: Any) -> Any:
    """p or q, not both."""
    return either(both(p, negation(q)), both(negation(p), q))


# ---------------------------------------------------------------- steps


def sign(u: Scalar) -> Scalar:
    """−1, 0 or 1; without a slope at 0."""
    found = order(u, 0)
    if found or not isinstance(u, Number) or (isinstance(u, Germ) and found == 0):
        return arb.nan() if found is None else arb(found)
    return torn(arb.nan() if found is None else ZERO, "the sign of 0", u)


def floor(u: Scalar) -> Scalar:
    """The greatest whole number that is not greater; without a slope at whole numbers."""
    p = ball(u)
    if not p.is_finite():
        order(u, 0)  # raises where more bits may help
        return torn(arb.nan(), "a step at what is no number", u) if isinstance(u, Number) else p
    n = p.floor()
    if not n.is_exact():
        raise Imprecise(f"{shown(p)} is not told from a whole number")
    if isinstance(u, Germ) and p == n:
        return n if (u - n).sign() >= 0 else n - 1
    return torn(n, "a step at a whole number", u) if isinstance(u, Number) and p == n else n


def ceil(u: Scalar) -> Scalar:
    """The least whole number that is not less; without a slope at whole numbers."""
    return -floor(-u)


def trunc(u: Scalar) -> Scalar:
    """The next whole number toward 0."""
    if ball(u).is_zero():
        return arb(0)
    return floor(u) if order(u, 0) == 1 else ceil(u)


def nearest(u: Scalar) -> Scalar:
    """The nearest whole number, ties to the even one; without a slope at a tie."""
    n = floor(u + arb(0.5))
    halfway = isinstance(n, Number) or ball(u) - ball(n) == -0.5
    odd = halfway and ball(n).is_finite() and int(ball(n).unique_fmpz()) % 2
    return n - 1 if odd else n
