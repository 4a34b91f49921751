"""The exact truth of a formula at a float: f, f' and f'' from the definition alone, correctly rounded.

The definition is expanded as a power series over balls at the exact input; no derivative formula enters. The
precision is doubled, from 128 bits to 32768, until the ball rounds to one float.

At ±inf the truth is the limit, taken as the float that f reaches far beyond every format, at ±2^2000 and
±2^4000 alike; where these differ there is none. NaN gives NaN.
"""

from __future__ import annotations

import functools
import math
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series, ctx

from oracles.arb_definitions import (
    ELEMENTWISE,
    Ball,
    Bound,
    Parameter,
    Series,
    bind,
    bind_vector,
    check_parameters,
    expand,
    lookup,
    working,
)
from oracles.floats import Array, Format, Truth, format_of

START, MAXIMUM = 128, 32768  # bits
FAR = (arb(2) ** 2000, arb(2) ** 4000)  # stand-ins for infinity
RESIDUAL_BITS = 20  # the residual is known to this part of an ULP
MARGIN = 30  # a ball thinner than 2^-MARGIN ULP rounds as its midpoint does, unless that is as close to a tie


class Rounded(NamedTuple):
    """A float, what is missing to the truth in ULP of that float, and whether a neighbour may be as right."""

    hi: float
    residual: float
    undecided: bool = False


NO_ANSWER = Rounded(math.nan, math.nan, True)


# ---------------------------------------------------------------- rounding


def round_exactly(mantissa: int, exponent: int, format: Format) -> Rounded:
    """mantissa·2^exponent to the nearest float, ties to even, rounded once (subnormals too), with the rest in ULP."""
    sign, size = (-1.0 if mantissa < 0 else 1.0), abs(mantissa)
    top = size.bit_length() + exponent  # size·2^exponent < 2^top
    if top > format.greatest + 1:
        return Rounded(sign * math.inf, 0.0)
    q = max(top - format.digits, format.least)
    shift = q - exponent
    if shift <= 0:
        return Rounded(sign * math.ldexp(size << -shift, q), 0.0)
    if shift > size.bit_length() + RESIDUAL_BITS + 10:
        return Rounded(0.0, 0.0)  # a vanishing part of the least subnormal
    m, rest = size >> shift, size & ((1 << shift) - 1)
    half = 1 << (shift - 1)
    up = int(rest > half or (rest == half and m & 1 == 1))
    residual = sign * ((rest - (up << shift)) / (1 << shift))
    m += up
    if m >> format.digits:  # carried into the next binade, whose ULP is twice as large
        m, q, residual = m >> 1, q + 1, residual / 2
    if m.bit_length() + q > format.greatest + 1:
        return Rounded(sign * math.inf, 0.0)
    return Rounded(sign * math.ldexp(m, q), residual)


def round_ball(ball: Ball, format: Format) -> Rounded | None:
    """The float that all of the ball rounds to, or None where the ball is too wide to say."""
    if ball.rel_accuracy_bits() >= format.digits + MARGIN:  # then its radius is below 2^-MARGIN ULP
        middle = round_exactly(*_integers(ball.mid()), format)
        if abs(middle.residual) < 0.5 - 2.0**-MARGIN and math.isfinite(middle.hi):
            return middle
    ends = _ends(ball, format)
    if ends is None:
        return None
    below, above = ends
    if below.hi == above.hi and above.residual - below.residual < 2.0**-RESIDUAL_BITS:
        return Rounded(below.hi, (below.residual + above.residual) / 2)
    return None


def _ends(ball: Ball, format: Format) -> tuple[Rounded, Rounded] | None:
    if not ball.is_finite():
        return None
    below = round_exactly(*_integers(ball.lower()), format)
    return below, below if ball.is_exact() else round_exactly(*_integers(ball.upper()), format)


def _integers(point: Ball) -> tuple[int, int]:
    mantissa, exponent = point.man_exp()
    return int(mantissa), int(exponent)


def _undecided(ball: Ball, format: Format) -> Rounded:
    """What can be said of a ball that no precision rounded: a tie, to within the residual, or nothing."""
    ends = _ends(ball, format)
    if ends is not None and ends[0].hi != ends[1].hi:
        below, above = ends
        if 0.5 - below.residual < 2.0**-RESIDUAL_BITS > above.residual + 0.5:
            return Rounded(below.hi, below.residual, True)
    return NO_ANSWER


# ---------------------------------------------------------------- one point


def settle(evaluate: Callable[[], Sequence[Ball | None]], count: int, format: Format) -> list[Rounded]:
    """Round the `count` balls that `evaluate` gives, doubling the precision until each is decided.

    None among them stands for a number that does not exist.
    """
    precision = START
    done: dict[int, Rounded] = {}
    balls: Sequence[Ball | None] = [None] * count
    while len(done) < count and precision <= MAXIMUM:
        ctx.prec = precision
        try:
            balls = evaluate()
        except (ValueError, ZeroDivisionError):  # the divisor of a quotient may still be zero
            balls = [arb.nan()] * count
        for k, ball in enumerate(balls):
            if k not in done:
                rounded = NO_ANSWER if ball is None else round_ball(ball, format)
                if rounded is not None:
                    done[k] = rounded
        precision *= 2
    return [done[k] if k in done else _undecided(ball, format) for k, ball in enumerate(balls)]


def derivatives(g: Bound, z: Series, orders: Sequence[int], side: str | None) -> list[Ball | None]:
    """Balls around the derivatives of g at z of the given orders; None from the order on at which a kink tears g."""
    pieces = expand(g, z, side)
    if len(pieces) == 1:
        return [pieces[0][k] * math.factorial(k) for k in orders]
    balls: list[Ball | None] = []
    for k in orders:
        if k == 0:
            balls.append(expand(g, z, "owner")[0][0])
        elif any(not p[i].overlaps(pieces[0][i]) for p in pieces for i in range(k + 1)):
            balls.append(None)
        else:
            balls.append(functools.reduce(lambda a, c: a.union(c), (p[k] for p in pieces)) * math.factorial(k))
    return balls


def _at(x: float, expansion: Callable[[Ball], list[Rounded]], count: int) -> list[Rounded]:
    """The expansion at x; its limit at ±inf; NaN for NaN."""
    if math.isnan(x):
        return [Rounded(math.nan, math.nan)] * count
    if math.isinf(x):
        near, far = (expansion(math.copysign(1, x) * t) for t in FAR)
        return [a if a.hi == c.hi else NO_ANSWER for a, c in zip(near, far, strict=True)]
    return expansion(arb(x))


# ---------------------------------------------------------------- arrays


def truth(
    id: str,
    x: npt.ArrayLike,
    order: int = 0,
    *,
    dtype: npt.DTypeLike | str | None = None,
    side: str | None = None,
    variable: str = "z",
    **parameters: float,
) -> Truth:
    """The truth of the value (order 0), slope (1) or second derivative (2) of activation `id` at every float of x.

    x: floats of any shape, taken as exact; `dtype` is the format to round to, that of x unless given. At a
    breakpoint a derivative exists only where both sides agree; `side` asks for that of the "left" or the
    "right". `variable` names the parameter to differentiate with respect to, instead of z.

    Raises KeyError for an unknown id, TypeError for an x that is not floating or an unknown parameter,
    ValueError for a dtype, order, side or parameter value that cannot be.

    >>> t = truth("activation/sigmoid", np.array([38.0]), 1)
    >>> float(t.hi[0]), bool(abs(t.residual[0]) < 0.5)
    (3.1391327920480296e-17, True)
    """
    return truths(id, x, (order,), dtype=dtype, side=side, variable=variable, **parameters)[0]


def truths(
    id: str,
    x: npt.ArrayLike,
    orders: Sequence[int] = (0, 1, 2),
    *,
    dtype: npt.DTypeLike | str | None = None,
    side: str | None = None,
    variable: str = "z",
    **parameters: float,
) -> list[Truth]:
    """As `truth`, several orders from one expansion."""
    array, name, format = _floats(x, dtype)
    if not orders or not set(orders) <= {0, 1, 2}:
        raise ValueError(f"order {orders} is not among 0, 1, 2")
    if side not in (None, "left", "right"):
        raise ValueError(f"side {side!r} is neither 'left' nor 'right'")
    terms = max(orders) + 1
    g = bind(id, **_with_variable(id, variable, parameters))
    slope = [1] if variable == "z" else []

    def expansion(t: Ball) -> list[Rounded]:
        z = arb_series([t, *slope], terms)
        return settle(lambda: derivatives(g, z, orders, side), len(orders), format)

    with working(START, terms):
        points = [_at(v, expansion, len(orders)) for v in array.ravel().tolist()]
    return [_pack([p[k] for p in points], array.shape, name) for k in range(len(orders))]


def vector_truth(
    id: str, x: npt.ArrayLike, order: int = 0, *, dtype: npt.DTypeLike | str | None = None, **parameters: float
) -> Truth:
    """The truth of a vector activation on the last axis of x, or its Jacobian.

    x: (..., d) floats, taken as exact. Order 0: the values, (..., m). Order 1: the Jacobian, (..., m, d), entry
    [k, j] being ∂g_k/∂z_j, one power series for each column. Rows with ±inf have no answer, those with NaN are NaN.
    Errors as `truth`, and ValueError for a row length that the function cannot take.
    """
    array, name, format = _floats(x, dtype)
    if order not in (0, 1):
        raise ValueError(f"order {order} is not among 0, 1")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"x has shape {array.shape}; expected (..., d) with d ≥ 1")
    g = bind_vector(id, **parameters)
    d = array.shape[-1]
    with working(START, order + 1):
        m = len(g([arb_series([arb(k + 1)]) for k in range(d)]))
        directions = range(d) if order else (None,)
        rows = [[_column(g, row, j, m, format) for j in directions] for row in array.reshape(-1, d).tolist()]
    flat = [column[k] for columns in rows for k in range(m) for column in columns]
    return _pack(flat, (*array.shape[:-1], m, d) if order else (*array.shape[:-1], m), name)


def _column(
    g: Callable[[Sequence[Series]], list[Series]], row: list[float], j: int | None, m: int, format: Format
) -> list[Rounded]:
    """∂g/∂z_j, or g itself if j is None, at one row."""
    if not all(map(math.isfinite, row)):
        return [Rounded(math.nan, math.nan) if any(map(math.isnan, row)) else NO_ANSWER] * m
    z = [arb_series([arb(v), 1] if k == j else [arb(v)]) for k, v in enumerate(row)]
    return settle(lambda: [s[0 if j is None else 1] for s in g(z)], m, format)


def _with_variable(id: str, variable: str, parameters: Mapping[str, float]) -> dict[str, Parameter]:
    """The parameters, that named `variable` as the variable of a power series."""
    if variable == "z":
        return dict(parameters)
    definition = lookup(id, ELEMENTWISE)
    at = check_parameters(id, definition.parameters, definition.requires, parameters)
    if variable not in at:
        raise TypeError(f"{id} has no parameter {variable!r}; its parameters: {', '.join(at) or 'none'}")
    return {**parameters, variable: arb_series([at[variable], 1])}


def _floats(x: npt.ArrayLike, dtype: npt.DTypeLike | str | None) -> tuple[Array, str, Format]:
    """x as float64, which holds every format exactly, and the format to round to."""
    array = np.asarray(x)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise TypeError(f"x has dtype {array.dtype}; pass floats, e.g. x.astype(np.float64)")
    format_of(array.dtype)
    name, format = format_of(array.dtype if dtype is None else dtype)
    return array.astype(np.float64), name, format


def _pack(points: Sequence[Rounded], shape: tuple[int, ...], dtype: str) -> Truth:
    hi, residual, undecided = zip(*points, strict=True) if points else ((), (), ())
    return Truth(
        np.array(hi, np.float64).reshape(shape),
        np.array(residual, np.float64).reshape(shape),
        np.array(undecided, bool).reshape(shape),
        dtype,
    )


# ---------------------------------------------------------------- many at once


class Request(NamedTuple):
    """What to ask `truths` for: an activation at points x, of the dtype of x."""

    id: str
    x: Array
    parameters: Mapping[str, float] = {}
    orders: tuple[int, ...] = (0, 1, 2)
    side: str | None = None


BLOCK = 1000  # points per task


def parallel_truths(requests: Sequence[Request], jobs: int | None = None) -> list[list[Truth]]:
    """`truths` of each request, over `jobs` processes (all processors unless given), in the order of the requests.

    The processes are spawned: a script that calls this needs the usual `if __name__ == "__main__":`.
    """
    tasks, owners = [], []
    for k, request in enumerate(requests):
        flat = np.ravel(request.x)
        for block in range(0, max(1, flat.size), BLOCK):
            tasks.append(request._replace(x=flat[block : block + BLOCK]))
            owners.append(k)
    if jobs == 1:
        answers = list(map(_answer, tasks))
    else:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
            answers = list(pool.map(_answer, tasks, chunksize=4))
    gathered: list[list[list[Truth]]] = [[] for _ in requests]
    for k, answer in zip(owners, answers, strict=True):
        gathered[k].append(answer)
    return [
        [_concatenate([block[k] for block in blocks], np.shape(request.x)) for k in range(len(request.orders))]
        for request, blocks in zip(requests, gathered, strict=True)
    ]


def _answer(request: Request) -> list[Truth]:
    keywords: dict[str, Any] = {"side": request.side, **request.parameters}
    return truths(request.id, request.x, request.orders, **keywords)


def _concatenate(blocks: Sequence[Truth], shape: tuple[int, ...]) -> Truth:
    hi, residual, undecided = (
        np.concatenate([getattr(block, name) for block in blocks]).reshape(shape)
        for name in ("hi", "residual", "undecided")
    )
    return Truth(hi, residual, undecided, blocks[0].dtype)
