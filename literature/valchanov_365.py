"""Valchanov, Backpropagation Algorithm (365 Data Science): row vectors, w and u, one 2-3-2 network."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Network, Source

Equal = Iterator[tuple[Any, ...]]


def notation(net: Any) -> SimpleNamespace:
    """Rows: a⁽¹⁾ = xw + b⁽¹⁾, h = σ(a⁽¹⁾), a⁽²⁾ = hu + b⁽²⁾, y = σ(a⁽²⁾). w[i, j] and u[i, j] lead from i to j."""
    example = net.examples[0]
    y, t, u, w = example.a[3], example.y, net.w[3].T, net.w[2].T
    return SimpleNamespace(
        d=net.d, number=net.number, sigma=net.sigma, sigma_prime=net.prime(net.sigma), exp=np.exp,
        x=example.a[1], w=w, b1=net.b[2], a1=example.z[2], h=example.a[2], u=u, b2=net.b[3], a2=example.z[3], y=y,
        t=t, L=example.C, eta=net.draw(low=0.1, high=1.0), delta=net.d(example.C, example.z[3]),
        delta_hidden=net.d(example.C, example.z[2]),
    )  # fmt: skip


claim = Source("valchanov-365", notation, (Network(sizes=(2, 3, 2)),))
SETTING = ("sigmoid activations", "the loss is half the squared distance of outputs and targets")


@claim("preactivation-1", "section 1, the net", r"\mathbf{a}^{(1)} = \mathbf{x}\mathbf{w} + \mathbf{b}^{(1)}")
def preactivation_1(s: Any) -> Equal:
    yield s.a1, s.x @ s.w + s.b1


@claim("preactivation-2", "section 1, the net", r"\mathbf{a}^{(2)} = \mathbf{h}\mathbf{u} + \mathbf{b}^{(2)}")
def preactivation_2(s: Any) -> Equal:
    yield s.a2, s.h @ s.u + s.b2


@claim("output", "section 1, the net", r"y = \sigma(a^{(2)})", assumptions=SETTING)
def output(s: Any) -> Equal:
    yield s.y, s.sigma(s.a2)


@claim("hidden-output", "section 1, the net", r"h = \sigma(a^{(1)})", assumptions=SETTING)
def hidden_output(s: Any) -> Equal:
    yield s.h, s.sigma(s.a1)


@claim(
    "loss",
    "section 2, first display",
    r"L = \frac{1}{2} \sum_i (y_i - t_i)^2",
    supports=("cost/quadratic",),
    remark="Called the L2-norm loss there; it is half the square of that norm.",
)
def loss(s: Any) -> Equal:
    yield s.L, sum((s.y[i] - s.t[i]) ** 2 for i in range(len(s.y))) / 2


@claim("sigmoid", "section 2, second display", r"\sigma(x) = \frac{1}{1 + e^{-x}}", supports=("activation/sigmoid",))
def sigmoid(s: Any) -> Equal:
    for x in (*s.a1, *s.a2):
        yield s.sigma(x), 1 / (1 + s.exp(-x))


@claim(
    "sigmoid-slope",
    "section 2, third display",
    r"\sigma'(x) = \sigma(x)(1 - \sigma(x))",
    supports=("activation/sigmoid",),
)
def sigmoid_slope(s: Any) -> Equal:
    for x in (*s.a1, *s.a2):
        yield s.sigma_prime(x), s.sigma(x) * (1 - s.sigma(x))


@claim(
    "output-update-rule",
    "section 3, first display",
    r"\mathbf{u} \leftarrow \mathbf{u} - \eta \nabla_{\mathbf{u}} L(\mathbf{u})",
    supports=("update/sgd",),
    remark="The rule itself, so its check is what a gradient is for: to first order the step lowers the loss by "
    "η‖∇L‖². The display after it, ∇L(u) alone, names what is to be computed.",
)
def output_update_rule(s: Any) -> Equal:
    # The loss followed from u to u′: at the start of the way it falls at the rate η ‖∇L‖².
    gradient, way = s.d(s.L, s.u), s.number(0)
    u = s.u + way * ((s.u - s.eta * gradient) - s.u)
    L = sum((s.sigma(s.h @ u + s.b2) - s.t) ** 2) / 2
    yield s.d(L, way), -s.eta * (gradient**2).sum()


@claim(
    "output-chain-rule",
    "section 3, chain rule",
    r"\frac{\partial L}{\partial u_{ij}} = \frac{\partial L}{\partial y_j} \frac{\partial y_j}{\partial a_j^{(2)}} "
    r"\frac{\partial a_j^{(2)}}{\partial u_{ij}}",
)
def output_chain_rule(s: Any) -> Equal:
    for i, j in np.ndindex(s.u.shape):
        yield s.d(s.L, s.u[i, j]), s.d(s.L, s.y[j]) * s.d(s.y[j], s.a2[j]) * s.d(s.a2[j], s.u[i, j])


@claim(
    "loss-derivative",
    "section 3, after the chain rule",
    r"\frac{\partial L}{\partial y_j} = (y_i - t_i)",
    supports=("cost/quadratic",),
    assumptions=SETTING,
    wrong="The left side is indexed by j, the right by i, which names a unit of the layer before: the derivative by "
    "one output would be the deviation of another. What follows is not touched: three displays later the notes go on "
    "with (yⱼ − tⱼ).",
    charity="Right if i is read as j.",
)
def loss_derivative(s: Any) -> Equal:
    # i and j are both free, as in ∂L/∂u_ij above it; both run over the outputs here.
    for i in range(len(s.y)):
        for j in range(len(s.y)):
            yield s.d(s.L, s.y[j]), s.y[i] - s.t[i]


@loss_derivative.again
def _(s: Any) -> Equal:
    # As a matrix over (i, j): every column of the left is ∂L/∂y, every row of the right is y − t.
    ones = np.ones(len(s.y), dtype=int)
    yield np.outer(ones, s.d(s.L, s.y)), np.outer(s.y - s.t, ones)


@loss_derivative.corrected(r"\frac{\partial L}{\partial y_j} = (y_j - t_j)")
def _(s: Any) -> Equal:
    for j in range(len(s.y)):
        yield s.d(s.L, s.y[j]), s.y[j] - s.t[j]


@loss_derivative.smallest(
    "With y₁ − t₁ = ½ and y₂ − t₂ = −¼, ∂L/∂y₂ is {meant}; the right side with i = 1 is {claimed}."
)
def _(s: Any) -> Equal:
    y, t = [s.number(1 / 2), s.number(1 / 4)], [s.number(0), s.number(1 / 2)]
    L = ((y[0] - t[0]) ** 2 + (y[1] - t[1]) ** 2) / 2
    yield s.d(L, y[1]), y[0] - t[0]


@claim(
    "output-slope",
    "section 3, after the sigmoid derivative",
    r"\frac{\partial y_j}{\partial a_j^{(2)}} = \sigma(a_j^{(2)}) (1 - \sigma(a_j^{(2)})) = y_j (1 - y_j)",
    supports=("activation/sigmoid",),
    assumptions=SETTING,
)
def output_slope(s: Any) -> Equal:
    for j in range(len(s.y)):
        yield s.d(s.y[j], s.a2[j]), s.sigma(s.a2[j]) * (1 - s.sigma(s.a2[j])), s.y[j] * (1 - s.y[j])


@claim("preactivation-slope", "section 3, third factor", r"\frac{\partial a_j^{(2)}}{\partial u_{ij}} = h_i")
def preactivation_slope(s: Any) -> Equal:
    for i, j in np.ndindex(s.u.shape):
        yield s.d(s.a2[j], s.u[i, j]), s.h[i]


@claim(
    "output-gradient",
    "section 3, gradient of u",
    r"\frac{\partial L}{\partial u_{ij}} = \frac{\partial L}{\partial y_j} \frac{\partial y_j}{\partial a_j^{(2)}} "
    r"\frac{\partial a_j^{(2)}}{\partial u_{ij}} = (y_j - t_j) y_j (1 - y_j) h_i = \delta_j h_i",
    supports=("network/bp1", "network/bp4"),
    assumptions=SETTING,
    remark="δⱼ is introduced here without a definition of its own; it is ∂L/∂aⱼ⁽²⁾.",
)
def output_gradient(s: Any) -> Equal:
    y, t, h = s.y, s.t, s.h
    for i, j in np.ndindex(s.u.shape):
        yield (
            s.d(s.L, s.u[i, j]),
            s.d(s.L, y[j]) * s.d(y[j], s.a2[j]) * s.d(s.a2[j], s.u[i, j]),
            (y[j] - t[j]) * y[j] * (1 - y[j]) * h[i],
            s.delta[j] * h[i],
        )


@claim(
    "output-update",
    "section 3, last display",
    r"u_{ij} \leftarrow u_{ij} - \eta \delta_j h_i",
    supports=("update/sgd", "network/bp4"),
    assumptions=SETTING,
    remark="No rule for the biases b⁽¹⁾ and b⁽²⁾ of section 1 is given anywhere in the document; it would be bⱼ ← "
    "bⱼ − ηδⱼ.",
)
def output_update(s: Any) -> Equal:
    for i, j in np.ndindex(s.u.shape):
        yield s.u[i, j] - s.eta * s.d(s.L, s.u[i, j]), s.u[i, j] - s.eta * s.delta[j] * s.h[i]


@claim(
    "hidden-chain-rule",
    "section 4, first display",
    r"\frac{\partial L}{\partial w_{ij}} = \frac{\partial L}{\partial h_j} \frac{\partial h_j}{\partial a_j^{(1)}} "
    r"\frac{\partial a_j^{(1)}}{\partial w_{ij}}",
)
def hidden_chain_rule(s: Any) -> Equal:
    for i, j in np.ndindex(s.w.shape):
        yield s.d(s.L, s.w[i, j]), s.d(s.L, s.h[j]) * s.d(s.h[j], s.a1[j]) * s.d(s.a1[j], s.w[i, j])


@claim(
    "hidden-slope",
    "section 4, second display",
    r"\frac{\partial h_j}{\partial a_j^{(1)}} = \sigma(a_j^{(1)}) (1 - \sigma(a_j^{(1)})) = h_j (1 - h_j)",
    supports=("activation/sigmoid",),
    assumptions=SETTING,
)
def hidden_slope(s: Any) -> Equal:
    for j in range(len(s.h)):
        yield s.d(s.h[j], s.a1[j]), s.sigma(s.a1[j]) * (1 - s.sigma(s.a1[j])), s.h[j] * (1 - s.h[j])


@claim("hidden-preactivation-slope", "section 4, third display", r"\frac{\partial a_j^{(1)}}{\partial w_{ij}} = x_i")
def hidden_preactivation_slope(s: Any) -> Equal:
    for i, j in np.ndindex(s.w.shape):
        yield s.d(s.a1[j], s.w[i, j]), s.x[i]


@claim(
    "hidden-loss-derivative",
    "section 4, solution for h₁",
    r"\frac{\partial L}{\partial h_1} = \frac{\partial L}{\partial y_1} \frac{\partial y_1}{\partial a_1^{(2)}} "
    r"\frac{\partial a_1^{(2)}}{\partial h_1} + \frac{\partial L}{\partial y_2} \frac{\partial y_2}{\partial "
    r"a_2^{(2)}} \frac{\partial a_2^{(2)}}{\partial h_1} = (y_1 - t_1)y_1(1 - y_1)u_{11} + (y_2 - t_2)y_2(1 - "
    r"y_2)u_{12}",
    supports=("network/bp2",),
    assumptions=SETTING,
)
def hidden_loss_derivative(s: Any) -> Equal:
    (y1, y2), (t1, t2), h1, u11, u12 = s.y, s.t, s.h[0], s.u[0, 0], s.u[0, 1]
    yield (
        s.d(s.L, h1),
        s.d(s.L, y1) * s.d(y1, s.a2[0]) * s.d(s.a2[0], h1) + s.d(s.L, y2) * s.d(y2, s.a2[1]) * s.d(s.a2[1], h1),
        (y1 - t1) * y1 * (1 - y1) * u11 + (y2 - t2) * y2 * (1 - y2) * u12,
    )


@claim(
    "w11-gradient",
    "section 4, final expression",
    r"\frac{\partial L}{\partial w_{11}} = [(y_1 - t_1)y_1(1 - y_1)u_{11} + (y_2 - t_2)y_2(1 - y_2)u_{12}]h_1(1 - "
    r"h_1)x_1",
    supports=("network/bp2", "network/bp4"),
    assumptions=SETTING,
)
def w11_gradient(s: Any) -> Equal:
    (y1, y2), (t1, t2), h1, u11, u12 = s.y, s.t, s.h[0], s.u[0, 0], s.u[0, 1]
    back = (y1 - t1) * y1 * (1 - y1) * u11 + (y2 - t2) * y2 * (1 - y2) * u12
    yield s.d(s.L, s.w[0, 0]), back * h1 * (1 - h1) * s.x[0]


@claim(
    "hidden-gradient",
    "section 4, generalised form",
    r"\frac{\partial L}{\partial w_{ij}} = \sum_k (y_k - t_k)y_k(1 - y_k)u_{jk}h_j(1 - h_j)x_i",
    supports=("network/bp2", "network/bp4"),
    assumptions=SETTING,
)
def hidden_gradient(s: Any) -> Equal:
    y, t, h, x, u = s.y, s.t, s.h, s.x, s.u
    for i, j in np.ndindex(s.w.shape):
        claimed = sum(
            (y[k] - t[k]) * y[k] * (1 - y[k]) * u[j, k] * h[j] * (1 - h[j]) * x[i] for k in range(len(y))
        )  # fmt: skip
        yield s.d(s.L, s.w[i, j]), claimed


@claim(
    "general-gradient",
    "section 5, first display",
    r"\frac{\partial L}{\partial w_{ij}} = \delta_j x_i",
    supports=("network/bp4",),
    convention="δⱼ, x and w belong to one layer: x is what enters it. For the output layer x stands for h.",
)
def general_gradient(s: Any) -> Equal:
    for weights, entering, delta in [(s.w, s.x, s.delta_hidden), (s.u, s.h, s.delta)]:
        for i, j in np.ndindex(weights.shape):
            yield s.d(s.L, weights[i, j]), delta[j] * entering[i]


@general_gradient.otherwise
def _(s: Any) -> Equal:
    # δⱼ kept as section 3 introduced it, the error of output j.
    for i in range(len(s.x)):
        for j in range(len(s.delta)):
            yield s.d(s.L, s.w[i, j]), s.delta[j] * s.x[i]


@claim(
    "general-error",
    "section 5, second display",
    r"\delta_j = \sum_k \delta_k w_{jk} y_j (1 - y_j)",
    networks=(Network(sizes=(3, 3, 3)),),
    supports=("network/bp2",),
    assumptions=SETTING,
    doubt="In sections 1–4 w leads into the hidden layer and y is the output of the network; read so, the equation "
    "takes the wrong weights and the wrong slope. Where each layer has its own w and y (w the weights that leave "
    "unit j, y its own output), it is the hidden-layer error. The document changes to the second meaning without "
    "saying so.",
)
def general_error(s: Any) -> Equal:
    # The symbols of sections 1–4, on a 3-3-3 network so that every index exists.
    for j in range(len(s.h)):
        yield s.delta_hidden[j], sum(s.delta[k] * s.w[j, k] * s.y[j] * (1 - s.y[j]) for k in range(len(s.delta)))


@general_error.other(
    r"\delta_j = \sum_k \delta_k u_{jk} h_j (1 - h_j) \quad\text{(symbols of sections 1–4)}",
)
def _(s: Any) -> Equal:
    for j in range(len(s.h)):
        yield s.delta_hidden[j], sum(s.delta[k] * s.u[j, k] * s.h[j] * (1 - s.h[j]) for k in range(len(s.delta)))


@general_error.smallest(
    "With one unit in each layer, x = 1, w = 2, b⁽¹⁾ = −2, u = 4, b⁽²⁾ = −2 and t = 0, so that h = y = ½, the hidden "
    "error is {meant}; with w and y as in sections 1–4 the right side is {claimed}."
)
def _(s: Any) -> Equal:
    sigma, w, u = s.native("sigmoid"), s.number(2), s.number(4)
    a1 = 1 * w - 2
    a2 = sigma(a1) * u - 2
    y = sigma(a2)
    L = y**2 / 2
    yield s.d(L, a1), s.d(L, a2) * w * y * (1 - y)
