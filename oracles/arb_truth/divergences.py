"""Divergences, Fenchel–Young costs and rankings: forward definitions, as those of `oracles.arb_truth.costs`."""

from __future__ import annotations

import numpy as np

from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.definition import Forward, fill
from oracles.arb_truth.functions import absolute, by_row, dot, elementwise, entrywise, surprises, total, weigh, xlogy
from oracles.arb_truth.layers.projections import lengths
from oracles.arb_truth.numbers import Array, Imprecise, Scalar, ball, objects, shown
from oracles.arb_truth.reduction import Terms, entering

Row = Array  # (d,)

DIVERGENCES: dict[str, Forward] = {}
cost = entering(DIVERGENCES)


@cost(reduction="batchmean")
def generalized_kl(a: Array, y: Array) -> Terms:
    """y(log y − a) + eᵃ − y."""
    return xlogy(y, y) - weigh(y, a) + np.exp(a) - y


@cost()
def total_variation(p: Array, q: Array) -> Terms:
    """½Σ|p − q|."""
    return by_row(lambda u, v: total(map(absolute, u - v)) / 2, p, q)


SPARSE_PLUS = fill(ELEMENTWISE["activation/sparse_plus"], {})


@cost()
def sparsemax(z: Array, y: Array) -> Terms:
    """Sparse plus of −z where y is 1, of z where it is 0."""
    return entrywise(lambda u: elementwise(SPARSE_PLUS, u))((1 - 2 * y) * z)


@cost()
def multiclass_sparsemax(z: Array, labels: Array) -> Terms:
    """max ⟨p, z⟩ − ½‖p‖² over distributions p, which is at p = max(z − t, 0), and ½ − z_y."""

    def term(row: Row, y: int) -> Scalar:
        p = _nearest(row)
        return dot(p, row) - dot(p, p) / 2 + (1 - 2 * row[y]) / 2

    return by_row(term, z, np.asarray(labels))


def _nearest(row: Row) -> Row:
    """The distribution nearest to a row: what is above t, less t, with the t that makes the sum 1."""
    order = sorted(range(len(row)), key=lambda j: float(ball(row[j]).mid()), reverse=True)
    above = order[:1]
    while len(above) < len(row):
        more = [*above, order[len(above)]]
        gap = ball(1 + total(row[more[-1]] - row[j] for j in more))
        if gap.contains(0) and not gap.is_zero():
            raise Imprecise(f"whether {shown(gap)} is above 0 is not decided")
        if not gap > 0:
            break
        above = more
    t = (total(row[j] for j in above) - 1) / len(above)
    return objects([u - t if j in above else 0 * u for j, u in enumerate(row)])


@cost()
def entmax(z: Array, labels: Array) -> Terms:
    """max ⟨p, z⟩ + 4/3·(1 − Σp^1.5) over distributions p, which is at p = max(z/2 − t, 0)², less z_y."""

    def term(row: Row, y: int) -> Scalar:
        s = lengths(row)
        squares = [u * u for u in s]
        return dot(squares, [u - row[y] for u in row]) + 4 * (1 - dot(squares, s)) / 3

    return by_row(term, z, np.asarray(labels))


@cost()
def ranking_softmax(z: Array, y: Array, mask: Array | None = None) -> Terms:
    """−Σ y log softmax(z) over the items that are not masked; the mean is over the lists that have one."""
    there = np.ones(z.shape, bool) if mask is None else np.asarray(mask, dtype=float) != 0

    def term(row: Row, relevances: Row, counts: Row) -> Scalar:
        items = [j for j, is_there in enumerate(counts) if is_there]
        return dot([relevances[j] for j in items], surprises([row[j] for j in items])) if items else 0

    return by_row(term, z, y, there), int(there.any(-1).sum())
