"""Hjorth-Jensen, Machine Learning lecture notes (CompPhysics): weeks 37 and 42, backpropagation and Adam."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from literature import backprop_05
from literature.claim import Network, Source

Equal = Iterator[tuple[Any, ...]]

claim = Source("compphysics", backprop_05.notation, (Network(sizes=(3, 3, 3, 3), activation="tanh"),))


@claim("hidden-error", "week 42, sum over all k entries",
       r"\delta_j^l = \sum_k \frac{\partial C}{\partial z_k^{l+1}} \frac{\partial z_k^{l+1}}{\partial z_j^l} = "
       r"\sum_k \delta_k^{l+1} \frac{\partial z_k^{l+1}}{\partial z_j^l}", supports=("network/bp2",))  # fmt: skip
def hidden_error(s: Any) -> Equal:
    for l in s.hidden:
        for j in range(len(s.z[l])):
            slopes = [s.d(above, s.z[l][j]) for above in s.z[l + 1]]
            yield (
                s.delta[l][j],
                sum(s.d(s.C, above) * slope for above, slope in zip(s.z[l + 1], slopes, strict=True)),
                sum(s.delta[l + 1][k] * slope for k, slope in enumerate(slopes)),
            )


@claim("weighted-input-and-error", "week 42, final equation",
       r"z_j^{l+1} = \sum_{i=1}^{M_l} w_{ij}^{l+1} a_i^l + b_j^{l+1} \;\Rightarrow\; \delta_j^l = \sum_k "
       r"\delta_k^{l+1} w_{kj}^{l+1} \sigma'(z_j^l)", supports=("network/bp2",),
       wrong="The two sums use w with its indices in different orders. If w_ij leads from i to j, as in the "
             "weighted input, the weight on the way from j to k is w_jk.",
       charity="Right where every weight matrix is symmetric, or if w_ij of the weighted input is read as "
               "w_ji.")  # fmt: skip
def weighted_input_and_error(s: Any) -> Equal:
    # The first equation fixes the order of the indices; the second is taken in that order.
    for l in s.hidden:
        w, delta = s.w[l + 1].T, s.delta[l + 1]  # w[i, j] from i to j
        yield s.z[l + 1], np.array([sum(w[:, j] * s.a[l]) for j in range(3)]) + s.b[l + 1]
        for j in range(3):
            yield s.delta[l][j], sum(delta[k] * w[k, j] for k in range(3)) * s.sigma_prime(s.z[l][j])


@weighted_input_and_error.again
def _(s: Any) -> Equal:
    # The other way round: the second equation fixes the order, the first is taken in it.
    for l in s.hidden:
        w = s.w[l + 1]  # w[k, j] from j to k
        yield s.delta[l], (w.T @ s.delta[l + 1]) * s.sigma_prime(s.z[l])
        yield s.z[l + 1], w.T @ s.a[l] + s.b[l + 1]


@weighted_input_and_error.corrected(
    r"z_j^{l+1} = \sum_{i=1}^{M_l} w_{ij}^{l+1} a_i^l + b_j^{l+1} \;\Rightarrow\; \delta_j^l = \sum_k \delta_k^{l+1} "
    r"w_{jk}^{l+1} \sigma'(z_j^l)"
)
def _(s: Any) -> Equal:
    for l in s.hidden:
        w, delta = s.w[l + 1].T, s.delta[l + 1]
        yield s.z[l + 1], np.array([sum(w[:, j] * s.a[l]) for j in range(3)]) + s.b[l + 1]
        for j in range(3):
            yield s.delta[l][j], sum(delta[k] * w[j, k] for k in range(3)) * s.sigma_prime(s.z[l][j])


@weighted_input_and_error.smallest(
    "With σ(z) = z, w₁₁ = 1, w₁₂ = 2, w₂₁ = 3, w₂₂ = 4 and the errors 1 and 3 above, δ₁ is {meant}, the sum with w_jk; "
    "the sum with w_kj is {claimed}."
)
def _(s: Any) -> Equal:
    w, a = np.array([[1, 2], [3, 4]]), s.draw(2)
    z = w.T @ a  # z_j = Σᵢ w_ij a_i
    C = z[0] + 3 * z[1]
    yield s.d(C, a[0]), s.d(C, z[0]) * w[0, 0] + s.d(C, z[1]) * w[1, 0]
