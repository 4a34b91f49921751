"""Costs as functions that the complex step can differentiate, by every floating argument.

A cost is first its terms: one for each entry (..., n, d) or for each example (..., n), with leading axes as they are.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any

import numpy as np

from oracles.alignments import alignments
from oracles.calls import Array, Definition, options
from oracles.finite_difference import divergences, preferences, sequences
from oracles.finite_difference.functions import (
    above,
    absolute,
    cosines,
    huber,
    largest,
    log_cosh,
    log_softmax,
    norms,
    sigmoid,
    softplus,
    xlogy,
)


def _one_hot(labels: Array, z: Array) -> Array:
    """Rows with a 1 at the label, as long as those of z.  (..., n) -> (..., n, d)."""
    return labels[..., None] == np.arange(z.shape[-1])


def _times(terms: Array, weight: Array | None) -> Array:
    return terms if weight is None else weight * terms


def _by_weights(terms: Array, weight: Array | None) -> Any:
    """Terms with weights, by whose sum their mean is divided."""
    return terms if weight is None else (weight * terms, np.broadcast_to(weight, terms.shape))


def _stirling(y: Array, full: bool) -> Array:
    safe = np.where(y.real > 1, y, 1)
    return np.where(y.real > 1, safe * np.log(safe) - safe + np.log(2 * np.pi * safe) / 2, 0) if full else np.zeros(1)


def _bce(a: Array, y: Array) -> Array:
    return -xlogy(y, a) - xlogy(1 - y, 1 - a)


def _bce_logits(z: Array, y: Array, weight: Array | None = None, pos_weight: Array | None = None) -> Array:
    return _times(_times(y * softplus(-z), pos_weight) + (1 - y) * softplus(z), weight)


def _jensen_shannon(p: Array, q: Array, beta: float = 0.5) -> Array:
    m = beta * p + (1 - beta) * q
    return np.asarray((beta * xlogy(p, p / m) + (1 - beta) * xlogy(q, q / m)).sum(-1))


def _gaussian_nll(a: Array, y: Array, v: Array, full: bool = False, eps: float = 0.0) -> Array:
    v = np.where(v.real > eps, v, eps)
    return np.asarray((np.log(v) + (a - y) * (a - y) / v + full * np.log(2 * np.pi)) / 2)


def _of_labels(
    surprise: Array,
    labels: Array,
    weight: Array | None,
    ignore_index: int | None,
    smoothing: float = 0.0,
    others: bool = False,
) -> Any:
    """Σ_j w_j·q_j·surprise_j for targets q of labels; the mean divides by the weights of the labels that count."""
    counts = np.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    w = np.ones(surprise.shape[-1]) if weight is None else weight
    y = _one_hot(np.where(counts, labels, 0), surprise)
    d = surprise.shape[-1]
    q = (1 - smoothing) * y + smoothing * (~y / max(d - 1, 1) if others else 1 / d)
    terms = (np.where(counts[..., None], w * q, 0) * surprise).sum(-1)
    return terms, np.where(counts, (w * y).sum(-1), 0)


def _cross_entropy_labels(
    z: Array,
    labels: Array,
    weight: Array | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    smooth_others: bool = False,
    softcap: float = np.inf,
    temperature: float = 1.0,
) -> Any:
    z = z if np.isinf(softcap) else softcap * np.tanh(z / softcap)
    return _of_labels(-log_softmax(z / temperature), labels, weight, ignore_index, label_smoothing, smooth_others)


def _cross_entropy_probabilities(
    z: Array, y: Array, weight: Array | None = None, label_smoothing: float = 0.0
) -> Array:
    q = (1 - label_smoothing) * y + label_smoothing / z.shape[-1]
    return np.asarray(_times(-q * log_softmax(z), weight).sum(-1))


def _sigmoid_focal(z: Array, y: Array, alpha: float = 0.25, gamma: float = 2.0) -> Array:
    one = alpha * y * sigmoid(-z) ** gamma * softplus(-z)
    return np.asarray(one + (1 - alpha) * (1 - y) * sigmoid(z) ** gamma * softplus(z))


def _softmax_focal(z: Array, labels: Array, weight: Array | None = None, gamma: float = 2.0) -> Array:
    surprise, y = -log_softmax(z), _one_hot(labels, z)
    others = np.where(y, 0, np.exp(-surprise)).sum(-1)
    return _times(others**gamma * (y * surprise).sum(-1), None if weight is None else (weight * y).sum(-1))


def _poly(z: Array, y: Array, epsilon: float = 2.0) -> Array:
    surprise = -log_softmax(z)
    return np.asarray((y * (surprise + epsilon * (1 - np.exp(-surprise)))).sum(-1))


def _of_label(z: Array, labels: Array) -> Array:
    return np.take_along_axis(z, labels[..., None], -1)  # (..., n, 1)


def _multi_margin(z: Array, labels: Array, weight: Array | None = None, p: int = 1, margin: float = 1.0) -> Array:
    y = _one_hot(labels, z)
    slack = np.where(y, 0, above(margin - _of_label(z, labels) + z) ** p)
    return _times(slack.mean(-1), None if weight is None else (weight * y).sum(-1))


def _multilabel_margin(z: Array, y: Array) -> Array:
    pairs = (y[..., :, None] == 1) & (y[..., None, :] == 0)  # [label, other]
    return np.where(pairs, above(1 - z[..., :, None] + z[..., None, :]), 0).sum((-2, -1)) / z.shape[-1]


def _multiclass(z: Array, labels: Array, margin: float) -> Array:
    raised = z + margin * ~_one_hot(labels, z)
    return (largest(raised)[0] - _of_label(z, labels))[..., 0]


def _cosine_embedding(a: Array, b: Array, y: Array, margin: float = 0.0) -> Array:
    c = cosines(a, b)
    return np.where(y.real > 0, 1 - c, above(c - margin))


def _triplet_margin(a: Array, b: Array, c: Array, margin: float = 1.0, eps: float = 0.0, swap: bool = False) -> Array:
    far, from_b = norms(a - c + eps), norms(b - c + eps)
    far = np.where(from_b.real < far.real, from_b, far) if swap else far
    return above(margin + norms(a - b + eps) - far)


def _dice(a: Array, y: Array, smooth: float = 1.0) -> Array:
    return np.asarray(1 - (2 * (a * y).sum(-1) + smooth) / ((a + y).sum(-1) + smooth))


def _tversky(a: Array, y: Array, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> Array:
    both = (a * y).sum(-1) + smooth
    return np.asarray(1 - both / (both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1)))


def _generalized_dice(a: Array, y: Array, power: float = 2.0) -> Array:
    sizes = y.real.sum(-1)
    w = np.where(sizes > 0, np.maximum(sizes, 1) ** -power, 1.0 if power == 0 else 0.0)
    return np.asarray(1 - 2 * (w * (a * y).sum(-1)).sum(-1) / (w * (a + y).sum(-1)).sum(-1))


TERMS: dict[str, Definition] = {
    "cost/generalized_dice": _generalized_dice,
    "cost/quadratic": lambda a, y: (a - y) * (a - y) / 2,
    "cost/cross_entropy": lambda a, y: -xlogy(y, a),
    "cost/nll": lambda a, y: -y * a,
    "cost/l1": lambda a, y, weight=None: _by_weights(absolute(a - y), weight),
    "cost/squared_error": lambda a, y, weight=None: _by_weights((a - y) * (a - y), weight),
    "cost/huber_error": lambda a, y, weight=None, delta=1.0: _times(huber(a - y, delta), weight),
    "cost/smooth_l1": lambda a, y, beta=1.0: huber(a - y, beta) / beta,
    "cost/log_cosh": lambda a, y: log_cosh(a - y),
    "cost/quantile": lambda a, y, tau=0.5: (a - y) * np.where((a - y).real < 0, -tau, 1 - tau),
    "cost/poisson_nll": lambda a, y, full=False: np.exp(a) - y * a + _stirling(y, full),
    "cost/poisson_nll_rate": lambda a, y, eps=0.0, full=False: a - xlogy(y, a + eps) + _stirling(y, full),
    "cost/gaussian_nll": _gaussian_nll,
    "cost/kl_div": lambda a, y: xlogy(y, y) - y * a,
    "cost/kl_div_log_target": lambda a, y: np.exp(y) * (y - a),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": lambda a, y, weight=None: _times(_bce(a, y), weight),
    "cost/nll_labels": lambda a, labels, weight=None, ignore_index=None: _of_labels(-a, labels, weight, ignore_index),
    "cost/binary_cross_entropy_logits": _bce_logits,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": _cross_entropy_labels,
    "cost/cross_entropy_probabilities": _cross_entropy_probabilities,
    "cost/softmax_focal": _softmax_focal,
    "cost/poly_cross_entropy": _poly,
    "cost/hinge": lambda z, y: above(1 - y * z),
    "cost/squared_hinge": lambda z, y: above(1 - y * z) * above(1 - y * z),
    "cost/perceptron": lambda z, y: above(-y * z),
    "cost/soft_margin": lambda z, y: softplus(-y * z),
    "cost/hinge_embedding": lambda z, y, margin=1.0: np.where(y.real > 0, z, above(margin - z)),
    "cost/margin_ranking": lambda a, b, y, margin=0.0: above(margin - y * (a - b)),
    "cost/multi_margin": _multi_margin,
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": lambda z, y, weight=None: _times(_bce_logits(z, y), weight).mean(-1),
    "cost/multiclass_hinge": lambda z, labels: _multiclass(z, labels, 1.0),
    "cost/multiclass_perceptron": lambda z, labels: _multiclass(z, labels, 0.0),
    "cost/cosine_distance": lambda a, b: 1 - cosines(a, b),
    "cost/cosine_embedding": _cosine_embedding,
    "cost/triplet_margin": _triplet_margin,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    **preferences.TERMS,
    **divergences.TERMS,
    **sequences.TERMS,
}
# The reduction of a cost unless told otherwise, where it is not the mean.
REDUCTION = {
    "cost/quadratic": "batchmean",
    "cost/cross_entropy": "batchmean",
    "cost/nll": "batchmean",
    "cost/kl_div": "batchmean",
    "cost/kl_div_log_target": "batchmean",
    "cost/generalized_kl": "batchmean",
}


def reduce(found: Any, reduction: str, leading: int = 0) -> Array:
    """The reduction of terms, or of terms and what their mean divides by, over all axes but the leading ones."""
    terms, weights = found if isinstance(found, tuple) else (found, np.ones(found.shape))
    axes = tuple(range(leading, terms.ndim))
    if reduction == "none":
        return np.asarray(terms)
    divisor = {"sum": 1, "batchmean": terms.shape[leading]}.get(reduction)
    return np.asarray(terms.sum(axes) / (weights.sum(axes) if divisor is None else divisor))


def reduced(id: str) -> Definition:
    """The definition whose terms are those of `id`, with a reduction."""
    terms = TERMS[id]
    default = REDUCTION.get(id, "mean")

    @functools.wraps(terms)
    def cost(reduction: str = default, **given: Any) -> Array:
        return reduce(terms(**given), reduction)

    reduction = inspect.Parameter("reduction", inspect.Parameter.KEYWORD_ONLY, default=default)
    taken = [p.replace(kind=p.KEYWORD_ONLY) for p in options(terms).values()]
    cost.__signature__ = inspect.Signature([*taken, reduction])  # type: ignore[attr-defined]
    return cost


def _nt_xent(z: Array, labels: Array, temperature: float = 0.07, reduction: str = "mean") -> Array:
    """One term for each ordered pair of one label, as many as there may be for an example."""
    c = cosines(z[:, None], z[None]) / temperature
    terms = []
    for i, j in zip(*np.nonzero((labels[:, None] == labels) & ~np.eye(len(z), dtype=bool)), strict=True):
        others = np.concatenate([c[i, j : j + 1], c[i, labels != labels[i]]])
        terms.append(-log_softmax(others)[0])
    if reduction == "batchmean":
        return np.asarray(np.sum(terms) / len(z))
    return reduce(np.array(terms), reduction)


def _ctc(
    a: Array,
    labels: Array,
    input_lengths: Array | None = None,
    target_lengths: Array | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Array:
    """The sum over all paths, in log-probabilities; the mean divides each example by its number of labels too."""
    n, T, d = a.shape
    frames = np.full(n, T) if input_lengths is None else input_lengths
    lengths = np.full(n, labels.shape[1]) if target_lengths is None else target_lengths
    terms = []
    for x, row, t, u in zip(a, labels, frames, lengths, strict=True):
        try:
            paths = np.array(alignments(row[:u], t, d, blank), int)
        except ValueError:
            if not zero_infinity:
                raise
            terms.append(0 * x.sum())
            continue
        scores = x[np.arange(t), paths].sum(-1)
        top = largest(scores)[0]
        terms.append(-(top[0] + np.log(np.exp(scores - top).sum())))
    each = np.array(terms)
    return np.asarray((each / np.maximum(lengths, 1)).mean()) if reduction == "mean" else reduce(each, reduction)


COSTS: dict[str, Definition] = {
    **{id: reduced(id) for id in TERMS},
    "cost/wasserstein_critic": lambda a, b: np.asarray(b.mean() - a.mean()),
    "cost/nt_xent": _nt_xent,
    "cost/ctc": _ctc,
    "cost/grpo_clip": preferences.grpo_clip,
}
TERMS["cost/wasserstein_critic"] = lambda a, b: b - a  # at the end of a network, where there are as many of each
