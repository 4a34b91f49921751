"""Connectionist temporal classification: the cost of labels whose place in time is unknown.

`ctc` returns (C, gradients); see `reference.costs.reduction`. It is a cost of log-probabilities, and every entry counts
as a variable of its own: the slopes in logits follow by the pullback of the log-softmax.

Numerics. The forward and backward variables are kept as logarithms, less the largest of their frame, so that nothing
underflows however long the sequence, and to twice the precision, so that what is far below the largest keeps its
digits. log p is the sum of what was taken off, rounded once, and γ is normalised frame by frame.

A target that no path gives, such as two equal labels in two frames, has p = 0: the cost is ∞ for every a, and
its gradient 0/0, which is NaN. With `zero_infinity` such an example counts as 0, and so does its gradient.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from reference.costs.arguments import LABEL, OWN, lengths_of
from reference.costs.log_pairs import log_plus, log_times, probability
from reference.costs.reduction import Terms, reduced
from reference.entries import require
from reference.formula import Array, formula
from reference.lift import index, integers


@dataclass(frozen=True)
class _Batch:
    """Labels (..., U) and how many of them and of the T frames count in each example, (...) each."""

    labels: Array
    frames: Array
    lengths: Array
    blank: int


def _batch(a: Array, labels: Array, input_lengths: Array | None, target_lengths: Array | None, blank: int) -> _Batch:
    """Check everything that comes with a, (..., T, d). Labels beyond the length of their target may be anything."""
    if a.ndim < 2 or a.shape[-1] == 0:
        raise ValueError(f"a has shape {a.shape}; expected (n examples, T frames, d symbols)")
    *examples, T, d = a.shape
    shape = tuple(examples)
    blank = index("blank", blank)
    if not 0 <= blank < d:
        raise ValueError(f"blank = {blank} is outside 0 … {d - 1}: there are {d} symbols")
    if labels.ndim != len(shape) + 1 or labels.shape[:-1] != shape:
        raise ValueError(f"labels have shape {labels.shape}; expected ({', '.join(map(str, (*shape, 'U')))}): "
                         "one row for each example, padded")  # fmt: skip
    if labels.size:  # of none the dtype says nothing
        labels = integers(labels, "labels")
    U = labels.shape[-1]
    frames = lengths_of("input_lengths", input_lengths, shape, T, "frames")
    lengths = lengths_of("target_lengths", target_lengths, shape, U, "labels")
    padding = np.arange(U) >= lengths[..., None]
    require(padding | (labels >= 0) & (labels < d), "label", labels, f"is outside 0 … {d - 1}: there are {d} symbols")
    require(padding | (labels != blank), "label", labels, "is the blank: a target has none")
    return _Batch(labels.astype(int), frames, lengths, blank)


def _walk(log_y: Array, places: Array) -> tuple[Array, Array, Array]:
    """Walk through the places of l′, of which `places` has the symbols.  log_y: (T, S), places: (S,).

    Returns log α_t(s), less the largest of its frame, and log of what flows in, α_t(s)/y^t, as pairs (2, T, S); and
    those largest, (T,).
    """
    T, S = log_y.shape
    different = places[2:] != places[:-2]  # and so never from blank to blank
    alpha, inflow, peak = np.zeros((2, T, S)), np.zeros((2, T, S)), np.zeros(T)
    inflow[0, 0, 2:] = -np.inf
    for t in range(T):
        if t:
            into, before = inflow[:, t], alpha[:, t - 1]
            into[:] = before
            into[:, 1:] = log_plus(into[:, 1:], before[:, :-1])
            into[:, 2:] = np.where(different, log_plus(into[:, 2:], before[:, :-2]), into[:, 2:])
        alpha[:, t] = log_times(inflow[:, t], log_y[t])
        largest = alpha[0, t].max()
        if np.isfinite(largest):
            peak[t] = largest
            alpha[:, t] = log_times(alpha[:, t], -largest)
    return alpha, inflow, peak


def _alignments(a: Array, labels: Array, blank: int) -> tuple[float, Array]:
    """−log p(l|x) and γ of one example.  a: (T, d), labels: (U,) -> γ: (T, d), NaN where no path gives the labels."""
    T, d = a.shape
    if T == 0:
        return (0.0 if len(labels) == 0 else math.inf), np.zeros_like(a)
    places = np.full(2 * len(labels) + 1, blank)
    places[1::2] = labels
    log_y = a[:, places]  # (T, S)
    alpha, _, peak = _walk(log_y, places)
    beta = _walk(log_y[::-1, ::-1], places[::-1])[1][:, ::-1, ::-1]
    end = alpha[:, -1, -1] if len(labels) == 0 else log_plus(alpha[:, -1, -1], alpha[:, -1, -2])
    if end[0] == -np.inf:
        return math.inf, np.full_like(a, np.nan)
    through = log_times(alpha, *beta)
    below = log_times(through, -through[0].max(-1, keepdims=True))
    share = probability(below)
    share /= share.sum(-1, keepdims=True)
    gamma = share @ (places[:, None] == np.arange(d))  # (T, S) × (S, d)
    log_p = float(peak.sum() + end.sum())
    return -(math.fsum((*peak, *end)) if math.isfinite(log_p) else log_p), gamma


def _over_paths(factor: str = "") -> str:
    """The probabilities of the paths (k, l, r) through three frames that give the target, each times a factor."""
    probability = "x[i, k, l, r]*exp(a[i, 1, k] + a[i, 2, l] + a[i, 3, r])"
    return f"Sum({factor}{probability}, (k, 1, d), (l, 1, d), (r, 1, d))"


HERE = (  # 1 for the paths with symbol j at frame t
    "(KroneckerDelta(t, 1)*KroneckerDelta(j, k) + KroneckerDelta(t, 2)*KroneckerDelta(j, l) "
    "+ KroneckerDelta(t, 3)*KroneckerDelta(j, r))*"
)


@formula(
    "cost/ctc",
    statement=f"-Sum(log({_over_paths()})/u[i], (i, 1, n))/n",
    derivative=f"-{_over_paths(HERE)}/{_over_paths()}/u[i]/n",
    arguments=("a[i, t, j]",),
    entries={"labels": "label", "input_lengths": "length", "target_lengths": "length"},
    assumptions=(
        "a are log-probabilities; they need not be normalised",
        "logarithms are summed to 2⁻¹⁰⁶ of the largest, T·|a| at most: up to |a| = 2⁴⁰ the shares of paths have all"
        " their digits",
        "printed for T = 3 frames: x[i, k, l, r] = 1 where the path (k, l, r) gives the target of example i, else 0",
        "terms: one an example; mean: each divided by its number of labels u[i], at least 1, then over examples",
        "a target that no path gives: cost ∞, gradient NaN; with zero_infinity both are 0",
        "torch and optax return y − γ, the slopes in logits whose log-softmax is a",
    ),
    sources=("graves-2006", "pytorch-ctc-loss", "optax-losses-ctc-loss"),
)
@reduced(mean="each", a=OWN, labels=LABEL, input_lengths=LABEL, target_lengths=LABEL)
def ctc(
    a: Array,
    labels: Array,
    input_lengths: Array | None = None,
    target_lengths: Array | None = None,
    *,
    blank: int = 0,
    zero_infinity: bool = False,
) -> Terms:
    """Connectionist temporal classification −log p(l|x) of log-probabilities a.  a: (n, T, d), labels l: (n, U).

    `input_lengths` and `target_lengths`, (n,) each, say how many frames and labels of each example count: all,
    where they are not given. The mean divides each term by its number of labels (by 1 for an empty target) and then
    takes the mean over examples. Raises ValueError for a label or a blank outside 0 … d − 1, a blank among the labels
    and lengths that do not fit, TypeError for labels or lengths that are no integers.

    A path π gives each of T frames one of d symbols, of which one is the blank; B(π) is what is left of it when
    repeats, and then blanks, are dropped. With y^t_k the probability of symbol k at frame t, and a = log y,

        p(l|x) = Σ_{π: B(π) = l} Π_t y^t_{π_t},    C = −log p(l|x).

    Forward and backward. Let l′ be l with a blank before, after and between its labels. The paths with B(π) = l walk
    through l′: they begin at one of its first two places, end at one of its last two, and from one frame to the next
    stay, go on by one, or go on by two from a label to a different one. Write r → s for such a step, and

        α_t(s) = y^t_{l′_s} Σ_{r → s} α_{t−1}(r),    β_t(s) = Σ_{s → r} β_{t+1}(r) y^{t+1}_{l′_r}

    (β without the factor of its own frame). The paths that are at place s at frame t have together the probability
    α_t(s) β_t(s), so that p = Σ_s α_t(s) β_t(s) at every t.

    Slopes. A path has one factor y^t of frame t, so y^t_k ∂p/∂y^t_k = Σ_{s: l′_s = k} α_t(s) β_t(s), and

        ∂C/∂a^t_k = −γ_t(k),    γ_t(k) = Σ_{s: l′_s = k} α_t(s) β_t(s) / p:

    γ_t(k) is the probability of symbol k at frame t among the paths that give l. With a = log softmax(z), its
    pullback adds y^t_k Σ_j γ_t(j) = y^t_k, which makes ∂C/∂z^t_k = y^t_k − γ_t(k).
    """
    batch = _batch(a, labels, input_lengths, target_lengths, blank)
    terms, slope = np.zeros(batch.frames.shape), np.zeros_like(a)  # 0 in frames that do not count
    for i in np.ndindex(terms.shape):
        T, U = batch.frames[i], batch.lengths[i]
        terms[i], gamma = _alignments(a[i][:T], batch.labels[i][:U], batch.blank)
        slope[i][:T] -= gamma
        if zero_infinity and terms[i] == math.inf:
            terms[i], slope[i] = 0, 0
    return terms, {"a": slope}, np.maximum(batch.lengths, 1)
