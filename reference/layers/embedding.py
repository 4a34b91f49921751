"""Embedding: rows of a table, by their indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.linear import expect


def row_of(name: str, value: Any, rows: int) -> int | None:
    """The number of a row, or None. Raises TypeError for what is no integer, ValueError outside 0 … rows − 1."""
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} = {value!r} is neither an integer nor None")
    if not 0 <= value < rows:
        raise ValueError(f"{name} = {value} is outside 0 … {rows - 1}")
    return int(value)


@formula(
    "layer/embedding",
    statement="Sum(x[i, l]*weight[l, j], (l, 1, m))",
    derivative="Sum(x[i, l]*v[i, j], (i, 1, n))",
    arguments=("weight[l, j]",),
    assumptions=(
        "x[i, l] = 1 where index i is l, else 0",
        "row padding_idx is read like any other, and counts as a constant: its gradient is 0",
        "with scale_grad_by_freq each gradient is divided by how often its row was read, as if every reading had that "
        "share of the row: this is not the gradient of the value, and not in the expression",
        "rows that are not read may hold NaN",
    ),
    sources=("bengio-2003", "pytorch-embedding"),
)
@layer(indices=("indices",))
def embedding(
    weight: Array, indices: Array, *, padding_idx: int | None = None, scale_grad_by_freq: bool = False
) -> tuple[Array, Pullback]:
    """Rows of a table, y = W[indices].  weight: (rows, d), indices: (...), integers -> y: (..., d).

    Row l is y at every place that reads it, and nowhere else: with v the cotangent of y, ∂C/∂W_l = Σ v over the places
    where the index is l, so that repeated indices add. Row `padding_idx` is read like any other and has the gradient 0;
    with `scale_grad_by_freq` the gradient of each row is divided by how often it was read. No table of one-hot rows is
    made. Raises TypeError for indices that are no integers, ValueError for one outside 0 … rows − 1: negative ones do
    not count from the end.

    >>> y, pullback = embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 0, 1]))
    >>> y.tolist(), pullback(np.ones((3, 2)))["weight"].tolist()
    ([[3.0, 4.0], [1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [2.0, 2.0]])
    """
    expect("weight", weight, "rows", "d")
    if indices.dtype.kind not in "iu":
        raise TypeError(f"indices have dtype {indices.dtype}; pass integers")
    rows = weight.shape[0]
    outside = (indices < 0) | (indices >= rows)
    if outside.any():
        raise ValueError(f"index {indices[outside].flat[0]} is outside 0 … {rows - 1}: weight has {rows} rows")
    padding = row_of("padding_idx", padding_idx, rows)

    def pullback(v: Array) -> Gradients:
        total = np.zeros(weight.shape)
        np.add.at(total, indices.reshape(-1), v.reshape(-1, weight.shape[1]))
        if scale_grad_by_freq:
            total /= np.maximum(np.bincount(indices.reshape(-1), minlength=rows), 1)[:, None]
        if padding is not None:
            total[padding] = 0
        return {"weight": total}

    return weight[indices], pullback
