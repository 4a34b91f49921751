"""Compiled programs: a definition and its differentiation as one, as JAX is used.

Importing this module switches JAX to 64-bit and to the CPU; `place` to another device.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import jax
import jax.extend.backend
import numpy as np

from oracles.calls import Answer, Array, Definition, as_arrays, cotangents, floating, named

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

REMEMBERED: list[Any] = []
PREPARED: set[Definition] = set()


def remembered(build: Callable[..., Any]) -> Any:
    """`functools.cache` that `forget_programs` empties."""
    REMEMBERED.append(functools.cache(build))
    return REMEMBERED[-1]


def forget_programs() -> None:
    """Drop every compiled program from memory: a process that meets thousands of them would keep them all."""
    for programs in REMEMBERED:
        programs.cache_clear()
    jax.clear_caches()


def cache_programs(folder: str) -> None:
    """Keep compiled programs in `folder` between runs."""
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def place(device: str) -> str:
    """Compute on "cpu", "cuda" or "cuda:N" from now on; what it is called. Raises LookupError where it is not there."""
    kind, _, number = device.partition(":")
    if kind == "cpu" and jax.config.jax_default_device is None:
        return kind
    forget_programs()
    if kind not in jax.config.jax_platforms:
        _look_for(f"{kind},cpu")
    try:
        found = jax.devices(kind)[int(number or 0)]
    except (RuntimeError, IndexError) as error:
        _look_for("cpu")
        raise LookupError(f"JAX has no {device} here") from error
    jax.config.update("jax_default_device", found)
    return str(found.device_kind)


def _look_for(platforms: str) -> None:
    jax.extend.backend.clear_backends()
    jax.config.update("jax_default_device", None)
    jax.config.update("jax_platforms", platforms)


def precision(arrays: Iterable[Array]) -> Any:
    """Context in which JAX computes as it does for users of this dtype: with 64 bits for float64, else without."""
    switch = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
    return switch(any(a.dtype == np.float64 for a in arrays))


def prepared(prepare: Definition) -> Definition:
    """Marks a definition that first finds in NumPy what follows from labels: what to compile, arrays, parameters."""
    PREPARED.add(prepare)
    return prepare


Constants = tuple[tuple[str, str, Any], ...]  # name, type, value


def constants(parameters: Mapping[str, Any]) -> Constants:
    """Parameters as a program remembers them: 2 and 2.0 are equal, and their programs are not."""
    listed = {name: tuple(p) if isinstance(p, list) else p for name, p in parameters.items()}
    return tuple(sorted((name, type(p).__name__, p) for name, p in listed.items()))


def _answer(definition: Definition, parameters: Constants) -> Callable[..., Any]:
    """Outputs of a definition, and the pullback of a cotangent."""

    given = {name: p for name, _, p in parameters}

    def answer(variable: Mapping[str, Any], fixed: Mapping[str, Any], cotangent: Any) -> tuple[Any, Any]:
        outputs, back = jax.vjp(lambda x: named(definition(**x, **fixed, **given)), variable)
        v = {name: v.astype(outputs[name].dtype) for name, v in cotangents(cotangent, outputs).items()}
        return outputs, back(v)[0]

    return answer


@remembered
def _program(definition: Definition, parameters: Constants) -> Any:
    """The same as one program: in parts it would take longer to compile."""
    return jax.jit(_answer(definition, parameters))


def differentiate(
    definition: Definition,
    given: Mapping[str, Array],
    by: Set[str],
    cotangent: Any,
    parameters: Mapping[str, Any],
    compiled: bool = True,
) -> Answer:
    """Outputs, and the gradient of ⟨cotangent, outputs⟩ with respect to every array named in `by`.

    Parameters are constants of the program.
    """
    if definition in PREPARED:
        definition, given, parameters = definition(**given, **parameters)
    dtype = next(x.dtype for x in given.values() if floating(x))
    build = _program if compiled else _answer
    program = build(definition, constants(parameters))
    variable = {name: given[name] for name in given if name in by}
    fixed = {name: x for name, x in given.items() if name not in by}
    with precision(given.values()):
        answer = program(variable, fixed, as_arrays(cotangent))
        outputs, gradients = jax.tree.map(lambda x: np.asarray(x).astype(dtype, copy=False), answer)
    return outputs, gradients
