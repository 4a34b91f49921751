"""Linear maps and tables: leading axes and none, one row and many, rows that are read twice, one and not at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SHAPES: tuple[tuple[tuple[int, ...], int, int], ...] = (
    ((3,), 4, 2), ((), 3, 2), ((2, 3), 1, 4), ((4,), 2, 1), ((1, 2), 5, 3), ((2,), 3, 4)
)  # leading axes of x, d, m; by seed  # fmt: skip


def matrix(s: Source, *shape: int) -> Array:
    """A matrix; near: rows that are all but equal, so that differences of outputs cancel."""
    w = s.real(*shape, decades=2)
    return w if s.regime != "near" else w[:1] * (1 + 1e-3 * s.rng.standard_normal(shape))


def _linear(s: Source) -> Drawn:
    lead, d, m = SHAPES[s.seed % len(SHAPES)]
    given: dict[str, Any] = {"x": s.real(*lead, d), "weight": matrix(s, m, d)}
    if s.odd:
        given["bias"] = s.real(m)
    return Drawn(given, (*lead, m))


def _bilinear(s: Source) -> Drawn:
    lead, d, m = SHAPES[s.seed % len(SHAPES)]
    e = d % 3 + 1
    given: dict[str, Any] = {"x1": s.real(*lead, d), "x2": s.real(*lead, e), "weight": matrix(s, m, d, e)}
    if s.odd:
        given["bias"] = s.real(m)
    return Drawn(given, (*lead, m))


def _lora(s: Source) -> Drawn:
    lead, d, m = SHAPES[s.seed % len(SHAPES)]
    r = 1 + s.seed % 3
    given = {"x": s.real(*lead, d), "weight": matrix(s, m, d), "a": matrix(s, r, d), "b": matrix(s, m, r)}
    return Drawn(given, (*lead, m))


def _embedding(s: Source) -> Drawn:
    shape = ((5,), (2, 3), (), (4, 1), (7,), (1, 6))[s.seed % 6]
    rows, d = 5, (3, 2, 4, 1, 2, 3)[s.seed % 6]
    indices = np.asarray(s.rng.integers(0, rows, shape))
    options: dict[str, Any] = {}
    if s.seed % 3 == 1:
        options = {"padding_idx": 2 if s.odd else 0}
        indices.flat[-1] = options["padding_idx"]
    elif s.seed % 6 > 2:
        options = {"scale_grad_by_freq": True}
    return Drawn({"weight": s.real(rows, d), "indices": indices}, (*shape, d), options)


DRAWS: dict[str, Draw] = {"linear": _linear, "bilinear": _bilinear, "lora": _lora, "embedding": _embedding}
