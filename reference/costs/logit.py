"""Costs fused with the sigmoid or the softmax that makes their probabilities, on logits z.

Each returns (C, gradients); see `reference.reduction`. No probability is formed and then taken the logarithm of, so
nothing saturates: e^(−|z|) is shared by value and slopes, and what is left of 1 beside it is never a difference.
Where the difference of two logits of a row overflows, beyond 9e307, so does the cost.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reference.costs.probability import label_weight, weighted_mean_slope
from reference.costs.reduction import (
    Gradients,
    class_labels,
    distributions,
    inputs,
    optional,
    per_class,
    probabilities,
    reduced,
    require,
    rows,
    same_shape,
)
from reference.formula import Array, formula
from reference.lift import QUIET, numbers

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
    assumptions=("mean: divided by the number of entries, whatever the weights", "targets in [0, 1]"),
    sources=("pytorch-binary-cross-entropy-with-logits",),
)
@QUIET
def binary_cross_entropy_logits(
    z: npt.ArrayLike,
    y: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    pos_weight: npt.ArrayLike | None = None,
    *,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Binary cross-entropy of σ(z): −w[p·y log σ(z) + (1 − y) log σ(−z)].  z, y, weight: (n, d), pos_weight p: (d,).

    (−log σ(z))' = −σ(−z) and (−log σ(−z))' = σ(z), so ∂/∂z = w[(1 − y)σ(z) − p·y·σ(−z)], which is w(σ(z) − y) at
    p = 1. ∂/∂y = w[(p − 1)·softplus(−z) − z], as softplus(z) = z + softplus(−z). Raises ValueError for y outside
    [0, 1] and weights < 0.
    """
    dtype, (z, y) = inputs(z=z, y=y)
    w = optional("weight", weight)
    n, d = rows("z", z)
    same_shape(z=z, y=y, weight=w)
    probabilities("y", y)
    p = per_class("pos_weight", pos_weight, d)
    unit = np.ones((n, d)) if w is None else w
    require(unit >= 0, "weight", unit, "must be ≥ 0")
    s, c, plus, minus = sigmoids(z)
    per_entry = np.where(y == 1, 0, (1 - y) * plus) + np.where(y == 0, 0, p * y * minus)
    slopes = {"z": unit * ((1 - y) * s - p * y * c), "y": unit * ((p - 1) * minus - z)}
    if w is not None:
        slopes["weight"] = per_entry
    if pos_weight is not None:
        slopes["pos_weight"] = np.where(y == 0, 0, unit * y * minus).sum(0)
    return reduced(dtype, unit * per_entry, slopes, reduction)


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
    conditioned_ulp=8.0,
    sources=("lin-2017", "optax-losses-sigmoid-focal-loss"),
)
@QUIET
def sigmoid_focal(
    z: npt.ArrayLike, y: npt.ArrayLike, *, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Focal cost α·y·(1 − p)^γ(−log p) + (1 − α)(1 − y)·p^γ(−log(1 − p)), p = σ(z); arrays of one shape.

    With f(z) = σ(−z)^γ·softplus(−z), f' = −σ(−z)^γ[γ·σ(z)·softplus(−z) + σ(−z)] by σ(−z)' = −σ(z)σ(−z); class 0 is
    the mirror image f(−z). Raises ValueError for y or α outside [0, 1] and γ < 0.
    """
    _focal_parameters(gamma)
    if not 0 <= numbers(alpha=alpha)["alpha"] <= 1:
        raise ValueError(f"alpha = {alpha}; need 0 ≤ alpha ≤ 1")
    dtype, (z, y) = inputs(z=z, y=y)
    same_shape(z=z, y=y)
    probabilities("y", y)
    s, c, plus, minus = sigmoids(z)
    miss, hit = c**gamma, s**gamma  # how far p is from class 1 and from class 0
    one, zero = (np.where(m == 0, 0, m * loss) for m, loss in ((miss, minus), (hit, plus)))
    at_one = np.where(y == 0, 0, alpha * y * (gamma * s * one + miss * c))
    at_zero = np.where(y == 1, 0, (1 - alpha) * (1 - y) * (gamma * c * zero + hit * s))
    terms = np.where(y == 0, 0, alpha * y * one) + np.where(y == 1, 0, (1 - alpha) * (1 - y) * zero)
    # one − zero = σ(z)^γ[softplus(−z)·(e^(−γz) − 1) − z], where the two are about equal: (σ(−z)/σ(z))^γ = e^(−γz)
    apart = np.where(np.abs(z) < 1, hit * (minus * np.expm1(-gamma * np.clip(z, -1, 1)) - z), one - zero)
    slopes = {"z": at_zero - at_one, "y": (1 - alpha) * apart + (2 * alpha - 1) * one}
    return reduced(dtype, terms, slopes, reduction)


def _focal_parameters(gamma: float) -> None:
    if not numbers(gamma=gamma)["gamma"] >= 0:
        raise ValueError(f"gamma = {gamma}; need gamma ≥ 0")


class _Softmax:
    """Rows z: the largest entry m, e = exp(z − z_m), the sum of the others, and −log p. z: (n, d)."""

    def __init__(self, z: Array):
        self.m = np.arange(z.shape[-1]) == z.argmax(-1)[:, None]
        below = z.max(-1, keepdims=True) - z
        self.e = np.exp(-below)
        self.others = self.rest(self.e)
        self.total = 1 + self.others
        self.surprise = below + np.log1p(self.others)  # −log p

    def rest(self, x: Array) -> Array:
        """Sum over all entries but m.  (n, d) -> (n, 1)."""
        return np.where(self.m, 0, x).sum(-1, keepdims=True)

    def slope(self, q: Array) -> Array:
        """p·Σq − q, the gradient of −Σ q log p. At m, where the two all but cancel, Σ_{k≠m} q_k·p_m − q_m(1 − p_m)."""
        whole = q.sum(-1, keepdims=True)
        beside = self.e * whole - q * self.total
        return np.where(self.m, self.rest(q) - q * self.others, beside) / self.total


LSE = "log(Sum(exp(z[i, k]), (k, 1, d)))"
P = "exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))"
SOFT = "((1 - label_smoothing)*y[i, j] + label_smoothing*Sum(y[i, l], (l, 1, d))/d)"
SOFT_L = "((1 - label_smoothing)*y[i, l] + label_smoothing*Sum(y[i, k], (k, 1, d))/d)"
SOFT_P = "((1 - label_smoothing)*y[i, j] + label_smoothing/d)"
SOFT_PL = "((1 - label_smoothing)*y[i, l] + label_smoothing/d)"
LABEL_WEIGHTS = "Sum(weight[k]*y[l, k], (k, 1, d), (l, 1, n))"
SMOOTHING = "smoothing mixes the target with the uniform distribution before the weights"


def _smoothing(label_smoothing: float) -> float:
    epsilon = numbers(label_smoothing=label_smoothing)["label_smoothing"]
    if not 0 <= epsilon <= 1:
        raise ValueError(f"label_smoothing = {epsilon}; need 0 ≤ label_smoothing ≤ 1")
    return epsilon


@formula(
    "cost/cross_entropy_labels",
    statement=f"Sum(weight[j]*{SOFT}*({LSE} - z[i, j]), {OVER})/{LABEL_WEIGHTS}",
    derivative=f"({P}*Sum(weight[l]*{SOFT_L}, (l, 1, d)) - weight[j]*{SOFT})/{LABEL_WEIGHTS}",
    arguments=("z[i, j]", "weight[j]"),
    partials={
        "weight[j]": f"Sum({SOFT}*({LSE} - z[i, j]) - y[i, j]*Sum(weight[k]*((1 - label_smoothing)*y[l, k] "
        "+ label_smoothing*Sum(y[l, r], (r, 1, d))/d)*(log(Sum(exp(z[l, r]), (r, 1, d))) - z[l, k]), "
        f"(k, 1, d), (l, 1, n))/{LABEL_WEIGHTS}, (i, 1, n))/{LABEL_WEIGHTS}"
    },
    assumptions=(
        "y[i, j] = 1 for the label of example i, else 0; all 0 where it is ignored",
        "mean: divided by the weights of the labels",
        SMOOTHING,
    ),
    sources=("bridle-1990", "szegedy-2016", "pytorch-cross-entropy"),
)
@QUIET
def cross_entropy_labels(
    z: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Cross-entropy of softmax(z) with integer labels.  z: (n, d), labels: (n,), weight: (d,) for the classes.

    A term is −Σ q log p with q_j = w_j((1 − ε)[j = y] + ε/d); ∂(−log p_k)/∂z_j = p_j − [j = k], so ∂/∂z = p·Σq − q.
    The mean divides by Σw_y, so ∂C/∂w_k = [Σᵢ q_k/w_k·(−log p_k) − C·#{y = k}]/Σw_y. Examples labelled
    `ignore_index` do not count. Raises ValueError for a label outside 0 … d − 1, and for the mean where every
    example is ignored or the weights of the labels sum to 0.
    """
    epsilon = _smoothing(label_smoothing)
    dtype, (z,) = inputs(z=z)
    n, d = rows("z", z)
    w = per_class("weight", weight, d)
    y, counts = class_labels(labels, (n,), d, ignore_index)
    one_hot = (np.arange(d) == y[:, None]) & counts[:, None]
    target = (1 - epsilon) * one_hot + epsilon / d * counts[:, None]
    soft = _Softmax(z)
    per_class_loss = np.where(target == 0, 0, target * soft.surprise)
    terms = np.where(w == 0, 0, w * per_class_loss).sum(-1)
    by_class, slope = per_class_loss.sum(0), soft.slope(w * target)
    if reduction != "mean":
        return reduced(dtype, terms, {"z": slope, "weight": by_class}, reduction)
    total = label_weight(counts, np.where(counts, w[y], 0))
    by_class = weighted_mean_slope(w, by_class, one_hot.sum(0), total)
    return reduced(dtype, terms, {"z": slope, "weight": by_class}, reduction, mean=total)


@formula(
    "cost/cross_entropy_probabilities",
    statement=f"Sum(weight[j]*{SOFT_P}*({LSE} - z[i, j]), {OVER})/n",
    derivative=f"({P}*Sum(weight[l]*{SOFT_PL}, (l, 1, d)) - weight[j]*{SOFT_P})/n",
    arguments=("z[i, j]", "y[i, j]", "weight[j]"),
    partials={
        "y[i, j]": f"(1 - label_smoothing)*weight[j]*({LSE} - z[i, j])/n",
        "weight[j]": f"Sum({SOFT_P}*({LSE} - z[i, j]), (i, 1, n))/n",
    },
    assumptions=("mean: divided by the number of examples, whatever the weights", SMOOTHING),
    sources=("bridle-1990", "szegedy-2016", "pytorch-cross-entropy"),
)
@QUIET
def cross_entropy_probabilities(
    z: npt.ArrayLike,
    y: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    label_smoothing: float = 0.0,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Cross-entropy of softmax(z) with distributions y.  z, y: (n, d), weight: (d,) for the classes.

    A term is −Σ q log p with q_j = w_j((1 − ε)y_j + ε/d): ∂/∂z = p·Σq − q, ∂/∂y_j = −(1 − ε)w_j log p_j. Raises
    ValueError for a row of y that is no distribution and weights < 0.
    """
    epsilon = _smoothing(label_smoothing)
    dtype, (z, y) = inputs(z=z, y=y)
    _, d = rows("z", z)
    same_shape(z=z, y=y)
    distributions("y", y, dtype)
    w = per_class("weight", weight, d)
    target = (1 - epsilon) * y + epsilon / d
    soft = _Softmax(z)
    per_class_loss = np.where(target == 0, 0, target * soft.surprise)
    slopes = {
        "z": soft.slope(w * target),
        "y": (1 - epsilon) * w * soft.surprise,
        "weight": per_class_loss.sum(0),
    }
    terms = np.where(w == 0, 0, w * per_class_loss).sum(-1)
    return reduced(dtype, terms, slopes, reduction)


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
    sources=("lin-2017",),
)
@QUIET
def softmax_focal(
    z: npt.ArrayLike,
    labels: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    gamma: float = 2.0,
    reduction: str = "mean",
) -> tuple[Array, Gradients]:
    """Focal cost −w_y(1 − p)^γ log p of the probability p of the label under softmax(z).

    z: (n, d), labels: (n,), weight: (d,). With f(p) = −(1 − p)^γ log p and ∂p/∂z_j = p([j = y] − p_j), the slope is
    (p_j − [j = y])·(1 − p)^γ·[1 + γ·p(−log p)/(1 − p)]. Raises ValueError for a label outside 0 … d − 1 and γ < 0.
    """
    _focal_parameters(gamma)
    dtype, (z,) = inputs(z=z)
    n, d = rows("z", z)
    w = per_class("weight", weight, d)
    y, _ = class_labels(labels, (n,), d)
    one_hot = np.arange(d) == y[:, None]
    soft = _Softmax(z)
    loss = np.where(one_hot, soft.surprise, 0).sum(-1)
    e_y = np.where(one_hot, soft.e, 0).sum(-1)
    others = np.where(one_hot, 0, soft.e).sum(-1)  # 1 − p, times the total
    share = (others / soft.total[:, 0]) ** gamma
    # p·(−log p)/(1 − p) tends to 1 where 1 − p leaves the range of float64
    ratio = np.where(others == 0, 1, np.where(e_y == 0, 0, e_y * loss) / np.where(others == 0, 1, others))
    per_label = np.where(share == 0, 0, share * loss)
    slope = soft.slope(one_hot.astype(float)) * (w[y] * share * (1 + gamma * ratio))[:, None]
    return reduced(dtype, w[y] * per_label, {"z": slope, "weight": np.bincount(y, per_label, d)}, reduction)


@formula(
    "cost/poly_cross_entropy",
    statement=f"Sum(y[i, j]*({LSE} - z[i, j] + epsilon*(1 - {P})), {OVER})/n",
    derivative=f"({P}*Sum(y[i, l]*(1 + epsilon*exp(z[i, l])/Sum(exp(z[i, k]), (k, 1, d))), (l, 1, d)) "
    f"- y[i, j]*(1 + epsilon*{P}))/n",
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"({LSE} - z[i, j] + epsilon*(1 - {P}))/n"},
    assumptions=("mean over examples", "targets are distributions"),
    sources=("optax-losses-poly-loss-cross-entropy",),
)
@QUIET
def poly_cross_entropy(
    z: npt.ArrayLike, y: npt.ArrayLike, *, epsilon: float = 2.0, reduction: str = "mean"
) -> tuple[Array, Gradients]:
    """Cross-entropy with a polynomial term (Poly-1): Σ y[−log p + ε(1 − p)], p = softmax(z).  z, y: (n, d).

    ∂p_k/∂z_j = p_k([j = k] − p_j), so both parts together are p·Σq − q with q = y(1 + εp). Raises ValueError for a
    row of y that is no distribution.
    """
    numbers(epsilon=epsilon)
    dtype, (z, y) = inputs(z=z, y=y)
    rows("z", z)
    same_shape(z=z, y=y)
    distributions("y", y, dtype)
    soft = _Softmax(z)
    p = soft.e / soft.total
    miss = np.where(soft.m, soft.others / soft.total, 1 - p)
    per_class_loss = soft.surprise + epsilon * miss
    terms = np.where(y == 0, 0, y * per_class_loss).sum(-1)
    return reduced(dtype, terms, {"z": soft.slope(y * (1 + epsilon * p)), "y": per_class_loss}, reduction)
