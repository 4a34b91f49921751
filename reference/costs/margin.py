"""Costs of scores that should clear a margin: classes −1 and +1, ranks, labels, sets of labels, critics.

Each returns (C, gradients); see `reference.costs.reduction`. Where the margin is met exactly, the subgradient of least
norm is 0. Whether it is met is decided without rounding: margin − z_y + z_j is summed exactly before its sign is taken.
"""

# Over 400 lines: one cost after another, each with its record.
from __future__ import annotations

import math

import numpy as np

from reference.costs.arguments import CLASS, IN_ROW, LABEL, OWN, ROW, class_labels
from reference.costs.logit import all_that_is_left, sigmoids
from reference.costs.probability import picked
from reference.costs.reduction import Terms, reduced
from reference.costs.regression import residual
from reference.exact import dot, exact_sum, product, total
from reference.formula import Array, Kink, formula
from reference.lift import times

OVER = "(j, 1, d), (i, 1, n)"
MEAN = "mean over entries"
MET = "minimum-norm subgradient"
SHARED = "equal shares of those that tie (minimum norm)"


def step(slack: Array) -> Array:
    """The slope of max(0, slack): 1 where it is positive, 0 elsewhere, NaN where the slack is."""
    return np.where(np.isnan(slack), np.nan, np.where(slack > 0, 1.0, 0.0))


@formula(
    "cost/hinge",
    statement=f"Sum(Max(0, 1 - y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="Piecewise((-y[i, j], y[i, j]*z[i, j] < 1), (0, True))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "Piecewise((-z[i, j], y[i, j]*z[i, j] < 1), (0, True))/(n*d)"},
    prediction="z",
    target="y",
    entries={"y": "sign"},
    kinks=(Kink(of="1 - y*z", at="0", left="0", right="1", chosen="0", why=MET),),
    assumptions=(MEAN,),
    sources=("cortes-vapnik-1995", "optax-losses-hinge-loss"),
)
@reduced()
def hinge(z: Array, y: Array) -> Terms:
    """Hinge cost max(0, 1 − yz): where yz < 1 the slope is −y in z and −z in y, else 0."""
    slack = 1 - y * z
    short = step(slack)
    return np.maximum(slack, 0), {"z": times(short, -y), "y": times(short, -z)}


@formula(
    "cost/squared_hinge",
    statement=f"Sum(Max(0, 1 - y[i, j]*z[i, j])**2, {OVER})/(n*d)",
    derivative="-2*y[i, j]*Max(0, 1 - y[i, j]*z[i, j])/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "-2*z[i, j]*Max(0, 1 - y[i, j]*z[i, j])/(n*d)"},
    prediction="z",
    target="y",
    entries={"y": "sign"},
    assumptions=(MEAN,),
    sources=("cortes-vapnik-1995",),
)
@reduced()
def squared_hinge(z: Array, y: Array) -> Terms:
    """Squared hinge max(0, 1 − yz)²: by the chain rule −2y·max(0, 1 − yz) in z, without a kink."""
    slack = np.maximum(0, 1 - y * z)
    return (slack, slack), {"z": (-y * slack, 2.0), "y": (slack, np.where(slack == 0, 0, -z), 2.0)}


@formula(
    "cost/perceptron",
    statement=f"Sum(Max(0, -y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="Piecewise((-y[i, j], y[i, j]*z[i, j] < 0), (0, True))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "Piecewise((-z[i, j], y[i, j]*z[i, j] < 0), (0, True))/(n*d)"},
    prediction="z",
    target="y",
    entries={"y": "sign"},
    kinks=(Kink(of="y*z", at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN,),
    sources=("rosenblatt-1958", "optax-losses-perceptron-loss"),
)
@reduced()
def perceptron(z: Array, y: Array) -> Terms:
    """Perceptron cost max(0, −yz): where the sign is wrong the slope is −y in z and −z in y, else 0."""
    slack = -y * z
    short = step(slack)
    return np.maximum(slack, 0), {"z": times(short, -y), "y": times(short, -z)}


@formula(
    "cost/soft_margin",
    statement=f"Sum(log(1 + exp(-y[i, j]*z[i, j])), {OVER})/(n*d)",
    derivative="-y[i, j]/(1 + exp(y[i, j]*z[i, j]))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": "-z[i, j]/(1 + exp(y[i, j]*z[i, j]))/(n*d)"},
    prediction="z",
    target="y",
    entries={"y": "sign"},
    assumptions=(MEAN,),
    sources=("pytorch-soft-margin-loss",),
)
@reduced()
def soft_margin(z: Array, y: Array) -> Terms:
    """Soft margin (logistic) cost log(1 + e^(−yz)) = softplus(−yz): softplus' = σ, so −y·σ(−yz) in z."""
    _, miss, _, loss = sigmoids(y * z)
    return loss, {"z": -y * miss, "y": (miss, np.where(miss == 0, 0, -z))}


@formula(
    "cost/hinge_embedding",
    statement=f"Sum((1 + y[i, j])/2*z[i, j] + (1 - y[i, j])/2*Max(0, margin + y[i, j]*z[i, j]), {OVER})/(n*d)",
    derivative="((1 + y[i, j])/2 + (1 - y[i, j])/2*y[i, j]*Piecewise((1, margin + y[i, j]*z[i, j] > 0), (0, True)))"
    "/(n*d)",
    arguments=("z[i, j]",),
    prediction="z",
    target="y",
    entries={"y": "sign"},
    kinks=(Kink(of="z - margin", at="0", left="-1", right="0", chosen="0", why=MET),),
    assumptions=(MEAN, "z is a distance", "the kink is where y = −1"),
    sources=("pytorch-hinge-embedding-loss",),
)
@reduced()
def hinge_embedding(z: Array, y: Array, *, margin: float = 1.0) -> Terms:
    """Hinge embedding cost: the distance z itself for a pair y = +1, max(0, margin − z) for y = −1.

    Slopes 1 and −1, and 0 from the margin on. y is a switch: there is no slope in it.
    """
    slack, scale = residual(np.full_like(z, margin), z)
    terms = np.where(y > 0, z / scale, np.maximum(0, slack))
    return (terms, scale), {"z": np.where(np.isnan(z), z, np.where(y > 0, 1.0, -step(slack)))}


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
    kinks=(Kink(of="margin - y*(a - b)", at="0", left="0", right="1", chosen="0", why=MET),),
    assumptions=(MEAN, "y is +1 or −1, or any number: its sign says which should win, its size by how much it counts"),
    sources=("pytorch-margin-ranking-loss",),
)
@reduced()
def margin_ranking(a: Array, b: Array, y: Array, *, margin: float = 0.0) -> Terms:
    """Margin ranking cost max(0, margin − y(a − b)): a should outrank b where y = +1, b should where y = −1.

    Where the margin is missed, −y in a, y in b and b − a in y; else 0. What is lost of the products ya and yb is
    added to the slack, so that its sign is right for any y.
    """
    scale = np.where(np.maximum(np.maximum(np.abs(a), np.abs(b)), abs(margin)) > 2.0**1021, 4.0, 1.0)
    difference = b / scale - a / scale
    (lead, lead_low), (chase, chase_low) = product(-y, a / scale), product(y, b / scale)
    lost = lead_low + chase_low
    slack = exact_sum(lead, chase, margin / scale)
    slack = slack + np.where(np.isfinite(lost), lost, 0)
    short = step(slack)
    slopes = {"a": times(short, -y), "b": times(short, y), "y": (times(short, difference), scale)}
    return (np.maximum(slack, 0), scale), slopes


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


@formula(
    "cost/wasserstein_critic",
    statement="Sum(b[k], (k, 1, m))/m - Sum(a[i], (i, 1, n))/n",
    derivative="-1/n",
    arguments=("a[i]", "b[k]"),
    partials={"b[k]": "1/m"},
    prediction="a",
    target="b",
    assumptions=("a are scores of real data, b of generated; their numbers may differ", "a mean by definition"),
    sources=("arjovsky-2017",),
)
@reduced(default="", a=OWN, b=OWN)
def wasserstein_critic(a: Array, b: Array, *, leading: int = 0) -> Terms:
    """Cost of a Wasserstein critic, mean score b of generated minus mean score a of real examples.

    Linear: −1/n for each of a, 1/m for each of b; constraining the critic is another matter. Raises ValueError where
    either is empty.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    lead, n, m = a.shape[:leading], math.prod(a.shape[leading:]), math.prod(b.shape[leading:])
    if n == 0 or m == 0 or b.shape[:leading] != lead:
        raise ValueError(f"a has shape {a.shape}, b has shape {b.shape}: need scores of both, in the same problems")
    scale = 2.0**-64 if max(np.abs(x).max(initial=0) for x in (a, b)) > 2.0**900 else 1.0  # sums may overflow
    cost = ((scale * b).reshape(*lead, m).sum(-1) / m - (scale * a).reshape(*lead, n).sum(-1) / n) / scale

    def pullback(v: Array) -> dict[str, Array]:
        return {"a": _everywhere(-v / n, a), "b": _everywhere(v / m, b)}

    return np.asarray(cost), pullback


def _everywhere(x: Array, like: Array) -> Array:
    """x, one number a problem, at every entry of that problem."""
    return np.broadcast_to(x.reshape(x.shape + (1,) * (like.ndim - x.ndim)), like.shape).copy()
