"""Nielsen, Neural Networks and Deep Learning, chapters 2 and 3: the equations with their numbers."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

# Over 400 lines: two chapters of equations, each with its reading and its record.

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature import backprop_summary_2019
from literature.claim import BATCHMEAN, Network, Source

Equal = Iterator[tuple[Any, ...]]
ANY = (Network(activation="tanh"), Network(cost="bce"), Network(sizes=(2, 3, 2, 3, 1), activation="silu"))
QUADRATIC = (Network(), Network(sizes=(2, 3, 2), activation="tanh"))
BATCH = (Network(sizes=(3, 4, 2), activation="tanh", examples=3), Network(sizes=(2, 3, 2), cost="bce", examples=4))
NEURON = (Network(sizes=(3, 1), cost="bce", examples=4),)
ENTROPY = (Network(sizes=(2, 3, 2), cost="bce", examples=4), Network(sizes=(3, 2, 3), cost="bce", examples=2))


def notation(net: Any) -> SimpleNamespace:
    """As in the summary of 2019, which follows the book; x and y of every training example, λ and the size n."""
    s = backprop_summary_2019.notation(net)
    s.x = [e.a[1] for e in net.examples]
    s.y_x = [e.y for e in net.examples]
    s.lam, s.n, s.softmax, s.draw = net.draw(low=0.1, high=1.0), net.draw(low=5.0, high=9.0), net.softmax, net.draw
    return s


claim = Source("nielsen-2015", notation, ANY)


def diagonal(v: Any) -> Any:
    """Σ′: the square matrix with v on its diagonal."""
    return np.diag(np.ones(len(v), dtype=int)).astype(object) * v


# ---- Chapter 2 -------------------------------------------------------------------------------------------------


@claim("23", "ch. 2, (23)", r"a^l_j = \sigma\Big(\sum_k w^l_{jk} a^{l-1}_k + b^l_j\Big)")
def activation(s: Any) -> Equal:
    for l in s.layers:
        for j in range(len(s.b[l])):
            yield s.a[l][j], s.sigma(sum(s.w[l][j, k] * a for k, a in enumerate(s.a[l - 1])) + s.b[l][j])


@claim("25", "ch. 2, (25)", r"a^l = \sigma(w^l a^{l-1} + b^l)")
def activation_vector(s: Any) -> Equal:
    for l in s.layers:
        yield s.a[l], s.sigma(s.w[l] @ s.a[l - 1] + s.b[l])


@claim("26", "ch. 2, (26)", r"C = \frac{1}{2n} \sum_x \|y(x) - a^L(x)\|^2", supports=("cost/quadratic",),
       networks=(Network(examples=3), Network(sizes=(2, 2), examples=4)))  # fmt: skip
def quadratic_cost(s: Any) -> Equal:
    n = len(s.C_x)
    yield s.C, sum(((y - a[s.L]) ** 2).sum() for y, a in zip(s.y_x, s.a_x, strict=True)) / (2 * n)


@claim("27", "ch. 2, (27)", r"C = \frac{1}{2} \|y-a^L\|^2 = \frac{1}{2} \sum_j (y_j-a^L_j)^2", networks=QUADRATIC,
       supports=("cost/quadratic",), assumptions=("C stands for the cost Cₓ of one example",))  # fmt: skip
def quadratic_cost_one(s: Any) -> Equal:
    r = s.y - s.a[s.L]
    yield s.C_one, r @ r / 2, sum((s.y[j] - s.a[s.L][j]) ** 2 for j in range(len(r))) / 2


@claim("29", "ch. 2, (29)", r"\delta^l_j \equiv \frac{\partial C}{\partial z^l_j}",
       assumptions=("C stands for the cost Cₓ of one example",))  # fmt: skip
def error(s: Any) -> Equal:
    for l in s.layers:
        yield s.delta[l], s.d(s.C_one, s.z[l])


@claim(
    "bp1", "ch. 2, (BP1)", r"\delta^L_j = \frac{\partial C}{\partial a^L_j} \sigma'(z^L_j)", supports=("network/bp1",)
)
def bp1(s: Any) -> Equal:
    for j in range(len(s.y)):
        yield s.delta[s.L][j], s.d(s.C_one, s.a[s.L][j]) * s.sigma_prime(s.z[s.L][j])


@claim("bp1a", "ch. 2, (BP1a)", r"\delta^L = \nabla_a C \odot \sigma'(z^L)", supports=("network/bp1",))
def bp1a(s: Any) -> Equal:
    yield s.delta[s.L], s.d(s.C_one, s.a[s.L]) * s.sigma_prime(s.z[s.L])


@claim("30", "ch. 2, (30)", r"\delta^L = (a^L-y) \odot \sigma'(z^L)", networks=QUADRATIC,
       supports=("network/bp1", "cost/quadratic"), assumptions=("quadratic cost",))  # fmt: skip
def output_error_quadratic(s: Any) -> Equal:
    yield s.delta[s.L], (s.a[s.L] - s.y) * s.sigma_prime(s.z[s.L])


@claim("bp2", "ch. 2, (BP2)", r"\delta^l = ((w^{l+1})^T \delta^{l+1}) \odot \sigma'(z^l)", supports=("network/bp2",))
def bp2(s: Any) -> Equal:
    for l in s.hidden:
        yield s.delta[l], (s.w[l + 1].T @ s.delta[l + 1]) * s.sigma_prime(s.z[l])


@claim("bp3", "ch. 2, (BP3)", r"\frac{\partial C}{\partial b^l_j} = \delta^l_j", supports=("network/bp3",))
def bp3(s: Any) -> Equal:
    for l in s.layers:
        yield s.d(s.C_one, s.b[l]), s.delta[l]


@claim("bp4", "ch. 2, (BP4)", r"\frac{\partial C}{\partial w^l_{jk}} = a^{l-1}_k \delta^l_j", supports=("network/bp4",))
def bp4(s: Any) -> Equal:
    for l in s.layers:
        for j, k in np.ndindex(s.w[l].shape):
            yield s.d(s.C_one, s.w[l][j, k]), s.a[l - 1][k] * s.delta[l][j]


@claim("33", "ch. 2, (33)", r"\delta^L = \Sigma'(z^L) \nabla_a C", supports=("network/bp1",))
def bp1_matrix(s: Any) -> Equal:
    yield s.delta[s.L], diagonal(s.sigma_prime(s.z[s.L])) @ s.d(s.C_one, s.a[s.L])


@claim("34", "ch. 2, (34)", r"\delta^l = \Sigma'(z^l) (w^{l+1})^T \delta^{l+1}", supports=("network/bp2",))
def bp2_matrix(s: Any) -> Equal:
    for l in s.hidden:
        yield s.delta[l], diagonal(s.sigma_prime(s.z[l])) @ s.w[l + 1].T @ s.delta[l + 1]


@claim("35", "ch. 2, (35)",
       r"\delta^l = \Sigma'(z^l) (w^{l+1})^T \ldots \Sigma'(z^{L-1}) (w^L)^T \Sigma'(z^L) \nabla_a C",
       supports=("network/bp1", "network/bp2"))  # fmt: skip
def bp_product(s: Any) -> Equal:
    for l in s.hidden:
        product = diagonal(s.sigma_prime(s.z[l]))
        for k in range(l + 1, s.L + 1):
            product = product @ s.w[k].T @ diagonal(s.sigma_prime(s.z[k]))
        yield s.delta[l], product @ s.d(s.C_one, s.a[s.L])


@claim("37-39", "ch. 2, (37)–(39)",
       r"\delta^L_j = \sum_k \frac{\partial C}{\partial a^L_k} \frac{\partial a^L_k}{\partial z^L_j} = "
       r"\frac{\partial C}{\partial a^L_j} \frac{\partial a^L_j}{\partial z^L_j} = \frac{\partial C}{\partial "
       r"a^L_j} \sigma'(z^L_j)",
       supports=("network/bp1",))  # fmt: skip
def bp1_proof(s: Any) -> Equal:
    a, z, C, d = s.a[s.L], s.z[s.L], s.C_one, s.d
    for j in range(len(a)):
        yield (
            s.delta[s.L][j],
            sum(d(C, a[k]) * d(a[k], z[j]) for k in range(len(a))),
            d(C, a[j]) * d(a[j], z[j]),
            d(C, a[j]) * s.sigma_prime(z[j]),
        )


@claim("40-42", "ch. 2, (40)–(42)",
       r"\delta^l_j = \sum_k \frac{\partial C}{\partial z^{l+1}_k} \frac{\partial z^{l+1}_k}{\partial z^l_j} = "
       r"\sum_k \frac{\partial z^{l+1}_k}{\partial z^l_j} \delta^{l+1}_k", supports=("network/bp2",))  # fmt: skip
def bp2_proof(s: Any) -> Equal:
    for l in s.hidden:
        z, above = s.z[l], s.z[l + 1]
        for j in range(len(z)):
            slopes = [s.d(above[k], z[j]) for k in range(len(above))]
            yield (
                s.delta[l][j],
                sum(s.d(s.C_one, above[k]) * slope for k, slope in enumerate(slopes)),
                sum(slope * s.delta[l + 1][k] for k, slope in enumerate(slopes)),
            )


@claim("43-45", "ch. 2, (43)–(45)",
       r"z^{l+1}_k = \sum_j w^{l+1}_{kj} \sigma(z^l_j) + b^{l+1}_k, \; \frac{\partial z^{l+1}_k}{\partial z^l_j} = "
       r"w^{l+1}_{kj} \sigma'(z^l_j), \; \delta^l_j = \sum_k w^{l+1}_{kj} \delta^{l+1}_k \sigma'(z^l_j)",
       supports=("network/bp2",))  # fmt: skip
def bp2_components(s: Any) -> Equal:
    for l in s.hidden:
        z, above, w, b, delta = s.z[l], s.z[l + 1], s.w[l + 1], s.b[l + 1], s.delta[l + 1]
        slopes = s.sigma_prime(z)
        for k in range(len(above)):
            yield above[k], sum(w[k, j] * s.sigma(z[j]) for j in range(len(z))) + b[k]
        for j in range(len(z)):
            for k in range(len(above)):
                yield s.d(above[k], z[j]), w[k, j] * slopes[j]
            yield s.delta[l][j], sum(w[k, j] * delta[k] * slopes[j] for k in range(len(above)))


# ---- Chapter 3: the cross-entropy ------------------------------------------------------------------------------


@claim("55-56", "ch. 3, (55)–(56)",
       r"\frac{\partial C}{\partial w} = (a-y)\sigma'(z) x = a \sigma'(z), \quad \frac{\partial C}{\partial b} = "
       r"(a-y)\sigma'(z) = a \sigma'(z)", networks=(Network(sizes=(1, 1)),), supports=("cost/quadratic",),
       assumptions=("one neuron", "the last members with x = 1 and y = 0"))  # fmt: skip
def slowdown(s: Any) -> Equal:
    w, b, x, y, z = s.w[2][0, 0], s.b[2][0], s.a[1][0], s.y[0], s.z[2][0]
    yield s.d(s.C_one, w), (s.a[2][0] - y) * s.sigma_prime(z) * x
    yield s.d(s.C_one, b), (s.a[2][0] - y) * s.sigma_prime(z)
    toy = s.sigma(w * 1 + b)
    yield s.d((0 - toy) ** 2 / 2, w), toy * s.sigma_prime(w * 1 + b)


@claim("57", "ch. 3, (57)", r"C = -\frac{1}{n} \sum_x \left[y \ln a + (1-y) \ln (1-a)\right]", networks=NEURON,
       supports=("cost/binary_cross_entropy",))  # fmt: skip
def cross_entropy(s: Any) -> Equal:
    n = len(s.x)
    pairs = [(y[0], a[2][0]) for y, a in zip(s.y_x, s.a_x, strict=True)]
    yield s.C, -1 / n * sum(y * np.log(a) + (1 - y) * np.log(1 - a) for y, a in pairs)


@claim("58-60", "ch. 3, (58)–(60)",
       r"\frac{\partial C}{\partial w_j} = -\frac{1}{n} \sum_x \Big(\frac{y}{\sigma(z)} - "
       r"\frac{1-y}{1-\sigma(z)}\Big) \frac{\partial \sigma}{\partial w_j} = -\frac{1}{n} \sum_x "
       r"\Big(\frac{y}{\sigma(z)} - \frac{1-y}{1-\sigma(z)}\Big) \sigma'(z) x_j = \frac{1}{n} \sum_x "
       r"\frac{\sigma'(z) x_j}{\sigma(z)(1-\sigma(z))} (\sigma(z)-y)",
       networks=NEURON, supports=("cost/binary_cross_entropy",))  # fmt: skip
def cross_entropy_weights(s: Any) -> Equal:
    n, w = len(s.x), s.w[2][0]
    data = [(x, y[0], z[2][0]) for x, y, z in zip(s.x, s.y_x, s.z_x, strict=True)]
    bracket = [y / s.sigma(z) - (1 - y) / (1 - s.sigma(z)) for _, y, z in data]
    outputs = [a[2][0] for a in s.a_x]
    for j in range(len(w)):
        yield (
            s.d(s.C, w[j]),
            -1 / n * sum(b * s.d(a, w[j]) for b, a in zip(bracket, outputs, strict=True)),
            -1 / n * sum(b * s.sigma_prime(z) * x[j] for b, (x, _, z) in zip(bracket, data, strict=True)),
            1 / n * sum(
                s.sigma_prime(z) * x[j] / (s.sigma(z) * (1 - s.sigma(z))) * (s.sigma(z) - y) for x, y, z in data
            ),
        )  # fmt: skip


@claim("61-62", "ch. 3, (61)–(62)",
       r"\frac{\partial C}{\partial w_j} = \frac{1}{n} \sum_x x_j(\sigma(z)-y), \quad \frac{\partial C}{\partial "
       r"b} = \frac{1}{n} \sum_x (\sigma(z)-y)",
       networks=NEURON, supports=("cost/binary_cross_entropy_logits",))  # fmt: skip
def cross_entropy_simplified(s: Any) -> Equal:
    n = len(s.x)
    data = [(x, y[0], z[2][0]) for x, y, z in zip(s.x, s.y_x, s.z_x, strict=True)]
    for j, w in enumerate(s.w[2][0]):
        yield s.d(s.C, w), 1 / n * sum(x[j] * (s.sigma(z) - y) for x, y, z in data)
    yield s.d(s.C, s.b[2][0]), 1 / n * sum(s.sigma(z) - y for _, y, z in data)


@claim("63", "ch. 3, (63)", r"C = -\frac{1}{n} \sum_x \sum_j \left[y_j \ln a^L_j + (1-y_j) \ln (1-a^L_j)\right]",
       networks=ENTROPY, supports=("cost/binary_cross_entropy",), assumptions=(BATCHMEAN,))  # fmt: skip
def cross_entropy_layers(s: Any) -> Equal:
    total = sum((y * np.log(a[s.L]) + (1 - y) * np.log(1 - a[s.L])).sum() for y, a in zip(s.y_x, s.a_x, strict=True))
    yield s.C, -total / len(s.x)


@claim("cross-entropy-of-distributions", "ch. 3, after (63)", r"\sum_j p_j \ln q_j", networks=NEURON,
       supports=("cost/cross_entropy",),
       wrong="Named as the common definition of the cross-entropy of two distributions; that is the negative of "
             "this sum.",
       charity="Right for the expected log-likelihood of q under p, which is not positive.")  # fmt: skip
def distributions(s: Any) -> Equal:
    # For the pair of distributions that the text goes on to form, (y, 1 − y) and (a, 1 − a).
    for y, a, C in zip(s.y_x, s.a_x, s.C_x, strict=True):
        p, q = (y[0], 1 - y[0]), (a[2][0], 1 - a[2][0])
        yield C, sum(p[j] * np.log(q[j]) for j in range(2))


@distributions.again
def _(s: Any) -> Equal:
    # Of three classes: −ln of the probability of the true one, for p certain of it.
    q = s.softmax(s.draw(3))
    for true in range(3):
        p = [int(j == true) for j in range(3)]
        yield -np.log(q[true]), np.dot(p, np.log(q))


@distributions.corrected(r"-\sum_j p_j \ln q_j")
def _(s: Any) -> Equal:
    for y, a, C in zip(s.y_x, s.a_x, s.C_x, strict=True):
        p, q = (y[0], 1 - y[0]), (a[2][0], 1 - a[2][0])
        yield C, -sum(p[j] * np.log(q[j]) for j in range(2))


@distributions.smallest("With p = q = (½, ½) the cross-entropy is {meant}; the printed sum is {claimed}.")
def _(s: Any) -> Equal:
    half = s.number(1 / 2)
    yield s.native("bce")(half, 1 / 2), half * np.log(half) + half * np.log(half)


@claim("65", "ch. 3, (65)",
       r"\frac{\partial C}{\partial w^L_{jk}} = \frac{1}{n} \sum_x a^{L-1}_k (a^L_j-y_j) \sigma'(z^L_j)",
       networks=(Network(sizes=(2, 3, 2), examples=3),), supports=("network/bp4", "cost/quadratic"),
       assumptions=("quadratic cost",))  # fmt: skip
def output_weights_quadratic(s: Any) -> Equal:
    L, n = s.L, len(s.x)
    for j, k in np.ndindex(s.w[L].shape):
        terms = [
            a[L - 1][k] * (a[L][j] - y[j]) * s.sigma_prime(z[L][j]) for a, y, z in zip(s.a_x, s.y_x, s.z_x, strict=True)
        ]
        yield s.d(s.C, s.w[L][j, k]), sum(terms) / n


@claim("66-67", "ch. 3, (66)–(67)",
       r"\delta^L = a^L-y, \quad \frac{\partial C}{\partial w^L_{jk}} = \frac{1}{n} \sum_x a^{L-1}_k (a^L_j-y_j)",
       networks=ENTROPY, supports=("network/bp1", "network/bp4", "cost/binary_cross_entropy_logits"),
       assumptions=("sigmoid output layer", "cross-entropy", BATCHMEAN))  # fmt: skip
def output_entropy(s: Any) -> Equal:
    L, n = s.L, len(s.x)
    for delta, a, y in zip(s.delta_x, s.a_x, s.y_x, strict=True):
        yield delta[L], a[L] - y
    for j, k in np.ndindex(s.w[L].shape):
        yield (
            s.d(s.C, s.w[L][j, k]),
            sum(a[L - 1][k] * (a[L][j] - y[j]) for a, y in zip(s.a_x, s.y_x, strict=True)) / n,
        )


@claim("68-70", "ch. 3, (68)–(70)",
       r"\delta^L = a^L-y, \; \frac{\partial C}{\partial w^L_{jk}} = \frac{1}{n} \sum_x a^{L-1}_k (a^L_j-y_j), \; "
       r"\frac{\partial C}{\partial b^L_j} = \frac{1}{n} \sum_x (a^L_j-y_j)",
       networks=(Network(sizes=(2, 3), activation="identity", examples=3),), supports=("network/bp1", "cost/quadratic"),
       assumptions=("linear output layer", "quadratic cost"))  # fmt: skip
def output_linear(s: Any) -> Equal:
    L, n = s.L, len(s.x)
    residuals = [a[L] - y for a, y in zip(s.a_x, s.y_x, strict=True)]
    for delta, r in zip(s.delta_x, residuals, strict=True):
        yield delta[L], r
    yield s.d(s.C, s.w[L]), sum(np.outer(r, a[L - 1]) for r, a in zip(residuals, s.a_x, strict=True)) / n
    yield s.d(s.C, s.b[L]), sum(residuals) / n


@claim("73-75", "ch. 3, (73)–(75)",
       r"\frac{\partial C}{\partial b} = \frac{\partial C}{\partial a} \sigma'(z) = \frac{\partial C}{\partial a} "
       r"a(1-a), "
       r"\quad \frac{\partial C}{\partial a} = \frac{a-y}{a(1-a)}", networks=(Network(sizes=(3, 1), cost="bce"),),
       supports=("cost/binary_cross_entropy",), assumptions=("C as found in (76)",))  # fmt: skip
def entropy_by_design(s: Any) -> Equal:
    a, z, y = s.a[2][0], s.z[2][0], s.y[0]
    slope = s.d(s.C_one, a)
    yield s.d(s.C_one, s.b[2][0]), slope * s.sigma_prime(z), slope * a * (1 - a)
    yield slope, (a - y) / (a * (1 - a))


# ---- Chapter 3: softmax ----------------------------------------------------------------------------------------


@claim("78-79", "ch. 3, (78)–(79)",
       r"a^L_j = \frac{e^{z^L_j}}{\sum_k e^{z^L_k}}, \quad \sum_j a^L_j = \frac{\sum_j e^{z^L_j}}{\sum_k "
       r"e^{z^L_k}} = 1",
       networks=(Network(sizes=(2, 4)),), supports=("activation/softmax",))  # fmt: skip
def softmax(s: Any) -> Equal:
    z = s.z[s.L]
    yield s.softmax(z), np.exp(z) / sum(np.exp(z))
    yield 1, sum(s.softmax(z)), sum(np.exp(z)) / sum(np.exp(z))


@claim("81-82", "ch. 3, (80)–(82)",
       r"C \equiv -\ln a^L_y: \quad \frac{\partial C}{\partial b^L_j} = a^L_j-y_j, \quad \frac{\partial "
       r"C}{\partial w^L_{jk}} = a^{L-1}_k (a^L_j-y_j)", networks=(Network(sizes=(2, 3, 4)),),
       supports=("cost/cross_entropy_probabilities", "network/bp4"),
       assumptions=("softmax output layer", "y is an index in (80), the vector of targets after it"))  # fmt: skip
def log_likelihood(s: Any) -> Equal:
    L = s.L
    a = s.softmax(s.z[L])
    for true in range(len(a)):
        C = -np.log(a[true])
        y = np.array([int(j == true) for j in range(len(a))])
        yield s.d(C, s.b[L]), a - y
        yield s.d(C, s.w[L]), np.outer(a - y, s.a[L - 1])


@claim("84", "ch. 3, (84)", r"\delta^L_j = a^L_j - y_j", networks=(Network(sizes=(2, 4)),),
       supports=("cost/cross_entropy_probabilities", "network/bp1"),
       assumptions=("softmax output layer", "log-likelihood cost"))  # fmt: skip
def softmax_error(s: Any) -> Equal:
    z = s.z[s.L]
    a = s.softmax(z)
    for true in range(len(a)):
        for j in range(len(a)):
            yield s.d(-np.log(a[true]), z[j]), a[j] - int(j == true)


# ---- Chapter 3: weight decay -----------------------------------------------------------------------------------


def penalized(s: Any) -> Any:
    """C = C₀ + λ/2n Σw², the cost that the rules (90)–(94) descend on; biases are not in it."""
    return s.C + s.lam / (2 * s.n) * sum((s.w[l] ** 2).sum() for l in s.layers)


@claim("90-92", "ch. 3, (90)–(92)",
       r"b \rightarrow b - \eta \frac{\partial C_0}{\partial b}, \quad w \rightarrow w - \eta \frac{\partial "
       r"C_0}{\partial w} - \frac{\eta\lambda}{n} w = \Big(1 - \frac{\eta\lambda}{n}\Big) w - \eta \frac{\partial "
       r"C_0}{\partial w}",
       networks=BATCH, supports=("regularizer/l2", "update/sgd_l2"),
       assumptions=("the penalty is λ/2n times the sum of the squared weights, without the biases",))  # fmt: skip
def weight_decay(s: Any) -> Equal:
    C = penalized(s)
    for l in s.layers:
        w, b = s.w[l], s.b[l]
        yield b - s.eta * s.d(C, b), b - s.eta * s.d(s.C, b)
        gradient, decay = s.d(s.C, w), s.eta * s.lam / s.n
        yield w - s.eta * s.d(C, w), w - s.eta * gradient - decay * w, (1 - decay) * w - s.eta * gradient


@claim("93-94", "ch. 3, (93)–(94)",
       r"w \rightarrow \Big(1-\frac{\eta \lambda}{n}\Big) w - \frac{\eta}{m} \sum_x \frac{\partial C_x}{\partial "
       r"w}, \quad b \rightarrow b - \frac{\eta}{m} \sum_x \frac{\partial C_x}{\partial b}", networks=BATCH,
       supports=("regularizer/l2", "update/sgd_l2"),
       assumptions=("m examples in the mini-batch, n in the training set",))  # fmt: skip
def weight_decay_batch(s: Any) -> Equal:
    C, m = penalized(s), s.m
    for l in s.layers:
        w, b = s.w[l], s.b[l]
        gradients = sum(s.d(C_x, w) for C_x in s.C_x)
        yield w - s.eta * s.d(C, w), (1 - s.eta * s.lam / s.n) * w - s.eta / m * gradients
        yield b - s.eta * s.d(C, b), b - s.eta / m * sum(s.d(C_x, b) for C_x in s.C_x)
