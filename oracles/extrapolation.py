"""The gradient of any function of arrays by evaluating it: complex step where it is analytic, else Ridders' method.

Ridders (1982): central differences at h, h/2, h/4, … extrapolated to h → 0 by Neville's scheme; the smallest change in
the last column is the estimated error. Nothing is known of the function, so an error estimate goes with every entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from oracles.calls import Array, cotangents, floating

STEP = 2.0**-200  # of a complex step: nothing is subtracted, so it may be this small
LEVELS = 8  # of h, each half the one before
FIRST = 2.0**-4  # h beside numbers of size 1
SAFETY = 4.0  # on the estimated error
CONFIRMS = 2.0**-10  # of a complex step: differences whose error is less confirm it

Pulled = tuple[dict[str, Array], dict[str, Array], dict[str, Array]]


def pullback_of(
    function: Callable[..., Any], arguments: Mapping[str, Any], cotangent: Mapping[str, Any],
    outputs: Sequence[str] = ("value",), among: Mapping[str, Array] | None = None, **options: Any,
) -> Pulled:  # fmt: skip
    """Outputs, gradients of ⟨cotangent, outputs⟩ by every floating array, and the error of each entry, all in float64.

    `function` takes the arrays in the order of `arguments` and returns an array, a tuple in the order of `outputs`, or
    a mapping. It is evaluated 2·LEVELS times an entry, and once in complex numbers. `among` are the flat indices of the
    entries that are wanted, by argument; the others are NaN.
    """
    given = {name: np.asarray(x) for name, x in arguments.items()}
    by = [name for name, x in given.items() if floating(x)]
    given = {name: x.astype(np.float64) if name in by else x for name, x in given.items()}

    def evaluate(name: str, x: Array) -> dict[str, Array]:
        found = function(*{**given, name: x}.values(), **options)
        named = found if isinstance(found, Mapping) else dict(
            zip(outputs, found if isinstance(found, tuple) else (found,), strict=True))  # fmt: skip
        return {key: np.asarray(named[key]) for key in outputs}

    values = evaluate(by[0], given[by[0]])
    v = {key: np.asarray(x, np.float64) for key, x in cotangents(dict(cotangent) or None, values).items()}

    size = [0.0]  # of the numbers that move, whose roundoff differences have

    def paired(name: str, x: Array) -> Any:
        # Less what they are at the middle: outputs that do not move must not hide in their roundoff those that do.
        total: Any = 0.0
        found = {key: y - values[key] for key, y in evaluate(name, x).items()}
        elsewhere = not np.array_equal(x, given[name])
        still = elsewhere and not any(moved.any() for moved in found.values())  # a sum in which a small term is lost
        for key, moved in found.items():
            sizes = np.abs(v[key] * values[key])
            size[0] = max(size[0], float(np.max(sizes, initial=0.0) if still else sizes[moved != 0].sum()))
            total = total + (v[key] * moved).sum()
        return total

    gradients, errors = {}, {}
    for name in by:
        wanted = np.arange(given[name].size) if among is None else among[name]
        loss = lambda x, name=name: paired(name, x)  # noqa: E731
        gradients[name], errors[name] = _by(loss, given[name], wanted, size)
    return values, gradients, errors


def _by(loss: Callable[[Array], Any], x: Array, wanted: Array, size: list[float]) -> tuple[Array, Array]:
    """The gradient of a number by the entries of x that are wanted, and the error of each."""
    slopes, errors = np.full(x.shape, np.nan), np.zeros(x.shape)
    for k in wanted:
        i, size[0] = tuple(int(j) for j in np.unravel_index(k, x.shape)), 0.0
        slopes[i], errors[i] = ridders(lambda t, i=i: loss(_with(x, i, t)), float(x[i]), size)  # type: ignore[misc]
        analytic = _complex_step(lambda t, i=i: loss(_with(x, i, t)), float(x[i]))  # type: ignore[misc]
        # Only where differences confirm it: what drops the imaginary part, as abs and comparisons do, is not analytic.
        if analytic is None or not abs(analytic - slopes[i]) <= errors[i] + 1e-7 * abs(analytic):
            continue
        if errors[i] <= CONFIRMS * abs(analytic):  # of 0 both may know nothing: the imaginary part may be dropped
            slopes[i], errors[i] = analytic, 0.0
    return slopes, errors


def _with(x: Array, i: tuple[int, ...], t: Any) -> Array:
    moved = x.astype(type(t)) if isinstance(t, complex) else x.copy()
    moved[i] = t
    return moved


def _complex_step(f: Callable[[Any], Any], t: float) -> float | None:
    try:
        found = np.imag(f(complex(t, STEP))) / STEP
    except Exception:  # whatever a function of real numbers makes of complex ones
        return None
    return float(found) if np.isfinite(found) else None


def ridders(f: Callable[[float], Any], t: float, size: Sequence[float] = (0.0,)) -> tuple[float, float]:
    """The derivative of f at t and an estimate of its error; NaN and inf beside a kink.

    `size` holds how large the numbers are that f has subtracted from one another, which says how f is rounded.

    >>> slope, error = ridders(lambda t: t**3, 2.0)
    >>> abs(slope - 12) <= error < 1e-8
    True
    """
    best, error = _extrapolated(f, t, FIRST * max(1.0, abs(t)), size)
    if np.isnan(best):  # a kink close by, perhaps at 0: stay on this side of it; or waves shorter than h
        best, error = _extrapolated(f, t, FIRST / 8 * min(abs(t) or 1.0, 1.0), size)
    return best, error


def _extrapolated(f: Callable[[float], Any], t: float, h: float, size: Sequence[float]) -> tuple[float, float]:
    """Ridders' scheme from the step h on; NaN where the slopes on the two sides do not approach each other."""
    here, best, least = float(f(t)), np.nan, np.inf
    scale = abs(here)
    row: list[float] = []
    torn: list[float] = []
    for level in range(LEVELS):
        above, below = float(f(t + h)), float(f(t - h))
        scale = max(scale, abs(above), abs(below), size[0])
        noise = 2.0**-52 * scale / h
        torn.append(abs((above - here) - (here - below)) / h)  # h·f″ where f is smooth, so a quarter two levels on
        new = [(above - below) / ((t + h) - (t - h))]
        if level > 1 and torn[-1] > max(torn[:-2]) / 2 and torn[-1] > 2.0**-10 * abs(new[0]) + 4 * noise:
            return np.nan, np.inf
        for k, old in enumerate(row):
            new.append(new[k] + (new[k] - old) / (4.0 ** (k + 1) - 1))
            change = max(abs(new[k + 1] - new[k]), abs(new[k + 1] - old)) + noise
            if change < least:
                best, least = new[k + 1], change
        row, h = new, h / 2
    return best, SAFETY * least
