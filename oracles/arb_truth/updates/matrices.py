"""Update rules that know a parameter as a matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from flint import arb

from oracles.arb_truth.functions import sum_of_squares
from oracles.arb_truth.layers.orthogonal import orthogonalised
from oracles.arb_truth.numbers import Array, Ball
from oracles.arb_truth.updates.norms import norm
from oracles.arb_truth.updates.rule import Kept, Shape, Step, average, larger, over, root, rule


def rows(shape: Shape) -> Shape:
    """A number a row; of what is no matrix, one an entry."""
    return (*shape[:-1], 1) if len(shape) > 1 else shape


def columns(shape: Shape) -> Shape:
    """A number a column; none of what is no matrix."""
    return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else (0,)


LINES = {"r": rows, "c": columns}


@rule(
    "decay >= 0 and least >= 0 and clip > 0", meets=True, shapes=LINES,
    eta=0.01, decay=0.8, eps=1e-30, least=1e-3, clip=1.0, lam=0.0,
)  # fmt: skip
def adafactor(
    w: Array, dC: Array, r: Kept = 0, c: Kept = 0,
    *, eta: Ball, decay: Ball, eps: Ball, least: Ball, clip: Ball, lam: Ball, t: int,
) -> Step:  # fmt: skip
    """Gradients over the root of a matrix of rank one, clipped to a size, times the size of the parameter."""
    kept = 1 - arb(t) ** (-decay)
    squares = dC * dC + eps
    if w.ndim < 2:
        r, c = average(kept, r, squares), np.zeros(0, object)
        estimate = r
    else:
        n, d = w.shape[-2:]
        r = average(kept, r, squares.sum(-1, keepdims=True) / d)
        c = average(kept, c, squares.sum(-2, keepdims=True) / n)
        estimate = over(r * c, r.sum(-2, keepdims=True) / n)
    u = over(dC, root(estimate))
    alpha = min(eta, 1 / arb(t).sqrt()) * larger(norm(w) / arb(w.size).sqrt(), least)
    step = alpha * over(u, larger(root(sum_of_squares(u)) / arb(w.size).sqrt() / clip, 1))
    return {"w": w - eta * lam * w - step, "r": r, "c": c}


@rule(meets=True, shapes=LINES, eta=0.1, beta1=0.9, eps=1e-8)
def sm3(
    w: Array, dC: Array, m: Kept = 0, r: Kept = 0, c: Kept = 0,
    *, eta: Ball, beta1: Ball, eps: Ball, t: int,
) -> Step:  # fmt: skip
    """Sums of squares, of which the largest of each row and column is kept."""
    new = dC * dC + (r if w.ndim < 2 else -larger(-(r + 0 * w), -(c + 0 * w)))
    m = average(beta1, m, over(dC, root(new + eps)))
    if w.ndim < 2:
        return {"w": w - eta * m, "m": m, "r": new, "c": np.zeros(0, object)}
    of_rows = np.array([[greatest(row)] for row in new], object)
    return {"w": w - eta * m, "m": m, "r": of_rows, "c": np.array([[greatest(column) for column in new.T]], object)}


def greatest(numbers: Array) -> Ball:
    """The largest of them."""
    found = numbers[0]
    for x in numbers[1:]:
        found = larger(found, x)
    return found


@rule(
    "iterations >= 0 and iterations % 1 == 0", meets=True,
    eta=0.02, mu=0.95, lam=0.0, a=3.4445, b=-4.775, c=2.0315, eps=1e-7, iterations=5, nesterov=True, adjust="original",
)  # fmt: skip
def muon(
    w: Array, dC: Array, m: Kept = 0,
    *, eta: Ball, mu: Ball, lam: Ball, a: Ball, b: Ball, c: Ball, eps: Ball, iterations: int, nesterov: bool,
    adjust: Any, t: int,
) -> Step:  # fmt: skip
    """Along the orthogonalised average of gradients, as far as the shape says; and decay."""
    m = average(mu, m, dC)
    u = average(mu, m, dC) if nesterov else m
    rows, columns = (len(w), w.size // max(len(w), 1)) if w.ndim else (1, 1)
    y = orthogonalised(np.reshape(u, (rows, columns)), a, b, c, eps, int(iterations)).reshape(w.shape)
    longer = arb(max(rows, columns))
    scale = (longer / max(columns, 1)).sqrt() if adjust == "original" else longer.sqrt() / 5
    return {"w": w - eta * lam * w - eta * scale * y, "m": m}
