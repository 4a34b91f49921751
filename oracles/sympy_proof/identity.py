"""Is left = right for all real values of the symbols? Proved, refuted by a rational point, or unknown.

Both sides are first evaluated as they stand at a few rational points off every branch's boundary: most false claims
end there, however large they are. Then the claim is split into cases by the sign of every expression on which a branch
depends (arguments of Abs and sign, differences inside Max and Min, conditions of Piecewise), until no branch is left.
In each case

1. the two sides are evaluated to 40 digits at a rational point: a difference refutes;
2. their difference is written over independent symbols for exponentials, logarithms and roots: where the
   numerator of that rational function expands to zero, the identity is proved;
3. `sympy.simplify` is tried on what is left;
4. what none of these decides is evaluated at a few more points of the case, and at many of all.

Nothing rests on the points: they can refute, never prove.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import sympy as sp

from oracles.sympy_proof.cases import Case, Undecided, cases
from oracles.sympy_proof.refutation import DIGITS, Counterexample, Domain, refute


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


MANY = 4000  # points, before a claim is called unknown: a branch may be narrow
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


def refuted(found: Counterexample) -> Proof:
    """The verdict that a point gives."""
    return Proof("refuted", (f"{DIGITS + 10}-digit evaluation",), counterexample=found)


def identity(true: sp.Expr, claimed: sp.Expr, wrt: sp.Symbol | None = None, domain: Domain | None = None) -> Proof:
    """Is `claimed` equal to `true`, or with `wrt` to the derivative of `true`?

    The domain of a symbol is an open interval; without one it is all reals, or those of the symbol's sign.
    """
    if wrt is not None:  # the branches of terms without it do not matter
        true = depending_on(wrt, true)
    inside = [bound for t, (low, high) in (domain or {}).items() for bound in (t - low, high - t) if bound.is_finite]
    slope = true if wrt is None else sp.diff(true, wrt)
    whole = Case(tuple(inside), (slope, claimed))
    if found := refute(whole, domain):  # which nearly every false claim fails
        return refuted(found)
    steps: list[str] = []
    open_case = ""
    try:
        for case in cases(true, claimed, positive=tuple(inside)):
            expected, got = case.sides[0] if wrt is None else sp.diff(case.sides[0], wrt), case.sides[1]
            case = Case(case.positive, (expected, got))
            found = refute(case, domain, tries=1)
            step = None if found or open_case else proof(expected - got)
            if found or (step is None and (found := refute(case, domain))):
                return refuted(found)
            if step is None:  # the other cases may still refute it
                open_case = open_case or " and ".join(f"{u} > 0" for u in case.positive) or "all reals"
                continue
            steps += ["sign cases"] * (len(case.positive) > len(inside)) + [step]
    except Undecided as reason:
        return Proof("unknown", reason=str(reason))
    if open_case and (found := refute(whole, domain, MANY)):
        return refuted(found)
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
