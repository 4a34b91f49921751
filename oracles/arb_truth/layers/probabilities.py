"""Between logits and probabilities over balls."""

from __future__ import annotations

import numpy as np

from oracles.arb_truth.functions import by_row, exponentials, log, total
from oracles.arb_truth.layers.layer import layer
from oracles.arb_truth.numbers import Array, Scalar, objects


@layer()
def log1mexp(z: Array) -> Array:
    """log(1 − e⁻ᶻ)."""
    return np.asarray(log(1 - np.exp(-z)))


def _softmax(row: Array) -> Array:
    e = exponentials(row)
    whole = total(e)
    return objects([u / whole for u in e])


@layer("temperature > 0", temperature=1.0)
def gumbel_softmax(z: Array, noise: Array, *, temperature: Scalar) -> Array:
    """softmax((z + noise)/T)."""
    return by_row(_softmax, (z + noise) / temperature)
