"""Random numbers for one case, by regime.

    plain   numbers as they come: standard normal scores, probabilities of normal logits
    wide    magnitudes over many powers of ten, saturated logits, probabilities close to 0 and 1
    near    where terms all but cancel: predictions close to their targets, rows as long as a limit, singular values
            all but equal, logits all but equal

No branch of a formula is met exactly, except by design of the data (a target of exactly 0 or 1); those are the
business of `cases.kinks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from reference.formula import Array

REGIMES = ("plain", "wide", "near")
N, D = 3, 4


class Drawn(NamedTuple):
    """Arguments by name (None: not given), the shape of the outputs or of each of them, and parameters.

    `alone`: the cotangent has one entry a row, so that small entries of a Jacobian do not hide behind large ones.
    """

    arguments: Mapping[str, Any]
    shape: tuple[int, ...] | Mapping[str, tuple[int, ...]] = ()
    parameters: Mapping[str, Any] = {}  # read only
    alone: bool = False


class Source:
    """Numbers for one case, whose formula has `parameters`.

    `odd` is true in every second case: what may be left out is then given.
    """

    def __init__(self, rng: np.random.Generator, regime: str, seed: int, parameters: Mapping[str, Any]):
        self.rng, self.regime, self.seed, self.odd = rng, regime, seed, bool(seed % 2)
        self.parameters = parameters

    def real(self, *shape: int, decades: float = 4) -> Array:
        """Real numbers."""
        x = self.rng.standard_normal(shape)
        return x * 10 ** self.rng.uniform(-decades, decades, shape) if self.regime == "wide" else x

    def logits(self, *shape: int) -> Array:
        """Scores: saturated where the regime is wide."""
        x = self.rng.standard_normal(shape)
        return x * self.rng.uniform(1, 60) if self.regime == "wide" else 2 * x

    def positive(self, *shape: int) -> Array:
        """Numbers > 0."""
        return np.exp(self.rng.standard_normal(shape) * (6 if self.regime == "wide" else 1))

    def close(self, x: Array) -> Array:
        """Numbers close to x in the regime near, else any."""
        return x * (1 + 1e-3 * self.rng.standard_normal(x.shape)) if self.regime == "near" else self.real(*x.shape)

    def unit(self, *shape: int) -> Array:
        """Numbers inside (0, 1)."""
        z = np.clip(self.logits(*shape), -14, 14)  # in float32 as well, no result is 1
        return np.asarray(1 / (1 + np.exp(-z)))

    def rows(self, n: int = N, d: int = D) -> Array:
        """Distributions."""
        e = np.exp(np.clip(self.logits(n, d), -20, 20))
        return np.asarray(e / e.sum(-1, keepdims=True))

    def labels(self, n: int = N, d: int = D) -> Array:
        """Class labels."""
        return self.rng.integers(0, d, n)

    def signs(self, *shape: int) -> Array:
        """−1 and +1."""
        return self.rng.choice([-1.0, 1.0], shape)

    def weight(self, *shape: int) -> Array | None:
        """Weights, in every second case."""
        return self.rng.uniform(0.25, 4, shape) if self.odd else None


Draw = Callable[[Source], Drawn]
