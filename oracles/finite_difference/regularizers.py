"""Regularizers and clipping as functions that the complex step can differentiate.

The last two axes of w, z and a are a problem. What is defined for real arrays alone is in `REAL`, and is left to
central differences: singular values, and penalties on a gradient, which is itself a complex step.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from oracles.calls import Array, Definition, in_order
from oracles.finite_difference.activations import ELEMENTWISE, VECTOR
from oracles.finite_difference.functions import above, absolute, log_softmax, norms
from oracles.finite_difference.step import complex_step


def _orthogonality(w: Array, lam: float = 0.1) -> Array:
    G = w @ w.mT - np.eye(w.shape[-2])
    return np.asarray(lam * (G * G).sum((-2, -1)))


WEIGHTS: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * (w * w).sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * absolute(w).sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * absolute(w) + (1 - mix) / 2 * w * w).sum((-2, -1))
    ),
    "regularizer/group_lasso": lambda w, lam=0.1: lam * np.sqrt(w.shape[-1]) * norms(w).sum(-1),
    "regularizer/max_norm": lambda w, lam=0.1, limit=3.0: lam * (above(norms(w) - limit) ** 2).sum(-1),
    "regularizer/orthogonality": _orthogonality,
    "regularizer/spectral_norm": lambda w, lam=0.1: lam * np.linalg.norm(w, 2, axis=(-2, -1)),
    "regularizer/nuclear_norm": lambda w, lam=0.1: lam * np.linalg.norm(w, "nuc", axis=(-2, -1)),
}


def _entropy(z: Array, lam: float = 0.1) -> Array:
    log_s = log_softmax(z)
    return np.asarray(lam * (np.exp(log_s) * log_s).sum(-1).mean(-1))


def _label_smoothing(z: Array, y: Array, eps: float = 0.1) -> Array:
    """The cross-entropy of ε(ȳ − y), where ȳ has the same in every class."""
    y = 1.0 * (y[..., None] == np.arange(z.shape[-1])) if y.ndim < z.ndim else y
    more = eps * (y.mean(-1, keepdims=True) - y)
    return np.asarray(-(more * log_softmax(z)).sum(-1).mean(-1))


OUTPUTS: dict[str, Definition] = {
    "regularizer/entropy": _entropy,
    "regularizer/label_smoothing": _label_smoothing,
    "regularizer/activity_l2": lambda a, lam=0.1: lam / 2 * (a * a).sum(-1).mean(-1),
    "regularizer/activity_l1": lambda a, lam=0.1: lam * absolute(a).sum(-1).mean(-1),
}


def _input_gradients(x: Array, activations: Sequence[str], layers: dict[str, Array]) -> Array:
    """∂a/∂x of a network for every example.  (n, d_in) -> (n, d_out, d_in)."""
    W, b = in_order("W", layers), in_order("b", layers)

    def output(k: int, x: Array) -> Array:
        for w, c, g in zip(W, b, activations, strict=True):
            x = np.asarray((ELEMENTWISE | VECTOR)[g](x @ w.T + c))
        return x[:, k]

    return np.stack([complex_step(functools.partial(output, k), x, 1) for k in range(len(b[-1]))], 1)


def _jacobian(x: Array, activations: Sequence[str], lam: float = 0.1, **layers: Array) -> Array:
    return np.asarray(lam / 2 * (_input_gradients(x, activations, layers) ** 2).sum() / len(x))


def _gradient_penalty(
    x: Array, activations: Sequence[str], lam: float = 10.0, target: float = 1.0, **layers: Array
) -> Array:
    q = _input_gradients(x, activations, layers)[:, 0]
    return np.asarray(lam * ((np.linalg.norm(q, axis=-1) - target) ** 2).mean())


def _clip_by_value(max_value: float = 1.0, **g: Array) -> dict[str, Array]:
    return {name: np.where(np.abs(x.real) < max_value, x, np.sign(x.real) * max_value) for name, x in g.items()}


def _clip_by_norm(max_norm: float = 1.0, **g: Array) -> dict[str, Array]:
    norm = np.sqrt(np.asarray(sum((x * x).sum() for x in g.values())))
    return {name: x * (1 if norm.real < max_norm else max_norm / norm) for name, x in g.items()}


def _alpha_dropout(a: Array, mask: Array, rate: float = 0.5) -> Array:
    c = -1.7580993408473768599402175208123  # −λα of SELU
    return (a * mask + c * (1 - mask) - rate * c) / np.sqrt((1 - rate) * (1 + rate * c * c))


OTHERS: dict[str, Definition] = {
    "regularizer/alpha_dropout": _alpha_dropout,
    "regularizer/dropout": lambda a, mask: a * mask,
    "regularizer/inverted_dropout": lambda a, mask, rate=0.5: a * mask / (1 - rate),
    "regularizer/jacobian": _jacobian,
    "regularizer/gradient_penalty": _gradient_penalty,
    "update/clip_by_value": _clip_by_value,
    "update/clip_by_norm": _clip_by_norm,
}
REAL = tuple(f"regularizer/{name}" for name in ("spectral_norm", "nuclear_norm", "jacobian", "gradient_penalty"))
