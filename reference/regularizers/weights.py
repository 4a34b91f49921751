"""Regularizers: each takes the list of weight matrices and returns (R, [∂R/∂W for each W]).

They touch weights only. Biases are left alone, as all five starting documents and common practice have it.
λ is `lam`, n is the size of the training set. Leading axes of a weight are independent networks, and R has
that leading shape. A row of W holds the weights into one unit.

The first four act on every weight by itself, the others on rows or on whole matrices. All evaluate in float64 and
round once, and raise ValueError for λ < 0. Penalties on logits, activations and input gradients are in
`reference.penalties`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reference.formula import Array, Kink, formula
from reference.lift import positive

Regularizer = Callable[[Sequence[Array]], tuple[Array, list[Array]]]
ABS_KINK = Kink(at="0", left="-lam", right="lam", chosen="0", why="minimum-norm subgradient")


def _total(per_weight: Sequence[Array]) -> Array:
    """Sum over every entry of every weight matrix, keeping leading axes."""
    return np.asarray(sum(p.sum((-2, -1)) for p in per_weight))


def _double(W: Sequence[Array], lam: float) -> list[Array]:
    if not 0 <= lam < np.inf:
        raise ValueError(f"lam = {lam}; need a finite lam ≥ 0: a penalty below 0 would be a reward")
    return [w.astype(np.float64, copy=False) for w in W]


def _rounded(R: Sequence[Array], dW: Sequence[Array], W: Sequence[Array]) -> tuple[Array, list[Array]]:
    """Sum of the values and the gradients, in the dtype of the weights."""
    return np.asarray(sum(R)).astype(W[0].dtype), [d.astype(w.dtype) for d, w in zip(dW, W, strict=True)]


@formula(
    "regularizer/none",
    statement="0",
    derivative="0",
    arguments=("w[i]",),
    assumptions=("no penalty",),
)
def none(W: Sequence[Array]) -> tuple[Array, list[Array]]:
    """No regularization."""
    return np.zeros(W[0].shape[:-2], W[0].dtype), [np.zeros_like(w) for w in W]


@formula(
    "regularizer/l2",
    statement="lam/(2*n)*Sum(w[i]**2, (i, 1, m))",
    derivative="lam/n*w[i]",
    arguments=("w[i]",),
    assumptions=("weights only, not biases", "factor ½", "divided by the training-set size n"),
    sources=("dong-2016", "nielsen-2015"),
)
def l2(W: Sequence[Array], lam: float = 0.1, n: int = 1) -> tuple[Array, list[Array]]:
    """L2 penalty λ/(2n)·Σw²: each square contributes 2·½·w, so ∂R/∂w = λw/n."""
    positive(n=n)
    V = _double(W, lam)
    return _rounded([lam / (2 * n) * _total([w * w for w in V])], [lam / n * w for w in V], W)


@formula(
    "regularizer/l1",
    statement="lam*Sum(Abs(w[i]), (i, 1, m))",
    derivative="lam*sign(w[i])",
    arguments=("w[i]",),
    kinks=(ABS_KINK,),
    assumptions=("weights only, not biases",),
    sources=("nielsen-2015", "tibshirani-1996"),
)
def l1(W: Sequence[Array], lam: float = 0.1) -> tuple[Array, list[Array]]:
    """L1 penalty λΣ|w|: ∂R/∂w = λ sign w, and 0 at w = 0."""
    V = _double(W, lam)
    return _rounded([lam * _total([np.abs(w) for w in V])], [lam * np.sign(w) for w in V], W)


@formula(
    "regularizer/elastic_net",
    statement="lam*Sum(mix*Abs(w[i]) + (1 - mix)*w[i]**2/2, (i, 1, m))",
    derivative="lam*(mix*sign(w[i]) + (1 - mix)*w[i])",
    arguments=("w[i]",),
    kinks=(Kink(at="0", left="-lam*mix", right="lam*mix", chosen="0", why="minimum-norm subgradient"),),
    assumptions=("weights only, not biases", "mix = 1 is L1, mix = 0 is L2 with n = 1"),
    sources=("zou-hastie-2005",),
)
def elastic_net(W: Sequence[Array], lam: float = 0.1, mix: float = 0.5) -> tuple[Array, list[Array]]:
    """Elastic net λΣ(mix·|w| + (1 − mix)·w²/2): the sum of the L1 and L2 gradients, weighted alike."""
    if not 0 <= mix <= 1:
        raise ValueError(f"mix = {mix}; need 0 ≤ mix ≤ 1")
    V = _double(W, lam)
    R = lam * _total([mix * np.abs(w) + (1 - mix) / 2 * w * w for w in V])
    return _rounded([R], [lam * (mix * np.sign(w) + (1 - mix) * w) for w in V], W)


def _row_norms(w: Array) -> tuple[Array, Array]:
    """‖row‖ and row/‖row‖, with 0/0 = 0.  (..., m, d) -> (..., m, 1), (..., m, d)

    Rows are scaled by their largest entry, so that no square overflows or vanishes.
    """
    largest = np.abs(w).max(-1, keepdims=True, initial=0)
    scaled = np.divide(w, largest, out=np.zeros_like(w), where=largest > 0)
    length = np.sqrt((scaled * scaled).sum(-1, keepdims=True))
    return largest * length, np.divide(scaled, length, out=np.zeros_like(w), where=length > 0)


@formula(
    "regularizer/group_lasso",
    statement="lam*sqrt(d)*Sum(sqrt(Sum(w[i, j]**2, (j, 1, d))), (i, 1, m))",
    derivative="lam*sqrt(d)*w[i, j]/sqrt(Sum(w[i, k]**2, (k, 1, d)))",
    arguments=("w[i, j]",),
    assumptions=(
        "weights only, not biases",
        "groups are rows: the d weights into one unit",
        "factor √d, so that groups of different size weigh alike",
        "0 at a row of zeros, the subgradient of least norm",
    ),
    sources=("yuan-lin-2006",),
)
def group_lasso(W: Sequence[Array], lam: float = 0.1) -> tuple[Array, list[Array]]:
    """Group lasso λ√d Σ‖row‖: the gradient of a norm is the unit vector, so ∂R/∂row = λ√d·row/‖row‖."""
    R, dW = [], []
    for w in _double(W, lam):
        norms, units = _row_norms(w)
        scale = lam * np.sqrt(w.shape[-1])
        R.append(scale * norms.sum((-2, -1)))
        dW.append(scale * units)
    return _rounded(R, dW, W)


@formula(
    "regularizer/max_norm",
    statement="lam*Sum(Max(sqrt(Sum(w[i, j]**2, (j, 1, d))) - limit, 0)**2, (i, 1, m))",
    derivative="2*lam*Max(sqrt(Sum(w[i, k]**2, (k, 1, d))) - limit, 0)*w[i, j]/sqrt(Sum(w[i, k]**2, (k, 1, d)))",
    arguments=("w[i, j]",),
    assumptions=(
        "weights only, not biases",
        "rows: the weights into one unit",
        "the penalty form of the constraint ‖row‖ ≤ limit; no factor ½",
    ),
    sources=("srivastava-2014",),
)
def max_norm(W: Sequence[Array], lam: float = 0.1, limit: float = 3.0) -> tuple[Array, list[Array]]:
    """Max-norm penalty λΣmax(‖row‖ − c, 0)²: 2λ·excess·row/‖row‖, continuous at ‖row‖ = c.

    Raises ValueError unless limit > 0.
    """
    positive(limit=limit)
    R, dW = [], []
    for w in _double(W, lam):
        norms, units = _row_norms(w)
        excess = np.maximum(norms - limit, 0)
        R.append(lam * (excess * excess).sum((-2, -1)))
        dW.append(2 * lam * excess * units)
    return _rounded(R, dW, W)


@formula(
    "regularizer/orthogonality",
    statement="lam*Sum((Sum(w[i, l]*w[j, l], (l, 1, d)) - KroneckerDelta(i, j))**2, (i, 1, m), (j, 1, m))",
    derivative="4*lam*Sum((Sum(w[i, l]*w[k, l], (l, 1, d)) - KroneckerDelta(i, k))*w[k, j], (k, 1, m))",
    arguments=("w[i, j]",),
    assumptions=("weights only, not biases", "rows are to be orthonormal", "squared Frobenius norm, no factor ½"),
    sources=("brock-2017",),
)
def orthogonality(W: Sequence[Array], lam: float = 0.1) -> tuple[Array, list[Array]]:
    """Orthogonality penalty λ‖WWᵀ − I‖²: with G = WWᵀ − I, dR = 2λ⟨G, dW Wᵀ + W dWᵀ⟩ = 4λ⟨GW, dW⟩, since G = Gᵀ."""
    R, dW = [], []
    for w in _double(W, lam):
        G = w @ w.mT - np.eye(w.shape[-2])
        R.append(lam * (G * G).sum((-2, -1)))
        dW.append(4 * lam * G @ w)
    return _rounded(R, dW, W)


# Of matrices of up to five rows or columns, relative to a change of W by u‖W‖ (Frobenius): LAPACK's singular vectors
# are those of a matrix that far off, times 2·max(m, d), and a few roundings follow.
SINGULAR_ULP = 14.0


def _svd(w: Array) -> tuple[Array, Array, Array, Array]:
    """U, σ, Vᵀ and what rounding makes of equal or vanishing σ: max(m, d)·ε·σ₁."""
    U, sigma, Vt = np.linalg.svd(w, full_matrices=False)
    return U, sigma, Vt, max(w.shape[-2:]) * np.finfo(w.dtype).eps * sigma[..., :1]


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
        "at a tie of r singular values the mean of their r products, the subgradient of least norm; 0 at W = 0",
    ),
    sources=("yoshida-miyato-2017",),
    conditioned_ulp=SINGULAR_ULP,
)
def spectral_norm(W: Sequence[Array], lam: float = 0.1) -> tuple[Array, list[Array]]:
    """Spectral norm λσ₁(W): ∂R/∂W = λu₁v₁ᵀ, by the envelope theorem on σ₁ = max ⟨u, Wv⟩.

    If σ₁ is r-fold, the subgradients are UHVᵀ with H ⪰ 0 of trace 1 on its singular vectors; ‖H‖ is least for
    H = I/r. Values that rounding cannot tell from σ₁ count as equal.
    """
    R, dW = [], []
    for w in _double(W, lam):
        U, sigma, Vt, rounding = _svd(w)
        tied = (sigma >= sigma[..., :1] - rounding) & (sigma > 0)
        share = tied / np.maximum(tied.sum(-1, keepdims=True), 1)
        R.append(lam * sigma[..., 0])
        dW.append(lam * (U * share[..., None, :]) @ Vt)
    return _rounded(R, dW, W)


@formula(
    "regularizer/nuclear_norm",
    statement="lam*Sum(q[i, j]*w[i, j], (j, 1, d), (i, 1, m))",
    derivative="lam*q[i, j]",
    arguments=("w[i, j]",),
    assumptions=(
        "weights only, not biases",
        "q is UVᵀ of the singular value decomposition: Σσ is the maximum of ⟨q, W⟩ over matrices of spectral norm 1,"
        " so q may be held fixed",
        "singular values that are 0 contribute nothing, the subgradient of least norm",
    ),
    sources=("recht-2010",),
    conditioned_ulp=SINGULAR_ULP,
)
def nuclear_norm(W: Sequence[Array], lam: float = 0.1) -> tuple[Array, list[Array]]:
    """Nuclear norm λΣσ: ∂R/∂W = λUVᵀ over the singular values above rounding, by the envelope theorem."""
    R, dW = [], []
    for w in _double(W, lam):
        U, sigma, Vt, rounding = _svd(w)
        R.append(lam * sigma.sum(-1))
        dW.append(lam * (U * (sigma > rounding)[..., None, :]) @ Vt)
    return _rounded(R, dW, W)
