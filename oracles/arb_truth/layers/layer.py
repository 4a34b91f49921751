"""The table of layers, and how a definition is entered there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from oracles.arb_truth.definition import Forward

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

LAYERS: dict[str, Forward] = {}


def layer(requires: str = "True", *, by_norm: bool = False, **parameters: Any) -> Decorator:
    """Enter a definition as layer/NAME: its parameters with their defaults, a condition on them, and as `Forward`."""

    def enter(function: Callable[..., Any]) -> Callable[..., Any]:
        LAYERS[f"layer/{function.__name__}"] = Forward(function, parameters, requires, by_norm)
        return function

    return enter
