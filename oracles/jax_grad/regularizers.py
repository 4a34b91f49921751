"""JAX's answer to a regularizer: its forward in `jax.numpy` and `optax`, differentiated by `jax.grad`.

A definition takes arrays and the parameter names of the formula's record and returns one number. The first input is
what the gradient is taken by. float64 runs with 64-bit JAX, everything else without.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

from oracles.jax_grad.updates import precision

NAME = "jax"
VERSION = str(jax.__version__)

Array = npt.NDArray[Any]


def _entropy(z: Any, lam: float = 0.1) -> Any:
    log_s = jax.nn.log_softmax(z)
    return lam * (jnp.exp(log_s) * log_s).sum(-1).mean()


def _label_smoothing(z: Any, y: Any, eps: float = 0.1) -> Any:
    one_hot = jax.nn.one_hot(y, z.shape[-1], dtype=z.dtype)
    smoothed = optax.softmax_cross_entropy(z, optax.smooth_labels(one_hot, eps))
    return (smoothed - optax.softmax_cross_entropy(z, one_hot)).mean()


PENALTIES: dict[str, Callable[..., Any]] = {
    "regularizer/l2": lambda w, lam=0.1, n=1.0: lam / (2 * n) * jnp.square(w).sum(),
    "regularizer/l1": lambda w, lam=0.1: lam * jnp.abs(w).sum(),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * jnp.abs(w).sum() + (1 - mix) / 2 * jnp.square(w).sum())
    ),
    "regularizer/group_lasso": lambda w, lam=0.1: lam * math.sqrt(w.shape[-1]) * jnp.linalg.norm(w, axis=-1).sum(),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: (
        lam * jnp.square(jax.nn.relu(jnp.linalg.norm(w, axis=-1) - limit)).sum()
    ),
    "regularizer/orthogonality": lambda w, lam=0.1: lam * jnp.square(w @ w.T - jnp.eye(len(w), dtype=w.dtype)).sum(),
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * jnp.linalg.norm(w, ord=2),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * jnp.linalg.norm(w, ord="nuc"),
    "regularizer/entropy": _entropy,
    "regularizer/label_smoothing": _label_smoothing,
    "regularizer/activity_l2": lambda a, lam=0.1: lam / 2 * jnp.square(a).sum(-1).mean(),
    "regularizer/activity_l1": lambda a, lam=0.1: lam * jnp.abs(a).sum(-1).mean(),
}
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "activation/identity": jax.nn.identity,
    "activation/relu": jax.nn.relu,
    "activation/leaky_relu": jax.nn.leaky_relu,
    "activation/sigmoid": jax.nn.sigmoid,
    "activation/tanh": jnp.tanh,
    "activation/softplus": jax.nn.softplus,
}


def stacked(id: str) -> Callable[..., Any]:
    """The penalty `id` of weights with leading axes, one number for each matrix.  (..., d_out, d_in) -> (...)."""

    def penalties(w: Any, **parameters: float) -> Any:
        each = functools.partial(PENALTIES[id], **parameters)
        for _ in w.shape[:-2]:
            each = jax.vmap(each)
        return each(w)

    return penalties


@functools.cache
def _graded(id: str) -> Any:
    return jax.jit(jax.value_and_grad(PENALTIES[id]))


def penalty(id: str, first: Array, *others: Array, **parameters: Any) -> tuple[Array, Array]:
    """(R, ∂R/∂first) of the penalty `id`."""
    with precision([first]):
        R, gradient = _graded(id)(jnp.asarray(first), *map(jnp.asarray, others), **parameters)
        return np.asarray(R), np.asarray(gradient)


def native(what: str, *arrays: Array, **given: Any) -> list[Array]:
    """What JAX or Optax do by themselves under a name of `NATIVE`; LookupError where they have nothing."""
    if what not in NATIVE:
        raise LookupError("no such function")
    with precision([*arrays]):
        return [np.asarray(x) for x in NATIVE[what](*map(jnp.asarray, arrays), **given)]


def _weight_decay(w: Any, b: Any, **given: float) -> list[Any]:
    """What one step of SGD at gradient 0 and η = 1 takes off weights and biases."""
    parameters = {"w": w, "b": b}
    decay = optax.add_decayed_weights(given["lam"]) if given else optax.add_decayed_weights()
    optimizer = optax.chain(decay, optax.sgd(1.0))
    zero = jax.tree.map(jnp.zeros_like, parameters)
    update, _ = optimizer.update(zero, optimizer.init(parameters), parameters)
    return [-update["w"], -update["b"]]


NATIVE: dict[str, Callable[..., list[Any]]] = {
    "weight decay": _weight_decay,
    "max norm": lambda w, limit: [optax.projections.projection_l2_ball(w, limit)],
    "spectral_norm": lambda w: [jnp.linalg.norm(w, ord=2)],
    "nuclear_norm": lambda w: [jnp.linalg.norm(w, ord="nuc")],
}


def _input_gradient_penalty(id: str, activations: Sequence[str], WB: Any, x: Any, lam: Any, target: Any) -> Any:
    def network(one: Any) -> Any:
        for w, c, g in zip(*WB, activations, strict=True):
            one = ACTIVATIONS[g](w @ one + c)
        return one

    q = jax.vmap(jax.jacrev(network))(x)  # (n, d_out, d_in)
    if id == "regularizer/jacobian":
        return lam / 2 * jnp.square(q).sum((-2, -1)).mean()
    return lam * jnp.square(jnp.linalg.norm(q[:, 0], axis=-1) - target).mean()


@functools.cache
def _graded_network(id: str, activations: tuple[str, ...]) -> Any:
    return jax.jit(jax.value_and_grad(functools.partial(_input_gradient_penalty, id, activations)))


def input_gradient_penalty(
    id: str,
    x: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[str],
    lam: float = 0.1,
    target: float = 1.0,
) -> tuple[Array, list[Array], list[Array]]:
    """(R, ∂R/∂W, ∂R/∂b) of the Jacobian or gradient penalty: `grad` of a function of `jacrev`."""
    with precision([x]):
        parameters = [jnp.asarray(w) for w in W], [jnp.asarray(c) for c in b]
        R, (dW, db) = _graded_network(id, tuple(activations))(parameters, jnp.asarray(x), lam, target)
        return np.asarray(R), [np.asarray(g) for g in dW], [np.asarray(g) for g in db]
