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
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, arb_series

from oracles.arb_truth.activations import ELEMENTWISE, bind, bind_vector
from oracles.arb_truth.definition import Bound, check_parameters, expand, lookup
from oracles.arb_truth.numbers import Ball, Scalar, Series, objects, working
from oracles.arb_truth.rounding import START, Group, attempt, settle
from oracles.arb_truth.tape import Node, backward, obstacle
from oracles.floats import Array, Truth, format_of

FAR = (arb(2) ** 2000, arb(2) ** 4000)  # stand-ins for infinity


# ---------------------------------------------------------------- one point


def derivatives(g: Bound, z: Series, orders: Sequence[int], side: str | None) -> list[Ball | None]:
    """Balls around the derivatives of g at z of the given orders; None from the order on at which a kink tears g."""
    pieces = expand(g, z, side)
    if len(pieces) == 1:
        return [pieces[0][k] if k < 2 else pieces[0][k] * math.factorial(k) for k in orders]
    balls: list[Ball | None] = []
    for k in orders:
        if k == 0:
            balls.append(expand(g, z, "owner")[0][0])
        elif any(not p[i].overlaps(pieces[0][i]) for p in pieces for i in range(k + 1)):
            balls.append(None)
        else:
            balls.append(functools.reduce(lambda a, c: a.union(c), (p[k] for p in pieces)) * math.factorial(k))
    return balls


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
    array, name = _floats(x, dtype)
    if not orders or not set(orders) <= {0, 1, 2}:
        raise ValueError(f"order {orders} is not among 0, 1, 2")
    if side not in (None, "left", "right"):
        raise ValueError(f"side {side!r} is neither 'left' nor 'right'")
    terms, count = max(orders) + 1, len(orders)
    g = bind(id, **_with_variable(id, variable, parameters))
    slope = [1] if variable == "z" else []

    def settled(points: Sequence[Ball]) -> Truth:
        def expansion(i: int) -> Group:
            return derivatives(g, arb_series([points[i], *slope], terms), orders, side)

        with working(START, terms):
            groups = [attempt(expansion, i, count) for i in range(len(points))]
            return settle(groups, expansion, name).map(lambda a: a.reshape(-1, count))

    flat = array.ravel()
    nan, infinite = np.isnan(flat), np.isinf(flat)
    found = settled([arb(v) for v in np.where(nan | infinite, 0, flat).tolist()])
    found.hi[nan], found.residual[nan], found.undecided[nan] = np.nan, np.nan, False
    if infinite.any():
        near, far = (settled([t if v > 0 else -t for v in flat[infinite].tolist()]) for t in FAR)
        same = near.hi == far.hi
        found.hi[infinite] = np.where(same, near.hi, np.nan)
        found.residual[infinite] = np.where(same, near.residual, np.nan)
        found.undecided[infinite] = near.undecided | ~same
    return [found[:, k].map(lambda a: a.reshape(array.shape)) for k in range(count)]


def vector_truth(
    id: str, x: npt.ArrayLike, order: int = 0, *, dtype: npt.DTypeLike | str | None = None, **parameters: float
) -> Truth:
    """The truth of a vector activation on the last axis of x, or its Jacobian.

    x: (..., d) floats, taken as exact. Order 0: the values, (..., m). Order 1: the Jacobian, (..., m, d), entry
    [k, j] being ∂g_k/∂z_j, one way back on a tape for each row. Rows with ±inf have no answer, those with NaN are NaN.
    Errors as `truth`, and ValueError for a row length that the function cannot take.
    """
    array, name = _floats(x, dtype)
    if order not in (0, 1):
        raise ValueError(f"order {order} is not among 0, 1")
    if array.ndim == 0 or array.shape[-1] == 0:
        raise ValueError(f"x has shape {array.shape}; expected (..., d) with d ≥ 1")
    g = bind_vector(id, **parameters)
    d = array.shape[-1]
    rows = array.reshape(-1, d)
    infinite: Array = np.any(np.isinf(rows), axis=1)
    nan: Array = np.any(np.isnan(rows), axis=1)
    stand_in = np.arange(1.0, d + 1)
    finite = np.where((nan | infinite)[:, None], stand_in, rows).tolist()

    def outputs(row: list[float]) -> tuple[list[Node], list[Node]]:
        z = [Node(arb(v)) for v in row]
        return z, list(np.ravel(g(objects(z))))

    def values(i: int) -> Group:
        return [None if obstacle(a) else a.value for a in outputs(finite[i])[1]]

    def gradient(i: int) -> Group:
        """∂g_k/∂z at one row."""
        z, a = outputs(finite[i // m])
        backward(a[i % m])
        return [None if z_j.hull else z_j.cotangent for z_j in z]

    with working(START, 2):
        m = len(outputs(stand_in.tolist())[1])
        evaluate, count, size = (gradient, len(rows) * m, d) if order else (values, len(rows), m)
        found = settle([attempt(evaluate, i, size) for i in range(count)], evaluate, name)
    found = found.map(lambda a: a.reshape(len(rows), -1))
    found.hi[nan | infinite] = found.residual[nan | infinite] = np.nan
    found.undecided[infinite], found.undecided[nan] = True, False
    return found.map(lambda a: a.reshape((*array.shape[:-1], *((m, d) if order else (m,)))))


def _with_variable(id: str, variable: str, parameters: Mapping[str, float]) -> dict[str, Scalar]:
    """The parameters, that named `variable` as the variable of a power series."""
    if variable == "z":
        return dict(parameters)
    definition = lookup(id, ELEMENTWISE)
    at = check_parameters(id, definition.parameters, definition.requires, parameters)
    if variable not in at:
        raise TypeError(f"{id} has no parameter {variable!r}; its parameters: {', '.join(at) or 'none'}")
    return {**parameters, variable: arb_series([at[variable], 1])}


def _floats(x: npt.ArrayLike, dtype: npt.DTypeLike | str | None) -> tuple[Array, str]:
    """x as float64, which holds every format exactly, and the name of the format to round to."""
    array = np.asarray(x)
    if array.dtype.kind != "f" and array.dtype.name != "bfloat16":
        raise TypeError(f"x has dtype {array.dtype}; pass floats, e.g. x.astype(np.float64)")
    format_of(array.dtype)
    name, _ = format_of(array.dtype if dtype is None else dtype)
    return array.astype(np.float64), name


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
