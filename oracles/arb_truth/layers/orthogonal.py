"""Newton–Schulz orthogonalisation over balls."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.functions import sum_of_squares
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.layers.linear import through
from oracles.arb_truth.numbers import Array, Ball, Scalar, is_zero

Option = Any  # a parameter that is given as it is


def orthogonalised(x: Array, a: Scalar, b: Scalar, c: Scalar, eps: Ball, iterations: int) -> Array:
    """One matrix over its norm, then ay + byyᵀy + cyyᵀyyᵀy again and again."""
    squares = sum_of_squares(x)
    y = x / eps if is_zero(squares) else x / (squares.sqrt() + eps)
    for _ in range(iterations):
        cube = through(through(y, y), y.T)
        y = a * y + b * cube + c * through(through(cube, y), y.T)
    return np.asarray(y, object)


@layer("eps >= 0", by_norm=True, a=3.4445, b=-4.775, c=2.0315, eps=1e-7, iterations=5)
def newton_schulz(x: Array, *, a: Scalar, b: Scalar, c: Scalar, eps: Ball, iterations: Option) -> Array:
    """Every matrix of the last two axes."""
    y = np.empty(x.shape, object)
    for i in np.ndindex(x.shape[:-2]):
        y[i] = orthogonalised(x[i], a, b, c, eps, int(iterations))
    return y
