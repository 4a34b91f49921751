"""Activations of whole rows, of several lengths, one of them alone."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference import CATALOGUE
from reference.formula import Formula

SHAPES = ((3, 4), (1, 10), (2, 6))


def _rows(formula: Formula) -> Draw:
    def draw(s: Source) -> Drawn:
        n, d = SHAPES[s.seed % len(SHAPES)] if s.style != "single" else (1, _least(formula))
        z = s.logits(n, d) if s.regime != "near" else 1e-3 * s.logits(n, d) + s.real(n, 1)  # near: all but equal
        given = {"k": max(k for k in range(1, 6) if d % k == 0)} if s.odd and "k" in s.parameters else {}
        shape = formula.function(z, **given)[0].shape
        return Drawn({"z": z}, shape, given, alone=s.seed % (2 * len(SHAPES)) >= len(SHAPES) and len(shape) > 1)

    return draw


def _least(formula: Formula) -> int:
    """The shortest row that it takes: one entry, or two halves."""
    try:
        formula.function(np.ones((1, 1)))
    except ValueError:
        return 2
    return 1


DRAWS: dict[str, Draw] = {f.id: _rows(f) for f in CATALOGUE.values() if f.kind == "activation" and not f.elementwise}
