"""Gradient clipping: three arrays at once, the limit on either side of their norm."""

from __future__ import annotations

import math

from gradproof.cases.source import Draw, Drawn, Source

SHAPES = {"g1": (3, 2), "g2": (4,), "g3": (2, 1)}


def _gradients(s: Source) -> Drawn:
    return Drawn({name: s.real(*shape) for name, shape in SHAPES.items()}, SHAPES)


def _by_norm(s: Source) -> Drawn:
    drawn = _gradients(s)
    norm = math.hypot(*(x for g in drawn.arguments.values() for x in g.ravel().tolist()))
    share = s.rng.choice([0.3, 0.9, 1.1]) if s.regime != "near" else 1 + 1e-6 * s.rng.standard_normal()
    return drawn._replace(parameters={"max_norm": min(float(share * norm), s.top)})


DRAWS: dict[str, Draw] = {"update/clip_by_value": _gradients, "update/clip_by_norm": _by_norm}
