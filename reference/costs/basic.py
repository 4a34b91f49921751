"""Costs: each returns (C, ∂C/∂a) for outputs a and targets y of shape (..., n, d): n examples, d outputs.

Leading axes are independent problems; C has the leading shape. Every cost is the mean over the n examples;
what happens over the d outputs differs (a sum, or for `mse` and `mae` a mean too) and is in each statement.
Costs on logits take z and return ∂C/∂z. Categorical targets are rows of probabilities, or integer labels
of shape (..., n).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from reference.activations import huber as huber_activation
from reference.exact import xlog1py, xlogy
from reference.formula import Array, Kink, floating, formula
from reference.lift import QUIET, rounded

Cost = Callable[[Array, Array], tuple[Array, Array]]


def one_hot(labels: npt.ArrayLike, d: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """Rows of the identity: label k becomes the k-th unit vector.  labels: (..., n) -> (..., n, d).

    Raises ValueError for a label outside 0 … d − 1.

    >>> one_hot([1, 0], 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    labels = np.asarray(labels)
    wrong = (labels < 0) | (labels >= d)
    if wrong.any():
        where = tuple(int(k) for k in np.argwhere(wrong)[0])
        raise ValueError(f"label {labels[where]} at index {where} is outside 0 … {d - 1}: there are {d} classes")
    return np.eye(d, dtype=dtype)[labels]


def _outputs_and_targets(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array, int]:
    """Check the pair; y in the dtype of a, and the number of examples n."""
    a, y = floating(a, "a"), np.asarray(y)
    if a.ndim < 2:
        raise ValueError(f"a has shape {a.shape}; expected (n examples, d outputs): use a[None] for one example")
    if a.shape[-2] == 0 or a.shape[-1] == 0:
        raise ValueError(f"a has shape {a.shape}: the mean over an empty batch is undefined")
    if y.dtype.kind in "iu" and y.ndim == a.ndim - 1:
        y = one_hot(y, a.shape[-1], a.dtype)
    if a.shape != y.shape:
        raise ValueError(f"targets y have shape {y.shape}, outputs a have shape {a.shape}; they must be equal")
    return a, y.astype(a.dtype, copy=False), a.shape[-2]


def _check_probabilities(p: Array, name: str) -> None:
    if p.item(p.argmin()) >= 0 and p.item(p.argmax()) <= 1:
        return
    where = tuple(int(k) for k in np.argwhere(~((p >= 0) & (p <= 1)))[0])
    raise ValueError(f"{name} = {p[where]} at index {where} is not a probability: must lie in [0, 1]")


def _mean(per_output: Array, n: int) -> Array:
    """Sum over the outputs, mean over the examples.  (..., n, d) -> (...)."""
    return np.asarray(per_output.sum((-2, -1)) / n)


@formula(
    "cost/quadratic",
    statement="Sum((a[i, j] - y[i, j])**2, (j, 1, d), (i, 1, n))/(2*n)",
    derivative="(a[i, j] - y[i, j])/n",
    arguments=("a[i, j]",),
    assumptions=("factor ½", "sum over outputs", "mean over examples"),
    sources=("backprop-summary-2019", "valchanov-365", "nielsen-2015"),
)
def quadratic(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Quadratic cost ½‖a − y‖², mean over examples.

    Each square contributes 2·½·(a − y); the mean divides by n.
    """
    a, y, n = _outputs_and_targets(a, y)
    r = a - y
    return _mean(r * r, 2 * n), r / n


@formula(
    "cost/mse",
    statement="Sum((a[i, j] - y[i, j])**2, (j, 1, d), (i, 1, n))/(n*d)",
    derivative="2*(a[i, j] - y[i, j])/(n*d)",
    arguments=("a[i, j]",),
    assumptions=("no factor ½", "mean over outputs", "mean over examples"),
    sources=("pytorch-mse-loss",),
)
def mse(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Mean squared error as frameworks define it: mean over all n·d entries, no ½.

    It is 2/d times the quadratic cost, and so is its gradient: 2(a − y)/(nd).
    """
    a, y, n = _outputs_and_targets(a, y)
    r = a - y
    d = a.shape[-1]
    return _mean(r * r, n) / d, 2 * r / (n * d)


@formula(
    "cost/mae",
    statement="Sum(Abs(a[i, j] - y[i, j]), (j, 1, d), (i, 1, n))/(n*d)",
    derivative="sign(a[i, j] - y[i, j])/(n*d)",
    arguments=("a[i, j]",),
    kinks=(Kink(at="0", left="-1", right="1", chosen="0", why="minimum-norm subgradient"),),
    assumptions=("mean over outputs", "mean over examples", "kink in a − y"),
    sources=("pytorch-l1-loss",),
)
def mae(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Mean absolute error over all n·d entries.

    |r|' = sign r, and 0 at r = 0, the subgradient of least norm.
    """
    a, y, n = _outputs_and_targets(a, y)
    r = a - y
    d = a.shape[-1]
    return _mean(np.abs(r), n) / d, np.sign(r) / a.dtype.type(n * d)


@formula(
    "cost/huber",
    statement="Sum(Piecewise(((a[i, j] - y[i, j])**2/2, Abs(a[i, j] - y[i, j]) <= delta), "
    "(delta*(Abs(a[i, j] - y[i, j]) - delta/2), True)), (j, 1, d), (i, 1, n))/(n*d)",
    derivative="Piecewise((a[i, j] - y[i, j], Abs(a[i, j] - y[i, j]) <= delta), "
    "(delta*sign(a[i, j] - y[i, j]), True))/(n*d)",
    arguments=("a[i, j]",),
    assumptions=("mean over outputs", "mean over examples"),
    sources=("huber-1964",),
)
def huber(a: npt.ArrayLike, y: npt.ArrayLike, delta: float = 1.0) -> tuple[Array, Array]:
    """Huber cost: r²/2 for |r| ≤ δ, δ(|r| − δ/2) beyond, r = a − y; mean over all n·d entries.

    The slope is r clipped to [−δ, δ]; it has no jump at ±δ.
    """
    a, y, n = _outputs_and_targets(a, y)
    value, slope = huber_activation(a - y, delta=delta)
    d = a.shape[-1]
    return _mean(value, n) / d, slope / a.dtype.type(n * d)


@formula(
    "cost/bce",
    statement="-Sum(y[i, j]*log(a[i, j]) + (1 - y[i, j])*log(1 - a[i, j]), (j, 1, d), (i, 1, n))/n",
    derivative="(a[i, j] - y[i, j])/(a[i, j]*(1 - a[i, j]))/n",
    arguments=("a[i, j]",),
    domain=("0", "1"),
    numpy_form="((1 - y[i, j])/(1 - a[i, j]) - y[i, j]/a[i, j])/n",
    assumptions=("sum over outputs", "mean over examples", "targets in [0, 1]"),
    sources=("deriving-backprop", "nielsen-2015"),
)
def bce(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Binary cross-entropy −[y log a + (1 − y) log(1 − a)] on probabilities a.

    ∂C/∂a = (1 − y)/(1 − a) − y/a, over n. At a = y = 0 or 1 the vanishing term is left out, so the cost is 0.
    Raises ValueError for a or y outside [0, 1].
    """
    a, y, n = _outputs_and_targets(a, y)
    _check_probabilities(a, "a")
    _check_probabilities(y, "y")
    q, b = 1 - y, 1 - a
    with np.errstate(divide="ignore"):
        gradient = np.divide(q, b, where=q != 0, out=np.zeros_like(a))
        gradient -= np.divide(y, a, where=y != 0, out=np.zeros_like(a))
        return _mean(-(xlogy(y, a) + xlog1py(q, -a)), n), gradient / n


@formula(
    "cost/bce_logits",
    statement="Sum(log(1 + exp(z[i, j])) - y[i, j]*z[i, j], (j, 1, d), (i, 1, n))/n",
    derivative="(1/(1 + exp(-z[i, j])) - y[i, j])/n",
    arguments=("z[i, j]",),
    assumptions=("bce of sigmoid(z)", "sum over outputs", "mean over examples", "targets in [0, 1]"),
    sources=("deriving-backprop", "nielsen-2015"),
)
@QUIET
def bce_logits(z: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Binary cross-entropy of σ(z), fused: log(1 + eᶻ) − yz.

    −y log σ(z) − (1 − y) log σ(−z) = softplus(z) − yz, whose slope is σ(z) − y: the σ' of the unfused chain has
    cancelled against a(1 − a), so nothing saturates.
    """
    z, y, n = _outputs_and_targets(z, y)
    _check_probabilities(y, "y")
    x, w = (q.astype(np.float64, copy=False) for q in (z, y))
    e = np.exp(-np.abs(x))
    miss = np.where(x > 0, 1 - w, w)  # how far y is from the class that z votes for
    # softplus(z) − yz = log(1 + e^(−|z|)) + |z|·miss and σ(z) − y = ±(σ(−|z|) − miss): no 1 − σ of confident logits
    cost = np.log1p(e) + np.multiply(np.abs(x), miss, where=miss != 0, out=np.zeros_like(x))
    gradient = np.where(x > 0, miss - e / (1 + e), e / (1 + e) - miss)
    return rounded(_mean(cost, n), z.dtype), rounded(gradient / n, z.dtype)


@formula(
    "cost/cross_entropy",
    statement="-Sum(y[i, j]*log(a[i, j]), (j, 1, d), (i, 1, n))/n",
    derivative="-y[i, j]/a[i, j]/n",
    arguments=("a[i, j]",),
    domain=("0", "1"),
    assumptions=("sum over classes", "mean over examples", "a and y are probabilities"),
    sources=("goodfellow-2016",),
)
def cross_entropy(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Categorical cross-entropy −Σ y log a on probabilities a.

    ∂C/∂a = −y/a over n; where y = 0 the term is 0 whatever a is. Raises ValueError outside [0, 1].
    """
    a, y, n = _outputs_and_targets(a, y)
    _check_probabilities(a, "a")
    _check_probabilities(y, "y")
    with np.errstate(divide="ignore"):
        gradient = np.divide(-y, a, where=y != 0, out=np.zeros_like(a))
        return _mean(-xlogy(y, a), n), gradient / n


@formula(
    "cost/nll",
    statement="-Sum(y[i, j]*a[i, j], (j, 1, d), (i, 1, n))/n",
    derivative="-y[i, j]/n",
    arguments=("a[i, j]",),
    assumptions=("a are log-probabilities", "sum over classes", "mean over examples"),
    sources=("pytorch-nll-loss",),
)
def nll(a: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Negative log-likelihood −Σ y·a on log-probabilities a: linear in a, so ∂C/∂a = −y/n."""
    a, y, n = _outputs_and_targets(a, y)
    _check_probabilities(y, "y")
    return _mean(-y * a, n), -y / n


@formula(
    "cost/softmax_cross_entropy",
    statement="Sum(y[i, j]*(log(Sum(exp(z[i, k]), (k, 1, d))) - z[i, j]), (j, 1, d), (i, 1, n))/n",
    derivative="(exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))*Sum(y[i, k], (k, 1, d)) - y[i, j])/n",
    arguments=("z[i, j]",),
    assumptions=("cross-entropy of softmax(z)", "sum over classes", "mean over examples"),
    sources=("bridle-1990", "nielsen-2015"),
)
@QUIET
def softmax_cross_entropy(z: npt.ArrayLike, y: npt.ArrayLike) -> tuple[Array, Array]:
    """Cross-entropy of softmax(z), fused on logits: −Σ y log softmax(z).

    ∂(−log s_k)/∂z_j = s_j − [k = j]; weighting by y_k and summing gives s_j·Σy − y_j, which is s − y for rows
    of probabilities. Where a row is learned, s_m is all but 1 at its largest logit, and what is left is taken from
    the sum over the others.
    """
    z, y, n = _outputs_and_targets(z, y)
    _check_probabilities(y, "y")
    x, w = both = np.empty((2, *z.shape))  # one array, for one sum over both
    x[...], w[...] = z, y
    m = x.argmax(-1) + np.arange(0, x.size, x.shape[-1]).reshape(x.shape[:-1])  # the largest logits, in the flat array
    x -= x.take(m)[..., None]
    w_m = w.take(m)
    w.put(m, 0)
    finite = x.item(x.argmin()) > -np.inf
    cost = -np.vecdot(w, x if finite else np.where(w == 0, 0, x))  # 0·∞: what is not wanted costs nothing
    e = np.exp(x, out=x)
    e.put(m, 0)
    rest_e, rest_w = both.sum(-1)
    total_e, total_w = 1 + rest_e, w_m + rest_w
    cost += total_w * np.log1p(rest_e)
    e *= (total_w / total_e)[..., None]
    e -= w  # s·Σy − y
    e.put(m, (rest_w - w_m * rest_e) / total_e)  # s_m·(Σy − y_m) − y_m·(1 − s_m), the same, but no 1 − s_m
    return rounded(np.asarray(cost.sum(-1) / n), z.dtype), rounded(e / n, z.dtype)
