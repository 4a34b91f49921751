"""How every oracle is called: arrays and cotangents by name, options checked, before any machinery sees them.

No formula is known here. A definition is a function of named arrays and parameters that returns its output, or a dict
of outputs by name; its signature says what it takes. `**arrays` in it stands for g1, g2, … or W1, b1, W2, ….
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Definition = Callable[..., Any]
Answer = tuple[dict[str, Array], dict[str, Array]]  # outputs, gradients
Ends = tuple[str, str] | Mapping[str, tuple[str, str]]


class Slopes(NamedTuple):
    """A definition written out for the gradients that a framework's own function does not give: `of` these arguments.

    () stands for every argument.
    """

    definition: Definition
    of: tuple[str, ...] = ()

    def give(self, argument: str) -> bool:
        """Whether the gradient by this argument comes from here."""
        return not self.of or argument in self.of


def floating(x: Array) -> bool:
    """Whether x is of a floating dtype, bfloat16 included, which NumPy does not count among them."""
    return x.dtype.kind == "f" or x.dtype.name == "bfloat16"


def floats(given: Mapping[str, Array]) -> set[str]:
    """The names of the floating arrays."""
    return {name for name, x in given.items() if floating(x)}


def find(id: str, table: Mapping[str, Definition]) -> Definition:
    """The definition of `id`. Raises LookupError where the oracle has none."""
    if id in table:
        return table[id]
    if id.startswith("network/"):
        raise LookupError(f"{id} is an equation of a network: ask `network`")
    raise LookupError(f"no definition of {id!r}: an oracle goes by the ids of records, not by aliases")


def rule(id: str, table: Mapping[str, Callable[..., Any]], library: str) -> Callable[..., Any]:
    """What builds the optimizer of an update rule. Raises LookupError where the library has none."""
    if id not in table:
        raise LookupError(f"{library} has no {id.split('/')[1]}")
    return table[id]


@functools.cache
def options(definition: Definition) -> Mapping[str, inspect.Parameter]:
    """What a definition takes, by name."""
    return inspect.signature(definition).parameters


def arrays(id: str, arguments: Mapping[str, Any]) -> dict[str, Array]:
    """The arrays that are given (None is not), floating ones in the dtype of the first.

    Raises TypeError where nothing is floating.
    """
    given = {name: np.asarray(x) for name, x in arguments.items() if x is not None}
    dtype = next((x.dtype for x in given.values() if floating(x)), None)
    if dtype is None:
        names = ", ".join(f"{name} ({x.dtype})" for name, x in given.items())
        raise TypeError(f"{id}: no floating array among {names or 'the arguments'}")
    with np.errstate(over="ignore", under="ignore"):
        return {name: x.astype(dtype, copy=False) if floating(x) else x for name, x in given.items()}


def double(f: Definition, arguments: Mapping[str, Any]) -> dict[str, Array]:
    """The arguments of a user's f that are given, floating ones in float64; raises as `arrays`."""
    given = {name: np.asarray(x) for name, x in arguments.items() if x is not None}
    wide = {name: x.astype(np.float64) if floating(x) else x for name, x in given.items()}
    return arrays(getattr(f, "__name__", "f"), wide)


def check(id: str, definition: Definition, given: Iterable[str], parameters: Iterable[str]) -> None:
    """Raise LookupError for a name that the definition does not take, TypeError for one that it lacks."""
    given, taken = [*given], options(definition)
    numbered = any(p.kind is p.VAR_KEYWORD for p in taken.values())  # takes g1, g2, …
    for name in (*given, *parameters):
        if name not in taken and not (numbered and name in given and re.fullmatch(r"[a-zA-Z]\d+", name)):
            raise LookupError(f"no option {name!r}")
    for name, p in taken.items():
        if p.default is p.empty and p.kind is not p.VAR_KEYWORD and name not in (*given, *parameters):
            raise TypeError(f"{id} needs {name}")


def check_step(id: str, given: Iterable[str], kept: Iterable[str], t: int, mu: float | None) -> None:
    """Raise LookupError for an accumulator that is not `kept`, or that is given to the first step, and TypeError where
    the t-th step of a rule lacks something.

    A velocity b is lacked only where there is momentum.
    """
    given, kept = {*given}, [*kept]
    if strangers := given - {"w", "dC", *kept}:
        raise LookupError(f"no {sorted(strangers)[0]!r} is kept for {id}")
    if t == 1 and given - {"w", "dC"}:
        raise LookupError("the first step starts from its own accumulators; give them with t = 2 or later")
    needed = ["w", "dC", *(name for name in kept if t > 1 and (name != "b" or mu != 0))]
    if missing := [name for name in needed if name not in given]:
        raise TypeError(f"step {t} of {id} needs {', '.join(missing)}")


def cotangents(cotangent: Any, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The cotangent of every output: ones for None, zeros for an output that a mapping does not name.

    `cotangent` is None, an array, or arrays by name; outputs are what has a shape. Raises LookupError for a name that
    is no output, and ValueError for a cotangent of another shape than its output.
    """
    if not isinstance(cotangent, Mapping):
        if cotangent is not None and len(outputs) > 1:
            raise ValueError(f"there are outputs {', '.join(outputs)}: pass their cotangents by name")
        cotangent = {name: np.ones(x.shape) if cotangent is None else cotangent for name, x in outputs.items()}
    if strangers := [name for name in cotangent if name not in outputs]:
        raise LookupError(f"no output {strangers[0]!r}; there is {', '.join(outputs)}")
    found = {name: cotangent[name] if name in cotangent else np.zeros(x.shape) for name, x in outputs.items()}
    for name, v in found.items():
        if tuple(v.shape) != tuple(outputs[name].shape):
            raise ValueError(
                f"the cotangent of {name} has shape {tuple(v.shape)}, {name} has {tuple(outputs[name].shape)}"
            )
    return found


def as_arrays(cotangent: Any) -> Any:
    """A cotangent as it was given, None, one or several by name, as arrays."""
    if isinstance(cotangent, Mapping):
        return {name: np.asarray(v) for name, v in cotangent.items()}
    return None if cotangent is None else np.asarray(cotangent)


def named(outputs: Any) -> dict[str, Any]:
    """Outputs by name: a single one is called value."""
    return dict(outputs) if isinstance(outputs, Mapping) else {"value": outputs}


def ask(
    id: str,
    definition: Definition,
    slopes: Slopes | None,
    differentiate: Callable[..., Answer],
    arguments: Mapping[str, Any],
    cotangent: Any,
    parameters: Mapping[str, Any],
) -> Answer:
    """Outputs of a framework's definition and its gradients; those that it does not give, from `slopes`.

    `differentiate` takes a definition, arrays, the names to take gradients by, cotangent and parameters. A learnable
    parameter whose gradient comes from elsewhere goes into the framework's own function as a number.
    """
    given = arrays(id, arguments)
    check(id, definition, given, parameters)
    apart = {name for name in floats(given) if slopes and slopes.give(name)}
    numbers = {name: given[name].item() for name in apart if slopes and name in slopes.of and not given[name].ndim}
    plain = {name: x for name, x in given.items() if name not in numbers}
    with installed_version():
        outputs, gradients = differentiate(
            definition, plain, floats(given) - apart, cotangent, {**parameters, **numbers}
        )
        if slopes and apart:
            gradients |= differentiate(slopes.definition, given, apart, cotangent, parameters)[1]
    return outputs, {name: gradients[name] for name in given if name in gradients}


def in_order(prefix: str, given: Mapping[str, Any]) -> list[Any]:
    """W1, W2, … of the arrays `given`, for the prefix W."""
    numbers = sorted(int(name[len(prefix) :]) for name in given if re.fullmatch(rf"{prefix}\d+", name))
    return [given[f"{prefix}{k}"] for k in numbers]


@contextmanager
def installed_version() -> Iterator[None]:
    """What the installed library does not have becomes a LookupError that says so."""
    try:
        yield
    except (AttributeError, TypeError) as error:
        if re.search(r"unexpected keyword argument|^module .* has no attribute", str(error)):
            raise LookupError(f"not in this version: {error}") from error
        raise


@contextmanager
def known_options() -> Iterator[None]:
    """An option that a library's own function does not take becomes a LookupError that names it."""
    try:
        yield
    except TypeError as error:
        if unknown := re.search(r"unexpected keyword argument '(\w+)'", str(error)):
            raise LookupError(f"no option {unknown[1]!r}") from error
        raise


def bound(id: str, table: Mapping[str, Definition], given: Mapping[str, Any]) -> Definition:
    """The definition of `id` with its parameters, as a network takes them. Raises LookupError for what is not there."""
    definition = find(id, table)
    for name in given:
        if name not in options(definition):
            raise LookupError(f"{id}: no option {name!r}")
    return functools.partial(definition, **given)


def ended(
    id: str, table: Mapping[str, Definition], ends: Iterable[str], given: Mapping[str, Any]
) -> tuple[Definition, str | None]:
    """The cost `id` at the end of a network, with its parameters but its reduction; and that, None where it has none.

    Raises LookupError for what is not there, and ValueError for a reduction that leaves the terms.
    """
    taken = options(find(id, table))
    reduction = given.get("reduction", taken["reduction"].default) if "reduction" in taken else None
    if reduction not in (None, "sum", "mean", "batchmean"):
        raise ValueError(f"{id}: reduction = {reduction!r}; a network ends in one number: sum, mean or batchmean")
    for name in ends:
        if name not in taken:
            raise LookupError(f"{id} takes no {name!r} at the end of a network; it takes {', '.join(taken)}")
    return bound(id, table, {name: p for name, p in given.items() if name != "reduction"}), reduction


def end_of(cost: str, ends: Ends) -> tuple[str, str]:
    """The arguments of `cost` that take a network's outputs and their targets."""
    return ends[cost] if isinstance(ends, Mapping) else ends
