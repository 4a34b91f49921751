"""Windows over places, as convolutions and pooling read their sizes: for the oracles that write them out."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

Place = tuple[int, ...]


def each(given: Any, axes: int) -> list[Any]:
    """One entry for each of so many axes, from a number or a tuple.

    >>> each(2, 3), each((1, 2), 2)
    ([2, 2, 2], [1, 2])
    """
    entries = list(given) if isinstance(given, (tuple, list)) else [given]
    return entries * axes if len(entries) == 1 else entries


def ends(padding: Any, axes: int) -> list[tuple[int, int]]:
    """Padding before and after each axis.

    >>> ends((1, (2, 0)), 2)
    [(1, 1), (2, 0)]
    """
    return [(p[0], p[1]) if isinstance(p, (tuple, list)) else (p, p) for p in each(padding, axes)]


def counts(
    sizes: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any, dilation: Any = 1, ceil: bool = False
) -> tuple[int, ...]:
    """How many windows there are along each axis; with `ceil` the last may reach beyond, but begins before the end.

    >>> counts((5,), (2,), 2, 0), counts((5,), (2,), 2, 0, ceil=True)
    ((2,), (3,))
    """
    axes, found = len(sizes), []
    for n, k, s, d, (a, z) in zip(
        sizes, kernel, each(stride, axes), each(dilation, axes), ends(padding, axes), strict=True
    ):
        p = 1
        while p * s + d * (k - 1) < n + a + z or (ceil and p * s < n + a and p * s - s + d * (k - 1) + 1 < n + a + z):
            p += 1
        found.append(p)
    return tuple(found)


def places(
    window: Place, sizes: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any, dilation: Any = 1
) -> Iterator[tuple[Place, Place]]:
    """The taps of one window that have a place under them, and that place.

    >>> list(places((0,), (4,), (2,), 1, 1))
    [((1,), (0,))]
    """
    axes = len(sizes)
    s, d, pads = each(stride, axes), each(dilation, axes), ends(padding, axes)
    for tap in itertools.product(*map(range, kernel)):
        place = tuple(s[a] * window[a] + d[a] * tap[a] - pads[a][0] for a in range(axes))
        if all(0 <= place[a] < sizes[a] for a in range(axes)):
            yield tap, place


def counted(window: Place, sizes: Sequence[int], kernel: Sequence[int], stride: Any, padding: Any) -> int:
    """How many places and places of padding a window has, what lies beyond these left out."""
    axes, count = len(sizes), 1
    for p, n, k, s, (a, z) in zip(window, sizes, kernel, each(stride, axes), ends(padding, axes), strict=True):
        count *= sum(s * p + tap - a < n + z for tap in range(k))
    return count


def shares(size: int, windows: int) -> list[range]:
    """The places of each of so many windows that share an axis, neighbours overlapping where it does not divide.

    >>> shares(5, 2)
    [range(0, 3), range(2, 5)]
    """
    return [range(p * size // windows, -(-(p + 1) * size // windows)) for p in range(windows)]


def drawn(size: int, kernel: int, windows: int, sample: float) -> list[range]:
    """The places of each of so many windows of one length, which a sample in [0, 1) spreads over an axis.

    >>> drawn(7, 2, 3, 0.25)
    [range(0, 2), range(3, 5), range(5, 7)]
    """
    step, u = Fraction(size - kernel, max(windows - 1, 1)), Fraction(sample)
    starts = [math.floor((p + u) * step) - math.floor(u * step) for p in range(windows - 1)]
    return [range(start, start + kernel) for start in (*starts, size - kernel)]
