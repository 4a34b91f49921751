"""Costs of language models in PyTorch, of preferences and policies too: it has none of them by itself."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition
from oracles.torch_autograd.costs import reduce


def _reduced(terms: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """Terms times their weights; the mean divides by their number."""
    return reduce(terms if weight is None else weight * terms, reduction)


def _lead(chosen: Tensor, rejected: Tensor, *reference: Tensor | None) -> Tensor:
    of_chosen, of_rejected = (0.0 if q is None else q for q in reference)
    return (chosen - rejected) - (of_chosen - of_rejected)


def _dpo(
    chosen: Tensor,
    rejected: Tensor,
    weight: Tensor | None = None,
    reference_chosen: Tensor | None = None,
    reference_rejected: Tensor | None = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Tensor:
    h = beta * _lead(chosen, rejected, reference_chosen, reference_rejected) - margin
    terms = -F.logsigmoid(h) * (1 - label_smoothing) - F.logsigmoid(-h) * label_smoothing
    return _reduced(terms, weight, reduction)


def _ipo(
    chosen: Tensor,
    rejected: Tensor,
    weight: Tensor | None = None,
    reference_chosen: Tensor | None = None,
    reference_rejected: Tensor | None = None,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    terms = (_lead(chosen, rejected, reference_chosen, reference_rejected) - 1 / (2 * beta)) ** 2
    return _reduced(terms, weight, reduction)


def _kto(
    a: Tensor,
    y: Tensor,
    reference: Tensor,
    weight: Tensor | None = None,
    kl: Tensor | None = None,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Tensor:
    rewards = a - reference if kl is None else a - reference - kl
    terms = 1 - torch.sigmoid(beta * y * rewards)
    return _reduced(terms, weight, reduction)


def _orpo(chosen: Tensor, rejected: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    odds = (chosen - rejected) - (torch.log1p(-torch.exp(chosen)) - torch.log1p(-torch.exp(rejected)))
    return _reduced(-F.logsigmoid(odds), weight, reduction)


def _ppo_clip(
    a: Tensor,
    old: Tensor,
    advantage: Tensor,
    weight: Tensor | None = None,
    low: float = 0.2,
    high: float = 0.2,
    reduction: str = "mean",
) -> Tensor:
    ratio = torch.exp(a - old)
    terms = -torch.min(ratio * advantage, torch.clamp(ratio, 1 - low, 1 + high) * advantage)
    return _reduced(terms, weight, reduction)


def _kl_k3(a: Tensor, reference: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    r = reference - a
    terms = torch.exp(r) - r - 1
    return _reduced(terms, weight, reduction)


def _z_loss(z: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    return _reduced(torch.logsumexp(z, -1).square(), weight, reduction)


def _distillation(
    z: Tensor, y: Tensor, weight: Tensor | None = None, temperature: float = 1.0, reduction: str = "mean"
) -> Tensor:
    student, teacher = (F.log_softmax(q / temperature, -1) for q in (z, y))
    terms = F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1) * temperature * temperature
    return _reduced(terms, weight, reduction)


def _linear_cross_entropy(
    h: Tensor,
    W: Tensor,
    labels: Tensor,
    b: Tensor | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> Tensor:
    ignored: dict[str, Any] = {} if ignore_index is None else {"ignore_index": ignore_index}
    if reduction == "batchmean":
        return _linear_cross_entropy(h, W, labels, b, ignore_index, "sum") / len(h)
    return F.cross_entropy(F.linear(h, W, b), labels.long(), reduction=reduction, **ignored)


def _cpo(
    chosen: Tensor,
    rejected: Tensor,
    weight: Tensor | None = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    alpha: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    h = beta * (chosen - rejected)
    terms = -F.logsigmoid(h) * (1 - label_smoothing) - F.logsigmoid(-h) * label_smoothing - alpha * chosen
    return _reduced(terms, weight, reduction)


def _simpo(
    chosen: Tensor,
    rejected: Tensor,
    chosen_lengths: Tensor,
    rejected_lengths: Tensor,
    weight: Tensor | None = None,
    beta: float = 2.0,
    label_smoothing: float = 0.0,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Tensor:
    h = beta * (chosen / chosen_lengths - rejected / rejected_lengths) - margin
    terms = -F.logsigmoid(h) * (1 - label_smoothing) - F.logsigmoid(-h) * label_smoothing
    return _reduced(terms, weight, reduction)


def _grpo_clip(
    a: Tensor,
    old: Tensor,
    advantage: Tensor,
    lengths: Tensor | None = None,
    low: float = 0.2,
    high: float = 0.2,
    normaliser: str = "sequence",
    reduction: str = "mean",
) -> Tensor:
    n, T = a.shape
    sizes = torch.full((n,), T) if lengths is None else lengths
    there = torch.arange(T) < sizes[:, None]
    ratio, A = torch.exp(torch.where(there, a - old, 0)), advantage[:, None]
    terms = torch.where(there, -torch.min(ratio * A, torch.clamp(ratio, 1 - low, 1 + high) * A), 0)
    if reduction != "mean":
        return reduce(terms, reduction)
    if normaliser == "sequence":
        return (terms.sum(-1) / sizes.clamp(min=1)).mean()
    return terms.sum() / (sizes.sum().clamp(min=1) if normaliser == "token" else n * T)


def _reverse_kl(
    z: Tensor, y: Tensor, weight: Tensor | None = None, temperature: float = 1.0, reduction: str = "mean"
) -> Tensor:
    return _distillation(y, z, weight, temperature, reduction)


def _adaptive_log_softmax(
    head: Tensor, tails: Tensor, labels: Tensor, cutoffs: list[int] | None = None, reduction: str = "mean"
) -> Tensor:
    """As torch's module, after its projections."""
    starts = [head.shape[-1] - 1] if cutoffs is None else list(cutoffs)
    frequent = starts[0]
    ends, y = [*starts[1:], frequent + tails.shape[-1]], labels.long()
    wanted, terms = y, torch.zeros_like(head[..., 0])
    for k, (start, end) in enumerate(zip(starts, ends, strict=True)):
        inside = (y >= start) & (y < end)
        wanted = torch.where(inside, frequent + k, wanted)
        own = F.cross_entropy(tails[inside, start - frequent : end - frequent], y[inside] - start, reduction="none")
        terms = terms.index_put((inside,), own)
    return reduce(terms + F.cross_entropy(head, wanted, reduction="none"), reduction)


COMPOSED: dict[str, Definition] = {
    "cost/cpo": _cpo,
    "cost/simpo": _simpo,
    "cost/grpo_clip": _grpo_clip,
    "cost/kl_k1": lambda a, reference, weight=None, reduction="mean": _reduced(a - reference, weight, reduction),
    "cost/reverse_kl": _reverse_kl,
    "cost/adaptive_log_softmax": _adaptive_log_softmax,
    "cost/z_loss": _z_loss,
    "cost/distillation": _distillation,
    "cost/linear_cross_entropy": _linear_cross_entropy,
    "cost/dpo": _dpo,
    "cost/ipo": _ipo,
    "cost/kto": _kto,
    "cost/orpo": _orpo,
    "cost/ppo_clip": _ppo_clip,
    "cost/kl_k3": _kl_k3,
}
