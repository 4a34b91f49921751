"""Windows over places: which place lies under which tap of which window.

Along each axis, window p has under tap k the place

    q = stride·p + dilation·k − padding

(all counted from 0), if there is one: what would lie outside does not enter. Over n places, with padding before and
after, a kernel of K taps has ⌊(n + before + after − dilation·(K − 1) − 1)/stride⌋ + 1 windows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from reference.lift import Array

Index = tuple[Any, ...]
Pair = tuple[int, int]


def each(name: str, given: Any, axes: int, least: int = 1, said: Any = None) -> list[int]:
    """A whole number for each of so many axes, from one number, one in a tuple, or one for each.

    Messages quote what was `said`, where the numbers are part of that.

    Raises ValueError for another count of them and for numbers below `least`, TypeError for what is no whole number.

    >>> each("stride", 2, 3), each("stride", (2, 1), 2)
    ([2, 2, 2], [2, 1])
    """
    said = given if said is None else said
    numbers = [*given] if isinstance(given, (tuple, list)) else [given]
    numbers = numbers * axes if len(numbers) == 1 else numbers
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)):
            raise TypeError(f"{name} = {said!r}; expected whole numbers")
    if len(numbers) != axes or any(number < least for number in numbers):
        raise ValueError(f"{name} = {said!r}; expected a whole number ≥ {least}, or one for each of {axes} axes")
    return [int(number) for number in numbers]


def reals(name: str, given: Any) -> Array:
    """Numbers that need not be whole, from one number or several in a tuple, a list or an array.  -> (axes,).

    Raises ValueError where there are none, TypeError for what is no number, bools and text among it.

    >>> reals("samples", 0.5), reals("samples", (0.5, 0))
    (array([0.5]), array([0.5, 0. ]))
    """
    entries = [*given] if isinstance(given, (tuple, list)) or np.ndim(given) == 1 else [given]
    for entry in entries:
        if isinstance(entry, (tuple, list)) or np.ndim(entry) or np.asarray(entry).dtype.kind not in "fiu":
            raise TypeError(f"{name} = {given!r}; expected numbers, one or one for each axis")
    if not entries:
        raise ValueError(f"{name} = {given!r}; expected a number, or one for each axis")
    return np.array(entries, np.float64)


def both_ends(name: str, given: Any, axes: int) -> list[Pair]:
    """Padding before and after each axis, from numbers as in `each`, any of which may be a pair.

    >>> both_ends("padding", 1, 2), both_ends("padding", ((2, 0),), 1)
    ([(1, 1), (1, 1)], [(2, 0)])
    """
    entries = [*given] if isinstance(given, (tuple, list)) else [given]
    pairs = [entry if isinstance(entry, (tuple, list)) else (entry, entry) for entry in entries]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"{name} = {given!r}; expected a whole number or a pair of them for each of {axes} axes")
    before, after = (each(name, [pair[end] for pair in pairs], axes, 0, given) for end in (0, 1))
    return list(zip(before, after, strict=True))


def shape_of(sizes: Sequence[int]) -> str:
    """Sizes for a message: 3×4."""
    return "×".join(map(str, sizes))


def held(said: str, sizes: Sequence[int]) -> None:
    """Raise ValueError where no array can have so many entries."""
    if math.prod(sizes) > np.iinfo(np.intp).max // 8:
        raise ValueError(f"{said} asks for {shape_of(sizes)} numbers, more than an array can hold")


class Grid(NamedTuple):
    """Windows over places; one entry an axis."""

    places: tuple[int, ...]
    windows: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: Sequence[int]
    dilation: Sequence[int]
    before: Sequence[int]  # padding
    after: Sequence[int]

    def taps(self) -> Iterator[tuple[Index, Index, Index]]:
        """Every tap k, the windows p that have a place under it, and these places q, as indices of the last axes."""
        sides = zip(*self, strict=True)
        for taps in product(*(self._along(*axis) for axis in sides)):
            k, p, q = zip(*taps, strict=True)
            yield (..., *k), (..., *p), (..., *q)

    @staticmethod
    def _along(
        places: int, windows: int, kernel: int, stride: int, dilation: int, before: int, after: int
    ) -> Iterator[tuple[int, slice, slice]]:
        earliest = max(0, -((stride * (windows - 1) - before) // dilation))  # under which any window has a place
        for k in range(earliest, min(kernel, (places - 1 + before) // dilation + 1)):
            offset = dilation * k - before
            first = max(0, -(offset // stride))  # the least p with q ≥ 0
            end = min(windows, (places - 1 - offset) // stride + 1)
            if first < end:
                q = stride * first + offset
                yield k, slice(first, end), slice(q, stride * (end - 1) + offset + 1, stride)


def over(
    places: Sequence[int],
    kernel: Sequence[int],
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool = False,
) -> Grid:
    """As many windows as fit into places and padding; with `ceil` one more that reaches beyond but begins inside.

    Raises ValueError where none fits, and as `each`.
    """
    axes = len(places)
    steps, gaps, ends = (
        each("stride", stride, axes),
        each("dilation", dilation, axes),
        both_ends("padding", padding, axes),
    )
    windows = []
    for size, k, s, d, (before, after) in zip(places, kernel, steps, gaps, ends, strict=True):
        room = size + before + after - d * (k - 1) - 1
        if room < 0 or size == 0:
            raise ValueError(
                f"a kernel of {shape_of(kernel)} with dilation {shape_of(gaps)} does not fit"
                f" {shape_of(places)} places with padding {padding!r}: it needs {d * (k - 1) + 1} along an axis of"
                f" {size + before + after}"
            )
        count = -(-room // s) if ceil else room // s
        windows.append(count if ceil and count * s >= size + before else count + 1)
    held(f"padding = {padding!r}", windows)
    steps = [
        min(s, size + sum(end)) for s, size, end in zip(steps, places, ends, strict=True)
    ]  # of two windows or more
    return Grid(tuple(places), tuple(windows), tuple(kernel), steps, gaps, *zip(*ends, strict=True))
