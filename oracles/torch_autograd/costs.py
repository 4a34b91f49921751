"""PyTorch's costs, under the names of our records: its own losses, and what it does not have, written out.

Every definition takes tensors and a `reduction`, and returns the reduced cost: "none" leaves the terms, "sum" adds
them, "mean" is torch's own, and "batchmean" divides the sum by the number of examples.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.alignments import alignments
from oracles.calls import Definition, Slopes, options


def reduce(terms: Tensor, reduction: str, examples: int | None = None) -> Tensor:
    """The reduction of terms, one or more for each example."""
    if reduction == "none":
        return terms
    if reduction == "sum":
        return terms.sum()
    if reduction == "batchmean":
        return terms.sum() / (len(terms) if examples is None else examples)
    return terms.sum() / terms.numel()


def _given(**arrays: Any) -> dict[str, Any]:
    """What is not None: an old torch does not know every name."""
    return {name: x for name, x in arrays.items() if x is not None}


def _of_entries(native: Definition, a: Tensor, y: Tensor, weight: Tensor | None, **given: Any) -> Tensor:
    """A loss of every entry, which broadcasts."""
    given |= _given(weight=weight)
    if a.shape == y.shape:
        return native(a, y, **given)
    with warnings.catch_warnings():  # torch thinks that a mistake; that it broadcasts is what is asked about
        warnings.filterwarnings("ignore", "Using a target size")
        return native(a, y, **given)


def _per_example(definition: Definition) -> Definition:
    """The same with "batchmean", which of torch's own losses kl_div alone has."""
    first = next(iter(options(definition)))

    @functools.wraps(definition)
    def loss(**given: Any) -> Tensor:
        if given.get("reduction") == "batchmean":
            return definition(**{**given, "reduction": "sum"}) / len(given[first])
        return definition(**given)

    return loss


def _kl_div(a: Tensor, y: Tensor, **given: Any) -> Tensor:
    if given.get("reduction", "mean") != "mean":
        return F.kl_div(a, y, **given)
    with warnings.catch_warnings():  # that "mean" is no divergence: whoever asks for it here knows
        warnings.filterwarnings("ignore", "reduction: 'mean' divides the total loss")
        return F.kl_div(a, y, **given)


def _cross_entropy_labels(
    z: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    smooth_others: bool = False,
    softcap: float = math.inf,
    temperature: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    """torch's own, of logits that are capped and tempered; it smooths over all classes."""
    z = z if math.isinf(softcap) else softcap * torch.tanh(z / softcap)
    z = z if temperature == 1 else z / temperature
    ignored = _given(ignore_index=ignore_index)
    if not smooth_others or not label_smoothing:
        return F.cross_entropy(
            z, labels.long(), weight, reduction=reduction, label_smoothing=label_smoothing, **ignored
        )
    counts = torch.ones_like(labels, dtype=torch.bool) if ignore_index is None else labels != ignore_index
    y = F.one_hot(torch.where(counts, labels, 0).long(), z.shape[-1]) * counts[..., None].to(z.dtype)
    w = torch.ones_like(z[0]) if weight is None else weight
    q = (1 - label_smoothing) * y + label_smoothing * (counts[..., None].to(z.dtype) - y) / max(z.shape[-1] - 1, 1)
    terms = -(q * w * F.log_softmax(z, -1)).sum(-1)
    return terms.sum() / (w * y).sum() if reduction == "mean" else reduce(terms, reduction)


def _nll_labels(
    a: Tensor,
    labels: Tensor,
    weight: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    return F.nll_loss(a, labels.long(), weight, reduction=reduction, **_given(ignore_index=ignore_index))


def _multilabel_margin(z: Tensor, y: Tensor, reduction: str = "mean") -> Tensor:
    """Torch wants the labels of each row first, then −1."""
    label = y == 1
    first = torch.sort(label, dim=-1, descending=True, stable=True)
    return F.multilabel_margin_loss(z, torch.where(first.values, first.indices, -1), reduction=reduction)


def _ctc(
    a: Tensor,
    labels: Tensor,
    input_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """torch's own function, which has the frames before the examples and wants all lengths."""
    n, T, _ = a.shape
    frames = torch.full((n,), T) if input_lengths is None else input_lengths
    lengths = torch.full((n,), labels.shape[1]) if target_lengths is None else target_lengths
    return F.ctc_loss(a.transpose(0, 1), labels, frames, lengths, blank, reduction, zero_infinity)


def _gaussian_nll(
    a: Tensor, y: Tensor, v: Tensor, full: bool = False, eps: float = 0.0, reduction: str = "mean"
) -> Tensor:
    """The floor is put under v before: torch's own lets the slope at the floor through."""
    v = v if eps == 0 else v.clamp(min=eps)
    return F.gaussian_nll_loss(a, y, v, full=full, eps=torch.finfo(v.dtype).tiny, reduction=reduction)


OWN: dict[str, Definition] = {
    "cost/l1": lambda a, y, weight=None, reduction="mean": _of_entries(F.l1_loss, a, y, weight, reduction=reduction),
    "cost/squared_error": lambda a, y, weight=None, reduction="mean": _of_entries(
        F.mse_loss, a, y, weight, reduction=reduction
    ),
    "cost/huber_error": lambda a, y, weight=None, delta=1.0, reduction="mean": _of_entries(
        F.huber_loss, a, y, weight, delta=delta, reduction=reduction
    ),
    "cost/smooth_l1": lambda a, y, beta=1.0, reduction="mean": _of_entries(
        F.smooth_l1_loss, a, y, None, beta=beta, reduction=reduction
    ),
    "cost/poisson_nll": lambda a, y, full=False, reduction="mean": F.poisson_nll_loss(
        a, y, full=full, reduction=reduction
    ),
    "cost/poisson_nll_rate": lambda a, y, eps=0.0, full=False, reduction="mean": F.poisson_nll_loss(
        a, y, log_input=False, full=full, eps=eps, reduction=reduction
    ),
    "cost/gaussian_nll": _gaussian_nll,
    "cost/kl_div": lambda a, y, reduction="batchmean": _kl_div(a, y, reduction=reduction),
    "cost/kl_div_log_target": lambda a, y, reduction="batchmean": _kl_div(a, y, reduction=reduction, log_target=True),
    "cost/binary_cross_entropy": lambda a, y, weight=None, reduction="mean": F.binary_cross_entropy(
        a, y, weight, reduction=reduction
    ),
    "cost/nll_labels": _nll_labels,
    "cost/binary_cross_entropy_logits": lambda z, y, weight=None, pos_weight=None, reduction="mean": (
        F.binary_cross_entropy_with_logits(z, y, weight, pos_weight=pos_weight, reduction=reduction)
    ),
    "cost/cross_entropy_labels": _cross_entropy_labels,
    "cost/cross_entropy_probabilities": lambda z, y, weight=None, label_smoothing=0.0, reduction="mean": (
        F.cross_entropy(z, y, weight, label_smoothing=label_smoothing, reduction=reduction)
    ),
    "cost/soft_margin": lambda z, y, reduction="mean": F.soft_margin_loss(z, y, reduction=reduction),
    "cost/hinge_embedding": lambda z, y, margin=1.0, reduction="mean": F.hinge_embedding_loss(
        z, y.to(z.dtype), margin=margin, reduction=reduction
    ),
    "cost/margin_ranking": lambda a, b, y, margin=0.0, reduction="mean": F.margin_ranking_loss(
        a, b, y, margin=margin, reduction=reduction
    ),
    "cost/multi_margin": lambda z, labels, weight=None, p=1, margin=1.0, reduction="mean": F.multi_margin_loss(
        z, labels.long(), p=p, margin=margin, weight=weight, reduction=reduction
    ),
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": lambda z, y, weight=None, reduction="mean": F.multilabel_soft_margin_loss(
        z, y, weight, reduction=reduction
    ),
    "cost/cosine_distance": lambda a, b, reduction="mean": reduce(
        1 - F.cosine_similarity(a, b, dim=-1, eps=0.0), reduction
    ),
    "cost/cosine_embedding": lambda a, b, y, margin=0.0, reduction="mean": F.cosine_embedding_loss(
        a, b, y, margin=margin, reduction=reduction
    ),
    "cost/triplet_margin": lambda a, b, c, margin=1.0, eps=0.0, swap=False, reduction="mean": F.triplet_margin_loss(
        a, b, c, margin=margin, eps=eps, swap=bool(swap), reduction=reduction
    ),
    "cost/ctc": _ctc,
}
OWN |= {id: _per_example(definition) for id, definition in OWN.items() if not id.startswith("cost/kl_div")}


def _jensen_shannon(p: Tensor, q: Tensor, beta: float = 0.5, reduction: str = "mean") -> Tensor:
    m = beta * p + (1 - beta) * q
    return reduce((beta * torch.xlogy(p, p / m) + (1 - beta) * torch.xlogy(q, q / m)).sum(-1), reduction)


def _sigmoid_focal(z: Tensor, y: Tensor, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> Tensor:
    """As torchvision writes it, for hard targets; both classes in proportion to y."""
    p = torch.sigmoid(z)
    one = alpha * (1 - p) ** gamma * F.binary_cross_entropy_with_logits(z, torch.ones_like(z), reduction="none")
    zero = (1 - alpha) * p**gamma * F.binary_cross_entropy_with_logits(z, torch.zeros_like(z), reduction="none")
    return reduce(y * one + (1 - y) * zero, reduction)


def _softmax_focal(
    z: Tensor, labels: Tensor, weight: Tensor | None = None, gamma: float = 2.0, reduction: str = "mean"
) -> Tensor:
    loss = F.cross_entropy(z, labels.long(), reduction="none")
    factor = 1.0 if weight is None else weight[labels.long()]
    return reduce(factor * (1 - torch.exp(-loss)) ** gamma * loss, reduction)


def _poly_cross_entropy(z: Tensor, y: Tensor, epsilon: float = 2.0, reduction: str = "mean") -> Tensor:
    miss = (y * (1 - F.softmax(z, -1))).sum(-1)
    return reduce(F.cross_entropy(z, y, reduction="none") + epsilon * miss, reduction)


def _multiclass(z: Tensor, labels: Tensor, margin: float, reduction: str) -> Tensor:
    others = 1 - F.one_hot(labels.long(), z.shape[-1]).to(z.dtype)
    label = z.gather(-1, labels.long()[:, None])[:, 0]
    return reduce((z + margin * others).amax(-1) - label, reduction)


def _nt_xent(z: Tensor, labels: Tensor, temperature: float = 0.07, reduction: str = "mean") -> Tensor:
    """One term for each ordered pair i, j of one label."""
    c = F.cosine_similarity(z[:, None], z[None], dim=-1, eps=0.0) / temperature
    same = (labels[:, None] == labels) & ~torch.eye(len(z), dtype=torch.bool)
    i, j = same.nonzero(as_tuple=True)
    others = torch.where(labels[i][:, None] != labels, c[i], -torch.inf)
    terms = -F.log_softmax(torch.cat([c[i, j][:, None], others], -1), -1)[:, 0]
    return reduce(terms, reduction, examples=len(z))


def _dice(a: Tensor, y: Tensor, smooth: float = 1.0, reduction: str = "mean") -> Tensor:
    return reduce(1 - (2 * (a * y).sum(-1) + smooth) / (a.sum(-1) + y.sum(-1) + smooth), reduction)


def _tversky(
    a: Tensor, y: Tensor, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0, reduction: str = "mean"
) -> Tensor:
    both = (a * y).sum(-1)
    whole = both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1) + smooth
    return reduce(1 - (both + smooth) / whole, reduction)


def _generalized_dice(a: Tensor, y: Tensor, power: float = 2.0, reduction: str = "mean") -> Tensor:
    sizes = y.to(a.dtype).sum(-1)
    w = torch.where(sizes > 0, sizes.clamp(min=1) ** -power, 1.0 if power == 0 else 0.0)
    return reduce(1 - 2 * (w * (a * y).sum(-1)).sum(-1) / (w * (a + y).sum(-1)).sum(-1), reduction)


COMPOSED: dict[str, Definition] = {
    "cost/generalized_dice": _generalized_dice,
    "cost/quadratic": lambda a, y, reduction="batchmean": reduce(F.mse_loss(a, y, reduction="none") / 2, reduction),
    "cost/cross_entropy": lambda a, y, reduction="batchmean": reduce(-torch.xlogy(y, a), reduction),
    "cost/nll": lambda a, y, reduction="batchmean": reduce(-y * a, reduction),
    "cost/log_cosh": lambda a, y, reduction="mean": reduce(torch.log(torch.cosh(a - y)), reduction),
    "cost/quantile": lambda a, y, tau=0.5, reduction="mean": reduce(
        torch.maximum(tau * (y - a), (tau - 1) * (y - a)), reduction
    ),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/softmax_focal": _softmax_focal,
    "cost/poly_cross_entropy": _poly_cross_entropy,
    "cost/hinge": lambda z, y, reduction="mean": reduce(F.relu(1 - y * z), reduction),
    "cost/squared_hinge": lambda z, y, reduction="mean": reduce(F.relu(1 - y * z).square(), reduction),
    "cost/perceptron": lambda z, y, reduction="mean": reduce(F.relu(-y * z), reduction),
    "cost/multiclass_hinge": lambda z, labels, reduction="mean": _multiclass(z, labels, 1.0, reduction),
    "cost/multiclass_perceptron": lambda z, labels, reduction="mean": _multiclass(z, labels, 0.0, reduction),
    "cost/wasserstein_critic": lambda a, b: b.mean() - a.mean(),
    "cost/nt_xent": _nt_xent,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
}


def _ctc_over_paths(
    a: Tensor,
    labels: Tensor,
    input_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    blank: int = 0,
    zero_infinity: bool = False,
    reduction: str = "mean",
) -> Tensor:
    """The sum over all paths, in log-probabilities. Raises ValueError for a target that no path gives."""
    n, T, d = a.shape
    frames = [T] * n if input_lengths is None else input_lengths.tolist()
    lengths = [labels.shape[1]] * n if target_lengths is None else target_lengths.tolist()
    terms = []
    for x, row, t, u in zip(a, labels.tolist(), frames, lengths, strict=True):
        try:
            paths = torch.tensor(alignments(row[:u], t, d, blank), dtype=torch.long)
        except ValueError:
            if not zero_infinity:
                raise
            terms.append(0 * x.sum())
            continue
        terms.append(-torch.logsumexp(x[torch.arange(t), paths].sum(-1), 0))
    each = torch.stack(terms)
    return (each / torch.tensor(lengths).clamp(min=1)).mean() if reduction == "mean" else reduce(each, reduction)


# Gradients that torch's own function does not give: its slopes of CTC are those of logits.
SLOPES: dict[str, Slopes] = {"cost/ctc": Slopes(_ctc_over_paths)}


# With torch's own defaults, for what `OWN` fits to the record; all others are native as they are.
NATIVE: dict[str, Definition] = {
    "cost/poisson_nll_rate": lambda a, y, **given: F.poisson_nll_loss(a, y, log_input=False, **given),
    "cost/gaussian_nll": lambda a, y, v, **given: F.gaussian_nll_loss(a, y, v, **given),
    "cost/kl_div": _kl_div,
    "cost/kl_div_log_target": lambda a, y, **given: _kl_div(a, y, log_target=True, **given),
    "cost/cosine_distance": lambda a, b, **given: 1 - F.cosine_similarity(a, b, dim=-1, **given),
    "cost/triplet_margin": lambda a, b, c, **given: F.triplet_margin_loss(a, b, c, **given),
}
