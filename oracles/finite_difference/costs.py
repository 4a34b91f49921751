"""Costs of several inputs at the end of a network, as functions that the complex step can differentiate.

a may be complex, y is real; both are (..., n, d), and labels are rows with a 1. Definitions branch on the real part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import log1p

Array = npt.NDArray[Any]
Definition = Callable[..., Array]


def _abs(u: Array) -> Array:
    return np.where(u.real < 0, -u, u)


def _above(u: Array) -> Array:
    """max(0, u)."""
    return np.where(u.real < 0, 0, u)


def _sigmoid(z: Array) -> Array:
    e = np.exp(-_abs(z))
    return np.where(z.real < 0, e, 1) / (1 + e)


def _softplus(z: Array) -> Array:
    return _above(z) + log1p(np.exp(-_abs(z)))


def _surprise(z: Array) -> Array:
    """−log softmax(z) over the last axis."""
    below = z - np.take_along_axis(z, z.real.argmax(-1)[..., None], -1)
    return np.log(np.exp(below).sum(-1, keepdims=True)) - below


def _xlogy(x: Array, y: Array) -> Array:
    return np.where(x == 0, 0, x * np.log(np.where(x == 0, 1, y)))


def _entries(terms: Array) -> Array:
    return np.asarray(terms.mean((-2, -1)))


def _rows(terms: Array) -> Array:
    """Mean over examples of terms summed over the last axis."""
    return np.asarray(terms.sum(-1).mean(-1))


def _huber(r: Array, delta: float) -> Array:
    return np.where(np.abs(r.real) <= delta, r * r / 2, delta * (_abs(r) - delta / 2))


def _log_cosh(r: Array) -> Array:
    size = _abs(r)
    return size + log1p(np.exp(-2 * size)) - np.log(2)


def _bce_logits(z: Array, y: Array) -> Array:
    return y * _softplus(-z) + (1 - y) * _softplus(z)


def _sigmoid_focal(z: Array, y: Array, alpha: float = 0.25, gamma: float = 2.0) -> Array:
    one = alpha * y * _sigmoid(-z) ** gamma * _softplus(-z)
    return _entries(one + (1 - alpha) * (1 - y) * _sigmoid(z) ** gamma * _softplus(z))


def _smoothed(z: Array, y: Array, label_smoothing: float = 0.0) -> Array:
    return _rows(((1 - label_smoothing) * y + label_smoothing / z.shape[-1]) * _surprise(z))


def _softmax_focal(z: Array, y: Array, gamma: float = 2.0) -> Array:
    surprise = _surprise(z)
    others = ((1 - y) * np.exp(-surprise)).sum(-1)
    return np.asarray((others**gamma * (y * surprise).sum(-1)).mean(-1))


def _poly(z: Array, y: Array, epsilon: float = 2.0) -> Array:
    surprise = _surprise(z)
    return _rows(y * (surprise + epsilon * (1 - np.exp(-surprise))))


def _of_label(z: Array, y: Array) -> Array:
    return np.asarray((y * z).sum(-1, keepdims=True))


def _multi_margin(z: Array, y: Array, p: int = 1, margin: float = 1.0) -> Array:
    return _rows((1 - y) * _above(margin - _of_label(z, y) + z) ** p / z.shape[-1])


def _multilabel_margin(z: Array, y: Array) -> Array:
    pairs = y[..., :, None] * (1 - y[..., None, :])  # [label, other]
    return np.asarray((pairs * _above(1 - z[..., :, None] + z[..., None, :])).sum((-2, -1)).mean(-1) / z.shape[-1])


def _multiclass(margin: float) -> Definition:
    def cost(z: Array, y: Array) -> Array:
        raised = z + margin * (1 - y)
        largest = np.take_along_axis(raised, raised.real.argmax(-1)[..., None], -1)
        return _rows(largest - _of_label(z, y))

    return cost


def _dice(a: Array, y: Array, smooth: float = 1.0) -> Array:
    return np.asarray((1 - (2 * (a * y).sum(-1) + smooth) / ((a + y).sum(-1) + smooth)).mean(-1))


def _tversky(a: Array, y: Array, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> Array:
    both = (a * y).sum(-1) + smooth
    return np.asarray((1 - both / (both + alpha * (a * (1 - y)).sum(-1) + beta * ((1 - a) * y).sum(-1))).mean(-1))


def _jensen_shannon(p: Array, q: Array) -> Array:
    m = (p + q) / 2
    return _rows(_xlogy(p, p / m) + _xlogy(q, q / m)) / 2


ENDINGS: dict[str, Definition] = {
    "cost/l1": lambda a, y: _entries(_abs(a - y)),
    "cost/squared_error": lambda a, y: _entries((a - y) * (a - y)),
    "cost/huber_error": lambda a, y, delta=1.0: _entries(_huber(a - y, delta)),
    "cost/smooth_l1": lambda a, y, beta=1.0: _entries(_huber(a - y, beta) / beta),
    "cost/log_cosh": lambda a, y: _entries(_log_cosh(a - y)),
    "cost/quantile": lambda a, y, tau=0.5: _entries((a - y) * np.where((a - y).real < 0, -tau, 1 - tau)),
    "cost/poisson_nll": lambda a, y: _entries(np.exp(a) - y * a),
    "cost/poisson_nll_rate": lambda a, y, eps=0.0: _entries(a - _xlogy(y, a + eps)),
    "cost/kl_div": lambda a, y: _rows(_xlogy(y, y) - y * a),
    "cost/jensen_shannon": _jensen_shannon,
    "cost/binary_cross_entropy": lambda a, y: _entries(-_xlogy(y, a) - _xlogy(1 - y, 1 - a)),
    "cost/dice": _dice,
    "cost/tversky": _tversky,
    "cost/nll_labels": lambda a, y: _rows(-y * a),
    "cost/binary_cross_entropy_logits": lambda z, y: _entries(_bce_logits(z, y)),
    "cost/sigmoid_focal": _sigmoid_focal,
    "cost/cross_entropy_probabilities": _smoothed,
    "cost/poly_cross_entropy": _poly,
    "cost/cross_entropy_labels": _smoothed,
    "cost/softmax_focal": _softmax_focal,
    "cost/hinge": lambda z, y: _entries(_above(1 - y * z)),
    "cost/squared_hinge": lambda z, y: _entries(_above(1 - y * z) * _above(1 - y * z)),
    "cost/perceptron": lambda z, y: _entries(_above(-y * z)),
    "cost/soft_margin": lambda z, y: _entries(_softplus(-y * z)),
    "cost/hinge_embedding": lambda z, y, margin=1.0: _entries(np.where(y > 0, z, _above(margin - z))),
    "cost/multilabel_margin": _multilabel_margin,
    "cost/multilabel_soft_margin": lambda z, y: _entries(_bce_logits(z, y)),
    "cost/multi_margin": _multi_margin,
    "cost/multiclass_hinge": _multiclass(1.0),
    "cost/multiclass_perceptron": _multiclass(0.0),
    "cost/wasserstein_critic": lambda a, b: _entries(b - a),
}


# ---------------------------------------------------------------- penalties on matrices, (..., m, d) -> (...)


def _norms(w: Array) -> Array:
    """‖row‖; a row of zeros has the slope 0, which lies between those of its sides."""
    return np.where((w.real == 0).all(-1), 0, np.sqrt((w * w).sum(-1)))


def _orthogonality(w: Array, lam: float = 0.1) -> Array:
    G = w @ w.mT - np.eye(w.shape[-2])
    return np.asarray(lam * (G * G).sum((-2, -1)))


PENALTIES: dict[str, Definition] = {
    "regularizer/group_lasso": lambda w, lam=0.1: lam * np.sqrt(w.shape[-1]) * _norms(w).sum(-1),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: lam * (_above(_norms(w) - limit) ** 2).sum(-1),
    "regularizer/orthogonality": _orthogonality,
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * np.linalg.norm(w, 2, axis=(-2, -1)),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * np.linalg.norm(w, "nuc", axis=(-2, -1)),
}
REAL = ("regularizer/spectral_norm", "regularizer/nuclear_norm")  # of real matrices alone: for central differences
