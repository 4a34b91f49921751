"""Penalties on the gradient at the input: differentiating backpropagation itself, by hand.

The backward pass with cotangent v at the output computes, from rᴸ = v ⊙ g'(zᴸ) downwards,

    sˡ = rˡ⁺¹Wˡ⁺¹,  rˡ = sˡ ⊙ g'(zˡ),  q = r¹W¹ = ∂⟨v, aᴸ⟩/∂x.

A penalty P(q) therefore depends on W directly and through every z. Going back over these lines, a bar marking ∂P/∂·,
runs *up* the network,

    r̄¹ = q̄W¹ᵀ,  s̄ˡ = r̄ˡ ⊙ g'(zˡ),  r̄ˡ⁺¹ = s̄ˡWˡ⁺¹ᵀ,

and leaves W̄¹ = r¹ᵀq̄, W̄ˡ⁺¹ = rˡ⁺¹ᵀs̄ˡ and z̄ˡ = r̄ˡ ⊙ sˡ ⊙ g''(zˡ). The z̄ then go *down* like any errors:

    δᴸ = z̄ᴸ,  δˡ = z̄ˡ + (δˡ⁺¹Wˡ⁺¹) ⊙ g'(zˡ),  ∂P/∂Wˡ = W̄ˡ + δˡᵀaˡ⁻¹,  ∂P/∂bˡ = Σδˡ.

Shapes as in `reference.network`: x (n, d_in), Wˡ (d_out, d_in), bˡ (d_out,), everything else (n, d).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.network import feedforward

Gradients = tuple[Array, list[Array], list[Array]]  # P, ∂P/∂W, ∂P/∂b

# g'' from a = g(z) and g'(z), by the id of the activation
CURVATURE: dict[str, Callable[[Array, Array], Array]] = {
    "activation/identity": lambda a, slope: np.zeros_like(a),
    "activation/relu": lambda a, slope: np.zeros_like(a),  # off the kink
    "activation/leaky_relu": lambda a, slope: np.zeros_like(a),
    "activation/sigmoid": lambda a, slope: slope * (1 - 2 * a),  # from σ' = σ(1 − σ)
    "activation/tanh": lambda a, slope: -2 * a * slope,  # from tanh' = 1 − tanh²
    "activation/softplus": lambda a, slope: slope * (1 - slope),  # softplus' = σ, β = 1
}


def _derivatives(activation: Any, z: Array) -> tuple[Array, Array]:
    """g'(z) and g''(z)."""
    id = activation.formula.id
    if id not in CURVATURE:
        raise ValueError(f"{id} has no second derivative here; choose from {', '.join(CURVATURE)}")
    a, slope = activation(z)
    return slope, CURVATURE[id](a, slope)


def _penalise(
    x: Array,
    W: Sequence[Array],
    b: Sequence[Array],
    activations: Sequence[Any],
    v: Array,
    penalty: Callable[[Array], Any],
) -> Gradients:
    """P(q) of the gradient q = ∂⟨v, aᴸ⟩/∂x, and its gradients; `penalty` returns (P, ∂P/∂q)."""
    forward = feedforward(x, W, b, activations)
    slopes, curvatures = zip(*(_derivatives(g, z) for g, z in zip(activations, forward.z, strict=True)), strict=True)
    L = len(W)
    s, r = [v], [v * slopes[-1]]  # from the last layer down
    for layer in range(L - 1, 0, -1):
        s.insert(0, r[0] @ W[layer])
        r.insert(0, s[0] * slopes[layer - 1])
    P, s_bar = penalty(r[0] @ W[0])  # s̄⁰ = q̄
    z_bar, W_bar = [], []
    for layer in range(L):  # up
        W_bar.append(r[layer].mT @ s_bar)
        r_bar = s_bar @ W[layer].mT
        z_bar.append(r_bar * s[layer] * curvatures[layer])
        s_bar = r_bar * slopes[layer]
    delta = z_bar[-1]
    for layer in range(L - 1, -1, -1):  # down
        W_bar[layer] = W_bar[layer] + delta.mT @ forward.a[layer]
        z_bar[layer] = delta
        if layer:
            delta = z_bar[layer - 1] + (delta @ W[layer]) * slopes[layer - 1]
    return P, W_bar, [d.sum(-2) for d in z_bar]


@formula(
    "regularizer/jacobian",
    statement="lam*Sum(q[i, j]**2, (j, 1, d), (i, 1, n))/(2*n)",
    derivative="lam*q[i, j]/n",
    arguments=("q[i, j]",),
    assumptions=(
        "q[i, :] are the entries of the Jacobian ∂a/∂x of the outputs for example i",
        "factor ½",
        "mean over examples",
        "off the kinks of the activations",
    ),
    sources=("drucker-lecun-1992", "hoffman-2019"),
)
def jacobian_penalty(
    x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Any], lam: float = 0.1
) -> Gradients:
    """Jacobian penalty λ/(2n)·Σ‖∂a/∂x‖² (Frobenius).  Returns (R, ∂R/∂W, ∂R/∂b).

    The row of output k is the input gradient for the cotangent eₖ; the squares of the rows add up, and so do their
    gradients. Raises ValueError for an activation without a second derivative here, and where shapes do not fit.
    """
    n, outputs = x.shape[-2], W[-1].shape[-2]

    def penalty(q: Array) -> tuple[Array, Array]:
        return lam / (2 * n) * (q * q).sum((-2, -1)), lam / n * q

    R, dW, db = np.zeros(x.shape[:-2], x.dtype), [np.zeros_like(w) for w in W], [np.zeros_like(c) for c in b]
    for k in range(outputs):
        e_k = np.zeros((*x.shape[:-1], outputs), x.dtype)
        e_k[..., k] = 1
        P, W_bar, b_bar = _penalise(x, W, b, activations, e_k, penalty)
        R = R + P
        dW = [p + q for p, q in zip(dW, W_bar, strict=True)]
        db = [p + q for p, q in zip(db, b_bar, strict=True)]
    return R, dW, db


@formula(
    "regularizer/gradient_penalty",
    statement="lam*Sum((sqrt(Sum(q[i, j]**2, (j, 1, d))) - target)**2, (i, 1, n))/n",
    derivative="2*lam*(1 - target/sqrt(Sum(q[i, k]**2, (k, 1, d))))*q[i, j]/n",
    arguments=("q[i, j]",),
    assumptions=(
        "q[i, :] is the gradient ∂a/∂x of the one output for example i",
        "no factor ½",
        "mean over examples",
        "0 where q vanishes, the subgradient of least norm",
        "off the kinks of the activations",
    ),
    sources=("gulrajani-2017",),
)
def gradient_penalty(
    x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Any], lam: float = 10.0, target: float = 1.0
) -> Gradients:
    """Gradient penalty λ/n·Σ(‖∂a/∂x‖ − 1)² of a network with one output.  Returns (R, ∂R/∂W, ∂R/∂b).

    ∂‖q‖/∂q = q/‖q‖, so q̄ = 2λ(‖q‖ − 1)q/‖q‖ over n. Raises ValueError if there is more than one output, and as
    `jacobian_penalty`.
    """
    if W[-1].shape[-2] != 1:
        raise ValueError(f"gradient_penalty: the network has {W[-1].shape[-2]} outputs; it needs exactly 1")
    n = x.shape[-2]

    def penalty(q: Array) -> tuple[Array, Array]:
        norm = np.sqrt((q * q).sum(-1, keepdims=True))
        unit = np.divide(q, norm, out=np.zeros_like(q), where=norm > 0)
        excess = norm - target
        return lam / n * (excess * excess).sum((-2, -1)), 2 * lam / n * excess * unit

    return _penalise(x, W, b, activations, np.ones((*x.shape[:-1], 1), x.dtype), penalty)
