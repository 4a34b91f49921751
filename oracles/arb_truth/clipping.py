"""Gradient clipping: forward definitions over arrays g1, g2, …, which come out under the same names."""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.arb_truth.activations import ELEMENTWISE
from oracles.arb_truth.definition import Forward, fill
from oracles.arb_truth.functions import above, elementwise, entrywise, norm
from oracles.arb_truth.numbers import Array, Scalar


def clip_by_value(*, max_value: Scalar, **gradients: Array) -> dict[str, Any]:
    """Every entry clipped to [−c, c]."""
    g = fill(ELEMENTWISE["activation/hardtanh"], {"min_val": -max_value, "max_val": max_value})
    return {name: entrywise(lambda u: elementwise(g, u))(x) for name, x in gradients.items()}


def clip_by_norm(*, max_norm: Scalar, **gradients: Array) -> dict[str, Any]:
    """All entries of all arrays times c/‖g‖ where ‖g‖ > c: c/(c + max(0, ‖g‖ − c))."""
    size = norm([u for x in gradients.values() for u in np.ravel(x)])
    scale = max_norm / (max_norm + above(size - max_norm))
    return {name: x * scale for name, x in gradients.items()}


CLIPPING = {
    "update/clip_by_value": Forward(clip_by_value, {"max_value": 1.0}, "max_value > 0"),
    "update/clip_by_norm": Forward(clip_by_norm, {"max_norm": 1.0}, "max_norm > 0"),
}
