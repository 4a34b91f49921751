"""From the terms of a cost to the cost: reductions, weights, and the table that a definition is entered in."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from oracles.arb_truth.definition import Forward
from oracles.arb_truth.functions import total, weigh
from oracles.arb_truth.numbers import Array, Number, Scalar, ball

Terms = Any  # an array of terms, or that and the divisor of their mean: a number, or one for each term
Decorator = Callable[[Callable[..., Terms]], Callable[..., Terms]]

REDUCTIONS = ("none", "sum", "mean", "batchmean")


def entering(table: dict[str, Forward]) -> Callable[..., Decorator]:
    """A decorator that enters the terms of a cost in `table` as cost/NAME.

    It takes a condition on the parameters, the usual reduction, and the parameters with their defaults.
    """

    def cost(requires: str = "True", reduction: str | None = "mean", **parameters: Any) -> Decorator:
        def enter(terms: Callable[..., Terms]) -> Callable[..., Terms]:
            forward = Forward(terms, parameters, requires)
            if reduction:
                forward = Forward(_reduced(terms), {**parameters, "reduction": reduction}, requires)
            table[f"cost/{terms.__name__}"] = forward
            return terms

        return enter

    return cost


def _reduced(terms: Callable[..., Terms]) -> Callable[..., Any]:
    """The terms of a cost as a function that reduces them."""
    signature = inspect.signature(terms)
    first = next(iter(signature.parameters))

    def reduced(*, reduction: str, **given: Any) -> Any:
        return reduce(terms(**given), reduction, np.shape(given[first]))

    reduced.__signature__ = signature  # type: ignore[attr-defined]
    return reduced


def reduce(found: Terms, reduction: str, shape: tuple[int, ...]) -> Any:
    """Terms as they are, their sum, or that over the divisor of their mean or over the number of examples.

    `shape` is that of the first argument, whose first axis are the examples. Raises ValueError for another reduction.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction {reduction!r} is not {', '.join(REDUCTIONS[:-1])} or {REDUCTIONS[-1]}")
    terms, divisor = found if isinstance(found, tuple) else (found, np.size(found))
    if reduction == "none":
        return terms
    if reduction == "mean" and isinstance(divisor, Sequence):
        return total(t / m for t, m in zip(np.ravel(terms), divisor, strict=True))
    value = total(np.ravel(terms))
    if reduction == "sum":
        return value
    if reduction == "batchmean":
        divisor = shape[0] if shape else 1
    return value / divisor if isinstance(value, Number) else ball(value) / divisor


def by_weights(weight: Array | None, terms: Array) -> Terms:
    """w·t for every term t; the mean divides by Σw."""
    if weight is None:
        return terms
    return weigh(weight, terms), total(np.ravel(np.broadcast_to(weight, np.shape(terms))))


def times(weight: Array | None, terms: Array) -> Array:
    """w·t for every term t; the mean divides by their number."""
    return terms if weight is None else weigh(weight, terms)


def class_weights(weight: Array | None, z: Array) -> Sequence[Scalar]:
    """A weight for each class of z, (..., d): 1 where none are given."""
    return [1] * z.shape[-1] if weight is None else list(weight)
