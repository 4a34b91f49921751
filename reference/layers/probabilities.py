"""Layers between logits and probabilities: the logarithm of what is left of 1, and a class drawn by noise."""

from __future__ import annotations

import numpy as np

from reference.activations import softmax
from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer

PERTURBED = "exp((z[i, {0}] + noise[i, {0}])/temperature)"
MIXED = f"Sum(v[i, k]*{PERTURBED.format('k')}, (k, 1, d))/Sum({PERTURBED.format('k')}, (k, 1, d))"
GUMBEL = f"s[i, j]*(v[i, j] - {MIXED})/temperature"


@formula(
    "layer/log1mexp",
    statement="log(1 - exp(-z[i]))",
    derivative="v[i]*exp(-z[i])/(1 - exp(-z[i]))",
    arguments=("z[i]",),
    entries={"z": "rate"},
    assumptions=("−z is the logarithm of a probability p, and the output that of 1 − p; at z = 0 it is −∞",),
    sources=("machler-2012", "jax-log1mexp"),
)
@layer()
def log1mexp(z: Array) -> tuple[Array, Pullback]:
    """Logarithm of what e^−z leaves of 1, log(1 − e⁻ᶻ) for z ≥ 0.  z: any shape.

    Chain rule: slope e⁻ᶻ/(1 − e⁻ᶻ); at z = 0 the value is −∞, the slope ∞. Up to log 2 what is left of 1 is
    −expm1(−z), beyond it the logarithm is log1p(−e⁻ᶻ), so that nothing cancels. Raises ValueError for z < 0.
    """
    e, left = np.exp(-z), -np.expm1(-z)
    return np.where(z < np.log(2), np.log(left), np.log1p(-e)), lambda v: {"z": np.where(v == 0, 0, v * e / left)}


@formula(
    "layer/gumbel_softmax",
    statement=f"{PERTURBED.format('j')}/Sum({PERTURBED.format('k')}, (k, 1, d))",
    derivative=GUMBEL,
    arguments=("z[i, j]", "noise[i, j]"),
    partials={"noise[i, j]": GUMBEL},
    valid={"temperature": "temperature > 0"},
    assumptions=(
        "noise is given: standard Gumbel numbers −log(−log u), one for each logit, make its largest entry a sample of"
        " softmax(z)",
        "the hard sample is one-hot, and by convention has the slopes of this soft one (straight through)",
    ),
    sources=("jang-2017", "maddison-2017", "pytorch-gumbel-softmax"),
)
@layer()
def gumbel_softmax(z: Array, noise: Array, *, temperature: float = 1.0) -> tuple[Array, Pullback]:
    """Relaxed sample of a class, y = softmax((z + noise)/T).  z, noise: (..., d) -> y: (..., d).

    T is the temperature, and softmax goes along the last axis. With v the cotangent of y, ∂C/∂z = y ⊙ (v − Σ v·y)/T,
    Σ over the entries of a row, and the same by the noise. Raises ValueError for noise of another shape, and rows of
    nothing.
    """
    if noise.shape != z.shape:
        raise ValueError(f"noise has shape {noise.shape}, z has shape {z.shape}: a number for each logit")
    part = 0.5 if np.isinf(z + noise).any() else 1.0  # of the sum, so that it does not overflow
    y, pull = softmax(part * z + part * noise, temperature=part * temperature)  # (..., d)

    def pullback(v: Array) -> Gradients:
        delta = pull(v) * part  # (..., d)
        return {"z": delta, "noise": delta}

    return y, pullback
