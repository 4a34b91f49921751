"""Transducer: the cost of labels that are emitted between frames, any number of them at each.

`transducer` returns (C, gradients); see `reference.costs.reduction`. It is a cost of log-probabilities, and every entry
counts as a variable of its own, as in `reference.costs.ctc`; so are its numerics.
"""

from __future__ import annotations

import math

import numpy as np

from reference.costs.arguments import LABEL, OWN, lengths_of
from reference.costs.log_pairs import log_plus, log_times, probability
from reference.costs.reduction import Terms, reduced
from reference.entries import require
from reference.formula import Array, formula
from reference.lift import index, integers

FIRST = "y[i, k]*x[l]*x[r]*exp(a[i, 1, 1, k] + a[i, 1, 2, l] + a[i, 2, 2, r])"  # the label at the first frame
SECOND = "x[k]*y[i, l]*x[r]*exp(a[i, 1, 1, k] + a[i, 2, 1, l] + a[i, 2, 2, r])"
STEPS = "(k, 1, d), (l, 1, d), (r, 1, d)"
P = f"Sum({FIRST} + {SECOND}, {STEPS})"


def _here(middle: str) -> str:
    """1 for the steps of a path with symbol j at (t, u), of which the second is at `middle`."""
    t, u = middle.split()
    nodes = (("1", "1", "k"), (t, u, "l"), ("2", "2", "r"))
    at = [f"KroneckerDelta(t, {t})*KroneckerDelta(u, {u})*KroneckerDelta(j, {symbol})" for t, u, symbol in nodes]
    return f"({' + '.join(at)})"


def _lattice(a: Array, labels: Array, blank: int) -> tuple[float, Array]:
    """−log P and γ of one example.  a: (T, U + 1, d), labels: (U,) -> γ: (T, U + 1, d)."""
    T, U = a.shape[0], len(labels)
    if T == 0:
        return math.inf, np.zeros_like(a)
    none = np.array([-np.inf, 0.0])
    silent, said = a[..., blank], a[:, np.arange(U), labels]  # (T, U + 1), (T, U)
    alpha = np.full((2, T, U + 1), 0.0)
    for t in range(T):
        for u in range(U + 1):
            waited = log_times(alpha[:, t - 1, u], silent[t - 1, u]) if t else none
            spoke = log_times(alpha[:, t, u - 1], said[t, u - 1]) if u else none
            alpha[:, t, u] = log_plus(waited, spoke) if t or u else 0.0
    beta = np.zeros((2, T + 1, U + 2))  # of all that follows a node; beyond the last frame there is nothing but the end
    beta[0, T], beta[0, :, U + 1] = -np.inf, -np.inf
    beta[0, T, U] = 0
    for t in range(T - 1, -1, -1):
        for u in range(U, -1, -1):
            wait = log_times(beta[:, t + 1, u], silent[t, u])
            speak = log_times(beta[:, t, u + 1], said[t, u]) if u < U else none
            beta[:, t, u] = log_plus(wait, speak)
    log_p = beta[:, 0, 0]
    gamma = np.zeros_like(a)
    if np.isneginf(log_p[0]):
        return math.inf, np.full_like(a, np.nan)
    waits = log_times(log_times(alpha, silent), *beta[:, 1:, : U + 1])
    gamma[..., blank] = probability(log_times(waits, *-log_p))
    speaks = log_times(log_times(alpha[:, :, :U], said), *beta[:, :T, 1 : U + 1])
    gamma[:, np.arange(U), labels] = probability(log_times(speaks, *-log_p))
    return -float(log_p.sum()), gamma


@formula(
    "cost/transducer",
    statement=f"-Sum(log({P}), (i, 1, n))/n",
    derivative=f"-Sum({_here('1 2')}*{FIRST} + {_here('2 1')}*{SECOND}, {STEPS})/{P}/n",
    arguments=("a[i, t, u, j]",),
    entries={"labels": "label", "input_lengths": "length", "target_lengths": "length"},
    assumptions=(
        "a are log-probabilities; they need not be normalised",
        "logarithms are summed to 2⁻¹⁰⁶ of the largest, (T + U)·|a| at most: up to |a| = 2⁴⁰ the shares of paths have"
        " all their digits",
        "printed for T = 2 frames and one label, node (t, u) with u − 1 labels said: x[k] = 1 for the blank,"
        " y[i, k] = 1 for the label of example i, else 0",
        "terms: one an example; mean over examples",
        "labels that no path gives, for want of a frame or of a probability above 0: cost ∞, gradient NaN",
        "kernels that take logits z return y ⊙ Σγ − γ, the slopes in logits whose log-softmax is a",
    ),
    sources=("graves-2012",),
)
@reduced(leading=False, a=OWN, labels=LABEL, input_lengths=LABEL, target_lengths=LABEL)
def transducer(
    a: Array,
    labels: Array,
    input_lengths: Array | None = None,
    target_lengths: Array | None = None,
    *,
    blank: int = 0,
) -> Terms:
    """Transducer −log P(l|x) of log-probabilities a, one row for each frame and number of labels said.

    a: (n, T, U + 1, d), labels l: (n, U); `input_lengths` and `target_lengths`, (n,) each, say how many frames and
    labels of each example count: all, where they are not given. Raises ValueError for labels or a blank outside
    0 … d − 1, a blank among the labels, targets longer than there are labels and shapes that do not fit; TypeError for
    labels or lengths that are no integers.

    At frame t with u labels said, a path either says label u + 1, with log-probability a(t, u, l_{u+1}), and stays at
    the frame; or it says nothing, a(t, u, blank), and goes to frame t + 1. It starts at (1, 0) and ends by saying
    nothing at (T, U). With α(t, u) the probability of all ways to (t, u), β(t, u) that of all ways from there,

        α(t, u) = α(t − 1, u) e^{a(t−1, u, blank)} + α(t, u − 1) e^{a(t, u−1, l_u)},
        β(t, u) = e^{a(t, u, blank)} β(t + 1, u) + e^{a(t, u, l_{u+1})} β(t, u + 1),    P = β(1, 0).

    A path through a step has its factor once, so ∂C/∂a = −γ, where γ is the probability of the step among the paths
    that give l: γ(t, u, blank) = α(t, u)e^{a(t, u, blank)}β(t + 1, u)/P, γ(t, u, l_{u+1}) = α(t, u)e^{a(t, u,
    l_{u+1})}β(t, u + 1)/P, and 0 for all other symbols.
    """
    if a.ndim < 3 or a.shape[-1] == 0:
        raise ValueError(f"a has shape {a.shape}; expected (n examples, T frames, U + 1, d symbols)")
    *examples, T, above, d = a.shape
    shape, blank = tuple(examples), index("blank", blank)
    if not 0 <= blank < d:
        raise ValueError(f"blank = {blank} is outside 0 … {d - 1}: there are {d} symbols")
    if labels.shape != (*shape, above - 1):
        raise ValueError(
            f"labels have shape {labels.shape}; expected {(*shape, above - 1)}: one row for each example, padded to U, "
            f"for a has shape {a.shape} with U + 1 = {above}"
        )
    if labels.size:  # of none the dtype says nothing
        labels = integers(labels, "labels")
    frames = lengths_of("input_lengths", input_lengths, shape, T, "frames")
    lengths = lengths_of("target_lengths", target_lengths, shape, above - 1, "labels")
    padding = np.arange(above - 1) >= lengths[..., None]
    require(padding | (labels >= 0) & (labels < d), "label", labels, f"is outside 0 … {d - 1}: there are {d} symbols")
    require(padding | (labels != blank), "label", labels, "is the blank: a target has none")
    terms, slope = np.zeros(shape), np.zeros_like(a)  # 0 where nothing counts
    for i in np.ndindex(shape):
        t, u = frames[i], lengths[i]
        terms[i], gamma = _lattice(a[i][:t, : u + 1], labels[i][:u].astype(int), blank)
        slope[i][:t, : u + 1] -= gamma
    return terms, {"a": slope}
