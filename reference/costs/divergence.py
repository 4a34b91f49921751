"""Divergences of measures and of distributions that are not in `reference.costs.probability`.

Each returns (C, gradients); see `reference.costs.reduction`. Every entry counts as a variable of its own.
"""

from __future__ import annotations

import numpy as np

from reference.costs.arguments import ROW, TERM
from reference.costs.reduction import Terms, reduced
from reference.exact import expm1_less
from reference.formula import Array, Kink, formula

OVER = "(j, 1, d), (i, 1, n)"


@formula(
    "cost/generalized_kl",
    statement=f"Sum(y[i, j]*(log(y[i, j]) - a[i, j]) + exp(a[i, j]) - y[i, j], {OVER})/n",
    derivative="(exp(a[i, j]) - y[i, j])/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "(log(y[i, j]) - a[i, j])/n"},
    entries={"y": "rate"},
    assumptions=(
        "a are logarithms of what is predicted; neither it nor y need sum to one",
        "printed for batchmean: over examples; mean: over entries",
        "0·log 0 = 0",
    ),
    sources=("lee-seung-2000", "optax-generalized-kl-divergence"),
)
@reduced(default="batchmean", y=TERM)
def generalized_kl(a: Array, y: Array) -> Terms:
    """Generalised Kullback–Leibler divergence Σ y(log y − a) + eᵃ − y of e^a from y ≥ 0.  a, y: (..., d).

    ∂/∂a = eᵃ − y and ∂/∂y = log y + 1 − a − 1, which is −∞ at y = 0. With r = log y − a a term is y(e⁻ʳ − 1 + r),
    without cancellation where the two are close.
    """
    r = np.log(y) - a
    close = np.abs(r) < 1
    far = np.where(y == 0, 0, y * r) + (np.exp(a) - y)
    terms = np.where(close, y * expm1_less(np.where(close, -r, 0)), far)
    scale = np.where(np.isfinite(terms), 1.0, 2.0**64)  # where the mean of what overflows does not
    root = np.exp(a / 2) / 2.0**32
    rate = np.where(scale == 1, np.exp(a), root * root)
    paid = np.where(y == 0, 0, y / scale * r) + (rate - y / scale)
    return (np.where(scale == 1, terms, paid), scale), {"a": (rate - y / scale, scale), "y": r}


@formula(
    "cost/total_variation",
    statement=f"Sum(Abs(p[i, j] - q[i, j]), {OVER})/(2*n)",
    derivative="sign(p[i, j] - q[i, j])/(2*n)",
    arguments=("p[i, j]", "q[i, j]"),
    partials={"q[i, j]": "-sign(p[i, j] - q[i, j])/(2*n)"},
    entries={"p": "distribution", "q": "distribution"},
    kinks=(Kink(of="p - q", at="0", left="-1/2", right="1/2", chosen="0", why="minimum-norm subgradient"),),
    assumptions=("terms: one an example", "mean over examples"),
    sources=("wen-2023",),
)
@reduced(p=ROW, q=ROW)
def total_variation(p: Array, q: Array) -> Terms:
    """Total variation ½Σ|p − q| of two distributions.  p, q: (..., d), one term an example.

    |r|' = sign r, and 0 at r = 0; r = p − q has the slopes 1 and −1.
    """
    slope = np.sign(p - q) / 2
    return np.abs(p - q).sum(-1) / 2, {"p": slope, "q": -slope}
