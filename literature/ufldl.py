"""UFLDL tutorial, Backpropagation Algorithm: W⁽ˡ⁾ leads from layer l to layer l + 1, squared error, weight decay."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Network, Source

Equal = Iterator[tuple[Any, ...]]
BATCH = (Network(sizes=(2, 3, 2), examples=3), Network(sizes=(3, 2, 2, 1), activation="tanh", examples=2))


def notation(net: Any) -> SimpleNamespace:
    """W[l][j, i] from unit i of layer l to unit j of layer l + 1, and b[l] with it: one index below ours."""
    d, e = net.d, net.examples[0]
    return SimpleNamespace(
        d=d, n_l=net.L, f=net.sigma, f_prime=net.prime(net.sigma), W={l - 1: net.w[l] for l in net.layers},
        b={l - 1: net.b[l] for l in net.layers}, a=e.a, z=e.z, y=e.y, h=e.a[net.L], J=e.C, examples=net.examples,
        delta={l: d(e.C, e.z[l]) for l in net.layers}, lam=net.draw(low=0.1, high=1.0), J_mean=net.C,
        alpha=net.draw(low=0.1, high=1.0),
    )  # fmt: skip


claim = Source("ufldl", notation, (Network(), Network(sizes=(2, 3, 2, 2), activation="tanh")))


@claim("cost", "cost of one example", r"J(W,b;x,y) = \frac{1}{2} \left\| h_{W,b}(x) - y \right\|^2",
       supports=("cost/quadratic",))  # fmt: skip
def cost(s: Any) -> Equal:
    yield s.J, ((s.h - s.y) ** 2).sum() / 2


def decayed(s: Any) -> Any:
    """The overall cost: the mean over the examples and λ/2 times the squared weights, without the biases."""
    return s.J_mean + s.lam / 2 * sum((s.W[l] ** 2).sum() for l in s.W)


@claim("overall-cost-gradient", "overall cost and update",
       r"J(W,b) = \Big[\frac{1}{m} \sum_{i=1}^m J(W,b;x^{(i)},y^{(i)})\Big] + \frac{\lambda}{2} \sum_{l=1}^{n_l-1} "
       r"\sum_{i=1}^{s_l} \sum_{j=1}^{s_{l+1}} \big(W^{(l)}_{ji}\big)^2, \quad W_{ij}^{(l)} = W_{ij}^{(l)} - "
       r"\alpha "
       r"\frac{\partial}{\partial W_{ij}^{(l)}} J(W,b)", networks=BATCH, supports=("regularizer/l2", "update/sgd"),
       remark="λ is not divided by the number of examples here, other than in most books.")  # fmt: skip
def overall_cost(s: Any) -> Equal:
    m = len(s.examples)
    for W in s.W.values():
        step = W - s.alpha * (sum(s.d(e.C, W) for e in s.examples) / m + s.lam * W)
        yield W - s.alpha * s.d(decayed(s), W), step


@claim("output-error", "algorithm, step 2",
       r"\delta^{(n_l)}_i = \frac{\partial}{\partial z^{(n_l)}_i} \frac{1}{2} \left\|y - h_{W,b}(x)\right\|^2 = - "
       r"(y_i - a^{(n_l)}_i) \cdot f'(z^{(n_l)}_i)", supports=("network/bp1", "cost/quadratic"))  # fmt: skip
def output_error(s: Any) -> Equal:
    z, a = s.z[s.n_l], s.a[s.n_l]
    for i in range(len(z)):
        yield s.delta[s.n_l][i], s.d(((s.y - s.h) ** 2).sum() / 2, z[i]), -(s.y[i] - a[i]) * s.f_prime(z[i])


@claim("hidden-error", "algorithm, step 3",
       r"\delta^{(l)}_i = \Big(\sum_{j=1}^{s_{l+1}} W^{(l)}_{ji} \delta^{(l+1)}_j\Big) f'(z^{(l)}_i)",
       supports=("network/bp2",))  # fmt: skip
def hidden_error(s: Any) -> Equal:
    for l in range(s.n_l - 1, 1, -1):
        W, above = s.W[l], s.delta[l + 1]
        for i in range(len(s.z[l])):
            yield s.delta[l][i], sum(W[j, i] * above[j] for j in range(len(above))) * s.f_prime(s.z[l][i])


@claim("gradients", "algorithm, step 4",
       r"\frac{\partial}{\partial W_{ij}^{(l)}} J(W,b;x,y) = a^{(l)}_j \delta_i^{(l+1)}, \quad "
       r"\frac{\partial}{\partial "
       r"b_{i}^{(l)}} J(W,b;x,y) = \delta_i^{(l+1)}", supports=("network/bp3", "network/bp4"))  # fmt: skip
def gradients(s: Any) -> Equal:
    for l, W in s.W.items():
        for i, j in np.ndindex(W.shape):
            yield s.d(s.J, W[i, j]), s.a[l][j] * s.delta[l + 1][i]
        yield s.d(s.J, s.b[l]), s.delta[l + 1]


@claim("derivation-sign", "derivation of step 3, Chinese page of the wiki, comparison of revision 2382",
       r"\frac{\partial}{\partial z^{n_l-1}_i} \frac{1}{2} \sum_j (y_j-f(z_j^{(n_l)}))^2 = \sum_j "
       r"(y_j-f(z_j^{(n_l)})) \cdot \frac{\partial}{\partial z_i^{(n_l-1)}} f(z_j^{(n_l)})",
       supports=("network/bp2", "cost/quadratic"),
       wrong="The inner derivative of −f(z) is lost: the right side has the opposite sign. The result that the "
             "derivation ends in is right.")  # fmt: skip
def derivation_sign(s: Any) -> Equal:
    below, top = s.z[s.n_l - 1], s.z[s.n_l]
    for i in range(len(below)):
        claimed = sum((s.y[j] - s.f(top[j])) * s.d(s.a[s.n_l][j], below[i]) for j in range(len(top)))
        yield s.d(s.J, below[i]), claimed


@derivation_sign.again
def _(s: Any) -> Equal:
    # In vectors: (∂a/∂z)ᵀ (y − a) against the error of the layer below as the algorithm gives it.
    l = s.n_l - 1
    yield (s.W[l].T @ s.delta[l + 1]) * s.f_prime(s.z[l]), s.d(s.a[s.n_l], s.z[l]).T @ (s.y - s.h)


@derivation_sign.corrected(
    r"\frac{\partial}{\partial z^{n_l-1}_i} \frac{1}{2} \sum_j (y_j-f(z_j^{(n_l)}))^2 = -\sum_j "
    r"(y_j-f(z_j^{(n_l)})) \cdot \frac{\partial}{\partial z_i^{(n_l-1)}} f(z_j^{(n_l)})"
)
def _(s: Any) -> Equal:
    below, top = s.z[s.n_l - 1], s.z[s.n_l]
    for i in range(len(below)):
        claimed = -sum((s.y[j] - s.f(top[j])) * s.d(s.a[s.n_l][j], below[i]) for j in range(len(top)))
        yield s.d(s.J, below[i]), claimed


@derivation_sign.smallest(
    "With one unit in each layer, f(z) = z, W = 1, z = 0 and y = 1, the derivative is {meant}; the right side is "
    "{claimed}."
)
def _(s: Any) -> Equal:
    below = s.number(0)
    top = 1 * below
    yield s.d((1 - top) ** 2 / 2, below), (1 - top) * s.d(top, below)
