"""Divergences, Fenchel–Young costs and rankings in JAX: Optax has all but total variation."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import optax

from oracles.calls import Definition
from oracles.jax_grad.costs import times
from oracles.jax_grad.layers.projections import entmax


def _generalized_kl(a: Any, y: Any, reduction: str = "batchmean") -> Any:
    losses = optax.losses  # its former name where the new one is not there yet
    loss = getattr(losses, "generalized_kl_divergence", None) or losses.convex_kl_divergence
    terms = loss(a, y, axis=())
    return terms.sum() / len(a) if reduction == "batchmean" else times(terms, None, reduction)


def _total_variation(p: Any, q: Any, reduction: str = "mean") -> Any:
    return _rows(jnp.abs(p - q).sum(-1) / 2, reduction)


def _rows(terms: Any, reduction: str) -> Any:
    return terms.sum() / len(terms) if reduction == "batchmean" else times(terms, None, reduction)


def _entmax(z: Any, labels: Any, reduction: str = "mean") -> Any:
    p = entmax(z)
    lead = z - jnp.take_along_axis(z, labels[..., None], -1)
    return _rows((p * lead).sum(-1) + (1 - (p**1.5).sum(-1)) * 4 / 3, reduction)


def _ranking_softmax(z: Any, y: Any, mask: Any = None, reduction: str = "mean") -> Any:
    there = None if mask is None else mask != 0
    reduce = {"mean": jnp.mean, "sum": jnp.sum}.get(reduction)
    found = optax.losses.ranking_softmax_loss(z, y, where=there, reduce_fn=reduce)
    return found.sum() / len(z) if reduction == "batchmean" else found


OWN: dict[str, Definition] = {
    "cost/generalized_kl": _generalized_kl,
    "cost/sparsemax": lambda z, y, reduction="mean": _rows(optax.losses.sparsemax_loss(z, y), reduction),
    "cost/multiclass_sparsemax": lambda z, labels, reduction="mean": _rows(
        optax.losses.multiclass_sparsemax_loss(z, labels), reduction
    ),
    "cost/ranking_softmax": _ranking_softmax,
}
COMPOSED: dict[str, Definition] = {"cost/total_variation": _total_variation, "cost/entmax": _entmax}
