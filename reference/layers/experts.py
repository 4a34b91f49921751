"""Mixtures of experts: the router that weighs them, and two costs that keep it in order.

Which experts a token goes to is a choice, which jumps where logits tie and is constant everywhere else: gradients go
through the weights of those that are chosen, and the choice counts as data. Of logits that tie, the first are taken.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from reference.formula import Array, formula
from reference.layers.attention import through_weights, weights_of
from reference.layers.layer import Gradients, Pullback, layer

CHOICE = (
    "c[i, j] = 1 where expert j is among the k largest logits of row i, else 0; of ties the first: it counts as data"
)
COUNTED = {"k": "k >= 1 and k % 1 == 0"}
MEAN = "the mean over rows whose mask is True, all unless given"


def chosen_of(logits: Array, k: int) -> Array:
    """Where the k largest of every row are, of ties the first.  (..., E) -> (..., E), bools. ValueError for k > E.

    A NaN counts as larger than any number, so that it is not passed over.
    """
    if k > logits.shape[-1]:
        raise ValueError(f"k = {k} and logits have shape {logits.shape}; need no more than {logits.shape[-1]} experts")
    chosen = np.zeros(logits.shape, bool)
    order = np.argsort(logits[..., ::-1], axis=-1, kind="stable")[..., ::-1]  # the last of them is the first of ties
    np.put_along_axis(chosen, logits.shape[-1] - 1 - order[..., :k], True, -1)
    return chosen


def _check(logits: Array) -> None:
    if logits.ndim == 0 or logits.shape[-1] == 0:
        raise ValueError(f"logits have shape {logits.shape}; expected (..., experts), one or more")


@formula(
    "layer/router",
    statement="c[i, j]*exp(logits[i, j])/Sum(c[i, k]*exp(logits[i, k]), (k, 1, d))",
    derivative="s[i, j]*(v[i, j] - Sum(v[i, k]*s[i, k], (k, 1, d)))",
    arguments=("logits[i, j]",),
    valid=COUNTED,
    assumptions=(
        CHOICE,
        "printed for normalised weights, which sum to 1; else they are c[i, j] times the softmax over all experts, "
        "whose logits all get a gradient",
        "weights stand at their experts, 0 at those that are not chosen",
    ),
    sources=("shazeer-2017", "jiang-2024"),
)
@layer()
def router(logits: Array, *, k: int = 2, normalised: bool = True) -> tuple[Array, Pullback]:
    """Weights of the k best experts of each row.  logits: (..., E) -> (..., E), 0 but for k of them.

    `normalised`: s is a softmax over the chosen, whose weights sum to 1; else over all E, of which the chosen are kept.
    In both cases ∂s_j/∂z_l = s_j([j = l] − s_l), z the logits: with v the cotangent of the output, or 0 at what is not
    chosen, ∂C/∂z_l = s_l(v_l − Σⱼ s_j·v_j). A row of −∞ alone has no best
    ones: NaN. Raises ValueError for more experts than there are.

    >>> router(np.array([0.0, np.log(3.0), -1.0]), k=2)[0].round(3).tolist()
    [0.25, 0.75, 0.0]
    """
    _check(logits)
    chosen = chosen_of(logits, k)
    w = weights_of(np.where(chosen, logits, -np.inf) if normalised else logits)
    lost = np.isneginf(logits).all(-1, keepdims=True)

    def pullback(v: Array) -> Gradients:
        dz = np.where(lost, np.nan, 0) + through_weights(np.where(chosen, v, 0) * w.share, w, np.zeros(()))
        enters = (np.where(chosen, v, 0) != 0).any(-1, keepdims=True)
        return {"logits": np.where(enters & (chosen | (not normalised)), dz, 0)}

    return np.where(chosen, np.where(lost, np.nan, w.p), 0), pullback


def rows_that_count(logits: Array, mask: Array | None) -> tuple[Array, Callable[[Array], Array]]:
    """The rows whose mask is True, (T, E), and what puts a gradient by them back among zeros.

    Raises TypeError for a mask that is not of bools, ValueError where it does not fit or no row counts.
    """
    _check(logits)
    counts = np.ones(logits.shape[:-1], bool) if mask is None else mask
    if counts.dtype != bool:
        raise TypeError(f"mask has dtype {counts.dtype}; pass bools, True for rows that count")
    if counts.shape != logits.shape[:-1]:
        raise ValueError(f"mask has shape {counts.shape}; expected {logits.shape[:-1]}: one for each row of logits")
    if not counts.any():
        raise ValueError(f"no row of logits, of shape {logits.shape}, counts: the mean over none is undefined")

    def put_back(g: Array) -> Array:
        whole = np.zeros(logits.shape)
        whole[counts] = g
        return whole

    return logits[counts], put_back


P = "exp(logits[i, {0}])/Sum(exp(logits[i, k]), (k, 1, d))"


@formula(
    "layer/load_balance",
    statement=f"d*Sum(Sum(c[i, j], (i, 1, n))/n*Sum({P.format('j')}, (i, 1, n))/n, (j, 1, d))",
    derivative=f"d/n**2*{P.format('j')}*Sum({P.format('l')}*Sum(c[q, j] - c[q, l], (q, 1, n)), (l, 1, d))",
    arguments=("logits[i, j]",),
    valid=COUNTED,
    assumptions=(CHOICE, MEAN, "d experts, of which each row takes k; where all are used alike the value is k"),
    sources=("fedus-2022", "jiang-2024"),
)
@layer(indices=("mask",))
def load_balance(logits: Array, mask: Array | None = None, *, k: int = 1) -> tuple[Array, Pullback]:
    """Load-balancing cost E·Σⱼ f_j·P_j of experts.  logits: (..., E), mask: (...), bools -> ().

    Over the T rows whose mask is True, all unless given, f_j = c_j/T is the share of those that have expert j among
    their k largest logits z, and P_j the mean of its weight p_tj in the softmax over all E. The counts c_j are data;
    ∂p_tl/∂z_tj = p_tl([l = j] − p_tj), so ∂C/∂z_tj = E/T²·p_tj·Σₗ p_tl·(c_j − c_l); 0 in other rows.

    Raises TypeError for a mask that is not of bools, ValueError for more experts than there are, for a mask that does
    not fit and for one that leaves no row.
    """
    z, put_back = rows_that_count(logits, mask)  # (T, E)
    T, E = z.shape
    count = chosen_of(z, k).sum(0)  # (E,)
    w = weights_of(z)

    def pullback(v: Array) -> Gradients:
        from_m = count - count[w.m]  # (T, E)
        beside = from_m - (w.p * from_m).sum(-1, keepdims=True)
        # Σ p·(c_l − c̄), in which c̄ is the mean count, has of small logits what p makes beside 1/E: a/Σ(1 + a)
        a, from_mean = np.expm1(z), count - count.sum() / E
        small = from_mean - (a * from_mean).sum(-1, keepdims=True) / (E + a.sum(-1, keepdims=True))
        toward = np.where(np.abs(z).max(-1, keepdims=True) < 0.25, small, beside)
        return {"logits": put_back(v * (E / T**2) * w.p * toward)}

    return np.asarray(E * (count / T * w.p.sum(0) / T).sum()), pullback


LSE = "log(Sum(exp(logits[i, k]), (k, 1, d)))"


@formula(
    "layer/router_z",
    statement=f"Sum({LSE}**2, (i, 1, n))/n",
    derivative=f"2/n*{LSE}*{P.format('j')}",
    arguments=("logits[i, j]",),
    assumptions=(MEAN,),
    sources=("zoph-2022",),
)
@layer(indices=("mask",))
def router_z(logits: Array, mask: Array | None = None) -> tuple[Array, Pullback]:
    """Router z-loss, the mean square of log Σⱼ e^(z_j).  logits: (..., E), mask: (...), bools -> ().

    The mean is over the T rows whose mask is True, all unless given. With z the logits and p_t = softmax(z_t),
    ∂(log Σⱼ e^(z_tj))/∂z_tj = p_tj, so ∂C/∂z_tj = 2/T·log Σⱼ e^(z_tj)·p_tj, and 0 in other rows. It keeps logits small.
    Raises as `load_balance`.
    """
    z, put_back = rows_that_count(logits, mask)  # (T, E)
    w = weights_of(z)
    return np.asarray((w.lse * w.lse).sum() / len(z)), lambda v: {"logits": put_back(v * 2 / len(z) * w.lse * w.p)}
