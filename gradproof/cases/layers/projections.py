"""Rows onto distributions, with supports of one entry and of all; matrices onto doubly stochastic ones; tanh."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source

SHAPES = ((3, 4), (2, 3, 5), (1, 6), (4, 2), (7,), (3, 1))  # by seed
MATRICES = ((3, 4), (2, 3, 2), (1, 3), (4, 2), (5, 1), (2, 2, 3))


def _rows(s: Source) -> Drawn:
    """Near: entries all but equal, which are all in the support."""
    shape = SHAPES[s.seed % len(SHAPES)]
    z = (s.logits if s.regime in ("wide", "extreme") else s.real)(*shape)
    return Drawn({"z": z if s.regime != "near" else 1e-3 * z + s.real(*shape[:-1], 1)}, shape)


def _sinkhorn(s: Source) -> Drawn:
    shape = MATRICES[s.seed % len(MATRICES)]
    z = np.clip(s.logits(*shape), -20, 20)
    return Drawn({"z": z if s.regime != "near" else 1e-3 * z}, shape)


def _dynamic_tanh(s: Source) -> Drawn:
    shape = SHAPES[s.seed % len(SHAPES)]
    alpha = s.rng.uniform(0.2, 2) * s.signs()
    weight = s.rng.uniform(0.25, 4, shape[-1:]) * s.signs(*shape[-1:]) if s.odd else None
    x, saturated, small = s.real(*shape), np.clip(s.logits(*shape), -30, 30), 1e-3 * s.real(*shape)
    x = {"wide": saturated, "near": small}.get(s.regime, x)
    return Drawn({"x": x, "alpha": np.asarray(alpha), "weight": weight, "bias": s.real(*shape[-1:]) if s.odd else None},
                 shape)  # fmt: skip


DRAWS: dict[str, Draw] = {
    "sparsemax": _rows,
    "entmax": _rows,
    "sinkhorn": _sinkhorn,
    "dynamic_tanh": _dynamic_tanh,
}
