"""Costs of large vocabularies: what keeps logits small, a teacher's logits, and logits that are never there as a whole.

Each returns (C, gradients), one term a row; see `reference.costs.reduction`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from reference.activations import logsumexp
from reference.costs.arguments import LABEL, OWN, ROW, TERM, class_labels
from reference.costs.blocks import Own
from reference.costs.reduction import Terms, reduced
from reference.costs.softmax import softmax, softmax_cost
from reference.exact import expm1_less, fallen, scaled
from reference.formula import Array, formula
from reference.lift import index, times

ENTRIES = 1 << 20  # of the logits that are there at once
MEAN = "mean over rows"
LSE = "log(Sum(exp(z[i, k]), (k, 1, d)))"
TEACHER, STUDENT = (f"exp({q}[i, j]/temperature)/Sum(exp({q}[i, k]/temperature), (k, 1, d))" for q in "yz")
APART = (
    "((y[i, {0}] - z[i, {0}])/temperature - log(Sum(exp(y[i, k]/temperature), (k, 1, d)))"
    " + log(Sum(exp(z[i, k]/temperature), (k, 1, d))))"
)
HIDDEN = "Sum(W[j, p]*h[i, p], (p, 1, m))"
TOTAL = "Sum(exp(Sum(W[k, p]*h[i, p], (p, 1, m)) + b[k]), (k, 1, d))"
CHANCE = f"exp({HIDDEN} + b[j])/{TOTAL}"


@formula(
    "cost/z_loss",
    statement=f"Sum({LSE}**2, (i, 1, n))/n",
    derivative=f"2*{LSE}*exp(z[i, j])/Sum(exp(z[i, k]), (k, 1, d))/n",
    arguments=("z[i, j]",),
    assumptions=(MEAN, "no factor λ: that is the weight"),
    sources=("zoph-2022",),
)
@reduced(weighted="terms", z=ROW, weight=TERM)
def z_loss(z: Array) -> Terms:
    """(log Σe^z)², which draws the normaliser of a softmax towards 1.  z: (..., d).

    The slope of log Σe^z is softmax(z), that of the square twice log Σe^z.
    """
    value, s = logsumexp(z)[0], softmax(z)
    near, half = fallen(s.below)
    return (value, value), {"z": (near / (1 + s.others)[..., None], 2 * value[..., None], half, half)}


@formula(
    "cost/distillation",
    statement=f"Sum(temperature**2*{TEACHER}*{APART.format('j')}, (j, 1, d), (i, 1, n))/n",
    derivative=f"temperature*({STUDENT} - {TEACHER})/n",
    arguments=("z[i, j]", "y[i, j]"),
    partials={
        "y[i, j]": f"temperature*{TEACHER}*({APART.format('j')} - Sum("
        + TEACHER.replace("[i, j]", "[i, l]")
        + f"*{APART.format('l')}, (l, 1, d)))/n"
    },
    valid={"temperature": "temperature > 0"},
    assumptions=(
        MEAN,
        "z are the logits of the student, y those of the teacher",
        "the factor T² keeps slopes of one size",
    ),
    sources=("hinton-2015",),
)
@reduced(weighted="terms", z=ROW, y=ROW, weight=TERM)
def distillation(z: Array, y: Array, *, temperature: float = 1.0) -> Terms:
    """T²·KL(p‖q) of p = softmax(y/T) from q = softmax(z/T).  z, y: (..., d).

    ∂KL/∂z = (q − p)/T, and ∂KL/∂y = p ⊙ (log(p/q) − KL)/T. With e = (z − y)/T less its mean under p, KL is
    log Σp·eᵉ = log(1 + Σp(eᵉ − 1 − e)): a sum of terms ≥ 0, also where the two are all but the same. Then
    log(p/q) = KL − e, so ∂C/∂y = −T·p ⊙ e, and q − p = p ⊙ (e^(e − KL) − 1), at the largest p minus the sum of those.
    Where all e are small, e² and KL would vanish beside a large T²: there (T·e)² is taken, in units of the largest.
    """
    return _divergence(z, y, temperature)


REVERSED = str.maketrans("yz", "zy")


@formula(
    "cost/reverse_kl",
    statement=f"Sum(temperature**2*{TEACHER}*{APART.format('j')}, (j, 1, d), (i, 1, n))/n".translate(REVERSED),
    derivative=f"temperature*{TEACHER}*({APART.format('j')} - Sum(".translate(REVERSED)
    + TEACHER.replace("[i, j]", "[i, l]").translate(REVERSED)
    + f"*{APART.format('l')}, (l, 1, d)))/n".translate(REVERSED),
    arguments=("z[i, j]", "y[i, j]"),
    partials={"y[i, j]": f"temperature*({STUDENT} - {TEACHER})/n".translate(REVERSED)},
    valid={"temperature": "temperature > 0"},
    assumptions=(
        MEAN,
        "z are the logits of the student, y those of the teacher",
        "KL of the student from the teacher: what the student does not do costs nothing, so it seeks one mode",
        "the factor T² keeps slopes of one size",
    ),
    sources=("gu-2024",),
)
@reduced(weighted="terms", z=ROW, y=ROW, weight=TERM)
def reverse_kl(z: Array, y: Array, *, temperature: float = 1.0) -> Terms:
    """T²·KL(q‖p) of q = softmax(z/T) from p = softmax(y/T).  z, y: (..., d).

    It is `distillation` with teacher and student exchanged: ∂C/∂z = T·q ⊙ (log(q/p) − KL) and ∂C/∂y = T(p − q).
    """
    terms, slopes = _divergence(y, z, temperature)
    return terms, {"z": slopes["y"], "y": slopes["z"]}


def _divergence(z: Array, y: Array, temperature: float) -> Terms:
    """Terms and slopes of `distillation`."""
    largest = max(np.abs(z).max(initial=0), np.abs(y).max(initial=0))
    unit = 4.0 if largest > 2.0**1020 else 2.0**-100 if largest < 2.0**-900 else 1.0
    z, y = z / unit, y / unit  # no difference overflows, and no mean is of too few digits
    t = min(temperature / unit, np.finfo(float).max)  # where that is less, every e is 0
    teacher, student = softmax(y, t), softmax(z, t)
    p, q = (np.exp(s.below / t) / (1 + s.others[..., None]) for s in (teacher, student))
    apart = z - y  # t·e
    apart = apart - apart.take(teacher.m)[..., None]
    (near_p, half), whole = fallen(teacher.below / t), 1 + teacher.others[..., None]
    mean = scaled(0, near_p / whole, half, half, np.where(half == 0, 0, apart)).sum(-1, keepdims=True)
    apart = apart - mean
    e, size = apart / t, np.abs(apart).max(-1, keepdims=True)
    turned = (student.below - student.below.take(teacher.m)[..., None] - mean) / t
    shifted = p.take(teacher.m)[..., None] * np.exp(turned)  # p·eᵉ
    beyond = np.where(e < 1, times(p, expm1_less(np.minimum(e, 1))), shifted - times(p, 1 + e))
    beyond = beyond.sum(-1, keepdims=True)
    far = times(p, student.surprise(t) - teacher.surprise(t)).sum(-1, keepdims=True)  # t·KL
    near = beyond < 1
    kl = np.where(near, np.log1p(beyond), far / t)
    alike = np.maximum(np.abs(e), np.abs(mean) / t + kl) < 1  # else e − KL is known to fewer digits than q − p
    small = alike.all(-1, keepdims=True)
    size = np.where(small & (size > 0), size, 1)
    second = np.where(np.abs(e) < 1e-6, 0.5 + e / 6, expm1_less(e) / (e * e))
    in_sizes = times(p, (apart / size) ** 2 * second).sum(-1, keepdims=True) * quotient_at_0(np.log1p, beyond)
    less = np.where(alike, p * np.expm1(np.minimum(e - kl, 1)), q - p)
    less = np.where(small, p * quotient_at_0(np.expm1, e - kl) * (apart / size - in_sizes * (size / t)), less)
    others = less.copy()
    others.put(teacher.m, 0)
    less.put(teacher.m, -others.sum(-1))
    slopes = {
        "z": (less, np.where(small, size, t), unit),
        "y": (-near_p / whole, np.where(half == 0, 0, apart), half, half, unit),
    }
    terms = np.where(small, in_sizes, np.where(near, kl, far))
    first, then = np.where(small, size, t), np.where(small, size, np.where(near, t, 1))
    return (terms[..., 0], first[..., 0], then[..., 0], unit, unit), slopes


def quotient_at_0(f: Callable[[Array], Array], x: Array) -> Array:
    """f(x)/x of a function that begins with x: 1 at 0."""
    return np.where(x == 0, 1, f(x) / x)


@formula(
    "cost/linear_cross_entropy",
    statement=f"Sum(y[i, j]*(log({TOTAL}) - {HIDDEN} - b[j]), (j, 1, d), (i, 1, n))/n",
    derivative=f"Sum(Sum(y[i, l], (l, 1, d))*W[j, p]*{CHANCE} - y[i, j]*W[j, p], (j, 1, d))/n",
    arguments=("h[i, p]", "W[j, p]", "b[j]"),
    partials={
        "W[j, p]": f"Sum((Sum(y[i, l], (l, 1, d))*{CHANCE} - y[i, j])*h[i, p], (i, 1, n))/n",
        "b[j]": f"Sum(Sum(y[i, l], (l, 1, d))*{CHANCE} - y[i, j], (i, 1, n))/n",
    },
    entries={"labels": "label"},
    assumptions=(
        "y[i, j] = 1 for the label of row i, else 0; all 0 where it is ignored",
        "printed where no row is ignored; the mean is over those that are not",
        "logits W h + b are made in chunks of the vocabulary, twice, and are never there as a whole",
    ),
    sources=("wijmans-2024", "bridle-1990"),
)
@reduced(mean="labels", leading=False, h=ROW, W=OWN, labels=LABEL, b=OWN)
def linear_cross_entropy(
    h: Array, W: Array, labels: Array, b: Array | None = None, *, ignore_index: int | None = None
) -> Terms:
    """Cross-entropy of softmax(W h + b) with integer labels.  h: (..., m), W: (V, m), labels: (...), b: (V,).

    With δ = p − [j = y] for every row, ∂C/∂h = δW, ∂C/∂W = Σ δᵀh and ∂C/∂b = Σ δ. One pass over the vocabulary finds
    log Σe^z, a second p and with it all gradients. Raises ValueError for shapes that do not fit and labels outside
    0 … V − 1.
    """
    if W.ndim != 2 or W.shape[1:] != h.shape[-1:] or (b is not None and b.shape != W.shape[:1]):
        raise ValueError(
            f"W has shape {W.shape}, b {None if b is None else b.shape}; expected (V, {h.shape[-1]}) and (V,), "
            f"as h has shape {h.shape}"
        )
    y, counts = class_labels(labels, h.shape[:-1], len(W), ignore_index)
    shape, places = counts.shape, np.flatnonzero(counts)
    rows, y = h.reshape(-1, h.shape[-1])[places], y.ravel()[places]  # (n, m), (n,)
    aim = np.vecdot(rows, W[y]) + (0 if b is None else b[y])  # the logits of the labels, (n,)
    behind = np.full(len(rows), -np.inf)  # the largest of the others
    others = np.zeros(len(rows))  # Σ of the others' e^(z − behind)
    for _, z in _chunks(rows, W, b, y):
        top = np.maximum(np.maximum(behind, z.max(-1)), np.finfo(float).min)  # of one class alone there are no others
        others = others * np.exp(behind - top) + np.exp(z - top[:, None]).sum(-1)
        behind = top
    lead = aim - behind - np.log(others)  # log p/(1 − p)
    loss = np.logaddexp(0, -lead)
    terms = np.zeros(counts.size)
    terms[places] = loss

    def slopes(v: Array) -> dict[str, Array]:
        w = np.broadcast_to(v, shape).ravel()[places]
        enters = w != 0
        x, k, w, top, rest = (q[enters] for q in (rows, y, w, behind, others))
        miss = w * np.exp(-np.logaddexp(0, lead[enters]))  # 1 − p, not a difference, times the cotangent
        share = np.where(rest == 0, 0, miss / rest)
        dh, dW, db = -miss[:, None] * W[k], np.empty(W.shape), np.empty(len(W))
        for here, z in _chunks(x, W, b, k):
            delta = np.exp(z - top[:, None]) * share[:, None]  # p of the other classes, times the cotangent
            dh += delta @ W[here]
            np.matmul(delta.T, x, out=dW[here])
            db[here] = delta.sum(0)
        np.add.at(dW, k, -miss[:, None] * x)
        np.add.at(db, k, -miss)
        by_h = np.zeros((counts.size, h.shape[-1]))
        by_h[places[enters]] = dh
        return Own({"h": by_h.reshape(h.shape), "W": dW, "b": db})

    return terms.reshape(shape), slopes, counts[..., None].astype(float)


def _chunks(h: Array, W: Array, b: Array | None, y: Array) -> Iterator[tuple[slice, Array]]:
    """Logits of a part of the vocabulary after the other, (n, chunk), that of a row's own label −∞."""
    step = max(1, ENTRIES // max(1, len(h)))
    for first in range(0, len(W), step):
        here = slice(first, first + step)
        z = h @ W[here].T
        z = z if b is None else z + b[here]
        mine = np.flatnonzero((y >= first) & (y < first + step))
        z[mine, y[mine] - first] = -np.inf
        yield here, z


NEAR_LSE, FAR_LSE = (f"log(Sum(exp({x}[i, k]), (k, 1, {size})))" for x, size in (("head", "d"), ("tails", "m")))


@formula(
    "cost/adaptive_log_softmax",
    statement=f"Sum(Sum(y[i, j]*({NEAR_LSE} - head[i, j]), (j, 1, d))"
    f" + Sum(x[i, j]*({FAR_LSE} - tails[i, j]), (j, 1, m)), (i, 1, n))/n",
    derivative="(Sum(y[i, l], (l, 1, d))*exp(head[i, j])/Sum(exp(head[i, k]), (k, 1, d)) - y[i, j])/n",
    arguments=("head[i, j]", "tails[i, j]"),
    partials={"tails[i, j]": "(Sum(x[i, l], (l, 1, m))*exp(tails[i, j])/Sum(exp(tails[i, k]), (k, 1, m)) - x[i, j])/n"},
    entries={"labels": "label"},
    assumptions=(
        MEAN,
        "printed for one cluster: y[i, j] = 1 for the frequent word that is the label of row i, or for the cluster it"
        " is in, and x[i, j] = 1 for the word there, else 0",
        "of logits: the projections that make them, a smaller one for each cluster, are layers before it",
    ),
    sources=("grave-2017", "pytorch-adaptive-log-softmax"),
)
@reduced(leading=False, head=ROW, tails=OWN, labels=LABEL)
def adaptive_log_softmax(head: Array, tails: Array, labels: Array, *, cutoffs: Sequence[int] | None = None) -> Terms:
    """Cross-entropy of a vocabulary in clusters.  head: (n, S + K), tails: (n, V − S), labels: (n,).

    Words 0 … S − 1 are frequent and have a logit each in the head, behind them a logit for each of the K clusters of
    the others. Cluster k begins at word `cutoffs`[k], the first at S; one cluster unless told otherwise. With P the
    softmax of the head and Q_k that of cluster k, the probability of a word is P_y, or P_{S+k}·Q_k(y): its cost is
    a cross-entropy, or the sum of two, whose slopes are p − [j = y] each. Clusters without the label do not enter.
    Raises ValueError for shapes, cutoffs and labels that do not fit, TypeError for cutoffs and labels that are no
    integers.
    """
    if cutoffs is not None and np.ndim(cutoffs) != 1:
        raise TypeError(f"cutoffs = {cutoffs!r}; expected a sequence of integers, one for each cluster")
    starts = [head.shape[-1] - 1] if cutoffs is None else [index("a cutoff", cut) for cut in cutoffs]
    K, S = len(starts), head.shape[-1] - len(starts)
    V = S + (tails.shape[-1] if tails.ndim else 0)
    if tails.shape[:-1] != head.shape[:-1] or S < 0 or starts[:1] != [S] or [*starts, V] != sorted({*starts, V}):
        raise ValueError(
            f"cutoffs = {starts} with head of shape {head.shape} and tails {tails.shape}; expected K increasing "
            f"ones, the first of them S, for shapes {(*head.shape[:-1], 'S + K')} and {(*head.shape[:-1], 'V − S')}"
        )
    y, _ = class_labels(labels, head.shape[:-1], V)
    cluster = np.searchsorted(starts, y, side="right") - 1  # −1: none
    picked = np.where(cluster < 0, y, S + cluster)
    terms, by_head = softmax_cost(head, (np.arange(S + K) == picked[..., None]).astype(float))
    value, by_tails = _product(terms), (np.zeros_like(tails), np.ones_like(tails), np.ones_like(tails))  # as factors
    for k, (first, end) in enumerate(pairwise([*starts, V])):
        rows = cluster == k
        wanted = (np.arange(first, end) == y[rows][:, None]).astype(float)
        more, slope = softmax_cost(tails[rows][:, first - S : end - S], wanted)
        value[rows] += _product(more)
        for factor, part in zip(by_tails, slope, strict=False):
            factor[rows, first - S : end - S] = part
    return value, {"head": by_head, "tails": by_tails}


def _product(factors: Sequence[Array]) -> Array:
    return functools.reduce(np.multiply, factors)
