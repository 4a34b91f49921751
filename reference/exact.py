"""Exact sums and products of float64 numbers, and exponentials that lose nothing.

Where e^t is wanted and t itself was rounded, the rounding error of t becomes a relative error of e^t, which for
|t| = 700 is hundreds of ULP. So t is carried as the unevaluated sum of two floats, high + low.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.lift import Array

Wide = tuple[Any, Any]  # numbers m·2^e as (m, e), which may lie far outside the range of floats
DEEP = -600.0  # e^t is far from underflow above, and so is e^(t − DEEP) below


def _split(a: Any) -> tuple[Any, Any]:
    """a = head + tail, exactly, with 26 bits each: head is a rounded in its bit pattern."""
    head = ((np.asarray(a, np.float64).view(np.int64) + (1 << 26)) & -(1 << 27)).view(np.float64)
    return head, a - head


def product(a: Any, b: Any) -> tuple[Any, Any]:
    """a·b = p + error, exactly unless it leaves the range of float64 (Dekker 1971)."""
    p, (a_head, a_tail) = a * b, _split(a)
    b_head, b_tail = (a_head, a_tail) if b is a else _split(b)
    return p, ((a_head * b_head - p) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail


def total(a: Any, b: Any) -> tuple[Any, Any]:
    """a + b = s + error, exactly (Knuth)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def exact_sum(a: Any, b: Any, c: Any) -> Array:
    """a + b + c in float64 with one error at the end, so that 0 and the sign are exact; ∞ on overflow."""
    s, low = total(a, b)
    s, lower = total(s, c)
    rest = low + lower
    return s + np.where(np.isfinite(rest), rest, 0)


def quotient(a: Any, b: Any) -> tuple[Any, Any]:
    """a/b = q + rest, to twice the precision of float64: the remainder a − q·b is exact, for b scaled near 1."""
    b, exponent = np.frexp(b)
    a = np.ldexp(a, -exponent)
    q = a / b
    p, error = product(q, b)
    return q, ((a - p) - error) / b


def ratio(x: Array, y: Array) -> tuple[Any, ...]:
    """x/y as factors, none of which overflows or loses digits where x and y are numbers and y is not 0."""
    q = x / y
    left = np.isinf(q) | (np.abs(q) < 2.0**-960) & (x != 0)
    if not (left & np.isfinite(x) & (y != 0)).any():
        return (q,)
    (above, high), (below, low) = np.frexp(x), np.frexp(y)
    first = np.clip(high - low, -1000, 1000)
    return np.ldexp(above / below, first), *power_of_two(high - low - first)


def power_of_two(exponent: Any) -> tuple[Any, Any]:
    """2^exponent as two factors, for exponents up to twice those that floats have."""
    half = exponent // 2
    return np.ldexp(1.0, half), np.ldexp(1.0, exponent - half)


def scaled(exponent: Any, *factors: Any) -> Array:
    """2^exponent times the product of the factors: nothing on the way leaves the range that the result is in."""
    mantissa: Any = 1.0
    for factor in factors:
        m, e = np.frexp(factor)
        mantissa, exponent = mantissa * m, exponent + e
    return np.ldexp(mantissa, exponent)


def wide_sum(a: Wide, b: Wide) -> Wide:
    """a + b, their mantissas m at most 1 in size."""
    top = np.maximum(a[1], b[1])
    return wide(np.ldexp(a[0], a[1] - top) + np.ldexp(b[0], b[1] - top), -top)


def wide_product(a: Wide, b: Wide) -> Wide:
    """The matrix product of two such matrices.  (..., m, k), (..., k, d)."""
    out = wide(np.zeros(()))
    for k in range(a[0].shape[-1]):
        (m, e), (n, f) = ((x[..., k, None] for x in a), (x[..., k, None, :] for x in b))
        out = wide_sum(out, (m * n, e + f))
    return out


def wide(x: Array, over: Any = 0) -> Wide:
    """x/2^over; the exponent of 0 is far below all others."""
    m, e = np.frexp(x)
    return m, np.where(m == 0, -4000, e - over)


def dot(a: Array, b: Array) -> tuple[Array, Array]:
    """⟨a, b⟩ of rows as the unevaluated sum of two floats, to twice the precision.  (..., d) -> (..., 1) each."""
    high, low = product(a, b)
    while high.shape[-1] > 1:
        if high.shape[-1] % 2:
            high, low = (np.concatenate([q, np.zeros_like(q[..., :1])], -1) for q in (high, low))
        high, error = total(high[..., ::2], high[..., 1::2])
        low = low[..., ::2] + low[..., 1::2] + error
    return total(high, low)


def cut(u: Array) -> tuple[Array, Array]:
    """u = head + tail with heads of so few bits that products of rows of heads, summed in any order, are exact.

    For entries in [−1, 1] (Ozaki et al. 2012).  (n, d) -> (n, d) each.
    """
    bits = (52 - max(u.shape[-1] - 1, 1).bit_length()) // 2
    head = np.rint(u * 2.0**bits) * 2.0**-bits
    return head, u - head


def dots(u: tuple[Array, Array], w: tuple[Array, Array]) -> Array:
    """⟨u_i, w_j⟩ of all pairs of rows that are `cut`, rounded about once.  (m, d), (n, d) -> (m, n)."""
    (u_head, u_tail), (w_head, w_tail) = u, w
    return u_head @ w_head.T + (u_head @ w_tail.T + u_tail @ (w_head + w_tail).T)


def exponential(high: Array, low: Any = None) -> tuple[Array, Array]:
    """e^(high + low) as near·far, neither of them subnormal unless the other is: for high ≤ 0 and a tiny low.

    far is 1 for all but the smallest results. Multiply a factor to near first and by far last, and nothing is
    lost to underflow before the result itself is subnormal.
    """
    deep = high.size and not high.item(high.argmin()) >= DEEP
    near = np.exp(np.maximum(high, DEEP) if deep else high)
    if low is not None:
        near += near * low
    return near, np.exp(np.minimum(high - DEEP, 0)) if deep else np.ones_like(high)


def expm1_less(x: Array) -> Array:
    """eˣ − 1 − x without cancellation: the series x²/2 + x³/6 + … for |x| < 1."""
    series = np.zeros_like(x)
    for k in range(20, 1, -1):
        series = (1 + series) * x / k
    small = np.abs(x) < 1
    return np.where(small, x * series, np.expm1(x) - x)


def fallen(high: Array) -> tuple[Array, Array]:
    """e^high as near·half·half for high ≤ 0, and down to e^−2000, from where several weights bring it back."""
    return np.exp(np.maximum(high, DEEP)), np.exp(np.minimum(high - DEEP, 0) / 2)


def xlogy(x: Any, y: Any) -> Array:
    """x·log y, and its limit 0 where x is 0, whatever y is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0, x * np.log(y))


def xlog1py(x: Any, y: Any) -> Array:
    """x·log(1 + y), and its limit 0 where x is 0, whatever y is."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(x == 0, 0, x * np.log1p(y))
