"""The truth of costs of several inputs: value and every gradient as balls that round to one float.

The gradient, and how it answers to the inputs, come from the forward definitions by jets; see `oracles.arb_jets`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from flint import arb

from oracles.arb_truth.costs import LOSSES, Loss
from oracles.arb_truth.definition import Ball, lookup, working
from oracles.arb_truth.jets import ORDERS, Jet, variables
from oracles.arb_truth.rounding import START, Group, settle
from oracles.floats import Array, Truth, conditioned_error, format_of


@dataclass(frozen=True)
class Conditioned:
    """The truth of an array, and Σᵢ|xᵢ·∂y/∂xᵢ| over all float inputs x for each of its entries y."""

    truth: Truth
    sway: Array

    def error(self, got: npt.ArrayLike) -> Array:
        """E = |got − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|); special values as `floats.conditioned_error`."""
        # An input of 1 with the slope Σ|xᵢ·∂y/∂xᵢ| sways y as much.
        none = np.zeros(self.sway.shape, bool)
        slope = Truth(self.sway, np.zeros(self.sway.shape), none, self.truth.dtype)
        return conditioned_error(got, self.truth, np.ones(self.sway.shape), slope)


def loss_truth(
    id: str,
    inputs: Mapping[str, npt.ArrayLike | None],
    *,
    reduction: str = "mean",
    dtype: npt.DTypeLike | str = "float64",
    definitions: Mapping[str, Loss] = LOSSES,
    by_norm: bool = False,
    **parameters: Any,
) -> tuple[Conditioned, dict[str, Conditioned]]:
    """The truth of `id` among `definitions` and of its gradient with respect to every float array among `inputs`.

    Floats count as exact, and so do parameters; integer arrays are labels or masks. Results round to `dtype`.
    `by_norm` replaces Σ|xᵢ·∂y/∂xᵢ| by its bound ‖x‖·‖∂y/∂x‖. Where a branch
    is decided by exactly 0, AtKink is raised. Raises KeyError for an unknown id, ValueError for a reduction other
    than none, sum, mean, batchmean, TypeError for an unknown parameter.
    """
    loss: Loss = lookup(id, definitions)
    if reduction not in ("none", "sum", "mean", "batchmean"):
        raise ValueError(f"reduction {reduction!r} is not none, sum, mean or batchmean")
    name, _ = format_of(dtype)
    arrays = {key: np.asarray(x) for key, x in inputs.items() if x is not None}
    shapes = {key: x.shape for key, x in arrays.items() if x.dtype.kind == "f" or x.dtype.name == "bfloat16"}
    numbers = [v for key in shapes for v in arrays[key].astype(np.float64).ravel().tolist()]
    given = {**loss.parameters, **parameters}
    last: dict[str, list[Jet]] = {}

    def evaluate(_: int) -> Group:
        jets = iter(variables(numbers))
        named = {key: _nest(jets, shapes[key]) if key in shapes else x.tolist() for key, x in arrays.items()}
        exact = {
            key: arb(v) if isinstance(v, (int, float)) and key != "ignore_index" else v for key, v in given.items()
        }
        terms, divisor = loss.function(**named, **exact)
        values: list[Any] = terms if reduction == "none" else [sum(terms)]
        if reduction == "mean" and isinstance(divisor, Sequence):
            values = [sum(t / m for t, m in zip(terms, divisor, strict=True))]
        elif reduction in ("mean", "batchmean"):
            values = [values[0] / (divisor if reduction == "mean" else len(next(iter(named.values()))))]
        last["values"] = values
        gradient: Any = sum(values)
        last["gradient"] = [gradient]
        return [v.value for v in values] + [gradient.slope[0, k] for k in range(len(numbers))]

    with working(START, ORDERS):
        found = settle([evaluate(0)], evaluate, name)
        values, total = last["values"], last["gradient"][0]
        m = len(values)
        swayed = _sway_by_norm if by_norm else _sway
        sways = [swayed(numbers, [v.slope[0, k] for k in range(len(numbers))]) for v in values]
        curves = [swayed(numbers, [total.curve[k, i] for i in range(len(numbers))]) for k in range(len(numbers))]
    shape = (m,) if reduction == "none" else ()
    value = Conditioned(_shaped(found[:m], shape), np.array(sways).reshape(shape))
    gradients, start = {}, 0
    for key, shape in shapes.items():
        size = int(np.prod(shape))
        part = slice(m + start, m + start + size)
        sway = np.array(curves[start : start + size]).reshape(shape)
        gradients[key] = Conditioned(_shaped(found[part], shape), sway)
        start += size
    return value, gradients


def _nest(numbers: Iterator[Any], shape: tuple[int, ...]) -> Any:
    """Numbers in turn, as nested lists of this shape."""
    return [_nest(numbers, shape[1:]) for _ in range(shape[0])] if shape else next(numbers)


def _shaped(truth: Truth, shape: tuple[int, ...]) -> Truth:
    return truth.map(lambda a: a.reshape(shape))


def _sway(numbers: Sequence[float], slopes: Sequence[Ball]) -> float:
    return float(sum((abs(arb(x) * s) for x, s in zip(numbers, slopes, strict=True)), arb(0)).mid())


def _sway_by_norm(numbers: Sequence[float], slopes: Sequence[Ball]) -> float:
    x, s = (sum((arb(v) * arb(v) for v in vector), arb(0)) for vector in (numbers, slopes))
    return float((x.mid() * s.mid()).sqrt().mid())
