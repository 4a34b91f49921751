"""Costs of overlap between a predicted mask a and a true mask y, entries in [0, 1]: one mask a row, arrays (n, d).

Each returns (C, gradients); see `reference.costs.reduction`. Terms are one a mask; each is a quotient that is worked
out as what does not overlap over the whole, which cancels nothing where the masks all but agree.
"""

from __future__ import annotations

import math

import numpy as np

from reference.costs.arguments import OWN, ROW
from reference.costs.reduction import Terms, others, reduced
from reference.formula import Array, formula

BOTH = "Sum(a[i, k]*y[i, k], (k, 1, d))"
ONLY_A = "Sum(a[i, k]*(1 - y[i, k]), (k, 1, d))"
ONLY_Y = "Sum((1 - a[i, k])*y[i, k], (k, 1, d))"
SIZES = "Sum(a[i, k] + y[i, k], (k, 1, d))"
MASKS = "terms: one a mask, mean over masks"
EMPTY = "two empty masks cost 0 with smooth > 0 and are undefined without"


def _not_empty(whole: Array) -> None:
    if (whole == 0).any():
        where = [int(k) for k in np.argwhere(whole[..., 0] == 0)[0]]
        row = ", ".join(map(str, where)) or "0"
        raise ValueError(f"masks a and y of row {row} are empty, which is 0/0: use smooth > 0")


@formula(
    "cost/dice",
    statement=f"Sum(1 - (2*{BOTH} + smooth)/({SIZES} + smooth), (i, 1, n))/n",
    derivative=f"((2*{BOTH} + smooth)/({SIZES} + smooth) - 2*y[i, j])/({SIZES} + smooth)/n",
    arguments=("a[i, j]", "y[i, j]"),
    domain=("0", "1"),
    partials={"y[i, j]": f"((2*{BOTH} + smooth)/({SIZES} + smooth) - 2*a[i, j])/({SIZES} + smooth)/n"},
    prediction="a",
    target="y",
    entries={"a": "probability", "y": "probability"},
    valid={"smooth": "smooth >= 0"},
    assumptions=(MASKS, "smooth is added once above and once below", EMPTY),
    sources=("milletari-2016",),
)
@reduced(a=ROW, y=ROW)
def dice(a: Array, y: Array, *, smooth: float = 1.0) -> Terms:
    """Dice cost 1 − (2Σay + s)/(Σa + Σy + s) of masks a, y: (n, d).

    With U the denominator and 1 − C the quotient, ∂C/∂a = (1 − C − 2y)/U and ∂C/∂y = (1 − C − 2a)/U. Raises
    ValueError for two empty masks at s = 0.
    """
    whole = (a + y).sum(-1, keepdims=True) + smooth
    _not_empty(whole)
    terms = (a * (1 - y) + y * (1 - a)).sum(-1) / whole[..., 0]
    # 1 − C − 2y is what is left of it over U without the parts of this entry, in which it cancels
    both, only_a, only_y = 2 * others(a * y) + smooth, others(a), others(y)
    by_a = both / whole - 2 * y * ((only_a + y.sum(-1, keepdims=True) + smooth) / whole)
    by_y = both / whole - 2 * a * ((only_y + a.sum(-1, keepdims=True) + smooth) / whole)
    return terms, {"a": by_a / whole, "y": by_y / whole}


WHOLE = f"({BOTH} + alpha*{ONLY_A} + beta*{ONLY_Y} + smooth)"


@formula(
    "cost/tversky",
    statement=f"Sum(1 - ({BOTH} + smooth)/{WHOLE}, (i, 1, n))/n",
    derivative=f"(({BOTH} + smooth)/{WHOLE}*(y[i, j] + alpha*(1 - y[i, j]) - beta*y[i, j]) - y[i, j])/{WHOLE}/n",
    arguments=("a[i, j]", "y[i, j]"),
    domain=("0", "1"),
    partials={
        "y[i, j]": f"(({BOTH} + smooth)/{WHOLE}*(a[i, j] - alpha*a[i, j] + beta*(1 - a[i, j])) - a[i, j])/{WHOLE}/n"
    },
    prediction="a",
    target="y",
    entries={"a": "probability", "y": "probability"},
    valid={"alpha": "alpha >= 0", "beta": "beta >= 0", "smooth": "smooth >= 0"},
    assumptions=(MASKS, "alpha weighs false positives, beta false negatives", "at alpha = beta = ½ Dice with 2·smooth",
                 EMPTY),
    sources=("salehi-2017", "optax-losses-dice-loss"),
)  # fmt: skip
@reduced(a=ROW, y=ROW)
def tversky(a: Array, y: Array, *, alpha: float = 0.5, beta: float = 0.5, smooth: float = 1.0) -> Terms:
    """Tversky cost 1 − (Σay + s)/(Σay + αΣa(1 − y) + βΣ(1 − a)y + s) of masks a, y: (n, d).

    With D the denominator and 1 − C the quotient, ∂C/∂a = [(1 − C)∂D/∂a − y]/D, ∂D/∂a = y + α(1 − y) − βy; for y
    with a and y, α and β exchanged. Raises ValueError as `dice` does.
    """
    exponent = math.frexp(max(alpha, beta, smooth))[1]
    scale = 2.0**-exponent if exponent > 500 else 1.0  # of both parts alike
    alpha, beta, smooth = alpha * scale, beta * scale, smooth * scale
    apart = (alpha * a * (1 - y) + beta * (1 - a) * y).sum(-1, keepdims=True)
    both = scale * (a * y).sum(-1, keepdims=True) + smooth
    whole = both + apart
    _not_empty(whole)
    # (1 − C)∂D/∂a − y = (1 − C)(α(1 − y) − βy) − C·y
    cost, overlap = apart / whole, both / whole
    by_a = overlap * (alpha * (1 - y) - beta * y) - cost * y * scale
    by_y = overlap * (beta * (1 - a) - alpha * a) - cost * a * scale
    return cost[..., 0], {"a": by_a / whole, "y": by_y / whole}


SHARED = "Sum(x[i, k]*a[i, k, l]*y[i, k, l], (k, 1, d), (l, 1, m))"
BOTH_SIZES = "Sum(x[i, k]*(a[i, k, l] + y[i, k, l]), (k, 1, d), (l, 1, m))"


@formula(
    "cost/generalized_dice",
    statement=f"Sum(1 - 2*{SHARED}/{BOTH_SIZES}, (i, 1, n))/n",
    derivative=f"x[i, p]*(2*{SHARED}/{BOTH_SIZES} - 2*y[i, p, q])/{BOTH_SIZES}/n",
    arguments=("a[i, p, q]",),
    domain=("0", "1"),
    entries={"a": "probability", "y": "indicator"},
    valid={"power": "power >= 0"},
    assumptions=(
        "terms: one an example, mean over examples; y is 0 or 1, a switch: there is no gradient by it",
        "x[i, k] is the weight of class k, its size Σy to the power −power; a class of which there is nothing has the"
        " weight 0, unless all have 1",
        "optax weighs the costs of classes apart, by sizes over the whole batch, and takes their mean",
    ),
    sources=("sudre-2017",),
)
@reduced(leading=False, a=OWN, y=OWN)
def generalized_dice(a: Array, y: Array, *, power: float = 2.0) -> Terms:
    """Generalised Dice cost 1 − 2ΣwΣay/ΣwΣ(a + y) of a mask a class.  a, y: (n, K classes, d places).

    With U the denominator and C the cost, ∂C/∂a = w(1 − C − 2y)/U, so w(1 − C)/U where y is 0 and −w(1 + C)/U where it
    is 1. C is the weighted sum of what does not overlap over U. Raises ValueError for masks of another shape, and for
    an example of no class.
    """
    if a.ndim < 2 or a.shape != y.shape:
        raise ValueError(f"a has shape {a.shape}, y {y.shape}; expected (n examples, K classes, d places), both")
    sizes = y.sum(-1, keepdims=True)  # (n, K, 1)
    least = np.where(sizes > 0, sizes, np.inf).min(-2, keepdims=True)  # weights are relative: the largest is 1
    w = np.where(sizes > 0, (least / np.where(sizes > 0, sizes, 1)) ** power, 1.0 if power == 0 else 0.0)
    apart, both = ((w * x).sum((-2, -1)) for x in (a * (1 - y) + y * (1 - a), 2 * a * y))  # (n,)
    whole = apart + both
    if (whole == 0).any():
        where = [int(k) for k in np.argwhere(whole == 0)[0]]
        raise ValueError(f"example {', '.join(map(str, where)) or 0} has no class in y, which is 0/0")
    cost, overlap, U = (x[..., None, None] for x in (apart / whole, both / whole, whole))
    return cost[..., 0, 0], {"a": (w * np.where(y == 1, -(1 + cost), overlap) / U)}
