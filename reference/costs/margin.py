"""Costs of scores that should clear a margin: classes −1 and +1, ranks, labels, sets of labels, critics.

Each returns (C, gradients); see `reference.reduction`. Where the margin is met exactly, the subgradient of least norm
is 0. Whether it is met is decided without rounding: margin − z_y + z_j is summed exactly before its sign is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from reference.costs.logit import sigmoids
from reference.costs.reduction import (
    Gradients,
    class_labels,
    indicators,
    inputs,
    per_class,
    probabilities,
    reduced,
    rows,
    same_shape,
    signs,
)
from reference.exact import total
from reference.formula import Array, Kink, formula
from reference.lift import QUIET, numbers

OVER = "(j, 1, d), (i, 1, n)"
MEAN = "mean over entries"
SIGNS = "targets y are −1 or +1"
MET = "minimum-norm subgradient"


def exact_sum(a: Any, b: Any, c: Any) -> Array:
    """a + b + c in float64 with one error at the end, so that 0 and the sign are exact; ∞ on overflow."""
    s, low = total(a, b)
    s, lower = total(s, c)
    rest = low + lower
    return s + np.where(np.isfinite(rest), rest, 0)


def _signed(z: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.dtype[Any], Array, Array]:
    dtype, (z, y) = inputs(z=z, y=y)
    same_shape(z=z, y=y)
    signs("y", y)
    return dtype, z, y


@formula(
    "cost/hinge",
    statement=f"Sum(Max(0, 1 - y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="Piecewise((-y[i, j], y[i, j]*z[i, j] < 1), (0, True))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "Piecewise((-z[i, j], y[i, j]*z[i, j] < 1), (0, True))/(n*d)"},
    kinks=(Kink(at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN, SIGNS, "the kink is in y·z − 1, for factor 1"),
    sources=("cortes-vapnik-1995", "optax-losses-hinge-loss"),
)
@QUIET
def hinge(z: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Hinge cost max(0, 1 − yz): where yz < 1 the slope is −y in z and −z in y, else 0."""
    dtype, z, y = _signed(z, y)
    slack = 1 - y * z
    short = slack > 0
    slopes = {"z": np.where(short, -y, 0), "y": np.where(short, -z, 0)}
    return reduced(dtype, np.where(short, slack, 0), slopes, reduction)


@formula(
    "cost/squared_hinge",
    statement=f"Sum(Max(0, 1 - y[i, j]*z[i, j])**2, {OVER})/(n*d)",
    derivative="-2*y[i, j]*Max(0, 1 - y[i, j]*z[i, j])/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "-2*z[i, j]*Max(0, 1 - y[i, j]*z[i, j])/(n*d)"},
    assumptions=(MEAN, SIGNS),
    sources=("cortes-vapnik-1995",),
)
@QUIET
def squared_hinge(z: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Squared hinge max(0, 1 − yz)²: by the chain rule −2y·max(0, 1 − yz) in z, without a kink."""
    dtype, z, y = _signed(z, y)
    slack = np.maximum(0, 1 - y * z)
    return reduced(dtype, slack * slack, {"z": -2 * y * slack, "y": -2 * (z * slack)}, reduction)


@formula(
    "cost/perceptron",
    statement=f"Sum(Max(0, -y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="Piecewise((-y[i, j], y[i, j]*z[i, j] < 0), (0, True))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "Piecewise((-z[i, j], y[i, j]*z[i, j] < 0), (0, True))/(n*d)"},
    kinks=(Kink(at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN, SIGNS, "the kink is in y·z, for factor 1"),
    sources=("rosenblatt-1958", "optax-losses-perceptron-loss"),
)
@QUIET
def perceptron(z: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Perceptron cost max(0, −yz): where the sign is wrong the slope is −y in z and −z in y, else 0."""
    dtype, z, y = _signed(z, y)
    short = y * z < 0
    slopes = {"z": np.where(short, -y, 0), "y": np.where(short, -z, 0)}
    return reduced(dtype, np.where(short, np.abs(z), 0), slopes, reduction)


@formula(
    "cost/soft_margin",
    statement=f"Sum(log(1 + exp(-y[i, j]*z[i, j])), {OVER})/(n*d)",
    derivative="-y[i, j]/(1 + exp(y[i, j]*z[i, j]))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "-z[i, j]/(1 + exp(y[i, j]*z[i, j]))/(n*d)"},
    assumptions=(MEAN, SIGNS),
    sources=("pytorch-soft-margin-loss",),
)
@QUIET
def soft_margin(z: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Soft margin (logistic) cost log(1 + e^(−yz)) = softplus(−yz): softplus' = σ, so −y·σ(−yz) in z."""
    dtype, z, y = _signed(z, y)
    _, miss, _, loss = sigmoids(y * z)
    return reduced(dtype, loss, {"z": -y * miss, "y": np.where(miss == 0, 0, -z * miss)}, reduction)


@formula(
    "cost/hinge_embedding",
    statement=f"Sum((1 + y[i, j])/2*z[i, j] + (1 - y[i, j])/2*Max(0, margin + y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="((1 + y[i, j])/2 + (1 - y[i, j])/2*y[i, j]*Piecewise((1, margin + y[i, j]*z[i, j] > 0), (0, True)))"
    "/(n*d)",
    arguments=("z[i, j]",),
    kinks=(Kink(at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN, SIGNS, "z is a distance", "the kink is in z − margin where y = −1, for factor 1"),
    sources=("pytorch-hinge-embedding-loss",),
)
@QUIET
def hinge_embedding(
    z: npt.ArrayLike, y: npt.ArrayLike, *, margin: float = 1.0, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Hinge embedding cost: the distance z itself for a pair y = +1, max(0, margin − z) for y = −1.

    Slopes 1 and −1, and 0 from the margin on.
    """
    margin = numbers(margin=margin)["margin"]
    dtype, z, y = _signed(z, y)
    terms = np.where(y > 0, z, np.maximum(0, margin - z))
    return reduced(dtype, terms, {"z": np.where(y > 0, 1.0, np.where(z < margin, -1.0, 0.0))}, reduction)


RANK = "margin - y[i, j]*(a[i, j] - b[i, j])"


@formula(
    "cost/margin_ranking",
    statement=f"Sum(Max(0, {RANK}), {OVER})/(n*d)",
    derivative=f"Piecewise((-y[i, j], {RANK} > 0), (0, True))/(n*d)",
    arguments=("a[i, j]", "b[i, j]", "y[i, j]"),
    partials={
        "b[i, j]": f"Piecewise((y[i, j], {RANK} > 0), (0, True))/(n*d)",
        "y[i, j]": f"Piecewise((b[i, j] - a[i, j], {RANK} > 0), (0, True))/(n*d)",
    },
    kinks=(Kink(at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN, SIGNS, "the kink is in y·(a − b) − margin, for factor 1"),
    sources=("pytorch-margin-ranking-loss",),
)
@QUIET
def margin_ranking(
    a: npt.ArrayLike, b: npt.ArrayLike, y: npt.ArrayLike, *, margin: float = 0.0, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Margin ranking cost max(0, margin − y(a − b)): a should outrank b where y = +1, b should where y = −1.

    Where the margin is missed, −y in a, y in b and b − a in y; else 0.
    """
    margin = numbers(margin=margin)["margin"]
    dtype, (a, b, y) = inputs(a=a, b=b, y=y)
    same_shape(a=a, b=b, y=y)
    signs("y", y)
    slack = exact_sum(-y * a, y * b, margin)
    short = slack > 0
    slopes = {"a": np.where(short, -y, 0), "b": np.where(short, y, 0), "y": np.where(short, b - a, 0)}
    return reduced(dtype, np.where(short, slack, 0), slopes, reduction)


SHORT = "margin - b[i] + z[i, j]"  # by how much class j comes too close to the label


@formula(
    "cost/multi_margin",
    statement=f"Sum(weight[i]*Max(0, {SHORT})**p, (j, 1, m), (i, 1, n))/(n*(m + 1))",
    derivative=f"weight[i]*p*Piecewise((({SHORT})**(p - 1), {SHORT} > 0), (0, True))/(n*(m + 1))",
    arguments=("z[i, j]", "b[i]", "weight[i]"),
    partials={
        "b[i]": f"-weight[i]*p*Sum(Piecewise((({SHORT})**(p - 1), {SHORT} > 0), (0, True)), (j, 1, m))/(n*(m + 1))",
        "weight[i]": f"Sum(Max(0, {SHORT})**p, (j, 1, m))/(n*(m + 1))",
    },
    kinks=(Kink(at="0", left="0", right="1", chosen="0", why=MET),),
    assumptions=(
        "b[i] is the score of the label of example i, z[i, j] those of its m other classes",
        "weight[i] is the weight of the label: the slope in a class weight is the sum over the examples of that label",
        "terms: one an example, divided by the number of classes",
        "the weight stands outside the power",
        "p is 1 or 2; the kink, for p = 1, is in margin − b + z, for factor 1",
    ),
    sources=("crammer-singer-2001", "pytorch-multi-margin-loss"),
)
@QUIET
def multi_margin(
    z: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    p: int = 1,
    margin: float = 1.0,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Multi-class margin cost w_y·Σ_{j≠y} max(0, margin − z_y + z_j)ᵖ/d of integer labels y.

    z: (n, d), labels: (n,), weight: (d,). Every class that comes too close pulls with p·slackᵖ⁻¹, up at its own
    score and down at the label's. Raises ValueError for p other than 1 and 2.
    """
    margin = numbers(margin=margin)["margin"]
    if p not in (1, 2):
        raise ValueError(f"p = {p}; need p = 1 or 2")
    dtype, (z,) = inputs(z=z)
    n, d = rows("z", z)
    w = per_class("weight", weight, d)
    y, _ = class_labels(labels, (n,), d)
    one_hot = np.arange(d) == y[:, None]
    slack = exact_sum(z, -z[np.arange(n), y][:, None], margin)
    slack = np.where(one_hot, 0, np.maximum(slack, 0))
    pull = (slack > 0) * 1.0 if p == 1 else 2 * slack
    per_label = (slack**p).sum(-1) / d
    slope = w[y][:, None] * np.where(one_hot, -pull.sum(-1, keepdims=True), pull) / d
    return reduced(dtype, w[y] * per_label, {"z": slope, "weight": np.bincount(y, per_label, d)}, reduction)


@formula(
    "cost/multilabel_margin",
    statement="Sum(Max(0, 1 - b[i, l] + z[i, j]), (j, 1, d), (l, 1, m), (i, 1, n))/(n*(m + d))",
    derivative="Sum(Piecewise((1, 1 - b[i, l] + z[i, j] > 0), (0, True)), (l, 1, m))/(n*(m + d))",
    arguments=("z[i, j]", "b[i, l]"),
    partials={"b[i, l]": "-Sum(Piecewise((1, 1 - b[i, l] + z[i, j] > 0), (0, True)), (j, 1, d))/(n*(m + d))"},
    kinks=(Kink(at="0", left="0", right="1", chosen="0", why=MET),),
    assumptions=(
        "b[i, l] are the scores of the m labels of example i, z[i, j] those of its d other classes",
        "terms: one an example, divided by the number of classes",
        "the kink is in 1 − b + z, for factor 1",
    ),
    sources=("pytorch-multilabel-margin-loss",),
)
@QUIET
def multilabel_margin(z: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Multi-label margin cost Σ_{l∈Y} Σ_{j∉Y} max(0, 1 − z_l + z_j)/d.  z, y: (n, d), y = 1 for the labels.

    Every pair that misses the margin pulls its label's score down by 1/d in the gradient and the other's up.
    """
    dtype, (z, y) = inputs(z=z, y=y)
    _, d = rows("z", z)
    same_shape(z=z, y=y)
    indicators("y", y)
    pairs = (y[:, :, None] == 1) & (y[:, None, :] == 0)  # [i, label, other]
    slack = np.where(pairs, exact_sum(z[:, None, :], -z[:, :, None], 1.0), 0)
    short = slack > 0
    slope = short.sum(1) - 1.0 * short.sum(2)
    return reduced(dtype, np.where(short, slack, 0).sum((1, 2)) / d, {"z": slope / d}, reduction)


SOFT = "(y[i, j]*log(1 + exp(-z[i, j])) + (1 - y[i, j])*log(1 + exp(z[i, j])))"


@formula(
    "cost/multilabel_soft_margin",
    statement=f"Sum(weight[j]*{SOFT}, {OVER})/(n*d)",
    derivative="weight[j]*(1/(1 + exp(-z[i, j])) - y[i, j])/(n*d)",
    arguments=("z[i, j]", "y[i, j]", "weight[j]"),
    partials={"y[i, j]": "-weight[j]*z[i, j]/(n*d)", "weight[j]": f"Sum({SOFT}, (i, 1, n))/(n*d)"},
    assumptions=("terms: one an example, mean over its classes", "targets in [0, 1]"),
    sources=("pytorch-multilabel-soft-margin-loss",),
)
@QUIET
def multilabel_soft_margin(
    z: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Multi-label soft margin cost: the binary cross-entropies of all classes, averaged.  weight: (d,).

    w(σ(z) − y) in z, written (1 − y)σ(z) − yσ(−z), and w(softplus(−z) − softplus(z)) = −wz in y.
    """
    dtype, (z, y) = inputs(z=z, y=y)
    _, d = rows("z", z)
    same_shape(z=z, y=y)
    probabilities("y", y)
    w = per_class("weight", weight, d)
    s, c, plus, minus = sigmoids(z)
    loss = np.where(y == 1, 0, (1 - y) * plus) + np.where(y == 0, 0, y * minus)
    slopes = {"z": w * ((1 - y) * s - y * c) / d, "y": -w * z / d, "weight": loss.sum(0) / d}
    return reduced(dtype, np.where(w == 0, 0, w * loss).sum(-1) / d, slopes, reduction)


@formula(
    "cost/multiclass_hinge",
    statement="Sum(b[i] - Sum(y[i, j]*z[i, j], (j, 1, d)), (i, 1, n))/n",
    derivative="-y[i, j]/n",
    arguments=("z[i, j]", "b[i]"),
    partials={"b[i]": "1/n"},
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0",
        "b[i] = max over j of z[i, j] + 1 − y[i, j], whose slope in z is 1 at the largest and 0 elsewhere",
        "ties: 0 where the label is among the largest, else an equal share each, the subgradient of least norm",
        "terms: one an example",
    ),
    sources=("crammer-singer-2001", "optax-losses-multiclass-hinge-loss"),
)
@QUIET
def multiclass_hinge(z: npt.ArrayLike, labels: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Crammer and Singer's hinge max_j(z_j + [j ≠ y]) − z_y of integer labels y.  z: (n, d), labels: (n,).

    Only the worst offender pulls: 1 there and −1 at the label. Where the label itself is among the largest the cost
    is 0 and so is the slope; others that tie share the 1.
    """
    return _worst_offender(z, labels, 1.0, reduction)


@formula(
    "cost/multiclass_perceptron",
    statement="Sum(b[i] - Sum(y[i, j]*z[i, j], (j, 1, d)), (i, 1, n))/n",
    derivative="-y[i, j]/n",
    arguments=("z[i, j]", "b[i]"),
    partials={"b[i]": "1/n"},
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0",
        "b[i] = max over j of z[i, j], whose slope in z is 1 at the largest and 0 elsewhere",
        "ties: 0 where the label is among the largest, else an equal share each, the subgradient of least norm",
        "terms: one an example",
    ),
    sources=("rosenblatt-1958", "optax-losses-multiclass-perceptron-loss"),
)
@QUIET
def multiclass_perceptron(
    z: npt.ArrayLike, labels: npt.ArrayLike, *, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Multi-class perceptron cost max_j z_j − z_y of integer labels y.  z: (n, d), labels: (n,).

    1 at the largest score and −1 at the label's; 0 where the label is among the largest.
    """
    return _worst_offender(z, labels, 0.0, reduction)


def _worst_offender(z: npt.ArrayLike, labels: npt.ArrayLike, margin: float, reduction: str) -> tuple[Array, Gradients]:
    dtype, (z,) = inputs(z=z)
    n, d = rows("z", z)
    y, _ = class_labels(labels, (n,), d)
    one_hot = np.arange(d) == y[:, None]
    slack = np.where(one_hot, 0, exact_sum(z, -z[np.arange(n), y][:, None], margin))
    terms = slack.max(-1)
    rivals = np.where(one_hot, -np.inf, z)  # the margin is the same for all: which is the largest, z itself tells
    worst = rivals == rivals.max(-1, keepdims=True)
    share = worst / worst.sum(-1, keepdims=True)
    return reduced(dtype, terms, {"z": np.where(terms[:, None] > 0, share - one_hot, 0)}, reduction)


@formula(
    "cost/wasserstein_critic",
    statement="Sum(b[k], (k, 1, m))/m - Sum(a[i], (i, 1, n))/n",
    derivative="-1/n",
    arguments=("a[i]", "b[k]"),
    partials={"b[k]": "1/m"},
    assumptions=("a are scores of real data, b of generated; their numbers may differ", "a mean by definition"),
    sources=("arjovsky-2017",),
)
@QUIET
def wasserstein_critic(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Array, Gradients]:
    """Cost of a Wasserstein critic, mean score b of generated minus mean score a of real examples.

    Linear: −1/n for each of a, 1/m for each of b; constraining the critic is another matter. Raises ValueError where
    either is empty.
    """
    dtype, (a, b) = inputs(a=a, b=b)
    if b.size == 0:
        raise ValueError(f"b has shape {b.shape}: the mean of no scores is undefined")
    difference = np.asarray(b.sum() / b.size - a.sum() / a.size)
    return reduced(dtype, difference, {"a": np.full(a.shape, -1 / a.size), "b": np.full(b.shape, 1 / b.size)}, "sum")
