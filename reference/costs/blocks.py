"""A body by blocks of examples: its temporaries stay in the cache, and are never as large as the batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from reference.lift import Array

BLOCK = 1 << 14  # entries of the first argument at once


class Own(dict[str, Any]):
    """Slopes in arrays to which nothing else refers: what becomes of them may be written there."""


def factors_of(x: Any) -> tuple[Any, ...]:
    """Terms or slopes as factors, worked out if they are a function of nothing."""
    x = x() if callable(x) else x
    return x if isinstance(x, tuple) else (x,)


def in_blocks(
    body: Callable[..., tuple[Any, ...]], arrays: Mapping[str, Array], each: Sequence[str], wanted: Sequence[str]
) -> tuple[Any, ...]:
    """Terms of all examples, which lie along the first axis of the arrays of `each`, and the slopes that are wanted.

    What the terms count in each class is summed. The body is asked for all at once where there are few,
    where a block raises ValueError, so that the message counts from the first example, and where blocks have not
    equally many factors.
    """
    n, size = len(arrays[each[0]]), arrays[each[0]].size
    if size <= BLOCK or n == 1 or any(arrays[name].shape[:1] != (n,) for name in each):
        return body(**arrays)
    found: dict[str, tuple[Array, ...]] = {}
    counted: list[Array] = []
    step = max(1, BLOCK * n // size)
    try:
        for here in (slice(k, k + step) for k in range(0, n, step)):
            terms, slopes, *counts = body(**{**arrays, **{name: arrays[name][here] for name in each}})
            of_block = [c.reshape(-1, c.shape[-1]).sum(0, keepdims=True) for c in counts]
            counted = [np.add(*pair) for pair in zip(counted, of_block, strict=True)] if counted else of_block
            parts = {"terms": terms, **{f"by {name}": slopes[name] for name in wanted if name in slopes}}
            for name, part in parts.items():
                factors = factors_of(part)
                if name not in found:
                    found[name] = tuple(_room(n, factor, factors[0].ndim) for factor in factors)
                for whole, factor in zip(found[name], factors, strict=True):
                    whole[here] = factor
    except ValueError:
        return body(**arrays)
    terms = found.pop("terms")
    return terms, Own({name[3:]: factors for name, factors in found.items()}), *counted


def _room(n: int, factor: Any, axes: int) -> Array:
    """An array for what this factor is in n examples, of so many axes, along which it may be one number."""
    return np.empty((n, *np.broadcast_shapes(np.shape(factor), (1,) * axes)[1:]))
