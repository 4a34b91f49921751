"""What a subject returned, by name: outputs and gradients in each of the forms in which people give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles.calls import floating


class Broken(Exception):
    """A subject that does not keep what its adapter says it returns; the message says what came instead."""


def kind(x: Any) -> str:
    """Its type, in words."""
    return f"a {type(x).__module__}.{type(x).__qualname__}".replace("builtins.", "")


def is_float(x: Any) -> bool:
    """Whether it is an array that is differentiated by."""
    return isinstance(x, np.ndarray) and floating(x)


def pair(found: Any, what: str) -> tuple[Any, Any]:
    """The two things that were returned. Raises Broken for anything else."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        size = f" of {len(found)}" if isinstance(found, (tuple, list)) else ""
        raise Broken(f"should return {what}, but returned {kind(found)}{size}")
    return found[0], found[1]


def named_outputs(value: Any, names: Sequence[str]) -> dict[str, Any]:
    """What was returned, by the names of the outputs."""
    if isinstance(value, Mapping):
        if missing := [name for name in names if name not in value]:
            raise Broken(f"returned outputs {', '.join(map(str, value))}, but no {missing[0]}")
        return {name: value[name] for name in names}
    if len(names) == 1 and not isinstance(value, tuple):
        return {names[0]: value}
    values = value if isinstance(value, (tuple, list)) else [value]
    if len(values) != len(names):
        all_of_them = ", ".join(f'"y{k}"' for k in range(1, len(values) + 1))
        raise Broken(
            f"returned {len(values)} outputs, but {len(names)} {'is' if len(names) == 1 else 'are'} named "
            f"({', '.join(names)}): name all of them where the subject is made, as in "
            f"gradproof.forward_backward(…, outputs=({all_of_them})); pullback, torch_function and jax_function take "
            "outputs= too"
        )
    return dict(zip(names, values, strict=True))


def in_order(v: Mapping[str, Any], value: Any, names: Sequence[str]) -> list[Any]:
    """The cotangent of each output, ones for what has none."""
    values = named_outputs(value, names)
    return [v[name] if name in v else np.ones_like(np.asarray(values[name])) for name in names]


def named_gradients(found: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by argument; None is no gradient."""
    by = [name for name, x in given.items() if is_float(x)]
    if isinstance(found, Mapping):
        strangers = [str(name) for name in found if name not in given and str(name).removeprefix("d") not in given]
        if strangers:
            raise Broken(f"gives a gradient by {strangers[0]}, which is no argument; there are {', '.join(given)}")
        named = {name if name in given else str(name).removeprefix("d"): g for name, g in found.items()}
    elif isinstance(found, (tuple, list)):
        among = list(given) if len(found) == len(given) else by  # None stands for those that are no floats
        if len(found) > len(among):
            raise Broken(f"returned {len(found)} gradients for {len(by)} floating arguments ({', '.join(by)})")
        named = dict(zip(among, found, strict=False))  # the rest have none, which is judged elsewhere
    else:
        named = dict(zip(by, [found], strict=False))
    return {name: g for name, g in named.items() if g is not None}
