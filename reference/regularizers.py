"""Regularizers: each takes the list of weight matrices and returns (R, [∂R/∂W for each W]).

They touch weights only. Biases are left alone, as all five starting documents and common practice have it.
λ is `lam`, n is the size of the training set. Leading axes of a weight are independent networks, and R has
that leading shape.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from reference.formula import Array, Kink, formula

Regularizer = Callable[[Sequence[Array]], tuple[Array, list[Array]]]
ABS_KINK = Kink(at="0", left="-lam", right="lam", chosen="0", why="minimum-norm subgradient")


def _total(per_weight: Sequence[Array]) -> Array:
    """Sum over every entry of every weight matrix, keeping leading axes."""
    return np.asarray(sum(p.sum((-2, -1)) for p in per_weight))


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
    return lam / (2 * n) * _total([w * w for w in W]), [lam / n * w for w in W]


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
    return lam * _total([np.abs(w) for w in W]), [lam * np.sign(w) for w in W]


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
    value = lam * _total([mix * np.abs(w) + (1 - mix) / 2 * w * w for w in W])
    return value, [lam * (mix * np.sign(w) + (1 - mix) * w) for w in W]
