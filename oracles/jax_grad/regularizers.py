"""JAX's and Optax's regularizers: their norms, and what they do not have, written out.

A penalty of weights acts on one matrix w (..., m, d), one of outputs on (..., n, d): the last two axes; leading ones
are independent problems. What Optax does by itself to weights under these names is in `NATIVE`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from oracles.calls import Definition, in_order
from oracles.jax_grad import activations as units

ACTIVATIONS: dict[str, Definition] = {**units.OWN, **units.COMPOSED}

OWN: dict[str, Definition] = {
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * jnp.linalg.norm(w, ord=2, axis=(-2, -1)),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * jnp.linalg.norm(w, ord="nuc", axis=(-2, -1)),
}


def _norms(w: Any) -> Any:
    """‖row‖ of every row.  (..., m, d) -> (..., m)."""
    return jnp.linalg.norm(w, axis=-1)


def _orthogonality(w: Any, lam: float = 0.1) -> Any:
    return lam * jnp.square(w @ w.mT - jnp.eye(w.shape[-2], dtype=w.dtype)).sum((-2, -1))


def _entropy(z: Any, lam: float = 0.1) -> Any:
    log_s = jax.nn.log_softmax(z)
    return lam * (jnp.exp(log_s) * log_s).sum(-1).mean(-1)


def _label_smoothing(z: Any, y: Any, eps: float = 0.1) -> Any:
    """What smoothing adds to the cross-entropy, for rows of targets or labels."""
    rows = y if jnp.issubdtype(y.dtype, jnp.floating) else jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype)
    smoothed = optax.softmax_cross_entropy(z, optax.smooth_labels(rows, eps))
    return (smoothed - optax.softmax_cross_entropy(z, rows)).mean(-1)


def _input_gradients(x: Any, activations: Sequence[str], layers: Mapping[str, Any]) -> Any:
    """∂a/∂x of a network for every example.  (n, d_in) -> (n, d_out, d_in)."""

    def network(one: Any) -> Any:
        for W, b, g in zip(in_order("W", layers), in_order("b", layers), activations, strict=True):
            one = ACTIVATIONS[g](W @ one + b)
        return one

    return jax.vmap(jax.jacrev(network))(x)


def _jacobian(x: Any, activations: Sequence[str], lam: float = 0.1, **layers: Any) -> Any:
    return lam / 2 * jnp.square(_input_gradients(x, activations, layers)).sum((-2, -1)).mean()


def _gradient_penalty(x: Any, activations: Sequence[str], lam: float = 10.0, target: float = 1.0, **layers: Any) -> Any:
    q = _input_gradients(x, activations, layers)[:, 0]
    return lam * jnp.square(jnp.linalg.norm(q, axis=-1) - target).mean()


def _alpha_dropout(a: Any, mask: Any, rate: float = 0.5) -> Any:
    c = -1.7580993408473768599402175208123  # −λα of SELU
    return (jnp.where(mask == 1, a, c) - rate * c) / jnp.sqrt((1 - rate) * (1 + rate * c * c))


COMPOSED: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * jnp.square(w).sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * jnp.abs(w).sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * jnp.abs(w) + (1 - mix) / 2 * jnp.square(w)).sum((-2, -1))
    ),
    "regularizer/group_lasso": lambda w, lam=0.1: lam * math.sqrt(w.shape[-1]) * _norms(w).sum(-1),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: lam * jnp.square(jax.nn.relu(_norms(w) - limit)).sum(-1),
    "regularizer/orthogonality": _orthogonality,
    "regularizer/entropy": _entropy,
    "regularizer/label_smoothing": _label_smoothing,
    "regularizer/activity_l2": lambda a, lam=0.1: lam / 2 * jnp.square(a).sum(-1).mean(-1),
    "regularizer/activity_l1": lambda a, lam=0.1: lam * jnp.abs(a).sum(-1).mean(-1),
    "regularizer/alpha_dropout": _alpha_dropout,
    "regularizer/dropout": lambda a, mask: a * mask,
    "regularizer/inverted_dropout": lambda a, mask, rate=0.5: a * mask / (1 - rate),
    "regularizer/jacobian": _jacobian,
    "regularizer/gradient_penalty": _gradient_penalty,
}


def _weight_decay(w: Any, b: Any, **given: float) -> dict[str, Any]:
    """What one step of SGD at gradient 0 and η = 1 takes off weights and biases."""
    parameters = {"w": w, "b": b}
    decay = {"weight_decay": given.pop("lam")} if "lam" in given else {}
    optimizer = optax.chain(optax.add_decayed_weights(**decay, **given), optax.sgd(1.0))
    zero = jax.tree.map(jnp.zeros_like, parameters)
    update, _ = optimizer.update(zero, optimizer.init(parameters), parameters)
    return {name: -change for name, change in update.items()}


NATIVE: dict[str, Definition] = {
    "regularizer/l2": _weight_decay,
    "regularizer/max_norm": lambda w, limit: {"w": optax.projections.projection_l2_ball(w, limit)},
    "regularizer/spectral_norm": lambda w: jnp.linalg.norm(w, ord=2),
    "regularizer/nuclear_norm": lambda w: jnp.linalg.norm(w, ord="nuc"),
}
