"""Fenchel–Young costs: of scores z, the maximum over p of ⟨p, z⟩ − Ω(p), less ⟨y, z⟩ − Ω(y).

By the envelope theorem the slope is p − y, with p where the maximum is: whatever Ω is, nothing else is to be derived.
Of one label, for which Ω is mostly 0, the cost is f(z) − z_y with f the maximum and p = ∇f. Shannon's entropy, f =
log Σ eᶻ, makes softmax cross-entropy (`cost/cross_entropy_labels`, and of two classes
`cost/binary_cross_entropy_logits`); Ω = 0 on distributions, f = max z, `cost/multiclass_perceptron`; Ω = ½‖p‖² on all
of space, f = ½‖z‖², `cost/quadratic`. Here stand those of ½‖p‖² on distributions, and of what lies between it and
Shannon's. With −Ω an entropy whose slope is finite at the ends, p is exactly y, and the cost exactly 0, once the scores
are far enough apart. Each returns (C, gradients); see `reference.costs.reduction`.
"""

from __future__ import annotations

import numpy as np

from reference.activations import sparse_plus
from reference.costs.arguments import LABEL, ROW, class_labels, one_hot
from reference.costs.reduction import Terms, reduced
from reference.costs.softmax import softmax, softmax_cost
from reference.formula import Array, formula

OVER = "(j, 1, d), (i, 1, n)"
SIGNED = "(1 - 2*y[i, j])*z[i, j]"
SPARSE_PLUS = f"Piecewise((0, {SIGNED} <= -1), (({SIGNED} + 1)**2/4, {SIGNED} < 1), ({SIGNED}, True))"
SPARSE_SIGMOID = f"Piecewise((0, {SIGNED} <= -1), (({SIGNED} + 1)/2, {SIGNED} < 1), (1, True))"
THRESHOLD = "(Sum(z[i, k], (k, 1, d)) - 1)/d"


@formula(
    "cost/sparsemax",
    statement=f"Sum({SPARSE_PLUS}, {OVER})/(n*d)",
    derivative=f"(1 - 2*y[i, j])*{SPARSE_SIGMOID}/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    entries={"y": "indicator"},
    assumptions=("y is 0 or 1, a switch: there is no gradient by it", "mean over entries"),
    sources=("blondel-2020", "optax-sparsemax-loss"),
)
@reduced()
def sparsemax(z: Array, y: Array) -> Terms:
    """Sparsemax cost of two classes: sparse plus of −z where y = 1, of z where y = 0.

    The slope of sparse plus is sparse sigmoid, a line clipped to [0, 1], so it is 0 at a margin of 1. No kink.
    """
    sign = 1 - 2 * y
    value, slope = sparse_plus(sign * z)
    return value, {"z": sign * slope}


@formula(
    "cost/multiclass_sparsemax",
    statement="Sum(1/2 + Sum(z[i, k]**2, (k, 1, d))/2 - (Sum(z[i, k], (k, 1, d)) - 1)**2/(2*d)"
    " - Sum(y[i, k]*z[i, k], (k, 1, d)), (i, 1, n))/n",
    derivative=f"(z[i, j] - {THRESHOLD} - y[i, j])/n",
    arguments=("z[i, j]",),
    entries={"labels": "label"},
    assumptions=(
        "y[i, j] = 1 for the label of row i, else 0",
        "printed where every class is above the threshold; sums go over those that are, and the others have the slope"
        " −y",
    ),
    sources=("martins-2016", "blondel-2020", "optax-multiclass-sparsemax-loss"),
)
@reduced(z=ROW, labels=LABEL)
def multiclass_sparsemax(z: Array, labels: Array) -> Terms:
    """Sparsemax cost ½ + ½Σ_S(z² − t²) − z_y, p = max(z − t, 0) the point of the simplex nearest to z.  z: (..., d).

    Ω = ½‖p‖² makes p the projection, with the threshold t = (Σ_S z − 1)/|S| and S the k largest, as many as have
    1 + kz₍ₖ₎ > Σ_{j ≤ k} z₍ⱼ₎. In p the cost is ½‖p − y‖² + max(t − z_y, 0): sums of what is ≥ 0, in which 1 − p_y is
    the sum of the other p. The slope p − y has no jump, so there is no kink.
    """
    labels, _ = class_labels(labels, z.shape[:-1], z.shape[-1])
    y = one_hot(labels, z.shape[-1])
    top, aim = z.max(-1), np.take_along_axis(z, labels[..., None], -1)[..., 0]
    z = np.maximum(z - top[..., None], -1)  # what lies 1 or more below the largest is never in S
    down, k = -np.sort(-z, -1), np.arange(1, z.shape[-1] + 1)
    size = (1 + k * down > np.cumsum(down, -1)).sum(-1, keepdims=True)  # |S|: (..., 1)
    t = (np.where(k <= size, down, 0).sum(-1, keepdims=True) - 1) / size
    others = np.where(y == 1, 0, np.maximum(z - t, 0))  # p but for the label: (..., d)
    miss = others.sum(-1, keepdims=True)  # 1 − p_y
    apart = ((others**2).sum(-1) + miss[..., 0] ** 2) / 2
    terms = apart + np.maximum(t[..., 0] + (top - aim), 0)
    scale = np.where(np.isfinite(terms), 1.0, 2.0)  # where the mean of what overflows does not
    terms = np.where(scale == 1, terms, apart / 2 + np.maximum(t[..., 0] / 2 + (top / 2 - aim / 2), 0))
    return (terms, scale), {"z": others - y * miss}


def lengths_above(x: Array) -> tuple[Array, Array]:
    """s = max(x − t, 0), and the t for which Σs² = 1, for rows whose largest is 0.  (..., d) -> (..., d), (..., 1)."""
    down, k = np.maximum(-np.sort(-x, -1), -1), np.arange(1, x.shape[-1] + 1)  # 1 or more below the largest s is 0
    mean = np.cumsum(down, -1) / k
    t = mean - np.sqrt(np.maximum(1 - (np.cumsum(down**2, -1) - k * mean**2), 0) / k)
    size = ((down > t) & (down > -1)).sum(-1, keepdims=True)  # |S|: (..., 1)
    taken = k <= size
    mean = np.where(taken, down, 0).sum(-1, keepdims=True) / size
    q = (np.where(taken, down - mean, 0) ** 2).sum(-1, keepdims=True)
    root = np.sqrt((1 - q) / size)
    return np.maximum(x - mean + root, 0), mean - root


HALVES = "Sum(z[i, k], (k, 1, d))/(2*d)"
ROOT = f"sqrt((1 - Sum((z[i, k]/2 - {HALVES.replace('k', 'l')})**2, (k, 1, d)))/d)"
LENGTH = f"(z[i, {{0}}]/2 - {HALVES} + {ROOT})"


@formula(
    "cost/entmax",
    statement=f"Sum(4/3 + 2*Sum({LENGTH.format('p')}**3, (p, 1, d))/3 + 2*({HALVES} - {ROOT})"
    " - Sum(y[i, p]*z[i, p], (p, 1, d)), (i, 1, n))/n",
    derivative=f"({LENGTH.format('j')}**2 - y[i, j])/n",
    arguments=("z[i, j]",),
    entries={"labels": "label"},
    assumptions=(
        "y[i, j] = 1 for the label of row i, else 0",
        "printed where every class is above the threshold; sums go over those that are, and the others have the slope"
        " −y",
        "the Fenchel–Young cost of Tsallis' entropy for α = 1.5; for α = 1 it is cost/cross_entropy_labels, for α = 2"
        " cost/multiclass_sparsemax",
    ),
    sources=("peters-2019", "blondel-2020"),
)
@reduced(z=ROW, labels=LABEL)
def entmax(z: Array, labels: Array) -> Terms:
    """Entmax cost ⟨p, z⟩ + 4/3·(1 − Σp^1.5) − z_y, p = max(z/2 − t, 0)² with Σp = 1.  z: (..., d), labels: (...).

    −Ω = 4/3·(1 − Σp^1.5) is the entropy whose maximum of ⟨p, z⟩ − Ω(p) is at 1.5-entmax, so the slope is p − y. With
    s = √p and z = 2(s + t) where s > 0, what the label has to 1, m = 1 − s_y = Σ_{k≠y}p_k/(1 + s_y), makes the cost
    2/3·(Σ_{k≠y}s³ + m²(2 + s_y)) + 2·max(t − z_y/2, 0): a sum of what is ≥ 0.
    """
    labels, _ = class_labels(labels, z.shape[:-1], z.shape[-1])
    y = one_hot(labels, z.shape[-1])
    top, aim = z.max(-1), np.take_along_axis(z, labels[..., None], -1)[..., 0]
    s, t = lengths_above(np.maximum(z - top[..., None], -2) / 2)  # what lies 2 or more below the largest is 0
    others, own = np.where(y == 1, 0, s), (y * s).sum(-1)  # (..., d), (...)
    miss = (others**2).sum(-1)  # 1 − p_y
    apart = ((others**3).sum(-1) + (miss / (1 + own)) ** 2 * (2 + own)) / 1.5
    terms = apart + np.maximum(2 * t[..., 0] + (top - aim), 0)
    scale = np.where(np.isfinite(terms), 1.0, 2.0)  # where the mean of what overflows does not
    terms = np.where(scale == 1, terms, apart / 2 + np.maximum(t[..., 0] + (top / 2 - aim / 2), 0))
    return (terms, scale), {"z": others**2 - y * miss[..., None]}


@formula(
    "cost/ranking_softmax",
    statement=f"Sum(y[i, j]*(log(Sum(exp(z[i, k]), (k, 1, d))) - z[i, j]), {OVER})/n",
    derivative="(Sum(y[i, l], (l, 1, d))*exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d)) - y[i, j])/n",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "(log(Sum(exp(z[i, k]), (k, 1, d))) - z[i, j])/n"},
    entries={"mask": "indicator"},
    assumptions=(
        "y are relevances of a list of items: they need not sum to one",
        "mask: the items that there are; printed where all are. Others may hold anything and have the slope 0",
        "mean over lists, of those alone that have an item",
    ),
    sources=("cao-2007", "optax-ranking-softmax-loss"),
)
@reduced(mean="labels", z=ROW, y=ROW, mask=ROW)
def ranking_softmax(z: Array, y: Array, mask: Array | None = None) -> Terms:
    """Listwise ranking cost −Σ y log softmax(z) over the items of a list.  z, y, mask: (..., d), one term a list.

    With p = softmax(z), ∂/∂z = p·Σy − y and ∂/∂y = −log p: cross-entropy with targets that are no distribution.
    """
    there = np.ones(z.shape, bool) if mask is None else mask != 0
    counts = there.any(-1, keepdims=True)
    z, y = np.where(there, z, np.where(counts, -np.inf, 0)), np.where(there, y, 0)
    terms, by_z = softmax_cost(z, y)
    return terms, {"z": by_z, "y": np.where(there, softmax(z).surprise(), 0)}, counts.astype(float)
