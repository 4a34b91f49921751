"""Max pooling over regions: as many as are asked for, of unequal size or at places that are drawn.

Along each axis a window is a range of places, and a region is a product of ranges. The largest of a region is the
largest along one axis of the largest along the others, so its place is found axis by axis. The cotangent goes there:

    x̄[q] = Σ v[p] over the regions p whose largest place is q.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reference.entries import require
from reference.formula import Array, Kink, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.pooling import FIRST, last_axes, sizes_of
from reference.layers.windows import each, held, reals

TWO = "stated for regions of two places, a before b"
LARGER = "Piecewise((v[i], a[i] >= b[i]), (0, True))"
LATER = "Piecewise((0, a[i] >= b[i]), (v[i], True))"
TIE = Kink(of="a - b", at="0", left="0", right="1", chosen="1", why=FIRST)


def largest(x: Array, ranges: Sequence[Array]) -> tuple[Array, Pullback]:
    """The largest of every region.  x: (..., *places) -> y: (..., *windows).

    `ranges` has for each axis the places of its windows, (windows, most), where a place may stand more than once. Of
    places that tie the first in row-major order is taken, so the last axis goes first.
    """
    axes = len(ranges)
    y, place = x, np.arange(x.size).reshape(x.shape)
    for axis, q in zip(range(-1, -axes - 1, -1), reversed(ranges), strict=True):
        inside = np.moveaxis(y, axis, -1)[..., q]  # (..., windows, most)
        first = inside.argmax(-1)[..., None]  # of a NaN too
        places = np.moveaxis(place, axis, -1)[..., q]
        y = np.moveaxis(np.take_along_axis(inside, first, -1)[..., 0], -1, axis)
        place = np.moveaxis(np.take_along_axis(places, first, -1)[..., 0], -1, axis)

    def pullback(v: Array) -> Gradients:
        v = np.where(np.isnan(y) & (v != 0), np.nan, v)
        return {"x": np.bincount(place.ravel(), v.ravel(), x.size).reshape(x.shape)}

    return y, pullback


@formula(
    "layer/adaptive_max_pooling",
    statement="Piecewise((a[i], a[i] >= b[i]), (b[i], True))",
    derivative=LARGER,
    arguments=("a[i]", "b[i]"),
    partials={"b[i]": LATER},
    kinks=(TIE,),
    assumptions=(TWO, FIRST, "window p of P over n places is ⌊pn/P⌋ … ⌈(p + 1)n/P⌉ − 1: neighbours may share places"),
    sources=("he-2014", "pytorch-adaptivemaxpool2d"),
)
@layer()
def adaptive_max_pooling(x: Array, *, output_size: Any = (1,)) -> tuple[Array, Pullback]:
    """The largest of as many regions as are asked for.  x: (..., *places) -> y: (..., *output_size).

    Window p of P begins at ⌊p·n/P⌋ and ends before ⌈(p + 1)·n/P⌉, as in `adaptive_average_pooling`. The cotangent goes
    to the largest place. A NaN is the largest, and its slope is NaN. Raises ValueError for a size below 1 or axes that
    x does not have, TypeError for sizes that are no whole numbers.
    """
    sizes = sizes_of("output_size", output_size)
    held(f"output_size = {output_size!r}", sizes)
    ranges = []
    for n, windows in zip(last_axes(x, len(sizes)), sizes, strict=True):
        p = np.arange(windows)[:, None]
        start, end = p * n // windows, -((-p - 1) * n // windows)  # (windows, 1)
        ranges.append(np.minimum(start + np.arange((end - start).max()), end - 1))
    return largest(x, ranges)


@formula(
    "layer/fractional_max_pooling",
    statement="Piecewise((a[i], a[i] >= b[i]), (b[i], True))",
    derivative=LARGER,
    arguments=("a[i]", "b[i]"),
    partials={"b[i]": LATER},
    kinks=(TIE,),
    assumptions=(
        TWO,
        FIRST,
        "samples u are given: with α = (n − k)/(P − 1), window p of P begins at ⌊(p + u)α⌋ − ⌊uα⌋, the last at n − k",
    ),
    sources=("graham-2014", "pytorch-fractionalmaxpool2d"),
)
@layer()
def fractional_max_pooling(
    x: Array, *, kernel_size: Any = (2,), output_size: Any = (1,), samples: Any = (0.5,)
) -> tuple[Array, Pullback]:
    """The largest of regions that samples place.  x: (..., *places) -> y: (..., *output_size).

    An axis of n places has P windows of k, and a sample u in [0, 1). With α = (n − k)/(P − 1), window p begins at
    ⌊(p + u)α⌋ − ⌊uα⌋ and the last one at n − k: steps of ⌊α⌋ and ⌈α⌉, in an order that the sample chooses. The
    cotangent goes to the largest place. Raises ValueError where windows do not fit and for a sample outside [0, 1);
    TypeError for sizes that are no whole numbers and samples that are no numbers.
    """
    axes = max(len(sizes_of("kernel_size", kernel_size)), len(sizes_of("output_size", output_size)))
    kernel, sizes = each("kernel_size", kernel_size, axes), each("output_size", output_size, axes)
    drawn = reals("samples", samples)
    drawn = np.repeat(drawn, axes) if drawn.shape == (1,) else drawn
    if drawn.shape != (axes,):
        raise ValueError(f"samples = {samples!r}; expected one for each of {axes} axes")
    require((drawn >= 0) & (drawn < 1), "samples", drawn, "is no sample: must lie in [0, 1)")
    ranges = []
    for n, k, windows, u in zip(last_axes(x, axes), kernel, sizes, drawn, strict=True):
        if k + windows - 1 > n:
            raise ValueError(f"{windows} windows of {k} do not fit {n} places: at most {max(n - k + 1, 0)} do")
        step = (n - k) / max(windows - 1, 1)
        start = np.floor((np.arange(windows) + u) * step) - np.floor(u * step)  # (windows,)
        start[-1] = n - k
        ranges.append(start.astype(int)[:, None] + np.arange(k))
    return largest(x, ranges)
