"""Optax's answer to an optimizer step: its transformations as they are, fed with given gradients; and its clipping.

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
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from oracles.calls import Array, Definition, arrays, check_step, installed_version, rule
from oracles.jax_grad.programs import precision

NAME = "optax"
VERSION = str(optax.__version__)

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


def _adan(*, eta: float, beta1: float, beta2: float, beta3: float, gamma: float, eps: float) -> Any:
    if gamma != 1 - beta2:
        raise LookupError(f"optax.adan takes 1 − b2 = {1 - beta2:.4g} times the change, not {gamma}")
    return optax.adan(eta, beta1, beta2, beta3, eps, eps_root=0.0)


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
    "update/yogi": lambda *, eta, beta1, beta2, eps: optax.chain(
        optax.scale_by_yogi(beta1, beta2, eps, initial_accumulator_value=0.0), optax.scale_by_learning_rate(eta)
    ),
    "update/adabelief": lambda *, eta, beta1, beta2, eps: optax.adabelief(eta, beta1, beta2, eps, eps),
    "update/adan": _adan,
    "update/sign_sgd": lambda *, eta: optax.sign_sgd(eta),
    "update/signum": lambda *, eta, beta1: optax.signum(eta, beta1),
    "update/rprop": lambda *, eta, eta_minus, eta_plus, smallest, largest: optax.rprop(
        eta, eta_minus, eta_plus, smallest, largest
    ),
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
    "update/yogi": optax.yogi,
    "update/adabelief": optax.adabelief,
    "update/adan": optax.adan,
    "update/sign_sgd": optax.sign_sgd,
    "update/signum": optax.signum,
    "update/rprop": optax.rprop,
    "update/lion": optax.lion,
}
NAMES = {"eta": "learning_rate", "mu": "momentum", "lam": "weight_decay", "initial": "initial_accumulator_value",
         "beta1": "b1", "rho": "decay"}  # fmt: skip


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
    optimizer = rule(id, OPTIMIZERS, "optax")
    with installed_version():
        return run(lambda: optimizer(**hyperparameters), parameters, gradient, steps)


def native_steps(
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
    native = rule(id, NATIVE, "optax")
    renamed = {NAMES.get(k, k): v for k, v in given.items()}
    for name in renamed.keys() - inspect.signature(native).parameters.keys():
        raise LookupError(f"optax.{getattr(native, 'func', native).__name__} has no {name}")
    if rates:
        renamed["learning_rate"] = lambda count: jnp.asarray(rates)[count]
    return run(lambda: native(**renamed), parameters, gradient, steps)


def defaults(id: str) -> dict[str, Any]:
    """The numbers that Optax puts where nothing is given; empty where it has no such rule."""
    parameters = inspect.signature(NATIVE[id]).parameters.values() if id in NATIVE else ()
    numeric = (p for p in parameters if isinstance(p.default, (int, float)) and not isinstance(p.default, bool))
    return {p.name: p.default for p in numeric}


# Where Optax keeps the accumulators of a rule. That of RMSProp's momentum is another: −η times ours.
STATES: dict[str, dict[str, str]] = {
    "update/momentum": {"b": "trace"},
    "update/momentum_l2": {"b": "trace"},
    "update/nesterov": {"b": "trace"},
    "update/sgdw": {"b": "trace"},
    "update/adagrad": {"G": "sum_of_squares"},
    "update/rmsprop": {"v": "nu"},
    "update/rmsprop_centered": {"s": "nu", "m": "mu"},
    "update/adadelta": {"v": "e_g", "d": "e_x"},
    "update/adam": {"m": "mu", "v": "nu"},
    "update/adam_l2": {"m": "mu", "v": "nu"},
    "update/adamw": {"m": "mu", "v": "nu"},
    "update/amsgrad": {"m": "mu", "v": "nu", "v_max": "nu_max"},
    "update/nadam": {"m": "mu", "v": "nu"},
    "update/radam": {"m": "mu", "v": "nu"},
    "update/adamax": {"m": "mu", "u": "nu"},
    "update/yogi": {"m": "mu", "v": "nu"},
    "update/adabelief": {"m": "mu", "v": "nu"},
    "update/adan": {"m": "m", "v": "v", "n": "n", "p": "g"},
    "update/signum": {"m": "ema"},
    "update/rprop": {"s": "step_sizes", "p": "prev_updates"},  # it keeps the step where we keep the gradient
    "update/lion": {"m": "mu"},
}


def _fields(state: Any) -> dict[str, Any]:
    """What Optax keeps, by its own names, from all parts of a chain."""
    if hasattr(state, "_fields"):
        return dict(state._asdict())
    return {name: x for part in state for name, x in _fields(part).items()} if isinstance(state, tuple) else {}


def _put(state: Any, fields: Mapping[str, Any]) -> Any:
    """The same state with other values under these names."""
    if hasattr(state, "_fields"):
        return state._replace(**{name: x for name, x in fields.items() if name in state._fields})
    return tuple(_put(part, fields) for part in state) if isinstance(state, tuple) else state


def step(id: str, arguments: Mapping[str, Any], t: int = 1, **hyperparameters: Any) -> dict[str, Array]:
    """The t-th step of a rule from `w` at the gradient `dC`: the new `w` and accumulators, as far as Optax keeps them.

    The first step starts from Optax's own state; for later ones the accumulators are arguments too, by the names of
    the record. Raises LookupError where Optax has no such rule, setting or accumulator, saying which.
    """
    given = arrays(id, arguments)
    names = STATES.get(id, {})
    check_step(id, given, names, t, hyperparameters.get("mu"))
    dtype = given["w"].dtype
    with precision(given.values()), installed_version():
        w, dC = jnp.asarray(given["w"]), jnp.asarray(given["dC"])
        optimizer = rule(id, OPTIMIZERS, "optax")(**hyperparameters)
        state = optimizer.init(w)
        if t > 1:
            kept = {theirs: jnp.asarray(given[ours]) for ours, theirs in names.items() if ours in given}
            if "prev_updates" in kept:
                kept["prev_updates"] = kept["step_sizes"] * jnp.sign(kept["prev_updates"])
            before = jnp.asarray(t - 1, jnp.int32)
            state = _put(state, {"count": before, "t": before, **kept})
        update, state = optimizer.update(dC, state, w)
        fields = _fields(state)
        after = {"w": optax.apply_updates(w, update)}
        after |= {ours: fields[theirs] for ours, theirs in names.items() if theirs in fields}
        return {name: np.asarray(x).astype(dtype, copy=False) for name, x in after.items()}


# ---------------------------------------------------------------- clipping


def _clipped(transformation: Any, gradients: Mapping[str, Any]) -> dict[str, Any]:
    return dict(transformation.update(gradients, transformation.init(None))[0])


OWN: dict[str, Definition] = {
    "update/clip_by_value": lambda max_value=1.0, **g: _clipped(optax.clip(max_value), g),
    "update/clip_by_norm": lambda max_norm=1.0, **g: _clipped(optax.clip_by_global_norm(max_norm), g),
}
