"""Costs of language models in JAX, of preferences and policies too: neither it nor Optax has any of them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition
from oracles.jax_grad.costs import reduce, times


def _lead(chosen: Any, rejected: Any, *reference: Any) -> Any:
    of_chosen, of_rejected = (0.0 if q is None else q for q in reference)
    return (chosen - rejected) - (of_chosen - of_rejected)


def _dpo(
    chosen: Any,
    rejected: Any,
    weight: Any = None,
    reference_chosen: Any = None,
    reference_rejected: Any = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
    reduction: str = "mean",
) -> Any:
    h = beta * _lead(chosen, rejected, reference_chosen, reference_rejected) - margin
    terms = -jax.nn.log_sigmoid(h) * (1 - label_smoothing) - jax.nn.log_sigmoid(-h) * label_smoothing
    return times(terms, weight, reduction)


def _ipo(
    chosen: Any,
    rejected: Any,
    weight: Any = None,
    reference_chosen: Any = None,
    reference_rejected: Any = None,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Any:
    terms = (_lead(chosen, rejected, reference_chosen, reference_rejected) - 1 / (2 * beta)) ** 2
    return times(terms, weight, reduction)


def _kto(
    a: Any,
    y: Any,
    reference: Any,
    weight: Any = None,
    kl: Any = None,
    beta: float = 0.1,
    reduction: str = "mean",
) -> Any:
    rewards = a - reference if kl is None else a - reference - kl
    terms = 1 - jax.nn.sigmoid(beta * y * rewards)
    return times(terms, weight, reduction)


def _orpo(chosen: Any, rejected: Any, weight: Any = None, reduction: str = "mean") -> Any:
    odds = (chosen - rejected) - (jnp.log1p(-jnp.exp(chosen)) - jnp.log1p(-jnp.exp(rejected)))
    return times(-jax.nn.log_sigmoid(odds), weight, reduction)


def _ppo_clip(
    a: Any,
    old: Any,
    advantage: Any,
    weight: Any = None,
    low: float = 0.2,
    high: float = 0.2,
    reduction: str = "mean",
) -> Any:
    ratio = jnp.exp(a - old)
    terms = -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1 - low, 1 + high) * advantage)
    return times(terms, weight, reduction)


def _kl_k3(a: Any, reference: Any, weight: Any = None, reduction: str = "mean") -> Any:
    r = reference - a
    terms = jnp.exp(r) - r - 1
    return times(terms, weight, reduction)


def _z_loss(z: Any, weight: Any = None, reduction: str = "mean") -> Any:
    return times(jnp.square(jax.nn.logsumexp(z, axis=-1)), weight, reduction)


def _distillation(z: Any, y: Any, weight: Any = None, temperature: float = 1.0, reduction: str = "mean") -> Any:
    student, teacher = (jax.nn.log_softmax(q / temperature, -1) for q in (z, y))
    return times(temperature * temperature * (jnp.exp(teacher) * (teacher - student)).sum(-1), weight, reduction)


def _linear_cross_entropy(
    h: Any, W: Any, labels: Any, b: Any = None, ignore_index: int | None = None, reduction: str = "mean"
) -> Any:
    z = h @ W.T if b is None else h @ W.T + b
    counts = jnp.ones(labels.shape, bool) if ignore_index is None else labels != ignore_index
    log_p = jnp.take_along_axis(jax.nn.log_softmax(z, -1), jnp.where(counts, labels, 0)[..., None], -1)[..., 0]
    terms = jnp.where(counts, -log_p, 0)
    return terms.sum() / counts.sum() if reduction == "mean" else times(terms, None, reduction)


def _cpo(
    chosen: Any,
    rejected: Any,
    weight: Any = None,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    alpha: float = 1.0,
    reduction: str = "mean",
) -> Any:
    h = beta * (chosen - rejected)
    terms = -(1 - label_smoothing) * jax.nn.log_sigmoid(h) - label_smoothing * jax.nn.log_sigmoid(-h) - alpha * chosen
    return times(terms, weight, reduction)


def _simpo(
    chosen: Any,
    rejected: Any,
    chosen_lengths: Any,
    rejected_lengths: Any,
    weight: Any = None,
    beta: float = 2.0,
    label_smoothing: float = 0.0,
    margin: float = 1.0,
    reduction: str = "mean",
) -> Any:
    sizes = (x.astype(chosen.dtype) for x in (chosen_lengths, rejected_lengths))
    h = beta * (chosen / next(sizes) - rejected / next(sizes)) - margin
    terms = -(1 - label_smoothing) * jax.nn.log_sigmoid(h) - label_smoothing * jax.nn.log_sigmoid(-h)
    return times(terms, weight, reduction)


def _grpo_clip(
    a: Any,
    old: Any,
    advantage: Any,
    lengths: Any = None,
    low: float = 0.2,
    high: float = 0.2,
    normaliser: str = "sequence",
    reduction: str = "mean",
) -> Any:
    n, T = a.shape
    sizes = jnp.full(n, T) if lengths is None else lengths
    there = jnp.arange(T) < sizes[:, None]
    ratio, A = jnp.exp(jnp.where(there, a - old, 0)), advantage[:, None]
    terms = jnp.where(there, -jnp.minimum(ratio * A, jnp.clip(ratio, 1 - low, 1 + high) * A), 0)
    if reduction == "mean" and normaliser == "sequence":
        return (terms.sum(-1) / jnp.maximum(sizes, 1)).mean()
    if reduction == "mean" and normaliser == "token":
        return terms.sum() / jnp.maximum(sizes.sum(), 1)
    return reduce(terms, reduction)


def _reverse_kl(z: Any, y: Any, weight: Any = None, temperature: float = 1.0, reduction: str = "mean") -> Any:
    return _distillation(y, z, weight, temperature, reduction)


def _adaptive_log_softmax(head: Any, tails: Any, labels: Any, cutoffs: Any = None, reduction: str = "mean") -> Any:
    starts = [head.shape[-1] - 1] if cutoffs is None else list(cutoffs)
    frequent = starts[0]
    logs, wanted, terms = jax.nn.log_softmax(head, -1), labels, jnp.zeros(head.shape[:-1], head.dtype)
    for k, (start, end) in enumerate(zip(starts, [*starts[1:], frequent + tails.shape[-1]], strict=True)):
        inside = (labels >= start) & (labels < end)
        own = jax.nn.log_softmax(tails[..., start - frequent : end - frequent], -1)
        here = jnp.take_along_axis(own, jnp.where(inside, labels - start, 0)[..., None], -1)[..., 0]
        terms, wanted = jnp.where(inside, -here, terms), jnp.where(inside, frequent + k, wanted)
    return reduce(terms - jnp.take_along_axis(logs, wanted[..., None], -1)[..., 0], reduction)


COMPOSED: dict[str, Definition] = {
    "cost/cpo": _cpo,
    "cost/simpo": _simpo,
    "cost/grpo_clip": _grpo_clip,
    "cost/kl_k1": lambda a, reference, weight=None, reduction="mean": times(a - reference, weight, reduction),
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
