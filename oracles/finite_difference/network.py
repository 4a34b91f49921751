"""A dense network, differentiated at neighbouring points: one evaluation for every parameter."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from oracles.calls import Array, Definition, Ends, bound, end_of, ended
from oracles.finite_difference.costs import TERMS, reduce
from oracles.finite_difference.regularizers import REAL
from oracles.finite_difference.step import Derive, central_difference, complex_step
from oracles.finite_difference.table import DEFINITIONS


def _cost_of_problems(id: str, ends: tuple[str, str], y: Array, **parameters: Any) -> Definition:
    """The cost `id` of outputs a for targets y, one number for each problem.  (..., n, d) -> (...)."""
    outputs, targets = ends
    _, reduction = ended(id, DEFINITIONS, ends, parameters)
    terms = functools.partial(TERMS[id], **{name: p for name, p in parameters.items() if name != "reduction"})
    wanted = y.argmax(-1) if targets == "labels" else y
    return lambda a: reduce(terms(**{outputs: a, targets: wanted}), reduction or "mean", a.ndim - 2)


def network(
    x: Any,
    y: Any,
    W: Sequence[Any],
    b: Sequence[Any],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str | Sequence[str] = "regularizer/none",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    ends: Ends = ("a", "y"),
    *,
    derive: Derive = complex_step,
) -> tuple[Array, list[Array], list[Array]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network.  x: (..., n, d_in), y: (..., n, d) -> (...), [W.shape], [b.shape].

    Leading axes are independent problems. `regularizer` is one id, or one for each of as many equal blocks of the
    first axis. `parameters` are those of each formula by its id, the cost's `reduction` among them. `ends` are the
    arguments of the cost that take outputs and targets, or a table of such pairs by cost; labels are where the rows of
    y have their 1.
    """
    if not isinstance(regularizer, str):
        blocks = zip(*([np.split(q, len(regularizer)) for q in (x, y, *W, *b)]), regularizer, strict=True)
        found = [
            network(x, y, q[: len(W)], q[len(W) :], hidden, output, cost, id, parameters, ends, derive=derive)
            for x, y, *q, id in blocks
        ]
        dW, db = ([np.concatenate(g) for g in zip(*(f[k] for f in found), strict=True)] for k in (1, 2))
        return np.concatenate([f[0] for f in found]), dW, db
    given = parameters or {}
    inputs = np.asarray(x, np.float64)
    ending = _cost_of_problems(cost, end_of(cost, ends), np.asarray(y, np.float64), **given.get(cost, {}))
    penalty, inner, last = (bound(id, DEFINITIONS, given.get(id, {})) for id in (regularizer, hidden, output))

    def total(W: Sequence[Array], b: Sequence[Array]) -> Array:
        a = inputs
        for layer, (w, c) in enumerate(zip(W, b, strict=True), 1):
            a = (last if layer == len(W) else inner)(a @ w.mT + c[..., None, :])
        C = ending(a)
        for w in W if regularizer not in REAL else ():
            C = C + penalty(w)
        return np.asarray(C)

    def put(q: Sequence[Array], k: int, new: Array) -> list[Array]:
        return [*q[:k], new, *q[k + 1 :]]

    dtype = np.asarray(x).dtype
    wide_W, wide_b = [np.asarray(w, np.float64) for w in W], [np.asarray(c, np.float64) for c in b]
    with np.errstate(over="ignore", under="ignore"):
        dW = [derive(lambda w, k=k: total(put(wide_W, k, w), wide_b), w, 2) for k, w in enumerate(wide_W)]
        db = [derive(lambda c, k=k: total(wide_W, put(wide_b, k, c)), c, 1) for k, c in enumerate(wide_b)]
        C = total(wide_W, wide_b)
        for k, w in enumerate(wide_W if regularizer in REAL else ()):
            C, dW[k] = C + penalty(w), dW[k] + central_difference(penalty, w, 2)
    return C.astype(dtype), [g.astype(dtype) for g in dW], [g.astype(dtype) for g in db]
