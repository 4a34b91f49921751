"""Dong, Back-propagation Tutorial (2016): columns, the bias as the weight of a constant input, path sums."""

# ruff: noqa: D103  # a reading is documented by the record of its claim

# Over 400 lines: a tutorial of many equations, each with its reading and its record.

from __future__ import annotations

import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np

from literature.claim import BATCHMEAN, Network, Source

Equal = Iterator[tuple[Any, ...]]
ANY = (Network(activation="tanh"), Network(sizes=(2, 3, 2, 3), activation="silu"))
ENTROPY = (Network(cost="bce"), Network(sizes=(2, 3, 2), cost="bce"))
SQUARE = (Network(sizes=(3, 3, 3, 3), activation="tanh"),)
BATCH = (Network(sizes=(3, 4, 2), activation="tanh", examples=5),)
CONSTANT = ("the bias is the weight w_j0 of a constant input a_0 = 1",)


def notation(net: Any) -> SimpleNamespace:
    """Per neuron: w[l][j, i] from i to j, where i = 0 is the constant input; z, a, delta are numbered from 1.

    In vectors: W[l] with the biases as its first column, A[l] with the constant 1 on top; Z, D without it. The
    sums over output units run over y and A_L, numbered from 0.
    """
    d, e = net.d, net.examples[0]
    W = {l: np.column_stack([net.b[l], net.w[l]]) for l in net.layers}
    A = {l: np.array([1, *e.a[l]], dtype=object) for l in e.a}
    D = {l: d(e.C, e.z[l]) for l in net.layers}

    def from_one(v: Any) -> dict[int, Any]:
        return dict(enumerate(v, 1))

    return SimpleNamespace(
        d=d, L=net.L, layers=net.layers, hidden=net.hidden, g=net.sigma, g_prime=net.prime(net.sigma), W=W, A=A,
        Z=e.z, D=D, C=e.C, y=e.y, A_L=e.a[net.L], native=net.native, weights=net.w, prime=net.prime,
        w={l: {(j + 1, i): W[l][j, i] for j, i in np.ndindex(W[l].shape)} for l in W},
        a={l: {0: 1, **from_one(e.a[l])} for l in e.a}, z={l: from_one(e.z[l]) for l in e.z},
        delta={l: from_one(D[l]) for l in D}, examples=net.examples, eta=net.draw(low=0.1, high=1.0),
        lam=net.draw(low=0.1, high=1.0), n=net.draw(low=2.0, high=9.0),
    )  # fmt: skip


claim = Source("dong-2016", notation, ANY)


def printed_entropy(s: Any) -> Any:
    """The cost of 1.2 as printed: no minus sign."""
    y, a = s.y, s.A_L
    return sum(y[i] * np.log(a[i]) + (1 - y[i]) * np.log(1 - a[i]) for i in range(len(y)))


# ---- 1 Notations -----------------------------------------------------------------------------------------------


@claim("1-activation", "section 1, notation 2", r"a_i^l = g(z_i^l)")
def activation(s: Any) -> Equal:
    for l in s.layers:
        for i in s.z[l]:
            yield s.a[l][i], s.g(s.z[l][i])


@claim(
    "1-sigmoid",
    "section 1, notation 2",
    r"g(x) = \frac{1}{1+e^{-x}}",
    networks=(Network(),),
    supports=("activation/sigmoid",),
)
def sigmoid(s: Any) -> Equal:
    for l in s.layers:
        yield s.g(s.Z[l]), 1 / (1 + np.exp(-s.Z[l]))


@claim(
    "1-weight",
    "section 1, notation 3",
    r"w_{ii}^l: \text{ from the } i\text{-th neuron of layer } l-1 \text{ to the } j\text{-th of layer } l",
    networks=SQUARE,
    wrong="The weight that leads from i to j cannot be w_ii: j does not occur in it.",
    charity="Right if the index is read as ji, as in every equation after it; the slip may be one of the copy at "
    "hand, a text made from the printed page.",
)
def weight(s: Any) -> Equal:
    # The weight from i to j is what a_i is multiplied with in z_j.
    for l in s.hidden:
        for j in s.z[l + 1]:
            for i in s.z[l]:
                yield s.d(s.z[l + 1][j], s.a[l][i]), s.w[l + 1][i, i]


@weight.again
def _(s: Any) -> Equal:
    # With w_ii every neuron would receive the same weighted input.
    for l in s.hidden:
        same = sum(s.w[l + 1][i, i] * s.a[l][i] for i in s.z[l])
        for j in s.z[l + 1]:
            yield s.z[l + 1][j], same + s.w[l + 1][j, 0]


@weight.corrected(
    r"w_{ji}^l: \text{ from the } i\text{-th neuron of layer } l-1 \text{ to the } j\text{-th of layer } l"
)
def _(s: Any) -> Equal:
    for l in s.hidden:
        for j in s.z[l + 1]:
            for i in s.z[l]:
                yield s.d(s.z[l + 1][j], s.a[l][i]), s.w[l + 1][j, i]


@weight.smallest(
    "With the weights w₁₁ = 1, w₁₂ = 2, w₂₁ = 3, w₂₂ = 4, what neuron 1 sends to neuron 2 is multiplied by {meant}, "
    "which is w₂₁; w_ii with i = 1 is {claimed}."
)
def _(s: Any) -> Equal:
    w, a = {(1, 1): 1, (1, 2): 2, (2, 1): 3, (2, 2): 4}, {1: s.number(1), 2: s.number(1)}
    z = {j: w[j, 1] * a[1] + w[j, 2] * a[2] for j in (1, 2)}
    yield s.d(z[2], a[1]), w[1, 1]


@claim(
    "1-weighted-input", "section 1, notation 3", r"z_j^{l+1} = \sum_{i=0}^n w_{ji}^{l+1} a_i^l", assumptions=CONSTANT
)
def weighted_input(s: Any) -> Equal:
    for l in range(1, s.L):
        for j in s.z[l + 1]:
            yield s.z[l + 1][j], sum(s.w[l + 1][j, i] * s.a[l][i] for i in s.a[l])


@claim(
    "1-layer-derivative",
    "section 1, notation 3",
    r"\frac{\partial z_j^{l+1}}{\partial z_i^l} = \frac{\partial z_j^{l+1}}{\partial a_i^l} \frac{\partial "
    r"a_i^l}{\partial z_i^l} = w_{ji}^{l+1} g'(z_i^l)",
    supports=("network/bp2",),
    remark="For i ≥ 1; the constant input i = 0 has no z.",
)
def layer_derivative(s: Any) -> Equal:
    for l in s.hidden:
        for j in s.z[l + 1]:
            for i in s.z[l]:
                above, z, a = s.z[l + 1][j], s.z[l][i], s.a[l][i]
                yield s.d(above, z), s.d(above, a) * s.d(a, z), s.w[l + 1][j, i] * s.g_prime(z)


@claim(
    "1-quadratic-cost",
    "section 1, notation 5",
    r"\frac{1}{2} \sum_{i=0}^{n} (a_i^L - y_i)^2",
    networks=(Network(), Network(activation="tanh")),
    supports=("cost/quadratic",),
    assumptions=("i = 0, …, n are output units here, i = 0 included",),
    remark="n is the number of inputs of a neuron, the last output unit and, in section 2, the size of the "
    "training set.",
)
def quadratic_cost(s: Any) -> Equal:
    yield s.C, sum((s.A_L[i] - s.y[i]) ** 2 for i in range(len(s.y))) / 2


@claim(
    "1-summed-cost",
    "section 1, notation 5",
    r"C = \sum_x C_x \quad\text{in stochastic gradient descent}",
    networks=BATCH,
    supports=("network/bp4",),
    remark="A sum, not a mean: the gradient grows with the number of examples, and η must shrink with it.",
)
def summed_cost(s: Any) -> Equal:
    C = sum(e.C for e in s.examples)
    for l in s.layers:
        W = s.weights[l]
        yield s.d(C, W), sum(s.d(e.C, W) for e in s.examples), errors(s, l) @ columns(s, "a", l - 1).T


@claim(
    "1-error-definition",
    "section 1, notation 6",
    r"\delta_i^l = \frac{\partial C}{\partial z_i^L}",
    networks=SQUARE,
    supports=("network/bp2",),
    wrong="The right side has the output layer L where the left has layer l: every layer would have the error of "
    "the last. The words before it and the recursion of 1.3 have layer l.",
    charity="Right at l = L; L for l may also be a slip of the copy at hand.",
)
def error_definition(s: Any) -> Equal:
    for l in s.hidden:
        for i in s.z[l]:
            yield s.d(s.C, s.z[l][i]), s.d(s.C, s.z[s.L][i])


@error_definition.again
def _(s: Any) -> Equal:
    # With δ so defined at every layer, the document's own recursion (1.3) is not satisfied.
    delta = {i: s.d(s.C, s.z[s.L][i]) for i in s.z[s.L]}
    for l in s.hidden:
        for c in s.z[l]:
            yield s.g_prime(s.z[l][c]) * sum(s.w[l + 1][i, c] * delta[i] for i in delta), delta[c]


@error_definition.corrected(r"\delta_i^l = \frac{\partial C}{\partial z_i^l}")
def _(s: Any) -> Equal:
    for l in s.hidden:
        for c in s.z[l]:
            recursion = s.g_prime(s.z[l][c]) * sum(s.w[l + 1][i, c] * s.d(s.C, s.z[l + 1][i]) for i in s.z[l + 1])
            yield recursion, s.d(s.C, s.z[l][c])


@error_definition.charitable(r"\delta_i^L = \frac{\partial C}{\partial z_i^L}")
def _(s: Any) -> Equal:
    yield s.d(s.C, s.Z[s.L]), s.D[s.L]


@error_definition.smallest(
    "With one neuron in layer l and one in layer L = l + 1, g(z) = z, zˡ = 1, w = 2 and C = ½(zᴸ)², δˡ is {meant}; as "
    "printed it would be δᴸ, which is {claimed}."
)
def _(s: Any) -> Equal:
    below = s.number(1)
    top = 2 * below
    yield s.d(top**2 / 2, below), s.d(top**2 / 2, top)


# ---- 1.1 Feed forward ------------------------------------------------------------------------------------------


@claim(
    "1.1-weighted-input",
    "section 1.1, first display",
    r"z_j^l = \sum_{i=0}^n a_i^{l-1} w_{ji}^l \;\Rightarrow\; \underline{z}^l = \boldsymbol{W}^l \cdot "
    r"\underline{a}^{l-1}",
    assumptions=CONSTANT,
)
def feed_forward(s: Any) -> Equal:
    for l in s.layers:
        for j in s.z[l]:
            yield s.z[l][j], sum(s.a[l - 1][i] * s.w[l][j, i] for i in s.a[l - 1])
        yield s.Z[l], s.W[l] @ s.A[l - 1]


@claim("1.1-activation", "section 1.1, second display", r"\underline{a}^l = g(\underline{z}^l)")
def activation_vector(s: Any) -> Equal:
    for l in s.layers:
        yield s.A[l][1:], s.g(s.Z[l])


@claim(
    "1.1-slope",
    "section 1.1, third display",
    r"\frac{\partial a_i^l}{\partial z_i^l} = g'(z_i^l) = \begin{cases} g(z_i^l)[1 - g(z_i^l)] & \text{sigmoid} \\ "
    r"1 \text{ if } z_i^l > 0, \text{ otherwise } 0 \end{cases}",
    supports=("activation/sigmoid", "activation/relu"),
    convention="The second case, which carries no name, is the ReLU, and 0 is the value chosen at z = 0, where no "
    "derivative exists.",
    remark="tanh, which notation 2 also names, has no case.",
)
def slope(s: Any) -> Equal:
    g, relu = s.native("sigmoid"), s.native("relu")
    for l in s.layers:
        for z in s.Z[l]:
            yield s.prime(g)(z), g(z) * (1 - g(z))
            yield s.prime(relu)(z), 1 if z > 0 else 0


@slope.otherwise
def _(s: Any) -> Equal:
    # The case without a name taken for tanh.
    for l in s.layers:
        for z in s.Z[l]:
            yield s.prime(s.native("tanh"))(z), 1 if z > 0 else 0


# ---- 1.2 Errors at the output layer ----------------------------------------------------------------------------


@claim(
    "1.2-cross-entropy",
    "section 1.2, first display",
    r"C = \sum_{i=0}^{n} \left[y_i \ln(a_i^L) + (1 - y_i) \ln(1 - a_i^L) \right]",
    networks=ENTROPY,
    supports=("cost/binary_cross_entropy",),
    assumptions=(BATCHMEAN,),
    wrong="The cross-entropy is the negative of this sum. As printed C is at most 0 and largest for a perfect "
    "answer, so the descent of 1.4 would make the network worse.",
    charity="Right as the log-likelihood, to be maximised; the document, though, calls it the cross-entropy and "
    "descends.",
)
def cross_entropy(s: Any) -> Equal:
    yield s.C, printed_entropy(s)


@cross_entropy.again
def _(s: Any) -> Equal:
    # In vectors, and by its derivative, which is what the network learns from.
    log_likelihood = s.y @ np.log(s.A_L) + (1 - s.y) @ np.log(1 - s.A_L)
    yield s.d(s.C, s.A_L), s.d(log_likelihood, s.A_L)


@cross_entropy.corrected(r"C = -\sum_{i=0}^{n} \left[y_i \ln(a_i^L) + (1 - y_i) \ln(1 - a_i^L) \right]")
def _(s: Any) -> Equal:
    yield s.C, -printed_entropy(s)


@cross_entropy.charitable(r"\ln p(y) = \sum_{i=0}^{n} \left[y_i \ln(a_i^L) + (1 - y_i) \ln(1 - a_i^L) \right]")
def _(s: Any) -> Equal:
    bernoulli = [np.exp(t * np.log(p)) * np.exp((1 - t) * np.log(1 - p)) for t, p in zip(s.y, s.A_L, strict=True)]
    yield np.log(np.prod(bernoulli)), printed_entropy(s)


@cross_entropy.smallest("With one output a = ½ and y = 1, the cross-entropy is {meant}; the printed sum is {claimed}.")
def _(s: Any) -> Equal:
    a, y = s.number(1 / 2), 1
    yield s.native("bce")(a, y), y * np.log(a) + (1 - y) * np.log(1 - a)


def entropy_slope(s: Any) -> Any:
    """The bracket [y/a − (1 − y)/(1 − a)] of 1.2 and 1.3."""
    return s.y / s.A_L - (1 - s.y) / (1 - s.A_L)


@claim(
    "1.2-output-error",
    "section 1.2, second display",
    r"\delta_i^L \equiv \frac{\partial C}{\partial z_i^L} = \frac{\partial C}{\partial a_i^L} \frac{\partial "
    r"a_i^L}{\partial z_i^L} = \left[\frac{y_i}{a_i^L} - \frac{1 - y_i}{1 - a_i^L} \right] \odot g'(z_i^L)",
    networks=ENTROPY,
    supports=("network/bp1", "cost/binary_cross_entropy"),
    assumptions=(BATCHMEAN,),
    convention="C is the sum printed above it, the log-likelihood. For the cross-entropy the whole expression "
    "changes sign.",
    remark="For the sigmoid it simplifies to y − a, and for the cross-entropy to a − y.",
)
def output_error(s: Any) -> Equal:
    C, a, z = printed_entropy(s), s.A_L, s.Z[s.L]
    for i in range(len(a)):
        yield s.d(C, z[i]), s.d(C, a[i]) * s.d(a[i], z[i]), entropy_slope(s)[i] * s.g_prime(z[i])


@output_error.otherwise
def _(s: Any) -> Equal:
    yield s.d(s.C, s.Z[s.L]), entropy_slope(s) * s.g_prime(s.Z[s.L])


# ---- 1.3 Back-propagation --------------------------------------------------------------------------------------


def jacobians(s: Any) -> dict[int, Any]:
    """∂z^{l+1}_j/∂z^l_i for every hidden l, as an array [j, i]."""
    return {l: s.d(s.Z[l + 1], s.Z[l]) for l in s.hidden}


def path_sum(s: Any, J: dict[int, Any], l: int, c: int, keep: Any = lambda path: True) -> Any:
    """Sum over all sequences of neurons from layer l + 1 to L of the product of derivatives along the path."""
    total = 0
    for path in filter(keep, itertools.product(*(range(len(s.Z[k])) for k in range(l + 1, s.L + 1)))):
        product = s.D[s.L][path[-1]]
        for k, (below, above) in enumerate(itertools.pairwise((c, *path)), l):
            product = product * J[k][above, below]
        total = total + product
    return total


@claim(
    "1.3-path-sum",
    "section 1.3, proof, lines 1 and 2",
    r"\delta_c^l = \frac{\partial C}{\partial z_c^l} = \sum_{i,j,k,m,\dots} \frac{\partial C}{\partial z_m^L} "
    r"\frac{\partial z_m^L}{\partial z_k^{L-1}} \cdots \frac{\partial z_k^{l+3}}{\partial z_j^{l+2}} "
    r"\frac{\partial z_j^{l+2}}{\partial z_i^{l+1}} \frac{\partial z_i^{l+1}}{\partial z_c^l}",
    networks=(
        Network(sizes=(2, 2, 3, 2, 2, 2, 2), activation="tanh"),
        Network(sizes=(2, 2, 2, 2, 3, 2, 2), activation="silu"),
    ),
    supports=("network/bp2",),
    convention="Each layer on the way has its own index. As printed k names a neuron of layer L − 1 and one of "
    "layer l + 3, which are the same layer only if L = l + 4.",
)
def path_sums(s: Any) -> Equal:
    J = jacobians(s)
    for l in s.hidden:
        for c in range(len(s.Z[l])):
            yield s.D[l][c], path_sum(s, J, l, c)


@path_sums.otherwise
def _(s: Any) -> Equal:
    # k taken for one number in layers l + 3 and L − 1, here 5 and 6: only the paths that pass both at k are summed.
    J, l = jacobians(s), 2
    for c in range(len(s.Z[l])):
        yield s.D[l][c], path_sum(s, J, l, c, keep=lambda path: path[2] == path[-2])


@claim(
    "1.3-recursion",
    "section 1.3, proof, lines 3 to 7",
    r"\delta_c^l = \sum_i \frac{\partial z_i^{l+1}}{\partial z_c^l} \sum_{j,k,m,\dots} \frac{\partial C}{\partial "
    r"z_m^L} \cdots \frac{\partial z_j^{l+2}}{\partial z_i^{l+1}} = \sum_i \frac{\partial z_i^{l+1}}{\partial "
    r"z_c^l} \delta_i^{l+1} = \frac{\partial a_c^l}{\partial z_c^l} \sum_i \frac{\partial z_i^{l+1}}{\partial "
    r"a_c^l} \delta_i^{l+1} = g'(z_c^l) \sum_i w_{ic}^{l+1} \delta_i^{l+1}",
    networks=(Network(sizes=(2, 2, 3, 2, 2), activation="tanh"), Network(sizes=(2, 3, 2, 2), activation="silu")),
    supports=("network/bp2",),
    assumptions=("each layer on the way has its own index",),
    remark="The line with δ_i^{l+1} is printed twice.",
)
def recursion(s: Any) -> Equal:
    J = jacobians(s)
    for l in s.hidden:
        above = s.z[l + 1]
        for c in s.z[l]:
            inner = {i: path_sum(s, J, l + 1, i - 1) if l + 1 < s.L else s.delta[s.L][i] for i in above}
            yield (
                s.delta[l][c],
                sum(J[l][i - 1, c - 1] * inner[i] for i in above),
                sum(s.d(above[i], s.z[l][c]) * s.delta[l + 1][i] for i in above),
                s.d(s.a[l][c], s.z[l][c]) * sum(s.d(above[i], s.a[l][c]) * s.delta[l + 1][i] for i in above),
                s.g_prime(s.z[l][c]) * sum(s.w[l + 1][i, c] * s.delta[l + 1][i] for i in above),
            )


@claim(
    "1.3-recursion-column",
    "section 1.3, proof, last line",
    r"\delta_c^l = g'(z_c^l) \left\{ \left[\underset{:c}{w}^{l+1} \right]^T \cdot \delta_i^{l+1} \right\}",
    supports=("network/bp2",),
    doubt="Elsewhere δ with an index i is one number; read so, the right side is a row and not the number on the "
    "left. It holds if δ with index i stands for the whole vector over i, whose mark (a tilde below, in this "
    "document) the copy at hand may have turned into an i.",
)
def recursion_column(s: Any) -> Equal:
    for l in s.hidden:
        for c in s.z[l]:
            for i in s.z[l + 1]:
                yield s.delta[l][c], s.g_prime(s.z[l][c]) * (s.W[l + 1][:, c].T * s.delta[l + 1][i])


@recursion_column.other(
    r"\delta_c^l = g'(z_c^l) \left\{ \left[\underset{:c}{w}^{l+1} \right]^T \cdot \underline{\delta}^{l+1} \right\}"
)
def _(s: Any) -> Equal:
    for l in s.hidden:
        for c in s.z[l]:
            yield s.delta[l][c], s.g_prime(s.z[l][c]) * (s.W[l + 1][:, c].T @ s.D[l + 1])


@recursion_column.smallest(
    "With g(z) = z, two neurons above, w_1c = 1, w_2c = 2 and their errors 1 and 3, δ_c is {meant}; with the number δ₁ "
    "for δ_i the right side is the row (1, 2), whose first entry is {claimed}."
)
def _(s: Any) -> Equal:
    z_c = s.number(1)
    above = [1 * z_c, 2 * z_c]
    C = above[0] + 3 * above[1]
    yield s.d(C, z_c), 1 * s.d(C, above[0])


@claim(
    "1.3-output-error",
    "section 1.3, after the proof",
    r"\delta_i^L \equiv \frac{\partial C}{\partial z_i^L} = \left[\frac{y_i}{a_i^L} - \frac{1 - y_i}{1 - a_i^L} "
    r"\right]",
    networks=ENTROPY,
    supports=("network/bp1",),
    wrong="The factor g'(z_i^L), which 1.2 has, is not carried along; the recursion would start from a wrong error.",
    charity="Right as ∂C/∂a_i^L, and for an output layer with g(z) = z. (C is taken as printed in 1.2, so that its "
    "sign is not counted twice.)",
)
def output_error_again(s: Any) -> Equal:
    # C as printed, so that only the lost factor shows, not the sign of C once more.
    yield s.d(printed_entropy(s), s.Z[s.L]), entropy_slope(s)


@output_error_again.again
def _(s: Any) -> Equal:
    # Against the document's own 1.2, unit by unit.
    for a, y, z in zip(s.A_L, s.y, s.Z[s.L], strict=True):
        yield (y / a - (1 - y) / (1 - a)) * s.g_prime(z), y / a - (1 - y) / (1 - a)


@output_error_again.corrected(
    r"\delta_i^L = \left[\frac{y_i}{a_i^L} - \frac{1 - y_i}{1 - a_i^L} \right] \odot g'(z_i^L)"
)
def _(s: Any) -> Equal:
    yield s.d(printed_entropy(s), s.Z[s.L]), entropy_slope(s) * s.g_prime(s.Z[s.L])


@output_error_again.charitable(
    r"\frac{\partial C}{\partial a_i^L} = \left[\frac{y_i}{a_i^L} - \frac{1 - y_i}{1 - a_i^L} \right]"
)
def _(s: Any) -> Equal:
    yield s.d(printed_entropy(s), s.A_L), entropy_slope(s)


@output_error_again.smallest(
    "With the sigmoid, z = 0, so that a = ½, and y = 1, the derivative of the C of 1.2 by z is {meant}; the bracket "
    "alone is {claimed}."
)
def _(s: Any) -> Equal:
    z, y = s.number(0), 1
    a = s.native("sigmoid")(z)
    yield s.d(y * np.log(a) + (1 - y) * np.log(1 - a), z), y / a - (1 - y) / (1 - a)


@claim(
    "1.3-recursion-vector",
    "section 1.3, vectorised",
    r"\underline{\delta}^{l} = g'(\underline{z}^{l}) \odot \left\{ \left[\boldsymbol{W}^{l+1} \right]^T \cdot "
    r"\underline{\delta}^{l+1} \right\}",
    supports=("network/bp2",),
    convention="Going back, W is without the column of the biases: the constant input has no z and no error.",
    remark="The text after it says that the backward pass needs element-wise multiplication only; it needs the "
    "product with the transposed weights, as many multiplications as the forward pass.",
)
def recursion_vector(s: Any) -> Equal:
    for l in s.hidden:
        yield s.D[l], s.g_prime(s.Z[l]) * (s.W[l + 1][:, 1:].T @ s.D[l + 1])


@recursion_vector.otherwise
def _(s: Any) -> Equal:
    # W as the forward pass of 1.1 needs it, the biases in its first column.
    for l in s.hidden:
        yield s.D[l], s.g_prime(s.Z[l]) * (s.W[l + 1].T @ s.D[l + 1])


# ---- 1.4 Weight update -----------------------------------------------------------------------------------------


@claim(
    "1.4-weight-gradient",
    "section 1.4, first display",
    r"\frac{\partial C}{\partial w_{ji}^l} = \frac{\partial C}{\partial z_j^l} \cdot \frac{\partial "
    r"z_j^l}{\partial w_{ji}^l} = \delta_j^l \cdot a_i^{l-1}",
    supports=("network/bp4", "network/bp3"),
    assumptions=CONSTANT,
    remark="With i = 0 it is the gradient of the bias.",
)
def weight_gradient(s: Any) -> Equal:
    for l in s.layers:
        for (j, i), w in s.w[l].items():
            yield s.d(s.C, w), s.d(s.C, s.z[l][j]) * s.d(s.z[l][j], w), s.delta[l][j] * s.a[l - 1][i]


@claim(
    "1.4-weight-gradient-row",
    "section 1.4, second display, line 1",
    r"\frac{\partial C}{\partial \boldsymbol{w}^{l}} = \delta^{l}_j \cdot \boldsymbol{\alpha}^{l-1}",
    supports=("network/bp4",),
    doubt="The left side has lost its index, in the document or in the copy at hand. Of the whole matrix it cannot "
    "be true, for the right side is a vector; of row j it is. (α is read as a, as in the update after it.)",
)
def weight_gradient_row(s: Any) -> Equal:
    for l in s.layers:
        for j in s.z[l]:
            yield s.d(s.C, s.W[l]), s.delta[l][j] * s.A[l - 1]


@weight_gradient_row.other(
    r"\frac{\partial C}{\partial \boldsymbol{w}_{j:}^{l}} = \delta^{l}_j \cdot [\boldsymbol{a}^{l-1}]^T"
)
def _(s: Any) -> Equal:
    for l in s.layers:
        for j in s.z[l]:
            yield s.d(s.C, s.W[l][j - 1, :]), s.delta[l][j] * s.A[l - 1]


@weight_gradient_row.smallest(
    "With one input a = 2 and two neurons whose errors are 1 and 3, ∂C/∂W is the column (2, 6). Its second entry is "
    "{meant}; the right side with j = 1 is {claimed}."
)
def _(s: Any) -> Equal:
    a, w = s.number(2), [s.number(1), s.number(1)]
    z = [w[0] * a, w[1] * a]
    C = z[0] + 3 * z[1]
    yield s.d(C, w[1]), s.d(C, z[0]) * a


@claim(
    "1.4-weight-gradient-matrix",
    "section 1.4, second display, line 2",
    r"\frac{\partial C}{\partial \boldsymbol{W}^{l}} = \boldsymbol{\delta}^{l} \cdot \left[\boldsymbol{\alpha}^{l-1}"
    r"\right]^T",
    supports=("network/bp4", "network/bp3"),
    assumptions=CONSTANT,
    remark="The left side is garbled in the copy at hand and taken from the update after it; α is read as a.",
)
def weight_gradient_matrix(s: Any) -> Equal:
    for l in s.layers:
        yield s.d(s.C, s.W[l]), s.D[l][:, None] @ s.A[l - 1][None, :]


@claim(
    "1.4-update",
    "section 1.4, third display",
    r"\boldsymbol{W}^{l} \leftarrow \boldsymbol{W}^{l} - \eta \frac{\partial C}{\partial \boldsymbol{W}^{l}} = "
    r"\boldsymbol{W}^{l} - \eta \, \underline{\delta}^{l} \left[\underline{a}^{l-1}\right]^T",
    supports=("update/sgd",),
    assumptions=CONSTANT,
    remark="A descent on C; with the cost of 1.2 as printed it would lower the likelihood.",
)
def update(s: Any) -> Equal:
    for l in s.layers:
        yield s.W[l] - s.eta * s.d(s.C, s.W[l]), s.W[l] - s.eta * np.outer(s.D[l], s.A[l - 1])


# ---- 1.5 Stochastic gradient descent ---------------------------------------------------------------------------


def columns(s: Any, of: str, l: int) -> Any:
    """z or a of layer l for every example, one column each."""
    return np.column_stack([getattr(e, of)[l] for e in s.examples])


def errors(s: Any, l: int) -> Any:
    """δ of layer l, one column for each example."""
    return np.column_stack([s.d(e.C, e.z[l]) for e in s.examples])


@claim(
    "1.5-forward",
    "section 1.5, forward pass 1–3",
    r"Z = W \cdot X, \quad X: m \times n, \; W: p \times m, \; Z: p \times n",
    networks=BATCH,
    convention="m counts the constant input: X has a row of ones and W the column of the biases. With m features "
    "alone the bias disappears.",
)
def forward_batch(s: Any) -> Equal:
    for l in s.layers:
        a, W = columns(s, "a", l - 1), s.W[l]
        n = len(s.examples)
        X = np.vstack([np.ones((1, n), dtype=int), a])
        m, p = len(X), len(s.Z[l])
        yield np.array([(m, n), (p, m), (p, n)]), np.array([X.shape, W.shape, (W @ X).shape])
        yield columns(s, "z", l), W @ X


@forward_batch.otherwise
def _(s: Any) -> Equal:
    for l in s.layers:
        yield columns(s, "z", l), s.weights[l] @ columns(s, "a", l - 1)


@claim(
    "1.5-output-error-shape",
    "section 1.5, backward pass 1",
    r"\delta^L: p \times n",
    networks=BATCH,
    assumptions=("each column belongs to one example",),
)
def output_error_shape(s: Any) -> Equal:
    p, n = len(s.Z[s.L]), len(s.examples)
    yield np.array([p, n]), np.array(errors(s, s.L).shape)


@claim(
    "1.5-weight-rows",
    "section 1.5, backward pass 2",
    r"W: p \times m, \text{ a row holds the connections from one input neuron to the } p \text{ output neurons}",
    networks=BATCH,
    wrong="W is p × m: a row has m entries and holds what one output neuron receives. It is the columns that hold "
    "the connections from one input neuron to the p output neurons.",
    charity="Right of the transposed matrix, which is the one that the backward pass multiplies with.",
)
def weight_rows(s: Any) -> Equal:
    # Row i of W against the derivative of the p weighted inputs by a_i.
    l = s.L
    for i in range(len(s.Z[l])):
        yield s.d(s.Z[l], s.A[l - 1][1 + i]), s.weights[l][i, :]


@weight_rows.again
def _(s: Any) -> Equal:
    p = len(s.Z[s.L])
    yield np.array([p] * p), np.array([len(row) for row in s.weights[s.L]])


@weight_rows.corrected(
    r"W: p \times m, \text{ a column holds the connections from one input neuron to the } p \text{ output neurons}"
)
def _(s: Any) -> Equal:
    l = s.L
    for i in range(s.weights[l].shape[1]):
        yield s.d(s.Z[l], s.A[l - 1][1 + i]), s.weights[l][:, i]


@weight_rows.charitable(r"W^T: m \times p, \text{ a row holds the connections from one input neuron}")
def _(s: Any) -> Equal:
    l = s.L
    for i, row in enumerate(s.weights[l].T):
        yield s.d(s.Z[l], s.A[l - 1][1 + i]), row


@weight_rows.smallest(
    "With m = 3 inputs and p = 2 outputs, an input neuron has {meant} connections; a row of W has {claimed} entries."
)
def _(s: Any) -> Equal:
    W = s.draw(2, 3)
    yield len(W[:, 0]), len(W[0, :])


@claim(
    "1.5-hidden-error-shape",
    "section 1.5, backward pass 3",
    r"\delta^l: m \times n",
    networks=BATCH,
    supports=("network/bp2",),
    convention="m is without the constant input here, unlike in the forward pass.",
)
def hidden_error_shape(s: Any) -> Equal:
    for l in s.hidden:
        m, n = s.weights[l + 1].shape[1], len(s.examples)
        delta = s.g_prime(columns(s, "z", l)) * (s.weights[l + 1].T @ errors(s, l + 1))
        yield np.array([m, n]), np.array(delta.shape)
        yield errors(s, l), delta


@hidden_error_shape.otherwise
def _(s: Any) -> Equal:
    # m as in the forward pass, the number of columns of W with the biases.
    for l in s.hidden:
        yield np.array([s.W[l + 1].shape[1], len(s.examples)]), np.array(errors(s, l).shape)


# ---- 2 Regularization ------------------------------------------------------------------------------------------


def half_squares(s: Any) -> Any:
    """½ Σ w² over all weights of the network; the weights of the constant input are among them."""
    return sum((s.W[l] ** 2).sum() for l in s.layers) / 2


@claim(
    "2-regularized-cost",
    "section 2, first display",
    r"C = \sum_{i=0}^p \left[y_i \ln(a_i^L) + (1-y_i) \ln(1-a_i^L) \right] + \frac{\lambda}{2} \sum_{i,j,l} "
    r"\left[w_{ij}^l \right]^2",
    networks=ENTROPY,
    supports=("cost/binary_cross_entropy", "regularizer/l2"),
    assumptions=(BATCHMEAN,),
    wrong="The minus sign of the cross-entropy is missing, as in 1.2. Here climbing instead of descending does not "
    "mend it: with the penalty added, maximising C rewards large weights and minimising it rewards wrong answers.",
    remark="All weights include those of the constant input, so the biases are penalised too, other than in most "
    "texts.",
)
def regularized_cost(s: Any) -> Equal:
    yield s.C + s.lam * half_squares(s), printed_entropy(s) + s.lam / 2 * sum((s.W[l] ** 2).sum() for l in s.layers)


@regularized_cost.again
def _(s: Any) -> Equal:
    # By what the output error becomes: the penalty does not depend on z.
    C = sum(s.y * np.log(s.A_L) + (1 - s.y) * np.log(1 - s.A_L)) + s.lam * half_squares(s)
    yield s.d(s.C, s.Z[s.L]), s.d(C, s.Z[s.L])


@regularized_cost.corrected(
    r"C = -\sum_{i=0}^p \left[y_i \ln(a_i^L) + (1-y_i) \ln(1-a_i^L) \right] + \frac{\lambda}{2} \sum_{i,j,l} "
    r"\left[w_{ij}^l \right]^2"
)
def _(s: Any) -> Equal:
    yield s.C + s.lam * half_squares(s), -printed_entropy(s) + s.lam / 2 * sum((s.W[l] ** 2).sum() for l in s.layers)


@regularized_cost.smallest(
    "With one output a = ½, y = 1, one weight w = 1 and λ = 1, the cost is {meant}; as printed it is {claimed}."
)
def _(s: Any) -> Equal:
    a, w, lam, y = s.number(1 / 2), s.number(1), s.number(1), 1
    penalty = lam / 2 * w**2
    yield s.native("bce")(a, y) + penalty, y * np.log(a) + (1 - y) * np.log(1 - a) + penalty


@claim(
    "2-penalty-gradient",
    "section 2, second display",
    r"\frac{\partial}{\partial w_{ij}^l} \left\{ \frac{1}{2} \sum_{i,j,l} \left[w_{ij}^l \right]^2 \right\} = w_{ij}^l",
    supports=("regularizer/l2",),
    remark="i, j, l are bound in the sum and free outside it.",
)
def penalty_gradient(s: Any) -> Equal:
    penalty = half_squares(s)
    for l in s.layers:
        yield s.d(penalty, s.W[l]), s.W[l]


@claim(
    "2-update",
    "section 2, third display",
    r"\boldsymbol{W}^{l} \leftarrow \boldsymbol{W}^{l} - \frac{\eta \lambda}{n} \boldsymbol{W}^{l} - \eta "
    r"\frac{\partial C}{\partial \boldsymbol{W}^{l}} = \boldsymbol{W}^{l} - \frac{\eta \lambda}{n} "
    r"\boldsymbol{W}^{l} - \eta \, \underline{\delta}^{l} \left[\underline{a}^{l-1}\right]^T",
    supports=("update/sgd_l2", "regularizer/l2"),
    assumptions=("the penalty is scaled once more by the size n of the training set",),
    doubt="In section 2, C includes the penalty; then ∂C/∂W is not δaᵀ, and the penalty is counted twice. Where C "
    "is the cost of section 1 without the penalty, the step is the gradient step on C + λ/2n Σw².",
)
def regularized_update(s: Any) -> Equal:
    C = s.C + s.lam * half_squares(s)
    for l in s.layers:
        decay = s.W[l] - s.eta * s.lam / s.n * s.W[l]
        yield decay - s.eta * s.d(C, s.W[l]), decay - s.eta * np.outer(s.D[l], s.A[l - 1])


@regularized_update.other(
    r"\boldsymbol{W}^{l} - \eta \frac{\partial}{\partial \boldsymbol{W}^{l}} \Big(C_0 + \frac{\lambda}{2n} \sum "
    r"w^2\Big) = \boldsymbol{W}^{l} - \frac{\eta \lambda}{n} \boldsymbol{W}^{l} - \eta \, \underline{\delta}^{l} "
    r"\left[\underline{a}^{l-1}\right]^T"
)
def _(s: Any) -> Equal:
    regularized = s.C + s.lam / s.n * half_squares(s)
    for l in s.layers:
        W, decay = s.W[l], s.W[l] - s.eta * s.lam / s.n * s.W[l]
        step = W - s.eta * s.d(regularized, W)
        yield step, decay - s.eta * s.d(s.C, W), decay - s.eta * np.outer(s.D[l], s.A[l - 1])


@regularized_update.smallest(
    "With one weight w = 1, a = 1, y = 0, g(z) = z, the quadratic cost and η = λ = 1, n = 2, the form with ∂C/∂W leads "
    "to w = {meant} if C is that of section 2, the form with δaᵀ to w = {claimed}."
)
def _(s: Any) -> Equal:
    w, a, eta, lam, n = (s.number(k) for k in (1, 1, 1, 1, 2))
    z = w * a
    C_0 = z**2 / 2
    decay = w - eta * lam / n * w
    yield decay - eta * s.d(C_0 + lam / 2 * w**2, w), decay - eta * s.d(C_0, z) * a
