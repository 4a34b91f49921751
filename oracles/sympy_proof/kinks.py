"""Slopes where the branch of a statement changes: as a record lists them at a kink, one and the same elsewhere.

Inside a branch `oracles.sympy_proof` shows that the printed derivative is right. A branch changes where a *question*,
such as the z in Abs(z) or the a − b in Max(a, b), is zero. There this module takes the one-sided slopes of the
statement and what the printed derivative gives at that very point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

import sympy as sp

from oracles.sympy_proof.cases import Case, Undecided, cases, choose, question_of
from oracles.sympy_proof.expressions import WHOLE_LINE, Notation, notation
from oracles.sympy_proof.identity import Proof, conjunction, depending_on, identity
from oracles.sympy_proof.proof import entries


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
    """Prove the slopes at every point where the branch of `statement` changes with its argument.

    At a kink the one-sided slopes must be its `left` and `right`, and `derivative` must give the value `chosen`.
    Everywhere else both slopes and `derivative` must agree, so that no kink can be missing.

    Where the question depends on data, as that of Abs(a - y) does, a kink is listed at 0 of the question, and its
    slopes may have a common factor, such as y/n; where data decide the sign of that factor, or which way the
    question rises, left and right may be exchanged. Such a list is proved or unknown, never refuted: a record may
    state in words for which data it holds.

    Arguments and errors as for `prove_derivative`; one entry of an indexed argument stands for all.

    >>> prove_kinks("Abs(z)", "sign(z)", [Kink("0", "-1", "1", "0")]).verdict
    'proved'
    >>> prove_kinks("Abs(z)", "sign(z)", []).reason
    'slope to the left and to the right of z = 0, which is not listed as a kink'
    """
    texts = [text for kink in kinks for text in kink]
    N = notation([statement, derivative, *texts], argument, parameters, domain, sizes)
    value, slope, t = next(entries(N, statement, derivative))
    listed = [tuple(N.at(N.read(text), {}) for text in kink) for kink in kinks]

    def proofs() -> Iterator[Proof]:
        try:
            yield from _proofs(N, value, slope, t, listed)
        except Undecided as reason:
            yield Proof("unknown", reason=str(reason))

    return conjunction(proofs(), N.sizes, N.given)


Listed = tuple[sp.Expr, ...]  # at, left, right, chosen
Pair = tuple[Case, Case]  # the branches where a question is negative and where it is positive


def _proofs(N: Notation, value: sp.Expr, slope: sp.Expr, t: sp.Symbol, kinks: Sequence[Listed]) -> Iterator[Proof]:
    value = depending_on(t, value)
    inside = tuple(end for low, high in N.intervals(value).values() for end in (t - low, high - t) if end.is_finite)
    pieces = list(cases(value, positive=inside))
    questions = _questions(pieces, t, inside)
    roots = {q: sp.cancel(t - q / sp.diff(q, t)) for q in questions if sp.diff(q, t, 2) == 0}
    parameters = {*N.symbols.values()}
    places = {x: q for q, x in roots.items() if x.free_symbols | sp.diff(q, t).free_symbols <= parameters}
    at_data = [q for q in questions if q not in places.values()]
    for place, q in places.items():
        kink = next((kink for kink in kinks if sp.simplify(kink[0] - place) == 0), None)
        yield from _at_place(_pairs(pieces, q, t, place), slope, q, t, place, kink)
    for q in at_data:
        terms = _terms(value, q), _terms(slope, q), q, t
        yield from _proportional_at_data(*terms, kinks) if kinks else _smooth_at_data(*terms)
    for at, left, right, _ in kinks:
        if not at_data and all(sp.simplify(at - place) != 0 for place in places):
            here = slope.subs(t, at)
            yield _compare(f"slope to the left of {t} = {at}, where no branch changes", here, left)
            yield _compare(f"slope to the right of {t} = {at}, where no branch changes", here, right)
    if not questions and not kinks:
        yield Proof("proved", (f"no branch depends on {t}",))


def _compare(what: str, true: sp.Expr, claimed: sp.Expr) -> Proof:
    """Whether the two are equal, with what they are as the reason if they are not."""
    found = identity(true, claimed)
    return found if found.verdict == "proved" else replace(found, reason=found.reason or what)


# Where the branch changes


def _same(u: sp.Expr, q: sp.Expr) -> int:
    """1 if u is a positive multiple of the question q, −1 if a negative one, 0 if it is another question."""
    ratio = sp.cancel(u / q)
    return 1 if ratio.is_positive else -1 if ratio.is_negative else 0


def _questions(pieces: Sequence[Case], t: sp.Symbol, inside: Sequence[sp.Expr]) -> list[sp.Expr]:
    """The different questions that depend on t, without the bounds of the domain."""
    found: list[sp.Expr] = []
    for u in (u for piece in pieces for u in piece.positive[len(inside) :]):
        if t in u.free_symbols and not any(_same(u, q) for q in found):
            found.append(u)
    return found


def _pairs(pieces: Sequence[Case], q: sp.Expr, t: sp.Symbol, place: sp.Expr | None) -> Iterator[Pair]:
    """Neighbouring branches on the two sides of q = 0, which is where t is at `place`."""

    def side(piece: Case) -> int:
        return next((sign for u in piece.positive if (sign := _same(u, q))), 0)

    def holds(u: sp.Expr) -> bool:
        if t not in u.free_symbols:
            return True
        there = sp.S.NaN if place is None else sp.simplify(u.subs(t, place))
        if there == 0 or there.is_positive is None:
            raise Undecided(f"whether {u} > 0 where {q} = 0 depends on more than the signs of the parameters")
        return bool(there.is_positive)

    for plus in (piece for piece in pieces if side(piece) > 0):
        for minus in (piece for piece in pieces if side(piece) < 0):
            here, there = ([u for u in piece.positive if not _same(u, q)] for piece in (plus, minus))
            if not any(_same(u, v) < 0 for u in here for v in there) and all(map(holds, (*here, *there))):
                yield minus, plus


def _at_place(
    pairs: Iterator[Pair], slope: sp.Expr, q: sp.Expr, t: sp.Symbol, place: sp.Expr, kink: Listed | None
) -> Iterator[Proof]:
    """Where parameters alone say where it is: the slopes themselves."""
    rising = sp.diff(q, t)
    if rising.is_positive is None:
        raise Undecided(f"the sign of {rising}, the direction of {q}, is not known")
    here = slope.subs(t, place)
    for minus, plus in pairs:
        below, above = (minus, plus) if rising.is_positive else (plus, minus)
        left, right = _limit(below.sides[0], t, place, "-"), _limit(above.sides[0], t, place, "+")
        if kink:
            yield _compare(f"slope to the left of {t} = {place}", left, kink[1])
            yield _compare(f"slope to the right of {t} = {place}", right, kink[2])
            yield _compare(f"derivative at {t} = {place} against the slope chosen", here, kink[3])
        else:
            unlisted = f"{t} = {place}, which is not listed as a kink"
            yield _compare(f"slope to the left and to the right of {unlisted}", left, right)
            yield _compare(f"derivative against the slope to the left of {unlisted}", left, here)


def _limit(branch: sp.Expr, t: sp.Symbol, place: sp.Expr, direction: str) -> sp.Expr:
    """The slope of `branch` as t tends to `place`."""
    slope = sp.diff(branch, t)
    there = slope.subs(t, place)
    if there.is_finite:
        return there
    try:
        return sp.limit(slope, t, place, direction)
    except NotImplementedError as error:
        raise Undecided(f"the limit of {slope} at {t} = {place} is not known: {error}") from error


# Where data say where it is


def _terms(total: sp.Expr, q: sp.Expr) -> sp.Expr:
    """The terms of `total` that ask the question q; the others are smooth at q = 0."""

    def asks(term: sp.Expr) -> bool:
        asked = (question_of(node) for node in sp.preorder_traversal(term))
        return any(u is not None and _same(u, q) for u in asked)

    return sp.Add(*(term for term in sp.Add.make_args(sp.expand_mul(total, deep=False)) if asks(term)))


def _at_data(value: sp.Expr, slope: sp.Expr, q: sp.Expr, t: sp.Symbol) -> Iterator[tuple[sp.Expr, sp.Expr, sp.Expr]]:
    """The slopes for q < 0 and for q > 0, and the derivative at q = 0, each at q = 0."""
    unknown, solution = _solve(q, t)
    place = solution if unknown == t else None
    for minus, plus in _pairs(list(cases(value)), q, t, place):
        here = choose(slope, q, 0)
        for u in (u for piece in (minus, plus) for u in piece.positive if not _same(u, q)):
            here = choose(here, u, 1)
        here = here.subs(unknown, solution)
        below, above = (sp.diff(piece.sides[0], t).subs(unknown, solution) for piece in (minus, plus))
        if any(s.has(sp.nan, sp.zoo, sp.oo) for s in (below, above, here)):
            raise Undecided(f"a slope where {q} = 0 is not finite for all data")
        yield below, above, here


def _solve(q: sp.Expr, t: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """(t, its value) where q = 0; where q is not linear in t, a root in which it is linear, and that root's value."""
    roots = sorted((p for p in q.atoms(sp.Pow) if abs(p.exp) == sp.S.Half and t in p.free_symbols), key=str)
    for unknown in (t, *roots):
        x = sp.Dummy()
        linear = q.xreplace({unknown: x})
        if sp.diff(linear, x, 2) == 0:
            return unknown, sp.cancel(x - linear / sp.diff(linear, x))
    raise Undecided(f"{q} = 0 cannot be solved for {t}")


def _smooth_at_data(value: sp.Expr, slope: sp.Expr, q: sp.Expr, t: sp.Symbol) -> Iterator[Proof]:
    """No kink is listed: both slopes and the derivative are the same."""
    for below, above, here in _at_data(value, slope, q, t):
        yield _compare(f"slopes on the two sides of {q} = 0, which is not listed as a kink", below, above)
        yield _compare(f"derivative where {q} = 0 against the slope on both sides", below, here)


def _proportional_at_data(
    value: sp.Expr, slope: sp.Expr, q: sp.Expr, t: sp.Symbol, kinks: Sequence[Listed]
) -> Iterator[Proof]:
    """A kink is listed: the slopes and the derivative are proportional to it, from left to right.

    Where the data have the say in which direction q rises, either direction will do.
    """
    rising = sp.diff(q, t)
    for below, above, here in _at_data(value, slope, q, t):
        directions = [*[(below, above)] * (not rising.is_negative), *[(above, below)] * (not rising.is_positive)]
        if below == above == 0:  # to which everything is proportional
            raise Undecided(f"both slopes where {q} = 0 are zero: there is no kink")
        for (at, left, right, chosen), (first, second) in product(kinks, directions):
            crosswise = ((first * right, second * left), (here * left, first * chosen), (here * right, second * chosen))
            found = conjunction(identity(*sides) for sides in crosswise)
            turned = len(directions) == 1 and sp.simplify(first * left + second * right).is_negative
            if at == 0 and found.verdict == "proved" and not turned:
                yield found
                break
        else:
            raise Undecided(f"where {q} = 0, slopes {below}, {above} and {here} are not those listed for all data")
