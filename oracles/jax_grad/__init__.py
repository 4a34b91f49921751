"""JAX's answer: `jax.nn` and `optax` where they have the function, else its plain `jnp` definition; then `jax.vjp`.

One table holds a forward definition for every id, of named arrays and parameters; one function differentiates any of
them. Everything is compiled as a whole by `jit`, as JAX is used: with 64 bits for float64, without for what is
narrower. Importing this package switches JAX to 64-bit. Nothing here contains a derivative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax

from oracles.calls import Answer, arrays, ask, find, floats, installed_version, known_options
from oracles.heard import calls as heard
from oracles.jax_grad.costs import EAGER
from oracles.jax_grad.layers.blocks import BLOCKS
from oracles.jax_grad.network import network
from oracles.jax_grad.optimizers import OPTIMIZERS
from oracles.jax_grad.programs import cache_programs, differentiate, forget_programs, place
from oracles.jax_grad.table import ASKED, COMPOSED, DEFINITIONS, NATIVE, OWN, SLOPES
from oracles.jax_grad.updates import defaults, native_steps, step, trajectory

__all__ = [
    "DEFINITIONS",
    "NAME",
    "VERSION",
    "cache_programs",
    "calls",
    "defaults",
    "forget_programs",
    "has",
    "native",
    "native_steps",
    "network",
    "place",
    "trajectory",
    "vjp",
]

NAME = "jax"
VERSION = str(jax.__version__)


def vjp(id: str, arguments: Mapping[str, Any], cotangent: Any = None, **parameters: Any) -> Answer:
    """The outputs of the formula `id`, and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    NumPy in, NumPy out, in the dtype of the first floating array; a single output is called "value", and None stands
    for a cotangent of ones. Of an update rule this is one step, with outputs alone. Raises LookupError for an id, an
    option or a version that has no answer.
    """
    if id.startswith("update/") and id not in DEFINITIONS:
        return step(id, arguments, **parameters), {}
    return ask(id, find(id, ASKED), SLOPES.get(id), differentiate, arguments, cotangent, parameters)


def has(id: str, quantity: str = "value") -> str:
    """Whose a quantity is: "native", a function of JAX or Optax; "composed", written out here; or "", there is none.

    A quantity is an output, or an argument to take the gradient by.
    """
    if id in COMPOSED or id in BLOCKS or (id in SLOPES and quantity != "value" and SLOPES[id].give(quantity)):
        return "composed"
    return "native" if id in OWN or id in OPTIMIZERS else ""


def native(id: str, arguments: Mapping[str, Any], **options: Any) -> Answer:
    """What JAX or Optax do by themselves under the name of a formula, with their defaults, and gradients of the value.

    Optax's losses reduce nothing, and ones that are composed in `vjp`, whose terms are not ours, are here as they are.
    Where a function changes weights these are the outputs, by their names, and there are no gradients. Raises
    LookupError: "no such function", "no option 'x'".
    """
    if id not in NATIVE:
        raise LookupError("no such function")
    given = arrays(id, arguments)
    with installed_version(), known_options():
        outputs, gradients = differentiate(NATIVE[id], given, floats(given), None, options, compiled=id not in EAGER)
    return outputs, gradients if "value" in outputs else {}


FUNCTIONS = r"(optax|jax)\.(?!tree|numpy\.(?!linalg|clip))"


def calls(id: str, arguments: Mapping[str, Any], **options: Any) -> list[str]:
    """The calls of JAX's and Optax's functions that `native` makes, as those of torch; [] without any."""
    return heard(NATIVE[id], arrays(id, arguments), options, FUNCTIONS) if id in NATIVE else []
