"""Functions of numbers and of rows of them: pieces, logarithms, norms, the largest.

Those marked `entrywise` take arrays as well. Where a branch is decided by exactly 0, nodes and jets enclose the slopes
of both sides, and a germ is decided by what follows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from operator import mul
from typing import Any

import numpy as np
from flint import arb, arb_series

from oracles.arb_truth.definition import Bound, choose, define, expand, fill, union
from oracles.arb_truth.germs import Germ
from oracles.arb_truth.numbers import Array, Ball, Imprecise, Number, Scalar, Series, ball, is_zero, objects, shown
from oracles.arb_truth.series import is_wide
from oracles.arb_truth.tape import ONE, ZERO, Node

Row = Any  # a sequence of scalars, or an array with one axis

FACTORS = 64  # of a power that is written out as a product
BOTH_SIGNS = ONE.union(-ONE)


def entrywise(function: Callable[..., Scalar]) -> Callable[..., Any]:
    """A function of numbers as one of arrays of them, which are broadcast as NumPy does."""
    ufunc = np.frompyfunc(function, function.__code__.co_argcount, 1)

    @functools.wraps(function)
    def over_arrays(*arrays: Any) -> Any:
        return ufunc(*arrays)

    return over_arrays


def by_row(function: Callable[..., Any], z: Array, *others: Array) -> Array:
    """`function` of every row of z, (..., d), and of what belongs to it in `others`: (...) or (..., k)."""
    results = [function(z[i], *(x[i] for x in others)) for i in np.ndindex(z.shape[:-1])]
    return objects(results).reshape((*z.shape[:-1], *np.shape(results[0])))


# ---------------------------------------------------------------- functions of one number


def applied(function: Callable[[Series], Series], u: Scalar) -> Scalar:
    """A function that has a power series, of any scalar."""
    return u.apply(function) if isinstance(u, Number) else function(arb_series([arb(u)], 1))[0]


def elementwise(g: Bound, z: Scalar) -> Scalar:
    """g(z), where z or parameters of g may carry derivatives.

    Raises Imprecise where z meets a breakpoint without lying on it exactly, and the slopes differ there.
    """
    if g.moving:
        return _of_parameters(g, z)
    if not isinstance(z, Number):
        return union(expand(g, arb_series([arb(z)], 1), "owner"), 1)[0]
    pieces = z.pieces(g) if g.breakpoints else (0,)
    if len(pieces) == 1:
        return z.apply(g.pieces[pieces[0]])
    return z.compose([g.pieces[k] for k in _owner_first(g, z, pieces)], [z])


def _of_parameters(g: Bound, z: Scalar) -> Scalar:
    """g(z) as a function of z and of the parameters that carry derivatives."""
    moving = [g.parameters[name] for name in g.moving]
    u = z if isinstance(z, Number) else 0 * moving[0] + z

    def piece(k: int) -> Callable[..., Series]:
        return lambda s, *p: g.definition.pieces[k](s, **{**g.parameters, **dict(zip(g.moving, p, strict=True))})

    return u.compose([piece(k) for k in _owner_first(g, u, u.pieces(g))], [u, *moving])


def _owner_first(g: Bound, u: Number, pieces: Sequence[int]) -> list[int]:
    """The pieces, that which has the value at the breakpoint before the others."""
    owners = choose(g, u.ball, "owner")
    return sorted(pieces, key=lambda k: k not in owners)


def value_and_slope(g: Bound, u: Number) -> list[Scalar]:
    """g(u) and g′(u), as numbers both; where pieces of g meet, the slope is none."""
    pieces = u.pieces(g)
    if len(pieces) == 1:
        return u.derivatives(g.pieces[pieces[0]], 2)
    return [elementwise(g, u), u.with_slopes(arb.nan(), [u], [arb.nan()], "the slope of an activation at its kink")]


ABSOLUTE = fill(define(lambda z: -z, lambda z: z, at=(0,)), {})
RELU = fill(define(lambda z: 0 * z, lambda z: z, at=(0,)), {})


@entrywise
def absolute(u: Scalar) -> Scalar:
    """|u|."""
    return elementwise(ABSOLUTE, u)


@entrywise
def above(u: Scalar) -> Scalar:
    """max(0, u)."""
    return elementwise(RELU, u)


@entrywise
def log(u: Scalar) -> Scalar:
    """Natural logarithm."""
    return u.log() if isinstance(u, Number) else arb(u).log()


@entrywise
def xlogy(x: Scalar, y: Scalar) -> Scalar:
    """x·log y, and 0 for x = 0 whatever y is."""
    if not is_zero(x) or (isinstance(x, Number) and ball(y) > 0):
        return x * log(y)
    return _vanishing("the slope of x·log y at x = 0", x, y) if isinstance(x, Number) else 0


@entrywise
def weigh(w: Scalar, term: Scalar) -> Scalar:
    """w·term, and 0 for w = 0 whatever the term is."""
    if not is_zero(w) or (isinstance(w, Number) and ball(term).is_finite()):
        return w * term
    return _vanishing("the slope by a weight of 0", w, term) if isinstance(w, Number) else 0


def _vanishing(why: str, x: Number, y: Scalar) -> Scalar:
    """x·f(y) at x = 0: 0, with no slope by x and the slope 0 by y."""
    return x.with_slopes(ZERO, [x, y], [arb.nan(), ZERO], why)


def power(u: Scalar, exponent: Scalar) -> Scalar:
    """u^exponent for u > 0, or u ≥ 0 and an exponent that is a whole number."""
    k = int(float(ball(exponent)))
    if not isinstance(exponent, Number) and exponent == k:
        if k <= FACTORS:
            return functools.reduce(mul, [u] * k) if k else 1 + 0 * u
        if is_zero(u):  # and so are its slopes
            return 0 * u
    return (log(u) * exponent).exp()


# ---------------------------------------------------------------- rows and arrays


def total(terms: Iterable[Scalar]) -> Scalar:
    """The sum, one entry of a tape however long it is."""
    flat = list(np.ravel(terms)) if isinstance(terms, np.ndarray) else list(terms)
    nodes = [t for t in flat if isinstance(t, Node)]
    if not nodes:
        return sum(flat)
    values = [t.value if isinstance(t, Node) else t for t in flat]
    return Node(sum(values[1:], values[0]), nodes, [ONE] * len(nodes))


def dot(p: Iterable[Scalar], q: Iterable[Scalar]) -> Scalar:
    """Σₖ pₖqₖ, one entry of a tape."""
    same, p = p is q, list(p)
    q = p if same else list(q)
    nodes = [u for u in (p if same else [*p, *q]) if isinstance(u, Node)]
    if not nodes:
        return sum(map(mul, p, q))
    a, b = _values(p), _values(q)
    value = sum(map(mul, a[1:], b[1:]), a[0] * b[0])
    if same and len(nodes) == len(p):
        return Node(value, p, [2 * v for v in a])
    pairs = [pair for pair in (*zip(p, b, strict=True), *zip(q, a, strict=True)) if isinstance(pair[0], Node)]
    return Node(value, [u for u, _ in pairs], [v for _, v in pairs])


def _values(numbers: Iterable[Scalar]) -> list[Any]:
    return [u.value if isinstance(u, Node) else u for u in numbers]


def sum_of_squares(u: Array) -> Scalar:
    """Σ u² of an array."""
    flat = list(np.ravel(u))
    return dot(flat, flat)


def sum_of_sizes(u: Array) -> Scalar:
    """Σ|u| = Σ sₖuₖ of an array: sₖ is −1 left of 0, 1 right of it, and at 0 a tape encloses both.

    Raises Imprecise where u meets 0 without being 0 exactly.
    """
    flat = list(np.ravel(u))
    if not isinstance(flat[0], Node):
        return sum(absolute(v) for v in flat)
    signs = [_sign(v.ball) for v in flat]
    values = [v.value for v in flat]
    kink = "a kink" if any(map(is_wide, signs)) and all(s.is_finite() for s in signs) else ""
    return Node(sum(map(mul, values[1:], signs[1:]), values[0] * signs[0]), flat, signs, kink)


def _sign(v: Ball) -> Ball:
    if v > 0:
        return ONE
    if v < 0:
        return -ONE
    if v == 0:
        return BOTH_SIGNS
    if not v.is_finite():
        return arb.nan()
    raise Imprecise(f"{shown(v)} is not decided against the breakpoint 0")


def norm(row: Row) -> Scalar:
    """‖row‖; of a row of zeros, every slope in [−1, 1] is one of a side."""
    row = list(row)
    numbers = [u for u in row if isinstance(u, Number)]
    if numbers and not isinstance(numbers[0], Germ) and all(map(is_zero, row)):
        return numbers[0].with_slopes(ZERO, numbers, [BOTH_SIGNS] * len(numbers), "the norm of a row of zeros")
    return dot(row, row).sqrt()


def largest(row: Row) -> Scalar:
    """The largest of a row; of those that tie exactly, slopes between 0 and 1 in each enclose the choice of any.

    Raises Imprecise where it is not decided which is the larger.
    """
    found = row[0]
    for u in row[1:]:
        found = u if ball(u) > ball(found) else found
    tied = [u for u in row if not ball(u) < ball(found)]
    numbers = [u for u in tied if isinstance(u, Number)]
    if numbers and not all(ball(u).is_finite() for u in tied):
        return numbers[0].with_slopes(arb.nan(), numbers, [arb.nan()] * len(numbers), "a number that is not finite")
    if not all(u is found or ball(u) == ball(found) for u in tied):
        raise Imprecise(f"which is the largest of {shown(*map(ball, tied))} is not decided")
    if len(tied) < 2 or not numbers:
        return found
    if isinstance(numbers[0], Germ):
        return functools.reduce(lambda m, u: m + above(u - m), tied)
    return numbers[0].with_slopes(ball(found), numbers, [ZERO.union(ONE)] * len(numbers), "a tie")


def about_largest(row: Row) -> int:
    """Index of an entry that is about the largest, to be taken out of exponents: any gives the same function."""
    return max(range(len(row)), key=lambda k: float(ball(row[k]).mid()))


def exponentials(z: Row) -> list[Scalar]:
    """e^(z_k − m) for every k; m is one of the entries, so that nothing overflows."""
    m = about_largest(z)
    return [(z_k - z[m]).exp() if k != m else 1 + 0 * z_k for k, z_k in enumerate(z)]


def surprises(z: Row) -> list[Scalar]:
    """−log softmax(z) = log Σₖ e^(z_k − z_j)."""
    m = about_largest(z)
    log_total = log(total(exponentials(z)))
    return [log_total + (z[m] - z_j) if j != m else log_total for j, z_j in enumerate(z)]
