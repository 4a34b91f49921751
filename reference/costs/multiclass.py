"""Costs of the scores of many classes, where that of a label should clear all others by a margin.

Each returns (C, gradients); see `reference.costs.reduction`. Where the margin is met exactly, the subgradient of least
norm is 0. Whether it is met is decided without rounding: margin − z_y + z_j is summed exactly before its sign is taken.
"""

from __future__ import annotations

import numpy as np

from reference.costs.arguments import CLASS, IN_ROW, LABEL, ROW, class_labels
from reference.costs.logit import all_that_is_left, sigmoids
from reference.costs.margin import MET, OVER, step
from reference.costs.probability import picked
from reference.costs.reduction import Terms, reduced
from reference.exact import dot, exact_sum, total
from reference.formula import Array, Kink, formula
from reference.lift import times

SHARED = "equal shares of those that tie (minimum norm)"
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
    prediction="z",
    target="labels",
    entries={"labels": "label"},
    kinks=(Kink(of="margin - b + z", at="0", left="0", right="1", chosen="0", why=MET),),
    valid={"p": "p == 1 or p == 2"},
    assumptions=(
        "b[i] is the score of the label of example i, z[i, j] those of its m other classes",
        "weight[i] is the weight of the label: the slope in a class weight is the sum over the examples of that label",
        "terms: one an example, divided by the number of classes",
        "the weight stands outside the power",
        "p is 1 or 2; the kink is that of p = 1",
    ),
    sources=("crammer-singer-2001", "pytorch-multi-margin-loss"),
)
@reduced(z=ROW, labels=LABEL, weight=CLASS)
def multi_margin(z: Array, labels: Array, weight: Array | None = None, *, p: int = 1, margin: float = 1.0) -> Terms:
    """Multi-class margin cost w_y·Σ_{j≠y} max(0, margin − z_y + z_j)ᵖ/d of integer labels y.

    z: (n, d), labels: (n,), weight: (d,). Every class that comes too close pulls with p·slackᵖ⁻¹, up at its own
    score and down at the label's.
    """
    y, slack, scale = _slack(z, labels, margin)
    slack, d = np.maximum(slack, 0), z.shape[-1]
    pull = 2 * slack if p == 2 else step(slack)
    per_label = (slack**p / d).sum(-1)
    w = np.ones(y.shape) if weight is None else weight[y]
    slope = (pull - picked(pull.sum(-1), y, z)) / d  # the label itself does not pull
    powers = (scale,) * p  # of 1, or of 2
    over = [x[..., None] for x in powers]
    slopes = {"z": (times(w[..., None], slope), *over[1:]), "weight": (picked(per_label, y, z), *over)}
    return (times(w, per_label), *powers), slopes


def _slack(z: Array, labels: Array, margin: float) -> tuple[Array, Array, Array]:
    """Labels y, (...), and margin − z_y + z_j of the other classes j, 0 at the label itself, (..., d).

    The last over a number for each row, which is 4 where it might overflow, else 1.
    """
    y, _ = class_labels(labels, z.shape[:-1], z.shape[-1])
    scale = np.where(np.maximum(np.abs(z).max(-1), abs(margin)) > 2.0**1021, 4.0, 1.0)
    over = scale[..., None]
    slack = exact_sum(z / over, -np.take_along_axis(z, y[..., None], -1) / over, margin / over)
    np.put_along_axis(slack, y[..., None], 0, -1)
    return y, slack, scale


@formula(
    "cost/multilabel_margin",
    statement="Sum(Max(0, 1 - b[i, l] + z[i, j]), (j, 1, d), (l, 1, m), (i, 1, n))/(n*(m + d))",
    derivative="Sum(Piecewise((1, 1 - b[i, l] + z[i, j] > 0), (0, True)), (l, 1, m))/(n*(m + d))",
    arguments=("z[i, j]", "b[i, l]"),
    partials={"b[i, l]": "-Sum(Piecewise((1, 1 - b[i, l] + z[i, j] > 0), (0, True)), (j, 1, d))/(n*(m + d))"},
    prediction="z",
    target="y",
    entries={"y": "indicator"},
    kinks=(Kink(of="1 - b + z", at="0", left="0", right="1", chosen="0", why=MET),),
    assumptions=(
        "b[i, l] are the scores of the m labels of example i, z[i, j] those of its d other classes",
        "terms: one an example, divided by the number of classes",
    ),
    sources=("pytorch-multilabel-margin-loss",),
)
@reduced(z=ROW, y=ROW)
def multilabel_margin(z: Array, y: Array) -> Terms:
    """Multi-label margin cost Σ_{l∈Y} Σ_{j∉Y} max(0, 1 − z_l + z_j)/d.  z, y: (n, d), y = 1 for the labels.

    Every pair that misses the margin pulls its label's score down by 1/d in the gradient and the other's up. So the
    gradient counts pairs, which sorting does in d log d, and the cost is ⟨gradient, z⟩ and 1/d for each pair.
    """
    label, d = y == 1, z.shape[-1]
    least, rest = total(z, -1.0)  # a pair misses the margin if z_j > z_l − 1, which is least + rest
    key = np.where(label, least, z)
    tie = np.where(label, np.where(rest < 0, -1, 1), 0)  # labels whose z_l − 1 is just below or above key
    order = np.lexsort((tie, key), axis=-1)
    label_first = np.take_along_axis(label, order, -1)
    below = np.cumsum(label_first, -1)  # labels up to here: those that an other misses
    above = np.cumsum(~label_first[..., ::-1], -1)[..., ::-1]  # others from here on: those that miss a label
    count = np.empty(z.shape)
    np.put_along_axis(count, order, np.where(label_first, -above, below), -1)
    pairs = np.where(label, 0, count).sum(-1)
    count = np.where(np.isnan(z).any(-1, keepdims=True), np.nan, count)
    high, low = dot(count, np.where(count == 0, 0, z))
    cost, error = total(high[..., 0], pairs)
    rest = error + low[..., 0]
    return (cost + np.where(np.isfinite(rest), rest, 0)) / d, {"z": count / d}


SOFT = "(y[i, j]*log(1 + exp(-z[i, j])) + (1 - y[i, j])*log(1 + exp(z[i, j])))"


@formula(
    "cost/multilabel_soft_margin",
    statement=f"Sum(weight[j]*{SOFT}, {OVER})/(n*d)",
    derivative="weight[j]*(1/(1 + exp(-z[i, j])) - y[i, j])/(n*d)",
    arguments=("z[i, j]", "y[i, j]", "weight[j]"),
    partials={"y[i, j]": "-weight[j]*z[i, j]/(n*d)", "weight[j]": f"Sum({SOFT}, (i, 1, n))/(n*d)"},
    prediction="z",
    target="y",
    entries={"y": "probability"},
    assumptions=("terms: one an example, mean over its classes", "weights may also be those of every entry"),
    sources=("pytorch-multilabel-soft-margin-loss",),
)
@reduced(z=ROW, y=ROW, weight=IN_ROW)
def multilabel_soft_margin(z: Array, y: Array, weight: Array | None = None) -> Terms:
    """Multi-label soft margin cost: the binary cross-entropies of all classes, averaged.  weight: (d,).

    w(σ(z) − y) in z, written (1 − y)σ(z) − yσ(−z), and w(softplus(−z) − softplus(z)) = −wz in y.
    """
    d = z.shape[-1]
    s, c, plus, minus = sigmoids(z)
    loss = times(1 - y, plus) + times(y, minus)
    sure, near, half = all_that_is_left(z, y)
    w, enters = (1.0, True) if weight is None else (weight, weight != 0)
    by_z = np.where(sure, (1 - 2 * y) * near, (1 - y) * s - y * c)
    slopes = {
        "z": (times(weight, by_z), 1 / d, half, half),
        "y": (np.where(enters, -z, 0), w, 1 / d),
        "weight": loss / d,
    }
    return times(weight, loss).sum(-1) / d, slopes


@formula(
    "cost/multiclass_hinge",
    statement="Sum(b[i] - Sum(y[i, j]*z[i, j], (j, 1, d)), (i, 1, n))/n",
    derivative="-y[i, j]/n",
    arguments=("z[i, j]", "b[i]"),
    partials={"b[i]": "1/n"},
    prediction="z",
    target="labels",
    entries={"labels": "label"},
    kinks=(
        Kink(
            of="the largest z[j] + 1 over the others, less z of the label",
            at="0",
            left="0",
            right="1",
            chosen="0",
            why=MET,
        ),
        Kink(of="the difference of the two largest others", at="0", left="0", right="1", chosen="1/2", why=SHARED),
    ),
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0",
        "b[i] = max over j of z[i, j] + 1 − y[i, j], whose slope in z is 1 at the largest and 0 elsewhere",
        "ties: 0 where the label is among the largest, else an equal share each, the subgradient of least norm",
        "terms: one an example",
    ),
    sources=("crammer-singer-2001", "optax-losses-multiclass-hinge-loss"),
)
@reduced(z=ROW, labels=LABEL)
def multiclass_hinge(z: Array, labels: Array) -> Terms:
    """Crammer and Singer's hinge max_j(z_j + [j ≠ y]) − z_y of integer labels y.  z: (n, d), labels: (n,).

    Only the worst offender pulls: 1 there and −1 at the label. Where the label itself is among the largest the cost
    is 0 and so is the slope; others that tie share the 1.
    """
    return _worst_offender(z, labels, 1.0)


@formula(
    "cost/multiclass_perceptron",
    statement="Sum(b[i] - Sum(y[i, j]*z[i, j], (j, 1, d)), (i, 1, n))/n",
    derivative="-y[i, j]/n",
    arguments=("z[i, j]", "b[i]"),
    partials={"b[i]": "1/n"},
    prediction="z",
    target="labels",
    entries={"labels": "label"},
    kinks=(
        Kink(of="the largest z of the others, less z of the label", at="0", left="0", right="1", chosen="0", why=MET),
        Kink(of="the difference of the two largest others", at="0", left="0", right="1", chosen="1/2", why=SHARED),
    ),
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0",
        "b[i] = max over j of z[i, j], whose slope in z is 1 at the largest and 0 elsewhere",
        "ties: 0 where the label is among the largest, else an equal share each, the subgradient of least norm",
        "terms: one an example",
    ),
    sources=("rosenblatt-1958", "optax-losses-multiclass-perceptron-loss"),
)
@reduced(z=ROW, labels=LABEL)
def multiclass_perceptron(z: Array, labels: Array) -> Terms:
    """Multi-class perceptron cost max_j z_j − z_y of integer labels y.  z: (n, d), labels: (n,).

    1 at the largest score and −1 at the label's; 0 where the label is among the largest.
    """
    return _worst_offender(z, labels, 0.0)


def _worst_offender(z: Array, labels: Array, margin: float) -> Terms:
    y, slack, scale = _slack(z, labels, margin)
    terms, hot = slack.max(-1), picked(np.ones(y.shape), y, z)
    rivals = np.where(hot == 1, -np.inf, z)  # the margin is the same for all: which is the largest, z itself tells
    worst = rivals == rivals.max(-1, keepdims=True)
    share = worst / worst.sum(-1, keepdims=True)
    return (terms, scale), {"z": times(step(terms)[..., None], share - hot)}
