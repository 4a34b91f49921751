"""Gradient clipping by value and by global norm, and the backward of each.

Clipping is part of the computation wherever one differentiates through training (meta-learning, unrolled
optimization), and its vector-Jacobian product is not the identity. Both functions take a list of arrays and return
(clipped, pullback); the pullback takes a list of cotangents and returns a list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reference.formula import Array, Kink, floating, formula

Pullback = Callable[[Sequence[Array]], list[Array]]


def _checked(gradients: Sequence[Array], limit: float, name: str) -> tuple[list[Array], float]:
    if not 0 < limit < np.inf:
        raise ValueError(f"{name} = {limit}; need 0 < {name} < ∞")
    return [floating(g, f"gradients[{k}]") for k, g in enumerate(gradients)], float(limit)


@formula(
    "update/clip_by_value",
    statement="Piecewise((-max_value, g < -max_value), (max_value, g > max_value), (g, True))",
    derivative="Piecewise((0, g <= -max_value), (0, g >= max_value), (1, True))",
    arguments=("g",),
    kinks=(
        Kink(at="-max_value", left="0", right="1", chosen="0"),
        Kink(at="max_value", left="1", right="0", chosen="0"),
    ),
    sources=("pytorch-clip-grad-value",),
)
def clip_by_value(gradients: Sequence[Array], max_value: float = 1.0) -> tuple[list[Array], Pullback]:
    """Every entry clipped to [−c, c]: slope 1 inside, 0 outside and at ±c.

    Raises ValueError unless 0 < max_value < ∞. NaN stays NaN.
    """
    gradients, c = _checked(gradients, max_value, "max_value")

    def pullback(v: Sequence[Array]) -> list[Array]:
        return [np.where(np.abs(g) < c, x, 0).astype(g.dtype) for g, x in zip(gradients, v, strict=True)]

    return [np.clip(g, -c, c) for g in gradients], pullback


def global_norm(gradients: Sequence[Array]) -> float:
    """√Σg² over every entry of every array, in float64, scaled by the largest entry so that no square overflows."""
    largest = max((float(np.abs(g).max(initial=0)) for g in gradients), default=0.0)
    if largest == 0 or not np.isfinite(largest):
        return largest
    return largest * float(np.sqrt(sum(((g.astype(np.float64) / largest) ** 2).sum() for g in gradients)))


@formula(
    "update/clip_by_norm",
    statement="Piecewise((g[i], Sum(g[k]**2, (k, 1, m)) < max_norm**2),"
    " (max_norm*g[i]/sqrt(Sum(g[k]**2, (k, 1, m))), True))",
    derivative="Piecewise((v[i], Sum(g[k]**2, (k, 1, m)) < max_norm**2), (max_norm/sqrt(Sum(g[k]**2, (k, 1, m)))"
    "*(v[i] - g[i]*Sum(g[k]*v[k], (k, 1, m))/Sum(g[k]**2, (k, 1, m))), True))",
    arguments=("g[i]",),
    assumptions=(
        "one norm over all m entries of all arrays",
        "no eps in the denominator",
        "derivative: the pullback of the cotangent v",
        "at ‖g‖ = max_norm the outer side is taken, the smaller of the two Jacobians",
    ),
    sources=("pascanu-2013",),
)
def clip_by_norm(gradients: Sequence[Array], max_norm: float = 1.0) -> tuple[list[Array], Pullback]:
    """All arrays scaled together so that their joint norm is at most c: g ↦ c·g/‖g‖ where ‖g‖ ≥ c.

    The direction ĝ = g/‖g‖ has the Jacobian (I − ĝĝᵀ)/‖g‖, which is symmetric: v ↦ (c/‖g‖)(v − ĝ⟨ĝ, v⟩). What
    points along g is lost, because the length is fixed. Inside the ball the backward is the identity.
    Raises ValueError unless 0 < max_norm < ∞, and for entries that are not finite, which have no direction.
    """
    gradients, c = _checked(gradients, max_norm, "max_norm")
    for k, g in enumerate(gradients):
        if not np.isfinite(g).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(g))[0])
            raise ValueError(
                f"gradients[{k}]{list(where)} = {g[where]}: only finite gradients have a direction to keep"
            )
    norm = global_norm(gradients)
    if norm < c:
        return [g.copy() for g in gradients], lambda v: [np.array(x) for x in v]
    unit = [g.astype(np.float64) / norm for g in gradients]

    def pullback(v: Sequence[Array]) -> list[Array]:
        along = sum(float((u * x).sum()) for u, x in zip(unit, v, strict=True))  # ⟨ĝ, v⟩
        return [(c / norm * (x - u * along)).astype(g.dtype) for g, u, x in zip(gradients, unit, v, strict=True)]

    return [(c * u).astype(g.dtype) for g, u in zip(gradients, unit, strict=True)], pullback
