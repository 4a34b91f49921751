"""Dynamic tanh, a bounded stand-in for a normalisation."""

from __future__ import annotations

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.rows import over_rows
from reference.lift import times

SLOPE = "(1 - tanh(alpha*x[i, j])**2)"


@formula(
    "layer/dynamic_tanh",
    statement="weight[j]*tanh(alpha*x[i, j]) + bias[j]",
    derivative=f"v[i, j]*weight[j]*alpha*{SLOPE}",
    arguments=("x[i, j]", "alpha", "weight[j]", "bias[j]"),
    partials={
        "alpha": f"Sum(v[i, j]*weight[j]*x[i, j]*{SLOPE}, (i, 1, n), (j, 1, d))",
        "weight[j]": "Sum(v[i, j]*tanh(alpha*x[i, j]), (i, 1, n))",
        "bias[j]": "Sum(v[i, j], (i, 1, n))",
    },
    assumptions=("alpha is one number, which is learned", "no statistics of a row enter"),
    sources=("zhu-2025",),
)
@layer()
def dynamic_tanh(
    x: Array, alpha: Array, weight: Array | None = None, bias: Array | None = None
) -> tuple[Array, Pullback]:
    """Dynamic tanh y = w·tanh(αx) + b.  x: (..., d); alpha: (); weight, bias: (d,) -> y: (..., d).

    w = 1, b = 0 if not given. tanh′ = 1/cosh², so with v the cotangent of y and u = w·v/cosh²(αx): ∂C/∂x = αu,
    ∂C/∂α = Σ u·x over all entries; ∂C/∂w = Σ v·tanh(αx) and ∂C/∂b = Σ v, entry by entry, over all rows. Raises
    ValueError for shapes that do not fit.
    """
    if x.ndim == 0 or alpha.ndim:
        raise ValueError(f"x has shape {x.shape}, alpha has shape {alpha.shape}; expected (..., d) and ()")
    for name, given in (("weight", weight), ("bias", bias)):
        if given is not None and given.shape != x.shape[-1:]:
            raise ValueError(f"{name} has shape {given.shape}; expected {x.shape[-1:]}, as the last axis of x")
    t = np.tanh(alpha * x)  # (..., d)
    y = t if weight is None else weight * t
    y = y if bias is None else y + bias

    def pullback(v: Array) -> Gradients:
        e = np.exp(-2 * np.abs(alpha * x))  # 1/cosh² = 4e/(1 + e)², where 1 − tanh² would cancel
        u = times(v if weight is None else weight * v, 4 * e / (1 + e) ** 2)
        return {"x": alpha * u, "alpha": times(u, x).sum(), "weight": over_rows(times(v, t)), "bias": over_rows(v)}

    return y, pullback
