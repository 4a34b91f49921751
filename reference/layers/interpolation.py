"""Interpolation: as many entries along each of the last axes as are asked for, between those that there are.

Entry p of P reads the place t among n, by the ratio r = n/P,

    t = r·(p + ½) − ½,    or with aligned corners    t = p·(n − 1)/(P − 1),

and takes places q about t with the weights W(t − q):

    linear    1 − |s|                                               for |s| < 1
    cubic     (a + 2)|s|³ − (a + 3)s² + 1                           for |s| < 1
              a|s|³ − 5a·s² + 8a|s| − 4a,  a = −¾                   for 1 ≤ |s| < 2

where the first and the last entry stand for all beyond. Nearest takes place ⌊r·p⌋, or exactly the nearest, ⌊r·(p + ½)⌋.
Over several axes weights multiply, so one axis after another is done. All of it is linear in x, and each entry of the
cotangent goes back by the weights that it was made with.
"""

from __future__ import annotations

import math
import sys
from fractions import Fraction
from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.layers.layer import Gradients, Pullback, layer
from reference.layers.pooling import last_axes, sizes_of
from reference.layers.windows import held, reals
from reference.lift import choice, times

MODES = ("nearest", "nearest-exact", "linear", "cubic")
HALF, A = Fraction(1, 2), Fraction(-3, 4)
MOST = float(sys.maxsize)  # more than an array can hold


def cubic(t: Fraction) -> list[Fraction]:
    """The weights of four places, of which the second is t beyond the place read, 0 ≤ t < 1.

    >>> [str(w) for w in cubic(Fraction(1, 2))]
    ['-3/32', '19/32', '19/32', '-3/32']
    """
    near = [((A + 2) * s - A - 3) * s * s + 1 for s in (t, 1 - t)]
    far = [((A * s - 5 * A) * s + 8 * A) * s - 4 * A for s in (t + 1, 2 - t)]
    return [far[0], *near, far[1]]


def taps(n: int, windows: int, ratio: Fraction, mode: str, aligned: bool) -> tuple[Array, Array]:
    """The places that each entry takes, and their weights.  (windows, taps) both."""
    places, weights = [], []
    for p in range(windows):
        if mode.startswith("nearest"):
            places.append([math.floor(ratio * (p + HALF if mode == "nearest-exact" else p))])
            weights.append([1.0])
            continue
        t = Fraction(p * (n - 1), max(windows - 1, 1)) if aligned else ratio * (p + HALF) - HALF
        q = math.floor(t)
        places.append([q, q + 1] if mode == "linear" else [q - 1, q, q + 1, q + 2])
        weights.append([float(w) for w in ([1 - (t - q), t - q] if mode == "linear" else cubic(t - q))])
    return np.clip(places, 0, n - 1), np.array(weights)


def asked_for(x: Array, size: Any, scale_factor: Any) -> tuple[list[int], list[Fraction]]:
    """How many entries along each of the last axes, and the ratio of old to new. Errors as `interpolation`."""
    if size is not None:
        sizes = sizes_of("size", size)
        ratios = [Fraction(n, P) for n, P in zip(last_axes(x, len(sizes)), sizes, strict=True)]
    else:
        factors = reals("scale_factor", scale_factor)
        if not (np.isfinite(factors) & (factors > 0)).all():
            raise ValueError(f"scale_factor = {scale_factor!r}; expected finite numbers > 0")
        places = last_axes(x, len(factors))
        scaled = np.multiply(places, factors)  # rounded, as in PyTorch
        if (scaled < 1).any():
            raise ValueError(f"scale_factor = {scale_factor!r} leaves none of {places} entries along an axis")
        sizes = [int(n) for n in np.minimum(scaled, MOST)]
        ratios = [1 / Fraction(factor) for factor in factors.tolist()]
    examples = x.size // math.prod(last_axes(x, len(sizes)))
    asked = f"size = {size!r}" if size is not None else f"scale_factor = {scale_factor!r}"
    held(asked, [examples, *sizes] if examples > 1 else sizes)
    return sizes, ratios


@formula(
    "layer/interpolation",
    statement="Sum(h[p, q]*x[q], (q, 1, d))",
    derivative="Sum(h[p, q]*v[p], (p, 1, P))",
    arguments=("x[q]",),
    assumptions=(
        "h[p, q] is the weight of place q in entry p: W(t − q) of the place t that p reads, a product over the axes",
        "places are counted from 0, half an entry from the border; what lies beyond is the first or the last entry",
        "by a scale_factor, the ratio of old to new sizes is 1/scale_factor and not that of the sizes",
        "n places become ⌊n·scale_factor⌋, of the product in float64, as in PyTorch: 10 become 7 by 0.7, though the"
        " float nearest to 0.7 is less",
        "cubic: the kernel of Keys with a = −¾, as in PyTorch",
    ),
    sources=("keys-1981", "pytorch-interpolate"),
)
@layer()
def interpolation(
    x: Array, *, size: Any = None, scale_factor: Any = None, mode: str = "linear", align_corners: bool = False
) -> tuple[Array, Pullback]:
    """Interpolation y[p] = Σ W(t − q)·x[q] about the place t that p reads.  x: (..., *places) -> y: (..., *size).

    Kernels and places are above. `size` or `scale_factor` has one entry an axis, and without both the last is doubled;
    the mode is nearest, nearest-exact, linear (bilinear, trilinear) or cubic (bicubic). x̄[q] = Σ W(t − q)·v[p] over
    the entries p that read q. A place of weight 0 does not enter. Raises ValueError for another mode, aligned corners
    of nearest places, sizes below 1, factors that are not > 0, both of them, no factor, axes that x does not have
    and more entries than an array can have; TypeError for what is no number.
    """
    choice("mode", mode, MODES)
    if align_corners and mode.startswith("nearest"):
        raise ValueError(f"mode = {mode!r} with align_corners; corners are for {', '.join(MODES[2:])}")
    if size is not None and scale_factor is not None:
        raise ValueError(f"size = {size!r}, scale_factor = {scale_factor!r}; expected one of the two")
    scale_factor = 2.0 if scale_factor is None else scale_factor
    sizes, ratios = asked_for(x, size, scale_factor)
    places = last_axes(x, len(sizes))
    steps = [taps(n, P, ratio, mode, align_corners) for n, P, ratio in zip(places, sizes, ratios, strict=True)]
    y = x
    for axis, (q, w) in enumerate(steps, x.ndim - len(steps)):
        read = np.moveaxis(y, axis, 0)[q]  # (windows, taps, ...)
        y = np.moveaxis(times(w.reshape(*w.shape, *[1] * (x.ndim - 1)), read).sum(1), 0, axis)

    def pullback(v: Array) -> Gradients:
        for axis, (q, w) in reversed([*enumerate(steps, x.ndim - len(steps))]):
            v = np.moveaxis(v, axis, 0)[:, None]  # (windows, 1, ...)
            back = np.zeros((x.shape[axis], *v.shape[2:]))
            np.add.at(back, q, times(w.reshape(*w.shape, *[1] * (x.ndim - 1)), v))
            v = np.moveaxis(back, 0, axis)
        return {"x": v}

    return y, pullback
