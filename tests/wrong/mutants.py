"""Right functions, and wrong ones made of them: a formula of the catalogue whose gradients go through a change."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import gradproof
from reference import CATALOGUE, vjp


@dataclass(frozen=True)
class Wrong:
    """A wrong gradient: how it is made, what it is judged by, and the words by which its cause must be named.

    `law` is that of the laws which must fail, where it is no matter of numbers.
    """

    id: str
    subject: Any
    against: Any
    cause: str = ""
    law: str = ""
    how: dict[str, Any] = field(default_factory=dict)


def needed(id: str) -> list[str]:
    """The arguments without a default."""
    parameters = inspect.signature(CATALOGUE[id].function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def signed(function: Any, names: list[str], options: dict[str, Any]) -> Any:
    """The function with these names in its signature."""
    kind = inspect.Parameter
    given = [kind(name, kind.POSITIONAL_OR_KEYWORD) for name in names]
    given += [kind(name, kind.KEYWORD_ONLY, default=value) for name, value in options.items()]
    function.__signature__ = inspect.Signature(given)
    return function


def slope_of(id: str, change: Any = lambda slope, z, value: slope, **fixed: Any) -> Any:
    """A slope: `change`(slope, z, value) of the right one."""

    def function(z):
        value, slope = CATALOGUE[id].function(z, **fixed)
        return value, np.asarray(change(slope, z, value))

    return gradproof.slope(function)


def pullback_of(
    id: str,
    change: Any = lambda g, x, v: g,
    *,
    optional: tuple[str, ...] = (),
    options: dict[str, Any] | None = None,
    value: Any = lambda y, x: y,
    seen: Any = lambda v, x: v,
    fixed: dict[str, Any] | None = None,
    vjp: Any = vjp,
) -> Any:
    """A pullback: `change`(gradients, arguments, cotangent) of the right one, which is given `seen`(cotangent, …).

    The right one is ours, unless `vjp` is that of an oracle.
    """
    names = [*needed(id), *optional]
    with_names = vjp_outputs(id)

    def function(*arrays, **given):
        x = dict(zip(names, arrays, strict=True))
        outputs, _ = vjp(id, x, None, **(fixed or {}), **given)

        def back(*seeds):
            v = {name: seen(np.asarray(seed), x) for name, seed in zip(with_names, seeds, strict=True)}
            gradients = vjp(id, x, v, **(fixed or {}), **given)[1]
            return change(gradients, x, seeds[0] if len(seeds) == 1 else seeds)

        found = {name: value(y, x) for name, y in outputs.items()}
        return (next(iter(found.values())) if len(found) == 1 else found), back

    return gradproof.pullback(signed(function, names, options or {}), outputs=tuple(with_names))


def vjp_outputs(id: str) -> list[str]:
    """The names of the outputs."""
    from gradproof import cases

    if id not in cases.DRAWS:
        return ["value"]
    return [*(cases.draw(id, "float64", "plain", 0).cotangent or {"value": 0})]


def by(name: str, change: Any) -> Any:
    """The change of one gradient alone."""
    return lambda g, x, v: {**g, name: change(g[name], x, v)}
