"""Goodfellow, Bengio and Courville, Deep Learning, chapter 6, read in the open Chinese translation of the text."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from literature.claim import Network, Source

Equal = Iterator[tuple[Any, ...]]

claim = Source("goodfellow-2016")


@claim("6.49", "section 6.5.3, (6.49)",
       r"\frac{\partial u^{(n)}}{\partial u^{(j)}} = \sum_{i: j \in Pa(u^{(i)})} \frac{\partial u^{(n)}}{\partial "
       r"u^{(i)}} \frac{\partial u^{(i)}}{\partial u^{(j)}}", supports=("network/bp2",))  # fmt: skip
def chain_rule(s: Any) -> Equal:
    # The nodes of a network of layers: the parents of a layer's z are the z of the layer below.
    e = s.examples[0]
    for l in s.hidden:
        for j in range(len(e.z[l])):
            slopes = [s.d(e.C, u) * s.d(u, e.z[l][j]) for u in e.z[l + 1]]
            yield s.d(e.C, e.z[l][j]), sum(slopes)


@claim("path-sum", "section 6.5.6, rewriting of (6.49) without recursion",
       r"\frac{\partial u^{(n)}}{\partial u^{(j)}} = \sum_{\text{paths } \pi_1 = j, \dots, \pi_t = n} \; "
       r"\prod_{k=2}^t \frac{\partial u^{(\pi_k)}}{\partial u^{(\pi_{k-1})}}",
       networks=(Network(sizes=(2, 2, 3, 2, 2), activation="tanh"),), supports=("network/bp2",))  # fmt: skip
def path_sum(s: Any) -> Equal:
    e, l = s.examples[0], 2
    J = {k: s.d(e.z[k + 1], e.z[k]) for k in range(l, s.L)}
    last = s.d(e.C, e.z[s.L])
    for j in range(len(e.z[l])):
        total = 0
        for path in itertools.product(*(range(len(e.z[k])) for k in range(l + 1, s.L + 1))):
            steps = list(itertools.pairwise((j, *path)))
            total = total + last[path[-1]] * np.prod([J[k][b, a] for k, (a, b) in enumerate(steps, l)])
        yield s.d(e.C, e.z[l][j]), total


@claim("matmul-bprop", "section 6.5.6, matrix multiplication",
       r"C = AB, \; G = \nabla_C z: \quad \nabla_A z = G B^\top, \quad \nabla_B z = A^\top G",
       supports=("network/bp2", "network/bp4"))  # fmt: skip
def matmul(s: Any) -> Equal:
    A, B, weights = s.draw(3, 2), s.draw(2, 4), s.draw(3, 4)
    C = A @ B
    z = (weights * C**2).sum()
    G = s.d(z, C)
    yield s.d(z, A), G @ B.T
    yield s.d(z, B), A.T @ G


def perceptron(s: Any) -> tuple[Any, ...]:
    """6.5.7: H = max(0, XW¹), logits U² = HW², mean cross-entropy J_MLE and the penalty λ(ΣW¹² + ΣW²²)."""
    X, W1, W2, lam, y = s.draw(4, 2), s.draw(2, 3), s.draw(3, 3), s.draw(low=0.1, high=1.0), [0, 2, 1, 1]
    U1 = X @ W1
    H = s.native("relu")(U1)
    U2 = H @ W2
    J_MLE = sum(-np.log(s.softmax(row)[k]) for row, k in zip(U2, y, strict=True)) / len(y)
    return X, W1, W2, U1, H, U2, J_MLE, lam


@claim("weight-decay", "section 6.5.7, cost with weight decay",
       r"J = J_{\text{MLE}} + \lambda \Big(\sum (W^{(1)})^2 + \sum (W^{(2)})^2\Big): \text{ weight decay "
       r"contributes } 2\lambda W^{(i)}", supports=("regularizer/l2",),
       remark="Without the factor ½ that most texts put into the penalty, hence the 2.")  # fmt: skip
def weight_decay(s: Any) -> Equal:
    _, W1, W2, _, _, _, J_MLE, lam = perceptron(s)
    J = J_MLE + lam * ((W1**2).sum() + (W2**2).sum())
    for W in (W1, W2):
        yield s.d(J, W), s.d(J_MLE, W) + 2 * lam * W


@claim("mlp-gradients", "section 6.5.7, example",
       r"G = \nabla_{U^{(2)}} J: \; \nabla_{W^{(2)}} = H^\top G, \; \nabla_H J = G W^{(2)\top}, \; G' = \nabla_H J "
       r"\odot \mathbb{1}(U^{(1)} \ge 0), \; \nabla_{W^{(1)}} = X^\top G'",
       supports=("network/bp2", "network/bp4", "activation/relu"))  # fmt: skip
def mlp_gradients(s: Any) -> Equal:
    X, W1, W2, U1, H, U2, J, _ = perceptron(s)
    G = s.d(J, U2)
    dH = G @ W2.T
    yield s.d(J, W2), H.T @ G
    yield s.d(J, H), dH
    yield s.d(J, W1), X.T @ (dH * (U1 >= 0).astype(int))


@claim("6.45-6.46", "section 6.5.2, (6.45) and (6.46)",
       r"\frac{\partial z}{\partial x_i} = \sum_j \frac{\partial z}{\partial y_j} \frac{\partial y_j}{\partial "
       r"x_i}, \quad \nabla_{\mathbf{x}} z = \Big(\frac{\partial \mathbf{y}}{\partial \mathbf{x}}\Big)^\top "
       r"\nabla_{\mathbf{y}} z")  # fmt: skip
def vector_chain_rule(s: Any) -> Equal:
    x, A, weights = s.draw(3), s.draw(2, 3), s.draw(2)
    y = s.native("tanh")(A @ x)
    z = (weights * y**2).sum()
    for i in range(3):
        yield s.d(z, x[i]), sum(s.d(z, y[j]) * s.d(y[j], x[i]) for j in range(2))
    yield s.d(z, x), s.d(y, x).T @ s.d(z, y)


@claim("6.52-6.53", "section 6.5.3, (6.52) and (6.53)",
       r"\frac{\partial z}{\partial w} = \frac{\partial z}{\partial y} \frac{\partial y}{\partial x} "
       r"\frac{\partial x}{\partial w} = f'(y) f'(x) f'(w) = f'(f(f(w))) f'(f(w)) f'(w)",
       assumptions=("x = f(w), y = f(x), z = f(y)",))  # fmt: skip
def chain_of_three(s: Any) -> Equal:
    f = s.native("silu")
    w = s.draw()
    x = f(w)
    y = f(x)
    z = f(y)
    slope = s.prime(f)
    yield (
        s.d(z, w),
        s.d(z, y) * s.d(y, x) * s.d(x, w),
        slope(y) * slope(x) * slope(w),
        slope(f(f(w))) * slope(f(w)) * slope(w),
    )


def algorithm(s: Any) -> tuple[Any, ...]:
    """Algorithm 6.3 on the first example, with Ω = ½Σ(W² + b²), and the gradients that algorithm 6.4 then gives."""
    e, lam = s.examples[0], s.draw(low=0.1, high=1.0)
    h, a = {0: e.a[1]}, {}
    for k in range(1, s.L):
        a[k] = s.b[k + 1] + s.w[k + 1] @ h[k - 1]
        h[k] = s.sigma(a[k])
    penalty = sum((s.w[l] ** 2).sum() + (s.b[l] ** 2).sum() for l in s.layers) / 2
    g, bias, weights = s.d(e.C, e.a[s.L]), {}, {}
    for k in range(s.L - 1, 0, -1):
        g = g * s.prime(s.sigma)(a[k])
        bias[k] = g + lam * s.d(penalty, s.b[k + 1])
        weights[k] = np.outer(g, h[k - 1]) + lam * s.d(penalty, s.w[k + 1])
        g = s.w[k + 1].T @ g
    return e.C + lam * penalty, a, h, bias, weights


@claim("algorithm-6.3", "section 6.5.4, algorithm 6.3",
       r"h^{(0)} = x, \quad a^{(k)} = b^{(k)} + W^{(k)} h^{(k-1)}, \quad h^{(k)} = f(a^{(k)})")  # fmt: skip
def algorithm_forward(s: Any) -> Equal:
    _, a, h, _, _ = algorithm(s)
    for k in a:
        yield s.examples[0].z[k + 1], a[k]
        yield s.examples[0].a[k + 1], h[k]


@claim("algorithm-6.4", "section 6.5.4, algorithm 6.4",
       r"g \leftarrow \nabla_{\hat y} L; \; g \leftarrow g \odot f'(a^{(k)}), \; \nabla_{b^{(k)}} J = g + \lambda "
       r"\nabla_{b^{(k)}} \Omega, \; \nabla_{W^{(k)}} J = g\, h^{(k-1)\top} + \lambda \nabla_{W^{(k)}} \Omega, \; "
       r"g \leftarrow W^{(k)\top} g, \quad k = l, \dots, 1",
       networks=(Network(activation="tanh"), Network(cost="bce")),
       supports=("network/bp1", "network/bp2", "network/bp3", "network/bp4"),
       assumptions=("f acts entry by entry", "Ω may contain weights and biases"))  # fmt: skip
def algorithm_backward(s: Any) -> Equal:
    J, _, _, bias, weights = algorithm(s)
    for k in bias:
        yield s.d(J, s.b[k + 1]), bias[k]
        yield s.d(J, s.w[k + 1]), weights[k]


@claim("softmax-cross-entropy-gradient", "section 6.5.9, as quoted in question 3297525 of Mathematics Stack Exchange",
       r"q_i = \frac{e^{z_i}}{\sum_i e^{z_i}}, \; J = -\sum_i p_i \log q_i: \quad \frac{\partial J}{\partial z_i} "
       r"= q_i - p_i", supports=("cost/cross_entropy_probabilities",), assumptions=("p adds up to 1",))  # fmt: skip
def softmax_gradient_quoted(s: Any) -> Equal:
    z, p = s.draw(4), s.softmax(s.draw(4))
    q = s.softmax(z)
    J = -sum(p * np.log(q))
    for i in range(4):
        yield s.d(J, z[i]), q[i] - p[i]


translation = Source("goodfellow-2016-zh")


@translation("softmax-cross-entropy-gradient", "section 6.5.9 (revision 048abf9)",
       r"q_i = \frac{\exp(z_i)}{\sum_i \exp(z_i)}, \; J = -\sum_i p_i \log q_i: \quad \frac{\partial J}{\partial "
       r"z_i} = p_i q_i - p_i", supports=("cost/cross_entropy_probabilities",),
       assumptions=("p and q are probabilities",),
       wrong="The factor p_i of q_i is too much; the derivative is q_i − p_i for probabilities p that add up to 1.",
       charity="Right for the true class of a certain target, p_i = 1, but not for the other classes, whose "
               "derivative is q_i and not 0.",
       remark="Mended since: revision 3874549 of the translation has q_i − p_i, and so is the book quoted "
              "elsewhere.")  # fmt: skip
def softmax_gradient(s: Any) -> Equal:
    z, p = s.draw(4), s.softmax(s.draw(4))
    q = s.softmax(z)
    J = -sum(p * np.log(q))
    for i in range(4):
        yield s.d(J, z[i]), p[i] * q[i] - p[i]


@softmax_gradient.again
def _(s: Any) -> Equal:
    # A constant added to every z changes nothing, so the derivatives must add up to 0; p ⊙ q − p does not.
    z = s.draw(3)
    p, q = s.softmax(s.draw(3)), s.softmax(z)
    gradient = s.d(sum(-p[k] * (z[k] - np.log(sum(np.exp(z)))) for k in range(3)), z)
    yield 1 + sum(gradient), 1 + sum(p * q - p)


@softmax_gradient.corrected(r"\frac{\partial J}{\partial z_i} = q_i - p_i")
def _(s: Any) -> Equal:
    z, p = s.draw(4), s.softmax(s.draw(4))
    q = s.softmax(z)
    yield s.d(-sum(p * np.log(q)), z), q - p


@softmax_gradient.charitable(r"p_i = 1: \quad \frac{\partial J}{\partial z_i} = q_i - 1")
def _(s: Any) -> Equal:
    z = s.draw(4)
    q = s.softmax(z)
    for i in range(4):
        p = 1
        yield s.d(-p * np.log(q[i]), z[i]), p * q[i] - p


@softmax_gradient.smallest(
    "With two classes, z = (0, 0) and p = (1, 0), the derivative by z₂ is {meant}; p₂q₂ − p₂ is {claimed}."
)
def _(s: Any) -> Equal:
    z, p = np.array([s.number(0), s.number(0)]), (1, 0)
    q = s.softmax(z)
    yield s.d(-sum(p * np.log(q)), z[1]), p[1] * q[1] - p[1]
