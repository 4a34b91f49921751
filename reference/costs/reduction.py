"""From terms and their slopes to a cost of several inputs: checks on the way in, one rounding on the way out.

A cost of several inputs returns (C, gradients). `gradients` maps the name of every differentiable argument to an
array of its shape. `reduction` says what becomes of the terms: "none" leaves them as they are, "sum" adds them,
"mean" also divides by their number, unless the record names another divisor; "batchmean" divides by the number of
examples. The gradients are those of the sum of what is returned: with "none" each example has its own, since no
term depends on another example, unless the record says that it does.

Everything is evaluated in float64 and rounded once to the dtype of the first argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.lift import Array, floating, rounded

Gradients = dict[str, Array]
REDUCTIONS = ("none", "sum", "mean")


def inputs(**arrays: npt.ArrayLike) -> tuple[np.dtype[Any], tuple[Array, ...]]:
    """The dtype of the first array, and all of them in float64.

    Raises TypeError where the first is not floating or another not numeric, ValueError where the first is empty.
    """
    (name, first), *others = arrays.items()
    first = floating(first, name)
    if first.size == 0:
        raise ValueError(f"{name} has shape {first.shape}: the cost of an empty batch is undefined")
    return first.dtype, (first.astype(np.float64), *(_numeric(x, key) for key, x in others))


def optional(name: str, x: npt.ArrayLike | None) -> Array | None:
    """x in float64, if it is given. Raises TypeError where it is not numeric."""
    return None if x is None else _numeric(x, name)


def _numeric(x: npt.ArrayLike, name: str) -> Array:
    x = np.asarray(x)
    if x.dtype.kind not in "fiub" and x.dtype.name != "bfloat16":
        raise TypeError(f"{name} has dtype {x.dtype}; pass real numbers")
    return np.asarray(x.astype(np.float64))


def same_shape(**arrays: Array | None) -> None:
    """Raise ValueError, naming both shapes, unless all arrays that are given have the shape of the first."""
    (name, first), *others = ((key, np.asarray(x)) for key, x in arrays.items() if x is not None)
    for other, x in others:
        if x.shape != first.shape:
            raise ValueError(f"{other} has shape {x.shape}, {name} has shape {first.shape}; they must be equal")


def rows(name: str, x: Array) -> tuple[int, int]:
    """(n, d) of an array of n rows. Raises ValueError for any other number of axes."""
    if x.ndim != 2:
        raise ValueError(f"{name} has shape {x.shape}; expected (n examples, d outputs): use {name}[None] for one")
    return x.shape[0], x.shape[1]


def per_class(name: str, x: npt.ArrayLike | None, d: int) -> Array:
    """x as d float64 numbers ≥ 0, or ones where it is None. Raises ValueError for any other shape or value."""
    x = np.ones(d) if x is None else np.asarray(x, np.float64)
    if x.shape != (d,):
        raise ValueError(f"{name} has shape {x.shape}; expected ({d},): one for each class")
    require(x >= 0, name, x, "must be ≥ 0")
    return x


def require(condition: npt.ArrayLike, name: str, x: Array, must: str) -> None:
    """Raise ValueError naming the first entry of x for which the condition is false: `must` says what it breaks."""
    wrong = ~np.broadcast_to(condition, x.shape)
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"{name} = {x[where]} at index {where} {must}")


def probabilities(name: str, x: Array) -> None:
    """Raise ValueError unless all entries lie in [0, 1]."""
    require((x >= 0) & (x <= 1), name, x, "is not a probability: must lie in [0, 1]")


def distributions(name: str, x: Array, dtype: np.dtype[Any]) -> None:
    """Raise ValueError unless every row is ≥ 0 and sums to one.

    A row normalised in `dtype` by the plainest summation is off by d + 1 roundings at most; twice that is let pass.
    """
    probabilities(name, x)
    total = x.sum(-1)
    digits = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}.get(dtype.name, 52)
    require(np.abs(total - 1) <= (x.shape[-1] + 1) * 2.0**-digits, f"the sum of a row of {name}", total, "is not 1")


def signs(name: str, y: Array) -> None:
    """Raise ValueError unless all entries are −1 or +1."""
    require(np.abs(y) == 1, name, y, "is not a label: must be −1 or +1")


def indicators(name: str, y: Array) -> None:
    """Raise ValueError unless all entries are 0 or 1."""
    require((y == 0) | (y == 1), name, y, "is not an indicator: must be 0 or 1")


def class_labels(
    labels: npt.ArrayLike, shape: tuple[int, ...], d: int, ignored: int | None = None
) -> tuple[Array, Array]:
    """Integer labels of `shape`, those to be ignored replaced by 0, and where they count.

    Raises TypeError for labels that are not integers, ValueError for a wrong shape or a label outside 0 … d − 1.
    """
    labels = np.asarray(labels)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels have dtype {labels.dtype}; pass integers")
    if labels.shape != shape:
        raise ValueError(f"labels have shape {labels.shape}; expected {shape}: one for each example")
    counts = np.ones(shape, bool) if ignored is None else labels != ignored
    require(~counts | (labels >= 0) & (labels < d), "label", labels, f"is outside 0 … {d - 1}: there are {d} classes")
    return np.where(counts, labels, 0), counts


def reduced(
    dtype: np.dtype[Any],
    terms: Array,
    slopes: Mapping[str, Array],
    reduction: str,
    *,
    mean: float | None = None,
    batch: float | None = None,
) -> tuple[Array, Gradients]:
    """Reduce float64 terms, with `slopes` of their sum, and round to `dtype`.

    "mean" divides by `mean`, the number of terms unless given. "batchmean" is allowed where `batch` is given.
    Raises ValueError for any other reduction.
    """
    divisors = {"none": 1.0, "sum": 1.0, "mean": float(terms.size) if mean is None else mean}
    if batch is not None:
        divisors["batchmean"] = batch
    if reduction not in divisors:
        raise ValueError(f"reduction = {reduction!r} is not one of {', '.join(divisors)}")
    value = np.asarray(terms if reduction == "none" else terms.sum() / divisors[reduction])
    # Not slope·(1/N): that would round twice.
    return rounded(value, dtype), {name: rounded(s / divisors[reduction], dtype) for name, s in slopes.items()}


def weighted(
    dtype: np.dtype[Any],
    terms: Array,
    slopes: Mapping[str, Array],
    weight: Array | None,
    reduction: str,
    *,
    by_weights: bool,
) -> tuple[Array, Gradients]:
    """As `reduced`, each term multiplied by its weight ≥ 0; the gradients then include that of "weight".

    With `by_weights` the mean is C = Σwt/Σw, so ∂C/∂w = (t − C)/Σw, which is worked out as (t·Σ'w − Σ'wt)/(Σw)² with
    sums over the other terms; else the mean divides by the number of terms.
    Raises ValueError for a weight that does not fit or is negative, and for a mean over weights that sum to 0.
    """
    if weight is None:
        return reduced(dtype, terms, slopes, reduction)
    same_shape(terms=terms, weight=weight)
    require(weight >= 0, "weight", weight, "must be ≥ 0")
    slopes = {name: weight * s for name, s in slopes.items()}
    if reduction != "mean" or not by_weights:
        return reduced(dtype, weight * terms, {**slopes, "weight": terms}, reduction)
    total = weight_sum(weight)
    rest, rest_cost = (others(x.reshape(-1)).reshape(x.shape) for x in (weight, weight * terms))
    by_weight = (terms * rest - rest_cost) / total
    return reduced(dtype, weight * terms, {**slopes, "weight": by_weight}, reduction, mean=total)


def others(x: Array) -> Array:
    """For each entry the sum of all others on the last axis, without a difference: sums from both ends."""
    before, after = np.cumsum(x, -1), np.cumsum(x[..., ::-1], -1)[..., ::-1]
    out = np.zeros_like(x)
    out[..., 1:] += before[..., :-1]
    out[..., :-1] += after[..., 1:]
    return out


def weight_sum(weight: Array) -> float:
    """Σw > 0. Raises ValueError where it is 0: the weighted mean is undefined."""
    total = float(weight.sum())
    if total == 0:
        raise ValueError("weight sums to 0: the weighted mean is undefined")
    return total
