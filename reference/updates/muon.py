"""Muon, which steps along the orthogonal factor of its momentum.

How it is read: `reference.updates.optimizers`. Rows have the index i, columns j; the derivative is the pullback of a
cotangent v of the new parameter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.layers.orthogonal import PULLED, STEP, STEPS_ULP, iterated
from reference.lift import choice
from reference.updates.steps import each_parameter, over_norm

ADJUSTMENTS = ("original", "match_rms_adamw")
SCALE = "eta*sqrt(Max(1, n/d))"


def _first(text: str) -> str:
    """An expression in x as one in the gradient, of which the first step orthogonalises 1 − μ² times as much."""
    return text.replace("x[", "dC[").replace("eps", "eps/(1 - mu**2)")


@formula(
    "update/muon",
    statement=f"(1 - eta*lam)*w[i, j] - {SCALE}*({_first(STEP)})",
    derivative=f"-{SCALE}*{_first(PULLED)}",
    arguments=("dC[i, j]", "w[i, j]"),
    assumptions=(
        "printed for the first step, where u = (1 − μ²)·dC, one iteration, nesterov = True and adjust = original",
        "rows are the first axis and columns all others, as published; a vector is a single column. torch.optim takes"
        " matrices alone, Optax gives all else to AdamW, and its rows are our columns",
        "m is an average of gradients, not corrected; nesterov = False takes it as it is, where (1 − μ²) is 1 − μ",
        "adjust: η times √max(1, rows/columns), or for match_rms_adamw 0.2·√max(rows, columns)",
        "the decay is multiplied by η alone; m starts at 0",
    ),
    sources=("jordan-2024", "moonshot-2025", "pytorch-muon", "optax-muon"),
    conditioned_ulp=STEPS_ULP,
)
@each_parameter("m")
def muon(
    w: Array, g: Array, t: int, m: Array,
    *, eta: float = 0.02, mu: float = 0.95, lam: float = 0.0, a: float = 3.4445, b: float = -4.775, c: float = 2.0315,
    eps: float = 1e-7, iterations: int = 5, nesterov: bool = True, adjust: str = "original",
) -> Any:  # fmt: skip
    """Muon: m ← μm + (1 − μ)g, u = μm + (1 − μ)g, w ← (1 − ηλ)w − ηs·Y, Y the `newton_schulz` orthogonalisation of u.

    Of u = UΣVᵀ it is about UVᵀ: every direction of the step has the same length, and s = √max(1, rows/columns) is for
    the shape. u answers to g with (1 − μ)(1 + μ), so the pullback of v is −ηs(1 − μ²) times that of Y, `quintic` step
    by step from the last to the first. Raises ValueError for another adjustment.
    """
    choice("adjust", adjust, ADJUSTMENTS)
    rows = w.shape[0] if len(w.shape) else 1
    columns = int(np.prod(w.shape[1:]))
    m = mu * m + (1 - mu) * g
    u = over_norm((mu * m + (1 - mu) * g if nesterov else m).reshape(rows, columns), eps=eps)
    y = iterated(u if rows <= columns else u.mT, a, b, c, iterations)[0]
    scale = adjusted(adjust, rows, columns)
    return (1 - eta * lam) * w - eta * scale * (y if rows <= columns else y.mT).reshape(w.shape), m


def adjusted(adjust: str, out: int, into: int) -> float:
    """s, by which a step is longer: √max(1, out/into), or 0.2·√max(out, into) as Adam's steps are."""
    return max(1, out / max(into, 1)) ** 0.5 if adjust == "original" else 0.2 * max(out, into) ** 0.5
