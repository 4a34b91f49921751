"""PyTorch's answer for costs of several inputs: its own losses where it has them, differentiated by autograd.

Every definition takes tensors under the names of the formula's record, `reduction` and parameters, and returns the
reduced cost. What torch has no function for is written out from the definition and listed in `COMPOSED`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.alignments import alignments
from oracles.cost_arguments import ENDS

NAME = "torch"
Definition = Callable[..., Tensor]


def _reduce(terms: Tensor, reduction: str, mean: Any = None) -> Tensor:
    """The reduction of terms; `mean` is the divisor of the mean, their number unless given."""
    if reduction == "none":
        return terms
    if reduction == "sum":
        return terms.sum()
    return terms.sum() / (terms.numel() if mean is None else mean)


def _pair(native: Definition, first: str, second: str) -> Definition:
    """A loss of torch, called with its first two arguments under our names."""
    return lambda **given: native(given.pop(first), given.pop(second), **given)


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
    a: Tensor, labels: Tensor, input_lengths: Tensor | None = None, target_lengths: Tensor | None = None, **options: Any
) -> Tensor:
    """torch's own function, which has the frames before the examples and wants all lengths."""
    n, T, _ = a.shape
    frames = torch.full((n,), T) if input_lengths is None else input_lengths
    lengths = torch.full((n,), labels.shape[1]) if target_lengths is None else target_lengths
    return F.ctc_loss(a.transpose(0, 1), labels, frames, lengths, **options)


def _ctc_over_paths(
    a: Tensor,
    labels: Tensor,
    reduction: str,
    input_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    blank: int = 0,
) -> Tensor:
    """The value is torch's; the slopes, which torch gives for logits, are those of the sum over all paths."""
    n, T, d = a.shape
    frames = [T] * n if input_lengths is None else input_lengths.tolist()
    lengths = [labels.shape[1]] * n if target_lengths is None else target_lengths.tolist()
    terms = []
    for x, row, t, u in zip(a, labels.tolist(), frames, lengths, strict=True):
        paths = torch.tensor(alignments(row[:u], t, d, blank), dtype=torch.long)
        terms.append(-torch.logsumexp(x[torch.arange(t), paths].sum(-1), 0))
    each = torch.stack(terms)
    slopes = (each / torch.tensor(lengths).clamp(min=1)).mean() if reduction == "mean" else _reduce(each, reduction)
    value = _ctc(a.detach(), labels, input_lengths, target_lengths, blank=blank, reduction=reduction)
    return value + (slopes - slopes.detach())


COSTS: dict[str, Definition] = {
    "cost/l1": _pair(F.l1_loss, "a", "y"),
    "cost/squared_error": _pair(F.mse_loss, "a", "y"),
    "cost/huber_error": _pair(F.huber_loss, "a", "y"),
    "cost/smooth_l1": _pair(F.smooth_l1_loss, "a", "y"),
    "cost/log_cosh": lambda a, y, reduction: _reduce(torch.log(torch.cosh(a - y)), reduction),
    "cost/quantile": _quantile,
    "cost/poisson_nll": _pair(F.poisson_nll_loss, "a", "y"),
    "cost/poisson_nll_rate": lambda a, y, reduction, eps=0.0, full=False: F.poisson_nll_loss(
        a, y, log_input=False, full=full, eps=eps, reduction=reduction
    ),
    "cost/gaussian_nll": lambda a, y, v, reduction, full=False: F.gaussian_nll_loss(
        a, y, v, full=full, eps=torch.finfo(v.dtype).tiny, reduction=reduction
    ),
    "cost/kl_div": _kl_div(False),
    "cost/kl_div_log_target": _kl_div(True),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": _pair(F.binary_cross_entropy, "a", "y"),
    "cost/nll_labels": lambda a, labels, weight=None, ignore_index=-100, reduction="mean": F.nll_loss(
        a, _labels(labels), weight, ignore_index=ignore_index, reduction=reduction
    ),
    "cost/binary_cross_entropy_logits": _pair(F.binary_cross_entropy_with_logits, "z", "y"),
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_labels": lambda z, labels, weight=None, reduction="mean", **options: F.cross_entropy(
        z, _labels(labels), weight, reduction=reduction, **options
    ),
    "cost/cross_entropy_probabilities": _pair(F.cross_entropy, "z", "y"),
    "cost/softmax_focal": _softmax_focal,
    "cost/poly_cross_entropy": _poly,
    "cost/hinge": lambda z, y, reduction: _reduce(F.relu(1 - y * z), reduction),
    "cost/squared_hinge": lambda z, y, reduction: _reduce(F.relu(1 - y * z).square(), reduction),
    "cost/perceptron": lambda z, y, reduction: _reduce(F.relu(-y * z), reduction),
    "cost/soft_margin": _pair(F.soft_margin_loss, "z", "y"),
    "cost/hinge_embedding": lambda z, y, reduction, margin=1.0: F.hinge_embedding_loss(
        z, y.to(z.dtype), margin=margin, reduction=reduction
    ),
    "cost/margin_ranking": lambda a, b, y, reduction, margin=0.0: F.margin_ranking_loss(
        a, b, y, margin=margin, reduction=reduction
    ),
    "cost/multi_margin": lambda z, labels, weight=None, reduction="mean", p=1, margin=1.0: F.multi_margin_loss(
        z, _labels(labels), p=p, margin=margin, weight=weight, reduction=reduction
    ),
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": _pair(F.multilabel_soft_margin_loss, "z", "y"),
    "cost/multiclass_hinge": _multiclass_hinge,
    "cost/multiclass_perceptron": lambda z, labels, reduction: _multiclass_hinge(z, labels, reduction, 0.0),
    "cost/wasserstein_critic": lambda a, b, reduction: b.mean() - a.mean(),
    "cost/cosine_distance": lambda a, b, reduction: _reduce(1 - F.cosine_similarity(a, b, dim=-1, eps=0.0), reduction),
    "cost/cosine_embedding": lambda a, b, y, reduction, margin=0.0: F.cosine_embedding_loss(
        a, b, y, margin=margin, reduction=reduction
    ),
    "cost/triplet_margin": lambda a, b, c, reduction, margin=1.0, eps=0.0: F.triplet_margin_loss(
        a, b, c, margin=margin, eps=eps, reduction=reduction
    ),
    "cost/nt_xent": _nt_xent,
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    "cost/ctc": _ctc_over_paths,
}

COMPOSED = frozenset(
    f"cost/{name}"
    for name in ("log_cosh", "quantile", "jensen_shannon", "sigmoid_focal", "softmax_focal", "poly_cross_entropy",
                 "hinge", "squared_hinge", "perceptron", "multiclass_hinge", "multiclass_perceptron",
                 "wasserstein_critic", "nt_xent",
                 "dice", "tversky")
)  # fmt: skip
COMPOSED_SLOPES = frozenset({"cost/ctc"})  # the value is torch's own


def ending(id: str) -> Definition:
    """The cost `id` of outputs a for targets y at the end of a network.  (..., n, d), (..., n, d) -> (...)."""
    end = ENDS[id]

    def cost(a: Tensor, y: Tensor, **parameters: Any) -> Tensor:
        targets = y.argmax(-1) if end.labelled else y
        batches = zip(a.reshape(-1, *a.shape[-2:]), targets.reshape(-1, *targets.shape[a.ndim - 2 :]), strict=True)
        means = [
            COSTS[id](**{end.outputs: p, end.targets: t, "reduction": end.reduction}, **parameters) for p, t in batches
        ]
        return torch.stack(means).reshape(a.shape[:-2])

    return cost


# With torch's own defaults, for what `COSTS` fits to the record; the others that are not composed are native as is.
NATIVE: dict[str, Definition] = {
    "cost/poisson_nll_rate": lambda a, y, **options: F.poisson_nll_loss(a, y, log_input=False, **options),
    "cost/gaussian_nll": lambda a, y, v, **options: F.gaussian_nll_loss(a, y, v, **options),
    "cost/kl_div": _pair(F.kl_div, "a", "y"),
    "cost/kl_div_log_target": lambda a, y, **options: F.kl_div(a, y, log_target=True, **options),
    "cost/nll_labels": lambda a, labels, **options: F.nll_loss(a, _labels(labels), **options),
    "cost/hinge_embedding": lambda z, y, **options: F.hinge_embedding_loss(z, y.to(z.dtype), **options),
    "cost/margin_ranking": lambda a, b, y, **options: F.margin_ranking_loss(a, b, y, **options),
    "cost/multilabel_margin": lambda z, y, **options: _multilabel_margin(z, y, **{"reduction": "mean"} | options),
    "cost/cosine_distance": lambda a, b, **options: 1 - F.cosine_similarity(a, b, dim=-1, **options),
    "cost/cosine_embedding": lambda a, b, y, **options: F.cosine_embedding_loss(a, b, y, **options),
    "cost/triplet_margin": lambda a, b, c, **options: F.triplet_margin_loss(a, b, c, **options),
    "cost/ctc": _ctc,
}


def native(id: str, inputs: Mapping[str, Any], **options: Any) -> tuple[Any, dict[str, Any]]:
    """As `cost`, but with torch's defaults. Raises LookupError where torch has no such function or option."""
    if id in COMPOSED or id not in COSTS:
        raise LookupError("no such function")
    return _call(NATIVE.get(id, COSTS[id]), inputs, options)


def cost(id: str, inputs: Mapping[str, Any], reduction: str = "mean", **parameters: Any) -> tuple[Any, dict[str, Any]]:
    """Cost and the gradient of its sum with respect to every float array among `inputs` (NumPy in, NumPy out).

    An argument that torch refuses to differentiate is left out of the gradients.
    """
    return _call(COSTS[id], inputs, {"reduction": reduction, **parameters})


def _call(definition: Definition, inputs: Mapping[str, Any], options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    given = {name: torch.from_numpy(np.array(x)) for name, x in inputs.items() if x is not None}
    leaves = {name: t.requires_grad_() for name, t in given.items() if t.is_floating_point()}
    while True:
        try:
            value = definition(**given, **options)
            break
        except TypeError as error:
            if "unexpected keyword" in str(error):
                raise LookupError(f"no option {str(error).split()[-1]}") from error
            raise
        except (RuntimeError, NotImplementedError) as error:
            refused = re.search("not differentiable with respect to argument '(.*?)'", str(error))
            name = refused and {"target": "y"}.get(refused[1], refused[1])
            if name not in leaves:
                raise
            given[name] = leaves.pop(name).detach()
    slopes = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    found = {name: g.numpy() for name, g in zip(leaves, slopes, strict=True) if g is not None}
    return value.detach().numpy(), found
