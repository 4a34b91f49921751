"""Gradients as people write them, right ones and some that are not."""

from __future__ import annotations

import numpy as np


def tanh(x):
    """A slope that loses digits in the tails."""
    t = np.tanh(x)
    return t, 1 - t * t


def tanh_off(x):
    """A slope with a factor too much."""
    t = np.tanh(x)
    return t, 2 * (1 - t * t)


def relu(x):
    return np.maximum(x, x.dtype.type(0)), (x > 0).astype(x.dtype)


def relu_beyond(x):
    """Outside of [0, 1] at 0."""
    return relu(x)[0], np.where(x == 0, 2, x > 0).astype(x.dtype)


def silu(x):
    """NaN at ±inf."""
    s = 1 / (1 + np.exp(-x))
    return x * s, s + x * s * (1 - s)


def affine_forward(x, w, b):
    return x @ w.T + b, (x, w)


def affine_backward(dout, cache):
    x, w = cache
    return dout @ w, dout.T @ x, dout.sum(0)


def affine_unsummed(dout, cache):
    return (*affine_backward(dout, cache)[:2], dout[0])


def norm_forward(x, gamma, beta, eps=1e-5):
    s = 1 / np.sqrt(x.var(1, keepdims=True) + x.dtype.type(eps))
    normal = (x - x.mean(1, keepdims=True)) * s
    return gamma * normal + beta, (normal, gamma, s)


def norm_backward(dout, cache):
    normal, gamma, s = cache
    g = dout * gamma
    centred = g - g.mean(1, keepdims=True) - normal * (g * normal).mean(1, keepdims=True)
    return s * centred, (dout * normal).sum(0), dout.sum(0)


def norm_without_variance(dout, cache):
    """The variance as a constant: the classical mistake."""
    normal, gamma, s = cache
    g = dout * gamma
    return s * (g - g.mean(1, keepdims=True)), (dout * normal).sum(0), dout.sum(0)


def softmax_loss(scores, y):
    e = np.exp(scores - scores.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    n = len(scores)
    d = p.copy()
    d[np.arange(n), y] -= 1
    return -np.log(p[np.arange(n), y]).sum() / n, d / n


def softmax_loss_summed(scores, y):
    loss, d = softmax_loss(scores, y)
    return loss, d * len(scores)


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    s = e / e.sum(-1, keepdims=True)
    return s, lambda v: s * (v - (v * s).sum(-1, keepdims=True))


def softmax_diagonal(x):
    s, _ = softmax(x)
    return s, lambda v: s * (1 - s) * v


def logistic(predt, label):
    p = 1 / (1 + np.exp(-predt))
    return p - label, p * (1 - p)


def logistic_half(predt, label):
    grad, hess = logistic(predt, label)
    return grad, hess / 2


def logistic_mean(predt, label):
    grad, hess = logistic(predt, label)
    return grad / len(predt), hess


def hinge(z, y):
    m = 1 - y * z
    return np.maximum(m, 0).mean(), np.where(m > 0, -y, 0) / z.size


def moments(x):
    """Two outputs."""
    return (x.sum(0), (x * x).sum(1)), lambda v, w: np.broadcast_to(v, x.shape) + 2 * x * w[:, None]


def moments_crossed(x):
    return moments(x)[0], lambda v, w: np.broadcast_to(v, x.shape) + x * w[:, None]


# Bad manners, for tests of what is said about them.


def forever(x):
    while True:
        pass


def prints(x):
    print("a word")
    return tanh(x)


def raises(x):
    raise ValueError("not today")


def leaves(x):
    raise SystemExit(4)


def gives_none(x):
    return np.tanh(x), None


def gives_words(x):
    return np.tanh(x), np.full(x.shape, "a")


def gives_nan(x):
    return np.tanh(x), np.full_like(x, np.nan)


def gives_one(x):
    return np.tanh(x)


def changes_state(x):
    np.random.seed(0)  # noqa: NPY002
    return tanh(x)


def scaled(x, alpha=1.0):
    """ELU."""
    e = alpha * np.exp(np.minimum(x, 0))
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))), np.where(x > 0, 1, e)
