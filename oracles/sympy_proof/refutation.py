"""Rational points at which two expressions differ. They can refute a claim, never prove it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import sympy as sp

from oracles.sympy_proof.cases import Case, question_of

DIGITS = 30  # shown of a counterexample; the two sides are compared at 10 more
POINTS = 4  # per case
Point = dict[sp.Symbol, sp.Rational]
Domain = Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]
WHOLE_LINE = (-sp.oo, sp.oo)


@dataclass(frozen=True)
class Counterexample:
    """A rational point at which the claim fails: the inputs, what is true and what was claimed, to 30 digits."""

    inputs: dict[str, str]
    true: str
    claimed: str

    def __str__(self) -> str:
        point = ", ".join(f"{name} = {value}" for name, value in self.inputs.items())
        return f"at {point or 'every point'} it is {self.true}, not {self.claimed}"


def _rational(symbol: sp.Symbol, low: sp.Expr, high: sp.Expr, scale: int, rng: random.Random) -> sp.Rational:
    """A random rational between `low` and `high`; where these are infinite, not much farther out than `scale`."""
    step = rng.randint(1, 400)
    size = scale * sp.Rational(step, 173)
    if low.is_finite and high.is_finite:
        return low + (high - low) * sp.Rational(step, 401)
    if low.is_finite or high.is_finite:
        return low + size if low.is_finite else high - size
    return size if symbol.is_positive else -size if symbol.is_negative else rng.choice([-1, 1]) * size


def points(case: Case, domain: Domain | None = None, number: int = 400) -> Iterator[Point]:
    """Rational points inside `case` and `domain`, the same ones on every call: what is left of `number` random ones.

    They spread out as they go on, for cases such as z > 6.
    """
    domain = domain or {}
    free = set().union(*(e.free_symbols for e in (*case.positive, *case.sides)))
    symbols = sorted(free, key=lambda s: (s in domain, str(s)))  # bounds may hold other symbols: these come first
    rng = random.Random(0)
    for k in range(number):
        point: Point = {}
        for s in symbols:
            low, high = (end.subs(point) for end in domain[s]) if s in domain else WHOLE_LINE
            point[s] = _rational(s, low, high, 4 ** (4 * k // number), rng)
        if all((value(condition, point) or 0) > 0 for condition in case.positive):
            yield point


def value(expression: sp.Expr, point: Point, digits: int = DIGITS + 10) -> sp.Float | None:
    """`expression` at `point` to so many digits; None where it is not a real number there."""
    number = expression.evalf(digits, subs=point, maxn=1000)
    return number if number.is_real and number.is_finite and number.is_number else None


def refute(case: Case, domain: Domain | None = None, tries: int = POINTS) -> Counterexample | None:
    """A point of `case` where its two sides differ, branches and all; `tries` points are compared, of at least 400.

    The sides are compiled to mpmath, common subexpressions once, and evaluated to 60 and to 90 digits: what
    cancellation spoils differs between the two and says nothing, and neither does a point that is not inside a branch.
    """
    expected, claimed = case.sides
    expected = expected.replace(sp.DiracDelta, lambda *_: sp.Integer(0))  # off the boundary
    expected = expected.replace(sp.Heaviside, lambda u, *_: (1 + sp.sign(u)) / 2)
    nodes = (node for side in (expected, claimed) for node in sp.postorder_traversal(side))
    questions = dict.fromkeys(q for q in map(question_of, nodes) if q is not None)
    case = Case(case.positive, (expected, claimed, *questions))
    symbols = sorted(set().union(*(e.free_symbols for e in case.sides)), key=str)
    compiled = sp.lambdify(symbols, case.sides, modules="mpmath", cse=True)

    def at(point: Point, digits: int) -> list[Any]:
        with mpmath.workdps(digits):
            numbers = [mpmath.mpf(int(q.p)) / int(q.q) for q in map(point.__getitem__, symbols)]
            return [mpmath.mpmathify(x) for x in compiled(*numbers)]

    small, compared = mpmath.mpf(10) ** -DIGITS, 0
    for point in points(case, domain, max(400, tries)):
        try:
            coarse, fine = at(point, 2 * DIGITS), at(point, 3 * DIGITS)
        except (ArithmeticError, TypeError, ValueError, NameError):  # not a real number there, or no such function
            continue
        if any(mpmath.im(x) != 0 or not mpmath.isfinite(x) for x in fine) or any(abs(q) < small for q in fine[2:]):
            continue
        with mpmath.workdps(DIGITS + 10):
            x, y = map(mpmath.re, fine[:2])
            scale = max(1, abs(x), abs(y))
            if any(abs(a - b) > scale * small / 10**5 for a, b in zip(coarse, fine, strict=True)):
                continue
            if abs(x - y) > scale * small:
                inputs = {str(symbol): str(Fraction(int(q.p), int(q.q))) for symbol, q in point.items()}
                return Counterexample(inputs, mpmath.nstr(x, DIGITS), mpmath.nstr(y, DIGITS))
        compared += 1
        if compared == tries:
            break
    return None
