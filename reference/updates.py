"""The gradient step the starting documents end in. It returns new parameters and changes nothing in place."""

from __future__ import annotations

from collections.abc import Sequence

from reference.formula import Array, formula


@formula(
    "update/sgd",
    statement="w - eta*dC",
    derivative="-eta",
    arguments=("dC",),
    assumptions=("gradients are means over the mini-batch, so η/m of the documents' sums",),
    sources=("backprop-05", "backprop-summary-2019", "deriving-backprop"),
)
def sgd(parameters: Sequence[Array], gradients: Sequence[Array], eta: float) -> list[Array]:
    """One step of (stochastic) gradient descent, p ← p − η ∂C/∂p.

    With the cost a mean over the m examples of the mini-batch this is the documents' p ← p − (η/m) Σₓ ∂Cₓ/∂p.
    """
    return [p - p.dtype.type(eta) * g for p, g in zip(parameters, gradients, strict=True)]


@formula(
    "update/sgd_l2",
    statement="(1 - eta*lam/n)*w - eta*dC",
    derivative="-eta",
    arguments=("dC",),
    assumptions=("dC is the gradient of the unregularized cost", "n is the size of the training set"),
    sources=("dong-2016", "nielsen-2015"),
)
def sgd_l2(weights: Sequence[Array], gradients: Sequence[Array], eta: float, lam: float, n: int) -> list[Array]:
    """The step on cost + λ/(2n)·Σw², written as weight decay: w ← (1 − ηλ/n) w − η ∂C₀/∂w.

    For plain gradient descent decay and penalty are the same step; biases take `sgd`.
    """
    return [
        w.dtype.type(1 - eta * lam / n) * w - w.dtype.type(eta) * g for w, g in zip(weights, gradients, strict=True)
    ]
