"""Interpolation as a sum over all whole numbers, by its kernel: for the oracles that write it out."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

Weights = dict[int, Fraction]  # by place
HALF = Fraction(1, 2)


def hat(s: Fraction) -> Fraction:
    """The triangle of linear interpolation."""
    return max(Fraction(0), 1 - abs(s))


def keys(s: Fraction) -> Fraction:
    """The cubic kernel of Keys with a = −3/4."""
    s, a = abs(s), Fraction(-3, 4)
    if s < 1:
        return (a + 2) * s**3 - (a + 3) * s**2 + 1
    return a * (s**3 - 5 * s**2 + 8 * s - 4) if s < 2 else Fraction(0)


KERNELS: dict[str, tuple[Callable[[Fraction], Fraction], int]] = {"linear": (hat, 1), "cubic": (keys, 2)}


def resized(n: int, entries: int, factor: float | None, mode: str, aligned: bool) -> list[Weights]:
    """What every entry takes of n places.

    >>> [{q: str(w) for q, w in entry.items()} for entry in resized(2, 3, None, "linear", False)]
    [{0: '1'}, {0: '1/2', 1: '1/2'}, {1: '1'}]
    """
    scale = Fraction(factor) if factor is not None else Fraction(entries, n)
    rows: list[Weights] = []
    for p in range(entries):
        row: Weights = {}
        if mode in KERNELS:
            kernel, reach = KERNELS[mode]
            corner = Fraction(n - 1, entries - 1) if entries > 1 else Fraction(0)
            t = corner * p if aligned else (p + HALF) / scale - HALF
            for j in range(math.floor(t) - reach, math.ceil(t) + reach + 1):
                place = min(max(j, 0), n - 1)
                row[place] = row.get(place, Fraction(0)) + kernel(t - j)
        else:
            row[min(math.floor((p + (HALF if mode == "nearest-exact" else 0)) / scale), n - 1)] = Fraction(1)
        rows.append({q: w for q, w in row.items() if w})
    return rows


def of_axes(
    places: tuple[int, ...], size: Any, scale_factor: Any, mode: str, align_corners: bool
) -> list[tuple[int, list[Weights]]]:
    """For each of the last axes of an array its number, counted from the end, and what every entry takes along it."""
    given = size if size is not None else 2.0 if scale_factor is None else scale_factor
    asked = list(given) if isinstance(given, (tuple, list)) else [given]
    found = []
    for axis, a in enumerate(asked, -len(asked)):
        n, factor = places[axis], None if size is not None else float(a)
        entries = int(a) if factor is None else math.floor(n * factor)  # a product of floats, rounded, as in PyTorch
        found.append((axis, resized(n, entries, factor, mode, align_corners)))
    return found
