"""Optimizer steps that keep less than a number an entry: rows and columns of second moments.

How they are read: `reference.updates.optimizers`. Rows have the index i, columns j; the derivative is the pullback of a
cotangent v of the new parameter. What is no matrix keeps its moment entry by entry in r, and c is empty.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED
from reference.updates.steps import Shape, each_parameter, exactly, hypot, larger, over_root, rms, smaller


def rows(shape: Shape) -> Shape:
    """A number a row; of what is no matrix, one an entry."""
    return (*shape[:-1], 1) if len(shape) > 1 else shape


def columns(shape: Shape) -> Shape:
    """A number a column; none of what is no matrix."""
    return (*shape[:-2], 1, shape[-1]) if len(shape) > 1 else (0,)


LINES = {"r": rows, "c": columns}
NEW = "t**(-decay)"  # the share of the new squares
ROW = f"((1 - {NEW})*r[{{0}}] + {NEW}*(Sum(dC[{{0}}, k]**2, (k, 1, d))/d + eps))"
COLUMN = f"((1 - {NEW})*c[{{0}}] + {NEW}*(Sum(dC[l, {{0}}]**2, (l, 1, n))/n + eps))"
MEAN = f"(Sum({ROW.format('q')}, (q, 1, n))/n)"


def _scaled(i: str, j: str) -> str:
    """What the gradient is multiplied by at an entry, as printed."""
    return f"sqrt({MEAN}/({ROW.format(i)}*{COLUMN.format(j)}))"


def _over_all(term: str, i: str = "y", j: str = "z") -> str:
    return f"Sum({term}, ({i}, 1, n), ({j}, 1, d))"


U = f"dC[i, j]*{_scaled('i', 'j')}"
U_YZ = f"dC[y, z]*{_scaled('y', 'z')}"
UU = _over_all(f"({U_YZ})**2")
UV = _over_all(f"{U_YZ}*v[y, z]")
SIZE = f"sqrt({UU}/(n*d))"
LEAST = f"Min(eta, 1/sqrt(t))*Max(least, sqrt({_over_all('w[y, z]**2')}/(n*d)))"


def _back(i: str, j: str) -> str:
    """The cotangent of an entry of U, before the rate; UV and UU are sums of their own."""
    u = f"dC[{i}, {j}]*{_scaled(i, j)}"
    return f"Piecewise((v[{i}, {j}], {SIZE} <= clip), (clip*(v[{i}, {j}] - {u}*{UV}/{UU})/{SIZE}, True))"


def _work(i: str, j: str) -> str:
    return f"{_back(i, j)}*dC[{i}, {j}]*{_scaled(i, j)}"


@formula(
    "update/adafactor",
    statement=f"(1 - eta*lam)*w[i, j] - {LEAST}*{U}/Max(1, {SIZE}/clip)",
    derivative=f"-{LEAST}*({_back('i', 'j')}*{_scaled('i', 'j')}"
    f" + {NEW}*dC[i, j]*({_over_all(_work('a', 'b'), 'a', 'b')}/(n*d*{MEAN})"
    f" - Sum({_work('i', 'b')}, (b, 1, d))/(d*{ROW.format('i')})"
    f" - Sum({_work('a', 'j')}, (a, 1, n))/(n*{COLUMN.format('j')})))",
    arguments=("dC[i, j]", "w[i, j]", "r[i]", "c[j]", "t"),
    assumptions=(
        "rows and columns are the last two axes, as in torch.optim; Optax factors the two longest, from 128 on",
        "ε is added to the squares, as the paper and Optax; torch.optim takes it as the least of what it divides by",
        "η is the largest relative step; later it is 1/√t, as the paper and torch.optim",
        "decay is multiplied by η; there is no momentum",
    ),
    sources=("shazeer-stern-2018", "pytorch-adafactor", "optax-adafactor"),
)
@each_parameter("r", "c", shapes=LINES)
def adafactor(
    w: Array, g: Array, t: int, r: Array, c: Array,
    *, eta: float = 0.01, decay: float = 0.8, eps: float = 1e-30, least: float = 1e-3, clip: float = 1.0,
    lam: float = 0.0,
) -> Any:  # fmt: skip
    """Adafactor: Adam's denominator from the means r, c of g² + ε over rows and columns: v̂ᵢⱼ = rᵢcⱼ/r̄.

    r ← (1 − b)r + b·mean(g² + ε) with b = t^(−decay), and c alike; u = g/√v̂, w ← (1 − ηλ)w − αu/max(1, RMS(u)/d),
    α = min(η, 1/√t)·max(ε₂, RMS(w)). The clipping has the Jacobian (I − ûûᵀ)d/RMS(u) where it acts, and u answers to g
    directly, and through the mean of its row, of its column, and of all.
    """
    new, kept = exactly(lambda decay, t: (t ** (-1 * decay), 1 - t ** (-1 * decay)), decay, t)
    n = w.shape[-2] if len(w.shape) > 1 else 1
    d = w.shape[-1] if len(w.shape) else 1
    entries = max(1, int(np.prod(w.shape)))
    if len(w.shape) < 2:
        old, r = r, kept * r + new * (g * g + eps)
        u = over_root(g, r, (kept, old, new, g), 0.0, inside=new * eps)
    else:
        row, column = rms(g, d, -1), rms(g, n, -2)
        by_row, by_column = (
            hypot(kept**0.5 * np.sqrt(x), new**0.5 * hypot(y, eps**0.5)) for x, y in ((r, row), (c, column))
        )
        u = g / by_row * rms(by_row, n, -2) / by_column
        r, c = (kept * x + new * (y * y + eps) for x, y in ((r, row), (c, column)))
    rate = 1 / t**0.5 if eta * t**0.5 > 1 else eta
    rate = rate * larger(rms(w, entries), least)
    return (1 - eta * lam) * w - rate * (u / larger(rms(u, entries) / clip, 1.0)), r, c


SQUARE = "(dC[i, j]**2 + Min(r[i], c[j]))"


@formula(
    "update/sm3",
    statement=f"w[i, j] - eta*(beta1*m[i, j] + (1 - beta1)*dC[i, j]/sqrt({SQUARE} + eps))",
    derivative=f"-eta*(1 - beta1)*v[i, j]*(Min(r[i], c[j]) + eps)/({SQUARE} + eps)**(3/2)",
    arguments=("dC[i, j]", "w[i, j]", "m[i, j]", "r[i]", "c[j]"),
    assumptions=(
        "the cover of a matrix is its rows and columns; SM3-II of the paper",
        "ε is added inside the root, as Optax; the paper has none",
        "m, r and c start at 0",
        COUPLED,
    ),
    sources=("anil-2019", "optax-sm3"),
    unanswered={"torch": "torch.optim has none"},
)
@each_parameter("m", "r", "c", shapes=LINES)
def sm3(
    w: Array, g: Array, t: int, m: Array, r: Array, c: Array,
    *, eta: float = 0.1, beta1: float = 0.9, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """SM3: Adagrad with sums ν = g² + min(rᵢ, cⱼ), of which the largest of each row and column is kept.

    m ← βm + (1 − β)g/√(ν + ε), w ← w − ηm; r ← maxⱼ ν, c ← maxᵢ ν. With s = min(rᵢ, cⱼ), which does not know g,
    g/√(g² + s + ε) has the derivative (s + ε)/(g² + s + ε)^(3/2). Raises ValueError for more than two axes.
    """
    if len(w.shape) > 2:
        raise ValueError(
            f"sm3: a parameter of shape {w.shape}; reshape it to a matrix, whose rows and columns are kept"
        )
    least = smaller(r, c) + 0 * w if len(w.shape) > 1 else r
    new = g * g + least
    m = beta1 * m + (1 - beta1) * over_root(g, new + eps, (1.0, least, 1.0, g), 0.0, inside=eps)
    if len(w.shape) < 2:
        return w - eta * m, m, new, c
    return w - eta * m, m, new.max(1, keepdims=True, initial=0), new.max(0, keepdims=True, initial=0)
