"""Regularizers of what a network computes: its logits, its activations, and which units it drops.

Arrays are (..., n examples, d units); leading axes are independent problems. Every penalty is a sum over units and a
mean over examples, as the costs are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from reference.activations import log_softmax
from reference.costs import Cost, one_hot
from reference.formula import Array, Kink, floating, formula
from reference.network import Activation, Backward, bias_gradient, feedforward, weight_gradient

Penalty = Callable[[Array], tuple[Array, Array]]
SOFTMAX = "exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))"
LOG_SOFTMAX = "(z[i, j] - log(Sum(exp(z[i, k]), (k, 1, d))))"
NEGATIVE_ENTROPY = (
    "(Sum(z[i, k]*exp(z[i, k]), (k, 1, d))/Sum(exp(z[i, k]), (k, 1, d)) - log(Sum(exp(z[i, k]), (k, 1, d))))"
)


def _batch(x: npt.ArrayLike, name: str) -> tuple[Array, int]:
    x = floating(x, name)
    if x.ndim < 2 or x.shape[-2] == 0 or x.shape[-1] == 0:
        raise ValueError(f"{name} has shape {x.shape}; expected (n examples, d units), neither of them 0")
    return x, x.shape[-2]


@formula(
    "regularizer/entropy",
    statement=f"lam*Sum({SOFTMAX}*{LOG_SOFTMAX}, (j, 1, d), (i, 1, n))/n",
    derivative=f"lam*{SOFTMAX}*({LOG_SOFTMAX} - {NEGATIVE_ENTROPY})/n",
    arguments=("z[i, j]",),
    assumptions=(
        "acts on logits z",
        "−λ times the entropy of softmax(z): confidence is penalised",
        "mean over examples",
    ),
    sources=("pereyra-2017",),
)
def entropy(z: npt.ArrayLike, lam: float = 0.1) -> tuple[Array, Array]:
    """Confidence penalty −λH(s) = λΣ s log s with s = softmax(z), mean over examples.  Returns (R, ∂R/∂z).

    ∂(Σ s log s)/∂s_k = log s_k + 1, and the pullback of softmax drops the constant: s ⊙ (log s − Σ s log s). It drops
    the log Σe^z in log s as well, which leaves s ⊙ (t − Σ s t) with t = z − max z and saves the digits of nearly
    equal logits.
    """
    z, n = _batch(z, "z")
    x = z.astype(np.float64, copy=False)
    log_s, _ = log_softmax(x)
    s = np.exp(log_s)
    with np.errstate(over="ignore"):  # logits 10³⁰⁸ apart
        t = x - x.max(-1, keepdims=True)
    R, centre = (_weighted(s, u).sum(-1, keepdims=True) for u in (log_s, t))
    gradient = lam / n * (_weighted(s, t) - s * centre)
    return np.asarray(lam / n * R.sum((-2, -1))).astype(z.dtype), gradient.astype(z.dtype)


def _weighted(weight: Array, x: Array) -> Array:
    """weight·x, and 0 where the weight is 0 whatever x is."""
    return np.multiply(weight, x, out=np.zeros_like(x), where=weight != 0)


def _check_eps(eps: float) -> None:
    if not 0 <= eps <= 1:
        raise ValueError(f"label smoothing: eps = {eps}; need 0 ≤ eps ≤ 1")


def smooth(y: npt.ArrayLike, d: int, eps: float = 0.1) -> Array:
    """Smoothed targets (1 − ε)y + ε·Σy/d, of rows of d probabilities or of integer labels.

    Raises ValueError unless 0 ≤ eps ≤ 1, and for labels outside 0 … d − 1.

    >>> smooth([1], 4, 0.2)
    array([[0.05, 0.85, 0.05, 0.05]])
    """
    _check_eps(eps)
    y = np.asarray(y)
    y = one_hot(y, d) if y.dtype.kind in "iu" else y
    return (1 - eps) * y + eps * y.sum(-1, keepdims=True) / d


@formula(
    "regularizer/label_smoothing",
    statement="eps*Sum((y[i, j] - Sum(y[i, k], (k, 1, d))/d)*(z[i, j] - log(Sum(exp(z[i, l]), (l, 1, d)))),"
    " (j, 1, d), (i, 1, n))/n",
    derivative="eps*(y[i, j] - Sum(y[i, k], (k, 1, d))/d)/n",
    arguments=("z[i, j]", "y[i, j]"),
    assumptions=(
        "acts on logits z with targets y",
        "what smoothing adds: with the cross-entropy of softmax(z) it is the same cost on targets (1 − eps)y + epsΣy/d",
        "mean over examples",
    ),
    sources=("szegedy-2016",),
)
def label_smoothing(z: npt.ArrayLike, y: npt.ArrayLike, eps: float = 0.1) -> tuple[Array, Array]:
    """Label smoothing as a penalty, ε(CE(z, ȳ) − CE(z, y)) with ȳ = Σy/d.  Returns (R, ∂R/∂z).

    The cross-entropy −Σ y log s is linear in its targets, so CE on smoothed targets is CE(z, y) + R. The gradients
    are s·Σy − target, the softmax drops out of their difference, and ε(y − ȳ)/n remains. In the value the log Σe^z
    drops out too, as Σ(y − ȳ) = 0: it is ε⟨y − ȳ, z⟩/n. Raises as `smooth`, and ValueError where shapes differ.
    """
    z, n = _batch(z, "z")
    _check_eps(eps)
    y = np.asarray(y)
    y = one_hot(y, z.shape[-1]) if y.dtype.kind in "iu" and y.ndim == z.ndim - 1 else y.astype(np.float64)
    if y.shape != z.shape:
        raise ValueError(f"targets y have shape {y.shape}, logits z have shape {z.shape}; they must be equal")
    toward = eps * (y - y.mean(-1, keepdims=True)) / n
    R = _weighted(toward, z.astype(np.float64, copy=False)).sum((-2, -1))
    return np.asarray(R).astype(z.dtype), toward.astype(z.dtype)


@formula(
    "regularizer/activity_l2",
    statement="lam*Sum(a[i, j]**2, (j, 1, d), (i, 1, n))/(2*n)",
    derivative="lam*a[i, j]/n",
    arguments=("a[i, j]",),
    assumptions=("acts on the activations of one layer", "factor ½", "sum over units, mean over examples"),
    sources=("goodfellow-2016",),
)
def activity_l2(a: npt.ArrayLike, lam: float = 0.1) -> tuple[Array, Array]:
    """Activity penalty λ/(2n)·Σa².  Returns (R, ∂R/∂a); `backprop` below lets ∂R/∂a join the cotangent of a."""
    a, n = _batch(a, "a")
    x = a.astype(np.float64, copy=False)
    return np.asarray(lam / (2 * n) * (x * x).sum((-2, -1))).astype(a.dtype), (lam / n * x).astype(a.dtype)


@formula(
    "regularizer/activity_l1",
    statement="lam*Sum(Abs(a[i, j]), (j, 1, d), (i, 1, n))/n",
    derivative="lam*sign(a[i, j])/n",
    arguments=("a[i, j]",),
    kinks=(Kink(at="0", left="-lam/n", right="lam/n", chosen="0", why="minimum-norm subgradient"),),
    assumptions=("acts on the activations of one layer", "sum over units, mean over examples"),
    sources=("goodfellow-2016",),
)
def activity_l1(a: npt.ArrayLike, lam: float = 0.1) -> tuple[Array, Array]:
    """Activity penalty λ/n·Σ|a|: ∂R/∂a = λ sign(a)/n, and 0 at a = 0.  Returns (R, ∂R/∂a)."""
    a, n = _batch(a, "a")
    x = a.astype(np.float64, copy=False)
    return np.asarray(lam / n * np.abs(x).sum((-2, -1))).astype(a.dtype), (lam / n * np.sign(x)).astype(a.dtype)


def backprop(
    x: Array,
    y: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[Activation],
    cost: Cost,
    penalties: Mapping[int, Penalty],
) -> Backward:
    """Backpropagation with penalties on activations: `penalties[l]` acts on aˡ, l = 1 … L.

    aˡ reaches the cost through layer l + 1 and through its penalty, so its cotangent is the sum
    δˡ⁺¹Wˡ⁺¹ + ∂R/∂aˡ, and everything else is as ever. Raises ValueError for a layer that is not there.
    """
    z, a, pullbacks = feedforward(x, W, b, activations)
    if strangers := sorted(set(penalties) - set(range(1, len(W) + 1))):
        raise ValueError(f"penalties on layers {strangers}: this network has layers 1 … {len(W)}")
    C, v = cost(a[-1], y)
    delta: list[Array] = []
    for layer in range(len(W), 0, -1):
        if layer in penalties:
            R, dR = penalties[layer](a[layer])
            C, v = C + R, v + dR
        delta.insert(0, pullbacks[layer - 1](v))  # δˡ = v ⊙ g'(zˡ)
        v = delta[0] @ W[layer - 1]
    db = [bias_gradient(d) for d in delta]
    dW = [weight_gradient(d, below) for d, below in zip(delta, a[:-1], strict=True)]
    return Backward(C, dW, db, delta, z, a)


def _mask(a: npt.ArrayLike, mask: npt.ArrayLike) -> tuple[Array, Array]:
    a, mask = floating(a, "a"), np.asarray(mask)
    if mask.shape != a.shape:
        raise ValueError(f"mask has shape {mask.shape}, a has shape {a.shape}; they must be equal")
    wrong = (mask != 0) & (mask != 1)
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"mask = {mask[where]} at index {where}; a unit is kept (1) or dropped (0)")
    return a, mask.astype(a.dtype)


@formula(
    "regularizer/dropout",
    statement="r*a",
    derivative="r",
    arguments=("a", "r"),
    assumptions=(
        "r is a given mask of 0 and 1",
        "when the trained network is used, a is multiplied by 1 − rate instead",
    ),
    sources=("srivastava-2014",),
)
def dropout(a: npt.ArrayLike, mask: npt.ArrayLike) -> tuple[Array, Array]:
    """Dropout with a given mask, r ⊙ a: linear in a, so the slope is the mask itself.  Returns (value, slope).

    Forward and backward must see the same mask. Raises ValueError for a mask of another shape or with other entries
    than 0 and 1.
    """
    a, r = _mask(a, mask)
    return r * a, r


@formula(
    "regularizer/inverted_dropout",
    statement="r*a/(1 - rate)",
    derivative="r/(1 - rate)",
    arguments=("a", "r"),
    assumptions=(
        "r is a given mask of 0 and 1",
        "rate is the share of units dropped",
        "the trained network is used as it is",
    ),
    sources=("srivastava-2014", "pytorch-dropout"),
)
def inverted_dropout(a: npt.ArrayLike, mask: npt.ArrayLike, rate: float = 0.5) -> tuple[Array, Array]:
    """Inverted dropout r ⊙ a/(1 − p): dividing by the share that is kept leaves the mean of a as it was.

    Linear in a, with slope r/(1 − p).  Returns (value, slope). Raises ValueError unless 0 ≤ rate < 1, and as
    `dropout`.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"inverted_dropout: rate = {rate}; need 0 ≤ rate < 1")
    a, r = _mask(a, mask)
    slope = r / a.dtype.type(1 - rate)
    return slope * a, slope
