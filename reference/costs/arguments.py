"""What the arguments of a cost may be: their dtypes, labels and shapes, and how they stand to the terms.

What entries may be, `reference.entries` says.

Shapes. In a cost of entries the targets, weights and variances broadcast to the shape of the first argument, as in
NumPy. In a cost of rows the last axis is one row, for which there is one term. Costs of class scores have their
classes on the axis after that of the examples: (C,), (n, C) or (n, C, d₁, …).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.entries import require
from reference.lift import Array, array, floating, index, integers, is_floating, real

# What an argument is beside the terms
ENTRY = "entry"  # broadcasts to the shape of the terms
PER_ROW = "per row"  # the same, or has the shape of the terms without its last axis: one for each row
ROW = "row"  # (..., d): one term a row, all of the same shape
IN_ROW = "in a row"  # broadcasts to the shape of the rows
CLASS = "class"  # (d,)
TERM = "term"  # has the shape of the terms
LABEL = "label"  # integers, which the body looks at
OWN = "own"  # of a shape of its own, which the body looks at


# ---------------------------------------------------------------- labels


def class_labels(
    labels: npt.ArrayLike, shape: tuple[int, ...], d: int, ignored: int | None = None
) -> tuple[Array, Array]:
    """Integer labels of `shape`, those to be ignored replaced by 0, and where they count.

    Raises TypeError for labels that are not integers, ValueError for a wrong shape or a label outside 0 … d − 1.
    """
    labels = integers(labels, "labels")
    if labels.shape != shape:
        raise ValueError(f"labels have shape {labels.shape}; expected {shape}: one for each example")
    counts = np.ones(shape, bool) if ignored is None else labels != index("ignore_index", ignored)
    require(~counts | (labels >= 0) & (labels < d), "label", labels, f"is outside 0 … {d - 1}: there are {d} classes")
    return np.where(counts, labels, 0), counts


def lengths_of(name: str, x: Array | None, shape: tuple[int, ...], most: int, what: str) -> Array:
    """One number between 0 and `most` for each example; all of them `most` where x is None."""
    x = np.full(shape, most) if x is None else x
    x = integers(x, name)
    if x.shape != shape:
        raise ValueError(f"{name} have shape {x.shape}; expected {shape}: one for each example")
    require((x >= 0) & (x <= most), name, x, f"is outside 0 … {most}, the number of {what}")
    return x.astype(int)


def one_hot(labels: npt.ArrayLike, d: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """Label k as a row with its 1 at place k.  labels: (...) -> (..., d).

    Raises TypeError for labels that are not integers, ValueError for a label outside 0 … d − 1.

    >>> one_hot([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    labels, _ = class_labels(labels, np.shape(labels), d)
    rows = np.zeros((*labels.shape, d), dtype)
    np.put_along_axis(rows, labels[..., None], 1, -1)
    return rows


# ---------------------------------------------------------------- arrays


def taken(
    given: Mapping[str, Any], names: Sequence[str], shapes: Mapping[str, str]
) -> tuple[dict[str, Array], dict[str, np.dtype[Any]]]:
    """All arguments in float64, labels as they are, and the dtypes of those that are floats, the first among them.

    Raises TypeError where the first is not floating or another not real.
    """
    x: dict[str, Array] = {}
    dtypes: dict[str, np.dtype[Any]] = {}
    for name in names:
        if name not in given:
            continue
        if shapes[name] == LABEL:
            x[name] = array(given[name], name)
            continue
        q = real(given[name], name) if x else floating(given[name], name)
        x[name] = np.asarray(q, np.float64, order="C")  # one order of summation, however it lies in memory
        if is_floating(q.dtype):
            dtypes[name] = q.dtype
    return x, dtypes


def _same(name: str, x: Array, first: str, shape: tuple[int, ...]) -> None:
    if x.shape != shape:
        raise ValueError(f"{name} has shape {x.shape}, {first} has shape {shape}; they must be equal")


def _spread(name: str, x: Array, first: str, shape: tuple[int, ...]) -> Array:
    """x broadcast to the shape of the first argument."""
    try:
        return x if x.shape == shape else np.broadcast_to(x, shape)
    except ValueError:
        raise ValueError(f"{name} has shape {x.shape}, which does not broadcast to {shape}, that of {first}") from None


def _rows(x: Array, axis: int | None) -> Array:
    """x with this axis as its last."""
    return x if axis is None or axis == x.ndim - 1 else np.moveaxis(x, axis, -1)


def laid_out(x: dict[str, Array], shapes: Mapping[str, str], axis: int | None) -> dict[str, Array]:
    """The arrays as a body wants them: entries of one shape, rows along the last axis, which is now `axis`.

    Raises ValueError naming an argument whose shape does not fit, with both shapes.
    """
    first, *others = x
    shape = x[first].shape
    out = dict(x)
    if axis is not None:
        if not shape or shape[axis] == 0:
            raise ValueError(f"{first} has shape {shape}; expected rows of one entry or more")
        out[first] = _rows(x[first], axis)
    rows = out[first].shape
    terms = rows if axis is None else rows[:-1]
    for name in others:
        kind = shapes[name]
        if kind in (ENTRY, PER_ROW):
            per_row = kind == PER_ROW and x[name].shape == shape[:-1] != shape
            out[name] = _spread(name, x[name][..., None] if per_row else x[name], first, shape)
        elif kind == ROW:
            _same(name, x[name], first, shape)
            out[name] = _rows(x[name], axis)
        elif kind == IN_ROW:
            out[name] = _spread(name, x[name], first, rows)
        elif kind == TERM and axis is None:
            _same(name, x[name], first, shape)
        elif kind == TERM and x[name].shape != terms:
            raise ValueError(f"{name} has shape {x[name].shape}; expected {terms}: one for each row")
        elif kind == CLASS and x[name].shape != rows[-1:]:
            raise ValueError(f"{name} has shape {x[name].shape}; expected {rows[-1:]}: one for each class")
    return out


def gathered(gradient: Array, x: Array, kind: str, axis: int | None) -> Array:
    """A gradient laid out for the body, in the shape of the argument x: what was spread is summed again."""
    if kind == ROW:
        return gradient if axis is None or axis == x.ndim - 1 else np.moveaxis(gradient, -1, axis)
    if (shape := x.shape) == gradient.shape:
        return gradient
    if kind == PER_ROW and x.shape == gradient.shape[:-1] != gradient.shape:
        shape = (*x.shape, 1)
    if extra := gradient.ndim - len(shape):
        gradient = gradient.sum(tuple(range(extra)))
    if spread := tuple(k for k, size in enumerate(shape) if size == 1 != gradient.shape[k]):
        gradient = gradient.sum(spread, keepdims=True)
    return gradient.reshape(x.shape)
