"""JAX's costs, under the names of our records: Optax's losses where it has them, and what it does not have.

Optax reduces nothing: its losses come one a term, and every definition here reduces them: "none" leaves the terms,
"sum" adds them, "batchmean" divides the sum by the number of examples, "mean" by that of the terms, or by the weights.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.scipy.special import xlog1py, xlogy

from oracles.alignments import alignments
from oracles.calls import Array, Definition
from oracles.jax_grad.programs import prepared


def reduce(terms: Any, reduction: str, divisor: Any = None, examples: int | None = None) -> Any:
    """The reduction of terms, one or more for each example; the mean divides by their number, or by `divisor`."""
    if reduction == "none":
        return terms
    if reduction == "sum":
        return terms.sum()
    if reduction == "batchmean":
        return terms.sum() / (len(terms) if examples is None else examples)
    return terms.sum() / (terms.size if divisor is None else divisor)


def _by_weights(terms: Any, weight: Any, reduction: str) -> Any:
    """A mean divided by the sum of the weights."""
    return reduce(terms, reduction) if weight is None else reduce(weight * terms, reduction, weight.sum())


def times(terms: Any, weight: Any, reduction: str) -> Any:
    """A mean divided by the number of terms."""
    return reduce(terms if weight is None else weight * terms, reduction)


def _per_class(weight: Any, z: Any) -> Any:
    return jnp.ones(z.shape[-1], z.dtype) if weight is None else weight


def _pick(row: Any, labels: Any) -> Any:
    return jnp.take_along_axis(row, labels[:, None], -1)[:, 0]


# ---------------------------------------------------------------- Optax's own


def _bce_logits(z: Any, y: Any, weight: Any = None, pos_weight: Any = None, reduction: str = "mean") -> Any:
    if pos_weight is None:
        return times(optax.sigmoid_binary_cross_entropy(z, y), weight, reduction)
    terms = -pos_weight * y * jax.nn.log_sigmoid(z) - (1 - y) * jax.nn.log_sigmoid(-z)
    return times(terms, weight, reduction)


def _sigmoid_focal(z: Any, y: Any, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> Any:
    one, zero = (optax.sigmoid_focal_loss(z, jnp.full_like(z, t), alpha=alpha, gamma=gamma) for t in (1.0, 0.0))
    return reduce(y * one + (1 - y) * zero, reduction)


def _counted(labels: Any, weight: Any, z: Any, ignore_index: int | None) -> tuple[Any, Any, Any]:
    """Which labels count, a label in the place of those that do not, and the weight of each class."""
    counts = labels != ignore_index if ignore_index is not None else jnp.ones(labels.shape, bool)
    return counts, jnp.where(counts, labels, 0), _per_class(weight, z)


def _cross_entropy_labels(
    z: Any,
    labels: Any,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    smooth_others: bool = False,
    softcap: float = math.inf,
    temperature: float = 1.0,
    reduction: str = "mean",
) -> Any:
    """Optax's own, of logits that are capped and tempered; it smooths over all classes."""
    counts, y, w = _counted(labels, weight, z, ignore_index)
    z = z if math.isinf(softcap) else softcap * jnp.tanh(z / softcap)
    z = z if temperature == 1 else z / temperature
    if weight is None and label_smoothing == 0:
        terms = optax.softmax_cross_entropy_with_integer_labels(z, y)
    else:
        one_hot = jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype)
        smooth = optax.smooth_labels(one_hot, label_smoothing)
        if smooth_others:
            smooth = (1 - label_smoothing) * one_hot + label_smoothing * (1 - one_hot) / max(z.shape[-1] - 1, 1)
        terms = optax.softmax_cross_entropy(z, w * smooth)
    return reduce(jnp.where(counts, terms, 0), reduction, jnp.where(counts, w[y], 0).sum())


def _cross_entropy_probabilities(
    z: Any, y: Any, weight: Any = None, label_smoothing: float = 0.0, reduction: str = "mean"
) -> Any:
    targets = _per_class(weight, z) * optax.smooth_labels(y, label_smoothing)
    return reduce(optax.softmax_cross_entropy(z, targets), reduction)


def _triplet_margin(
    a: Any, b: Any, c: Any, margin: float = 1.0, eps: float = 0.0, swap: bool = False, reduction: str = "mean"
) -> Any:
    """Optax adds its eps to the sum of squares; ours is added to every difference before. It does not swap."""
    if swap:
        ab, ac, bc = (jnp.linalg.norm(r + eps, axis=-1) for r in (a - b, a - c, b - c))
        return reduce(jnp.maximum(0, margin + ab - jnp.minimum(ac, bc)), reduction)
    return reduce(optax.losses.triplet_margin_loss(a + eps, b, c, margin=margin, eps=0.0), reduction)


OWN: dict[str, Definition] = {
    "cost/quadratic": lambda a, y, reduction="batchmean": reduce(optax.l2_loss(a, y), reduction),
    "cost/squared_error": lambda a, y, weight=None, reduction="mean": _by_weights(
        optax.squared_error(a, y), weight, reduction
    ),
    "cost/huber_error": lambda a, y, weight=None, delta=1.0, reduction="mean": times(
        optax.huber_loss(a, y, delta=delta), weight, reduction
    ),
    "cost/smooth_l1": lambda a, y, beta=1.0, reduction="mean": reduce(
        optax.huber_loss(a, y, delta=beta) / beta, reduction
    ),
    "cost/log_cosh": lambda a, y, reduction="mean": reduce(optax.log_cosh(a, y), reduction),
    "cost/binary_cross_entropy_logits": _bce_logits,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": _cross_entropy_labels,
    "cost/cross_entropy_probabilities": _cross_entropy_probabilities,
    "cost/poly_cross_entropy": lambda z, y, epsilon=2.0, reduction="mean": reduce(
        optax.losses.poly_loss_cross_entropy(z, y, epsilon=epsilon), reduction
    ),
    "cost/hinge": lambda z, y, reduction="mean": reduce(optax.hinge_loss(z, y), reduction),
    "cost/perceptron": lambda z, y, reduction="mean": reduce(optax.losses.perceptron_loss(z, y), reduction),
    "cost/multiclass_hinge": lambda z, labels, reduction="mean": reduce(
        optax.losses.multiclass_hinge_loss(z, labels), reduction
    ),
    "cost/multiclass_perceptron": lambda z, labels, reduction="mean": reduce(
        optax.losses.multiclass_perceptron_loss(z, labels), reduction
    ),
    "cost/cosine_distance": lambda a, b, reduction="mean": reduce(optax.cosine_distance(a, b), reduction),
    "cost/cosine_embedding": lambda a, b, y, margin=0.0, reduction="mean": _cosine_embedding(
        optax.cosine_similarity(a, b), y, margin, reduction
    ),
    "cost/triplet_margin": _triplet_margin,
}


def _cosine_embedding(c: Any, y: Any, margin: float, reduction: str) -> Any:
    return reduce(jnp.where(y > 0, 1 - c, jnp.maximum(0, c - margin)), reduction)


# ---------------------------------------------------------------- written out


def _stirling(y: Any, full: bool) -> Any:
    safe = jnp.where(y > 1, y, 1.0)
    return jnp.where(y > 1, safe * jnp.log(safe) - safe + jnp.log(2 * jnp.pi * safe) / 2, 0.0) if full else 0.0


def _gaussian_nll(a: Any, y: Any, v: Any, full: bool = False, eps: float = 0.0, reduction: str = "mean") -> Any:
    v = jnp.maximum(v, eps)
    return reduce((jnp.log(v) + (a - y) ** 2 / v + (jnp.log(2 * jnp.pi) if full else 0)) / 2, reduction)


def _jensen_shannon(p: Any, q: Any, beta: float = 0.5, reduction: str = "mean") -> Any:
    m = beta * p + (1 - beta) * q
    return reduce((beta * xlogy(p, p / m) + (1 - beta) * xlogy(q, q / m)).sum(-1), reduction)


def _nll_labels(
    a: Any, labels: Any, weight: Any = None, ignore_index: int | None = None, reduction: str = "mean"
) -> Any:
    counts, y, w = _counted(labels, weight, a, ignore_index)
    w = jnp.where(counts, w[y], 0)
    return reduce(-w * _pick(a, y), reduction, w.sum())


def _softmax_focal(z: Any, labels: Any, weight: Any = None, gamma: float = 2.0, reduction: str = "mean") -> Any:
    loss = optax.softmax_cross_entropy_with_integer_labels(z, labels)
    return reduce(_per_class(weight, z)[labels] * (1 - jnp.exp(-loss)) ** gamma * loss, reduction)


def _multi_margin(
    z: Any, labels: Any, weight: Any = None, p: int = 1, margin: float = 1.0, reduction: str = "mean"
) -> Any:
    slack = jnp.maximum(0, margin - _pick(z, labels)[:, None] + z) ** p
    others = jax.nn.one_hot(labels, z.shape[-1]) == 0
    return reduce(_per_class(weight, z)[labels] * jnp.where(others, slack, 0).mean(-1), reduction)


def _multilabel_margin(z: Any, y: Any, reduction: str = "mean") -> Any:
    slack = jnp.maximum(0, 1 - z[:, :, None] + z[:, None, :])
    pairs = (y[:, :, None] == 1) & (y[:, None, :] == 0)
    return reduce(jnp.where(pairs, slack, 0).sum((1, 2)) / z.shape[-1], reduction)


def _multilabel_soft_margin(z: Any, y: Any, weight: Any = None, reduction: str = "mean") -> Any:
    return reduce((_per_class(weight, z) * optax.sigmoid_binary_cross_entropy(z, y)).mean(-1), reduction)


def _dice(a: Any, y: Any, smooth: float = 1.0, reduction: str = "mean") -> Any:
    return reduce(1 - (2 * (a * y).sum(-1) + smooth) / (a.sum(-1) + y.sum(-1) + smooth), reduction)


def _tversky(
    a: Any, y: Any, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, reduction: str = "mean"
) -> Any:
    both = (a * y).sum(-1)
    whole = both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1) + smooth
    return reduce(1 - (both + smooth) / whole, reduction)


def _nt_xent_of_pairs(z: Any, labels: Any, i: Any, j: Any, temperature: float = 0.07, reduction: str = "mean") -> Any:
    """One term for each pair i, j of one label."""
    c = optax.cosine_similarity(z[:, None], z[None]) / temperature
    others = jnp.where(labels[i][:, None] != labels, c[i], -jnp.inf)
    terms = -jax.nn.log_softmax(jnp.concatenate([c[i, j][:, None], others], -1), -1)[:, 0]
    return reduce(terms, reduction, examples=len(z))


def _ctc_over_paths(
    a: Any, paths: Any, possible: Any, frames: Any, lengths: Any, zero_infinity: bool = False, reduction: str = "mean"
) -> Any:
    """The sum over all paths: optax.ctc_loss takes logits, and its slopes are those of logits."""
    logs = jnp.take_along_axis(a[:, None], paths[..., None], -1)[..., 0]  # (n, d^T, T)
    inside = jnp.arange(a.shape[1]) < frames[:, None, None]
    terms = -jax.nn.logsumexp(jnp.where(possible, jnp.where(inside, logs, 0).sum(-1), -jnp.inf), -1)
    if zero_infinity:
        terms = jnp.where(possible.any(-1), terms, 0)
    if reduction == "mean":
        return (terms / (len(a) * jnp.maximum(lengths, 1))).sum()
    return reduce(terms, reduction)


Prepared = tuple[Definition, dict[str, Array], dict[str, Any]]


@prepared
def _nt_xent(z: Array, labels: Array, temperature: float = 0.07, reduction: str = "mean") -> Prepared:
    """All ordered pairs i, j of one label."""
    i, j = np.nonzero((labels[:, None] == labels) & ~np.eye(len(labels), dtype=bool))
    given = {"z": z, "labels": labels, "i": i, "j": j}
    return _nt_xent_of_pairs, given, {"temperature": temperature, "reduction": reduction}


@prepared
def _ctc(
    a: Array,
    labels: Array,
    input_lengths: Array | None = None,
    target_lengths: Array | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Prepared:
    """All paths (n, d^T, T), of one shape for all targets, and which of them are possible."""
    n, T, d = a.shape
    frames = np.full(n, T) if input_lengths is None else input_lengths
    lengths = np.full(n, labels.shape[1]) if target_lengths is None else target_lengths
    paths, possible = np.zeros((n, d**T, T), int), np.zeros((n, d**T), bool)
    for example, (row, t, u) in enumerate(zip(labels, frames, lengths, strict=True)):
        try:
            found = alignments(row[:u], t, d, blank)
        except ValueError:
            if not zero_infinity:
                raise
            continue
        paths[example, : len(found), :t], possible[example, : len(found)] = found, True
    given = {"a": a, "paths": paths, "possible": possible, "frames": frames, "lengths": lengths}
    return _ctc_over_paths, given, {"zero_infinity": zero_infinity, "reduction": reduction}


def _generalized_dice(a: Any, y: Any, power: float = 2.0, reduction: str = "mean") -> Any:
    sizes = y.astype(a.dtype).sum(-1)
    w = jnp.where(sizes > 0, jnp.maximum(sizes, 1) ** -power, 1.0 if power == 0 else 0.0)
    return reduce(1 - 2 * (w * (a * y).sum(-1)).sum(-1) / (w * (a + y).sum(-1)).sum(-1), reduction)


COMPOSED: dict[str, Definition] = {
    "cost/generalized_dice": _generalized_dice,
    "cost/cross_entropy": lambda a, y, reduction="batchmean": reduce(-xlogy(y, a), reduction),
    "cost/nll": lambda a, y, reduction="batchmean": reduce(-y * a, reduction),
    "cost/l1": lambda a, y, weight=None, reduction="mean": _by_weights(jnp.abs(a - y), weight, reduction),
    "cost/quantile": lambda a, y, tau=0.5, reduction="mean": reduce(
        jnp.maximum(tau * (y - a), (tau - 1) * (y - a)), reduction
    ),
    "cost/poisson_nll": lambda a, y, full=False, reduction="mean": reduce(
        jnp.exp(a) - y * a + _stirling(y, full), reduction
    ),
    "cost/poisson_nll_rate": lambda a, y, eps=0.0, full=False, reduction="mean": reduce(
        a - xlogy(y, a + eps) + _stirling(y, full), reduction
    ),
    "cost/gaussian_nll": _gaussian_nll,
    "cost/kl_div": lambda a, y, reduction="batchmean": reduce(xlogy(y, y) - y * a, reduction),
    "cost/kl_div_log_target": lambda a, y, reduction="batchmean": reduce(jnp.exp(y) * (y - a), reduction),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": lambda a, y, weight=None, reduction="mean": times(
        -xlogy(y, a) - xlog1py(1 - y, -a), weight, reduction
    ),
    "cost/nll_labels": _nll_labels,
    "cost/softmax_focal": _softmax_focal,
    "cost/squared_hinge": lambda z, y, reduction="mean": reduce(jnp.maximum(0, 1 - y * z) ** 2, reduction),
    "cost/soft_margin": lambda z, y, reduction="mean": reduce(jax.nn.softplus(-y * z), reduction),
    "cost/hinge_embedding": lambda z, y, margin=1.0, reduction="mean": reduce(
        jnp.where(y > 0, z, jnp.maximum(0, margin - z)), reduction
    ),
    "cost/margin_ranking": lambda a, b, y, margin=0.0, reduction="mean": reduce(
        jnp.maximum(0, margin - y * (a - b)), reduction
    ),
    "cost/multi_margin": _multi_margin,
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": _multilabel_soft_margin,
    "cost/wasserstein_critic": lambda a, b: b.mean() - a.mean(),
    "cost/nt_xent": _nt_xent,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    "cost/ctc": _ctc,
}

# ---------------------------------------------------------------- Optax's functions themselves, with their defaults


def _native_dice(a: Any, y: Any, **options: Any) -> Any:
    """Optax wants rows of class probabilities at every place: (n, d, classes)."""
    both = (jnp.stack([1 - m, m], -1) for m in (a, y))
    return optax.losses.dice_loss(*both, apply_softmax=False, reduction="none", **options)[..., 1]


def _native_ctc(a: Any, labels: Any, input_lengths: Any = None, target_lengths: Any = None, **options: Any) -> Any:
    """Optax takes logits, of which a is one choice, and paddings for lengths: 1 where nothing counts."""
    (n, T), U = a.shape[:2], labels.shape[1]
    frames = jnp.full(n, T) if input_lengths is None else input_lengths
    lengths = jnp.full(n, U) if target_lengths is None else target_lengths
    beyond, padding = (1.0 * (jnp.arange(size) >= x[:, None]) for size, x in ((T, frames), (U, lengths)))
    return optax.ctc_loss(a, beyond, labels, padding, blank_id=options.pop("blank", 0), **options)


NATIVE: dict[str, Definition] = {
    "cost/quadratic": lambda a, y: optax.l2_loss(a, y),
    "cost/squared_error": lambda a, y: optax.squared_error(a, y),
    "cost/huber_error": lambda a, y, **options: optax.huber_loss(a, y, **options),
    "cost/log_cosh": lambda a, y: optax.log_cosh(a, y),
    "cost/kl_div": lambda a, y: optax.kl_divergence(a, y),
    "cost/kl_div_log_target": lambda a, y: optax.losses.kl_divergence_with_log_targets(a, y),
    "cost/binary_cross_entropy_logits": lambda z, y: optax.sigmoid_binary_cross_entropy(z, y),
    "cost/sigmoid_focal": lambda z, y, **options: optax.sigmoid_focal_loss(z, y, **options),
    "cost/cross_entropy_labels": lambda z, labels: optax.softmax_cross_entropy_with_integer_labels(z, labels),
    "cost/cross_entropy_probabilities": lambda z, y: optax.softmax_cross_entropy(z, y),
    "cost/poly_cross_entropy": lambda z, y, **options: optax.losses.poly_loss_cross_entropy(z, y, **options),
    "cost/hinge": lambda z, y: optax.hinge_loss(z, y),
    "cost/perceptron": lambda z, y: optax.losses.perceptron_loss(z, y),
    "cost/multiclass_hinge": lambda z, labels: optax.losses.multiclass_hinge_loss(z, labels),
    "cost/multiclass_perceptron": lambda z, labels: optax.losses.multiclass_perceptron_loss(z, labels),
    "cost/cosine_distance": lambda a, b, **options: optax.cosine_distance(a, b, **options),
    "cost/triplet_margin": lambda a, b, c, **options: optax.losses.triplet_margin_loss(a, b, c, **options),
    "cost/nt_xent": lambda z, labels, **options: optax.losses.ntxent(z, labels, **options),
    "cost/dice": _native_dice,
    "cost/tversky": _native_dice,
    "cost/ctc": _native_ctc,
}
EAGER = {"cost/dice", "cost/tversky"}  # not compiled as a whole: Optax asks in Python for the masks
