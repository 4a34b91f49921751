"""Backpropagation 05, lecture notes: per-neuron sums, columns, σ′ spelled out for the sigmoid."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Network, Source

ANY = (Network(activation="tanh"), Network(cost="bce"), Network(sizes=(2, 3, 2, 3, 1), activation="silu"))
SIGMOID = (Network(cost="quadratic"), Network(cost="bce"))
Equal = Iterator[tuple[Any, ...]]


def notation(net: Any) -> SimpleNamespace:
    """w[l][j, k] from k to j, columns a[l] with l = 1 the input, δ = ∂C/∂z, C the cost of one example."""
    example = net.examples[0]
    return SimpleNamespace(
        d=net.d, L=net.L, layers=net.layers, hidden=net.hidden, w=net.w, b=net.b, a=example.a, z=example.z,
        y=example.y, C=example.C, delta={l: net.d(example.C, example.z[l]) for l in net.layers}, sigma=net.sigma,
        sigma_prime=net.prime(net.sigma), C_X=[e.C for e in net.examples], eta=net.draw(low=0.1, high=1.0),
    )  # fmt: skip


claim = Source("backprop-05", notation, ANY)


@claim(
    "step",
    "opening, gradient step",
    r"w' = w - \frac{\eta}{n} \sum_j \frac{\partial C_{X_i}}{\partial w}",
    networks=(Network(sizes=(2, 3, 1), examples=4), Network(sizes=(2, 2, 2), examples=3, cost="bce")),
    supports=("update/sgd",),
    assumptions=("the cost is the mean of the costs of n examples Xᵢ",),
    wrong="The sum runs over j, but the summand is indexed by i: n equal terms of one example add up to n times "
    "its gradient, so the step follows example i alone and not the mean over the examples.",
    charity="Right if the index of summation is read as the index of the example. Writing Σᵢ, or C with index Xⱼ, "
    "would say so.",
)
def step(s: Any) -> Equal:
    n, w = len(s.C_X), s.w[2]
    C = sum(s.C_X) / n
    for i in range(n):
        # w′ − w, so that the ratio is that of the steps.
        yield -s.eta * s.d(C, w), -s.eta / n * sum(s.d(s.C_X[i], w) for j in range(n))


@step.again
def _(s: Any) -> Equal:
    # Σⱼ of a term without j, j = 1 … n, is n times the term: w′ = w − η ∂C_{Xᵢ}/∂w.
    mean = sum(s.C_X[1:], s.C_X[0]) / len(s.C_X)
    for C_Xi in s.C_X:
        for j, k in [(0, 0), (1, 1)]:
            yield s.eta * s.d(mean, s.w[2][j, k]), s.eta * s.d(C_Xi, s.w[2][j, k])


@step.corrected(r"w' = w - \frac{\eta}{n} \sum_i \frac{\partial C_{X_i}}{\partial w}")
def _(s: Any) -> Equal:
    n = len(s.C_X)
    for l in s.layers:
        w = s.w[l]
        yield w - s.eta * s.d(sum(s.C_X) / n, w), w - s.eta / n * sum(s.d(s.C_X[i], w) for i in range(n))


@step.smallest(
    "With η = 1 and two examples whose costs are w and 3w, the step w′ − w along the mean gradient is {meant}; the sum "
    "over j with i = 1 gives {claimed}."
)
def _(s: Any) -> Equal:
    w, eta = s.number(1), s.number(1)
    C = [w, 3 * w]
    yield -eta * s.d((C[0] + C[1]) / 2, w), -eta / 2 * sum(s.d(C[0], w) for j in range(2))


@claim("weighted-input", "convention, per neuron", r"z^l_j = \sum_k w^l_{jk} a^{l-1}_k + b^l_j")
def weighted_input(s: Any) -> Equal:
    for l in s.layers:
        w, a, b = s.w[l], s.a[l - 1], s.b[l]
        for j in range(len(b)):
            yield s.z[l][j], sum(w[j, k] * a[k] for k in range(len(a))) + b[j]


@claim("activation", "convention, per neuron", r"a^l_j = \sigma(z^l_j)")
def activation(s: Any) -> Equal:
    for l in s.layers:
        for j in range(len(s.a[l])):
            yield s.a[l][j], s.sigma(s.z[l][j])


@claim("feedforward-vector", "convention, vectorised", r"a^l = \sigma(z^l), \quad z^l \equiv w^l a^{l-1} + b^l")
def feedforward_vector(s: Any) -> Equal:
    for l in s.layers:
        yield s.z[l], s.w[l] @ s.a[l - 1] + s.b[l]
        yield s.a[l], s.sigma(s.z[l])


@claim(
    "weight-gradient-derivation",
    "deriving the gradients, first display",
    r"\frac{\partial C}{\partial w^l_{jk}} = \frac{\partial C}{\partial z^l_j} \frac{\partial z^l_j}{\partial "
    r"w^l_{jk}} = \delta^l_j \frac{\partial}{\partial w^l_{jk}} \Big(\sum_m w^l_{jm} a^{l-1}_m + b^l_j\Big) = "
    r"\delta^l_j a^{l-1}_k",
    supports=("network/bp4",),
)
def weight_gradient_derivation(s: Any) -> Equal:
    for l in s.layers:
        w, a, b, z = s.w[l], s.a[l - 1], s.b[l], s.z[l]
        for j in range(len(b)):
            bracket = sum(w[j, m] * a[m] for m in range(len(a))) + b[j]
            yield z[j], bracket
            for k in range(len(a)):
                yield (
                    s.d(s.C, w[j, k]),
                    s.d(s.C, z[j]) * s.d(z[j], w[j, k]),
                    s.delta[l][j] * s.d(bracket, w[j, k]),
                    s.delta[l][j] * a[k],
                )


@claim(
    "hidden-error-derivation",
    "deriving the gradients, second display",
    r"\delta^l_j = \frac{\partial C}{\partial z^l_j} = \sum_m \frac{\partial C}{\partial z^{l+1}_m} \frac{\partial "
    r"z^{l+1}_m}{\partial z^l_j} = \sum_m \delta^{l+1}_m \frac{\partial}{\partial z^l_j} \Big(\sum_n w^{l+1}_{mn} "
    r"\sigma(z^l_n) + b^{l+1}_m\Big) = \sum_m \delta^{l+1}_m w^{l+1}_{mj} \sigma'(z^l_j) = \sigma'(z^l_j) \sum_m "
    r"\delta^{l+1}_m w^{l+1}_{mj}",
    supports=("network/bp2",),
)
def hidden_error_derivation(s: Any) -> Equal:
    for l in s.hidden:
        z, above, w, b, delta = s.z[l], s.z[l + 1], s.w[l + 1], s.b[l + 1], s.delta[l + 1]
        m_, n_ = range(len(above)), range(len(z))
        bracket = [sum(w[m, n] * s.sigma(z[n]) for n in n_) + b[m] for m in m_]
        yield above, np.array(bracket)
        for j in n_:
            slope = s.sigma_prime(z[j])
            yield (
                s.d(s.C, z[j]),
                sum(s.d(s.C, above[m]) * s.d(above[m], z[j]) for m in m_),
                sum(delta[m] * s.d(bracket[m], z[j]) for m in m_),
                sum(delta[m] * w[m, j] * slope for m in m_),
                slope * sum(delta[m] * w[m, j] for m in m_),
            )


@claim(
    "sigmoid-slope",
    "deriving the gradients, sigmoid",
    r"\sigma'(z) = \sigma(z) (1 - \sigma(z))",
    networks=SIGMOID,
    supports=("activation/sigmoid",),
    assumptions=("σ is the logistic sigmoid",),
)
def sigmoid_slope(s: Any) -> Equal:
    for l in s.layers:
        for z in s.z[l]:
            yield s.sigma_prime(z), s.sigma(z) * (1 - s.sigma(z))


@claim(
    "hidden-error-sigmoid",
    "deriving the gradients, last display",
    r"\delta^l_j = a^l_j (1 - a^l_j) \sum_m \delta^{l+1}_m w^{l+1}_{mj}",
    networks=SIGMOID,
    supports=("network/bp2", "activation/sigmoid"),
    assumptions=("σ is the logistic sigmoid",),
)
def hidden_error_sigmoid(s: Any) -> Equal:
    for l in s.hidden:
        a, w, delta = s.a[l], s.w[l + 1], s.delta[l + 1]
        for j in range(len(a)):
            yield s.delta[l][j], a[j] * (1 - a[j]) * sum(delta[m] * w[m, j] for m in range(len(delta)))


@claim(
    "algorithm-1-feedforward",
    "algorithm, step 1",
    r"z^l = w^l a^{l-1} + b^l, \quad a^l = \sigma(z^l), \quad l = 2, \dots, L",
    assumptions=("layer 1 is the input",),
)
def algorithm_feedforward(s: Any) -> Equal:
    a = s.a[1]
    for l in range(2, s.L + 1):
        z = s.w[l] @ a + s.b[l]
        a = s.sigma(z)
        yield s.z[l], z
        yield s.a[l], a


@claim(
    "algorithm-2-output-error",
    "algorithm, step 2",
    r"\delta^L = \nabla_a C \odot \sigma'(z^L)",
    supports=("network/bp1",),
)
def algorithm_output_error(s: Any) -> Equal:
    yield s.delta[s.L], s.d(s.C, s.a[s.L]) * s.sigma_prime(s.z[s.L])


@claim(
    "algorithm-3-backpropagate",
    "algorithm, step 3",
    r"\delta^l = a^l \odot (1 - a^l) \odot ((w^{l+1})^T \delta^{l+1}), \quad l = L-1, \dots, 2",
    networks=SIGMOID,
    supports=("network/bp2",),
    convention="σ is the logistic sigmoid in every hidden layer: step 3 has a(1 − a) where step 2 has a general σ′.",
)
def algorithm_backpropagate(s: Any) -> Equal:
    delta = s.delta[s.L]
    for l in range(s.L - 1, 1, -1):
        delta = s.a[l] * (1 - s.a[l]) * (s.w[l + 1].T @ delta)
        yield s.delta[l], delta


@algorithm_backpropagate.otherwise
def _(s: Any) -> Equal:
    # The same step in a network of tanh, whose slope is not a(1 − a).
    z, a = {}, {1: s.a[1]}
    for l in s.layers:
        z[l] = s.w[l] @ a[l - 1] + s.b[l]
        a[l] = np.tanh(z[l])
    C = sum((a[s.L] - s.y) ** 2) / 2
    for l in s.hidden:
        yield s.d(C, z[l]), a[l] * (1 - a[l]) * (s.w[l + 1].T @ s.d(C, z[l + 1]))


@claim(
    "algorithm-4-output",
    "algorithm, step 4",
    r"\frac{\partial C_{X_i}}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j, \quad \frac{\partial C_{X_i}}{\partial "
    r"b^l_j} = \delta^l_j",
    supports=("network/bp3", "network/bp4"),
)
def algorithm_output(s: Any) -> Equal:
    for l in s.layers:
        for j in range(len(s.b[l])):
            for k in range(len(s.a[l - 1])):
                yield s.d(s.C, s.w[l][j, k]), s.a[l - 1][k] * s.delta[l][j]
            yield s.d(s.C, s.b[l][j]), s.delta[l][j]
