"""Costs of embeddings: rows a, b of the same space that should be near or far, by angle or by distance.

Each returns (C, gradients); see `reference.costs.reduction`. Terms are one a row. The angle between two rows is worked
out so that nothing cancels where they all but agree: 1 − cos from the difference of their directions, and the slope of
cos, what b has besides its part along a, with dot products of twice the precision.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from operator import mul
from typing import Any, NamedTuple

import numpy as np

from reference.costs.arguments import LABEL, ROW, TERM, class_labels
from reference.costs.reduction import Terms, others, reduced
from reference.exact import Wide, cut, dot, dots, power_of_two, product, total, wide
from reference.formula import Array, Kink, formula
from reference.lift import integers, times

DOT = "Sum(a[i, k]*b[i, k], (k, 1, d))"
AA, BB = "Sum(a[i, k]**2, (k, 1, d))", "Sum(b[i, k]**2, (k, 1, d))"
COS = f"{DOT}/sqrt({AA})/sqrt({BB})"
COS_A = f"(b[i, j]/sqrt({AA})/sqrt({BB}) - a[i, j]*{DOT}/{AA}/sqrt({AA})/sqrt({BB}))"
COS_B = f"(a[i, j]/sqrt({AA})/sqrt({BB}) - b[i, j]*{DOT}/{BB}/sqrt({AA})/sqrt({BB}))"
NOT_ZERO = "no row is zero: the direction of 0 is undefined, and no eps is put in its place"
ROWS = "terms: one a row, mean over rows"
LEAST = "minimum-norm subgradient"


class _Angle(NamedTuple):
    """cos and 1 − cos of the angle between rows, (..., 1), and the slopes of cos as factors, (..., d)."""

    cos: Array
    distance: Array
    by_a: Any
    by_b: Any


def _scaled(name: str, x: Array) -> tuple[Array, Array]:
    """Rows over a power of two that keeps their squares in range, and that power.

    Raises ValueError for a row of zeros.
    """
    largest = np.abs(x).max(-1, keepdims=True)
    if (largest == 0).any():
        where = [int(k) for k in np.argwhere(largest[..., 0] == 0)[0]]
        raise ValueError(f"row {', '.join(map(str, where)) or 0} of {name} is zero: its direction is undefined")
    exponent = np.frexp(largest)[1]
    return np.ldexp(x, -exponent), exponent


def _minus(b: Array, A: tuple[Array, Array], a: Array, D: tuple[Array, Array]) -> Array:
    """b·A − a·D for A and D in two floats each: what is left when the leading parts cancel."""
    (p, p_low), (q, q_low) = product(b, A[0]), product(a, D[0])
    difference, error = total(p, -q)
    return difference + (error + (p_low - q_low) + (b * A[1] - a * D[1]))


def _across(b: Wide, a: Wide, A: tuple[Array, Array], D: tuple[Array, Array]) -> Wide:
    """b‖a‖² − a⟨a, b⟩, the part of b across a times ‖a‖², for rows with entries of any size, the largest near 1.

    Each entry is worked out over its own power of two. At the largest entry of a the others say what is left.
    """
    exponent = np.maximum(a[1], b[1])
    out = _minus(np.ldexp(b[0], b[1] - exponent), A, np.ldexp(a[0], a[1] - exponent), D)
    m = np.abs(np.ldexp(*a)).argmax(-1)[..., None]
    np.put_along_axis(exponent, m, -4000, -1)
    top = exponent.max(-1, keepdims=True)
    others_a, others_b = (np.ldexp(x[0], x[1] - top) for x in (a, b))
    for x in (others_a, others_b):
        np.put_along_axis(x, m, 0, -1)
    a_m, b_m = (np.take_along_axis(np.ldexp(*x), m, -1) for x in (a, b))
    np.put_along_axis(out, m, _minus(b_m, dot(others_a, others_a), a_m, dot(others_a, others_b)), -1)
    np.put_along_axis(exponent, m, 2 * top, -1)
    return out, exponent


def _between(a: Array, b: Array) -> _Angle:
    """The angle between rows a and b of any length, its slopes as factors. Raises ValueError for a row of zeros.

    ∂cos/∂a = (b‖a‖² − a⟨a, b⟩)/(‖a‖³‖b‖) and likewise for b. With s = ±1 the sign of cos and w the difference of the
    directions sb/‖b‖ and a/‖a‖, 1 − s·cos = ½‖w‖².
    """
    (u, e_a), (v, e_b) = _scaled("a", a), _scaled("b", b)
    wide_a, wide_b = wide(a, e_a), wide(b, e_b)
    a, b = u, v
    if a.shape[-1] == 1:  # a direction is a sign, and does not turn
        cos = np.sign(a) * np.sign(b)
        return _Angle(cos, 1 - cos, (0 * cos,), (0 * cos,))
    A, B, D = dot(a, a), dot(b, b), dot(a, b)
    norm_a, norm_b = np.sqrt(A[0]), np.sqrt(B[0])
    cos = D[0] / (norm_a * norm_b)
    w = np.where(cos < 0, -1.0, 1.0) * b / norm_b - a / norm_a
    short = (w * w).sum(-1, keepdims=True) / 2
    steep = np.abs(cos) < 0.5
    (by_a, a_power), (by_b, b_power) = _across(wide_b, wide_a, A, D), _across(wide_a, wide_b, B, D)
    by_a, by_b = by_a / (A[0] * norm_a * norm_b), by_b / (B[0] * norm_b * norm_a)
    distance = np.where(steep, 1 - cos, np.where(cos < 0, 2 - short, short))
    return _Angle(cos, distance, (by_a, *power_of_two(a_power - e_a)), (by_b, *power_of_two(b_power - e_b)))


@formula(
    "cost/cosine_distance",
    statement=f"Sum(1 - {COS}, (i, 1, n))/n",
    derivative=f"-{COS_A}/n",
    arguments=("a[i, j]", "b[i, j]"),
    partials={"b[i, j]": f"-{COS_B}/n"},
    assumptions=(ROWS, NOT_ZERO),
    sources=("optax-losses-cosine-distance",),
)
@reduced(a=ROW, b=ROW)
def cosine_distance(a: Array, b: Array) -> Terms:
    """Cosine distance 1 − ⟨a, b⟩/(‖a‖‖b‖).  a, b: (n, d).

    Quotient rule: ∂cos/∂a = b/(‖a‖‖b‖) − cos·a/‖a‖², which is orthogonal to a. Raises ValueError for a row of zeros.
    """
    angle = _between(a, b)
    return angle.distance[..., 0], {"a": (*angle.by_a, -1.0), "b": (*angle.by_b, -1.0)}


@formula(
    "cost/cosine_embedding",
    statement=f"Sum(Piecewise((1 - {COS}, y[i] > 0), (Max(0, {COS} - margin), True)), (i, 1, n))/n",
    derivative=f"Piecewise((-{COS_A}, y[i] > 0), ({COS_A}, {COS} > margin), (0, True))/n",
    arguments=("a[i, j]", "b[i, j]"),
    partials={"b[i, j]": f"Piecewise((-{COS_B}, y[i] > 0), ({COS_B}, {COS} > margin), (0, True))/n"},
    entries={"y": "sign"},
    kinks=(Kink(of="cos(a, b) - margin", at="0", left="0", right="1", chosen="0", why=LEAST),),
    assumptions=(ROWS, NOT_ZERO, "the kink is where y = −1"),
    sources=("pytorch-cosine-embedding-loss",),
)
@reduced(a=ROW, b=ROW, y=TERM)
def cosine_embedding(a: Array, b: Array, y: Array, *, margin: float = 0.0) -> Terms:
    """Cosine embedding cost: 1 − cos for a pair y = +1, max(0, cos − margin) for y = −1.  a, b: (n, d), y: (n,).

    The slopes are those of −cos and of cos, and 0 up to the margin. Raises ValueError for a row of zeros.
    """
    angle = _between(a, b)
    near = y[..., None] > 0
    met = ~near & (_beyond(angle.cos, a, b, margin) <= 0)
    slack = np.where(near, angle.distance, np.where(met, 0.0, np.abs(angle.cos - margin)))
    factor = np.where(near, -1.0, np.where(met, 0.0, 1.0))
    return slack[..., 0], {
        "a": (factor * angle.by_a[0], *angle.by_a[1:]),
        "b": (factor * angle.by_b[0], *angle.by_b[1:]),
    }


def _beyond(cos: Array, a: Array, b: Array, margin: float) -> Array:
    """cos − margin, whose sign is right: where rounding might decide it, by the squares in whole numbers.  (n, 1)."""
    beyond = cos - margin
    for i in np.argwhere(np.abs(beyond[..., 0]) < 2.0**-45):
        u, w = ([Fraction(x) for x in rows[tuple(i)].tolist()] for rows in (a, b))
        D, A, B = (sum(map(mul, p, q)) for p, q in ((u, w), (u, u), (w, w)))
        square = D * abs(D) - Fraction(margin) * abs(Fraction(margin)) * A * B
        beyond[(*i, 0)] = (square > 0) - (square < 0)
    return beyond


D_AB = "sqrt(Sum((a[i, k] - b[i, k] + eps)**2, (k, 1, d)))"
D_AC = "sqrt(Sum((a[i, k] - c[i, k] + eps)**2, (k, 1, d)))"
UNIT_AB, UNIT_AC = f"(a[i, j] - b[i, j] + eps)/{D_AB}", f"(a[i, j] - c[i, j] + eps)/{D_AC}"
SLACK = f"margin + {D_AB} - {D_AC}"


@formula(
    "cost/triplet_margin",
    statement=f"Sum(Max(0, {SLACK}), (i, 1, n))/n",
    derivative=f"Piecewise(({UNIT_AB} - {UNIT_AC}, {SLACK} > 0), (0, True))/n",
    arguments=("a[i, j]", "b[i, j]", "c[i, j]"),
    partials={
        "b[i, j]": f"Piecewise((-{UNIT_AB}, {SLACK} > 0), (0, True))/n",
        "c[i, j]": f"Piecewise(({UNIT_AC}, {SLACK} > 0), (0, True))/n",
    },
    kinks=(
        Kink(of="margin + norm(a - b) - norm(a - c)", at="0", left="0", right="1", chosen="0", why=LEAST),
        Kink(of="a distance between two rows", at="0", left="-1", right="1", chosen="0", why=LEAST),
        Kink(
            of="with swap, the difference of the two distances of c",
            at="0",
            left="0",
            right="1",
            chosen="1/2",
            why="equal shares of those that tie (minimum norm)",
        ),
    ),
    valid={"margin": "margin > 0"},
    assumptions=(
        ROWS,
        "anchor a, positive b, negative c; Euclidean distances",
        "eps is added to every difference",
        "swap: the distance of c is that from a or that from b, whichever is smaller; printed without",
    ),
    sources=("schroff-2015", "balntas-2016", "pytorch-triplet-margin-loss"),
)
@reduced(a=ROW, b=ROW, c=ROW)
def triplet_margin(a: Array, b: Array, c: Array, *, margin: float = 1.0, eps: float = 0.0, swap: bool = False) -> Terms:
    """Triplet margin cost max(0, margin + ‖a − b + ε‖ − ‖a − c + ε‖) of anchor a, positive b, negative c.  (n, d).

    The slope of ‖r‖ is the direction r/‖r‖: towards b and away from c for the anchor, where the margin is missed.
    With `swap` (Balntas et al., 2016) the negative counts with ‖b − c + ε‖ where that is smaller than ‖a − c + ε‖.
    """
    exponent = _exponent(margin, eps, a, b, c)  # lengths of a row are over 2^exponent
    between = [_distance(x, y, eps, exponent) for x, y in ((a, b), (a, c), (b, c))[: 2 + swap]]
    (near, to_b, short_b), (far, to_c, short_c), *_ = between
    a, b, c = (np.ldexp(x, -exponent) for x in (a, b, c))
    room, e = (np.ldexp(x, -exponent) for x in (margin, eps))
    both = _four(a, -b, a, -c) if eps == 0 else _four(2 * a, -b, -c, 2 * e)
    longer, by_a = _apart(c - b, both, (near, to_b, short_b), (far, to_c, short_c))
    by_b, by_c = -to_b, to_c
    if swap:
        from_b, b_to_c, short_bc = between[2]
        share = np.where(from_b < far, 1.0, np.where(from_b == far, 0.5, 0))  # of ‖b − c‖ in the distance of c
        step, both = _four(c, -a, -e, -e), _four(2 * b, -a, -c, np.zeros(()))
        longer_b, turn = _apart(step, both, (near, -to_b, short_b), (from_b, b_to_c, short_bc))
        longer = np.where(share == 1, longer_b, longer)
        by_a = np.where(share == 0, by_a, to_b - (1 - share) * to_c)
        by_b, by_c = share * turn - (1 - share) * to_b, (1 - share) * to_c + share * b_to_c
    slack = room + longer
    short = ~(slack <= 0)
    slopes = {"a": np.where(short, by_a, 0), "b": np.where(short, by_b, 0), "c": np.where(short, by_c, 0)}
    return (np.where(short, slack, 0)[..., 0], *power_of_two(exponent[..., 0])), slopes


def _exponent(*numbers: Any) -> Array:
    """A power of two for each row over which its numbers are large: what is far smaller is not lost beside them."""
    sizes = (np.abs(np.atleast_1d(x)) for x in numbers)
    largest = functools.reduce(np.maximum, (x.max(-1, keepdims=True, initial=0, where=np.isfinite(x)) for x in sizes))
    return np.where(largest > 0, np.frexp(largest)[1] - 900, 0)


def _four(a: Array, b: Array, c: Array, d: Array) -> Array:
    """a + b + c + d with the errors of their sum at the end."""
    (s, first), (t, second) = total(a, b), total(c, d)
    s, third = total(s, t)
    return s + (first + second + third)


def _apart(
    step: Array, both: Array, b: tuple[Array, Array, Array], c: tuple[Array, Array, Array]
) -> tuple[Array, Array]:
    """B − C and u − v for rows Bu, Cv of difference `step` and sum `both`, without cancellation if they all but agree.

    With w = (Bu + Cv)/(B + C), B − C is ⟨step, w⟩, and u − v is (step − v⟨step, w⟩)/B, taken so if B ≥ C; at an entry
    where v and w are both nearly ±1, 1 − vw is what they are short of that.
    """
    (B, u, short_u), (C, v, short_v) = b, c
    largest = np.where(B + C > 0, np.maximum(B, C), 1)
    share_b, share_c = B / largest, C / largest
    whole = np.where(B + C > 0, share_b + share_c, 1)
    w = both / largest / whole
    short_w = (share_b * short_u + share_c * short_v) / whole
    same = u * v > 0.25
    by_b, by_c = (
        step * np.where(same, short + short_w - short * short_w, 1 - e * w) - e * others(step * w)
        for e, short in ((v, short_v), (u, short_u))
    )
    turn = np.where(np.abs(u - v) > 0.25, u - v, np.where(B >= C, by_b, by_c) / largest)
    longer = (step / largest * (both / whole)).sum(-1, keepdims=True)
    return np.where(np.abs(B - C) > largest / 4, B - C, longer), turn


def _distance(x: Array, y: Array, eps: float, exponent: Array) -> tuple[Array, Array, Array]:
    """‖r‖ of each row r = x − y + ε over 2^exponent, (n, 1), its direction r/‖r‖, 0 where r is 0, and 1 − |r/‖r‖|."""
    own = np.where(np.isfinite(x - y + eps).all(-1, keepdims=True), 0, 3)
    r = np.ldexp(x, -own) - np.ldexp(y, -own) + np.ldexp(eps, -own)
    largest = np.abs(r).max(-1, keepdims=True)
    scaled = r / np.where(largest > 0, largest, 1)
    root = np.sqrt((scaled * scaled).sum(-1, keepdims=True))
    length = np.where(root > 0, root, 1)
    short = others(scaled * scaled) / (length * (length + np.abs(scaled)))
    return np.ldexp(largest, own - exponent) * root, scaled / length, short


BLOCK = 1 << 18  # pairs of rows at once


class _Pairs(NamedTuple):
    """Pairs of one label, (pairs,) each but e: terms, row and column, shares of all others, of one over its e."""

    terms: Array
    i: Array
    j: Array
    share: Array
    per_other: Array
    e: Array  # e^(c_ik/T) of others over the largest, (rows, n)


REST = "Sum(x[i, k]*exp(c[i, k]/temperature), (k, 1, n))"


@formula(
    "cost/nt_xent",
    statement=f"Sum(y[i, j]*(log(exp(c[i, j]/temperature) + {REST}) - c[i, j]/temperature), "
    "(j, 1, n), (i, 1, n))/Sum(y[i, j], (j, 1, n), (i, 1, n))",
    derivative=f"(-y[i, j]*{REST}/(exp(c[i, j]/temperature) + {REST}) "
    "+ Sum(y[i, l]*x[i, j]*exp(c[i, j]/temperature)"
    f"/(exp(c[i, l]/temperature) + {REST}), (l, 1, n)))/temperature/Sum(y[r, k], (k, 1, n), (r, 1, n))",
    arguments=("c[i, j]",),
    entries={"labels": "label"},
    valid={"temperature": "temperature > 0"},
    assumptions=(
        "c[i, j] is the cosine of the angle between rows i and j of z; cost/cosine_distance has its slopes in z",
        "y[i, j] = 1 where i ≠ j have the same label, x[i, j] = 1 where they have different ones, else 0",
        "terms: one for each ordered pair of the same label, row by row; mean over these pairs",
        "a term depends on every row of the batch",
        NOT_ZERO,
    ),
    sources=("sohn-2016", "oord-2018", "chen-2020", "optax-losses-ntxent"),
)
@reduced(leading=False, z=ROW, labels=LABEL)
def nt_xent(z: Array, labels: Array, *, temperature: float = 0.07) -> Terms:
    """Normalised temperature-scaled cross-entropy (contrastive) of embeddings z.  z: (n, d), labels: (n,).

    For each pair i ≠ j of one label, −log[e^(c_ij/T)/(e^(c_ij/T) + Σₖ e^(c_ik/T))], k over the rows of other labels.
    Its slope in c_ij is −(share of the others)/T, in c_ik the share of k over T; and for unit rows û,
    ∂c_ij/∂z_i = (û_j − c_ij·û_i)/‖z_i‖, what û_j has besides its part along û_i. Raises ValueError where no two rows
    have the same label, and for a row of zeros.
    """
    if z.ndim != 2:
        raise ValueError(f"z has shape {z.shape}; expected (n examples, d)")
    n = len(z)
    labels = integers(labels, "labels")
    labels, _ = class_labels(labels, (n,), int(np.max(labels, initial=0)) + 1)
    if len(np.unique(labels)) == n:
        raise ValueError("labels are all different: the mean over no pairs is undefined")
    u, exponent = _scaled("z", z)
    (head, tail), length = cut(u), np.sqrt(dot(u, u)[0])  # (n, d) each, (n, 1)
    step = max(1, BLOCK // n)
    blocks = [slice(k, min(k + step, n)) for k in range(0, n, step)]

    def of_rows(here: slice) -> _Pairs:
        c = dots((head[here], tail[here]), (head, tail)) / (length[here] * length.T)  # (rows, n)
        same = labels[here, None] == labels
        largest = np.where(same, -np.inf, c).max(-1, keepdims=True)  # (rows, 1)
        e = np.exp((c - np.where(np.isinf(largest), 0, largest)) / temperature)
        e[same] = 0
        same[np.arange(len(c)), np.arange(n)[here]] = False
        i, j = np.nonzero(same)  # row by row
        rest, gap = e.sum(-1)[i], (largest[i, 0] - c[i, j]) / temperature  # by how far the nearest other leads
        own = np.exp(-np.abs(gap))  # e^(c_ij) and the others over the larger: 1 and rest·own, or own and rest
        ahead = gap > 0
        terms = np.where(ahead, gap + np.log(rest + own), np.log1p(rest * own))
        whole = np.where(ahead, rest + own, 1 + rest * own)
        return _Pairs(terms, i, j, np.where(ahead, rest, rest * own) / whole, np.where(ahead, 1, own) / whole, e)

    def pullback(v: Array) -> dict[str, Array]:
        unit = u / length
        unit = np.where(np.isfinite(unit).all(-1, keepdims=True), unit, 0)  # if it enters, its e are no numbers
        toward, first = np.zeros(z.shape), 0
        for here in blocks:
            p = of_rows(here)
            of_pair, first = v[first : first + len(p.i)], first + len(p.i)
            to_others = np.bincount(p.i, times(of_pair, p.per_other), len(p.e))
            slope = times(to_others[:, None], p.e)  # ∂C/∂(c/T)
            slope[p.i, p.j] = -times(of_pair, p.share)
            toward[here] += slope @ unit
            toward += slope.T @ unit[here]
        across = toward * others(unit * unit) - unit * others(toward * unit)  # toward − û⟨toward, û⟩
        m, power = math.frexp(temperature)
        return {"z": np.ldexp(np.where(across == 0, 0, across / length) / m, -exponent - power)}

    return np.concatenate([of_rows(here).terms for here in blocks]), pullback
