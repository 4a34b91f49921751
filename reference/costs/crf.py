"""Linear-chain conditional random field: the cost of a sequence of labels, each of them scored together
with the one before it.

`crf` returns (C, gradients); see `reference.costs.reduction`.

Numerics. Scores are taken relative to those of the given labels, whose path then has the score 0, and the paths that
leave it somewhere are summed apart from it: so neither C nor 1 − P(y_t) is a difference once the labels are learned.
Sums over paths are logarithms to twice the precision (`reference.costs.log_pairs`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from reference.costs.arguments import LABEL, OWN, lengths_of
from reference.costs.log_pairs import difference, log_plus, log_sum, log_times, probability
from reference.costs.reduction import Terms, reduced
from reference.entries import require
from reference.formula import Array, formula
from reference.lift import integers

SCORE = "(start[k] + z[i, 1, k] + transitions[k, l] + z[i, 2, l] + end[l])"
PATHS = "(k, 1, d), (l, 1, d)"
Z = f"Sum(exp({SCORE}), {PATHS})"
HERE = "(KroneckerDelta(t, 1)*KroneckerDelta(j, k) + KroneckerDelta(t, 2)*KroneckerDelta(j, l))"
AT = f"(exp({SCORE})/{Z} - y[i, k, l])"


def _through(k: str, l: str) -> str:
    """P − y of the path (k, l)."""
    score = SCORE.replace("[k, l]", f"[{k}, {l}]").replace("k]", f"{k}]").replace("l]", f"{l}]")
    return f"(exp({score})/{Z} - y[i, {k}, {l}])"


class Chain(NamedTuple):
    """One example: C, and its slopes as integers and what is beside them, (2, …), in emissions and transitions."""

    cost: float
    z: Array  # (2, T, K)
    transitions: Array  # (2, K, K)


def _less(p: Array, hit: Array) -> Array:
    """P − [label] of distributions on the last axis, as an integer and what is beside it.  (..., m) -> (2, ..., m).

    The largest P is 1 less the others, so nothing is lost beside 1 where sums of slopes cancel.
    """
    m = p.argmax(-1)[..., None]
    top, rest = np.zeros_like(p), p.copy()
    np.put_along_axis(top, m, 1, -1)
    np.put_along_axis(rest, m, 0, -1)
    np.put_along_axis(rest, m, -rest.sum(-1, keepdims=True), -1)
    return np.stack([top - hit, rest])


def _chain(z: Array, transitions: Array, start: Array, end: Array, y: Array) -> Chain:
    """Forward and backward along one example.  z: (T, K), transitions: (K, K), start, end: (K,), y: (T,)."""
    T, K = z.shape
    aim, onto = z[np.arange(T), y], transitions[y[:-1], y[1:]]  # the scores of the labels: (T,), (T − 1,)
    if np.isneginf([*aim, *onto, start[y[0]], end[y[-1]]]).any():
        return Chain(np.inf, np.full((2, T, K), np.nan), np.full((2, K, K), np.nan))
    e = difference(z, aim[:, None])  # (2, T, K), 0 at the labels
    a = difference(transitions[None], onto[:, None, None])  # (2, T − 1, K, K)
    first, last = (difference(q, q[k]) for q, k in ((start, y[0]), (end, y[-1])))  # (2, K)
    none = np.array([-np.inf, 0.0])
    left, every = np.zeros((2, T, K)), np.zeros((2, T, K))  # paths that have left the labels by t, and all
    for t in range(T):
        if t:
            into = log_times(every[:, t - 1, :, None], *a[:, t - 1])  # (2, K, K)
            into[:, y[t - 1], y[t]] = left[:, t - 1, y[t - 1]]
            left[:, t] = log_times(log_sum(into.swapaxes(1, 2)), *e[:, t])
        else:
            left[:, 0] = log_times(first, *e[:, 0])
            left[:, 0, y[0]] = none
        every[:, t] = left[:, t]
        every[:, t, y[t]] = log_plus(left[:, t, y[t]], np.zeros(2))
    others = log_sum(log_times(left[:, -1], *last))  # of all paths but the labels
    whole = log_plus(others, np.zeros(2))  # log Z
    beta = np.zeros((2, T, K))
    beta[:, -1] = last
    for t in range(T - 2, -1, -1):
        beta[:, t] = log_sum(log_times(a[:, t], *log_times(beta[:, t + 1], *e[:, t + 1])[:, None]))
    p = probability(log_times(log_times(every, *beta), *-whole))  # (T, K)
    by_a = np.zeros((2, K * K))
    for t in range(1, T):
        onward = log_times(log_times(beta[:, t], *e[:, t]), *-whole)
        pair = probability(log_times(log_times(a[:, t - 1], *every[:, t - 1, :, None]), *onward[:, None]))  # (K, K)
        by_a += _less(pair.ravel(), np.arange(K * K) == K * y[t - 1] + y[t])
    return Chain(float(whole.sum()), _less(p, np.arange(K) == y[:, None]), by_a.reshape(2, K, K))


@formula(
    "cost/crf",
    statement=f"Sum(log({Z}) - Sum(y[i, k, l]*{SCORE}, {PATHS}), (i, 1, n))/n",
    derivative=f"Sum({HERE}*{AT}, {PATHS})/n",
    arguments=("z[i, t, j]", "transitions[p, q]", "start[j]", "end[j]"),
    partials={
        "transitions[p, q]": f"Sum({_through('p', 'q')}, (i, 1, n))/n",
        "start[j]": f"Sum(Sum({_through('j', 'l')}, (l, 1, d)), (i, 1, n))/n",
        "end[j]": f"Sum(Sum({_through('k', 'j')}, (k, 1, d)), (i, 1, n))/n",
    },
    entries={"labels": "label", "lengths": "length"},
    assumptions=(
        "printed for T = 2 frames: y[i, k, l] = 1 where the labels of example i are k, l, else 0",
        "terms: one an example, and mean over examples; an example of length 0 costs 0",
        "transitions[p, q] is the score of q after p; start and end are 0 where they are not given",
        "logarithms are summed to 2⁻¹⁰⁶ of the largest score: up to 2⁴⁰ probabilities have all their digits",
        "labels of which a score is −∞ cost ∞, and have no slope: NaN",
    ),
    sources=("lafferty-2001", "sutton-mccallum-2012"),
)
@reduced(leading=False, z=OWN, transitions=OWN, labels=LABEL, start=OWN, end=OWN, lengths=LABEL)
def crf(
    z: Array,
    transitions: Array,
    labels: Array,
    start: Array | None = None,
    end: Array | None = None,
    lengths: Array | None = None,
) -> Terms:
    """Linear-chain conditional random field, −log P(y) of labels y.  z: (n, T, K), transitions: (K, K), y: (n, T).

    y is the argument `labels`; start and end, (K,), are 0 if not given. `lengths`, (n,): how many frames of each
    example count, all if not given; labels behind them may be anything. For one example of T = lengths frames (C = 0 if
    T = 0), the score of labels is s(y) = start_{y₁} + Σ_{t=1}^T z_{t,yₜ} + Σ_{t=2}^T transitions_{yₜ₋₁,yₜ} + end_{y_T},
    and P(y) = e^{s(y)}/Z, Z the sum of e^{s(y′)} over all Kᵀ sequences y′. A label whose score is −∞ costs ∞, with
    slope NaN. `reference.costs.reduction` combines the examples, by default to their mean; in the gradients by
    transitions, start and end the shares of all examples add.

    C = log Z − s(y). For any argument θ, ∂log Z/∂θ = Σ_{y′} P(y′)·∂s(y′)/∂θ, and ∂s(y′)/∂z_{t,k} = [y′ₜ = k]; below
    P(yₜ = k) is the probability of y′ₜ = k. So every slope is a probability less its indicator:

        ∂C/∂z_{t,k} = P(yₜ = k) − [yₜ = k],    ∂C/∂start = ∂C/∂z₁,    ∂C/∂end = ∂C/∂z_T,
        ∂C/∂transitions_{jk} = Σ_{t=2}^T (P(yₜ₋₁ = j, yₜ = k) − [yₜ₋₁ = j, yₜ = k]).

    αₜ(k) sums e^score over all beginnings y₁ … yₜ = k, βₜ(k) over all ends behind yₜ = k; a sequence is one of each, so
    Z = Σₖ αₜ(k)βₜ(k) for any t:

        αₜ(k) = e^{z_{t,k}} Σⱼ αₜ₋₁(j) e^{transitions_{jk}},    βₜ(j) = Σₖ e^{transitions_{jk} + z_{t+1,k}} βₜ₊₁(k),

    α₁ = e^{start + z₁}, β_T = e^{end}, P(yₜ = k) = αₜ(k)βₜ(k)/Z and P(yₜ₋₁ = j, yₜ = k) = αₜ₋₁(j)e^{transitions_{jk} +
    z_{t,k}}βₜ(k)/Z. Raises ValueError for shapes that do not fit, labels outside 0 … K − 1 in frames that count, and
    lengths outside 0 … T.
    """
    if z.ndim < 2 or z.shape[-1] == 0:
        raise ValueError(f"z has shape {z.shape}; expected (n examples, T frames, K labels)")
    *shape, T, K = z.shape
    for name, x, expected in (("transitions", transitions, (K, K)), ("start", start, (K,)), ("end", end, (K,))):
        if x is not None and x.shape != expected:
            raise ValueError(f"{name} has shape {x.shape}; expected {expected}: there are {K} labels")
    labels = integers(labels, "labels")
    if labels.shape != z.shape[:-1]:
        raise ValueError(f"labels have shape {labels.shape}; expected {z.shape[:-1]}: one for each frame")
    frames = lengths_of("lengths", lengths, tuple(shape), T, "frames")
    padding = np.arange(T) >= frames[..., None]
    require(padding | (labels >= 0) & (labels < K), "label", labels, f"is outside 0 … {K - 1}: there are {K} labels")
    begin, close = (np.zeros(K) if x is None else x for x in (start, end))
    found = {
        i: _chain(z[i][: frames[i]], transitions, begin, close, labels[i][: frames[i]].astype(int))
        for i in np.ndindex(frames.shape)
        if frames[i]
    }
    terms = np.zeros(frames.shape)
    for i, chain in found.items():
        terms[i] = chain.cost

    def slopes(v: Array) -> dict[str, Array]:
        by_z = np.zeros_like(z)
        by_transitions, by_start, by_end = np.zeros((2, K, K)), np.zeros((2, K)), np.zeros((2, K))
        v = np.broadcast_to(v, frames.shape)
        for i, chain in found.items():
            if w := v[i]:
                by_z[i][: frames[i]] = w * chain.z.sum(0)
                by_transitions += w * chain.transitions
                by_start += w * chain.z[:, 0]
                by_end += w * chain.z[:, -1]
        return {"z": by_z, "transitions": by_transitions.sum(0), "start": by_start.sum(0), "end": by_end.sum(0)}

    return terms, slopes
