"""Penalties on weight matrices: forward definitions over numbers, which may be balls, power series or nodes of a tape.

A definition takes one matrix as rows of numbers and returns one number. Singular values are what they are by
definition: square roots of the zeros of det(s·1 − WWᵀ), or WᵀW if that is smaller.
"""

from __future__ import annotations

from collections.abc import Sequence

from flint import acb, acb_poly, arb, arb_series

from oracles.arb_truth.definition import Ball, Number, bind
from oracles.arb_truth.ends import Term, Undefined
from oracles.arb_truth.tape import THIN, Imprecise, Node, elementwise

Matrix = Sequence[Sequence[Number]]


def _dot(a: Sequence[Number], b: Sequence[Number]) -> Number:
    return sum((p * q for p, q in zip(a, b, strict=True)))


def _sqrt(u: Number) -> Number:
    return u.sqrt()


def _norm(row: Sequence[Number]) -> Number:
    """‖row‖; at exactly 0, where every slope in [−1, 1] is one of a side, a node encloses them all."""
    if all(w[0] == 0 for w in row):
        hull = arb(0).union(arb(1)).union(arb(-1))
        if isinstance(row[0], Node):
            return Node(arb(0), list(row), [hull] * len(row), kink=True)
        return sum(w * hull for w in row)
    return _sqrt(_dot(row, row))


def group_lasso(w: Matrix, lam: Ball) -> Number:
    """λ√d Σ‖row‖."""
    return lam * arb(len(w[0])).sqrt() * sum(_norm(row) for row in w)


def max_norm(w: Matrix, lam: Ball, limit: Ball) -> Number:
    """λΣmax(0, ‖row‖ − limit)²."""
    relu = bind("activation/relu")
    excess = [elementwise(relu, _norm(row) - limit) for row in w if not all(v[0] == 0 for v in row)]
    return lam * sum((e * e for e in excess), 0 * w[0][0])


def orthogonality(w: Matrix, lam: Ball) -> Number:
    """λ‖WWᵀ − 1‖², squared Frobenius norm."""
    terms = [_dot(p, q) - int(i == j) for i, p in enumerate(w) for j, q in enumerate(w)]
    return lam * sum(t * t for t in terms)


def spectral_norm(w: Matrix, lam: Ball) -> Number:
    """λσ₁. Raises Undefined where σ₁ is not alone."""
    return lam * _sqrt(_squared_singular_values(w, 1)[0])


def nuclear_norm(w: Matrix, lam: Ball) -> Number:
    """λΣσ. Raises Undefined for a matrix without full rank or with equal σ."""
    return lam * sum(_sqrt(s) for s in _squared_singular_values(w, min(len(w), len(w[0]))))


def _squared_singular_values(w: Matrix, count: int) -> list[Number]:
    """The `count` largest zeros of det(s·1 − WWᵀ), each a function of its coefficients that are polynomials of W."""
    rows = list(w) if len(w) <= len(w[0]) else [list(column) for column in zip(*w, strict=True)]
    coefficients = _characteristic(rows)
    zeros = _zeros([arb(c) if isinstance(c, (int, arb)) else c[0] for c in coefficients])
    if count > len(zeros):
        raise Undefined(f"the norm has no gradient at a matrix of rank {len(zeros)}")
    return [_zero_as_function(coefficients, s) for s in zeros[:count]]


def _characteristic(rows: Matrix) -> list[Number]:
    """Coefficients of det(s·1 − RRᵀ), from the constant to 1, by Faddeev and LeVerrier's recursion."""
    k = len(rows)
    A = [[_dot(p, q) for q in rows] for p in rows]
    M: list[list[Number]] = [[arb(int(i == j)) for j in range(k)] for i in range(k)]
    found: list[Number] = [arb(1)]
    for step in range(1, k + 1):
        columns = list(zip(*M, strict=True))
        AM = [[_dot(row, column) for column in columns] for row in A]
        c = sum(AM[i][i] for i in range(k)) / -step
        found.insert(0, c)
        M = [[AM[i][j] + c if i == j else AM[i][j] for j in range(k)] for i in range(k)]
    return found


def _zeros(coefficients: list[Ball]) -> list[Ball]:
    """The zeros that are not exactly 0, falling. Raises Undefined for a multiple one, Imprecise if not isolated."""
    rank = len(coefficients) - 1 - next(i for i, c in enumerate(coefficients) if not c.is_zero())
    nonzero = coefficients[len(coefficients) - 1 - rank :]
    if rank == 0:
        return []
    if any(c.contains(0) for c in nonzero):
        raise Imprecise("a coefficient of the characteristic polynomial is not told from 0")
    try:
        roots = acb_poly([acb(c) for c in nonzero]).roots(tol=THIN)
    except ValueError as error:
        raise Imprecise("singular values are not told apart") from error
    return sorted((_refined(nonzero, r.real) for r in roots), key=lambda s: float(s.mid()), reverse=True)


def _refined(coefficients: list[Ball], s: Ball) -> Ball:
    """The isolated zero s of Σ cᵢsⁱ by Newton's iteration over balls, until it gains nothing."""
    while True:
        value = sum((c * s.mid() ** i for i, c in enumerate(coefficients)), arb(0))
        closer = s.mid() - value / _steepness(coefficients, s)
        if not closer.rad() < s.rad():
            return s
        s = closer


def _steepness(coefficients: list[Ball], s: Ball) -> Ball:
    steep = sum((i * c * s ** (i - 1) for i, c in enumerate(coefficients) if i), arb(0))
    if steep.contains(0):
        raise Imprecise("singular values are not told apart")
    return steep


def _zero_as_function(coefficients: list[Number], s: Ball) -> Number:
    """The zero s of Σ cᵢsⁱ as a function of the coefficients: ds = −Σ sⁱ dcᵢ / Σ i·cᵢsⁱ⁻¹."""
    values = [c if isinstance(c, arb) else c[0] for c in coefficients]
    steep = _steepness(values, s)
    variable = [(i, c) for i, c in enumerate(coefficients) if not isinstance(c, arb)]
    if any(isinstance(c, Node) for _, c in variable):
        return Node(s, [c for _, c in variable], [-(s**i) / steep for i, _ in variable])
    return arb_series([s, sum((-(s**i) / steep * c[1] for i, c in variable), arb(0))], 2)


PENALTIES: dict[str, Term] = {
    "regularizer/group_lasso": Term(group_lasso, {"lam": 0.1}, "lam >= 0"),
    "regularizer/max_norm": Term(max_norm, {"lam": 0.1, "limit": 3.0}, "lam >= 0 and limit > 0"),
    "regularizer/orthogonality": Term(orthogonality, {"lam": 0.1}, "lam >= 0"),
    "regularizer/spectral_norm": Term(spectral_norm, {"lam": 0.1}, "lam >= 0"),
    "regularizer/nuclear_norm": Term(nuclear_norm, {"lam": 0.1}, "lam >= 0"),
}
