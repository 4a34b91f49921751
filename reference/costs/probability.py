"""Costs of probabilities: rows of distributions, or single ones.

Each returns (C, gradients); see `reference.reduction`. Every entry counts as a variable of its own: a gradient along
the simplex follows from these by the pullback of whatever made the probabilities.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.costs.reduction import (
    Gradients,
    class_labels,
    distributions,
    inputs,
    optional,
    others,
    per_class,
    probabilities,
    reduced,
    require,
    rows,
    same_shape,
    weight_sum,
    weighted,
)
from reference.exact import xlog1py, xlogy
from reference.formula import Array, formula
from reference.lift import QUIET

OVER = "(j, 1, d), (i, 1, n)"
BATCHMEAN = "mean: over entries, as the frameworks have it; batchmean: over examples, the divergence itself"
ZERO = "0·log 0 = 0"


@formula(
    "cost/kl_div",
    statement=f"Sum(y[i, j]*(log(y[i, j]) - a[i, j]), {OVER})/n",
    derivative="-y[i, j]/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "(log(y[i, j]) - a[i, j] + 1)/n"},
    assumptions=("a are log-probabilities", "printed for batchmean", BATCHMEAN, ZERO),
    sources=("kullback-leibler-1951", "pytorch-kl-div"),
)
@QUIET
def kl_div(a: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "batchmean") -> tuple[Array, Gradients]:
    """Kullback–Leibler divergence Σ y(log y − a) of log-probabilities a from the distributions y.  a, y: (n, d).

    Linear in a: ∂/∂a = −y. (y log y)' = log y + 1, so ∂/∂y = log y + 1 − a, which is −∞ at y = 0. Raises ValueError
    for a row of y that is no distribution.
    """
    dtype, (a, y) = inputs(a=a, y=y)
    n, _ = rows("a", a)
    same_shape(a=a, y=y)
    distributions("y", y, dtype)
    with np.errstate(divide="ignore"):
        log_ratio = np.log(y) - a
    terms = np.where(y == 0, 0, y * log_ratio)
    return reduced(dtype, terms, {"a": -y, "y": log_ratio + 1}, reduction, batch=n)


@formula(
    "cost/kl_div_log_target",
    statement=f"Sum(exp(y[i, j])*(y[i, j] - a[i, j]), {OVER})/n",
    derivative="-exp(y[i, j])/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "exp(y[i, j])*(y[i, j] - a[i, j] + 1)/n"},
    assumptions=("a and y are log-probabilities", "printed for batchmean", BATCHMEAN, ZERO),
    sources=("kullback-leibler-1951", "pytorch-kl-div"),
)
@QUIET
def kl_div_log_target(a: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "batchmean") -> tuple[Array, Gradients]:
    """Kullback–Leibler divergence Σ eʸ(y − a) with the targets as log-probabilities too.  a, y: (n, d).

    ∂/∂a = −eʸ, and by the product rule ∂/∂y = eʸ(y − a) + eʸ. Raises ValueError for a y that is no logarithm of
    probabilities: above 0, or a row that does not sum to one.
    """
    dtype, (a, y) = inputs(a=a, y=y)
    n, _ = rows("a", a)
    same_shape(a=a, y=y)
    require(y <= 0, "y", y, "is not the logarithm of a probability: must be ≤ 0")
    p = np.exp(y)
    distributions("exp(y)", p, dtype)
    terms = np.where(p == 0, 0, p * (y - a))
    return reduced(dtype, terms, {"a": -p, "y": terms + p}, reduction, batch=n)


@formula(
    "cost/jensen_shannon",
    statement="Sum(p[i, j]*log(2*p[i, j]/(p[i, j] + q[i, j])) + q[i, j]*log(2*q[i, j]/(p[i, j] + q[i, j])), "
    f"{OVER})/(2*n)",
    derivative="log(2*p[i, j]/(p[i, j] + q[i, j]))/(2*n)",
    arguments=("p[i, j]", "q[i, j]"),
    domain=("0", "1"),
    partials={"q[i, j]": "log(2*q[i, j]/(p[i, j] + q[i, j]))/(2*n)"},
    assumptions=("terms: one an example", "mean over examples", "natural logarithm", ZERO),
    sources=("lin-1991",),
)
@QUIET
def jensen_shannon(p: npt.ArrayLike, q: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Jensen–Shannon divergence ½KL(p‖m) + ½KL(q‖m), m = (p + q)/2.  p, q: (n, d), one term an example.

    ∂/∂p = ½[log(p/m) + 1 − p/(p + q) − q/(p + q)] = ½log(p/m), and likewise for q; −∞ at p = 0 < q. Raises
    ValueError for a row that is no distribution.
    """
    dtype, (p, q) = inputs(p=p, q=q)
    rows("p", p)
    same_shape(p=p, q=q)
    distributions("p", p, dtype)
    distributions("q", q, dtype)
    log_p, log_q = _log_share(p, q), _log_share(q, p)
    terms = (np.where(p == 0, 0, p * log_p) + np.where(q == 0, 0, q * log_q)).sum(-1) / 2
    return reduced(dtype, terms, {"p": log_p / 2, "q": log_q / 2}, reduction)


def _log_share(p: Array, q: Array) -> Array:
    """log(2p/(p + q)), by log1p where the two are close; 0 where both are 0."""
    s = np.where(p + q == 0, 1, p + q)
    t = (p - q) / s
    with np.errstate(divide="ignore"):
        return np.where(p + q == 0, 0, np.where(np.abs(t) < 0.5, np.log1p(t.clip(-0.5)), np.log(2 * p / s)))


ENTROPY = "(y[i, j]*log(a[i, j]) + (1 - y[i, j])*log(1 - a[i, j]))"


@formula(
    "cost/binary_cross_entropy",
    statement=f"-Sum(weight[i, j]*{ENTROPY}, {OVER})/(n*d)",
    derivative="weight[i, j]*(a[i, j] - y[i, j])/(a[i, j]*(1 - a[i, j]))/(n*d)",
    arguments=("a[i, j]", "y[i, j]", "weight[i, j]"),
    domain=("0", "1"),
    partials={
        "y[i, j]": "weight[i, j]*(log(1 - a[i, j]) - log(a[i, j]))/(n*d)",
        "weight[i, j]": f"-{ENTROPY}/(n*d)",
    },
    assumptions=("mean: divided by the number of entries, whatever the weights", "logarithms are not clamped", ZERO),
    sources=("goodfellow-2016", "pytorch-binary-cross-entropy"),
)
@QUIET
def binary_cross_entropy(
    a: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Binary cross-entropy −w[y log a + (1 − y) log(1 − a)] on probabilities a; arrays of one shape.

    ∂/∂a = w(a − y)/(a(1 − a)), ∂/∂y = w[log(1 − a) − log a]. Where a = y is 0 or 1 the vanishing term is left out.
    Raises ValueError for a or y outside [0, 1].
    """
    dtype, (a, y) = inputs(a=a, y=y)
    w = optional("weight", weight)
    same_shape(a=a, y=y, weight=w)
    probabilities("a", a)
    probabilities("y", y)
    with np.errstate(divide="ignore"):
        # one factor of a(1 − a) cancels exactly for a hard target
        slope = np.where(y == 0, 1 / (1 - a), np.where(y == 1, -1 / a, (a - y) / (a * (1 - a))))
        slopes = {"a": slope, "y": np.log1p(-a) - np.log(a)}
        return weighted(dtype, -(xlogy(y, a) + xlog1py(1 - y, -a)), slopes, w, reduction, by_weights=False)


@formula(
    "cost/nll_labels",
    statement=f"-Sum(weight[j]*y[i, j]*a[i, j], {OVER})/Sum(weight[j]*y[i, j], {OVER})",
    derivative="-weight[j]*y[i, j]/Sum(weight[k]*y[l, k], (k, 1, d), (l, 1, n))",
    arguments=("a[i, j]", "weight[j]"),
    partials={
        "weight[j]": "Sum(y[i, j]*(Sum(weight[k]*y[l, k]*a[l, k], (k, 1, d), (l, 1, n))"
        "/Sum(weight[k]*y[l, k], (k, 1, d), (l, 1, n)) - a[i, j]), (i, 1, n))"
        "/Sum(weight[k]*y[l, k], (k, 1, d), (l, 1, n))"
    },
    assumptions=(
        "a are log-probabilities",
        "y[i, j] = 1 for the label of example i, else 0; all 0 where it is ignored",
        "mean: divided by the weights of the labels",
    ),
    sources=("pytorch-nll-loss",),
)
@QUIET
def nll_labels(
    a: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    ignore_index: int | None = None,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Negative log-likelihood −w_y·a_y of integer labels y.  a: (n, d) log-probabilities, labels: (n,), weight: (d,).

    Linear in a: ∂/∂a_j = −w_y[j = y]. The mean divides by Σw_y, so ∂C/∂w_k = Σ_{y = k}(−a_k − C)/Σw_y. Examples
    labelled `ignore_index` do not count. Raises ValueError for a label outside 0 … d − 1, and for the mean where
    every example is ignored or the weights of the labels sum to 0.
    """
    dtype, (a,) = inputs(a=a)
    n, d = rows("a", a)
    w = per_class("weight", weight, d)
    y, counts = class_labels(labels, (n,), d, ignore_index)
    loss = np.where(counts, -a[np.arange(n), y], 0)
    w_y = np.where(counts, w[y], 0)
    slope = np.zeros_like(a)
    slope[np.arange(n), y] = -w_y
    by_class = np.bincount(y, loss, d)
    if reduction != "mean":
        return reduced(dtype, w_y * loss, {"a": slope, "weight": by_class}, reduction)
    total = label_weight(counts, w_y)
    by_class = weighted_mean_slope(w, by_class, np.bincount(y, counts, d), total)
    return reduced(dtype, w_y * loss, {"a": slope, "weight": by_class}, reduction, mean=total)


def weighted_mean_slope(w: Array, loss: Array, count: Array, total: float) -> Array:
    """Σw·∂C/∂w for C = Σ w·loss/Σ w·count over classes: loss − C·count, by sums over the other classes only."""
    return (loss * others(w * count) - count * others(w * loss)) / total


def label_weight(counts: Array, w_y: Array) -> float:
    """The divisor Σw_y of a mean over labels. Raises ValueError where it is 0, saying why."""
    if not counts.any():
        raise ValueError("every label is ignored: the mean over none is undefined")
    return weight_sum(w_y)
