"""Costs of probabilities: rows of distributions, or single ones.

Each returns (C, gradients); see `reference.costs.reduction`. Every entry counts as a variable of its own: a gradient
along the simplex follows from these by the pullback of whatever made the probabilities.
"""

from __future__ import annotations

import numpy as np

from reference.costs.arguments import CLASS, LABEL, ROW, TERM, class_labels
from reference.costs.products import TINY
from reference.costs.reduction import Terms, reduced
from reference.exact import fallen, ratio, xlog1py, xlogy
from reference.formula import Array, formula
from reference.lift import times

OVER = "(j, 1, d), (i, 1, n)"
BATCHMEAN = "mean: over entries, as the frameworks have it; batchmean: over examples, the divergence itself"
ZERO = "0·log 0 = 0"


@formula(
    "cost/kl_div",
    statement=f"Sum(y[i, j]*(log(y[i, j]) - a[i, j]), {OVER})/n",
    derivative="-y[i, j]/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "(log(y[i, j]) - a[i, j] + 1)/n"},
    prediction="a",
    target="y",
    entries={"y": "distribution"},
    assumptions=("a are log-probabilities", "printed for batchmean", BATCHMEAN, ZERO),
    sources=("kullback-leibler-1951", "pytorch-kl-div"),
)
@reduced(default="batchmean", y=TERM)
def kl_div(a: Array, y: Array) -> Terms:
    """Kullback–Leibler divergence Σ y(log y − a) of log-probabilities a from the distributions y.  a, y: (n, d).

    Linear in a: ∂/∂a = −y. (y log y)' = log y + 1, so ∂/∂y = log y + 1 − a, which is −∞ at y = 0.
    """
    log_ratio = np.log(y) - a
    return np.where(y == 0, 0, y * log_ratio), {"a": -y, "y": log_ratio + 1}


@formula(
    "cost/kl_div_log_target",
    statement=f"Sum(exp(y[i, j])*(y[i, j] - a[i, j]), {OVER})/n",
    derivative="-exp(y[i, j])/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "exp(y[i, j])*(y[i, j] - a[i, j] + 1)/n"},
    prediction="a",
    target="y",
    entries={"y": "log distribution"},
    assumptions=("a and y are log-probabilities", "printed for batchmean", BATCHMEAN, ZERO),
    sources=("kullback-leibler-1951", "pytorch-kl-div"),
)
@reduced(default="batchmean", y=TERM)
def kl_div_log_target(a: Array, y: Array) -> Terms:
    """Kullback–Leibler divergence Σ eʸ(y − a) with the targets as log-probabilities too.  a, y: (n, d).

    ∂/∂a = −eʸ, and by the product rule ∂/∂y = eʸ(y − a) + eʸ.
    """
    (near, half), apart = fallen(y), y - a
    fall = (half, half)  # eʸ is near·half², which weights may bring back from underflow
    enters = half != 0
    return (near, np.where(enters, apart, 0), *fall), {
        "a": (-near, *fall),
        "y": (near, np.where(enters, apart + 1, 0), *fall),
    }


MIXTURE = "(beta*p[i, j] + (1 - beta)*q[i, j])"


@formula(
    "cost/jensen_shannon",
    statement=f"Sum(beta*p[i, j]*log(p[i, j]/{MIXTURE}) + (1 - beta)*q[i, j]*log(q[i, j]/{MIXTURE}), {OVER})/n",
    derivative=f"beta*log(p[i, j]/{MIXTURE})/n",
    arguments=("p[i, j]", "q[i, j]"),
    domain=("0", "1"),
    partials={"q[i, j]": f"(1 - beta)*log(q[i, j]/{MIXTURE})/n"},
    prediction="p",
    target="q",
    entries={"p": "distribution", "q": "distribution"},
    valid={"beta": "0 < beta < 1"},
    assumptions=("terms: one an example", "mean over examples", "natural logarithm", ZERO),
    sources=("lin-1991", "agarwal-2024"),
)
@reduced(p=ROW, q=ROW)
def jensen_shannon(p: Array, q: Array, *, beta: float = 0.5) -> Terms:
    """Jensen–Shannon divergence βKL(p‖m) + (1 − β)KL(q‖m), m = βp + (1 − β)q.  p, q: (..., d), one term an example.

    ∂/∂p = β[log(p/m) + 1 − βp/m − (1 − β)q/m] = β log(p/m), and (1 − β) log(q/m) for q; −∞ at p = 0 < q.
    """
    log_p, log_q = _log_share(p, q, beta, 1 - beta), _log_share(q, p, 1 - beta, beta)
    terms = (beta * np.where(p == 0, 0, p * log_p) + (1 - beta) * np.where(q == 0, 0, q * log_q)).sum(-1)
    return terms, {"p": beta * log_p, "q": (1 - beta) * log_q}


def _log_share(p: Array, q: Array, share: float, rest: float) -> Array:
    """log(p/m), m = share·p + rest·q of shares that sum to 1, by log1p where the two are close; 0 where both are 0."""
    p, q = np.ldexp(p, 600), np.ldexp(q, 600)  # of which no share is subnormal
    m = share * p + rest * q
    m = np.where(m == 0, 1, m)
    t, part = rest * ((p - q) / m), p / m
    far = np.where(part < TINY, np.log(p) - np.log(m), np.log(part))  # a quotient may be subnormal
    return np.where(p + q == 0, 0, np.where(np.abs(t) < 0.5, np.log1p(t.clip(-0.5)), far))


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
    prediction="a",
    target="y",
    entries={"a": "probability", "y": "probability"},
    aliases={"cost/bce": {"reduction": "batchmean"}},
    assumptions=("mean: divided by the number of entries, whatever the weights", "logarithms are not clamped", ZERO),
    sources=("deriving-backprop", "nielsen-2015", "goodfellow-2016", "pytorch-binary-cross-entropy"),
)
@reduced(weighted="terms", y=TERM)
def binary_cross_entropy(a: Array, y: Array) -> Terms:
    """Binary cross-entropy −w[y log a + (1 − y) log(1 − a)] on probabilities a.

    ∂/∂a = w(a − y)/(a(1 − a)), ∂/∂y = w[log(1 − a) − log a]. Where a = y is 0 or 1 the vanishing term is left out.
    """
    # one factor of a(1 − a) cancels exactly for a hard target
    above = np.where(y == 1, -1.0, np.where(y == 0, 1.0, a - y) / np.where(y == 1, 1.0, 1 - a))
    slope = ratio(above, np.where(y == 0, 1.0, a))
    return -(xlogy(y, a) + xlog1py(1 - y, -a)), {"a": slope, "y": np.log1p(-a) - np.log(a)}


@formula(
    "cost/cross_entropy",
    statement=f"-Sum(y[i, j]*log(a[i, j]), {OVER})/n",
    derivative="-y[i, j]/a[i, j]/n",
    arguments=("a[i, j]", "y[i, j]"),
    domain=("0", "1"),
    partials={"y[i, j]": "-log(a[i, j])/n"},
    prediction="a",
    target="y",
    entries={"a": "probability", "y": "probability"},
    assumptions=("printed for batchmean: sum over classes, mean over examples", "a and y are probabilities", ZERO),
    sources=("goodfellow-2016",),
)
@reduced(default="batchmean", y=TERM)
def cross_entropy(a: Array, y: Array) -> Terms:
    """Categorical cross-entropy −Σ y log a on probabilities a.  a, y: (n, d).

    ∂/∂a = −y/a; where y = 0 the term is 0 whatever a is. ∂/∂y = −log a.
    """
    return -xlogy(y, a), {"a": ratio(np.where(y == 0, 0, -y), np.where(y == 0, 1, a)), "y": -np.log(a)}


@formula(
    "cost/nll",
    statement=f"-Sum(y[i, j]*a[i, j], {OVER})/n",
    derivative="-y[i, j]/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": "-a[i, j]/n"},
    prediction="a",
    target="y",
    entries={"y": "probability"},
    assumptions=("a are log-probabilities", "printed for batchmean: sum over classes, mean over examples", ZERO),
    sources=("pytorch-nll-loss",),
)
@reduced(default="batchmean", y=TERM)
def nll(a: Array, y: Array) -> Terms:
    """Negative log-likelihood −Σ y·a on log-probabilities a, of rows of targets y.  a, y: (n, d).

    Linear in both: ∂/∂a = −y, ∂/∂y = −a; where y = 0 the term is 0 whatever a is.
    """
    return np.where(y == 0, 0, -y * a), {"a": -y, "y": -a}


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
    prediction="a",
    target="labels",
    entries={"labels": "label"},
    assumptions=(
        "a are log-probabilities",
        "y[i, j] = 1 for the label of example i, else 0; all 0 where it is ignored",
        "mean: divided by the weights of the labels",
    ),
    sources=("pytorch-nll-loss",),
)
@reduced(mean="labels", classes=True, a=ROW, labels=LABEL, weight=CLASS)
def nll_labels(a: Array, labels: Array, weight: Array | None = None, *, ignore_index: int | None = None) -> Terms:
    """Negative log-likelihood −w_y·a_y of integer labels y.  a: (n, d) log-probabilities, labels: (n,), weight: (d,).

    Linear in a: ∂/∂a_j = −w_y[j = y]. The mean divides by Σw_y, so ∂C/∂w_k = Σ_{y = k}(−a_k − C)/Σw_y. Examples
    labelled `ignore_index` do not count. Raises ValueError for a label outside 0 … d − 1, and for the mean where
    every example is ignored or the weights of the labels sum to 0.
    """
    y, counts = class_labels(labels, a.shape[:-1], a.shape[-1], ignore_index)
    counted = picked(np.where(counts, 1.0, 0.0), y, a)  # [j = y], 0 in a row that is ignored
    loss = np.where(counted == 0, 0, -a)
    w = np.ones(()) if weight is None else weight
    return times(w, loss).sum(-1), {"a": times(counted, -w), "weight": loss}, counted


def picked(x: Array, labels: Array, like: Array) -> Array:
    """x at the place of its label in a row of zeros.  x, labels: (...) -> (..., d), as many columns as `like`."""
    rows = np.zeros(like.shape)
    np.put_along_axis(rows, labels[..., None], x[..., None], -1)
    return rows
