"""Deriving Backpropagation for Neural Networks: two layers, sigmoid, cross-entropy, dz/dW/db on columns."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import BATCHMEAN, Network, Source

Equal = Iterator[tuple[Any, ...]]


def notation(net: Any) -> SimpleNamespace:
    """W[1], b[1] into the hidden layer, W[2], b[2] into the output ŷ = a[2]; columns; dv stands for ∂L/∂v."""
    d = net.d
    e = net.examples[0]
    L, z, a = e.C, {1: e.z[2], 2: e.z[3]}, {1: e.a[2], 2: e.a[3]}
    W, b = {1: net.w[2], 2: net.w[3]}, {1: net.b[2], 2: net.b[3]}
    return SimpleNamespace(
        d=d, sigma=net.sigma, sigma_prime=net.prime(net.sigma), x=e.a[1], y=e.y, y_hat=a[2], L=L, z=z, a=a, W=W, b=b,
        dz={k: d(L, z[k]) for k in z}, dW={k: d(L, W[k]) for k in W}, db={k: d(L, b[k]) for k in b},
        alpha=net.draw(low=0.1, high=1.0), points=net.examples, draw=net.draw, native=net.native,
    )  # fmt: skip


claim = Source(
    "deriving-backprop", notation, (Network(sizes=(3, 4, 1), cost="bce"), Network(sizes=(2, 3, 2), cost="bce"))
)
SETTING = ("sigmoid in both layers", "binary cross-entropy", "one example at a time")
PRODUCT = (
    "The factors are Jacobians and the product contracts the index between neighbours; written as matrices in the "
    "order printed it takes the numerator layout, ∂y/∂x with a row for each entry of y."
)


def contract(*jacobians: Any) -> Any:
    """Product of Jacobians in the order printed: the last axis of one against the first of the next."""
    product = jacobians[0]
    for jacobian in jacobians[1:]:
        product = np.tensordot(product, jacobian, axes=(-1, 0))
    return product


def from_column(column: Any, *jacobians: Any) -> Any:
    """The product begun with ∂L/∂z as a column, as the list of gradients writes dz: the layouts clash."""
    return contract(column[:, None], *jacobians)


@claim(
    "chain-z2",
    "chain rule, z[2]",
    r"\frac{\partial L}{\partial z^{[2]}} = \frac{\partial L}{\partial a^{[2]}}\frac{\partial a^{[2]}}{\partial "
    r"z^{[2]}}",
    convention=PRODUCT,
)
def chain_z2(s: Any) -> Equal:
    yield s.d(s.L, s.z[2]), contract(s.d(s.L, s.a[2]), s.d(s.a[2], s.z[2]))


@chain_z2.otherwise
def _(s: Any) -> Equal:
    yield s.d(s.L, s.z[2]), from_column(s.d(s.L, s.a[2]), s.d(s.a[2], s.z[2]))


@claim(
    "chain-W2",
    "chain rule, W[2]",
    r"\frac{\partial L}{\partial W^{[2]}} = \frac{\partial L}{\partial z^{[2]}}\frac{\partial z^{[2]}}{\partial "
    r"W^{[2]}}",
    convention=PRODUCT,
)
def chain_W2(s: Any) -> Equal:
    yield s.d(s.L, s.W[2]), contract(s.d(s.L, s.z[2]), s.d(s.z[2], s.W[2]))


@chain_W2.otherwise
def _(s: Any) -> Equal:
    yield s.d(s.L, s.W[2]), from_column(s.d(s.L, s.z[2]), s.d(s.z[2], s.W[2]))


@claim(
    "chain-b2",
    "chain rule, b[2]",
    r"\frac{\partial L}{\partial b^{[2]}} = \frac{\partial L}{\partial z^{[2]}}\frac{\partial z^{[2]}}{\partial "
    r"b^{[2]}}",
    convention=PRODUCT,
)
def chain_b2(s: Any) -> Equal:
    yield s.d(s.L, s.b[2]), contract(s.d(s.L, s.z[2]), s.d(s.z[2], s.b[2]))


@chain_b2.otherwise
def _(s: Any) -> Equal:
    yield s.d(s.L, s.b[2]), from_column(s.d(s.L, s.z[2]), s.d(s.z[2], s.b[2]))


@claim(
    "chain-W1",
    "chain rule, W[1]",
    r"\frac{\partial L}{\partial W^{[1]}} = \frac{\partial L}{\partial z^{[2]}} \frac{\partial z^{[2]}}{\partial "
    r"a^{[1]}} \frac{\partial a^{[1]}}{\partial z^{[1]}} \frac{\partial z^{[1]}}{\partial W^{[1]}}",
    convention=PRODUCT,
)
def chain_W1(s: Any) -> Equal:
    d, z, a = s.d, s.z, s.a
    yield d(s.L, s.W[1]), contract(d(s.L, z[2]), d(z[2], a[1]), d(a[1], z[1]), d(z[1], s.W[1]))


@chain_W1.otherwise
def _(s: Any) -> Equal:
    d, z, a = s.d, s.z, s.a
    yield d(s.L, s.W[1]), from_column(d(s.L, z[2]), d(z[2], a[1]), d(a[1], z[1]), d(z[1], s.W[1]))


@claim(
    "chain-b1",
    "chain rule, b[1]",
    r"\frac{\partial L}{\partial b^{[1]}} = \frac{\partial L}{\partial z^{[2]}} \frac{\partial z^{[2]}}{\partial "
    r"a^{[1]}} \frac{\partial a^{[1]}}{\partial z^{[1]}} \frac{\partial z^{[1]}}{\partial b^{[1]}}",
    convention=PRODUCT,
)
def chain_b1(s: Any) -> Equal:
    d, z, a = s.d, s.z, s.a
    yield d(s.L, s.b[1]), contract(d(s.L, z[2]), d(z[2], a[1]), d(a[1], z[1]), d(z[1], s.b[1]))


@chain_b1.otherwise
def _(s: Any) -> Equal:
    d, z, a = s.d, s.z, s.a
    yield d(s.L, s.b[1]), from_column(d(s.L, z[2]), d(z[2], a[1]), d(a[1], z[1]), d(z[1], s.b[1]))


@claim(
    "prediction",
    "loss function",
    r"a^{[2]} = \hat{y}",
    remark="It names the output; checked is that a⁽²⁾ is what z = Wa + b and σ make of x. The article does not print "
    "the affine maps, but its gradients are theirs.",
)
def prediction(s: Any) -> Equal:
    yield s.y_hat, s.sigma(s.W[2] @ s.sigma(s.W[1] @ s.x + s.b[1]) + s.b[2])


@claim(
    "loss",
    "loss function",
    r"L(\hat{y},y) = -(y\log\hat{y} + (1-y)\log(1-\hat{y}))",
    networks=(Network(sizes=(3, 4, 1), cost="bce"),),
    supports=("cost/binary_cross_entropy",),
    assumptions=SETTING,
)
def loss(s: Any) -> Equal:
    (y,), (y_hat,) = s.y, s.y_hat
    yield s.L, -(y * np.log(y_hat) + (1 - y) * np.log(1 - y_hat))


@claim(
    "activations",
    "activation function",
    r"a^{[1]} = \sigma(z^{[1]}) = \frac{1}{1+e^{-z^{[1]}}}, \quad a^{[2]} = \sigma(z^{[2]}) = \frac{1}{1+e^{-z^{[2]}}}",
    supports=("activation/sigmoid",),
)
def activations(s: Any) -> Equal:
    for k in (1, 2):
        yield s.a[k], s.sigma(s.z[k]), 1 / (1 + np.exp(-s.z[k]))


@claim(
    "dz2",
    "list of gradients, line 1",
    r"dz^{[2]} = a^{[2]} - y",
    supports=("cost/binary_cross_entropy_logits", "network/bp1"),
    assumptions=(*SETTING, BATCHMEAN),
)
def dz2(s: Any) -> Equal:
    yield s.dz[2], s.a[2] - s.y


@claim(
    "dW2",
    "list of gradients, line 2",
    r"dW^{[2]} = dz^{[2]} a^{[1]T}",
    supports=("network/bp4",),
    assumptions=SETTING,
)
def dW2(s: Any) -> Equal:
    yield s.dW[2], s.dz[2][:, None] @ s.a[1][None, :]


@claim("db2", "list of gradients, line 3", r"db^{[2]} = dz^{[2]}", supports=("network/bp3",), assumptions=SETTING)
def db2(s: Any) -> Equal:
    yield s.db[2], s.dz[2]


@claim(
    "dz1",
    "list of gradients, line 4",
    r"dz^{[1]} = W^{[2]T} dz^{[2]} * \sigma'(z^{[1]})",
    supports=("network/bp2",),
    assumptions=(*SETTING, "* multiplies entry by entry, after the matrix product"),
)
def dz1(s: Any) -> Equal:
    yield s.dz[1], (s.W[2].T @ s.dz[2]) * s.sigma_prime(s.z[1])


@claim(
    "dW1",
    "list of gradients, line 5",
    r"dW^{[1]} = dz^{[1]} x^T",
    supports=("network/bp4",),
    assumptions=SETTING,
)
def dW1(s: Any) -> Equal:
    yield s.dW[1], s.dz[1][:, None] @ s.x[None, :]


@claim("db1", "list of gradients, line 6", r"db^{[1]} = dz^{[1]}", supports=("network/bp3",), assumptions=SETTING)
def db1(s: Any) -> Equal:
    yield s.db[1], s.dz[1]


def label(point: Any) -> int:
    """The class of a point: its target rounded."""
    return int(point.y[0] > 0.5)


def missed(point: Any) -> bool:
    """Whether the network puts a point into the wrong class."""
    return int(point.a[3][0] > 0.5) != label(point)


def point_loss(point: Any) -> Any:
    """Cross-entropy of a point with its class for a target."""
    (y_hat,) = point.a[3]
    return -np.log(y_hat if label(point) else 1 - y_hat)


def mean_gradient(s: Any, chosen: list[Any]) -> Any:
    """Mean of ∂L/∂W⁽²⁾ over the chosen points: the direction that picking one of them at random follows on average."""
    return sum(s.d(point_loss(p), s.W[2]) for p in chosen) / len(chosen)


@claim(
    "choice-of-point",
    "stochastic gradient descent, choice of the point",
    r"x \sim \text{misclassified points}",
    networks=(Network(sizes=(2, 3, 1), cost="bce", examples=12),),
    supports=("update/sgd",),
    assumptions=("the loss to be reduced is the mean cross-entropy of the samples",),
    wrong="All formulas of the article hold; this is about a word of the procedure. If only misclassified points are "
    "drawn, the step does not follow the cross-entropy on average, because a correctly classified point has a gradient "
    "too, and the procedure halts once no point is misclassified although the loss can still fall. Choosing among "
    "misclassified points belongs to the perceptron.",
    charity="Right for the perceptron's loss max(0, −yz), y = ±1, whose gradient vanishes at correctly classified "
    "points: over all points it adds up to that over the misclassified ones.",
)
def choice_of_point(s: Any) -> Equal:
    yield mean_gradient(s, s.points), mean_gradient(s, [p for p in s.points if missed(p)])


@choice_of_point.again
def _(s: Any) -> Equal:
    # The points that are never drawn contribute nothing; what they would contribute must then vanish. It does not.
    kept = [p for p in s.points if (p.a[3][0] - 0.5) * (label(p) - 0.5) > 0]
    total = sum(s.d(point_loss(p), s.b[2]) for p in kept)
    yield total, 0 * total


@choice_of_point.corrected(r"x \sim \text{all points, uniformly}: \quad \mathbb{E}_x \frac{\partial L_x}{\partial W} = "
                           r"\frac{\partial}{\partial W} \frac{1}{n} \sum_x L_x")  # fmt: skip
def _(s: Any) -> Equal:
    yield s.d(sum(map(point_loss, s.points)) / len(s.points), s.W[2]), mean_gradient(s, s.points)


@choice_of_point.charitable(r"L = \max(0, -yz), \quad y = \pm 1")
def _(s: Any) -> Equal:
    relu = s.native("relu")
    losses = [relu(-(2 * label(p) - 1) * p.z[3][0]) for p in s.points]
    everyone = sum(s.d(loss, s.W[2]) for loss in losses)
    yield everyone, sum(s.d(loss, s.W[2]) for p, loss in zip(s.points, losses, strict=True) if missed(p))


@choice_of_point.smallest(
    "With ŷ = σ(wx), w = 1 and two points, x = 2 with y = 1, which is classified rightly, and x = 1 with y = 0, which "
    "is not, the gradient of the mean loss is {meant}; the only point that may be drawn gives {claimed}."
)
def _(s: Any) -> Equal:
    w, sigma = s.number(1), s.native("sigmoid")
    right, wrong = -np.log(sigma(2 * w)), -np.log(1 - sigma(1 * w))
    yield s.d((right + wrong) / 2, w), s.d(wrong, w)


def gradients(s: Any) -> tuple[dict[int, Any], dict[int, Any]]:
    """dW and db by the list of gradients, from the activations alone."""
    dz2 = s.a[2] - s.y
    dz1 = (s.W[2].T @ dz2) * s.a[1] * (1 - s.a[1])
    return {2: np.outer(dz2, s.a[1]), 1: np.outer(dz1, s.x)}, {2: dz2, 1: dz1}


@claim(
    "update-weights",
    "parameter updates, lines 1 and 3",
    r"W^{[2]} := W^{[2]} - \alpha * dW^{[2]}, \quad W^{[1]} := W^{[1]} - \alpha * dW^{[1]}",
    supports=("update/sgd",),
    remark="The four lines are given after all gradients, so W⁽²⁾ is not changed before dz⁽¹⁾ needs it.",
)
def update_weights(s: Any) -> Equal:
    dW, _ = gradients(s)
    for k in (2, 1):
        yield s.W[k] - s.alpha * s.d(s.L, s.W[k]), s.W[k] - s.alpha * dW[k]


@claim(
    "update-biases",
    "parameter updates, lines 2 and 4",
    r"b^{[2]} := b^{[2]} - \alpha * db^{[2]}, \quad b^{[1]} := b^{[1]} - \alpha * db^{[1]}",
    supports=("update/sgd",),
)
def update_biases(s: Any) -> Equal:
    _, db = gradients(s)
    for k in (2, 1):
        yield s.b[k] - s.alpha * s.d(s.L, s.b[k]), s.b[k] - s.alpha * db[k]


claim(
    "convergence",
    "stochastic gradient descent, end",
    r"\text{until convergence}",
    unchecked="No criterion is given. With a fixed α, single-example steps do not converge in general but settle "
    "into fluctuations around a minimum.",
)
