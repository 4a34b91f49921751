"""CS231n course notes: examples as rows, scores f = xW + b, softmax and SVM losses, dX for ∂L/∂X."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from literature.claim import Source

Equal = Iterator[tuple[Any, ...]]

claim = Source("cs231n")


def one_hot(y: int, classes: int) -> Any:
    return np.array([int(k == y) for k in range(classes)])


@claim("softmax-loss", "linear classification, softmax classifier",
       r"L_i = -\log\left(\frac{e^{f_{y_i}}}{\sum_j e^{f_j}}\right) = -f_{y_i} + \log\sum_j e^{f_j}",
       supports=("cost/cross_entropy_labels",))  # fmt: skip
def softmax_loss(s: Any) -> Equal:
    f = s.draw(4)
    for y in range(4):
        yield -np.log(s.softmax(f)[y]), -np.log(np.exp(f[y]) / sum(np.exp(f))), -f[y] + np.log(sum(np.exp(f)))


@claim("cross-entropy", "linear classification, information theory view", r"H(p,q) = -\sum_x p(x) \log q(x)",
       supports=("cost/cross_entropy",))  # fmt: skip
def cross_entropy(s: Any) -> Equal:
    # H of the certain distribution is the softmax loss; of two outcomes it is the binary cross-entropy.
    q = s.softmax(s.draw(3))
    for y in range(3):
        yield -np.log(q[y]), -sum(p * np.log(q[x]) for x, p in enumerate(one_hot(y, 3)))
    a, t = s.native("sigmoid")(s.draw()), s.draw(low=0.1, high=0.9)
    yield s.native("bce")(a, t), -(t * np.log(a) + (1 - t) * np.log(1 - a))


@claim("softmax-gradient", "case study, analytic gradient",
       r"\frac{\partial L_i}{\partial f_k} = p_k - \mathbb{1}(y_i = k)",
       supports=("cost/cross_entropy_labels",))  # fmt: skip
def softmax_gradient(s: Any) -> Equal:
    f = s.draw(4)
    p = s.softmax(f)
    for y in range(4):
        yield s.d(-np.log(p[y]), f), p - one_hot(y, 4)


def classifier(s: Any) -> tuple[Any, ...]:
    """Five examples in rows, a hidden layer of ReLUs and three classes, with the mean loss and its penalty."""
    X, W, b, W2, b2, reg = s.draw(5, 2), s.draw(2, 3), s.draw(3), s.draw(3, 3), s.draw(3), s.draw(low=0.1, high=1.0)
    y = [0, 2, 1, 1, 0]
    hidden = s.native("relu")(X @ W + b)
    scores = hidden @ W2 + b2
    loss = sum(-np.log(s.softmax(row)[k]) for row, k in zip(scores, y, strict=True)) / len(y)
    return X, y, W, b, hidden, W2, b2, scores, loss, reg


def score_gradient(s: Any, scores: Any, y: list[int]) -> Any:
    return np.array([s.softmax(row) - one_hot(k, len(row)) for row, k in zip(scores, y, strict=True)]) / len(y)


@claim("score-gradient", "case study, code of dscores",
       r"\mathrm{dscores} = \frac{1}{N}\big(p - \mathbb{1}(y)\big), \quad L = \frac{1}{N} \sum_i L_i",
       supports=("cost/cross_entropy_labels",))  # fmt: skip
def dscores(s: Any) -> Equal:
    _, y, _, _, _, _, _, scores, loss, _ = classifier(s)
    yield s.d(loss, scores), score_gradient(s, scores, y)


@claim("output-layer-gradient", "case study, code of dW2 and db2",
       r"dW_2 = h^T\,\mathrm{dscores} + \lambda W_2, \quad db_2 = \textstyle\sum_i \mathrm{dscores}_i",
       supports=("network/bp3", "network/bp4", "regularizer/l2"),
       assumptions=("examples are rows", "the penalty is ½λΣW²"))  # fmt: skip
def output_layer(s: Any) -> Equal:
    _, y, _, _, hidden, W2, b2, scores, loss, reg = classifier(s)
    delta = score_gradient(s, scores, y)
    yield s.d(loss + reg * (W2**2).sum() / 2, W2), hidden.T @ delta + reg * W2
    yield s.d(loss, b2), delta.sum(0)


@claim("hidden-layer-gradient", "case study, code of dhidden, dW and db",
       r"\mathrm{dhidden} = (\mathrm{dscores}\,W_2^T) \odot \mathbb{1}(h > 0), \quad dW = X^T\,\mathrm{dhidden}, "
       r"\quad db = \textstyle\sum_i \mathrm{dhidden}_i",
       supports=("network/bp2", "network/bp3", "network/bp4", "activation/relu"))  # fmt: skip
def hidden_layer(s: Any) -> Equal:
    X, y, W, b, hidden, W2, _, scores, loss, _ = classifier(s)
    delta = score_gradient(s, scores, y) @ W2.T
    delta[hidden <= 0] = 0
    yield s.d(loss, W), X.T @ delta
    yield s.d(loss, b), delta.sum(0)


@claim("initial-loss", "case study, value of the loss before training (revision 67b3568 of the notes)",
       r"\mathrm{loss} = 1.1 = \log(1/3)", supports=("cost/cross_entropy_labels",),
       wrong="log(1/3) is −1.0986. The loss of three equally likely classes is −log(1/3) = log 3, as the formula "
             "of the loss before it gives it.",
       charity="Right if the code is read as the logarithm inside the loss, whose minus sign is understood.",
       remark="Mended since: a later copy of the notes has -np.log(1.0/3).")  # fmt: skip
def initial_loss(s: Any) -> Equal:
    equal = s.draw()
    yield -np.log(s.softmax(np.array([equal, equal, equal]))[0]), np.log(s.number(1) / 3)


@initial_loss.again
def _(s: Any) -> Equal:
    # By the other form of the loss, log Σ eᶠ − f, which is log 3 for three equal scores.
    f = s.draw() + 0 * s.draw(3)
    yield np.log(sum(np.exp(f))) - f[0], -np.log(s.number(3))


@initial_loss.corrected(r"\mathrm{loss} \approx 1.1 \approx -\log(1/3)")
def _(s: Any) -> Equal:
    equal = s.draw()
    yield -np.log(s.softmax(np.array([equal, equal, equal]))[0]), -np.log(s.number(1) / 3)


@initial_loss.smallest("With three equal scores the loss is {meant}; log(1/3) is {claimed}.")
def _(s: Any) -> Equal:
    scores = np.array([s.number(0)] * 3)
    yield -np.log(s.softmax(scores)[0]), np.log(s.number(1) / 3)


@claim(
    "svm-gradient-true-class",
    "optimization, SVM loss, row of the true class",
    r"\nabla_{w_{y_i}} L_i = -\Big(\sum_{j\neq y_i} \mathbb{1}(w_j^Tx_i - w_{y_i}^Tx_i + \Delta > 0)\Big) x_i",
)
def svm_true_class(s: Any) -> Equal:
    W, x, y, relu = s.draw(4, 3), s.draw(3), 1, s.native("relu")
    margins = [W[j] @ x - W[y] @ x + 1 for j in range(4)]
    L = sum(relu(margins[j]) for j in range(4) if j != y)
    yield s.d(L, W[y]), -sum(int(margins[j] > 0) for j in range(4) if j != y) * x


@claim("svm-gradient-other-class", "optimization, SVM loss, the other rows",
       r"\nabla_{w_j} L_i = \mathbb{1}(w_j^Tx_i - w_{y_i}^Tx_i + \Delta > 0) x_i")  # fmt: skip
def svm_other_class(s: Any) -> Equal:
    W, x, y, relu = s.draw(4, 3), s.draw(3), 1, s.native("relu")
    margins = [W[j] @ x - W[y] @ x + 1 for j in range(4)]
    L = sum(relu(margins[j]) for j in range(4) if j != y)
    for j in (0, 2, 3):
        yield s.d(L, W[j]), int(margins[j] > 0) * x


@claim("penalty-gradient", "case study, regularization",
       r"\frac{d}{dw}\Big(\frac{1}{2} \lambda w^2\Big) = \lambda w", supports=("regularizer/l2",))  # fmt: skip
def penalty_gradient(s: Any) -> Equal:
    w, lam = s.draw(), s.draw()
    yield s.d(lam * w**2 / 2, w), lam * w


@claim("max-gate", "optimization 2, max operation",
       r"f(x,y) = \max(x, y): \quad \frac{\partial f}{\partial x} = \mathbb{1}(x \ge y), \quad \frac{\partial "
       r"f}{\partial y} = \mathbb{1}(y \ge x)", supports=("activation/relu",),
       convention="x ≠ y. At a tie both sides would be 1, and the two slopes of a maximum of equal arguments would "
                  "add up to 2 where x and y are moved together.")  # fmt: skip
def max_gate(s: Any) -> Equal:
    x, y = s.draw(8), s.draw(8)
    for u, v in zip(x, y, strict=True):
        f = v + s.native("relu")(u - v)
        yield s.d(f, u), int(u >= v)
        yield s.d(f, v), int(v >= u)


@max_gate.otherwise
def _(s: Any) -> Equal:
    # A tie: moved together, the maximum of two equal numbers rises with slope 1, not with the sum of the two.
    t = s.draw()
    yield s.d(t + s.native("relu")(t - t), t), int(t >= t) + int(t >= t)


@claim("nesterov", "neural networks 3, Nesterov momentum",
       r"v' = \mu v - \eta\,dx, \quad x' = x - \mu v + (1 + \mu) v'", supports=("update/nesterov",),
       assumptions=("x stands for the position x + μv looked ahead to",))  # fmt: skip
def nesterov(s: Any) -> Equal:
    x, v, mu, eta = s.draw(3), s.draw(3), s.draw(low=0.5, high=0.9), s.draw(low=0.1, high=0.2)
    ahead = x + mu * v
    dx = s.d((ahead**4).sum(), ahead)
    v_next = mu * v - eta * dx
    yield x + v_next + mu * v_next, ahead - mu * v + (1 + mu) * v_next
