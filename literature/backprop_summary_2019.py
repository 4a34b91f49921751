"""Backprop chapter summary (2019): Nielsen's notation, matrices on columns, a general σ, mini-batches."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Network, Source

ANY = (Network(activation="tanh"), Network(cost="bce"), Network(sizes=(2, 3, 2, 3, 1), activation="silu"))
BATCH = (Network(sizes=(3, 4, 2), activation="tanh", examples=3), Network(sizes=(2, 3, 2), cost="bce", examples=4))
Equal = Iterator[tuple[Any, ...]]


def notation(net: Any) -> SimpleNamespace:
    """w[l][j, k] from k to j; z, a, delta of one example; a_x[x][l], … of every example x of a mini-batch."""
    d = net.d
    example = net.examples[0]
    return SimpleNamespace(
        d=d, L=net.L, layers=net.layers, hidden=net.hidden, w=net.w, b=net.b, sigma=net.sigma,
        sigma_prime=net.prime(net.sigma), a=example.a, z=example.z, y=example.y, C=net.C, C_one=example.C,
        delta={l: d(example.C, example.z[l]) for l in net.layers}, m=len(net.examples),
        a_x=[e.a for e in net.examples], z_x=[e.z for e in net.examples], C_x=[e.C for e in net.examples],
        delta_x=[{l: d(e.C, e.z[l]) for l in net.layers} for e in net.examples], eta=net.draw(low=0.1, high=1.0),
    )  # fmt: skip


claim = Source("backprop-summary-2019", notation, ANY)


@claim(
    "weight",
    "notation",
    r"w_{jk}^l: \text{ from the } k\text{-th neuron of layer } l-1 \text{ to the } j\text{-th of layer } l",
)
def weight(s: Any) -> Equal:
    # The weight from k to j is what a_k is multiplied with in z_j.
    for l in s.hidden:
        for j in range(len(s.z[l + 1])):
            for k in range(len(s.a[l])):
                yield s.d(s.z[l + 1][j], s.a[l][k]), s.w[l + 1][j, k]


@claim("feedforward", "notation", r"a^l_j = \sigma\Big(\sum_k w^l_{jk} a^{l-1}_k + b^l_j\Big)")
def feedforward(s: Any) -> Equal:
    for l in s.layers:
        a = s.a[l - 1]
        for j in range(len(s.b[l])):
            yield s.a[l][j], s.sigma(sum(s.w[l][j, k] * a[k] for k in range(len(a))) + s.b[l][j])


@claim("feedforward-vector", "notation", r"a^l = \sigma(w^l a^{l-1} + b^l)")
def feedforward_vector(s: Any) -> Equal:
    for l in s.layers:
        yield s.a[l], s.sigma(s.w[l] @ s.a[l - 1] + s.b[l])


@claim(
    "mean-cost",
    "goal of backprop",
    r"C = \frac{1}{n} \sum_x C_x",
    networks=BATCH,
    assumptions=("the cost is an average over the training examples", "it depends on the network by its outputs only"),
    remark="An assumption on the cost; what is checked is that differentiation passes through the mean.",
)
def mean_cost(s: Any) -> Equal:
    yield s.C, sum(s.C_x) / len(s.C_x)
    for l in s.layers:
        yield s.d(s.C, s.w[l]), sum(s.d(C_x, s.w[l]) for C_x in s.C_x) / len(s.C_x)


@claim(
    "quadratic-cost",
    "example cost function",
    r"C = \frac{1}{2} \|y - a^L\|^2 = \frac{1}{2} \sum_j (y_j - a^L_j)^2",
    networks=(Network(), Network(activation="tanh")),
    supports=("cost/quadratic",),
    convention="C is the cost of one example here (Cₓ of the mean); over a training set the mean is taken.",
)
def quadratic_cost(s: Any) -> Equal:
    r = s.y - s.a[s.L]
    yield s.C_one, r @ r / 2, sum((s.y[j] - s.a[s.L][j]) ** 2 for j in range(len(s.y))) / 2


@quadratic_cost.otherwise
def _(s: Any) -> Equal:
    # The mean over a training set of two: this example and the same input with other targets.
    t = s.y + 1
    a = s.a[s.L]
    yield (s.C_one + sum((t - a) ** 2) / 2) / 2, sum((s.y - a) ** 2) / 2


@claim(
    "error-definition",
    "error of neuron",
    r"\delta^l_j \equiv \frac{\partial C}{\partial z^l_j}",
    networks=BATCH,
    convention="C is the cost Cₓ of the one example that zˡ belongs to, as the algorithm (step 3 of SGD) writes it.",
)
def error_definition(s: Any) -> Equal:
    for x in range(s.m):
        for l in s.layers:
            yield s.delta_x[x][l], s.d(s.C_x[x], s.z_x[x][l])


@error_definition.otherwise
def _(s: Any) -> Equal:
    # C the mean over n examples, as the section before defines it: every error is n times smaller.
    for x in range(s.m):
        for l in s.layers:
            yield s.delta_x[x][l], s.d(s.C, s.z_x[x][l])


@claim(
    "output-error",
    "four equations, first",
    r"\delta^L_j = \frac{\partial C}{\partial a^L_j} \sigma'(z^L_j)",
    supports=("network/bp1",),
)
def output_error(s: Any) -> Equal:
    a, z = s.a[s.L], s.z[s.L]
    for j in range(len(a)):
        yield s.delta[s.L][j], s.d(s.C, a[j]) * s.sigma_prime(z[j])


@claim(
    "output-error-vector",
    "four equations, first",
    r"\delta^L = \nabla_a C \odot \sigma'(z^L)",
    supports=("network/bp1",),
)
def output_error_vector(s: Any) -> Equal:
    yield s.delta[s.L], s.d(s.C, s.a[s.L]) * s.sigma_prime(s.z[s.L])


@claim(
    "hidden-error",
    "four equations, second",
    r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)",
    supports=("network/bp2",),
)
def hidden_error(s: Any) -> Equal:
    for l in s.hidden:
        yield s.delta[l], (s.w[l + 1].T @ s.delta[l + 1]) * s.sigma_prime(s.z[l])


@claim(
    "bias-gradient",
    "four equations, third",
    r"\frac{\partial C}{\partial b^l_j} = \delta^l_j",
    supports=("network/bp3",),
)
def bias_gradient(s: Any) -> Equal:
    for l in s.layers:
        for j in range(len(s.b[l])):
            yield s.d(s.C, s.b[l][j]), s.delta[l][j]


@claim(
    "weight-gradient",
    "four equations, fourth",
    r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j",
    supports=("network/bp4",),
)
def weight_gradient(s: Any) -> Equal:
    for l in s.layers:
        for j in range(len(s.b[l])):
            for k in range(len(s.a[l - 1])):
                yield s.d(s.C, s.w[l][j, k]), s.a[l - 1][k] * s.delta[l][j]


@claim(
    "algorithm-1-input",
    "backprop algorithm, step 1",
    r"a^1 = x",
    remark="It sets the input; checked is that the weighted input of layer 2 is fed by it.",
)
def algorithm_input(s: Any) -> Equal:
    yield s.z[2], s.w[2] @ s.a[1] + s.b[2]


@claim(
    "algorithm-2-feedforward",
    "backprop algorithm, step 2",
    r"z^l = w^l a^{l-1} + b^l, \quad a^l = \sigma(z^l), \quad l = 2, 3, \dots, L",
)
def algorithm_feedforward(s: Any) -> Equal:
    a = s.a[1]
    for l in range(2, s.L + 1):
        z = s.w[l] @ a + s.b[l]
        a = s.sigma(z)
        yield s.z[l], z
        yield s.a[l], a


@claim(
    "algorithm-3-output-error",
    "backprop algorithm, step 3",
    r"\delta^L = \nabla_a C \odot \sigma'(z^L)",
    supports=("network/bp1",),
)
def algorithm_output_error(s: Any) -> Equal:
    yield s.d(s.C, s.z[s.L]), s.d(s.C, s.a[s.L]) * s.sigma_prime(s.z[s.L])


def backpropagated(s: Any, a: Any, z: Any, C: Any) -> dict[int, Any]:
    """Steps 3 and 4 run as an algorithm: every delta from the output error alone."""
    delta = {s.L: s.d(C, a[s.L]) * s.sigma_prime(z[s.L])}
    for l in range(s.L - 1, 1, -1):
        delta[l] = (s.w[l + 1].T @ delta[l + 1]) * s.sigma_prime(z[l])
    return delta


@claim(
    "algorithm-4-backpropagate",
    "backprop algorithm, step 4",
    r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l), \quad l = L-1, L-2, \dots, 2",
    supports=("network/bp2",),
)
def algorithm_backpropagate(s: Any) -> Equal:
    delta = backpropagated(s, s.a, s.z, s.C)
    for l in s.layers:
        yield s.d(s.C, s.z[l]), delta[l]


@claim(
    "algorithm-5-output",
    "backprop algorithm, step 5",
    r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j, \quad \frac{\partial C}{\partial b^l_j} = "
    r"\delta^l_j",
    supports=("network/bp3", "network/bp4"),
)
def algorithm_output(s: Any) -> Equal:
    delta = backpropagated(s, s.a, s.z, s.C)
    for l in s.layers:
        for j in range(len(s.b[l])):
            for k in range(len(s.a[l - 1])):
                yield s.d(s.C, s.w[l][j, k]), s.a[l - 1][k] * delta[l][j]
            yield s.d(s.C, s.b[l][j]), delta[l][j]


claim(
    "sgd-1-input",
    "stochastic gradient descent, step 1",
    r"x \in \text{a set of training examples}",
    unchecked="It names the input of the algorithm and sets nothing equal. How the set is chosen, and that a training "
    "set is gone through in such sets, is not part of the summary.",
)


@claim(
    "sgd-2-input",
    "stochastic gradient descent, step 2",
    r"a^{x,1} = x",
    networks=BATCH,
    remark="It sets the input; checked is that the weighted input of layer 2 is fed by it, example by example.",
)
def sgd_input(s: Any) -> Equal:
    for x in range(s.m):
        yield s.z_x[x][2], s.w[2] @ s.a_x[x][1] + s.b[2]


@claim(
    "sgd-2-feedforward",
    "stochastic gradient descent, step 2",
    r"z^{x,l} = w^l a^{x,l-1} + b^l, \quad a^{x,l} = \sigma(z^{x,l}), \quad l = 2, 3, \dots, L",
    networks=BATCH,
)
def sgd_feedforward(s: Any) -> Equal:
    for x in range(s.m):
        for l in s.layers:
            yield s.z_x[x][l], s.w[l] @ s.a_x[x][l - 1] + s.b[l]
            yield s.a_x[x][l], s.sigma(s.z_x[x][l])


@claim(
    "sgd-2-output-error",
    "stochastic gradient descent, step 2",
    r"\delta^{x,L} = \nabla_a C_x \odot \sigma'(z^{x,L})",
    networks=BATCH,
    supports=("network/bp1",),
)
def sgd_output_error(s: Any) -> Equal:
    for x in range(s.m):
        yield s.delta_x[x][s.L], s.d(s.C_x[x], s.a_x[x][s.L]) * s.sigma_prime(s.z_x[x][s.L])


@claim(
    "sgd-2-backpropagate",
    "stochastic gradient descent, step 2",
    r"\delta^{x,l} = ((w^{l+1})^T \delta^{x,l+1}) \odot \sigma'(z^{x,l}), \quad l = L-1, L-2, \dots, 2",
    networks=BATCH,
    supports=("network/bp2",),
)
def sgd_backpropagate(s: Any) -> Equal:
    for x in range(s.m):
        delta = backpropagated(s, s.a_x[x], s.z_x[x], s.C_x[x])
        for l in s.hidden:
            yield s.delta_x[x][l], delta[l]


@claim(
    "sgd-3-weights",
    "stochastic gradient descent, step 3",
    r"w^l \rightarrow w^l - \frac{\eta}{m} \sum_x \delta^{x,l} (a^{x,l-1})^T, \quad l = L, L-1, \dots, 2",
    networks=BATCH,
    supports=("update/sgd", "network/bp4"),
    assumptions=("m examples in the mini-batch",),
)
def sgd_weights(s: Any) -> Equal:
    for l in s.layers:
        total = sum(np.outer(s.delta_x[x][l], s.a_x[x][l - 1]) for x in range(s.m))
        yield s.w[l] - s.eta * s.d(s.C, s.w[l]), s.w[l] - s.eta / s.m * total


@claim(
    "sgd-3-biases",
    "stochastic gradient descent, step 3",
    r"b^l \rightarrow b^l - \frac{\eta}{m} \sum_x \delta^{x,l}, \quad l = L, L-1, \dots, 2",
    networks=BATCH,
    supports=("update/sgd", "network/bp3"),
    assumptions=("m examples in the mini-batch",),
)
def sgd_biases(s: Any) -> Equal:
    for l in s.layers:
        total = sum(s.delta_x[x][l] for x in range(s.m))
        yield s.b[l] - s.eta * s.d(s.C, s.b[l]), s.b[l] - s.eta / s.m * total
