"""Optimizer steps along a matrix that is never made: from pairs of changes, or by multiplying with itself.

How they are read: `reference.updates.optimizers`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED
from reference.updates.steps import each_parameter, near_one, shifted, total

SY = "Sum(s[k]*y[k], (k, 1, d))"
YY = "Sum(y[k]**2, (k, 1, d))"


def _one_pair(x: str) -> str:
    """H applied to x for a single pair, as printed: symmetric, so that it is its own pullback."""
    sx, yx = f"Sum(s[k]*{x}[k], (k, 1, d))", f"Sum(y[k]*{x}[k], (k, 1, d))"
    return f"({SY}/{YY}*({x}[i] - y[i]*{sx}/{SY} - s[i]*{yx}/{SY}) + s[i]*2*{sx}/{SY})"


@formula(
    "update/lbfgs",
    statement=f"w[i] - eta*Piecewise((dC[i], Eq({SY}, 0)), ({_one_pair('dC')}, True))",
    derivative=f"-eta*Piecewise((v[i], Eq({SY}, 0)), ({_one_pair('v')}, True))",
    arguments=("dC[i]", "w[i]", "s[i]", "y[i]"),
    assumptions=(
        "one pair of changes is kept, s of the parameter and y of the gradient, and given: the rule keeps it as it is",
        "H₀ = ⟨s, y⟩/⟨y, y⟩; where ⟨s, y⟩ = 0, or there is none, the direction is the gradient",
        "a memory of more pairs is this recursion within itself, oldest innermost, H₀ of the newest; here accumulators"
        " have a shape that the parameter alone gives them, which a number of pairs would change",
        "no search along the line",
        COUPLED,
    ),
    sources=("liu-nocedal-1989",),
    unanswered={
        "torch": "torch.optim.LBFGS evaluates the cost itself, many times a step",
        "jax": "optax.lbfgs makes its pairs itself",
    },
)
@each_parameter("s", "y", joint=True)
def lbfgs(w: Array, g: Array, t: int, s: Array, y: Array, *, eta: float = 1.0) -> Any:
    """L-BFGS with a memory of one pair: w ← w − ηHg, by the recursion of two loops.

    α = ⟨s, g⟩/⟨s, y⟩, q = g − αy, r = ⟨s, y⟩/⟨y, y⟩·q, and Hg = r + (α − ⟨y, r⟩/⟨s, y⟩)s. H is symmetric and does not
    know g: the pullback of v is −ηHv. Of pairs 2ⁱs, 2ʲy it is 2ⁱ⁻ʲH, so all are taken near 1, where no square leaves
    the range of floats.
    """
    (s1, i), (y1, j), (g1, k) = near_one(s), near_one(y), near_one(g)
    sy = total(s1 * y1)
    if isinstance(sy, np.ndarray) and not np.any(sy):
        return w - eta * g, 1 * s, 1 * y
    alpha = total(s1 * g1) / sy
    r = sy / total(y1 * y1) * (g1 - alpha * y1)
    step = eta * (r + (alpha - total(y1 * r) / sy) * s1)
    return w - shifted(step, i - j + k), 1 * s, 1 * y
