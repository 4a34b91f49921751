"""Three functions with gradients written by hand, as one might have them; one is wrong."""

import numpy as np


def tanh(x):
    """Value and slope: 1/cosh² = 4e/(1 + e)² with e = e^(−2|x|), which does not overflow."""
    e = np.exp(-2 * np.abs(x))
    return np.tanh(x), 4 * e / (1 + e) ** 2


def softplus(x):
    """Value and slope log(1 + eˣ), σ(x), but the slope is that of −x."""
    e = np.exp(-np.abs(x))
    return np.maximum(x, 0) + np.log1p(e), np.where(x < 0, 1, e) / (1 + e)


def softmax(x):
    """Value and pullback: v ↦ p ∘ (v − p·v)."""
    e = np.exp(x - x.max(-1, keepdims=True))
    p = e / e.sum(-1, keepdims=True)  # (n, d)

    def back(v):
        return p * (v - (p * v).sum(-1, keepdims=True))

    return p, back
