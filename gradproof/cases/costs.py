"""Costs: predictions and targets as they are meant, every reduction, weights in every second case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.cases.source import LOGIT, Draw, Drawn, Source
from reference.formula import Array

REDUCTIONS = ("", "", "sum", "mean", "none", "none")  # by seed; empty is the default


def reduced_terms(s: Source, arguments: Mapping[str, Any], *shape: int, **parameters: Any) -> Drawn:
    """A case whose terms have that shape, reduced by the seed's reduction."""
    reduction = REDUCTIONS[s.seed % len(REDUCTIONS)]
    given = {"reduction": reduction} if reduction else {}
    return Drawn(arguments, shape if reduction == "none" else (), {**parameters, **given})


def _entries(s: Source, arguments: Mapping[str, Any], **parameters: Any) -> Drawn:
    return reduced_terms(s, arguments, s.n, s.d, **parameters)


def examples(s: Source, arguments: Mapping[str, Any], **parameters: Any) -> Drawn:
    """A case of one term an example."""
    return reduced_terms(s, arguments, s.n, **parameters)


# ---------------------------------------------------------------- regression


def _pair(s: Source) -> Drawn:
    a = s.real(s.n, s.d)
    return _entries(s, {"a": a, "y": s.close(a)})


def _weighted_pair(s: Source) -> Drawn:
    a = s.real(s.n, s.d)
    return _entries(s, {"a": a, "y": s.close(a), "weight": s.weight(s.n, s.d)})


def _poisson_nll(s: Source) -> Drawn:
    far = 12.0 if not s.style else 1.02 * np.log(s.top)  # there eᵃ overflows
    a = np.clip(s.logits(s.n, s.d), -far, far)
    y = np.exp(a) * (1 + 1e-3 * s.rng.standard_normal(a.shape)) if s.regime == "near" else s.counts(s.n, s.d)
    return _entries(s, {"a": a, "y": y})


def _poisson_nll_rate(s: Source) -> Drawn:
    a = s.positive(s.n, s.d)
    return _entries(s, {"a": a, "y": s.close(a) if s.regime == "near" else s.counts(s.n, s.d)})


def _gaussian_nll(s: Source) -> Drawn:
    a, v = s.real(s.n, s.d), s.positive(s.n, s.d)
    y = a + np.sqrt(v) * (1 + 1e-3 * s.rng.standard_normal(a.shape)) if s.regime == "near" else s.real(s.n, s.d)
    return _entries(s, {"a": a, "y": y, "v": v})


# ---------------------------------------------------------------- probabilities


def _log_rows(s: Source) -> tuple[Array, Array]:
    """Log-probabilities, and distributions that in the regime near are close to them."""
    p = s.rows()
    q = p * (1 + 1e-3 * s.rng.standard_normal(p.shape)) if s.regime == "near" else s.rows()
    return _log(s, p), q / q.sum(-1, keepdims=True)


def _log(s: Source, p: Array) -> Array:
    """log p, and a number that is far below all others where p is 0."""
    return np.where(p == 0, -s.top / 4, np.log(np.where(p == 0, 1, p)))


def _kl_div(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return _entries(s, {"a": a, "y": y})


def _kl_div_log_target(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return _entries(s, {"a": a, "y": _log(s, y)})


def _nll(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return _entries(s, {"a": a, "y": y})


def _cross_entropy(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return _entries(s, {"a": np.exp(a), "y": y})


def _jensen_shannon(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return examples(s, {"p": np.exp(a), "q": y})


def _binary_cross_entropy(s: Source) -> Drawn:
    a = s.unit(s.n, s.d)
    hard = s.rng.integers(0, 2, (s.n, s.d)).astype(np.float64)
    y = a.astype(np.float32).astype(np.float64) if s.regime == "near" else hard
    return _entries(s, {"a": a, "y": y, "weight": s.weight(s.n, s.d)})


# ---------------------------------------------------------------- logits


def _binary_logits(s: Source) -> Drawn:
    z = s.logits(s.n, s.d)
    return _entries(s, {"z": z, "y": _targets(s, z), "weight": s.weight(s.n, s.d), "pos_weight": s.weight(s.d)})


def _targets(s: Source, z: Array) -> Array:
    """Probabilities: σ(z) rounded to single precision in the regime near, else hard targets."""
    if s.regime == "near":
        return (1 / (1 + np.exp(-z))).astype(np.float32).astype(np.float64)
    return s.rng.integers(0, 2, z.shape).astype(np.float64)


def _sigmoid_focal(s: Source) -> Drawn:
    z = s.logits(s.n, s.d)
    return _entries(s, {"z": z, "y": _targets(s, z)})


def _by_labels(argument: str, log: bool = False, ignored: int | None = None) -> Draw:
    def draw(s: Source) -> Drawn:
        z = _log(s, s.rows()) if log else s.logits(s.n, s.d)
        if s.style == "tiny" and s.odd:  # logits that are all but 0 cost all the same: see cost/cross_entropy_labels
            z = z + s.rng.standard_normal(z.shape)
        labels = z.argmax(-1) if s.regime == "near" else s.labels()  # near: learned
        if s.odd and ignored is not None and s.n > 1:
            labels = np.concatenate([labels[:-1], [ignored]])
        given = {"ignore_index": ignored} if s.odd and ignored is not None and s.n > 1 else {}
        weight = s.weight(s.d)
        if s.style == "ends" and weight is not None:
            weight[labels[0]] = s.rng.uniform(0.25, 4)  # the mean over weights of 0 is undefined
        return examples(s, {argument: z, "labels": labels, "weight": weight}, **given)

    return draw


def _labels_only(s: Source) -> Drawn:
    return examples(s, {"z": s.real(s.n, s.d), "labels": s.labels()})


def _distributions(weight: bool) -> Draw:
    def draw(s: Source) -> Drawn:
        a, y = _log_rows(s)
        given = {"z": a + s.rng.standard_normal((s.n, 1)), "y": y}
        return examples(s, given | ({"weight": s.weight(s.d)} if weight else {}))

    return draw


# ---------------------------------------------------------------- margins


def _signed(whole: bool = False) -> Draw:
    def draw(s: Source) -> Drawn:
        y = s.signs(s.n, s.d)
        z = y + 1e-3 * s.rng.standard_normal((s.n, s.d)) if s.regime == "near" else s.real(s.n, s.d)
        return _entries(s, {"z": z, "y": y.astype(int) if whole else y})

    return draw


def _margin_ranking(s: Source) -> Drawn:
    a = s.real(s.n, s.d)
    return _entries(s, {"a": a, "b": s.close(a), "y": s.signs(s.n, s.d)})


def _label_sets(weight: bool) -> Draw:
    def draw(s: Source) -> Drawn:
        y = s.rng.integers(0, 2, (s.n, s.d))
        given = {"z": s.logits(s.n, s.d), "y": y.astype(np.float64) if weight else y}
        return examples(s, given | ({"weight": s.weight(s.d)} if weight else {}))

    return draw


def _wasserstein_critic(s: Source) -> Drawn:
    a = s.real(2 * s.n)
    return Drawn({"a": a, "b": s.close(a)[1:]})


# ---------------------------------------------------------------- embeddings, masks, sequences


def _embeddings(s: Source) -> tuple[Array, Array]:
    a = s.embeddings(s.n, s.d)
    if s.style:
        return a, s.close(a) if s.style == "residual" else s.embeddings(s.n, s.d)
    return a, s.close(a) * s.rng.uniform(0.5, 2, (s.n, 1))


def _cosine_distance(s: Source) -> Drawn:
    a, b = _embeddings(s)
    return examples(s, {"a": a, "b": -b if s.odd else b})


def _cosine_embedding(s: Source) -> Drawn:
    a, b = _embeddings(s)
    return examples(s, {"a": a, "b": b, "y": s.signs(s.n).astype(int)})


def _triplet_margin(s: Source) -> Drawn:
    """Without swap where two distances are the same number, and no float says which is less: extreme, or of few bits.

    Where the style is ends their difference may be 1 exactly, and the margin is not.
    """
    a, same = s.real(s.n, s.d), s.style or (s.regime == "near" and s.roundoff > 2.0**-12)
    given = ({"swap": False} if same else {}) | ({"margin": 1.5} if s.style == "ends" else {})
    return examples(s, {"a": a, "b": s.close(a), "c": s.close(a)}, **given)


def _nt_xent(s: Source) -> Drawn:
    if s.style:
        n, d = (2, 2) if s.style == "single" else (4, 3)
        z, labels = s.embeddings(n, d), np.arange(n) // 2
        return reduced_terms(s, {"z": z, "labels": labels}, n)
    z = s.rng.standard_normal((4, 3))
    if s.regime == "near":  # pairs that agree already
        z[1::2] = z[::2] + 1e-3 * z[1::2]
    return reduced_terms(s, {"z": z * s.positive(4, 1), "labels": np.array([0, 0, 1, 1])}, 4)


def _generalized_dice(s: Source) -> Drawn:
    """Masks of three classes; in every second case there is nothing of one of them."""
    shape = (s.n, 3, s.d)
    y = s.rng.integers(0, 2, shape).astype(np.float64)
    y[:, 0], y[:, 1, 0] = (0 if s.odd else y[:, 0]), 1
    a = np.abs(y - 1e-3 * s.unit(*shape)) if s.regime == "near" else s.unit(*shape)
    return examples(s, {"a": a, "y": y.astype(int)})


def _masks(s: Source) -> Drawn:
    y = s.rng.integers(0, 2, (s.n, s.d)).astype(np.float64)
    a = np.abs(y - 1e-3 * s.unit(s.n, s.d)) if s.regime == "near" else s.unit(s.n, s.d)
    return examples(s, {"a": a, "y": y})


CERTAIN = 2.0**40  # see the assumptions of cost/ctc


def _ctc(s: Source) -> Drawn:
    """Two examples of five frames, three symbols and two labels; in every second case not all of them count."""
    n, T, d = (2, 5, 3) if s.style != "single" else (1, 2, 3)
    blank = (0, 2, 0, 1)[s.seed % 4]
    labels = s.rng.integers(0, d - 1, (n, 2 if n > 1 else 1))
    labels += labels >= blank
    z = np.clip(s.logits(n, T, d), -CERTAIN, CERTAIN)
    if s.regime == "near":  # learned: one alignment stands out
        first, second = labels.T
        path = np.stack([first, first, np.full(n, blank), second, second], 1)
        z = z + s.rng.uniform(5, 15) * (np.arange(d) == path[..., None])
    z = z - z.max(-1, keepdims=True)
    given: dict[str, Any] = {"a": z - np.log(np.exp(z).sum(-1, keepdims=True)), "labels": labels}
    if not s.odd or n == 1:
        return reduced_terms(s, given, n, **({"blank": blank} if blank else {}))
    lengths = {"input_lengths": np.array([4, 5]), "target_lengths": np.array([2, s.rng.integers(0, 2)])}
    return reduced_terms(s, given | lengths, n, blank=blank)


def _linear_cross_entropy(s: Source) -> Drawn:
    """Hidden states of two entries; near: labels that are learned."""
    h, W = s.logits(s.n, 2) if s.style else s.real(s.n, 2), s.rng.standard_normal((s.d, 2))
    if s.style:  # beyond this, the sums that are the logits have no digits left
        h = np.clip(h, -LOGIT, LOGIT)
    b = (s.rng.standard_normal(s.d) if s.style else s.real(s.d)) if s.odd else None
    z = h @ W.T + (0 if b is None else b)
    labels = z.argmax(-1) if s.regime == "near" else s.labels()
    if s.odd and s.n > 1:
        labels = np.concatenate([labels[:-1], [-100]])
    given = {"ignore_index": -100} if s.odd and s.n > 1 else {}
    return examples(s, {"h": 30 * h if s.regime == "near" else h, "W": W, "labels": labels, "b": b}, **given)


def _generalized_kl(s: Source) -> Drawn:
    far = 12.0 if not s.style else 1.02 * np.log(s.top)  # there eᵃ overflows
    a = np.clip(s.logits(s.n, s.d), -far, far)
    y = np.exp(a) * (1 + 1e-3 * s.rng.standard_normal(a.shape)) if s.regime == "near" else s.positive(s.n, s.d)
    return _entries(s, {"a": a, "y": y})


def _total_variation(s: Source) -> Drawn:
    a, y = _log_rows(s)
    return examples(s, {"p": np.exp(a), "q": y})


def _sparsemax(s: Source) -> Drawn:
    z = s.real(s.n, s.d)
    return _entries(s, {"z": z, "y": s.rng.integers(0, 2, z.shape)})


def _multiclass_sparsemax(s: Source) -> Drawn:
    """Near: labels that are learned, most of them to a cost of 0."""
    z = s.real(s.n, s.d)
    return examples(s, {"z": z, "labels": z.argmax(-1) if s.regime == "near" else s.labels()})


def _ranking_softmax(s: Source) -> Drawn:
    """Relevances that sum to no one; in every second case an item is not there."""
    z = s.logits(s.n, s.d)
    there = np.ones((s.n, s.d), int) - np.eye(s.n, s.d, dtype=int)
    mask = s.rng.permuted(there, axis=-1) if s.odd and s.d > 1 else None
    return examples(s, {"z": z, "y": 4 * s.unit(s.n, s.d), "mask": mask})


def of(draw: Callable[[Source], Drawn], names: str) -> dict[str, Draw]:
    """The draw of these costs."""
    return {f"cost/{name}": draw for name in names.split()}


DRAWS: dict[str, Draw] = {
    **of(_weighted_pair, "l1 squared_error huber_error"),
    **of(_pair, "quadratic smooth_l1 log_cosh quantile"),
    **of(_poisson_nll, "poisson_nll"),
    **of(_poisson_nll_rate, "poisson_nll_rate"),
    **of(_gaussian_nll, "gaussian_nll"),
    **of(_kl_div, "kl_div"),
    **of(_kl_div_log_target, "kl_div_log_target"),
    **of(_jensen_shannon, "jensen_shannon"),
    **of(_nll, "nll"),
    **of(_cross_entropy, "cross_entropy"),
    **of(_binary_cross_entropy, "binary_cross_entropy"),
    **of(_by_labels("a", log=True, ignored=-100), "nll_labels"),
    **of(_binary_logits, "binary_cross_entropy_logits"),
    **of(_sigmoid_focal, "sigmoid_focal"),
    **of(_by_labels("z", ignored=-100), "cross_entropy_labels"),
    **of(_distributions(True), "cross_entropy_probabilities"),
    **of(_by_labels("z"), "softmax_focal multi_margin"),
    **of(_distributions(False), "poly_cross_entropy"),
    **of(_signed(), "hinge squared_hinge perceptron soft_margin"),
    **of(_signed(whole=True), "hinge_embedding"),
    **of(_margin_ranking, "margin_ranking"),
    **of(_label_sets(False), "multilabel_margin"),
    **of(_label_sets(True), "multilabel_soft_margin"),
    **of(_labels_only, "multiclass_hinge multiclass_perceptron"),
    **of(_wasserstein_critic, "wasserstein_critic"),
    **of(_cosine_distance, "cosine_distance"),
    **of(_cosine_embedding, "cosine_embedding"),
    **of(_triplet_margin, "triplet_margin"),
    **of(_nt_xent, "nt_xent"),
    **of(_masks, "dice tversky"),
    **of(_generalized_dice, "generalized_dice"),
    **of(_ctc, "ctc"),
    **of(_generalized_kl, "generalized_kl"),
    **of(_total_variation, "total_variation"),
    **of(_sparsemax, "sparsemax"),
    **of(_multiclass_sparsemax, "multiclass_sparsemax entmax"),
    **of(_ranking_softmax, "ranking_softmax"),
    **of(_linear_cross_entropy, "linear_cross_entropy"),
}
