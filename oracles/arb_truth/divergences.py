"""Divergences, Fenchel–Young costs and rankings: forward definitions, as those of `oracles.arb_truth.costs`."""

from __future__ import annotations

import numpy as np

from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.definition import Forward, fill
from oracles.arb_truth.functions import absolute, by_row, dot, elementwise, entrywise, surprises, total, weigh, xlogy
from oracles.arb_truth.numbers import Array, Scalar, ball, objects
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
    down = sorted(row, key=lambda u: float(ball(u).mid()), reverse=True)
    k = 1
    while k < len(down) and 1 + (k + 1) * ball(down[k]) > ball(total(down[: k + 1])):
        k += 1
    t = (total(down[:k]) - 1) / k
    return objects([u - t if ball(u) > ball(t) else 0 * u for u in row])


@cost()
def ranking_softmax(z: Array, y: Array, mask: Array | None = None) -> Terms:
    """−Σ y log softmax(z) over the items that are not masked; the mean is over the lists that have one."""
    there = np.ones(z.shape, bool) if mask is None else np.asarray(mask, dtype=float) != 0

    def term(row: Row, relevances: Row, counts: Row) -> Scalar:
        items = [j for j, is_there in enumerate(counts) if is_there]
        return dot([relevances[j] for j in items], surprises([row[j] for j in items])) if items else 0

    return by_row(term, z, y, there), int(there.any(-1).sum())
