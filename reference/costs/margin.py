"""Costs of scores that should clear a margin: classes −1 and +1, ranks, critics. Those of many classes: `multiclass`.

Each returns (C, gradients); see `reference.costs.reduction`. Where the margin is met exactly, the subgradient of least
norm is 0.
"""

from __future__ import annotations

import math

import numpy as np

from reference.costs.arguments import OWN
from reference.costs.logit import sigmoids
from reference.costs.reduction import Terms, reduced
from reference.costs.regression import residual
from reference.exact import exact_sum, product
from reference.formula import Array, Kink, formula
from reference.lift import times

OVER = "(j, 1, d), (i, 1, n)"
MEAN = "mean over entries"
MET = "minimum-norm subgradient"


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
