"""Dive into Deep Learning: one hidden layer without biases and L2 regularization; Adam."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Source

Equal = Iterator[tuple[Any, ...]]


def notation(scene: Any) -> SimpleNamespace:
    """Columns: z = W1 x, h = φ(z), o = W2 h, no biases; loss L of o, penalty s, objective J = L + s."""
    W1, W2, x, y, lam = scene.draw(3, 2), scene.draw(2, 3), scene.draw(2), scene.draw(2), scene.draw(low=0.1, high=1.0)
    phi = scene.native("tanh")
    z = W1 @ x
    h = phi(z)
    o = W2 @ h
    L = sum(scene.native("half_square")(a, t) for a, t in zip(o, y, strict=True))
    penalty = lam / 2 * ((W1**2).sum() + (W2**2).sum())
    return SimpleNamespace(
        d=scene.d, draw=scene.draw, W1=W1, W2=W2, x=x, y=y, lam=lam, phi=phi, phi_prime=scene.prime(phi), z=z, h=h, o=o,
        L=L, s=penalty, J=L + penalty,
    )  # fmt: skip


claim = Source("d2l", notation)
PLACE = "forward propagation, backward propagation and computational graphs"


@claim("objective", f"{PLACE}, backpropagation", r"J = L + s: \quad \frac{\partial J}{\partial L} = 1, \quad "
       r"\frac{\partial J}{\partial s} = 1")  # fmt: skip
def objective(s: Any) -> Equal:
    yield s.d(s.J, s.L), 1
    yield s.d(s.J, s.s), 1


@claim("output-gradient", f"{PLACE}, backpropagation",
       r"\frac{\partial J}{\partial \mathbf{o}} = \mathrm{prod}\Big(\frac{\partial J}{\partial L}, \frac{\partial "
       r"L}{\partial \mathbf{o}}\Big) = \frac{\partial L}{\partial \mathbf{o}}")  # fmt: skip
def output_gradient(s: Any) -> Equal:
    yield s.d(s.J, s.o), s.d(s.J, s.L) * s.d(s.L, s.o), s.d(s.L, s.o)


@claim("penalty-gradient", f"{PLACE}, backpropagation",
       r"\frac{\partial s}{\partial \mathbf{W}^{(1)}} = \lambda \mathbf{W}^{(1)}, \quad \frac{\partial s}{\partial "
       r"\mathbf{W}^{(2)}} = \lambda \mathbf{W}^{(2)}", supports=("regularizer/l2",))  # fmt: skip
def penalty_gradient(s: Any) -> Equal:
    yield s.d(s.s, s.W1), s.lam * s.W1
    yield s.d(s.s, s.W2), s.lam * s.W2


@claim("output-weights", f"{PLACE}, backpropagation",
       r"\frac{\partial J}{\partial \mathbf{W}^{(2)}} = \frac{\partial J}{\partial \mathbf{o}} \mathbf{h}^\top + "
       r"\lambda \mathbf{W}^{(2)}", supports=("network/bp4", "regularizer/l2"))  # fmt: skip
def output_weights(s: Any) -> Equal:
    yield s.d(s.J, s.W2), np.outer(s.d(s.J, s.o), s.h) + s.lam * s.W2


@claim("hidden-gradient", f"{PLACE}, backpropagation",
       r"\frac{\partial J}{\partial \mathbf{h}} = {\mathbf{W}^{(2)}}^\top \frac{\partial J}{\partial \mathbf{o}}",
       supports=("network/bp2",))  # fmt: skip
def hidden_gradient(s: Any) -> Equal:
    yield s.d(s.J, s.h), s.W2.T @ s.d(s.J, s.o)


@claim("preactivation-gradient", f"{PLACE}, backpropagation",
       r"\frac{\partial J}{\partial \mathbf{z}} = \frac{\partial J}{\partial \mathbf{h}} \odot \phi'(\mathbf{z})",
       supports=("network/bp2",))  # fmt: skip
def preactivation_gradient(s: Any) -> Equal:
    yield s.d(s.J, s.z), s.d(s.J, s.h) * s.phi_prime(s.z)


@claim("input-weights", f"{PLACE}, backpropagation",
       r"\frac{\partial J}{\partial \mathbf{W}^{(1)}} = \frac{\partial J}{\partial \mathbf{z}} \mathbf{x}^\top + "
       r"\lambda \mathbf{W}^{(1)}", supports=("network/bp4", "regularizer/l2"))  # fmt: skip
def input_weights(s: Any) -> Equal:
    yield s.d(s.J, s.W1), np.outer(s.d(s.J, s.z), s.x) + s.lam * s.W1


@claim("adam-bias-correction", "Adam, the algorithm",
       r"\hat{\mathbf{v}}_t = \frac{\mathbf{v}_t}{1 - \beta_1^t}, \quad \mathbf{v}_t = \beta_1 \mathbf{v}_{t-1} + "
       r"(1 - \beta_1) \mathbf{g}_t, \; \mathbf{v}_0 = 0", supports=("update/adam",),
       remark="Checked by what the correction is for: with a constant gradient the corrected average is that "
              "gradient at every step.")  # fmt: skip
def adam_bias_correction(s: Any) -> Equal:
    g, beta = s.draw(3), s.draw(low=0.5, high=0.99)
    v = 0 * g
    for t in range(1, 6):
        v = beta * v + (1 - beta) * g
        yield g, v / (1 - beta**t)


@claim("geometric-sum", "Adam, the algorithm (revision 01bc4d0 of the text)",
       r"\sum_{i=0}^t \beta^i = \frac{1 - \beta^t}{1 - \beta}", supports=("update/adam",),
       wrong="The sum from 0 to t has t + 1 terms, so that the numerator is 1 − β^(t+1). The normalisation that "
             "the text derives from it, 1 − βᵗ, is that of t terms.",
       charity="Right with t − 1 above the sum.", remark="Mended since: later revisions print t − 1.")  # fmt: skip
def geometric_sum(s: Any) -> Equal:
    beta = s.draw(low=0.3, high=0.9)
    for t in range(1, 5):
        yield 1 + sum(beta**i for i in range(1, t + 1)), (1 - beta**t) / (1 - beta)


@geometric_sum.again
def _(s: Any) -> Equal:
    # By Horner's rule, multiplied out.
    beta = s.draw(low=0.3, high=0.9)
    total = 1 + 0 * beta
    for t in range(1, 5):
        total = 1 + beta * total
        yield total * (1 - beta), 1 - beta**t


@geometric_sum.corrected(r"\sum_{i=0}^{t-1} \beta^i = \frac{1 - \beta^t}{1 - \beta}")
def _(s: Any) -> Equal:
    beta = s.draw(low=0.3, high=0.9)
    for t in range(1, 5):
        yield 1 + sum(beta**i for i in range(1, t)), (1 - beta**t) / (1 - beta)


@geometric_sum.smallest("With β = ½ and t = 1 the sum 1 + β is {meant}; the right side is {claimed}.")
def _(s: Any) -> Equal:
    beta, t = s.number(1 / 2), 1
    yield 1 + beta, (1 - beta**t) / (1 - beta)
