"""Between logits and probabilities: near, what is left of 1 is small, or one class is all but drawn."""

from __future__ import annotations

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source


def _log1mexp(s: Source) -> Drawn:
    z = s.positive(3, 4)
    return Drawn({"z": z / 1e3 if s.regime == "near" else z}, (3, 4))


def _gumbel_softmax(s: Source) -> Drawn:
    shape = (3, 1 if s.seed == 4 else 5)
    z = s.logits(*shape)
    noise = s.rng.gumbel(size=shape)
    return Drawn({"z": z, "noise": noise + 20 * (np.arange(shape[1]) == 1) if s.regime == "near" else noise}, shape)


DRAWS: dict[str, Draw] = {"log1mexp": _log1mexp, "gumbel_softmax": _gumbel_softmax}
