"""What is a matter of memory: inputs are left alone, results stay, layouts do not matter, and again is the same.

Beside it the words in which laws are written: a law, a call, whether numbers are near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from reference.formula import Array

Call = Callable[[Mapping[str, Any], Mapping[str, Any]], Answer]  # arguments by the subject's names, cotangents
Near = Callable[[str, Array, Array], bool]  # the name of an argument, and two gradients by it
TIMES = 10


@dataclass(frozen=True)
class Law:
    """What was asked, whether it holds, and where it does not."""

    name: str
    holds: bool | None
    message: str = ""


def untouched(call: Call, given: Mapping[str, Any], v: Mapping[str, Any]) -> Iterator[Law]:
    """Inputs and cotangents are as they were, and what was returned before stays as it was."""
    copies = {name: copied(x) for name, x in given.items()}
    seeds = {name: copied(x) for name, x in v.items()}
    kept = call(copies, seeds)
    before = {name: np.array(g) for name, g in kept.gradients.items()}
    changed = [name for name, x in copies.items() if not equal(x, given[name])]
    changed += [f"the cotangent of {name}" for name, x in seeds.items() if not equal(x, v[name])]
    yield Law("inputs are not overwritten", not changed, f"{', '.join(changed)} changed" if changed else "")
    call({n: copied(x) for n, x in given.items()}, {n: np.asarray(-x) for n, x in seeds.items()})
    lost = [name for name, g in kept.gradients.items() if not equal(g, before[name])]
    yield Law("earlier results stay", not lost, f"∂/∂{lost[0]} of one call was changed by the next" if lost else "")
    shared = [
        f"∂/∂{name} shares its memory with {other}"
        for name, g in kept.gradients.items()
        for other, x in {**copies, **seeds}.items()
        if np.may_share_memory(np.asarray(g), np.asarray(x))
    ]
    yield Law("results are arrays of their own", not shared, shared[0] if shared else "")


def same_again(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], first: Answer) -> Law:
    """Asked often, to the last bit."""
    for k in range(TIMES):
        again = call(given, v).quantities
        for quantity, y in first.quantities.items():
            if not equal(again.get(quantity), y):
                return Law("the same again", False, f"{quantity} differs in call {k + 2}")
    return Law("the same again", True)


def layouts(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], first: Answer, near: Near) -> Iterator[Law]:
    """The same numbers in other memory: every second of an array, reversed, Fortran's order; an expanded cotangent."""
    arrangements: dict[str, Callable[[Array], Array]] = {
        "every second entry of an array": lambda x: np.repeat(x, 2, -1)[..., ::2],
        "negative strides": lambda x: np.flip(np.flip(x).copy()),
        "Fortran's order": lambda x: np.asfortranarray(x) if x.ndim else x,  # which makes one axis of none
        "arrays that are read-only": frozen,
    }
    for what, arrange in arrangements.items():
        moved = {n: arrange(x) if isinstance(x, np.ndarray) and x.ndim else x for n, x in given.items()}
        seeds = {n: arrange(x) if np.ndim(x) else x for n, x in v.items()}
        off = differing(call(moved, seeds), first, near)
        yield Law("memory layout does not matter", not off, f"{off} with {what}" if off else "")
    ones = {n: np.asarray(np.broadcast_to(np.asarray(1, x.dtype), np.shape(x))) for n, x in v.items()}
    off = differing(call(given, ones), call(given, {n: np.array(x) for n, x in ones.items()}), near)
    yield Law("memory layout does not matter", not off, f"{off} for an expanded cotangent (stride 0)" if off else "")
    yield expanded(call, given, v, near)


def expanded(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], near: Near) -> Law:
    """The first row of every array again and again, without a copy: strides of 0."""
    law = "memory layout does not matter"
    rows = {n: np.broadcast_to(x[:1], x.shape) for n, x in given.items() if np.ndim(x) > 1 and len(x)}
    try:
        expected = call({n: np.array(rows[n]) if n in rows else x for n, x in given.items()}, v)
    except Exception:  # equal rows may be none that it takes
        return Law(law, None)
    off = differing(call({**given, **rows}, v), expected, near)
    return Law(law, not off, f"{off} for expanded arrays (stride 0)" if off else "")


def frozen(x: Array) -> Array:
    """A copy that cannot be written to."""
    y = np.array(x)
    y.setflags(write=False)
    return y


def differing(got: Answer, expected: Answer, near: Near) -> str:
    """The first gradient that differs by more than rounding."""
    for name, g in expected.gradients.items():
        if name not in got.gradients or not near(name, np.asarray(got.gradients[name]), np.asarray(g)):
            return f"∂/∂{name} is another one"
    return ""


def copied(x: Any) -> Any:
    """An array of its own; anything else as it is."""
    return np.array(x) if isinstance(x, np.ndarray) else x


def equal(one: Any, other: Any) -> bool:
    """The same numbers; NaN is NaN, and what is no array is itself."""
    if not isinstance(other, np.ndarray) and not np.isscalar(other) and not hasattr(other, "dtype"):
        return bool(one is other or one == other)
    p, q = (np.asarray(x) for x in (one, other))
    return p.shape == q.shape and bool(((p == q) | ((p != p) & (q != q))).all())
