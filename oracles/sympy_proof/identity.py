"""Is left = right for all real values of the symbols? Proved, refuted by a rational point, or unknown.

The claim is first split into cases by the sign of every expression on which a branch depends (arguments of Abs and
sign, differences inside Max and Min, conditions of Piecewise), until no branch is left. In each case

1. the two sides are evaluated to 40 digits at a rational point: a difference refutes;
2. their difference is written over independent symbols for exponentials, logarithms and roots: where the
   numerator of that rational function expands to zero, the identity is proved;
3. `sympy.simplify` is tried on what is left;
4. what none of these decides is evaluated at a few more points.

Nothing rests on the points: they can refute, never prove.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal, NamedTuple

import sympy as sp
from sympy.core.relational import Relational

DIGITS = 30  # shown of a counterexample; the two sides are compared at 10 more
POINTS = 4  # per case


@dataclass(frozen=True)
class Counterexample:
    """A rational point at which the claim fails: the inputs, what is true and what was claimed, to 30 digits."""

    inputs: dict[str, str]
    true: str
    claimed: str

    def __str__(self) -> str:
        point = ", ".join(f"{name} = {value}" for name, value in self.inputs.items())
        return f"at {point or 'every point'} it is {self.true}, not {self.claimed}"


@dataclass(frozen=True)
class Proof:
    """The verdict on one claim: `proved`, `refuted` with a counterexample, or `unknown` with a reason.

    `steps` names the routes that were needed, `sizes` the concrete dimensions, `given` the assumptions; `seconds` is
    processor time. It has no truth value, so that `assert proof` cannot pass by accident.
    """

    verdict: Literal["proved", "refuted", "unknown"]
    steps: tuple[str, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    given: str = ""
    reason: str = ""
    counterexample: Counterexample | None = None
    seconds: float = 0.0

    @property
    def route(self) -> str:
        """How the verdict was reached: "sign cases, exponentials at n = 2, d = 3"."""
        at = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        return ", ".join(self.steps) + (f" at {at}" if at else "")

    def __bool__(self) -> bool:
        raise TypeError(f"a proof is not a truth value; compare its verdict, here {self.verdict!r}")


class Case(NamedTuple):
    """One branch: every expression in `positive` is > 0, and the two sides contain no branch any more."""

    positive: tuple[sp.Expr, ...]
    sides: tuple[sp.Expr, ...]


class Undecided(Exception):
    """The identity can be neither proved nor refuted; the message is the reason."""


# Cases


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

    The boundaries of the cases, where a question is answered by zero, are left out. Raises Undecided where a
    question can have neither sign, which is so if it is zero throughout.
    """
    nodes = (node for side in sides for node in sp.postorder_traversal(side))  # innermost first
    question = next((q for q in map(question_of, nodes) if q is not None), None)
    if question is None:
        yield Case(positive, sides)
        return
    signs = [sign for sign in (1, -1) if not _empty((*positive, sign * question))]
    if not signs:
        raise Undecided(f"{question} is neither positive nor negative")
    for sign in signs:
        chosen = (choose(side, question, sign) for side in sides)
        yield from cases(*chosen, positive=(*positive, sign * question))


# Refutation

Point = dict[sp.Symbol, sp.Rational]
Domain = Mapping[sp.Symbol, tuple[sp.Expr, sp.Expr]]
WHOLE_LINE = (-sp.oo, sp.oo)


def _rational(symbol: sp.Symbol, low: sp.Expr, high: sp.Expr, scale: int, rng: random.Random) -> sp.Rational:
    """A random rational between `low` and `high`; where these are infinite, not much farther out than `scale`."""
    step = rng.randint(1, 400)
    size = scale * sp.Rational(step, 173)
    if low.is_finite and high.is_finite:
        return low + (high - low) * sp.Rational(step, 401)
    if low.is_finite or high.is_finite:
        return low + size if low.is_finite else high - size
    return size if symbol.is_positive else -size if symbol.is_negative else rng.choice([-1, 1]) * size


def points(case: Case, domain: Domain | None = None) -> Iterator[Point]:
    """Rational points inside `case` and `domain`, the same ones on every call: what is left of 400 random ones.

    They spread out as they go on, for cases such as z > 6.
    """
    domain = domain or {}
    free = set().union(*(e.free_symbols for e in (*case.positive, *case.sides)))
    symbols = sorted(free, key=lambda s: (s in domain, str(s)))  # bounds may hold other symbols: these come first
    rng = random.Random(0)
    for k in range(400):
        point: Point = {}
        for s in symbols:
            low, high = (end.subs(point) for end in domain[s]) if s in domain else WHOLE_LINE
            point[s] = _rational(s, low, high, 4 ** (k // 100), rng)
        if all((value(condition, point) or 0) > 0 for condition in case.positive):
            yield point


def value(expression: sp.Expr, point: Point, digits: int = DIGITS + 10) -> sp.Float | None:
    """`expression` at `point` to so many digits; None where it is not a real number there."""
    number = expression.evalf(digits, subs=point, maxn=1000)
    return number if number.is_real and number.is_finite and number.is_number else None


def refute(case: Case, domain: Domain | None = None, tries: int = POINTS) -> Counterexample | None:
    """A point of `case` where its two sides differ by more than 40-digit arithmetic can; so many points are tried."""
    compared = 0
    for point in points(case, domain):
        x, y = (value(side, point) for side in case.sides)
        if x is None or y is None:
            continue
        if abs(x - y) > sp.Float(10) ** -DIGITS * max(1, abs(x), abs(y)):
            inputs = {str(symbol): str(Fraction(int(q.p), int(q.q))) for symbol, q in point.items()}
            return Counterexample(inputs, str(sp.N(x, DIGITS)), str(sp.N(y, DIGITS)))
        compared += 1
        if compared == tries:
            break
    return None


# Proof

HYPERBOLIC = (sp.sinh, sp.cosh, sp.tanh, sp.coth, sp.sech, sp.csch)


class _Field:
    """Writes expressions as rational functions of the symbols and of new ones for what is transcendental.

    exp(u) and b**u become a product of one new symbol per monomial of u, so that e^(x+2y) = X·Y²; a logarithm is
    taken apart into those of its positive factors, and log X is x again; a root gets a symbol r and the relation
    rᵠ = radicand. Every step is valid for all real values, and needs no independence of the new symbols to be so.
    """

    def __init__(self) -> None:
        self.powers: dict[tuple[sp.Expr, sp.Expr], sp.Symbol] = {}
        self.roots: dict[tuple[sp.Expr, int], sp.Symbol] = {}
        self.written: dict[sp.Expr, sp.Expr] = {}

    def write(self, e: sp.Expr) -> sp.Expr:
        """`e` over the symbols of this field."""
        if e not in self.written:
            self.written[e] = self._write(e)
        return self.written[e]

    def _write(self, e: sp.Expr) -> sp.Expr:
        if not e.args:
            return e
        if isinstance(e, (sp.exp, sp.Pow)):
            base, exponent = e.as_base_exp()
            base, out = sp.expand(self.write(base)), sp.Integer(1)
            for term in sp.Add.make_args(sp.expand(self.write(exponent))):
                rational, monomial = term.as_coeff_Mul()
                out *= self._root(self._power(base, monomial), rational)
            return out
        if isinstance(e, sp.log):
            return self._log(self.write(e.args[0]))
        return e.func(*map(self.write, e.args))

    def _power(self, base: sp.Expr, monomial: sp.Expr) -> sp.Expr:
        if monomial == 1:
            return base
        if base is sp.E and isinstance(monomial, sp.log):
            return monomial.args[0]
        return self.powers.setdefault((base, monomial), sp.Dummy(f"p{len(self.powers)}", positive=base.is_positive))

    def _root(self, base: sp.Expr, power: sp.Rational) -> sp.Expr:
        if power.q == 1:
            return base**power
        r = self.roots.setdefault((base, power.q), sp.Dummy(f"r{len(self.roots)}", positive=base.is_positive))
        return r**power.p

    def _log(self, u: sp.Expr) -> sp.Expr:
        """log u as the sum of the logarithms of the factors of u, if all of these are positive."""
        exponents = {symbol: monomial for (base, monomial), symbol in self.powers.items() if base is sp.E}
        out = sp.Integer(0)
        for part, sign in zip(sp.fraction(sp.together(u)), (1, -1), strict=True):
            coefficient, factors = sp.factor_list(part)
            if not all(sp.sympify(f).is_positive for f in (coefficient, *(f for f, _ in factors))):
                return sp.log(u)
            out += sign * (sp.log(coefficient) + sum(k * exponents.get(f, sp.log(f)) for f, k in factors))
        return out

    def is_zero(self, e: sp.Expr) -> bool:
        """True if `e` is zero by its numerator; False says nothing."""
        written = self.write(e.rewrite(HYPERBOLIC, sp.exp))
        finer = {radicand: r**q for (radicand, q), r in self.roots.items() if radicand.is_Symbol}  # √X = r: X = r²
        numerator = _numerator(written.xreplace(finer))
        numerator = numerator.xreplace({f: sp.Dummy() for f in numerator.atoms(sp.Function)})
        for (radicand, q), r in reversed(self.roots.items()):
            if numerator.has(r) and radicand not in finer:
                numerator = sp.prem(sp.expand(numerator), _numerator(r**q - radicand.xreplace(finer)), r)
        return sp.expand(numerator) == 0


def _numerator(e: sp.Expr) -> sp.Expr:
    return sp.fraction(sp.together(e))[0]


def depending_on(t: sp.Symbol, total: sp.Expr) -> sp.Expr:
    """The terms of `total` in which t occurs: the others are constant, whatever their branches."""
    return sp.expand_mul(total, deep=False).as_independent(t, as_Add=True)[1]


def proof(difference: sp.Expr) -> str | None:
    """The name of the first route that shows `difference` to be zero, or None."""
    if difference == 0:
        return "identical"
    with contextlib.suppress(sp.PolynomialError):  # not a rational function in anything
        if _Field().is_zero(difference):
            return "exponentials"
    return "simplify" if sp.simplify(difference) == 0 else None


def identity(true: sp.Expr, claimed: sp.Expr, wrt: sp.Symbol | None = None, domain: Domain | None = None) -> Proof:
    """Is `claimed` equal to `true`, or with `wrt` to the derivative of `true`?

    The domain of a symbol is an open interval; without one it is all reals, or those of the symbol's sign.
    """
    if wrt is not None:  # the branches of terms without it do not matter
        true = depending_on(wrt, true)
    inside = [bound for t, (low, high) in (domain or {}).items() for bound in (t - low, high - t) if bound.is_finite]
    steps: list[str] = []
    open_case = ""
    try:
        for case in cases(true, claimed, positive=tuple(inside)):
            expected, got = case.sides[0] if wrt is None else sp.diff(case.sides[0], wrt), case.sides[1]
            case = Case(case.positive, (expected, got))
            found = refute(case, domain, tries=1)  # which nearly every false claim fails
            step = None if found or open_case else proof(expected - got)
            if found or (step is None and (found := refute(case, domain))):
                return Proof("refuted", (f"{DIGITS + 10}-digit evaluation",), counterexample=found)
            if step is None:  # the other cases may still refute it
                open_case = open_case or " and ".join(f"{u} > 0" for u in case.positive) or "all reals"
                continue
            steps += ["sign cases"] * (len(case.positive) > len(inside)) + [step]
    except Undecided as reason:
        return Proof("unknown", reason=str(reason))
    if open_case:
        return Proof("unknown", reason=f"no point that was tried refutes it and no route proves it, for {open_case}")
    return Proof("proved", tuple(dict.fromkeys(steps)))


def conjunction(proofs: Iterable[Proof], sizes: Mapping[str, int] | None = None, given: str = "") -> Proof:
    """One proof of all claims, or the first that is not proved, with the processor time that making them took."""
    start, steps = time.process_time(), dict[str, None]()
    verdict = Proof("unknown", reason="there is nothing to prove")
    for verdict in proofs:
        if verdict.verdict != "proved":
            break
        steps |= dict.fromkeys(verdict.steps)
    else:
        verdict = replace(verdict, steps=tuple(steps))
    return replace(verdict, sizes=sizes or {}, given=given, seconds=time.process_time() - start)
