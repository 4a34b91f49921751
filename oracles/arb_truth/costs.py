"""Costs of several inputs: forward definitions over balls.

A definition takes rows of numbers (balls, or jets, power series or nodes of a tape, which carry derivatives), labels
as integers and parameters as exact balls, and returns the terms of the cost and what their sum is divided by for the
mean. No derivative is written here. Where a branch is decided by exactly 0, a jet raises AtKink, and a node encloses
the slopes of both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from flint import arb

from oracles.alignments import alignments
from oracles.arb_truth.definition import Ball, Number
from oracles.arb_truth.functions import (
    above,
    absolute,
    huber,
    is_zero,
    largest,
    logistic,
    pinball,
    power,
    softplus,
    surprises,
    xlogy,
)

Row = Sequence[Number]
Matrix = Sequence[Row]
# the terms, and for their mean the divisor of their sum, or one of each term
Terms = tuple[list[Number], "Number | Sequence[Number]"]


# ---------------------------------------------------------------- building blocks


def _entries(*matrices: Matrix | None) -> Iterator[tuple[Number, ...]]:
    """Corresponding entries, row by row; 1 for a matrix that is not given."""
    shape = [len(row) for row in matrices[0] or ()]
    for i, d in enumerate(shape):
        for j in range(d):
            yield tuple(1 if m is None else m[i][j] for m in matrices)


def _over_entries(terms: list[Number]) -> Terms:
    return terms, len(terms)


def _weights(w: Row | None, d: int) -> Row:
    return [1] * d if w is None else w


def _dot(a: Row, b: Row) -> Number:
    return sum(p * q for p, q in zip(a, b, strict=True))


def _norm(a: Row) -> Number:
    return _dot(a, a).sqrt()


def _cosine(a: Row, b: Row) -> Number:
    return _dot(a, b) / (_norm(a) * _norm(b))


# ---------------------------------------------------------------- regression


def l1(a: Matrix, y: Matrix, weight: Matrix | None = None) -> Terms:
    """w·|a − y|; the mean divides by Σw."""
    return _by_weights([(w, absolute(p - t)) for p, t, w in _entries(a, y, weight)])


def squared_error(a: Matrix, y: Matrix, weight: Matrix | None = None) -> Terms:
    """w·(a − y)²; the mean divides by Σw."""
    return _by_weights([(w, (p - t) * (p - t)) for p, t, w in _entries(a, y, weight)])


def _by_weights(pairs: list[tuple[Number, Number]]) -> Terms:
    return [w * term for w, term in pairs], sum(w for w, _ in pairs)


def huber_error(a: Matrix, y: Matrix, weight: Matrix | None = None, *, delta: Ball) -> Terms:
    """w·h(a − y), h(r) = r²/2 for |r| ≤ δ, δ(|r| − δ/2) beyond."""
    return _over_entries([w * huber(p - t, delta) for p, t, w in _entries(a, y, weight)])


def smooth_l1(a: Matrix, y: Matrix, *, beta: Ball) -> Terms:
    """Huber's error over β."""
    return _over_entries([huber(p - t, beta) / beta for p, t in _entries(a, y)])


def log_cosh(a: Matrix, y: Matrix) -> Terms:
    """log((eʳ + e⁻ʳ)/2), r = a − y."""
    return _over_entries([_log_cosh(p - t) for p, t in _entries(a, y)])


def _log_cosh(r: Number) -> Number:
    size = -r if r[0] < 0 else r  # even: the sign chosen at 0 does not matter
    return size + (1 + (-2 * size).exp()).log() - arb(2).log()


def quantile(a: Matrix, y: Matrix, *, tau: Ball) -> Terms:
    """τ·(y − a) below y, (1 − τ)·(a − y) above."""
    return _over_entries([pinball(p - t, tau) for p, t in _entries(a, y)])


def poisson_nll(a: Matrix, y: Matrix, *, full: Ball) -> Terms:
    """eᵃ − ya, with Stirling's log y! for y > 1 where asked for."""
    return _over_entries([p.exp() - t * p + _stirling(t, full) for p, t in _entries(a, y)])


def poisson_nll_rate(a: Matrix, y: Matrix, *, eps: Ball, full: Ball) -> Terms:
    """a − y·log(a + ε), likewise."""
    return _over_entries([p - (0 * t if is_zero(t) and is_zero(p + eps) else xlogy(t, p + eps)) + _stirling(t, full)
                          for p, t in _entries(a, y)])  # fmt: skip


def _stirling(y: Number, full: Ball) -> Number:
    if full == 0 or not y[0] > 1:
        return 0 * y
    return xlogy(y, y) - y + (2 * arb.pi() * y).log() / 2


def gaussian_nll(a: Matrix, y: Matrix, v: Matrix, *, full: Ball) -> Terms:
    """½[log v + (a − y)²/v], with ½log 2π where asked for."""
    constant = full * (2 * arb.pi()).log()
    return _over_entries([(u.log() + (p - t) * (p - t) / u + constant) / 2 for p, t, u in _entries(a, y, v)])


# ---------------------------------------------------------------- probabilities


def kl_div(a: Matrix, y: Matrix) -> Terms:
    """y(log y − a), a log-probabilities."""
    return _over_entries([xlogy(t, t) - t * p for p, t in _entries(a, y)])


def kl_div_log_target(a: Matrix, y: Matrix) -> Terms:
    """eʸ(y − a), both log-probabilities."""
    return _over_entries([t.exp() * (t - p) for p, t in _entries(a, y)])


def jensen_shannon(p: Matrix, q: Matrix) -> Terms:
    """½Σ[p log(p/m) + q log(q/m)], m = (p + q)/2."""
    return _over_entries([sum(_to_middle(s, t) + _to_middle(t, s) for s, t in zip(u, v, strict=True)) / 2
                          for u, v in zip(p, q, strict=True)])  # fmt: skip


def _to_middle(s: Number, t: Number) -> Number:
    return xlogy(s, 2 * s / (s + t))


def binary_cross_entropy(a: Matrix, y: Matrix, weight: Matrix | None = None) -> Terms:
    """−w[y log a + (1 − y) log(1 − a)]."""
    return _over_entries([-w * (xlogy(t, p) + xlogy(1 - t, 1 - p)) for p, t, w in _entries(a, y, weight)])


def nll_labels(
    a: Matrix, labels: Sequence[int], weight: Row | None = None, *, ignore_index: int | None = None
) -> Terms:
    """−w_y·a_y; the mean divides by Σw_y; ignored labels do not count."""
    w = _weights(weight, len(a[0]))
    counted = [(row, y) for row, y in zip(a, labels, strict=True) if y != ignore_index]
    return [-w[y] * row[y] for row, y in counted], sum(w[y] for _, y in counted)


# ---------------------------------------------------------------- logits


def binary_cross_entropy_logits(
    z: Matrix, y: Matrix, weight: Matrix | None = None, pos_weight: Row | None = None
) -> Terms:
    """−w[p·y log σ(z) + (1 − y) log σ(−z)]."""
    p = [_weights(pos_weight, len(z[0]))] * len(z)
    return _over_entries([w * (q * t * softplus(-u) + (1 - t) * softplus(u))
                          for u, t, w, q in _entries(z, y, weight, p)])  # fmt: skip


def sigmoid_focal(z: Matrix, y: Matrix, *, alpha: Ball, gamma: Ball) -> Terms:
    """αy(1 − p)^γ(−log p) + (1 − α)(1 − y)p^γ(−log(1 − p)), p = σ(z)."""
    return _over_entries([alpha * t * power(logistic(-u), gamma) * softplus(-u)
                          + (1 - alpha) * (1 - t) * power(logistic(u), gamma) * softplus(u)
                          for u, t in _entries(z, y)])  # fmt: skip


def cross_entropy_labels(
    z: Matrix,
    labels: Sequence[int],
    weight: Row | None = None,
    *,
    label_smoothing: Ball,
    ignore_index: int | None = None,
) -> Terms:
    """−Σ w_j((1 − ε)[j = y] + ε/d) log softmax(z)_j; the mean divides by Σw_y; ignored labels do not count."""
    d, epsilon = len(z[0]), label_smoothing
    w = _weights(weight, d)
    counted = [(surprises(row), y) for row, y in zip(z, labels, strict=True) if y != ignore_index]
    terms = [sum(w[j] * ((1 - epsilon) * (j == y) + epsilon / d) * s for j, s in enumerate(row)) for row, y in counted]
    return terms, sum(w[y] for _, y in counted)


def cross_entropy_probabilities(z: Matrix, y: Matrix, weight: Row | None = None, *, label_smoothing: Ball) -> Terms:
    """−Σ w_j((1 − ε)y_j + ε/d) log softmax(z)_j."""
    d, epsilon = len(z[0]), label_smoothing
    w = _weights(weight, d)
    return _over_entries([sum(w_j * ((1 - epsilon) * t + epsilon / d) * s
                              for w_j, t, s in zip(w, targets, surprises(row), strict=True))
                          for row, targets in zip(z, y, strict=True)])  # fmt: skip


def softmax_focal(z: Matrix, labels: Sequence[int], weight: Row | None = None, *, gamma: Ball) -> Terms:
    """−w_y(1 − p)^γ log p, p the probability of the label; 1 − p is summed from the other classes."""
    w = _weights(weight, len(z[0]))
    terms = []
    for row, y in zip(z, labels, strict=True):
        surprise = surprises(row)
        others = sum((-s).exp() for j, s in enumerate(surprise) if j != y)
        terms.append(w[y] * power(others, gamma) * surprise[y])
    return _over_entries(terms)


def poly_cross_entropy(z: Matrix, y: Matrix, *, epsilon: Ball) -> Terms:
    """Σ y[−log p + ε(1 − p)], p = softmax(z)."""
    return _over_entries([sum(t * (s + epsilon * (1 - (-s).exp()))
                              for t, s in zip(targets, surprises(row), strict=True))
                          for row, targets in zip(z, y, strict=True)])  # fmt: skip


# ---------------------------------------------------------------- margins


def hinge(z: Matrix, y: Matrix) -> Terms:
    """max(0, 1 − yz)."""
    return _over_entries([above(1 - t * u) for u, t in _entries(z, y)])


def squared_hinge(z: Matrix, y: Matrix) -> Terms:
    """max(0, 1 − yz)²."""
    return _over_entries([above(1 - t * u) * above(1 - t * u) for u, t in _entries(z, y)])


def perceptron(z: Matrix, y: Matrix) -> Terms:
    """max(0, −yz)."""
    return _over_entries([above(-t * u) for u, t in _entries(z, y)])


def soft_margin(z: Matrix, y: Matrix) -> Terms:
    """log(1 + e^(−yz))."""
    return _over_entries([softplus(-t * u) for u, t in _entries(z, y)])


def hinge_embedding(z: Matrix, y: Sequence[Sequence[int]], *, margin: Ball) -> Terms:
    """z where y = 1, max(0, margin − z) where y = −1."""
    return _over_entries([u if t > 0 else above(margin - u) for u, t in _entries(z, y)])


def margin_ranking(a: Matrix, b: Matrix, y: Matrix, *, margin: Ball) -> Terms:
    """max(0, margin − y(a − b))."""
    return _over_entries([above(margin - t * (p - q)) for p, q, t in _entries(a, b, y)])


def multi_margin(z: Matrix, labels: Sequence[int], weight: Row | None = None, *, p: Ball, margin: Ball) -> Terms:
    """w_y·Σ_{j≠y} max(0, margin − z_y + z_j)ᵖ/d."""
    d = len(z[0])
    w = _weights(weight, d)
    return _over_entries([w[y] * sum(power(above(margin - row[y] + u), p) for j, u in enumerate(row) if j != y) / d
                          for row, y in zip(z, labels, strict=True)])  # fmt: skip


def multilabel_margin(z: Matrix, y: Sequence[Sequence[int]]) -> Terms:
    """Σ max(0, 1 − z_l + z_j)/d over labels l and others j."""
    terms = []
    for row, targets in zip(z, y, strict=True):
        inside = [u for u, t in zip(row, targets, strict=True) if t == 1]
        outside = [u for u, t in zip(row, targets, strict=True) if t == 0]
        terms.append(sum((above(1 - u + v) for u in inside for v in outside), 0 * row[0]) / len(row))
    return _over_entries(terms)


def multilabel_soft_margin(z: Matrix, y: Matrix, weight: Row | None = None) -> Terms:
    """Σ −w[y log σ(z) + (1 − y) log σ(−z)]/d."""
    w = _weights(weight, len(z[0]))
    return _over_entries([sum(w_j * (t * softplus(-u) + (1 - t) * softplus(u))
                              for u, t, w_j in zip(row, targets, w, strict=True)) / len(row)
                          for row, targets in zip(z, y, strict=True)])  # fmt: skip


def multiclass_hinge(z: Matrix, labels: Sequence[int]) -> Terms:
    """max_j(z_j + [j ≠ y]) − z_y."""
    return _over_entries([largest([u + int(j != y) for j, u in enumerate(row)]) - row[y]
                          for row, y in zip(z, labels, strict=True)])  # fmt: skip


def multiclass_perceptron(z: Matrix, labels: Sequence[int]) -> Terms:
    """max_j z_j − z_y."""
    return _over_entries([largest(list(row)) - row[y] for row, y in zip(z, labels, strict=True)])


def wasserstein_critic(a: Row, b: Row) -> Terms:
    """Mean of b minus mean of a."""
    return [sum(b) / len(b) - sum(a) / len(a)], 1


# ---------------------------------------------------------------- embeddings and masks


def cosine_distance(a: Matrix, b: Matrix) -> Terms:
    """1 − cos of each pair of rows."""
    return _over_entries([1 - _cosine(p, q) for p, q in zip(a, b, strict=True)])


def cosine_embedding(a: Matrix, b: Matrix, y: Sequence[int], *, margin: Ball) -> Terms:
    """1 − cos where y = 1, max(0, cos − margin) where y = −1."""
    return _over_entries([1 - _cosine(p, q) if t > 0 else above(_cosine(p, q) - margin)
                          for p, q, t in zip(a, b, y, strict=True)])  # fmt: skip


def triplet_margin(a: Matrix, b: Matrix, c: Matrix, *, margin: Ball, eps: Ball) -> Terms:
    """max(0, margin + ‖a − b + ε‖ − ‖a − c + ε‖)."""

    def distance(p: Row, q: Row) -> Number:
        return _norm([s - t + eps for s, t in zip(p, q, strict=True)])

    return _over_entries([above(margin + distance(p, q) - distance(p, r)) for p, q, r in zip(a, b, c, strict=True)])


def nt_xent(z: Matrix, labels: Sequence[int], *, temperature: Ball) -> Terms:
    """−log[e^(c_ij/T)/(e^(c_ij/T) + Σₖ e^(c_ik/T))] for pairs i ≠ j of one label, k of other labels."""
    terms = []
    for i, u in enumerate(z):
        others = [_cosine(u, z[k]) / temperature for k in range(len(z)) if labels[k] != labels[i]]
        for j, v in enumerate(z):
            if j != i and labels[j] == labels[i]:
                terms.append(surprises([_cosine(u, v) / temperature, *others])[0])
    return _over_entries(terms)


def dice(a: Matrix, y: Matrix, *, smooth: Ball) -> Terms:
    """1 − (2Σay + s)/(Σa + Σy + s) of each row."""
    return _over_entries(
        [1 - (2 * _dot(p, t) + smooth) / (sum(p) + sum(t) + smooth) for p, t in zip(a, y, strict=True)]
    )


def tversky(a: Matrix, y: Matrix, *, alpha: Ball, beta: Ball, smooth: Ball) -> Terms:
    """1 − (Σay + s)/(Σay + αΣa(1 − y) + βΣ(1 − a)y + s) of each row."""
    terms = []
    for p, t in zip(a, y, strict=True):
        both = _dot(p, t)
        whole = both + alpha * (sum(p) - both) + beta * (sum(t) - both) + smooth
        terms.append(1 - (both + smooth) / whole)
    return _over_entries(terms)


# ---------------------------------------------------------------- sequences


def ctc(
    a: Sequence[Matrix],
    labels: Sequence[Sequence[int]],
    input_lengths: Sequence[int] | None = None,
    target_lengths: Sequence[int] | None = None,
    *,
    blank: Ball,
) -> Terms:
    """−log Σ exp Σₜ a_t of every path that collapses to the target; the mean divides each by its number of labels."""
    frames = [len(x) for x in a] if input_lengths is None else input_lengths
    lengths = [len(row) for row in labels] if target_lengths is None else target_lengths
    terms = []
    for x, row, T, U in zip(a, labels, frames, lengths, strict=True):
        paths = alignments(row[:U], T, len(x[0]), int(float(blank)))
        terms.append(-sum(sum(x[t][k] for t, k in enumerate(path)).exp() for path in paths).log())
    return terms, [len(a) * max(U, 1) for U in lengths]


class Loss(NamedTuple):
    """A definition and its parameters with their defaults."""

    function: Callable[..., Terms]
    parameters: Mapping[str, float] = {}


LOSSES: dict[str, Loss] = {
    f"cost/{loss.function.__name__}": loss
    for loss in (
        Loss(l1), Loss(squared_error), Loss(huber_error, {"delta": 1.0}), Loss(smooth_l1, {"beta": 1.0}),
        Loss(log_cosh),
        Loss(quantile, {"tau": 0.5}), Loss(poisson_nll, {"full": 0}), Loss(poisson_nll_rate, {"eps": 0.0, "full": 0}),
        Loss(gaussian_nll, {"full": 0}), Loss(kl_div), Loss(kl_div_log_target), Loss(jensen_shannon),
        Loss(binary_cross_entropy), Loss(nll_labels), Loss(binary_cross_entropy_logits),
        Loss(sigmoid_focal, {"alpha": 0.25, "gamma": 2.0}), Loss(cross_entropy_labels, {"label_smoothing": 0.0}),
        Loss(cross_entropy_probabilities, {"label_smoothing": 0.0}), Loss(softmax_focal, {"gamma": 2.0}),
        Loss(poly_cross_entropy, {"epsilon": 2.0}), Loss(hinge), Loss(squared_hinge), Loss(perceptron),
        Loss(soft_margin),
        Loss(hinge_embedding, {"margin": 1.0}), Loss(margin_ranking, {"margin": 0.0}),
        Loss(multi_margin, {"p": 1, "margin": 1.0}), Loss(multilabel_margin), Loss(multilabel_soft_margin),
        Loss(multiclass_hinge), Loss(multiclass_perceptron), Loss(wasserstein_critic), Loss(cosine_distance),
        Loss(cosine_embedding, {"margin": 0.0}), Loss(triplet_margin, {"margin": 1.0, "eps": 0.0}),
        Loss(nt_xent, {"temperature": 0.07}), Loss(dice, {"smooth": 1.0}),
        Loss(tversky, {"alpha": 0.5, "beta": 0.5, "smooth": 1.0}),
        Loss(ctc, {"blank": 0}),
    )
}  # fmt: skip
