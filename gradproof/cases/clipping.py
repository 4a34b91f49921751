"""Gradient clipping: three arrays at once, the limit on either side of their norm."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source

SHAPES = {"g1": (3, 2), "g2": (4,), "g3": (2, 1)}


def _gradients(s: Source) -> Drawn:
    return Drawn({name: s.real(*shape) for name, shape in SHAPES.items()}, SHAPES)


def _by_norm(s: Source) -> Drawn:
    drawn = _gradients(s)
    norm = float(np.sqrt(sum((g**2).sum() for g in drawn.arguments.values())))
    share = s.rng.choice([0.3, 0.9, 1.1]) if s.regime != "near" else 1 + 1e-6 * s.rng.standard_normal()
    return drawn._replace(parameters={"max_norm": float(share * norm)})


DRAWS: dict[str, Draw] = {"update/clip_by_value": _gradients, "update/clip_by_norm": _by_norm}
