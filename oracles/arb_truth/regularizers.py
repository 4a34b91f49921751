"""Regularizers: forward definitions over balls, whose gradients jets find.

A definition takes a matrix as rows of numbers and returns the terms whose sum is the penalty; parameters are exact
balls. No derivative is written here. A singular value is what it is defined to be, the root of a root of the
characteristic polynomial of WWᵀ, and the gradient at the input of a network comes from pushing tangents through it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy.typing as npt
from flint import acb_mat, arb, ctx

from oracles.arb_truth.arrays import Conditioned, loss_truth
from oracles.arb_truth.costs import Loss, Terms
from oracles.arb_truth.definition import Ball, Number, bind, expand, log_softmax
from oracles.arb_truth.jets import AtKink, Jet, sign

Matrix = Sequence[Sequence[Number]]


def _entries(w: Matrix) -> list[Number]:
    return [p for row in w for p in row]


def _dot(p: Sequence[Number], q: Sequence[Number]) -> Number:
    return sum(a * b for a, b in zip(p, q, strict=True))


# ---------------------------------------------------------------- entries and rows


def none(w: Matrix) -> list[Number]:
    """0."""
    return [0 * p for p in _entries(w)]


def l2(w: Matrix, *, lam: Ball, n: Ball) -> list[Number]:
    """λ/(2n)·Σw²."""
    return [lam * p * p / (2 * n) for p in _entries(w)]


def l1(w: Matrix, *, lam: Ball) -> list[Number]:
    """λΣ|w|."""
    return [lam * (p * sign(p)) for p in _entries(w)]


def elastic_net(w: Matrix, *, lam: Ball, mix: Ball) -> list[Number]:
    """λΣ(mix·|w| + (1 − mix)·w²/2)."""
    return [lam * (p * sign(p) * mix + p * p * (1 - mix) / 2) for p in _entries(w)]


def group_lasso(w: Matrix, *, lam: Ball) -> list[Number]:
    """λ√d Σ‖row‖."""
    return [lam * arb(len(row)).sqrt() * _dot(row, row).sqrt() for row in w]


def max_norm(w: Matrix, *, lam: Ball, limit: Ball) -> list[Number]:
    """λΣmax(‖row‖ − limit, 0)²."""
    excess = [_dot(row, row).sqrt() - limit for row in w]
    return [lam * e * e if sign(e) > 0 else 0 * e for e in excess]


# ---------------------------------------------------------------- matrices


def orthogonality(w: Matrix, *, lam: Ball) -> list[Number]:
    """λ‖WWᵀ − I‖² (Frobenius)."""
    G = [[_dot(p, q) - int(i == j) for j, q in enumerate(w)] for i, p in enumerate(w)]
    return [lam * g * g for g in _entries(G)]


def spectral_norm(w: Matrix, *, lam: Ball) -> list[Number]:
    """λσ₁."""
    return [lam * max(singular_values(w), key=lambda s: float(s[0].mid()))]


def nuclear_norm(w: Matrix, *, lam: Ball) -> list[Number]:
    """λΣσ."""
    return [lam * s for s in singular_values(w)]


def singular_values(w: Matrix) -> list[Jet]:
    """The singular values of a matrix of jets, in no order: √t for the roots t of det(tI − WWᵀ).

    Each root is enclosed by FLINT. Newton's step then doubles the order up to which a root is right as a power series
    in the entries of W, so that two of them give slope and curvature. Raises AtKink where roots are equal.
    """
    rows = w if len(w) <= len(w[0]) else list(zip(*w, strict=True))  # the smaller product has the roots that are not 0
    gram = [[_dot(p, q) for q in rows] for p in rows]
    polynomial = _characteristic(gram)
    slope = [k * c for k, c in enumerate(polynomial)][1:]
    values = []
    try:
        roots = acb_mat([[g[0] for g in row] for row in gram]).eig()
    except ValueError as error:
        raise AtKink(f"singular values that {ctx.prec} bits do not tell apart") from error
    for root in roots:
        t: Any = root.real  # the matrix is symmetric
        for _ in range(2):
            t = t - _horner(polynomial, t) / _horner(slope, t)
        values.append(t.sqrt())
    return values


def _characteristic(G: Matrix) -> list[Number]:
    """Coefficients of det(tI − G), that of t⁰ first, by Faddeev and LeVerrier: M ← GM + cI, c = −tr(GM)/k."""
    m = len(G)
    coefficients: list[Number] = [1]
    GM = [[0 * g for g in row] for row in G]
    for k in range(1, m + 1):
        M = [[g + coefficients[0] * int(i == j) for j, g in enumerate(row)] for i, row in enumerate(GM)]
        GM = [[_dot(row, column) for column in zip(*M, strict=True)] for row in G]
        coefficients.insert(0, -sum(GM[i][i] for i in range(m)) / k)
    return coefficients


def _horner(polynomial: Sequence[Number], t: Number) -> Number:
    return functools.reduce(lambda value, c: value * t + c, reversed(polynomial))


# ---------------------------------------------------------------- what a network computes


def entropy(z: Matrix, *, lam: Ball) -> list[Number]:
    """λΣ s log s with s = softmax(z), mean over examples."""
    logs = _entries([log_softmax(row, arb(1)) for row in z])
    return [lam * s.exp() * s / len(z) for s in logs]


def label_smoothing(z: Matrix, labels: Sequence[int], *, eps: Ball) -> list[Number]:
    """What smoothing adds to a cross-entropy, mean over examples: −Σ(smoothed − target)·log softmax(z)."""
    terms = []
    for row, label in zip(z, labels, strict=True):
        target = [int(j == label) for j in range(len(row))]
        smoothed = [(1 - eps) * t + eps / len(row) for t in target]
        logs = log_softmax(row, arb(1))
        terms.append(_dot(logs, [(t - s) / len(z) for s, t in zip(smoothed, target, strict=True)]))
    return terms


def activity_l2(a: Matrix, *, lam: Ball) -> list[Number]:
    """λ/(2n)·Σa²."""
    return l2(a, lam=lam, n=arb(len(a)))


def activity_l1(a: Matrix, *, lam: Ball) -> list[Number]:
    """λ/n·Σ|a|."""
    return l1(a, lam=lam / len(a))


def dropout(a: Matrix, mask: Sequence[Sequence[int]]) -> list[Number]:
    """r ⊙ a, entry by entry."""
    return [r * p for p, r in zip(_entries(a), _entries(mask), strict=True)]


def inverted_dropout(a: Matrix, mask: Sequence[Sequence[int]], *, rate: Ball) -> list[Number]:
    """r ⊙ a/(1 − rate), entry by entry."""
    return [r * p / (1 - rate) for p, r in zip(_entries(a), _entries(mask), strict=True)]


def jacobian(x: Matrix, *, lam: Ball, activations: Sequence[str], **layers: Any) -> list[Number]:
    """λ/(2n)·Σ(∂a/∂x)² over outputs and inputs, mean over examples."""
    tangents = (t for row in x for t in _input_tangents(row, activations, layers))
    return [lam * q * q / (2 * len(x)) for tangent in tangents for q in tangent]


def gradient_penalty(x: Matrix, *, lam: Ball, target: Ball, activations: Sequence[str], **layers: Any) -> list[Number]:
    """λ(‖∂a/∂x‖ − target)² of the one output, mean over examples."""
    terms = []
    for row in x:
        q = [output for (output,) in _input_tangents(row, activations, layers)]
        excess = _dot(q, q).sqrt() - target
        terms.append(lam * excess * excess / len(x))
    return terms


def _input_tangents(x: Sequence[Jet], activations: Sequence[str], layers: Mapping[str, Any]) -> list[list[Jet]]:
    """For each input, how all outputs move with it: tangents pushed through W1, b1, W2, b2, …, one unit at a time."""
    a: list[Any] = list(x)
    tangents: list[list[Any]] = [[int(j == k) for j in range(len(x))] for k in range(len(x))]
    for layer, id in enumerate(activations, 1):
        W, b, g = layers[f"W{layer}"], layers[f"b{layer}"], bind(id)
        z = [_dot(row, a) + bias for row, bias in zip(W, b, strict=True)]
        pushed = [[_dot(row, tangent) for row in W] for tangent in tangents]
        pairs = [u.with_slope(lambda t, g=g: expand(g, t)[0]) for u in z]
        a = [value for value, _ in pairs]
        tangents = [[slope * p for (_, slope), p in zip(pairs, tangent, strict=True)] for tangent in pushed]
    return tangents


# ---------------------------------------------------------------- truth


def _penalty(definition: Callable[..., list[Number]], **parameters: float) -> Loss:
    def terms(**given: Any) -> Terms:
        return definition(**given), 1

    return Loss(terms, parameters)


PENALTIES: dict[str, Loss] = {
    f"regularizer/{definition.__name__}": _penalty(definition, **parameters)
    for definition, parameters in (
        (none, {}), (l2, {"lam": 0.1, "n": 1}), (l1, {"lam": 0.1}), (elastic_net, {"lam": 0.1, "mix": 0.5}),
        (group_lasso, {"lam": 0.1}), (max_norm, {"lam": 0.1, "limit": 3.0}), (orthogonality, {"lam": 0.1}),
        (spectral_norm, {"lam": 0.1}), (nuclear_norm, {"lam": 0.1}),
        (entropy, {"lam": 0.1}), (label_smoothing, {"eps": 0.1}), (activity_l2, {"lam": 0.1}),
        (activity_l1, {"lam": 0.1}), (dropout, {}), (inverted_dropout, {"rate": 0.5}),
        (jacobian, {"lam": 0.1}), (gradient_penalty, {"lam": 10.0, "target": 1.0}),
    )
}  # fmt: skip
SINGULAR = ("regularizer/spectral_norm", "regularizer/nuclear_norm")
BY_ENTRY = ("regularizer/dropout", "regularizer/inverted_dropout")  # functions of an array, not one number


def penalty_truth(
    id: str, inputs: Mapping[str, npt.ArrayLike], *, dtype: npt.DTypeLike | str = "float64", **parameters: Any
) -> tuple[Conditioned, dict[str, Conditioned]]:
    """The truth of regularizer `id` and of its gradient with respect to every float array among `inputs`.

    Of a dropout, the values are a flat array and the gradient is the slope of each. A network is given as x, W1, b1,
    W2, b2, … and `activations`, one id a layer. Singular values are conditioned on the norm of W: algorithms for them
    are as good as the entries of W being uncertain by u‖W‖ each. Raises KeyError for an unknown id, TypeError for an
    unknown parameter and for inputs that the definition does not take, AtKink where a branch is decided by exactly 0.
    """
    reduction = "none" if id in BY_ENTRY else "sum"
    return loss_truth(
        id, inputs, reduction=reduction, dtype=dtype, definitions=PENALTIES, by_norm=id in SINGULAR, **parameters
    )
