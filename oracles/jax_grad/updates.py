"""Optax's answer to an optimizer step: its transformations as they are, fed with given gradients.

Rules are looked up by formula id and take the hyperparameter names of the formula's record, each handed to the
argument of Optax that goes by its meaning. Where the two do different things with it, that is a finding of whoever
compares; nothing is bent here to agree.

float64 parameters run with 64-bit JAX, all others with 64-bit switched off, as people run them: scalars such as
1 − βᵗ are then float32.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
import optax

NAME = "optax"
VERSION = str(optax.__version__)

Array = npt.NDArray[Any]
Gradient = Callable[[int, list[Array]], Sequence[Array]]


def _momentum(*, eta: float, mu: float, dampening: float) -> Any:
    if dampening:
        raise LookupError("optax.sgd has no dampening")
    return optax.sgd(eta, momentum=mu)


def _sgdw(*, eta: float, mu: float, lam: float) -> Any:
    return optax.chain(optax.trace(mu), optax.add_decayed_weights(lam), optax.scale_by_learning_rate(eta))


def _rmsprop(centered: bool, *, eta: float, rho: float, mu: float, eps: float) -> Any:
    return optax.rmsprop(eta, decay=rho, eps=eps, eps_in_sqrt=False, centered=centered, momentum=mu or None)


def _amsgrad(*, eta: float, beta1: float, beta2: float, eps: float, bias_correction: bool) -> Any:
    return optax.amsgrad(eta, beta1, beta2, eps, bias_correction_mu=bias_correction, bias_correction_nu=bias_correction)


def _nadam(*, eta: float, beta1: float, beta2: float, eps: float, momentum_decay: float) -> Any:
    if momentum_decay != math.inf:
        raise LookupError("optax.nadam has no momentum schedule")
    return optax.nadam(eta, beta1, beta2, eps)


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "update/sgd": lambda *, eta: optax.sgd(eta),
    "update/sgd_l2": lambda *, eta, lam, n: optax.chain(optax.add_decayed_weights(lam / n), optax.sgd(eta)),
    "update/momentum": _momentum,
    "update/momentum_l2": lambda *, eta, mu, lam: optax.chain(
        optax.add_decayed_weights(lam), optax.sgd(eta, momentum=mu)
    ),
    "update/nesterov": lambda *, eta, mu: optax.sgd(eta, momentum=mu, nesterov=True),
    "update/sgdw": _sgdw,
    "update/adagrad": lambda *, eta, eps, initial: optax.adagrad(eta, initial_accumulator_value=initial, eps=eps),
    "update/rmsprop": lambda **h: _rmsprop(False, **h),
    "update/rmsprop_centered": lambda **h: _rmsprop(True, **h),
    "update/adadelta": lambda *, eta, rho, eps: optax.adadelta(eta, rho, eps),
    "update/adam": lambda *, eta, beta1, beta2, eps: optax.adam(eta, beta1, beta2, eps),
    "update/adam_l2": lambda *, eta, beta1, beta2, eps, lam: optax.chain(
        optax.add_decayed_weights(lam), optax.adam(eta, beta1, beta2, eps)
    ),
    "update/adamw": lambda *, eta, beta1, beta2, eps, lam: optax.adamw(eta, beta1, beta2, eps, weight_decay=lam),
    "update/amsgrad": _amsgrad,
    "update/nadam": _nadam,
    "update/radam": lambda *, eta, beta1, beta2, eps, threshold: optax.radam(
        eta, beta1, beta2, eps, threshold=threshold
    ),
    "update/adamax": lambda *, eta, beta1, beta2, eps: optax.adamax(eta, beta1, beta2, eps),
    "update/lion": lambda *, eta, beta1, beta2, lam: optax.lion(eta, beta1, beta2, weight_decay=lam),
}
NATIVE: dict[str, Callable[..., Any]] = {
    "update/sgd": optax.sgd,
    "update/momentum": optax.sgd,
    "update/nesterov": functools.partial(optax.sgd, nesterov=True),
    "update/adagrad": optax.adagrad,
    "update/rmsprop": optax.rmsprop,
    "update/rmsprop_centered": functools.partial(optax.rmsprop, centered=True),
    "update/adadelta": optax.adadelta,
    "update/adam": optax.adam,
    "update/adamw": optax.adamw,
    "update/amsgrad": optax.amsgrad,
    "update/nadam": optax.nadam,
    "update/radam": optax.radam,
    "update/adamax": optax.adamax,
    "update/lion": optax.lion,
}
NAMES = {"eta": "learning_rate", "mu": "momentum", "lam": "weight_decay", "initial": "initial_accumulator_value",
         "beta1": "b1", "rho": "decay"}  # fmt: skip
CLIPS: dict[str, Callable[[Any], Any]] = {
    "update/clip_by_value": optax.clip,
    "update/clip_by_norm": optax.clip_by_global_norm,
}


def precision(arrays: Sequence[Array]) -> Any:
    """Context in which JAX computes as it does for users of this dtype."""
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    return switch(any(a.dtype == np.float64 for a in arrays))


def run(build: Callable[[], Any], parameters: Sequence[Array], gradient: Gradient, steps: int) -> list[list[Array]]:
    """The parameters after each step of the transformation that `build` makes; `gradient(t, parameters)` feeds it."""
    with precision(parameters):
        optimizer = build()

        def step(w: Any, state: Any, g: Any) -> Any:
            updates, state = optimizer.update(g, state, w)
            return optax.apply_updates(w, updates), state

        compiled = jax.jit(step) if steps > 20 else lambda w, state, g: step(w, state, [jnp.asarray(x) for x in g])
        w = [jnp.asarray(p) for p in parameters]
        state = optimizer.init(w)
        path = [[np.asarray(p) for p in w]]
        for t in range(steps):
            w, state = compiled(w, state, list(gradient(t, path[-1])))
            path.append([np.asarray(p) for p in w])
        return path[1:]


def trajectory(
    id: str, parameters: Sequence[Array], gradient: Gradient, steps: int, **hyperparameters: Any
) -> list[list[Array]]:
    """The parameters after each of `steps` steps of the rule `id`.

    Raises LookupError where Optax has no such rule or setting, saying which.
    """
    return run(lambda: OPTIMIZERS[id](**hyperparameters), parameters, gradient, steps)


def native(
    id: str,
    parameters: Sequence[Array],
    gradient: Gradient,
    steps: int,
    rates: Sequence[float] = (),
    **given: Any,
) -> list[list[Array]]:
    """As `trajectory`, with Optax's own default for every hyperparameter that is not given.

    `rates` are learning rates step by step. Raises LookupError where Optax has no such rule or argument.
    """
    if id not in NATIVE:
        raise LookupError(f"optax has no {id.split('/')[1]}")
    renamed = {NAMES.get(k, k): v for k, v in given.items()}
    for name in renamed.keys() - inspect.signature(NATIVE[id]).parameters.keys():
        raise LookupError(f"optax.{getattr(NATIVE[id], 'func', NATIVE[id]).__name__} has no {name}")
    if rates:
        renamed["learning_rate"] = lambda count: jnp.asarray(rates)[count]
    return run(lambda: NATIVE[id](**renamed), parameters, gradient, steps)


def defaults(id: str) -> dict[str, Any]:
    """The numbers that Optax puts where nothing is given; empty where it has no such rule."""
    parameters = inspect.signature(NATIVE[id]).parameters.values() if id in NATIVE else ()
    numeric = (p for p in parameters if isinstance(p.default, (int, float)) and not isinstance(p.default, bool))
    return {p.name: p.default for p in numeric}


@functools.partial(jax.jit, static_argnames="id")
def _clip(id: str, gradients: list[Any], limit: Any) -> Any:
    transformation = CLIPS[id](limit)
    return transformation.update(gradients, transformation.init(None))[0]


@functools.partial(jax.jit, static_argnames="id")
def _clip_vjp(id: str, gradients: list[Any], limit: Any, cotangents: list[Any]) -> Any:
    return jax.vjp(lambda g: _clip(id, g, limit), gradients)[1](cotangents)[0]


def clip(id: str, gradients: Sequence[Array], limit: float) -> list[Array]:
    """What `optax.clip` and `optax.clip_by_global_norm` make of the gradients."""
    with precision(gradients):
        return [np.asarray(g) for g in _clip(id, [jnp.asarray(g) for g in gradients], limit)]


def clip_pullback(id: str, gradients: Sequence[Array], limit: float, cotangents: Sequence[Array]) -> list[Array]:
    """JAX's vector-Jacobian product of the same."""
    with precision(gradients):
        g, v = ([jnp.asarray(x) for x in arrays] for arrays in (gradients, cotangents))
        return [np.asarray(x) for x in _clip_vjp(id, g, limit, v)]
