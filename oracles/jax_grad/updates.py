"""Optax's answer to an optimizer step: its transformations as they are, fed with given gradients; and its clipping.

Rules are looked up by formula id and take the hyperparameter names of the formula's record, each handed to the
argument of Optax that goes by its meaning. Where the two do different things with it, that is a finding of whoever
compares; nothing is bent here to agree.

float64 parameters run with 64-bit JAX, all others with 64-bit switched off, as people run them: scalars such as
1 − βᵗ are then float32.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from oracles.calls import Array, Definition, arrays, check_step, installed_version, rule
from oracles.jax_grad.optimizers import FORMS, NAMES, NATIVE, NUMBERS, OPTIMIZERS, STATES
from oracles.jax_grad.programs import precision

NAME = "optax"
VERSION = str(optax.__version__)

Gradient = Callable[[int, list[Array]], Sequence[Array]]


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


def _fields(state: Any) -> dict[str, Any]:
    """What Optax keeps, by its own names, from all parts of a chain and of what they wrap."""
    parts = state if isinstance(state, tuple) else [*state.values()] if isinstance(state, dict) else ()
    own = state._asdict() if hasattr(state, "_fields") else {}
    own = {name: x for name, x in own.items() if not isinstance(x, optax.MaskedNode)}  # of other parameters
    return {**{name: x for part in parts for name, x in _fields(part).items()}, **own}


def _formed(id: str, given: Mapping[str, Any]) -> list[str]:
    """The accumulators that Optax keeps in a form of its own."""
    first = {"update/adafactor": "r", "update/sm3": "mr"}.get(id, "")
    return [*first, *("c" if first and "w" in given and given["w"].ndim > 1 else "")]


def _like(new: Any, old: Any) -> Any:
    """In the shape of what stands there, and numbers in its dtype."""
    if isinstance(new, list):
        return [jnp.asarray(x) for x in new]
    return jnp.reshape(jnp.asarray(new, old.dtype if isinstance(new, (int, float)) else None), jnp.shape(old))


def _put(state: Any, fields: Mapping[str, Any]) -> Any:
    """The same state with other values under these names."""
    if hasattr(state, "_fields"):
        own = {k: x for k, x in state._asdict().items() if not isinstance(x, optax.MaskedNode)}
        return state._replace(**{k: _like(fields[k], x) if k in fields else _put(x, fields) for k, x in own.items()})
    if isinstance(state, dict):
        return {name: _put(part, fields) for name, part in state.items()}
    return tuple(_put(part, fields) for part in state) if isinstance(state, tuple) else state


def step(id: str, arguments: Mapping[str, Any], t: int = 1, **hyperparameters: Any) -> dict[str, Array]:
    """The t-th step of a rule from `w` at the gradient `dC`: the new `w` and accumulators, as far as Optax keeps them.

    The first step starts from Optax's own state; for later ones the accumulators are arguments too, by the names of
    the record. Raises LookupError where Optax has no such rule, setting or accumulator, saying which.
    """
    given = arrays(id, arguments)
    names = STATES.get(id, {})
    check_step(id, given, [*names, *_formed(id, given)], t, hyperparameters.get("mu"))
    dtype = given["w"].dtype
    with precision(given.values()), installed_version():
        w, dC = jnp.asarray(given["w"]), jnp.asarray(given["dC"])
        optimizer = rule(id, OPTIMIZERS, "optax")(**hyperparameters)
        state = optimizer.init(w)
        if t > 1:
            kept = {theirs: jnp.asarray(given[ours]) for ours, theirs in names.items() if ours in given}
            kept = {theirs.lstrip("-"): -x if theirs.startswith("-") else x for theirs, x in kept.items()}
            if "prev_updates" in kept:
                kept["prev_updates"] = kept["step_sizes"] * jnp.sign(kept["prev_updates"])
            before = jnp.asarray(t - 1, jnp.int32)
            kept |= FORMS[id].put(dict(given)) if id in FORMS else {}
            counts = dict.fromkeys(("count", "count_m2", "t"), before)
            numbers = NUMBERS[id](t - 1, **hyperparameters) if id in NUMBERS else {}
            state = _put(state, {"is_initial_step": False, **counts, **numbers, **kept})
        update, state = optimizer.update(dC, state, w)
        fields = _fields(state)
        fields |= {f"-{name}": -x for name, x in fields.items() if f"-{name}" in names.values()}
        after = {"w": optax.apply_updates(w, update)}
        after |= FORMS[id].take(fields, w) if id in FORMS else {}
        after |= {ours: fields[theirs] for ours, theirs in names.items() if theirs in fields}
        shapes = {name: given[name].shape if name in given else (1,) * w.ndim for name in after}  # of what is a number
        return {name: np.asarray(x).astype(dtype, copy=False).reshape(shapes[name] if np.ndim(x) == 0 else np.shape(x))
                for name, x in after.items()}  # fmt: skip


# ---------------------------------------------------------------- clipping


def _clipped(transformation: Any, gradients: Mapping[str, Any]) -> dict[str, Any]:
    return dict(transformation.update(gradients, transformation.init(None))[0])


OWN: dict[str, Definition] = {
    "update/clip_by_value": lambda max_value=1.0, **g: _clipped(optax.clip(max_value), g),
    "update/clip_by_norm": lambda max_norm=1.0, **g: _clipped(optax.clip_by_global_norm(max_norm), g),
}
