"""Costs of margins, embeddings, masks and sequences: forward definitions, as those of `oracles.arb_truth.costs`."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.alignments import alignments
from oracles.arb_truth.activations import softplus_of
from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import above, by_row, dot, entrywise, largest, log, norm, power, surprises, total
from oracles.arb_truth.numbers import Array, Ball, Scalar, ball, objects
from oracles.arb_truth.reduction import Terms, class_weights, entering, times

Row = Array  # (d,)
Option = Any  # a parameter that is given as it is

MARGINS: dict[str, Forward] = {}
cost = entering(MARGINS)

# ---------------------------------------------------------------- margins


@cost()
def hinge(z: Array, y: Array) -> Terms:
    """max(0, 1 − yz)."""
    return above(1 - y * z)


@cost()
def squared_hinge(z: Array, y: Array) -> Terms:
    """max(0, 1 − yz)²."""
    h = above(1 - y * z)
    return h * h


@cost()
def perceptron(z: Array, y: Array) -> Terms:
    """max(0, −yz)."""
    return above(-y * z)


@cost()
def soft_margin(z: Array, y: Array) -> Terms:
    """log(1 + e^(−yz))."""
    return softplus_of(-y * z)


@cost(margin=1.0)
def hinge_embedding(z: Array, y: Array, *, margin: Scalar) -> Terms:
    """z where y = 1, max(0, margin − z) where y = −1."""
    return entrywise(lambda u, t: u if ball(t) > 0 else above(margin - u))(z, y)


@cost(margin=0.0)
def margin_ranking(a: Array, b: Array, y: Array, *, margin: Scalar) -> Terms:
    """max(0, margin − y(a − b))."""
    return above(margin - y * (a - b))


@cost("p in (1, 2)", p=1, margin=1.0)
def multi_margin(z: Array, labels: Array, weight: Row | None = None, *, p: Option, margin: Scalar) -> Terms:
    """w_y·Σ_{j≠y} max(0, margin − z_y + z_j)ᵖ/d."""
    w, exponent = class_weights(weight, z), arb(p)

    def term(row: Row, y: int) -> Scalar:
        return w[y] * total(power(above(margin - row[y] + u), exponent) for j, u in enumerate(row) if j != y) / len(row)

    return by_row(term, z, np.asarray(labels))


@cost()
def multilabel_margin(z: Array, y: Array) -> Terms:
    """Σ max(0, 1 − z_l + z_j)/d over labels l and others j."""

    def term(row: Row, targets: Row) -> Scalar:
        inside = [u for u, t in zip(row, targets, strict=True) if ball(t) == 1]
        outside = [u for u, t in zip(row, targets, strict=True) if ball(t) == 0]
        return total([0 * row[0], *(above(1 - u + v) for u in inside for v in outside)]) / len(row)

    return by_row(term, z, y)


@cost()
def multilabel_soft_margin(z: Array, y: Array, weight: Row | None = None) -> Terms:
    """Σ −w[y log σ(z) + (1 − y) log σ(−z)]/d."""
    terms = times(weight, y * softplus_of(-z) + (1 - y) * softplus_of(z))
    return by_row(lambda row: total(row) / len(row), terms)


@cost()
def multiclass_hinge(z: Array, labels: Array) -> Terms:
    """max_j(z_j + [j ≠ y]) − z_y."""
    return by_row(lambda row, y: largest([u + int(j != y) for j, u in enumerate(row)]) - row[y], z, np.asarray(labels))


@cost()
def multiclass_perceptron(z: Array, labels: Array) -> Terms:
    """max_j z_j − z_y."""
    return by_row(lambda row, y: largest(row) - row[y], z, np.asarray(labels))


@cost(reduction=None)
def wasserstein_critic(a: Array, b: Array) -> Scalar:
    """Mean of b minus mean of a."""
    return total(np.ravel(b)) / np.size(b) - total(np.ravel(a)) / np.size(a)


# ---------------------------------------------------------------- embeddings and masks


def _cosine(a: Row, b: Row) -> Scalar:
    return dot(a, b) / (norm(a) * norm(b))


@cost()
def cosine_distance(a: Array, b: Array) -> Terms:
    """1 − cos of each pair of rows."""
    return by_row(lambda p, q: 1 - _cosine(p, q), a, b)


@cost(margin=0.0)
def cosine_embedding(a: Array, b: Array, y: Array, *, margin: Scalar) -> Terms:
    """1 − cos where y = 1, max(0, cos − margin) where y = −1."""
    return by_row(
        lambda p, q, t: 1 - _cosine(p, q) if ball(t) > 0 else above(_cosine(p, q) - margin), a, b, np.asarray(y)
    )


@cost("margin > 0", margin=1.0, eps=0.0, swap=False)
def triplet_margin(a: Array, b: Array, c: Array, *, margin: Scalar, eps: Ball, swap: Option) -> Terms:
    """max(0, margin + ‖a − b + ε‖ − D), D = ‖a − c + ε‖, or with `swap` ‖b − c + ε‖ where that is smaller."""

    def term(p: Row, q: Row, r: Row) -> Scalar:
        nearness = [-norm(p - r + eps), *([-norm(q - r + eps)] if swap else [])]  # its largest is −D
        return above(margin + norm(p - q + eps) + largest(nearness))

    return by_row(term, a, b, c)


@cost("temperature > 0", temperature=0.07)
def nt_xent(z: Array, labels: Array, *, temperature: Scalar) -> Terms:
    """−log[e^(c_ij/T)/(e^(c_ij/T) + Σₖ e^(c_ik/T))] for pairs i ≠ j of one label, k of other labels."""
    terms = []
    for i, u in enumerate(z):
        others = [_cosine(u, z[k]) / temperature for k in range(len(z)) if labels[k] != labels[i]]
        for j, v in enumerate(z):
            if j != i and labels[j] == labels[i]:
                terms.append(surprises([_cosine(u, v) / temperature, *others])[0])
    return objects(terms)


@cost("smooth >= 0", smooth=1.0)
def dice(a: Array, y: Array, *, smooth: Scalar) -> Terms:
    """1 − (2Σay + s)/(Σa + Σy + s) of each row."""
    return by_row(lambda p, t: 1 - (2 * dot(p, t) + smooth) / (total(p) + total(t) + smooth), a, y)


@cost("smooth >= 0", alpha=0.5, beta=0.5, smooth=1.0)
def tversky(a: Array, y: Array, *, alpha: Scalar, beta: Scalar, smooth: Scalar) -> Terms:
    """1 − (Σay + s)/(Σay + αΣa(1 − y) + βΣ(1 − a)y + s) of each row."""

    def term(p: Row, t: Row) -> Scalar:
        both = dot(p, t)
        whole = both + alpha * (total(p) - both) + beta * (total(t) - both) + smooth
        return 1 - (both + smooth) / whole

    return by_row(term, a, y)


@cost("power >= 0", power=2.0)
def generalized_dice(a: Array, y: Array, *, power: Scalar) -> Terms:
    """1 − 2ΣwΣay/ΣwΣ(a + y), w the size of a class to the power −p; 0 where there is nothing, unless p = 0."""

    def term(masks: Array, truths: Array) -> Scalar:
        sizes = [int(float(ball(total(t)))) for t in truths]
        plain = ball(power) == 0
        w = [(arb(m).log() * -power).exp() if m else arb(1 if plain else 0) for m in sizes]
        both = dot(w, [dot(p, t) for p, t in zip(masks, truths, strict=True)])
        return 1 - 2 * both / dot(w, [total(p) + total(t) for p, t in zip(masks, truths, strict=True)])

    return objects([term(p, t) for p, t in zip(a, y, strict=True)])


# ---------------------------------------------------------------- sequences


@cost(blank=0)
def ctc(
    a: Array, labels: Array, input_lengths: Array | None = None, target_lengths: Array | None = None, *, blank: Option
) -> Terms:
    """−log Σ exp Σₜ a_t of every path that collapses to the target; the mean divides each by its number of labels."""
    frames = [len(x) for x in a] if input_lengths is None else input_lengths
    lengths = [len(row) for row in labels] if target_lengths is None else target_lengths
    terms = []
    for x, row, T, U in zip(a, labels, frames, lengths, strict=True):
        paths = alignments(row[:U], int(T), x.shape[-1], blank)
        terms.append(-log(total(total(x[t][k] for t, k in enumerate(path)).exp() for path in paths)))
    return objects(terms), [len(a) * max(int(U), 1) for U in lengths]
