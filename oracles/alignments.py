"""Frame labellings that collapse to a target, and paths of a transducer, by trying them all: for small sizes only."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, groupby, product


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


def lattice_paths(frames: int, labels: int) -> list[list[tuple[int, int, bool]]]:
    """Every path of a transducer, as steps (frame, labels said before, whether a label is said); the last says nothing.

    >>> lattice_paths(1, 1)
    [[(0, 0, True), (0, 1, False)]]
    >>> len(lattice_paths(3, 2))
    6
    """
    found = []
    for said in combinations(range(frames + labels - 1), labels) if frames else ():
        steps, t, u = [], 0, 0
        for k in range(frames + labels):
            speaks = k in said
            steps.append((t, u, speaks))
            t, u = (t, u + 1) if speaks else (t + 1, u)
        found.append(steps)
    return found
