"""Formulas as a user writes them, once, against the array API; and arguments of each."""

from typing import Any, NamedTuple

import numpy as np

RNG = np.random.default_rng(5)


class Case(NamedTuple):
    f: Any
    arguments: dict[str, Any]
    options: dict[str, Any] = {}  # noqa: RUF012


def normal(*shape):
    return 1.3 * RNG.standard_normal(shape) + 0.2


def softmax(xp, z, axis=-1):
    e = xp.exp(z - xp.max(z, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


def logsumexp(xp, x):
    m = xp.max(x, axis=-1, keepdims=True)
    return xp.squeeze(m, axis=-1) + xp.log(xp.sum(xp.exp(x - m), axis=-1))


def cross_entropy(xp, z, labels):
    hot = xp.astype(labels[:, None] == xp.arange(z.shape[-1])[None, :], xp.float64)
    return xp.mean(logsumexp(xp, z) - xp.sum(hot * z, axis=-1))


def cross_entropy_by_index(xp, z, labels):
    return xp.mean(logsumexp(xp, z) - z[xp.arange(z.shape[0]), labels])


def layer_norm(xp, x, w, b, eps=1e-5):
    m = xp.mean(x, axis=-1, keepdims=True)
    v = xp.var(x, axis=-1, keepdims=True)
    return (x - m) / xp.sqrt(v + eps) * w + b


def rms_norm(xp, x, w, eps=1e-6):
    return x * w / (xp.mean(x**2, axis=-1, keepdims=True) + eps) ** 0.5


def attention(xp, q, k, v):
    s = q @ xp.matrix_transpose(k) / q.shape[-1] ** 0.5
    i = xp.arange(s.shape[-1])
    s = xp.where(i[:, None] >= i[None, :], s, -1e30)
    return softmax(xp, s) @ v


def gelu(xp, x):
    return 0.5 * x * (1 + xp.tanh((2 / xp.pi) ** 0.5 * (x + 0.044715 * x**3)))


def huber(xp, a, y, delta=1.0):
    r = xp.abs(a - y)
    return xp.sum(xp.where(r <= delta, r * r / 2, delta * (r - delta / 2)))


def network(xp, x, W1, b1, W2, b2):
    a = xp.maximum(x @ W1.T + b1, xp.zeros_like(b1))
    return {"a": a, "z": xp.tanh(a @ W2.T + b2)}


def batch_norm(xp, x, w, b, eps=1e-3):
    m = x.mean(axis=0)
    d = x - m
    return d / xp.sqrt((d * d).sum(axis=0) / x.shape[0] + eps) * w + b


def cosine_similarity(xp, a, b):
    norms = xp.sqrt(xp.sum(a * a, axis=-1) * xp.sum(b * b, axis=-1))
    return xp.sum(a * b, axis=-1) / norms


def rotary(xp, x):
    d = x.shape[-1] // 2
    frequencies = xp.exp(xp.arange(d, dtype=xp.float64) * -0.75)
    angles = xp.arange(x.shape[-2], dtype=xp.float64)[:, None] * frequencies[None, :]
    c, s = xp.cos(angles), xp.sin(angles)
    p, q = x[..., :d], x[..., d:]
    return xp.concat([p * c - q * s, p * s + q * c], axis=-1)


LABELS = np.array([2, 0, 3])
CASES = {
    "cross_entropy": Case(cross_entropy, {"z": normal(3, 4), "labels": LABELS}),
    "cross_entropy_by_index": Case(cross_entropy_by_index, {"z": normal(3, 4), "labels": LABELS}),
    "layer_norm": Case(layer_norm, {"x": normal(4, 8), "w": normal(8), "b": normal(8)}, {"eps": 0.03}),
    "rms_norm": Case(rms_norm, {"x": normal(3, 5), "w": normal(5), "eps": np.array(0.02)}),
    "attention": Case(attention, {name: normal(2, 4, 4) for name in "qkv"}),
    "gelu": Case(gelu, {"x": normal(2, 3)}),
    "huber": Case(huber, {"a": normal(7), "y": normal(7)}, {"delta": 0.75}),
    "network": Case(
        network,  # weights so small that tanh is not saturated, where frameworks lose the digits of 1 − tanh²
        {"x": normal(3, 4), "W1": normal(5, 4) / 2, "b1": normal(5), "W2": normal(2, 5) / 5, "b2": normal(2)},
    ),
    "batch_norm": Case(batch_norm, {"x": normal(5, 3), "w": normal(3), "b": normal(3)}),
    "cosine_similarity": Case(cosine_similarity, {"a": normal(2, 3), "b": normal(2, 3)}),
    "logsumexp": Case(logsumexp, {"x": normal(2, 5)}),
    "rotary": Case(rotary, {"x": normal(2, 3, 6)}),
}
