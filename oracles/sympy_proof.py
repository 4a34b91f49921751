"""Proofs that a printed derivative is the derivative of the printed statement, for all real inputs.

Expressions come in as the strings that a record prints (`oracles.sympy_expressions` is their notation) and SymPy
differentiates the statement. Statements with indices are proved entry by entry at concrete sizes.

A statement with free indices is a vector-valued function, and its derivative is printed as the pullback of a
cotangent: `v` carries the indices of the output, and `s` stands for the output itself, so that softmax reads
s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d))).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import sympy as sp

from oracles.sympy_expressions import WHOLE_LINE, ExpressionError, Notation, names, notation
from oracles.sympy_identity import Case, Proof, Undecided, cases, conjunction, depending_on, identity

COTANGENT, OUTPUT = "v", "s"


def prove_derivative(
    statement: str,
    derivative: str,
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove that `derivative` is ∂(statement)/∂(argument) wherever no branch changes (there: `prove_kinks`).

    `parameters` maps names to defaults, of which the sign counts; `domain` is where the argument lives. The
    free indices of `argument` run over every entry. Raises ExpressionError for what cannot be read.

    >>> prove_derivative("exp(alpha*z)", "alpha*exp(alpha*z)", parameters={"alpha": 1.0}).verdict
    'proved'
    >>> str(prove_derivative("z**2", "z").counterexample)
    'at z = 198/173 it is 2.28901734104046242774566473988, not 1.14450867052023121387283236994'
    """
    N = notation([statement, derivative], argument, parameters, domain, sizes)
    claims = _entries(N, statement, derivative)
    proofs = (identity(value, slope, t, N.intervals(value, slope)) for value, slope, t in claims)
    return conjunction(proofs, N.sizes, N.given)


def prove_equal(
    left: str,
    right: str,
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove that two expressions are equal, such as a textbook form and the rewriting that NumPy evaluates.

    Arguments and errors as for `prove_derivative`.

    >>> prove_equal("1 - tanh(z)**2", "1/cosh(z)**2").route
    'exponentials'
    """
    N = notation([left, right], argument, parameters, domain, sizes)
    sides = N.read(left), N.read(right)
    pairs = ((N.at(sides[0], at), N.at(sides[1], at)) for at in N.everywhere(*sides))
    proofs = (identity(true, claimed, None, N.intervals(true, claimed)) for true, claimed in pairs)
    return conjunction(proofs, N.sizes, N.given)


Entry = tuple[sp.Expr, sp.Expr, sp.Symbol]  # a scalar statement, its claimed slope, and the symbol it is a slope in


def _entries(N: Notation, statement: str, derivative: str) -> Iterator[Entry]:
    """One scalar claim for each entry of the argument."""
    value, slope = N.read(statement), N.read(derivative)
    outputs = N.free(value)
    stated, claimed = names(statement), names(derivative)
    known = stated.subscripted | stated.plain | {N.base, *N.sizes, *((COTANGENT, OUTPUT) if outputs else ())}
    if strangers := sorted((claimed.subscripted | claimed.plain) - known):
        raise ExpressionError(f"{derivative!r} has {', '.join(strangers)}, which {statement!r} does not have")
    letter = N.read(N.argument)
    scalar, own = N.at(value, {}), {}
    if outputs:  # the pullback of v is the gradient of ⟨v, value⟩
        values = {tuple(at.values()): N.at(value, at) for at in N.everywhere(value)}
        scalar = sum(N.entry(COTANGENT, *at) * output for at, output in values.items())
        own = {N.entry(OUTPUT, *at): output for at, output in values.items()}
    for at in N.everywhere(letter):
        yield scalar, N.at(slope, at).xreplace(own), N.at(letter, at)


class Kink(NamedTuple):
    """Where the one-sided slopes differ, what they are, and the slope chosen there; expressions of parameters."""

    at: str
    left: str
    right: str
    chosen: str


def prove_kinks(
    statement: str,
    derivative: str,
    kinks: Sequence[Kink],
    argument: str = "z",
    parameters: Mapping[str, float] | None = None,
    domain: tuple[str, str] = WHOLE_LINE,
    sizes: Mapping[str, int] | None = None,
) -> Proof:
    """Prove the slopes where the branch of `statement` changes: as listed at a kink, one and the same elsewhere.

    At a kink the one-sided slopes must be its `left` and `right`, and `derivative` must give the value `chosen`.
    At every other breakpoint both one-sided slopes and `derivative` must agree, so that no kink can be missing.
    Where the branch depends on data, as that of Abs(a - y) does, `at` counts in that difference and the slopes may
    have a common factor, such as 1/n.
    Arguments and errors as for `prove_derivative`; one entry of an indexed argument stands for all.

    >>> prove_kinks("Abs(z)", "sign(z)", [Kink("0", "-1", "1", "0")]).verdict
    'proved'
    >>> prove_kinks("Abs(z)", "sign(z)", []).reason
    'slope to the left and to the right of 0, which is not listed as a kink'
    """
    texts = [text for kink in kinks for text in kink]
    N = notation([statement, derivative, *texts], argument, parameters, domain, sizes)
    value, slope, t = next(_entries(N, statement, derivative))
    listed = [Kink(*(N.at(N.read(text), {}) for text in kink)) for kink in kinks]

    def proofs() -> Iterator[Proof]:
        try:
            claims = list(_one_sided(N, value, slope, t, listed))
        except Undecided as reason:
            yield Proof("unknown", reason=str(reason))
            return
        for what, true, claimed in claims:
            found = identity(true, claimed)
            yield replace(found, reason=found.reason or what) if found.verdict != "proved" else found
        if not claims:
            yield Proof("proved", (f"no branch depends on {t}",))

    return conjunction(proofs(), N.sizes, N.given)


def _one_sided(
    N: Notation, value: sp.Expr, slope: sp.Expr, t: sp.Symbol, kinks: Sequence[Kink]
) -> Iterator[tuple[str, sp.Expr, sp.Expr]]:
    """(what is compared, its true value, the claimed one) at every breakpoint of `value` and every listed kink."""
    value = depending_on(t, value)
    inside = [end for low, high in N.intervals(value).values() for end in (t - low, high - t) if end.is_finite]
    pieces = list(cases(value, positive=tuple(inside)))
    breakpoints = {_root(u, t) for case in pieces for u in case.positive[len(inside) :] if t in u.free_symbols}
    data = [root for root in breakpoints if not root.free_symbols <= {*N.symbols.values()}]
    if kinks and len(data) == 1:
        # The branch depends on data, as |a − y| does, and the kink is stated in that difference.
        yield from _up_to_a_factor(pieces, slope, t, data[0], kinks)
        return
    for kink in kinks:
        left, right = (_slope_beside(pieces, t, kink.at, side) for side in (-1, 1))
        yield f"slope to the left of {kink.at}", left, kink.left
        yield f"slope to the right of {kink.at}", right, kink.right
        yield f"derivative at {kink.at} against the slope chosen", slope.subs(t, kink.at), kink.chosen
    for root in sorted(breakpoints, key=str):
        if all(sp.simplify(root - kink.at) != 0 for kink in kinks):
            left, right = (_slope_beside(pieces, t, root, side) for side in (-1, 1))
            yield f"slope to the left and to the right of {root}, which is not listed as a kink", left, right
            yield f"derivative at {root} against the slope on both sides", left, slope.subs(t, root)


def _root(u: sp.Expr, t: sp.Symbol) -> sp.Expr:
    """Where u = 0, for u linear in t."""
    if sp.diff(u, t, 2) != 0:
        raise Undecided(f"the breakpoints where {u} = 0 are not linear in {t}")
    return sp.cancel(t - u / sp.diff(u, t))


def _up_to_a_factor(
    pieces: Sequence[Case], slope: sp.Expr, t: sp.Symbol, root: sp.Expr, kinks: Sequence[Kink]
) -> Iterator[tuple[str, sp.Expr, sp.Expr]]:
    """As `_one_sided` for kinks in t − root, whose slopes a reduction or a cotangent may scale by a common factor."""
    for kink in kinks:
        place = root + kink.at
        left, right = (_slope_beside(pieces, t, place, side) for side in (-1, 1))
        if sp.simplify(left - right) == 0:
            raise Undecided(f"both slopes at {t} = {place} are {left}: there is no kink")
        here = slope.subs(t, place)
        yield f"left : right slope at {t} = {place}, crosswise", left * kink.right, right * kink.left
        yield f"derivative : right slope at {t} = {place}, crosswise", here * kink.right, right * kink.chosen
        yield f"derivative : left slope at {t} = {place}, crosswise", here * kink.left, left * kink.chosen


def _slope_beside(pieces: Sequence[Case], t: sp.Symbol, place: sp.Expr, side: int) -> sp.Expr:
    """The limit of ∂(piece)/∂t at `place` from the left (side = −1) or right, of the piece that holds there."""

    def holds(u: sp.Expr) -> bool:
        if t not in u.free_symbols:
            return True
        there = sp.simplify(u.subs(t, place))
        positive = (side * sp.diff(u, t)).is_positive if there == 0 else there.is_positive
        if positive is None:
            raise Undecided(f"whether {u} > 0 beside {t} = {place} depends on more than the signs of the parameters")
        return bool(positive)

    piece = next((case.sides[0] for case in pieces if all(map(holds, case.positive))), None)
    if piece is None:
        raise Undecided(f"no branch was found beside {t} = {place}")
    slope = sp.diff(piece, t).subs(t, place)
    return slope if slope.is_finite else sp.limit(sp.diff(piece, t), t, place, "+" if side > 0 else "-")


def has_branches(statement: str) -> bool:
    """True if the expression can change its branch, so that `prove_kinks` has something to say."""
    return any(f"{name}(" in statement for name in ("Piecewise", "Abs", "sign", "Max", "Min"))
