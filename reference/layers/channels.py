"""Normalisation by channels: of a batch, by stored statistics, in groups. Rows are standardised as in layer norm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reference.exact import scaled as product_of
from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.norms import BIASED, EPS, INSIDE, SIGMA, hat
from reference.layers.rows import standardized
from reference.lift import times

BATCH_SIGMA = "sqrt(Sum((x[p, j] - Sum(x[k, j], (k, 1, n))/n)**2, (p, 1, n))/n + eps)"
CHANNEL = "channels are the second axis; weight and bias have an entry for each"


def _batch_hat(i: str) -> str:
    return f"((x[{i}, j] - Sum(x[k, j], (k, 1, n))/n)/{BATCH_SIGMA})"


def _channels(x: Array, **weights: Array | None) -> list[Array | None]:
    """Weights of channels, laid out for x, (n, c, …).  Raises ValueError for shapes that do not fit."""
    if x.ndim < 2 or 0 in x.shape:
        raise ValueError(f"x has shape {x.shape}; expected (n, c, …), with one example or more and one entry or more")
    for name, w in weights.items():
        if w is not None and w.shape != x.shape[1:2]:
            raise ValueError(f"{name} has shape {w.shape}; expected {x.shape[1:2]}: one for each channel of x")
    return [None if w is None else w.reshape(-1, *[1] * (x.ndim - 2)) for w in weights.values()]


def _scaled(x_hat: Array, w: Array | None, b: Array | None) -> tuple[Array, Callable[[Array], tuple[Array, Gradients]]]:
    """w·x̂ + b by channels, (n, c, …), and from its cotangent that of x̂ and the gradients by weight and bias."""
    y = x_hat if w is None else w * x_hat
    others = (0, *range(2, x_hat.ndim))

    def back(v: Array) -> tuple[Array, Gradients]:
        return v if w is None else w * v, {"weight": times(v, x_hat).sum(others), "bias": v.sum(others)}

    return y if b is None else y + b, back


@formula(
    "layer/batch_norm",
    statement=f"weight[j]*{_batch_hat('i')} + bias[j]",
    derivative="weight[j]*(v[i, j] - Sum(v[l, j], (l, 1, n))/n"
    f" - {_batch_hat('i')}*Sum(v[l, j]*{_batch_hat('l')}, (l, 1, n))/n)/{BATCH_SIGMA}",
    arguments=("x[i, j]", "weight[j]", "bias[j]"),
    partials={"weight[j]": f"Sum(v[i, j]*{_batch_hat('i')}, (i, 1, n))", "bias[j]": "Sum(v[i, j], (i, 1, n))"},
    valid=EPS,
    assumptions=(
        INSIDE,
        CHANNEL,
        "in training: statistics of the batch, biased inside",
        "mean and variance, which running averages store, are outputs too: the variance divides by one less",
    ),
    sources=("ioffe-2015",),
)
@layer("value", "mean", "variance")
def batch_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5
) -> tuple[tuple[Array, Array, Array], Pullback]:
    """Batch normalisation in training.  x: (n, c, …); weight, bias: (c,) -> y: (n, c, …), mean and variance: (c,).

    Every channel is one row of N = n·… entries, standardised as in layer norm; weight and bias have one number for each
    channel, w = 1 and b = 0 if not given. With v the cotangent of y, ∂C/∂w = Σ v·x̂ and ∂C/∂b = Σ v over each channel.
    x̂ has the cotangent u = w·v, pulled back as in `rows`; to that add v_μ/N, for ∂μ/∂x = 1/N, and v_s·2(x − μ)/(N − 1)
    of the unbiased variance Σ(x − μ)²/(N − 1), with v_μ and v_s the cotangents of mean and variance. Inside x̂ the
    variance is biased, divided by N. Raises ValueError for shapes that do not fit and for one entry a channel.
    """
    w, b = _channels(x, weight=weight, bias=bias)
    rows = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1)  # (c, N)
    N = rows.shape[1]
    if N < 2:
        raise ValueError(f"x has shape {x.shape}: one entry a channel has no variance; pass a larger batch")
    x_hat, back = standardized(rows, eps)
    power = np.maximum(np.frexp(np.abs(rows).max(-1, keepdims=True))[1] - 500, 0)  # 0 unless squares overflow: (c, 1)
    t = np.ldexp(rows, -power)
    r = t - t.mean(-1, keepdims=True)
    r = r - r.mean(-1, keepdims=True)

    def laid_out(q: Array) -> Array:
        return np.moveaxis(q.reshape(x.shape[1], x.shape[0], *x.shape[2:]), 0, 1)

    y, scaled = _scaled(laid_out(x_hat), w, b)
    mean, variance = np.ldexp(t.mean(-1), power[:, 0]), np.ldexp((r * r).sum(-1) / (N - 1), 2 * power[:, 0])  # (c,)

    def pullback(v: Array, v_mean: Array, v_variance: Array) -> Gradients:
        u, gradients = scaled(v)
        dx = (
            back(np.moveaxis(u, 1, 0).reshape(rows.shape))
            + v_mean[:, None] / N
            + np.ldexp(v_variance[:, None] * r * (2 / (N - 1)), power)
        )
        return {"x": laid_out(dx), **gradients}

    return (y, mean, variance), pullback


@formula(
    "layer/batch_norm_inference",
    statement="weight[j]*(x[i, j] - mean[j])/sqrt(variance[j] + eps) + bias[j]",
    derivative="v[i, j]*weight[j]/sqrt(variance[j] + eps)",
    arguments=("x[i, j]", "mean[j]", "variance[j]", "weight[j]", "bias[j]"),
    partials={
        "mean[j]": "-Sum(v[i, j], (i, 1, n))*weight[j]/sqrt(variance[j] + eps)",
        "variance[j]": "-Sum(v[i, j]*(x[i, j] - mean[j]), (i, 1, n))*weight[j]/(2*(variance[j] + eps)**(3/2))",
        "weight[j]": "Sum(v[i, j]*(x[i, j] - mean[j]), (i, 1, n))/sqrt(variance[j] + eps)",
        "bias[j]": "Sum(v[i, j], (i, 1, n))",
    },
    valid=EPS,
    entries={"variance": "variance or 0"},
    assumptions=(INSIDE, CHANNEL, "statistics are given: those that training stored"),
    sources=("ioffe-2015",),
)
@layer()
def batch_norm_inference(
    x: Array, mean: Array, variance: Array, weight: Array | None = None, bias: Array | None = None, *, eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """Batch normalisation by stored statistics, an affine map.  x: (n, c, …), all others (c,) -> y: (n, c, …).

    y = w(x − μ)/σ + b with μ the mean given, σ² = variance + ε, and w = 1, b = 0 if not given. With v the cotangent of
    y and u = w·v: ∂C/∂x = u/σ, and over each channel ∂C/∂μ = −Σ u/σ, ∂C/∂w = Σ v(x − μ)/σ, ∂C/∂b = Σ v and, for
    ∂σ⁻¹/∂variance = −σ⁻³/2, ∂C/∂variance = −Σ u(x − μ)/(2σ³).
    Raises ValueError for shapes that do not fit and for a variance below 0.
    """
    mu, var, w, b = _channels(x, mean=mean, variance=variance, weight=weight, bias=bias)
    square, r = np.asarray(var) + eps, x - mu  # (c, 1, …), (n, c, …)
    sigma = np.where(np.isinf(square), np.hypot(np.sqrt(np.asarray(var)), np.sqrt(eps)), np.sqrt(square))
    x_hat = np.where(np.isinf(r), x / sigma - mu / sigma, r / sigma)
    y, scaled = _scaled(x_hat, w, b)
    others, one = (0, *range(2, x.ndim)), np.ones(())

    def pullback(v: Array) -> Gradients:
        dx = product_of(0, v, one if w is None else w, 1 / sigma)
        by_variance = np.where(v == 0, 0, product_of(-1, dx, x_hat, 1 / sigma))
        return {"x": dx, "mean": -dx.sum(others), "variance": -by_variance.sum(others), **scaled(v)[1]}

    return y, pullback


@formula(
    "layer/group_norm",
    statement=f"weight[j]*{hat('j')} + bias[j]",
    derivative=f"(v[i, j]*weight[j] - Sum(v[i, l]*weight[l], (l, 1, d))/d"
    f" - {hat('j')}*Sum(v[i, l]*weight[l]*{hat('l')}, (l, 1, d))/d)/{SIGMA}",
    arguments=("x[i, j]", "weight[j]", "bias[j]"),
    partials={"weight[j]": f"Sum(v[i, j]*{hat('j')}, (i, 1, n))", "bias[j]": "Sum(v[i, j], (i, 1, n))"},
    valid={**EPS, "groups": "groups >= 0 and groups % 1 == 0"},
    assumptions=(INSIDE, BIASED, CHANNEL, "the statement is that of one group"),
    sources=("wu-2018",),
    aliases={"layer/instance_norm": {"groups": 0}},
)
@layer()
def group_norm(
    x: Array, weight: Array | None = None, bias: Array | None = None, *, groups: int = 1, eps: float = 1e-5
) -> tuple[Array, Pullback]:
    """Group normalisation: every example's channels in equal groups.  x: (n, c, …); weight, bias: (c,) -> (n, c, …).

    A group is c/groups channels that follow each other; of each example it is one row, standardised as in layer norm.
    Weight and bias have one number for each channel, w = 1 and b = 0 if not given: with v the cotangent of y,
    ∂C/∂w = Σ v·x̂ and ∂C/∂b = Σ v over each channel of all examples, and x̂ has the cotangent u = w·v. No groups, 0, are
    as many as channels: instance normalisation. Raises ValueError for shapes that do not fit and where the groups do
    not divide the channels.
    """
    w, b = _channels(x, weight=weight, bias=bias)
    k = groups or x.shape[1]
    if x.shape[1] % k:
        raise ValueError(f"groups = {groups}; need a divisor of the {x.shape[1]} channels of x, of shape {x.shape}")
    x_hat, back = standardized(x.reshape(x.shape[0], k, -1), eps)
    y, scaled = _scaled(x_hat.reshape(x.shape), w, b)

    def pullback(v: Array) -> Gradients:
        u, gradients = scaled(v)
        return {"x": back(u.reshape(x_hat.shape)).reshape(x.shape), **gradients}

    return y, pullback
