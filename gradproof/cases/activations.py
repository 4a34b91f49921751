"""Elementwise activations with parameters that can be learned, on small arrays: gradients by z and by parameter."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference import CATALOGUE
from reference.formula import Formula


def _with_parameters(formula: Formula) -> Draw:
    def draw(s: Source) -> Drawn:
        z = s.logits(s.n, s.d)
        if s.regime == "near":  # where pieces meet, and slopes are small
            z = 0.05 * z
        usual = s.parameters if s.style else formula.parameters
        learned = {name: np.asarray(min(usual[name] * s.rng.uniform(0.4, 2.5), s.top)) for name in formula.learnable}
        return Drawn({"z": z, **learned}, (s.n, s.d))

    return draw


DRAWS: dict[str, Draw] = {f.id: _with_parameters(f) for f in CATALOGUE.values() if f.elementwise and f.learnable}
