"""Normalisation over neighbouring channels."""

from __future__ import annotations

import math

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.lift import times

FAR = 200  # powers of two from 1 beyond which D is in other units
POWER = "(k + alpha*Sum(h[{0}, p]*x[i, p]**2, (p, 1, d))/size)"


@formula(
    "layer/local_response_norm",
    statement=f"x[i, j]*{POWER.format('j')}**(-beta)",
    derivative=f"v[i, j]*{POWER.format('j')}**(-beta) - 2*alpha*beta*x[i, j]/size"
    f"*Sum(h[l, j]*v[i, l]*x[i, l]*{POWER.format('l')}**(-beta - 1), (l, 1, d))",
    arguments=("x[i, j]",),
    valid={
        "size": "size >= 1 and size % 1 == 0",
        "alpha": "alpha >= 0",
        "beta": "beta >= 0",
        "k": "k > 0",
    },
    assumptions=(
        "h[j, p] = 1 where channel p is among the neighbours of j: j − ⌊size/2⌋ … j + ⌊(size − 1)/2⌋; else 0",
        "channels are the second axis; those beyond the ends count as 0, and in the size",
        "alpha is divided by size, as in PyTorch; the paper's is alpha/size",
    ),
    sources=("krizhevsky-2012", "pytorch-localresponsenorm"),
)
@layer()
def local_response_norm(
    x: Array, *, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> tuple[Array, Pullback]:
    """Local response normalisation y = x/(k + α·Σ x²/size)^β, the sum over `size` neighbours.  x: (n, c, …) -> same.

    With D = k + a·Σ x² over the neighbours, a = α/size, it is y = x·D^(−β), and ∂D/∂x_l = 2a·x_l. So the output j gives
    its own channel v_j·D_j^(−β), and each of its neighbours l, itself among them,

        −2aβ·v_j·D_j^(−β)·x_j·x_l/D_j.

    For l = j the two are one, v_j·D_j^(−β)·(k + a·Σ_{l≠j} x_l² + (1 − 2β)·a·x_j²)/D_j, in which the channel itself
    cancels at β = ½ as it does in exact arithmetic. Where a square might overflow or vanish, D is in units of U², a
    power of two. Raises ValueError for fewer than two axes.
    """
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (n, c, …)")
    rows, c = np.moveaxis(x, 1, -1), x.shape[1]  # (n, ..., c)
    if c == 0:
        return x, lambda v: {"x": v}
    before, after = min(size // 2, c), min((size - 1) // 2, c)  # beyond the ends there is nothing
    width = before + 1 + after
    e = math.frexp(alpha / size)[1] // 2
    a = math.ldexp(alpha / size, -2 * e)  # of t = 2ᵉx
    t = np.pad(math.ldexp(alpha > 0, e) * rows, [(0, 0)] * (x.ndim - 1) + [(before, after)])
    near = np.lib.stride_tricks.sliding_window_view(t, width, -1)  # (n, ..., c, width)
    power = np.frexp(np.maximum(np.abs(near).max(-1, keepdims=True), math.sqrt(k)))[1]  # (n, ..., c, 1)
    power = np.where(np.abs(power) > FAR, power, 0)
    unit, near = np.ldexp(1.0, power[..., 0]), np.ldexp(near, -power)
    least = k / unit / unit  # (n, ..., c)
    D = least + a * np.square(near).sum(-1)
    gain, apart = D**-beta, unit**-beta

    def scaled(q: Array) -> Array:
        return times(times(times(q, apart), apart), gain)  # q·D^(−β)

    def pullback(v: Array) -> Gradients:
        v = np.moveaxis(v, 1, -1)
        own, others = near[..., before], near.copy()
        others[..., before] = 0
        dx = np.zeros(t.shape)
        dx[..., before : before + c] = times(
            scaled(v), (least + a * np.square(others).sum(-1) + (1 - 2 * beta) * a * own**2) / D
        )
        back = times(scaled(v)[..., None], -2 * beta * a * own[..., None] * others / D[..., None])
        for p in range(width):
            dx[..., p : p + c] += back[..., p]
        return {"x": np.moveaxis(dx[..., before : before + c], -1, 1)}

    return np.moveaxis(scaled(rows), -1, 1), pullback
