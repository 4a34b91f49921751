"""Newton–Schulz orthogonalisation of complex matrices."""

from __future__ import annotations

import numpy as np

from oracles.calls import Array, Definition


def _newton_schulz(
    x: Array, a: float = 3.4445, b: float = -4.775, c: float = 2.0315, eps: float = 1e-7, iterations: int = 5
) -> Array:
    y = x / (np.sqrt((x * x).sum((-2, -1), keepdims=True)) + eps)
    for _ in range(int(iterations)):
        G = y @ y.swapaxes(-2, -1)
        y = a * y + (b * G + c * G @ G) @ y
    return np.asarray(y)


DEFINITIONS: dict[str, Definition] = {"layer/newton_schulz": _newton_schulz}
