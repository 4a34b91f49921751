"""Rotary position embedding: pairs of entries turned by an angle that grows with the position.

A pair (x₁, x₂) at position p becomes (x₁ cos pθ − x₂ sin pθ, x₁ sin pθ + x₂ cos pθ), with a θ of its own. A rotation is
orthogonal, so its transpose, which takes cotangents back, is its inverse: the rotation by −pθ.

The angle pθ is carried in two floats, θ from forty decimal digits: in one, its rounding error alone would be p·u.
"""

from __future__ import annotations

import decimal
import functools

import numpy as np

from reference.exact import product
from reference.formula import Array, formula
from reference.layers.attention import optional
from reference.layers.layer import Pullback, layer


@functools.cache
def frequencies(pairs: int, base: float) -> tuple[Array, Array]:
    """θ_i = base^(−i/pairs), i = 0 … pairs − 1, as the unevaluated sum of two floats.  (pairs,) each."""
    with decimal.localcontext(decimal.Context(prec=40)):
        exact = [(decimal.Decimal(base).ln() * -i / pairs).exp() for i in range(pairs)]
        high = [float(theta) for theta in exact]
        low = [float(theta - decimal.Decimal(h)) for theta, h in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)


def turns(positions: Array, pairs: int, base: float) -> tuple[Array, Array]:
    """cos pθ and sin pθ.  positions: (..., T) -> (..., T, pairs) each."""
    p, (high, low) = positions.astype(np.float64)[..., None], frequencies(pairs, base)
    angle, error = product(p, high)
    error = error + p * low
    c, s = np.cos(angle), np.sin(angle)
    return c - s * error, s + c * error


def turned(x: Array, c: Array, s: Array, interleaved: bool) -> Array:
    """The pairs of x turned, and what lies behind them as it is.  x: (..., d), c and s: (..., pairs)."""
    pairs = c.shape[-1]
    one, other = (slice(0, 2 * pairs, 2), slice(1, 2 * pairs, 2)) if interleaved else (
        slice(pairs), slice(pairs, 2 * pairs))  # fmt: skip
    y = x.copy()
    y[..., one] = x[..., one] * c - x[..., other] * s
    y[..., other] = x[..., one] * s + x[..., other] * c
    return y


@formula(
    "layer/rotary",
    statement="x[i, j, k]*cos(t[i, k]) + Sum((j - l)*x[i, l, k], (l, 1, m))*sin(t[i, k])",
    derivative="v[i, j, k]*cos(t[i, k]) - Sum((j - l)*v[i, l, k], (l, 1, m))*sin(t[i, k])",
    arguments=("x[i, j, k]",),
    valid={"base": "base > 0"},
    assumptions=(
        "rotation for m = 2: x[i, 1, k], x[i, 2, k] are pair k of row i, and t[i, k] = position·base^(−(k − 1)/pairs)",
        "counted from 0, pair k is entries k and k + dimension/2, or 2k and 2k + 1 where interleaved",
        "entries from dimension on stay as they are",
        "positions are 0, 1, … along the last axis but one unless given",
    ),
    sources=("su-2021",),
)
@layer(indices=("positions",))
def rotary(
    x: Array,
    positions: Array | None = None,
    *,
    base: float = 10000.0,
    dimension: int | None = None,
    interleaved: bool = False,
) -> tuple[Array, Pullback]:
    """Rotary position embedding.  x: (..., T, d), positions: integers that broadcast to (..., T) -> (..., T, d).

    The first `dimension` entries, all unless given, are turned; the others stay. Pair i, from 0, is entries i and
    i + dimension/2, or 2i and 2i + 1 if `interleaved`, and θ_i = base^(−2i/dimension). Positions are 0, 1, … unless
    given. As the module's docstring derives, the pullback is the same with −sin for sin. Raises ValueError for
    shapes that do not fit and for a dimension that is odd or above d, TypeError for positions that are no integers.
    """
    if x.ndim < 2:
        raise ValueError(f"x has shape {x.shape}; expected (..., positions, d)")
    p = np.arange(x.shape[-2]) if positions is None else positions
    if p.dtype.kind not in "iu":
        raise TypeError(f"positions have dtype {p.dtype}; pass integers")
    last = x.shape[:-1][x.ndim - 1 - p.ndim :]
    if p.ndim >= x.ndim or any(n not in (1, m) for n, m in zip(p.shape, last, strict=True)):
        raise ValueError(f"positions have shape {p.shape}; expected what broadcasts to {x.shape[:-1]}")
    size = optional("dimension", dimension, int)
    size = x.shape[-1] if size is None else size
    if size % 2 or size > x.shape[-1]:
        said = (
            f"the last axis of x is turned, x has shape {x.shape}" if dimension is None else f"dimension = {dimension}"
        )
        raise ValueError(f"{said}; need an even number of entries, at most {x.shape[-1]}")
    c, s = turns(p, size // 2, base)
    return turned(x, c, s, interleaved), lambda v: {"x": turned(v, c, -s, interleaved)}
