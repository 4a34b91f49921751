"""Costs of a prediction a against a measured y, entry by entry: arrays of any one shape, printed here as (n, d).

Each returns (C, gradients); see `reference.reduction`. Where it takes them, `weight` has the shape of a.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.activations import log_cosh as log_cosh_activation
from reference.costs.reduction import Gradients, inputs, optional, reduced, require, same_shape, weighted
from reference.exact import xlogy
from reference.formula import Array, Kink, formula
from reference.lift import QUIET, numbers, positive

OVER = "(j, 1, d), (i, 1, n)"
WEIGHTS = f"Sum(weight[i, j], {OVER})"
ALL_WEIGHTS = "Sum(weight[l, k], (k, 1, d), (l, 1, n))"
MEAN = "mean over entries"
WEIGHTED = "mean: divided by the sum of the weights"
R = "(a[i, j] - y[i, j])"


def _pair(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[np.dtype[Any], Array, Array]:
    dtype, (a, y) = inputs(a=a, y=y)
    same_shape(a=a, y=y)
    return dtype, a, y


def _weighted_mean_slope(term: str) -> str:
    """∂/∂w of Σwt/Σw: (t − C)/Σw."""
    other = term.replace("[i, j]", "[l, k]")
    mean = f"Sum(weight[l, k]*{other}, (k, 1, d), (l, 1, n))/{ALL_WEIGHTS}"
    return f"({term} - {mean})/{ALL_WEIGHTS}"


@formula(
    "cost/l1",
    statement=f"Sum(weight[i, j]*Abs{R}, {OVER})/{WEIGHTS}",
    derivative=f"weight[i, j]*sign{R}/{ALL_WEIGHTS}",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-weight[i, j]*sign{R}/{ALL_WEIGHTS}"},
    kinks=(Kink(at="0", left="-1", right="1", chosen="0", why="minimum-norm subgradient"),),
    assumptions=(
        WEIGHTED,
        "the slope in the weight is (term − C)/Σw, as in cost/squared_error",
        "the kink is in a − y, for weight and factor 1",
    ),
    sources=("pytorch-l1-loss",),
)
@QUIET
def l1(
    a: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Absolute error w·|a − y|.

    |r|' = sign r, and 0 at r = 0, the subgradient of least norm; r = a − y has the slopes 1 and −1.
    """
    dtype, a, y = _pair(a, y)
    w = optional("weight", weight)
    r = a - y
    return weighted(dtype, np.abs(r), {"a": np.sign(r), "y": -np.sign(r)}, w, reduction, by_weights=True)


@formula(
    "cost/squared_error",
    statement=f"Sum(weight[i, j]*{R}**2, {OVER})/{WEIGHTS}",
    derivative=f"2*weight[i, j]*{R}/{ALL_WEIGHTS}",
    arguments=("a[i, j]", "y[i, j]", "weight[i, j]"),
    partials={
        "y[i, j]": f"-2*weight[i, j]*{R}/{ALL_WEIGHTS}",
        "weight[i, j]": _weighted_mean_slope(f"{R}**2"),
    },
    assumptions=(WEIGHTED, "no factor ½"),
    sources=("pytorch-mse-loss",),
)
@QUIET
def squared_error(
    a: npt.ArrayLike, y: npt.ArrayLike, weight: npt.ArrayLike | None = None, *, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Squared error w·(a − y)²: the slope of r² is 2r."""
    dtype, a, y = _pair(a, y)
    w = optional("weight", weight)
    r = a - y
    return weighted(dtype, r * r, {"a": 2 * r, "y": -2 * r}, w, reduction, by_weights=True)


HUBER = f"Piecewise(({R}**2/2, Abs{R} <= delta), (delta*(Abs{R} - delta/2), True))"
HUBER_SLOPE = f"Piecewise(({R}, Abs{R} <= delta), (delta*sign{R}, True))"


@formula(
    "cost/huber_error",
    statement=f"Sum(weight[i, j]*{HUBER}, {OVER})/(n*d)",
    derivative=f"weight[i, j]*{HUBER_SLOPE}/(n*d)",
    arguments=("a[i, j]", "y[i, j]", "weight[i, j]"),
    partials={"y[i, j]": f"-weight[i, j]*{HUBER_SLOPE}/(n*d)", "weight[i, j]": f"{HUBER}/(n*d)"},
    assumptions=("mean: divided by the number of entries, whatever the weights",),
    sources=("huber-1964", "pytorch-huber-loss"),
)
@QUIET
def huber_error(
    a: npt.ArrayLike,
    y: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    delta: float = 1.0,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Huber's error: r²/2 for |r| ≤ δ and δ(|r| − δ/2) beyond, r = a − y.

    Its slope is r clipped to [−δ, δ]. Raises ValueError unless δ > 0.
    """
    positive(**numbers(delta=delta))
    dtype, a, y = _pair(a, y)
    w = optional("weight", weight)
    r = a - y
    slope = np.clip(r, -delta, delta)
    terms = np.where(np.abs(r) <= delta, r * r / 2, delta * (np.abs(r) - delta / 2))
    return weighted(dtype, terms, {"a": slope, "y": -slope}, w, reduction, by_weights=False)


@formula(
    "cost/smooth_l1",
    statement=f"Sum(Piecewise(({R}**2/(2*beta), Abs{R} < beta), (Abs{R} - beta/2, True)), {OVER})/(n*d)",
    derivative=f"Piecewise(({R}/beta, Abs{R} < beta), (sign{R}, True))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-Piecewise(({R}/beta, Abs{R} < beta), (sign{R}, True))/(n*d)"},
    assumptions=(MEAN, "beta > 0: its limit at 0 is cost/l1"),
    sources=("girshick-2015", "pytorch-smooth-l1-loss"),
)
@QUIET
def smooth_l1(
    a: npt.ArrayLike, y: npt.ArrayLike, *, beta: float = 1.0, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Smooth L1: r²/(2β) for |r| < β and |r| − β/2 beyond, r = a − y: Huber's error over β.

    Its slope is r/β clipped to [−1, 1]. Raises ValueError unless β > 0.
    """
    positive(**numbers(beta=beta))
    dtype, a, y = _pair(a, y)
    r = a - y
    near = np.abs(r) < beta
    slope = np.where(near, r / beta, np.sign(r))
    terms = np.where(near, r * (r / beta) / 2, np.abs(r) - beta / 2)
    return reduced(dtype, terms, {"a": slope, "y": -slope}, reduction)


@formula(
    "cost/log_cosh",
    statement=f"Sum(log(cosh{R}), {OVER})/(n*d)",
    derivative=f"tanh{R}/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-tanh{R}/(n*d)"},
    assumptions=(MEAN,),
    sources=("optax-losses-log-cosh",),
)
@QUIET
def log_cosh(a: npt.ArrayLike, y: npt.ArrayLike, *, reduction: str = "mean") -> tuple[Array, Gradients]:
    """Log-cosh log cosh(a − y), nearly r²/2 for small and |r| − log 2 for large residuals.

    (log cosh r)' = sinh r/cosh r = tanh r.
    """
    dtype, a, y = _pair(a, y)
    terms, slope = log_cosh_activation(a - y)
    return reduced(dtype, terms, {"a": slope, "y": -slope}, reduction)


@formula(
    "cost/quantile",
    statement=f"Sum(Max(-tau*{R}, (1 - tau)*{R}), {OVER})/(n*d)",
    derivative=f"Piecewise((1 - tau, {R} > 0), (-tau, {R} < 0), (0, True))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"-Piecewise((1 - tau, {R} > 0), (-tau, {R} < 0), (0, True))/(n*d)"},
    kinks=(Kink(at="0", left="-tau", right="1 - tau", chosen="0", why="minimum-norm subgradient"),),
    assumptions=(MEAN, "the kink is in a − y, for factor 1"),
    sources=("koenker-bassett-1978",),
)
@QUIET
def quantile(
    a: npt.ArrayLike, y: npt.ArrayLike, *, tau: float = 0.5, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Quantile (pinball) cost: (1 − τ)·r above and −τ·r below, r = a − y; least at the τ-quantile of y.

    The slope is 1 − τ above, −τ below, and 0 at r = 0, the subgradient of least norm. Raises ValueError unless
    0 < τ < 1.
    """
    if not 0 < numbers(tau=tau)["tau"] < 1:
        raise ValueError(f"tau = {tau}; need 0 < tau < 1")
    dtype, a, y = _pair(a, y)
    r = a - y
    slope = np.where(r > 0, 1 - tau, np.where(r < 0, -tau, 0 * r))
    return reduced(dtype, slope * r, {"a": slope, "y": -slope}, reduction)


STIRLING = "Piecewise((y[i, j]*log(y[i, j]) - y[i, j] + log(2*pi*y[i, j])/2, y[i, j] > 1), (0, True))"
STIRLING_SLOPE = "Piecewise((log(y[i, j]) + 1/(2*y[i, j]), y[i, j] > 1), (0, True))"
COUNTS = "targets y ≥ 0"
FULL = "full = 1 adds Stirling's approximation of log y! for y > 1, which jumps there"


@formula(
    "cost/poisson_nll",
    statement=f"Sum(exp(a[i, j]) - y[i, j]*a[i, j] + full*{STIRLING}, {OVER})/(n*d)",
    derivative="(exp(a[i, j]) - y[i, j])/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"(full*{STIRLING_SLOPE} - a[i, j])/(n*d)"},
    assumptions=(MEAN, "a is the logarithm of the rate", COUNTS, FULL),
    sources=("pytorch-poisson-nll-loss",),
)
@QUIET
def poisson_nll(
    a: npt.ArrayLike, y: npt.ArrayLike, *, full: bool = False, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Poisson negative log-likelihood eᵃ − ya of the count y at the log-rate a; with `full` also log y! (Stirling).

    ∂/∂a = eᵃ − y. ∂/∂y = −a, and Stirling's y log y − y + ½log 2πy has the slope log y + 1/(2y). With it the value
    is y(eᵗ − 1 − t) + ½log 2πy for t = a − log y: near the fit, large terms no longer cancel. Raises ValueError for
    y < 0.
    """
    dtype, a, y = _pair(a, y)
    require(y >= 0, "y", y, "is not a count: must be ≥ 0")
    by_stirling = (y > 1) & bool(full)
    log_y = np.log(np.where(by_stirling, y, 1))
    t = a - log_y
    excess = np.where(np.abs(t) < 1, y * (np.expm1(t) - t), np.exp(a) - y - y * t)
    terms = np.where(by_stirling, excess + np.log(2 * np.pi * y.clip(1)) / 2, np.exp(a) - y * a)
    slope_y = np.where(by_stirling, 1 / (2 * y.clip(1)) - t, -a)
    return reduced(dtype, terms, {"a": np.exp(a) - y, "y": slope_y}, reduction)


@formula(
    "cost/poisson_nll_rate",
    statement=f"Sum(a[i, j] - y[i, j]*log(a[i, j] + eps) + full*{STIRLING}, {OVER})/(n*d)",
    derivative="(1 - y[i, j]/(a[i, j] + eps))/(n*d)",
    arguments=("a[i, j]", "y[i, j]"),
    domain=("0", "oo"),
    partials={"y[i, j]": f"(full*{STIRLING_SLOPE} - log(a[i, j] + eps))/(n*d)"},
    assumptions=(MEAN, "a is the rate itself", COUNTS, FULL, "0·log 0 = 0"),
    sources=("pytorch-poisson-nll-loss",),
)
@QUIET
def poisson_nll_rate(
    a: npt.ArrayLike, y: npt.ArrayLike, *, eps: float = 0.0, full: bool = False, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Poisson negative log-likelihood a − y log(a + ε) of the count y at the rate a; with `full` also log y!.

    ∂/∂a = 1 − y/(a + ε), ∂/∂y = −log(a + ε), and Stirling's part as for `poisson_nll`. Raises ValueError for
    y < 0, a < 0 and ε < 0.
    """
    if not numbers(eps=eps)["eps"] >= 0:
        raise ValueError(f"eps = {eps}; need eps ≥ 0")
    dtype, a, y = _pair(a, y)
    require(a >= 0, "a", a, "is not a rate: must be ≥ 0")
    require(y >= 0, "y", y, "is not a count: must be ≥ 0")
    by_stirling = (y > 1) & bool(full)
    with np.errstate(divide="ignore"):
        s = a + eps
        base = np.where(by_stirling, y, 1)
        t = np.where(s == 0, -np.inf, np.log(s) - np.log(base))
        ratio = (s - base) / base
        near = np.abs(ratio) < 0.5
        t = np.where(near & by_stirling, np.log1p(ratio), t)
        terms = np.where(by_stirling, (s - base) - base * t - eps + np.log(2 * np.pi * base) / 2, a - xlogy(y, s))
        slope_y = np.where(by_stirling, 1 / (2 * base) - t, -np.log(s))
        slope_a = np.where(y == 0, 1, (s - y) / s)
    return reduced(dtype, terms, {"a": slope_a, "y": slope_y}, reduction)


@formula(
    "cost/gaussian_nll",
    statement=f"Sum(log(v[i, j]) + {R}**2/v[i, j] + full*log(2*pi), {OVER})/(2*n*d)",
    derivative=f"{R}/v[i, j]/(n*d)",
    arguments=("a[i, j]", "y[i, j]", "v[i, j]"),
    partials={"y[i, j]": f"-{R}/v[i, j]/(n*d)", "v[i, j]": f"(1 - {R}**2/v[i, j])/(2*v[i, j])/(n*d)"},
    assumptions=(MEAN, "v is the variance, > 0, and not clamped", "full = 1 adds ½log 2π"),
    sources=("nix-weigend-1994", "pytorch-gaussian-nll-loss"),
)
@QUIET
def gaussian_nll(
    a: npt.ArrayLike, y: npt.ArrayLike, v: npt.ArrayLike, *, full: bool = False, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Gaussian negative log-likelihood ½[log v + (a − y)²/v] at the mean a and the variance v, + ½log 2π if `full`.

    ∂/∂a = (a − y)/v. ∂/∂v = ½[1/v − (a − y)²/v²] = (1 − q)(1 + q)/(2v) with q = (a − y)/√v. Raises ValueError
    unless v > 0.
    """
    dtype, (a, y, v) = inputs(a=a, y=y, v=v)
    same_shape(a=a, y=y, v=v)
    require(v > 0, "v", v, "is not a variance: must be > 0")
    r = a - y
    q = r / np.sqrt(v)
    terms = (np.log(v) + q * q + (math.log(2 * math.pi) if full else 0)) / 2
    slopes = {"a": r / v, "y": -r / v, "v": (1 - q) * (1 + q) / (2 * v)}
    return reduced(dtype, terms, slopes, reduction)
