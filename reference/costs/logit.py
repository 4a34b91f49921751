"""Costs fused with the sigmoid or the softmax that makes their probabilities, on logits z.

Each returns (C, gradients); see `reference.costs.reduction`. No probability is formed and then taken the logarithm of,
so nothing saturates: e^(−|z|) is shared by value and slopes, and what is left of 1 beside it is never a difference.
Where the difference of two logits of a row overflows, beyond 9e307, so does the cost.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from reference.activations import log_cosh
from reference.costs.arguments import CLASS, LABEL, ROW, TERM, class_labels
from reference.costs.probability import picked
from reference.costs.reduction import Terms, reduced
from reference.costs.softmax import beyond_linear, capped, miss_power, softmax, softmax_cost
from reference.exact import DEEP, exponential, fallen, product, total
from reference.formula import Array, formula
from reference.lift import times

OVER = "(j, 1, d), (i, 1, n)"
PLUS = "log(1 + exp(z[i, j]))"  # softplus(z) = −log σ(−z)
MINUS = "log(1 + exp(-z[i, j]))"  # softplus(−z) = −log σ(z)
SIGMA, COSIGMA = "1/(1 + exp(-z[i, j]))", "1/(1 + exp(z[i, j]))"


def sigmoids(z: Array) -> tuple[Array, Array, Array, Array]:
    """σ(z), σ(−z), softplus(z) = −log σ(−z) and softplus(−z) = −log σ(z), none of them by a difference."""
    e = np.exp(-np.abs(z))
    large, small = 1 / (1 + e), e / (1 + e)
    tail = np.log1p(e)
    up = z > 0
    return (
        np.where(up, large, small),
        np.where(up, small, large),
        np.where(up, z + tail, tail),
        np.where(up, tail, tail - z),
    )


BCE = f"weight[i, j]*((1 - y[i, j])*{PLUS} + pos_weight[j]*y[i, j]*{MINUS})"


@formula(
    "cost/binary_cross_entropy_logits",
    statement=f"Sum({BCE}, {OVER})/(n*d)",
    derivative=f"weight[i, j]*((1 - y[i, j])*{SIGMA} - pos_weight[j]*y[i, j]*{COSIGMA})/(n*d)",
    arguments=("z[i, j]", "y[i, j]", "weight[i, j]", "pos_weight[j]"),
    partials={
        "y[i, j]": f"weight[i, j]*(pos_weight[j]*{MINUS} - {PLUS})/(n*d)",
        "weight[i, j]": f"((1 - y[i, j])*{PLUS} + pos_weight[j]*y[i, j]*{MINUS})/(n*d)",
        "pos_weight[j]": f"Sum(weight[i, j]*y[i, j]*{MINUS}, (i, 1, n))/(n*d)",
    },
    prediction="z",
    target="y",
    entries={"y": "probability"},
    aliases={"cost/bce_logits": {"reduction": "batchmean"}},
    assumptions=(
        "binary cross-entropy of sigmoid(z)",
        "mean: divided by the number of entries, whatever the weights",
        "pos_weight broadcasts to the shape of z",
    ),
    sources=("deriving-backprop", "nielsen-2015", "pytorch-binary-cross-entropy-with-logits"),
)
@reduced(weighted="terms", y=TERM)
def binary_cross_entropy_logits(z: Array, y: Array, pos_weight: Array | None = None) -> Terms:
    """Binary cross-entropy of σ(z): −w[p·y log σ(z) + (1 − y) log σ(−z)].  z, y, weight: (n, d), pos_weight p: (d,).

    (−log σ(z))' = −σ(−z) and (−log σ(−z))' = σ(z), so ∂/∂z = w[(1 − y)σ(z) − p·y·σ(−z)], which is w(σ(z) − y) at
    p = 1. ∂/∂y = w[(p − 1)·softplus(−z) − z], as softplus(z) = z + softplus(−z).
    """
    p = np.ones(()) if pos_weight is None else pos_weight
    s, c, plus, minus = sigmoids(z)
    by_weight = times(y, minus)
    terms = np.where(y == 1, 0, (1 - y) * plus) + times(p, by_weight)
    by_y = np.where((z < -1) & (p != 1), times(p, minus) - plus, times(p - 1, minus) - z)
    by_z, (sure, near, half) = (1 - y) * s - p * y * c, all_that_is_left(z, y)
    if sure.any():
        counts = np.where(y == 1, p, 1)
        terms, by_weight = np.where(sure, counts * near, terms), np.where(sure, y * near, by_weight)
        by_z = np.where(sure, np.where(y == 1, -counts, 1) * near, by_z)
    fall = (half, half) if sure.any() else ()
    return (terms, *fall), {"z": (by_z, *fall), "y": by_y, "pos_weight": (by_weight, *fall)}


def all_that_is_left(z: Array, y: Array) -> tuple[Array, Array, Array]:
    """Where e^(−|z|) is all of cost and slope, the class being right and sure; and it as near·half², half being 1 else.

    Weights may bring it back from underflow.
    """
    if not (np.abs(z) > -DEEP).any():
        return np.zeros((), bool), np.ones(()), np.ones(())
    near, half = fallen(-np.abs(z))
    sure = (half < 1) & (y == (z > 0))
    return sure, near, np.where(sure, half, 1)


@formula(
    "cost/sigmoid_focal",
    statement=f"Sum(alpha*y[i, j]*({SIGMA.replace('-z', 'z')})**gamma*{MINUS} "
    f"+ (1 - alpha)*(1 - y[i, j])*({SIGMA})**gamma*{PLUS}, {OVER})/(n*d)",
    derivative=f"((1 - alpha)*(1 - y[i, j])*({SIGMA})**gamma*(gamma*{COSIGMA}*{PLUS} + {SIGMA}) "
    f"- alpha*y[i, j]*({COSIGMA})**gamma*(gamma*{SIGMA}*{MINUS} + {COSIGMA}))/(n*d)",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"(alpha*({COSIGMA})**gamma*{MINUS} - (1 - alpha)*({SIGMA})**gamma*{PLUS})/(n*d)"},
    assumptions=(
        "mean over entries",
        "linear in y: for targets between 0 and 1 the mean of the costs of both classes",
        "alpha weighs class 1, 1 − alpha class 0",
        "∂C/∂y is zero near z = 0, where the costs of both classes cancel: each is good to 3 ULP of itself",
    ),
    prediction="z",
    target="y",
    entries={"y": "probability"},
    valid={"alpha": "0 <= alpha <= 1", "gamma": "gamma >= 0"},
    conditioned_ulp=8.0,
    sources=("lin-2017", "optax-losses-sigmoid-focal-loss"),
)
@reduced(y=TERM)
def sigmoid_focal(z: Array, y: Array, *, alpha: float = 0.25, gamma: float = 2.0) -> Terms:
    """Focal cost α·y·(1 − p)^γ(−log p) + (1 − α)(1 − y)·p^γ(−log(1 − p)), p = σ(z).

    With f(z) = σ(−z)^γ·softplus(−z), f' = −σ(−z)^γ[γ·σ(z)·softplus(−z) + σ(−z)] by σ(−z)' = −σ(z)σ(−z); class 0 is
    the mirror image f(−z).
    """
    s, c, plus, minus = sigmoids(z)
    (miss, miss_far), (hit, hit_far) = cosigma_power(z, gamma), cosigma_power(-z, gamma)
    one, zero = times(miss, minus) * miss_far, times(hit, plus) * hit_far  # the costs of class 1 and of class 0
    at_one = times(alpha, times(y, miss * (gamma * times(s, minus) + c) * miss_far))
    at_zero = times(1 - alpha, times(1 - y, hit * (gamma * times(c, plus) + s) * hit_far))
    terms = times(alpha, times(y, one)) + times(1 - alpha, times(1 - y, zero))
    # one − zero = σ(z)^γ[softplus(−z)·(e^(−γz) − 1) − z], where the two are about equal: (σ(−z)/σ(z))^γ = e^(−γz)
    x = np.clip(z, -1 / max(gamma, 1), 1 / max(gamma, 1))
    apart = hit * (minus * np.expm1(-gamma * x) - x) * hit_far
    by_y = np.where(x == z, (1 - alpha) * apart + (2 * alpha - 1) * one, alpha * one - (1 - alpha) * zero)
    return terms, {"z": at_zero - at_one, "y": by_y}


LOG_2 = 0.6931471805599453, 2.3190468138462996e-17  # in two floats


def cosigma_power(z: Array, gamma: float) -> tuple[Array, Array]:
    """σ(−z)^γ = e^(−γ·softplus(z)) as near·far (`reference.exact.exponential`), of which γ magnifies no error.

    Up to |z| = 1, softplus(z) is log 2 + z/2 + log cosh(z/2) in two floats. Beyond, what an ULP of z does to the power
    is more than what one of the softplus does.
    """
    near = np.abs(z) < 1
    x = np.where(near, z, 0) / 2
    half, error = total(LOG_2[0], x)
    tail = np.log1p(np.exp(-np.abs(z)))
    high, low = total(np.where(near, half, np.maximum(z, 0)), np.where(near, log_cosh(x)[0], tail))
    low = np.where(near, low + error + LOG_2[1], low)
    most = 2000 / gamma if gamma else 0  # γ times this power too is far beyond underflow
    high, low = np.minimum(high, most), np.where(high < most, low, 0)
    m, exponent = math.frexp(gamma)
    t, rest = product(np.ldexp(high, exponent), m)
    return exponential(-t, -(rest + gamma * np.where(np.isfinite(low), low, 0)))


LSE = "log(Sum(exp(z[i, k]), (k, 1, d)))"
P = "exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))"
ODDS_AGAINST = "Sum((1 - KroneckerDelta(j, k))*exp(z[i, k] - z[i, j]), (k, 1, d))"  # (1 − p_j)/p_j
SOFT = "((1 - label_smoothing)*y[i, j] + label_smoothing*Sum(y[i, l], (l, 1, d))/d)"
SOFT_L = "((1 - label_smoothing)*y[i, l] + label_smoothing*Sum(y[i, k], (k, 1, d))/d)"
SOFT_P = "((1 - label_smoothing)*y[i, j] + label_smoothing/d)"
SOFT_PL = "((1 - label_smoothing)*y[i, l] + label_smoothing/d)"
CAPPED = "softcap*tanh(z[i, {0}]/softcap)/temperature"
CAPPED_LSE = f"log(Sum(exp({CAPPED.format('k')}), (k, 1, d)))"
CAPPED_P = f"exp({CAPPED.format('j')})/Sum(exp({CAPPED.format('k')}), (k, 1, d))"
LABEL_WEIGHTS = "Sum(weight[k]*y[l, k], (k, 1, d), (l, 1, n))"
SMOOTHING = "smoothing mixes the target with the uniform distribution before the weights"


@formula(
    "cost/cross_entropy_labels",
    statement=f"Sum(weight[j]*{SOFT}*({CAPPED_LSE} - {CAPPED.format('j')}), {OVER})/{LABEL_WEIGHTS}",
    derivative=f"(1 - tanh(z[i, j]/softcap)**2)/temperature*({CAPPED_P}*Sum(weight[l]*{SOFT_L}, (l, 1, d))"
    f" - weight[j]*{SOFT})/{LABEL_WEIGHTS}",
    arguments=("z[i, j]", "weight[j]"),
    partials={
        "weight[j]": f"Sum({SOFT}*({CAPPED_LSE} - {CAPPED.format('j')}) - y[i, j]*Sum(weight[k]*"
        "((1 - label_smoothing)*y[l, k] + label_smoothing*Sum(y[l, r], (r, 1, d))/d)*"
        f"({CAPPED_LSE.replace('[i, k]', '[l, r]').replace('(k,', '(r,')} - {CAPPED.format('k').replace('i,', 'l,')}), "
        f"(k, 1, d), (l, 1, n))/{LABEL_WEIGHTS}, (i, 1, n))/{LABEL_WEIGHTS}"
    },
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0; all 0 where it is ignored",
        "mean: divided by the weights of the labels",
        "in the slope by a weight, costs of examples that agree to 2⁻⁵³ of themselves count as equal",
        SMOOTHING,
        "label_smoothing a gives every class a/d; with smooth_others each class but the label a/(d − 1), which is the"
        " printed formula for ad/(d − 1)",
        "softcap: none at ∞, where softcap·tanh(z/softcap) is z",
    ),
    prediction="z",
    target="labels",
    entries={"labels": "label"},
    valid={
        "label_smoothing": "0 <= label_smoothing <= 1",
        "softcap": "0 < softcap <= oo",
        "temperature": "temperature > 0",
    },
    sources=("bridle-1990", "szegedy-2016", "pytorch-cross-entropy", "gemma-2-2024"),
)
@reduced(mean="labels", classes=True, z=ROW, labels=LABEL, weight=CLASS)
def cross_entropy_labels(
    z: Array,
    labels: Array,
    weight: Array | None = None,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    smooth_others: bool = False,
    softcap: float = math.inf,
    temperature: float = 1.0,
) -> Terms:
    """Cross-entropy of softmax(z) with integer labels.  z: (n, d), labels: (n,), weight: (d,) for the classes.

    A term is −Σ q log p with q_j = w_j((1 − ε)[j = y] + ε/d); ∂(−log p_k)/∂z_j = p_j − [j = k], so ∂/∂z = p·Σq − q.
    The mean divides by Σw_y, so ∂C/∂w_k = [Σᵢ q_k/w_k·(−log p_k) − C·#{y = k}]/Σw_y. Examples labelled
    `ignore_index` do not count. With `smooth_others`, ε is shared by the d − 1 other classes alone; of a single class
    nothing is. Logits may be capped and tempered before: of softmax(c·tanh(z/c)/T) the slope in z is the above times
    (1 − tanh²(z/c))/T. Raises ValueError for a label outside 0 … d − 1, and for the mean where every example is
    ignored or the weights of the labels sum to 0.
    """
    y, counts = class_labels(labels, z.shape[:-1], z.shape[-1], ignore_index)
    z = np.where(counts[..., None], z, 0)
    hot = target = picked(counts, y, z)
    if label_smoothing and not smooth_others:
        target = _smoothed(hot, label_smoothing) * counts[..., None]
    elif label_smoothing and z.shape[-1] > 1:
        target = np.where(hot == 1, 1 - label_smoothing, label_smoothing / (z.shape[-1] - 1)) * counts[..., None]
    low: Array | None = None
    factors: tuple[Any, ...] = ()
    if softcap < math.inf or temperature != 1:
        z, low, factors = capped(z, softcap, temperature)
    terms, slope = softmax_cost(z, target if weight is None else times(target, weight), low)
    return terms, {"z": (*slope, *factors), "weight": lambda: times(target, softmax(z).surprise())}, hot


def _smoothed(y: Array, epsilon: float) -> Array:
    """(1 − ε)y + ε/d."""
    return (1 - epsilon) * y + epsilon / y.shape[-1]


@formula(
    "cost/cross_entropy_probabilities",
    statement=f"Sum(weight[j]*{SOFT_P}*({LSE} - z[i, j]), {OVER})/n",
    derivative=f"({P}*Sum(weight[l]*{SOFT_PL}, (l, 1, d)) - weight[j]*{SOFT_P})/n",
    numpy_value=f"Sum(weight[j]*{SOFT_P}*log(1 + {ODDS_AGAINST}), {OVER})/n",  # no difference from 1, or from log p
    numpy_form=f"Sum(weight[l]*{SOFT_PL}*{P} - weight[j]*{SOFT_P}*{P.replace('j', 'l')}, (l, 1, d))/n",
    arguments=("z[i, j]", "y[i, j]", "weight[j]"),
    partials={
        "y[i, j]": f"(1 - label_smoothing)*weight[j]*({LSE} - z[i, j])/n",
        "weight[j]": f"Sum({SOFT_P}*({LSE} - z[i, j]), (i, 1, n))/n",
    },
    prediction="z",
    target="y",
    entries={"y": "distribution"},
    valid={"label_smoothing": "0 <= label_smoothing <= 1"},
    aliases={"cost/softmax_cross_entropy": {}},
    assumptions=(
        "cross-entropy of softmax(z)",
        "mean: divided by the number of examples, whatever the weights",
        SMOOTHING,
    ),
    sources=("bridle-1990", "szegedy-2016", "pytorch-cross-entropy"),
)
@reduced(classes=True, z=ROW, y=ROW, weight=CLASS)
def cross_entropy_probabilities(
    z: Array, y: Array, weight: Array | None = None, *, label_smoothing: float = 0.0
) -> Terms:
    """Cross-entropy of softmax(z) with distributions y.  z, y: (n, d), weight: (d,) for the classes.

    A term is −Σ q log p with q_j = w_j((1 − ε)y_j + ε/d): ∂/∂z = p·Σq − q, ∂/∂y_j = −(1 − ε)w_j log p_j.
    """
    target = y if label_smoothing == 0 else _smoothed(y, label_smoothing)
    terms, slope = softmax_cost(z, target if weight is None else times(target, weight))
    return terms, {
        "z": slope,
        "y": lambda: (1 - label_smoothing) * times(weight, softmax(z).surprise()),
        "weight": lambda: times(target, softmax(z).surprise()),
    }


@formula(
    "cost/softmax_focal",
    statement=f"Sum(weight[j]*y[i, j]*(1 - {P})**gamma*({LSE} - z[i, j]), {OVER})/n",
    derivative=f"Sum(weight[l]*y[i, l]*(1 - exp(z[i, l])/Sum(exp(z[i, k]), (k, 1, d)))**gamma"
    "*(1 + gamma*exp(z[i, l])/(Sum(exp(z[i, k]), (k, 1, d)) - exp(z[i, l]))*"
    "(log(Sum(exp(z[i, k]), (k, 1, d))) - z[i, l]))"
    f"*({P} - KroneckerDelta(j, l)), (l, 1, d))/n",
    arguments=("z[i, j]", "weight[j]"),
    partials={"weight[j]": f"Sum(y[i, j]*(1 - {P})**gamma*({LSE} - z[i, j]), (i, 1, n))/n"},
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0",
        "mean: divided by the number of examples, whatever the weights",
    ),
    prediction="z",
    target="labels",
    entries={"labels": "label"},
    valid={"gamma": "gamma >= 0"},
    sources=("lin-2017",),
)
@reduced(classes=True, z=ROW, labels=LABEL, weight=CLASS)
def softmax_focal(z: Array, labels: Array, weight: Array | None = None, *, gamma: float = 2.0) -> Terms:
    """Focal cost −w_y(1 − p)^γ log p of the probability p of the label under softmax(z).

    z: (n, d), labels: (n,), weight: (d,). With f(p) = −(1 − p)^γ log p and ∂p/∂z_j = p([j = y] − p_j), the slope is
    (p_j − [j = y])·(1 − p)^γ·[1 + γ·p(−log p)/(1 − p)]. Raises ValueError for a label outside 0 … d − 1.
    """
    y, _ = class_labels(labels, z.shape[:-1], z.shape[-1])
    hot = picked(np.ones(y.shape), y, z)
    (loss, *fall), (slope, *far) = softmax_cost(z, hot)
    share, ratio = miss_power(z, y, functools.reduce(operator.mul, fall, loss), gamma)
    factor, per_label = share * (1 + gamma * ratio), times(share, loss)
    w = np.ones(y.shape) if weight is None else weight[y]
    return (times(w, per_label), *fall), {
        "z": (times(times(w, factor)[..., None], slope), *far),
        "weight": (picked(per_label, y, z), *(x[..., None] for x in fall)),
    }


@formula(
    "cost/poly_cross_entropy",
    statement=f"Sum(y[i, j]*({LSE} - z[i, j] + epsilon*(1 - {P})), {OVER})/n",
    derivative=f"({P}*Sum(y[i, l]*(1 + epsilon*exp(z[i, l])/Sum(exp(z[i, k]), (k, 1, d))), (l, 1, d)) "
    f"- y[i, j]*(1 + epsilon*{P}))/n",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"({LSE} - z[i, j] + epsilon*(1 - {P}))/n"},
    prediction="z",
    target="y",
    entries={"y": "distribution"},
    assumptions=("mean over examples",),
    sources=("optax-losses-poly-loss-cross-entropy",),
)
@reduced(classes=True, z=ROW, y=ROW)
def poly_cross_entropy(z: Array, y: Array, *, epsilon: float = 2.0) -> Terms:
    """Cross-entropy with a polynomial term (Poly-1): Σ y[−log p + ε(1 − p)], p = softmax(z).  z, y: (n, d).

    ∂p_k/∂z_j = p_k([j = k] − p_j), so both parts together are p·Σq − q with q = y(1 + εp). What is small where a row
    is learned is taken from 1 − p: a term is y[(−log p − (1 − p)) + (1 + ε)(1 − p)], and 1 + εp = 1 + ε − ε(1 − p).
    """
    soft = softmax(z)
    p = soft.e / (1 + soft.others)[..., None]
    miss = 1 - p
    p.put(soft.m, 1 / (1 + soft.others))
    miss.put(soft.m, soft.others / (1 + soft.others))
    loss = beyond_linear(miss, soft.surprise()) + (1 + epsilon) * miss
    _, slope = softmax_cost(z, y * np.where(p > 0.5, (1 + epsilon) - epsilon * miss, 1 + epsilon * p))
    return times(y, loss).sum(-1), {"z": slope, "y": loss}
