"""The frame labellings that collapse to a target, by trying them all: for a few frames and symbols only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, product


def collapsed(path: Sequence[int], blank: int) -> list[int]:
    """What is left of a path when repeats are merged and blanks are then dropped.

    >>> collapsed([1, 1, 0, 1, 2, 2, 0], blank=0)
    [1, 1, 2]
    """
    return [symbol for symbol, _ in groupby(path) if symbol != blank]


def alignments(target: Sequence[int], frames: int, symbols: int, blank: int) -> list[tuple[int, ...]]:
    """Every path through `frames` frames of 0 … symbols − 1 that collapses to the target.

    Raises ValueError where there is none.

    >>> alignments([1], frames=2, symbols=2, blank=0)
    [(0, 1), (1, 0), (1, 1)]
    """
    target = [int(label) for label in target]
    found = [path for path in product(range(symbols), repeat=frames) if collapsed(path, blank) == target]
    if not found:
        raise ValueError(f"no path of {frames} frames collapses to {target}")
    return found
