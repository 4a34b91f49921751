"""Regularizers: each takes the list of weight matrices and returns (R, [∂R/∂W for each W]).

They touch weights only. Biases are left alone, as all five starting documents and common practice have it.
λ is `lam`, n is the size of the training set. Leading axes of a weight are independent networks, and R has
that leading shape. A row of W holds the weights into one unit.

The first four act on every weight by itself, the others on rows or on whole matrices. All evaluate in float64 and
round once (`each_matrix`), and refuse λ < 0, which would reward large weights. Penalties on logits and activations are
in `reference.regularizers.outputs`, those on input gradients in `reference.regularizers.input_gradient`.
"""

from __future__ import annotations

import numpy as np

from reference.exact import scaled, wide, wide_product, wide_sum
from reference.formula import Array, Kink, formula
from reference.regularizers.matrices import Regularizer, each_matrix, row_lengths, square_sum

__all__ = ["Regularizer"]

LEAST = "minimum-norm subgradient"
LAM = {"lam": "lam >= 0"}


@formula(
    "regularizer/none",
    statement="0",
    derivative="0",
    arguments=("w[i]",),
    assumptions=("no penalty",),
)
@each_matrix
def none(w: Array) -> tuple[Array, Array]:
    """No regularization."""
    return np.zeros(w.shape[:-2]), np.zeros_like(w)


@formula(
    "regularizer/l2",
    statement="lam/(2*n)*Sum(w[i]**2, (i, 1, m))",
    derivative="lam/n*w[i]",
    arguments=("w[i]",),
    valid={**LAM, "n": "n > 0"},
    assumptions=("weights only, not biases", "factor ½", "divided by the training-set size n"),
    sources=("dong-2016", "nielsen-2015"),
)
@each_matrix
def l2(w: Array, lam: float = 0.1, n: int = 1) -> tuple[Array, Array]:
    """L2 penalty λ/(2n)·Σw²: each square contributes 2·½·w, so ∂R/∂w = λw/n."""
    return square_sum(w, lam / n / 2), lam / n * w


@formula(
    "regularizer/l1",
    statement="lam*Sum(Abs(w[i]), (i, 1, m))",
    derivative="lam*sign(w[i])",
    arguments=("w[i]",),
    kinks=(Kink(of="w", at="0", left="-lam", right="lam", chosen="0", why=LEAST),),
    valid=LAM,
    assumptions=("weights only, not biases",),
    sources=("nielsen-2015", "tibshirani-1996"),
)
@each_matrix
def l1(w: Array, lam: float = 0.1) -> tuple[Array, Array]:
    """L1 penalty λΣ|w|: ∂R/∂w = λ sign w, and 0 at w = 0."""
    return (lam * np.abs(w)).sum((-2, -1)), lam * np.sign(w)


@formula(
    "regularizer/elastic_net",
    statement="lam*Sum(mix*Abs(w[i]) + (1 - mix)*w[i]**2/2, (i, 1, m))",
    derivative="lam*(mix*sign(w[i]) + (1 - mix)*w[i])",
    arguments=("w[i]",),
    kinks=(Kink(of="w", at="0", left="-lam*mix", right="lam*mix", chosen="0", why=LEAST),),
    valid={**LAM, "mix": "0 <= mix <= 1"},
    assumptions=("weights only, not biases", "mix = 1 is L1, mix = 0 is L2 with n = 1"),
    sources=("zou-hastie-2005",),
)
@each_matrix
def elastic_net(w: Array, lam: float = 0.1, mix: float = 0.5) -> tuple[Array, Array]:
    """Elastic net λΣ(mix·|w| + (1 − mix)·w²/2): the sum of the L1 and L2 gradients, weighted alike."""
    R = (lam * mix * np.abs(w)).sum((-2, -1)) + square_sum(w, lam * (1 - mix) / 2)
    return R, lam * (mix * np.sign(w) + (1 - mix) * w)


@formula(
    "regularizer/group_lasso",
    statement="lam*sqrt(d)*Sum(sqrt(Sum(w[i, j]**2, (j, 1, d))), (i, 1, m))",
    derivative="lam*sqrt(d)*w[i, j]/sqrt(Sum(w[i, k]**2, (k, 1, d)))",
    arguments=("w[i, j]",),
    kinks=(Kink(of="norm of a row", at="0", left="-1", right="1", chosen="0", why=LEAST),),
    valid=LAM,
    assumptions=(
        "weights only, not biases",
        "groups are rows: the d weights into one unit",
        "factor √d, so that groups of different size weigh alike",
    ),
    sources=("yuan-lin-2006",),
)
@each_matrix
def group_lasso(w: Array, lam: float = 0.1) -> tuple[Array, Array]:
    """Group lasso λ√d Σ‖row‖: the gradient of a norm is the unit vector, so ∂R/∂row = λ√d·row/‖row‖."""
    (norms, exponent), root = row_lengths(w), np.sqrt(w.shape[-1])
    top = exponent.max((-2, -1), keepdims=True, initial=-2000)
    R = scaled(top[..., 0, 0], lam, root * np.ldexp(norms, exponent - top).sum((-2, -1)))
    return R, scaled(-exponent, lam, root / np.where(norms == 0, 1, norms), w)


@formula(
    "regularizer/max_norm",
    statement="lam*Sum(Max(sqrt(Sum(w[i, j]**2, (j, 1, d))) - limit, 0)**2, (i, 1, m))",
    derivative="2*lam*Max(sqrt(Sum(w[i, k]**2, (k, 1, d))) - limit, 0)*w[i, j]/sqrt(Sum(w[i, k]**2, (k, 1, d)))",
    arguments=("w[i, j]",),
    valid={**LAM, "limit": "limit > 0"},
    assumptions=(
        "weights only, not biases",
        "rows: the weights into one unit",
        "the penalty form of the constraint ‖row‖ ≤ limit; no factor ½",
    ),
    sources=("srivastava-2014",),
)
@each_matrix
def max_norm(w: Array, lam: float = 0.1, limit: float = 3.0) -> tuple[Array, Array]:
    """Max-norm penalty λΣmax(‖row‖ − c, 0)²: 2λ·excess·row/‖row‖, continuous at ‖row‖ = c."""
    norms, exponent = row_lengths(w)
    excess = np.maximum(norms - np.ldexp(limit, -exponent), 0)
    top = exponent.max((-2, -1), keepdims=True, initial=-2000)
    R = np.ldexp(square_sum(np.ldexp(excess, exponent - top), lam), 2 * top[..., 0, 0])
    return R, scaled(1, lam, excess / np.where(norms == 0, 1, norms), w)


@formula(
    "regularizer/orthogonality",
    statement="lam*Sum((Sum(w[i, l]*w[j, l], (l, 1, d)) - KroneckerDelta(i, j))**2, (i, 1, m), (j, 1, m))",
    derivative="4*lam*Sum((Sum(w[i, l]*w[k, l], (l, 1, d)) - KroneckerDelta(i, k))*w[k, j], (k, 1, m))",
    arguments=("w[i, j]",),
    valid=LAM,
    assumptions=("weights only, not biases", "rows are to be orthonormal", "squared Frobenius norm, no factor ½"),
    sources=("brock-2017",),
)
@each_matrix
def orthogonality(w: Array, lam: float = 0.1) -> tuple[Array, Array]:
    """Orthogonality penalty λ‖WWᵀ − I‖²: with G = WWᵀ − I, dR = 2λ⟨G, dW Wᵀ + W dWᵀ⟩ = 4λ⟨GW, dW⟩, since G = Gᵀ."""
    exponent = np.frexp(np.abs(w).max((-2, -1), keepdims=True, initial=0))[1]
    exponent = np.maximum(exponent - 200, 0)  # over it no product overflows
    near = np.ldexp(w, -exponent)
    G = near @ near.mT
    np.einsum("...ii->...i", G)[...] -= np.ldexp(1.0, -2 * exponent[..., 0])
    R = np.ldexp(square_sum(G, lam), 4 * exponent[..., 0, 0])
    if not exponent.any():
        return R, lam * (4 * (G @ w))
    m, e = wide(w)  # what is far smaller beside such weights may be what the slope is made of
    of_G = wide_sum(wide_product((m, e), (m.mT, e.mT)), wide(-np.eye(w.shape[-2])))
    slope, e = wide_product(of_G, (m, e))
    return R, scaled(e + 2, lam, slope)


# Of matrices of up to four by three, relative to a change of W by u‖W‖ (Frobenius). LAPACK brings W to two diagonals by
# 2·min(m, d) reflections of max(m, d) + 3 roundings an entry each, makes U and V of as many, and turns these as often
# to find the values: 3·6·7 roundings, of which a single one is u‖W‖ at most. Of 1,200 random matrices the worst is 84.
SINGULAR_ULP = 126.0


def _svd(w: Array) -> tuple[Array, Array, Array, Array, Array]:
    """U, σ, Vᵀ, what rounding makes of equal or vanishing σ, max(m, d)·ε·σ₁, and k: σ and that are over 2^k.

    NaN where w is not finite.
    """
    lost = np.asarray(~np.isfinite(w).all((-2, -1), keepdims=True))
    w = np.where(lost, 0, w)
    exponent = np.frexp(np.abs(w).max((-2, -1), keepdims=True, initial=0))[1]
    U, sigma, Vt = np.linalg.svd(np.ldexp(w, -exponent), full_matrices=False)
    sigma = np.where(lost[..., 0], np.nan, sigma)
    return (
        np.where(lost, np.nan, U),
        sigma,
        Vt,
        max(w.shape[-2:]) * np.finfo(float).eps * sigma[..., :1],
        exponent[..., 0, 0],
    )


@formula(
    "regularizer/spectral_norm",
    statement="lam*Sum(p[i]*w[i, j]*q[j], (j, 1, d), (i, 1, m))",
    derivative="lam*p[i]*q[j]",
    arguments=("w[i, j]",),
    assumptions=(
        "weights only, not biases",
        "p and q are the leading singular vectors: σ₁ is the maximum of ⟨p, Wq⟩ over unit vectors, so they may be"
        " held fixed",
        "σ₁ itself, not its square",
        "at a tie of r singular values the mean of their r products; 0 at W = 0",
    ),
    kinks=(
        Kink(of="difference of the two largest singular values", at="0", left="-1/2", right="1/2", chosen="0"),
        Kink(of="the largest singular value", at="0", left="-1", right="1", chosen="0", why=LEAST),
    ),
    valid=LAM,
    sources=("yoshida-miyato-2017",),
    conditioned_ulp=SINGULAR_ULP,
)
@each_matrix
def spectral_norm(w: Array, lam: float = 0.1) -> tuple[Array, Array]:
    """Spectral norm λσ₁(W): ∂R/∂W = λu₁v₁ᵀ, by the envelope theorem on σ₁ = max ⟨u, Wv⟩.

    If σ₁ is r-fold, the subgradients are UHVᵀ with H ⪰ 0 of trace 1 on its singular vectors; ‖H‖ is least for
    H = I/r. Values that rounding cannot tell from σ₁ count as equal.
    """
    U, sigma, Vt, rounding, k = _svd(w)
    tied = (sigma >= sigma[..., :1] - rounding) & (sigma > 0)
    share = tied / np.maximum(tied.sum(-1, keepdims=True), 1)
    return lam * np.ldexp(sigma.max(-1, initial=0), k), lam * ((U * share[..., None, :]) @ Vt)


@formula(
    "regularizer/nuclear_norm",
    statement="lam*Sum(q[i, j]*w[i, j], (j, 1, d), (i, 1, m))",
    derivative="lam*q[i, j]",
    arguments=("w[i, j]",),
    assumptions=(
        "weights only, not biases",
        "q is UVᵀ of the singular value decomposition: Σσ is the maximum of ⟨q, W⟩ over matrices of spectral norm 1,"
        " so q may be held fixed",
        "singular values that are 0 contribute nothing; 0 is what rounding to float64 may make of one,"
        " max(m, d)·2⁻⁵² times the largest",
    ),
    kinks=(Kink(of="a singular value", at="0", left="-1", right="1", chosen="0", why=LEAST),),
    valid=LAM,
    sources=("recht-2010",),
    conditioned_ulp=SINGULAR_ULP,
)
@each_matrix
def nuclear_norm(w: Array, lam: float = 0.1) -> tuple[Array, Array]:
    """Nuclear norm λΣσ: ∂R/∂W = λUVᵀ over the singular values above rounding, by the envelope theorem."""
    U, sigma, Vt, rounding, k = _svd(w)
    return lam * np.ldexp(sigma.sum(-1), k), lam * ((U * (sigma > rounding)[..., None, :]) @ Vt)
