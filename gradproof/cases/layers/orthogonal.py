"""Matrices, wide and tall, and several at once; near: of singular values that are all but equal."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source

SHAPES = ((2, 3), (4, 2), (2, 2, 3), (3, 3), (1, 4), (3, 1))  # by seed


def _matrices(s: Source) -> Drawn:
    shape = SHAPES[s.seed % len(SHAPES)]
    x = s.real(*shape, decades=2)
    if s.regime == "near":
        k = min(shape[-2:])
        x = 1e-3 * s.real(*shape)
        x[..., range(k), range(k)] += 2 * s.signs(*shape[:-2], k)
    return Drawn({"x": np.asarray(x)}, shape)


DRAWS: dict[str, Draw] = {"newton_schulz": _matrices}
