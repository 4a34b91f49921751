"""Where an array is wrong: in a branch, at an index, at ties. A place must hold all that is wrong and little else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from gradproof.yours.hypotheses import Seen, elementwise
from reference.formula import Array

MOSTLY, NEARLY = 0.8, 0.98  # of a place must be wrong; the latter where another bound would do too
Place = tuple[str, list[Array]]  # in words, and as a mask for each case


def places(seen: Sequence[Seen]) -> Iterator[Place]:
    """The places that are all wrong while all else is right, the simplest first."""
    off = [_off(s) for s in seen]
    if not any(m.any() for m in off) or not any(
        (~m & ~np.isnan(s.truth)).any() for m, s in zip(off, seen, strict=True)
    ):
        return
    yield from _in_others(seen, off)
    if not elementwise(seen[0]):
        yield from _at_an_index(seen, off)
        yield from _in_halves(seen, off)
        yield from _in_blocks(seen, off)
    for name, values in _variables(seen):
        yield from _in_a_branch(name, values, off, _unknown(seen, off))
    yield from _ties(seen, off)


def _off(s: Seen) -> Array:
    """The entries that are off, each beside itself."""
    size = np.abs(s.truth) + 1e-6 * np.nanmax(np.where(np.isfinite(s.truth), np.abs(s.truth), 0), initial=0)
    return ~np.isnan(s.truth) & ~(np.abs(s.got - s.truth) <= 4 * s.near() * size) & (s.got != s.truth)


def _unknown(seen: Sequence[Seen], off: Sequence[Array]) -> list[Array]:
    """The entries that say nothing: without a truth, or right because they all but vanish."""
    small = [np.abs(s.truth) <= 1e-3 * np.nanmax(np.abs(s.truth), initial=0) for s in seen]
    return [np.isnan(s.truth) | (tiny & ~wrong) for s, tiny, wrong in zip(seen, small, off, strict=True)]


def _covers(off: Sequence[Array], place: Sequence[Array], unknown: Sequence[Array], mostly: float = MOSTLY) -> bool:
    """Whether all that is wrong lies in a place, most of which is wrong."""
    wrong, inside = (np.concatenate([np.ravel(m) for m in masks]) for masks in (off, place))
    known = ~np.concatenate([np.ravel(m) for m in unknown])
    inside &= known
    return bool(inside.any() and not (wrong & ~inside).any() and wrong[inside].mean() >= mostly)


def _at_an_index(seen: Sequence[Seen], off: Sequence[Array]) -> Iterator[Place]:
    shape = seen[0].got.shape
    if any(s.got.shape != shape for s in seen) or not shape:
        return
    unknown = _unknown(seen, off)
    index = np.indices(shape)
    together = np.logical_or.reduce(off)
    if together.sum() == 1 and together.size > len(together):  # of a vector, the first and last say more
        (where,) = np.argwhere(together).tolist()
        yield f"in the entry {where}", [together] * len(seen)
    for axis, n in enumerate(shape):
        along = "" if len(shape) == 1 else f" of axis {axis}"
        for k, words in ((0, "at the first index"), (n - 1, "at the last index")):
            mask = [index[axis] == k] * len(seen)
            if n > 1 and _covers(off, mask, unknown):
                yield f"{words}{along}", mask
            if n > 2 and _covers(off, [~m for m in mask], unknown):
                yield f"but {words}{along}, which is right", [~m for m in mask]
    if together.sum() == 1:
        (where,) = np.argwhere(together).tolist()
        yield f"in the entry {where}", [together] * len(seen)
    for axis, n in enumerate(shape if len(shape) > 1 else ()):
        for k in range(1, n - 1):
            mask = [index[axis] == k] * len(seen)
            if _covers(off, mask, unknown):
                yield f"at the index {k} of axis {axis}", mask


def _in_halves(seen: Sequence[Seen], off: Sequence[Array]) -> Iterator[Place]:
    """In a half of the last axis, as gates have."""
    if any(s.got.ndim == 0 or s.got.shape[-1] % 2 for s in seen):
        return
    second = [np.broadcast_to(np.arange(s.got.shape[-1]) >= s.got.shape[-1] // 2, s.got.shape) for s in seen]
    for words, masks in (("first", [~m for m in second]), ("second", second)):
        if _covers(off, masks, _unknown(seen, off)):
            yield f"in the {words} half of the last axis", masks


def _in_blocks(seen: Sequence[Seen], off: Sequence[Array]) -> Iterator[Place]:
    """In one of two, three or four equal blocks along an axis, as the gates of a cell are stacked."""
    unknown, sizes = _unknown(seen, off), {s.got.shape for s in seen}
    for axis, blocks in itertools.product(range(min(s.got.ndim for s in seen)), (2, 3, 4)):
        if any(s.got.shape[axis] % blocks or s.got.shape[axis] <= blocks for s in seen):
            continue
        for k in range(blocks):
            mask = [np.indices(s.got.shape)[axis] // (s.got.shape[axis] // blocks) == k for s in seen]
            if _covers(off, mask, unknown):
                n = seen[0].got.shape[axis] // blocks
                what = "entries" if seen[0].got.ndim == 1 else "rows" if axis == 0 else f"indices of axis {axis}"
                where = f"{what} {k * n}..{(k + 1) * n - 1}" if len(sizes) == 1 else what
                yield f"in {where} (block {k + 1} of {blocks})", mask


def _variables(seen: Sequence[Seen]) -> Iterator[tuple[str, list[Array]]]:
    """What a branch may depend on: an argument, a difference or a product of two, of the shape of the gradient."""
    if any(s.x.shape != s.got.shape for s in seen):
        return
    name = seen[0].argument or next(iter(seen[0].case.arguments))
    yield ("x" if elementwise(seen[0]) else name), [s.x for s in seen]
    for other in seen[0].others():
        if all(s.others().get(other, np.zeros(())).shape == s.got.shape for s in seen):
            yield other, [s.others()[other] for s in seen]
            yield f"{name} − {other}", [s.x - s.others()[other] for s in seen]
            yield f"{other}·{name}", [s.x * s.others()[other] for s in seen]


def _in_a_branch(name: str, values: Sequence[Array], off: Sequence[Array], unknown: Sequence[Array]) -> Iterator[Place]:
    for sign, words in ((1, ">"), (-1, "<")):
        mask = [sign * x > 0 for x in values]
        if _covers(off, mask, unknown, NEARLY):
            yield f"where {name} {words} 0", mask
    if _covers(off, [x == 0 for x in values], unknown):
        yield f"where {name} = 0", [x == 0 for x in values]
    for what, signed in ((name, 1), (f"|{name}|", 0)):
        numbers = [x if signed else np.abs(x) for x in values]
        everything, wrong = np.concatenate([np.ravel(x) for x in numbers]), np.concatenate([np.ravel(m) for m in off])
        known = ~np.concatenate([np.ravel(m) for m in unknown])
        fine = everything[~wrong & known]
        bad = everything[wrong]
        if not fine.size:
            return
        for words, edge, beside in ((">", bad.min(), fine[fine < bad.min()].max(initial=-np.inf)),
                                    ("<", bad.max(), fine[fine > bad.max()].min(initial=np.inf))):  # fmt: skip
            mask = [x >= edge if words == ">" else x <= edge for x in numbers]
            if np.isfinite(beside) and _covers(off, mask, unknown):
                yield f"where {what} {words} {_between(float(beside), float(edge)):.4g}", mask


def _between(p: float, q: float) -> float:
    """The roundest number between two."""
    low, high = min(p, q), max(p, q)
    for digits in range(-2, 17):
        for x in (round(low, digits), round(high, digits), round((low + high) / 2, digits)):
            if low <= x <= high:
                return x
    return (low + high) / 2


def _ties(seen: Sequence[Seen], off: Sequence[Array]) -> Iterator[Place]:
    if any(s.x.shape != s.got.shape or not s.x.ndim for s in seen):
        return
    mask = [(np.sum(s.x[..., :, None] == s.x[..., None, :], -1) > 1) for s in seen] if seen[0].x.shape[-1] < 500 else []
    if mask and _covers(off, mask, _unknown(seen, off)):
        yield "at ties, where entries of a row are equal", mask


def _in_others(seen: Sequence[Seen], off: Sequence[Array]) -> Iterator[Place]:
    """In the rows of some value of labels or masks."""
    s = seen[0]
    for name, x in s.case.arguments.items():
        x = np.asarray(x)
        if x.dtype.kind not in "iub" or any(
            np.asarray(t.case.arguments[name]).shape != t.got.shape[: x.ndim] for t in seen
        ):
            continue
        labels = [np.asarray(t.case.arguments[name]) for t in seen]
        for value in np.unique(np.concatenate([np.ravel(n) for n in labels])):
            mask = [np.broadcast_to((n == value).reshape(n.shape + (1,) * (t.got.ndim - n.ndim)), t.got.shape)
                    for n, t in zip(labels, seen, strict=True)]  # fmt: skip
            if _covers(off, mask, _unknown(seen, off), 0.5):
                option = [f", the {o}" for o, p in s.case.parameters.items() if type(p) is int and p == value]
                yield f"in rows where {name} is {value}{''.join(option[:1])}", mask
        if all(n.ndim == 1 and t.got.ndim == 2 and n.max() < t.got.shape[1] and n.min() >= 0
               for n, t in zip(labels, seen, strict=True)):  # fmt: skip
            own = [np.arange(t.got.shape[1]) == n[:, None] for n, t in zip(labels, seen, strict=True)]
            for words, mask in (("at the label", own), ("beside the label", [~m for m in own])):
                if _covers(off, mask, _unknown(seen, off)):
                    yield words, mask
