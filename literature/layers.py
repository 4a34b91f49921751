"""Normalisation and attention: backward passes as papers, repositories and notes print them."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import Source

Equal = Iterator[tuple[Any, ...]]

batch_norm = Source("ioffe-2015")
flash = Source("dao-2022")
bilinear = Source("attn-bilinear")
layer_norm = Source("kaixih-layer-norm")
normalize = Source("xopes-normalize")
hyperdrive = Source("kernel-hyperdrive")
notebook = Source("rmsnorm-notebook")


def loss(s: Any, y: Any) -> Any:
    """A number that depends on every entry of y in its own way."""
    return sum(w * s.native("tanh")(e) for w, e in zip(s.draw(y.size), y.ravel(), strict=True))


# ---- normalisation ---------------------------------------------------------------------------------------------


def standardised(s: Any, x: Any) -> SimpleNamespace:
    """x̂ of a row, with its mean and variance; and y = γx̂ + β, a γ and β for each entry, with the loss of y."""
    m, eps = len(x), s.draw(low=0.1, high=1.0)
    mu = sum(x) / m
    var = sum((x - mu) ** 2) / m
    return SimpleNamespace(m=m, eps=eps, mu=mu, var=var, root=np.sqrt(var + eps), hat=(x - mu) / np.sqrt(var + eps))


@batch_norm("backward", "section 3, the chain rule through the transform",
            r"\frac{\partial \ell}{\partial \hat x_i} = \frac{\partial \ell}{\partial y_i} \gamma, \; \frac{\partial "
            r"\ell}{\partial \sigma_B^2} = \sum_i \frac{\partial \ell}{\partial \hat x_i} (x_i - \mu_B) "
            r"\frac{-1}{2} (\sigma_B^2 + \epsilon)^{-3/2}, \; \frac{\partial \ell}{\partial \mu_B} = \Big(\sum_i "
            r"\frac{\partial \ell}{\partial \hat x_i} \frac{-1}{\sqrt{\sigma_B^2 + \epsilon}}\Big) + \frac{\partial "
            r"\ell}{\partial \sigma_B^2} \frac{\sum_i -2(x_i - \mu_B)}{m}, \; \frac{\partial \ell}{\partial x_i} = "
            r"\frac{\partial \ell}{\partial \hat x_i} \frac{1}{\sqrt{\sigma_B^2 + \epsilon}} + \frac{\partial "
            r"\ell}{\partial \sigma_B^2} \frac{2(x_i - \mu_B)}{m} + \frac{\partial \ell}{\partial \mu_B} \frac{1}{m}, "
            r"\; \frac{\partial \ell}{\partial \gamma} = \sum_i \frac{\partial \ell}{\partial y_i} \hat x_i, \; "
            r"\frac{\partial \ell}{\partial \beta} = \sum_i \frac{\partial \ell}{\partial y_i}",
            supports=("layer/batch_norm",), assumptions=("one activation of a batch of m",))  # fmt: skip
def batch_norm_backward(s: Any) -> Equal:
    x, gamma, beta = s.draw(4), s.draw(), s.draw()
    b = standardised(s, x)
    y = gamma * b.hat + beta
    l = loss(s, y)  # ℓ
    by_hat = s.d(l, y) * gamma
    by_var = sum(by_hat * (x - b.mu)) * (-1 / (2 * b.root**3))
    by_mu = sum(by_hat) * (-1 / b.root) + by_var * sum(-2 * (x - b.mu)) / b.m
    yield s.d(l, b.hat), by_hat
    yield s.d(l, b.var), by_var
    yield s.d(l, b.mu), by_mu
    yield s.d(l, x), by_hat / b.root + by_var * (2 * (x - b.mu)) / b.m + by_mu / b.m
    yield s.d(l, gamma), sum(s.d(l, y) * b.hat)
    yield s.d(l, beta), sum(s.d(l, y))


@layer_norm("backward", "Layer Normalization Backward Pass",
            r"dx = \frac{\partial L}{\partial i} \cdot 1 + \frac{\partial L}{\partial \sigma^2} \frac{2}{D}(x - \mu) + "
            r"\frac{\partial L}{\partial \mu} \frac{1}{D}, \quad \frac{\partial L}{\partial i} = dy\, \gamma "
            r"\frac{1}{\sqrt{\sigma^2 + \epsilon}}, \; \frac{\partial L}{\partial \sigma^2} = \sum_{i=1}^D dy\, \gamma "
            r"(x - \mu)(-\tfrac{1}{2})(\sigma^2 + \epsilon)^{-3/2}, \; \frac{\partial L}{\partial \mu} = \sum_{i=1}^D "
            r"dy\, \gamma \frac{-1}{\sqrt{\sigma^2 + \epsilon}} + \sum_{i=1}^D \frac{\partial L}{\partial \sigma^2} "
            r"\frac{1}{D}(-2)(x - \mu)",
            supports=("layer/layer_norm",))  # fmt: skip
def layer_norm_backward(s: Any) -> Equal:
    x, gamma, beta = s.draw(4), s.draw(4), s.draw(4)
    b = standardised(s, x)
    y = gamma * b.hat + beta
    L = loss(s, y)
    dy = s.d(L, y)
    by_var = sum(dy * gamma * (x - b.mu)) * (-1 / (2 * b.root**3))
    by_mu = sum(dy * gamma) * (-1 / b.root) + sum(by_var * (-2 * (x - b.mu)) / b.m)
    yield s.d(L, b.var), by_var
    yield s.d(L, x), dy * gamma / b.root + by_var * 2 * (x - b.mu) / b.m + by_mu / b.m
    yield s.d(L, gamma), dy * (x - b.mu) / b.root


@normalize("backward", "Backward",
           r"\sigma = \sqrt{q^\top q}, \; r = q/\sigma, \; o = c\, r \odot w + b: \quad dr = do \odot (c\, w), \; dq = "
           r"\frac{1}{\sigma}\big(dr - (r^\top dr)\, r\big), \; dw = do \odot (c\, r), \; dp = dq - \overline{dq} "
           r"\text{ where } q = p - \bar p",
           supports=("layer/rms_norm", "layer/weight_norm", "layer/layer_norm"))  # fmt: skip
def normalize_backward(s: Any) -> Equal:
    p, w, b, c = s.draw(4), s.draw(4), s.draw(4), s.draw(low=0.5, high=2.0)
    q = p - sum(p) / 4
    sigma = np.sqrt(sum(q * q))
    r = q / sigma
    o = c * r * w + b
    L = loss(s, o)
    do = s.d(L, o)
    dr = do * c * w
    dq = (dr - sum(r * dr) * r) / sigma
    yield s.d(L, q), dq
    yield s.d(L, p), dq - sum(dq) / 4
    yield s.d(L, w), do * c * r


def by_length(s: Any, *shape: int, weights: Any = None) -> SimpleNamespace:
    """y = w·x/r, r² = mean x² + ε of every row, and the loss of y."""
    x, w, eps = s.draw(*shape), s.draw(shape[1]) if weights is None else weights, s.draw(low=0.1, high=1.0)
    r = np.sqrt((x * x).sum(-1) / shape[1] + eps)
    y = w * x / r[:, None]
    L = loss(s, y)
    return SimpleNamespace(x=x, w=w, r=r, n=shape[1], L=L, dx=s.d(L, x), dy=s.d(L, y))


@hyperdrive("rms-norm-input", "RMSNorm, Backward, last equation",
            r"\frac{\partial L}{\partial x_{ij}} = \frac{\partial L}{\partial y_{ij}} \frac{w_h}{r_i} - "
            r"\frac{1}{H r_i^3} x_{ij} \sum_{h=1}^H \frac{\partial L}{\partial y_{ih}} w_h x_{ih}",
            supports=("layer/rms_norm",),
            wrong="The weight of the first term has the index h of the sum behind it, which is bound to nothing there; "
                  "it is that of the entry, j, by which the line above it is differentiated.",
            charity="Right where all weights are equal.")  # fmt: skip
def rms_norm_input(s: Any) -> Equal:
    b = by_length(s, 2, 3)
    for i, j in np.ndindex(b.x.shape):  # h after its sum: the last of its values
        inner = sum(b.dy[i] * b.w * b.x[i])
        yield b.dx[i, j], b.dy[i, j] * b.w[2] / b.r[i] - b.x[i, j] * inner / (3 * b.r[i] ** 3)


@rms_norm_input.again
def _(s: Any) -> Equal:
    b = by_length(s, 2, 3)
    for i, j in np.ndindex(b.x.shape):  # h before its sum: the first of its values
        inner = sum(b.dy[i, h] * b.w[h] * b.x[i, h] for h in range(3))
        yield b.dx[i, j], b.dy[i, j] * b.w[0] / b.r[i] - b.x[i, j] * inner / (3 * b.r[i] ** 3)


@rms_norm_input.corrected(
    r"\frac{\partial L}{\partial x_{ij}} = \frac{\partial L}{\partial y_{ij}} \frac{w_j}{r_i} - "
    r"\frac{1}{H r_i^3} x_{ij} \sum_{h=1}^H \frac{\partial L}{\partial y_{ih}} w_h x_{ih}"
)
def _(s: Any) -> Equal:
    b = by_length(s, 2, 3)
    for i in range(2):
        yield b.dx[i], b.dy[i] * b.w / b.r[i] - b.x[i] * sum(b.dy[i] * b.w * b.x[i]) / (3 * b.r[i] ** 3)


@rms_norm_input.charitable(
    r"\frac{\partial L}{\partial x_{ij}} = \frac{\partial L}{\partial y_{ij}} \frac{w}{r_i} - "
    r"\frac{1}{H r_i^3} x_{ij} \sum_{h=1}^H \frac{\partial L}{\partial y_{ih}} w x_{ih}"
)
def _(s: Any) -> Equal:
    w = s.draw()
    b = by_length(s, 2, 3, weights=np.array([w, w, w], object))
    for i in range(2):
        yield b.dx[i], b.dy[i] * w / b.r[i] - b.x[i] * sum(b.dy[i] * w * b.x[i]) / (3 * b.r[i] ** 3)


def two_entries(s: Any) -> SimpleNamespace:
    """x = (1, 1), ε = 0, so that r = 1; weights 1 and 2; L = y₁ + y₂."""
    x, w = np.array([s.number(1), s.number(1)], object), (1, 2)
    r = np.sqrt(sum(x * x) / 2)
    return SimpleNamespace(x=x, dx=s.d(sum(w[k] * x[k] / r for k in range(2)), x[0]))


@rms_norm_input.smallest(
    "With x = (1, 1), ε = 0, weights 1 and 2 and L = y₁ + y₂, the slope by x₁ is {meant}; with w_h = w₂ it is "
    "{claimed}."
)
def _(s: Any) -> Equal:
    yield two_entries(s).dx, 1 * 2 / 1 - (1 + 2) / s.number(2)


@notebook("rms-norm-input", "RMSNorm Gradient Derivation",
          r"\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i} \frac{w_i}{r} - \frac{w_i x_i}{n r^3} "
          r"\sum_j \frac{\partial L}{\partial y_j} x_j",
          supports=("layer/rms_norm",),
          wrong="In the second term the weight of entry i stands before the sum; each summand has its own, w_j, since "
                "y_j = w_j·x_j/r.",
          charity="Right where all weights are equal, as in the check that is printed below it: they are ones.",
          remark="The notebook calls it equation 9 of the paper.")  # fmt: skip
def rms_norm_weight(s: Any) -> Equal:
    b = by_length(s, 1, 4)
    x, dy, r = b.x[0], b.dy[0], b.r[0]
    yield b.dx[0], dy * b.w / r - b.w * x / (4 * r**3) * sum(dy * x)


@rms_norm_weight.again
def _(s: Any) -> Equal:
    b = by_length(s, 2, 3)
    for k, i in np.ndindex(b.x.shape):
        dot = sum(b.dy[k, j] * b.x[k, j] for j in range(3))
        yield b.dx[k, i], b.dy[k, i] * b.w[i] / b.r[k] - b.w[i] * b.x[k, i] / (3 * b.r[k] ** 3) * dot


@rms_norm_weight.corrected(
    r"\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i} \frac{w_i}{r} - \frac{x_i}{n r^3} "
    r"\sum_j \frac{\partial L}{\partial y_j} w_j x_j"
)
def _(s: Any) -> Equal:
    b = by_length(s, 1, 4)
    x, dy, r = b.x[0], b.dy[0], b.r[0]
    yield b.dx[0], dy * b.w / r - x / (4 * r**3) * sum(dy * b.w * x)


@rms_norm_weight.charitable(
    r"\frac{\partial L}{\partial x_i} = \frac{\partial L}{\partial y_i} \frac{1}{r} - \frac{x_i}{n r^3} "
    r"\sum_j \frac{\partial L}{\partial y_j} x_j"
)
def _(s: Any) -> Equal:
    b = by_length(s, 1, 4, weights=np.array([s.number(1)] * 4, object))
    x, dy, r = b.x[0], b.dy[0], b.r[0]
    yield b.dx[0], dy / r - x / (4 * r**3) * sum(dy * x)


@rms_norm_weight.smallest(
    "With x = (1, 1), ε = 0, weights 1 and 2 and L = y₁ + y₂, the slope by x₁ is {meant}; as printed it is {claimed}."
)
def _(s: Any) -> Equal:
    yield two_entries(s).dx, 1 - s.number(1) * (1 + 1) / 2


# ---- attention -------------------------------------------------------------------------------------------------


def heads(s: Any, tau: Any) -> SimpleNamespace:
    """O = softmax(τQKᵀ)V of three queries and four keys, every step of it, and the loss of O."""
    Q, K, V = s.draw(3, 2), s.draw(4, 2), s.draw(4, 2)
    S = tau * (Q @ K.T)
    P = np.array([s.softmax(row) for row in S], object)
    O = P @ V
    L = loss(s, O)
    return SimpleNamespace(Q=Q, K=K, V=V, S=S, P=P, O=O, L=L, dO=s.d(L, O))


@flash("backward", "appendix B.2, equations (3) to (6)",
       r"dv_j = \sum_i P_{ij}\, do_i, \; dP_{ij} = do_i^T v_j, \; D_i = P_{i:}^T dP_{i:} = do_i^T o_i, \; dS_{ij} = "
       r"P_{ij}(dP_{ij} - D_i), \; dq_i = \sum_j dS_{ij}\, k_j, \; dk_j = \sum_i dS_{ij}\, q_i",
       supports=("layer/attention",), assumptions=("S = QKᵀ, without a scale",))  # fmt: skip
def flash_backward(s: Any) -> Equal:
    h = heads(s, s.number(1))
    dP = h.dO @ h.V.T
    D = (h.P * dP).sum(-1)
    dS = h.P * (dP - D[:, None])
    yield s.d(h.L, h.V), h.P.T @ h.dO
    yield s.d(h.L, h.P), dP
    yield D, (h.dO * h.O).sum(-1)
    yield s.d(h.L, h.S), dS
    yield s.d(h.L, h.Q), dS @ h.K
    yield s.d(h.L, h.K), dS.T @ h.Q


@flash("algorithm-4", "algorithm 4, lines 16 to 22",
       r"dV \leftarrow P^\top dO, \; D = \mathrm{rowsum}(dO \circ O), \; dS = P \circ (dP - D), \; dQ \leftarrow "
       r"\tau\, dS\, K, \; dK \leftarrow \tau\, dS^\top Q",
       supports=("layer/attention",), assumptions=("S = τQKᵀ, one block, no mask, no dropout",))  # fmt: skip
def flash_algorithm(s: Any) -> Equal:
    tau = s.draw(low=0.3, high=0.9)
    h = heads(s, tau)
    dS = h.P * (h.dO @ h.V.T - (h.dO * h.O).sum(-1)[:, None])
    yield s.d(h.L, h.V), h.P.T @ h.dO
    yield s.d(h.L, h.Q), tau * (dS @ h.K)
    yield s.d(h.L, h.K), tau * (dS.T @ h.Q)


@bilinear("backward", "Gradient Derivations, full backward pass",
          r"\frac{\partial L}{\partial V} = A^T \frac{\partial L}{\partial O}, \; \frac{\partial L}{\partial A} = "
          r"\frac{\partial L}{\partial O} V^T, \; \frac{\partial L}{\partial S^{ij}} = A^{ij} \Big(\frac{\partial "
          r"L}{\partial A^{ij}} - \sum_{j'} A^{ij'} \frac{\partial L}{\partial A^{ij'}}\Big), \; \frac{\partial "
          r"L}{\partial Q} = \frac{1}{\sqrt{d_k}} \frac{\partial L}{\partial S} K, \; \frac{\partial L}{\partial K} = "
          r"\frac{1}{\sqrt{d_k}} \Big(\frac{\partial L}{\partial S}\Big)^T Q",
          supports=("layer/attention",))  # fmt: skip
def bilinear_backward(s: Any) -> Equal:
    scale = 1 / np.sqrt(s.number(2))
    h = heads(s, scale)
    by_A = h.dO @ h.V.T
    by_S = h.P * (by_A - (h.P * by_A).sum(-1)[:, None])
    yield s.d(h.L, h.V), h.P.T @ h.dO
    yield s.d(h.L, h.P), by_A
    yield s.d(h.L, h.S), by_S
    yield s.d(h.L, h.Q), scale * (by_S @ h.K)
    yield s.d(h.L, h.K), scale * (by_S.T @ h.Q)
