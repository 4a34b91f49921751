"""JAX's answer to a function written against the array API, which `jax.numpy` is one of."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from oracles.calls import Answer, check, double, floats
from oracles.jax_grad.programs import differentiate


def pullback_of(f: Callable[..., Any], arguments: Mapping[str, Any], cotangent: Any = None, **options: Any) -> Answer:
    """Outputs of f(xp, **arguments, **options), and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    In float64, on the CPU, by `jax.vjp`, not compiled: f may branch in Python. NumPy in, NumPy out. f returns an array,
    called "value", or a mapping by name; None stands for a cotangent of ones. Raises TypeError where nothing is
    floating or an argument is missing, LookupError for one that f does not take, and what f raises.
    """
    given = double(f, arguments)
    check(getattr(f, "__name__", "f"), functools.partial(f, jnp), given, options)
    by = floats(given)

    def definition(**arrays: Any) -> Any:
        return f(jnp, **{name: jnp.asarray(x) for name, x in arrays.items()}, **options)

    return differentiate(definition, given, by, cotangent, {}, compiled=False)
