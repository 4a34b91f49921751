"""PyTorch's answer for costs of several inputs: its own losses where it has them, differentiated by autograd.

Every definition takes tensors under the names of the formula's record, `reduction` and parameters, and returns the
reduced cost. What torch has no function for is written out from the definition and listed in `COMPOSED`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

NAME = "torch"
Definition = Callable[..., Tensor]


def _reduce(terms: Tensor, reduction: str, mean: Any = None) -> Tensor:
    """The reduction of terms; `mean` is the divisor of the mean, their number unless given."""
    if reduction == "none":
        return terms
    if reduction == "sum":
        return terms.sum()
    return terms.sum() / (terms.numel() if mean is None else mean)


def _labels(labels: Tensor) -> Tensor:
    return labels.long()


def _quantile(a: Tensor, y: Tensor, reduction: str, tau: float = 0.5) -> Tensor:
    return _reduce(torch.maximum(tau * (y - a), (tau - 1) * (y - a)), reduction)


def _kl_div(log_target: bool) -> Definition:
    return lambda a, y, reduction: F.kl_div(a, y, reduction=reduction, log_target=log_target)


def _jensen_shannon(p: Tensor, q: Tensor, reduction: str) -> Tensor:
    m = (p + q) / 2
    return _reduce((torch.xlogy(p, p / m) + torch.xlogy(q, q / m)).sum(-1) / 2, reduction)


def _sigmoid_focal(z: Tensor, y: Tensor, reduction: str, alpha: float = 0.25, gamma: float = 2.0) -> Tensor:
    """As torchvision writes it, for hard targets; both classes in proportion to y."""
    p = torch.sigmoid(z)
    one = alpha * (1 - p) ** gamma * F.binary_cross_entropy_with_logits(z, torch.ones_like(z), reduction="none")
    zero = (1 - alpha) * p**gamma * F.binary_cross_entropy_with_logits(z, torch.zeros_like(z), reduction="none")
    return _reduce(y * one + (1 - y) * zero, reduction)


def _softmax_focal(
    z: Tensor, labels: Tensor, reduction: str, weight: Tensor | None = None, gamma: float = 2.0
) -> Tensor:
    loss = F.cross_entropy(z, _labels(labels), reduction="none")
    factor = 1.0 if weight is None else weight[_labels(labels)]
    return _reduce(factor * (1 - torch.exp(-loss)) ** gamma * loss, reduction)


def _poly(z: Tensor, y: Tensor, reduction: str, epsilon: float = 2.0) -> Tensor:
    miss = (y * (1 - F.softmax(z, -1))).sum(-1)
    return _reduce(F.cross_entropy(z, y, reduction="none") + epsilon * miss, reduction)


def _multilabel_margin(z: Tensor, y: Tensor, reduction: str) -> Tensor:
    """Torch wants the labels of each row first, then −1."""
    width = z.shape[-1]
    rows = [[k for k in range(width) if row[k] == 1] for row in y.detach()]
    listed = torch.tensor([row + [-1] * (width - len(row)) for row in rows])
    return F.multilabel_margin_loss(z, listed, reduction=reduction)


def _multiclass_hinge(z: Tensor, labels: Tensor, reduction: str, margin: float = 1.0) -> Tensor:
    others = 1 - F.one_hot(_labels(labels), z.shape[-1]).to(z.dtype)
    label = z.gather(-1, _labels(labels)[:, None])[:, 0]
    return _reduce((z + margin * others).amax(-1) - label, reduction)


def _nt_xent(z: Tensor, labels: Tensor, reduction: str, temperature: float = 0.07) -> Tensor:
    c = F.cosine_similarity(z[:, None], z[None], dim=-1, eps=0.0) / temperature
    same = (labels[:, None] == labels) & ~torch.eye(len(z), dtype=torch.bool)
    i, j = same.nonzero(as_tuple=True)
    others = torch.where(labels[i][:, None] != labels, c[i], -torch.inf)
    return _reduce(-F.log_softmax(torch.cat([c[i, j][:, None], others], -1), -1)[:, 0], reduction)


def _tversky(
    a: Tensor, y: Tensor, reduction: str, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0
) -> Tensor:
    both = (a * y).sum(-1)
    whole = both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1) + smooth
    return _reduce(1 - (both + smooth) / whole, reduction)


def _dice(a: Tensor, y: Tensor, reduction: str, smooth: float = 1.0) -> Tensor:
    return _reduce(1 - (2 * (a * y).sum(-1) + smooth) / (a.sum(-1) + y.sum(-1) + smooth), reduction)


def _ctc(
    z: Tensor, labels: Tensor, lengths: Tensor, label_lengths: Tensor, reduction: str, blank: int = 0
) -> Tensor:
    per_example = F.ctc_loss(F.log_softmax(z, -1).transpose(0, 1), _labels(labels), _labels(lengths),
                             _labels(label_lengths), blank=blank, reduction="none")  # fmt: skip
    return _reduce(per_example, reduction)


COSTS: dict[str, Definition] = {
    "cost/l1": F.l1_loss,
    "cost/squared_error": F.mse_loss,
    "cost/huber_error": F.huber_loss,
    "cost/smooth_l1": F.smooth_l1_loss,
    "cost/log_cosh": lambda a, y, reduction: _reduce(torch.log(torch.cosh(a - y)), reduction),
    "cost/quantile": _quantile,
    "cost/poisson_nll": F.poisson_nll_loss,
    "cost/poisson_nll_rate": lambda a, y, reduction, eps=0.0, full=False: F.poisson_nll_loss(
        a, y, log_input=False, full=full, eps=eps, reduction=reduction
    ),
    "cost/gaussian_nll": lambda a, y, v, reduction, full=False: F.gaussian_nll_loss(
        a, y, v, full=full, eps=torch.finfo(v.dtype).tiny, reduction=reduction
    ),
    "cost/kl_div": _kl_div(False),
    "cost/kl_div_log_target": _kl_div(True),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": F.binary_cross_entropy,
    "cost/nll_labels": lambda a, labels, weight=None, ignore_index=-100, reduction="mean": F.nll_loss(
        a, _labels(labels), weight, ignore_index=ignore_index, reduction=reduction
    ),
    "cost/binary_cross_entropy_logits": F.binary_cross_entropy_with_logits,
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": lambda z, labels, weight=None, reduction="mean", **options: F.cross_entropy(
        z, _labels(labels), weight, reduction=reduction, **options
    ),
    "cost/cross_entropy_probabilities": F.cross_entropy,
    "cost/softmax_focal": _softmax_focal,
    "cost/poly_cross_entropy": _poly,
    "cost/hinge": lambda z, y, reduction: _reduce(F.relu(1 - y * z), reduction),
    "cost/squared_hinge": lambda z, y, reduction: _reduce(F.relu(1 - y * z).square(), reduction),
    "cost/perceptron": lambda z, y, reduction: _reduce(F.relu(-y * z), reduction),
    "cost/soft_margin": F.soft_margin_loss,
    "cost/hinge_embedding": F.hinge_embedding_loss,
    "cost/margin_ranking": F.margin_ranking_loss,
    "cost/multi_margin": lambda z, labels, weight=None, reduction="mean", p=1, margin=1.0: F.multi_margin_loss(
        z, _labels(labels), p=p, margin=margin, weight=weight, reduction=reduction
    ),
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": F.multilabel_soft_margin_loss,
    "cost/multiclass_hinge": _multiclass_hinge,
    "cost/multiclass_perceptron": lambda z, labels, reduction: _multiclass_hinge(z, labels, reduction, 0.0),
    "cost/wasserstein_critic": lambda a, b, reduction: b.mean() - a.mean(),
    "cost/cosine_distance": lambda a, b, reduction: _reduce(1 - F.cosine_similarity(a, b, dim=-1, eps=0.0), reduction),
    "cost/cosine_embedding": F.cosine_embedding_loss,
    "cost/triplet_margin": lambda a, b, c, reduction, margin=1.0, eps=0.0: F.triplet_margin_loss(
        a, b, c, margin=margin, eps=eps, reduction=reduction
    ),
    "cost/nt_xent": _nt_xent,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    "cost/ctc": _ctc,
}

COMPOSED = frozenset(
    f"cost/{name}"
    for name in ("log_cosh", "quantile", "jensen_shannon", "sigmoid_focal", "softmax_focal", "poly_cross_entropy", "hinge",
                 "squared_hinge", "perceptron", "multiclass_hinge", "multiclass_perceptron", "wasserstein_critic", "nt_xent",
                 "dice", "tversky")
)  # fmt: skip


def cost(
    id: str, inputs: Mapping[str, Any], reduction: str = "mean", **parameters: Any
) -> tuple[Any, dict[str, Any]]:
    """Cost and the gradient of its sum with respect to every float array among `inputs` (NumPy in, NumPy out).

    An argument that torch refuses to differentiate is left out of the gradients.
    """
    given = {name: torch.from_numpy(np.array(x)) for name, x in inputs.items() if x is not None}
    leaves = {name: t.requires_grad_() for name, t in given.items() if t.is_floating_point()}
    while True:
        try:
            value = COSTS[id](**given, reduction=reduction, **parameters)
            break
        except (RuntimeError, NotImplementedError) as error:
            refused = next((n for n in leaves if f"argument '{n}'" in str(error) and "not differentiable" in str(error)), "")
            if not refused:
                raise
            given[refused] = leaves.pop(refused).detach()
    slopes = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    found = {name: g.numpy() for name, g in zip(leaves, slopes, strict=True) if g is not None}
    return value.detach().numpy(), found
