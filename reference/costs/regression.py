"""Costs of a prediction a against a measured y, entry by entry: arrays of any one shape, printed here as (n, d).

Each returns (C, gradients); see `reference.costs.reduction`. Targets, variances and weights broadcast to the shape of
a.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from reference.activations import log_cosh as log_cosh_activation
from reference.costs.arguments import PER_ROW
from reference.costs.products import TINY
from reference.costs.reduction import Terms, reduced
from reference.exact import ratio
from reference.formula import Array, Kink, formula
from reference.lift import times

OVER = "(j, 1, d), (i, 1, n)"
WEIGHTS = f"Sum(weight[i, j], {OVER})"
ALL_WEIGHTS = "Sum(weight[l, k], (k, 1, d), (l, 1, n))"
MEAN = "mean over entries"
WEIGHTED = "mean: divided by the sum of the weights"
R = "(a[i, j] - y[i, j])"


def _weighted_mean_slope(term: str) -> str:
    """∂/∂w of Σwt/Σw: (t − C)/Σw."""
    other = term.replace("[i, j]", "[l, k]")
    mean = f"Sum(weight[l, k]*{other}, (k, 1, d), (l, 1, n))/{ALL_WEIGHTS}"
    return f"({term} - {mean})/{ALL_WEIGHTS}"


def residual(a: Array, *less: Array | None) -> tuple[Array, Any]:
    """a less all that is given, over 1 or, where that of finite numbers overflows, a power of two; and that number."""
    others = [y for y in less if y is not None]
    r = functools.reduce(np.subtract, others, a)
    if math.isfinite(np.vdot(r, r)) or np.isfinite(r).all():
        return r, 1.0
    over = functools.reduce(np.logical_and, map(np.isfinite, others), np.isfinite(a)) & ~np.isfinite(r)
    if not over.any():
        return r, 1.0
    scale = 2.0 ** len(others)
    smaller = functools.reduce(np.subtract, [y / scale for y in others], a / scale)
    return np.where(over, smaller, r), np.where(over, scale, 1.0)


@formula(
    "cost/l1",
    statement=f"Sum(weight[i, j]*Abs{R}, {OVER})/{WEIGHTS}",
    derivative=f"weight[i, j]*sign{R}/{ALL_WEIGHTS}",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-weight[i, j]*sign{R}/{ALL_WEIGHTS}"},
    prediction="a",
    target="y",
    kinks=(Kink(of="a - y", at="0", left="-1", right="1", chosen="0", why="minimum-norm subgradient"),),
    aliases={"cost/mae": {}},
    assumptions=(WEIGHTED, "the slope in the weight is (term − C)/Σw, as in cost/squared_error"),
    sources=("pytorch-l1-loss",),
)
@reduced(weighted="weights")
def l1(a: Array, y: Array) -> Terms:
    """Absolute error w·|a − y|.

    |r|' = sign r, and 0 at r = 0, the subgradient of least norm; r = a − y has the slopes 1 and −1.
    """
    r, scale = residual(a, y)
    slope = np.sign(r)
    return (np.abs(r), scale), {"a": slope, "y": -slope}


@formula(
    "cost/squared_error",
    statement=f"Sum(weight[i, j]*{R}**2, {OVER})/{WEIGHTS}",
    derivative=f"2*weight[i, j]*{R}/{ALL_WEIGHTS}",
    arguments=("a[i, j]", "y[i, j]", "weight[i, j]"),
    partials={
        "y[i, j]": f"-2*weight[i, j]*{R}/{ALL_WEIGHTS}",
        "weight[i, j]": _weighted_mean_slope(f"{R}**2"),
    },
    prediction="a",
    target="y",
    aliases={"cost/mse": {}},
    assumptions=(WEIGHTED, "no factor ½"),
    sources=("pytorch-mse-loss",),
)
@reduced(weighted="weights")
def squared_error(a: Array, y: Array) -> Terms:
    """Squared error w·(a − y)²: the slope of r² is 2r."""
    r, scale = residual(a, y)
    return (r, r, scale * scale), {"a": (r, 2 * scale), "y": (-r, 2 * scale)}


@formula(
    "cost/quadratic",
    statement=f"Sum({R}**2, {OVER})/(2*n)",
    derivative=f"{R}/n",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-{R}/n"},
    prediction="a",
    target="y",
    assumptions=("factor ½", "printed for batchmean: sum over outputs, mean over examples"),
    sources=("backprop-summary-2019", "valchanov-365", "nielsen-2015"),
)
@reduced(default="batchmean")
def quadratic(a: Array, y: Array) -> Terms:
    """Quadratic cost ½‖a − y‖², mean over examples.

    Each square contributes 2·½·(a − y); the mean divides by n.
    """
    r, scale = residual(a, y)
    return (r, r, scale * scale / 2), {"a": (r, scale), "y": (-r, scale)}


HUBER = f"Piecewise(({R}**2/2, Abs{R} <= delta), (delta*(Abs{R} - delta/2), True))"
HUBER_SLOPE = f"Piecewise(({R}, Abs{R} <= delta), (delta*sign{R}, True))"


@formula(
    "cost/huber_error",
    statement=f"Sum(weight[i, j]*{HUBER}, {OVER})/(n*d)",
    derivative=f"weight[i, j]*{HUBER_SLOPE}/(n*d)",
    arguments=("a[i, j]", "y[i, j]", "weight[i, j]"),
    partials={"y[i, j]": f"-weight[i, j]*{HUBER_SLOPE}/(n*d)", "weight[i, j]": f"{HUBER}/(n*d)"},
    prediction="a",
    target="y",
    valid={"delta": "delta > 0"},
    aliases={"cost/huber": {}},
    assumptions=("mean: divided by the number of entries, whatever the weights",),
    sources=("huber-1964", "pytorch-huber-loss"),
)
@reduced(weighted="terms")
def huber_error(a: Array, y: Array, *, delta: float = 1.0) -> Terms:
    """Huber's error: r²/2 for |r| ≤ δ and δ(|r| − δ/2) beyond, r = a − y.

    Its slope is r clipped to [−δ, δ]; the error is half the size of that times |r| within, and times 2|r| − δ beyond.
    """
    r, scale = residual(a, y)
    delta /= scale
    size, slope = np.abs(r), np.clip(r, -delta, delta)
    reach = np.where(size <= delta, size, size / 2 + (size / 2 - delta / 2))
    reach = np.where((size > delta) & (size < 1), size + (size - delta), reach)  # halves of these may not be floats
    half = np.where((size <= delta) | (size < 1), 0.5, 1.0)
    return (np.abs(slope), reach, half, scale * scale), {"a": (slope, scale), "y": (-slope, scale)}


@formula(
    "cost/smooth_l1",
    statement=f"Sum(Piecewise(({R}**2/(2*beta), Abs{R} < beta), (Abs{R} - beta/2, True)), {OVER})/(n*d)",
    derivative=f"Piecewise(({R}/beta, Abs{R} < beta), (sign{R}, True))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-Piecewise(({R}/beta, Abs{R} < beta), (sign{R}, True))/(n*d)"},
    prediction="a",
    target="y",
    valid={"beta": "beta > 0"},
    assumptions=(MEAN, "beta > 0: its limit at 0 is cost/l1"),
    sources=("girshick-2015", "pytorch-smooth-l1-loss"),
)
@reduced()
def smooth_l1(a: Array, y: Array, *, beta: float = 1.0) -> Terms:
    """Smooth L1: r²/(2β) for |r| < β and |r| − β/2 beyond, r = a − y: Huber's error over β.

    Its slope is r/β clipped to [−1, 1].
    """
    r, scale = residual(a, y)
    beta /= scale
    near = np.abs(r) < beta
    slope = ratio(np.where(near, r, np.sign(r)), np.where(near, beta, 1.0))
    terms = np.where(near, r * (r / beta) / 2, np.abs(r) - beta / 2)
    return (terms, scale), {"a": slope, "y": (-slope[0], *slope[1:])}


@formula(
    "cost/log_cosh",
    statement=f"Sum(log(cosh{R}), {OVER})/(n*d)",
    derivative=f"tanh{R}/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-tanh{R}/(n*d)"},
    prediction="a",
    target="y",
    assumptions=(MEAN,),
    sources=("optax-losses-log-cosh",),
)
@reduced()
def log_cosh(a: Array, y: Array) -> Terms:
    """Log-cosh log cosh(a − y), nearly r²/2 for small and |r| − log 2 for large residuals.

    (log cosh r)' = sinh r/cosh r = tanh r.
    """
    r, scale = residual(a, y)
    terms, slope = log_cosh_activation(scale * r)
    return (np.where(np.isinf(terms), np.abs(r), terms / scale), scale), {"a": slope, "y": -slope}


@formula(
    "cost/quantile",
    statement=f"Sum(Max(-tau*{R}, (1 - tau)*{R}), {OVER})/(n*d)",
    derivative=f"Piecewise((1 - tau, {R} > 0), (-tau, {R} < 0), (0, True))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-Piecewise((1 - tau, {R} > 0), (-tau, {R} < 0), (0, True))/(n*d)"},
    prediction="a",
    target="y",
    kinks=(Kink(of="a - y", at="0", left="-tau", right="1 - tau", chosen="0", why="minimum-norm subgradient"),),
    valid={"tau": "0 < tau < 1"},
    assumptions=(MEAN,),
    sources=("koenker-bassett-1978",),
)
@reduced()
def quantile(a: Array, y: Array, *, tau: float = 0.5) -> Terms:
    """Quantile (pinball) cost: (1 − τ)·r above and −τ·r below, r = a − y; least at the τ-quantile of y.

    The slope is 1 − τ above, −τ below, and 0 at r = 0, the subgradient of least norm.
    """
    r, scale = residual(a, y)
    slope = np.where(r > 0, 1 - tau, np.where(r < 0, -tau, 0 * r))
    return (slope * r, scale), {"a": slope, "y": -slope}


STIRLING = "Piecewise((y[i, j]*log(y[i, j]) - y[i, j] + log(2*pi*y[i, j])/2, y[i, j] > 1), (0, True))"
STIRLING_SLOPE = "Piecewise((log(y[i, j]) + 1/(2*y[i, j]), y[i, j] > 1), (0, True))"
LOG_2_PI = math.log(2 * math.pi)
FULL = "full = 1 adds Stirling's approximation of log y! for y > 1, which jumps there"


@formula(
    "cost/poisson_nll",
    statement=f"Sum(exp(a[i, j]) - y[i, j]*a[i, j] + full*{STIRLING}, {OVER})/(n*d)",
    derivative="(exp(a[i, j]) - y[i, j])/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"(full*{STIRLING_SLOPE} - a[i, j])/(n*d)"},
    prediction="a",
    target="y",
    entries={"y": "count"},
    assumptions=(MEAN, "a is the logarithm of the rate", FULL),
    sources=("pytorch-poisson-nll-loss",),
)
@reduced()
def poisson_nll(a: Array, y: Array, *, full: bool = False) -> Terms:
    """Poisson negative log-likelihood eᵃ − ya of the count y at the log-rate a; with `full` also log y! (Stirling).

    ∂/∂a = eᵃ − y. ∂/∂y = −a, and Stirling's y log y − y + ½log 2πy has the slope log y + 1/(2y). With it the value
    is y(eᵗ − 1 − t) + ½log 2πy for t = a − log y: near the fit, large terms no longer cancel.
    """
    by_stirling = (y > 1) & full
    log_y = np.log(np.where(by_stirling, y, 1))
    t = a - log_y
    rate, paid = np.exp(a), np.where(by_stirling, y + times(y, t), times(y, a))
    excess = np.where(by_stirling & (np.abs(t) < 1), y * (np.expm1(t) - t), rate - paid)
    terms = excess + np.where(by_stirling, (np.log(y.clip(1)) + LOG_2_PI) / 2, 0)
    slope_y = np.where(by_stirling, 1 / y.clip(1) / 2 - t, -a)
    if np.isfinite(terms).all():
        return terms, {"a": rate - y, "y": slope_y}
    scale = np.where(np.isfinite(terms), 1.0, 2.0**64)
    root = np.exp(a / 2) / np.sqrt(scale)
    rate = np.where(scale == 1, rate, root * root)
    paid = np.where(by_stirling, y / scale + times(y / scale, t), times(y / scale, a))
    return (np.where(scale == 1, terms, rate - paid), scale), {"a": (rate - y / scale, scale), "y": slope_y}


@formula(
    "cost/poisson_nll_rate",
    statement=f"Sum(a[i, j] - y[i, j]*log(a[i, j] + eps) + full*{STIRLING}, {OVER})/(n*d)",
    derivative="(1 - y[i, j]/(a[i, j] + eps))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    domain=("0", "oo"),
    partials={"y[i, j]": f"(full*{STIRLING_SLOPE} - log(a[i, j] + eps))/(n*d)"},
    prediction="a",
    target="y",
    entries={"a": "rate", "y": "count"},
    valid={"eps": "eps >= 0"},
    assumptions=(MEAN, "a is the rate itself", FULL, "0·log 0 = 0"),
    sources=("pytorch-poisson-nll-loss",),
)
@reduced()
def poisson_nll_rate(a: Array, y: Array, *, eps: float = 0.0, full: bool = False) -> Terms:
    """Poisson negative log-likelihood a − y log(a + ε) of the count y at the rate a; with `full` also log y!.

    ∂/∂a = 1 − y/(a + ε), ∂/∂y = −log(a + ε), and Stirling's part as for `poisson_nll`.
    """
    by_stirling = (y > 1) & full
    s, scale = residual(a, np.broadcast_to(-eps, a.shape))
    log_s = np.log(s) + np.log(scale)
    scale = np.where(np.isfinite(y * log_s), scale, 2.0**64)  # where the mean of what overflows does not
    s = np.where(scale > 2, a / scale + eps / scale, s)
    y = y / scale
    base = np.where(by_stirling, y, 1 / scale)
    log_base, part = np.log(base) + np.log(scale), s / base
    t = np.where((part > TINY) & np.isfinite(part), np.log(part), np.where(s == 0, -np.inf, log_s - log_base))
    ratio = (s - base) / base
    t = np.where((np.abs(ratio) < 0.5) & by_stirling, np.log1p(ratio), t)
    stirling = (s - base) - times(base, t) - eps / scale + (log_base + LOG_2_PI) / 2 / scale
    terms = np.where(by_stirling, stirling, a / scale - times(y, log_s))
    slope_y = np.where(by_stirling, 1 / base / scale / 2 - t, -log_s)
    slope_a = np.where(y == 0, 1, (s - y) / s)
    return (terms, scale), {"a": slope_a, "y": slope_y}


FLOORED = "Max(v[i, j], eps)"


@formula(
    "cost/gaussian_nll",
    statement=f"Sum(log({FLOORED}) + {R}**2/{FLOORED} + full*log(2*pi), {OVER})/(2*n*d)",
    derivative=f"{R}/{FLOORED}/(n*d)",
    arguments=("a[i, j]", "y[i, j]", "v[i, j]"),
    partials={
        "y[i, j]": f"-{R}/{FLOORED}/(n*d)",
        "v[i, j]": f"Piecewise(((1 - {R}**2/v[i, j])/(2*v[i, j]), v[i, j] > eps), (0, True))/(n*d)",
    },
    entries={"v": "variance"},
    kinks=(Kink(of="v - eps", at="0", left="0", right="1", chosen="0", why="minimum-norm subgradient"),),
    valid={"eps": "eps >= 0"},
    assumptions=(
        MEAN,
        "v is the variance, > 0, and eps a floor under it: below eps the cost does not depend on v",
        "torch gives at a v below eps the slope at eps, as if v were eps there",
        "full = 1 adds ½log 2π",
        "a v of the shape of a without its last axis has one variance for each row",
    ),
    sources=("nix-weigend-1994", "pytorch-gaussian-nll-loss"),
)
@reduced(v=PER_ROW)
def gaussian_nll(a: Array, y: Array, v: Array, *, full: bool = False, eps: float = 0.0) -> Terms:
    """Gaussian negative log-likelihood ½[log v + (a − y)²/v] at the mean a and the variance v, + ½log 2π if `full`.

    A variance below ε counts as ε. ∂/∂a = (a − y)/v. ∂/∂v = ½[1/v − (a − y)²/v²] = (1 − q)(1 + q)/(2v) with
    q = (a − y)/√v, and 0 up to ε.
    """
    on_floor = v <= eps
    v = np.where(on_floor, eps, v)
    (r, scale), deviation = residual(a, y), np.sqrt(v)
    q = r / deviation * scale
    square = (1 - q) * (1 + q)  # overflows long before the slope does
    by_v = ratio(square, v) if np.isfinite(square).all() else ((1 - q) / deviation, (1 + q) / deviation)
    by_v = tuple(np.where(on_floor, 0, factor) for factor in by_v)
    far = 2.0 if np.abs(q).max(initial=0) > 2.0**500 else 1.0  # a term may overflow where their mean does not
    terms = (np.log(v) + LOG_2_PI * full) / 2 / far / far + q / far / 2 * (q / far)
    return (terms, far, far), {"a": (*ratio(r, v), scale), "y": (*ratio(-r, v), scale), "v": (*by_v, 0.5)}
