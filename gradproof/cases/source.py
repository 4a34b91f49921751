"""Random numbers for one case, by regime.

    plain   numbers as they come: standard normal scores, probabilities of normal logits
    wide    magnitudes over many powers of ten, saturated logits, probabilities close to 0 and 1
    near    where terms all but cancel: predictions close to their targets, rows as long as a limit, singular values
            all but equal, logits all but equal
    extreme the ends of the range of the dtype, a style a seed: huge numbers, tiny ones, down to subnormal, all sizes
            beside each other, residuals below 1e-12, a single entry, and the ends of every domain

No branch of a formula is met exactly, except by design of the data (a target of exactly 0 or 1); those are the
business of `cases.kinks`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from oracles.floats import format_of
from reference.formula import Array

USUAL = ("plain", "wide", "near")
REGIMES = (*USUAL, "extreme")
STYLES = ("huge", "tiny", "spread", "residual", "single", "ends")  # of the regime extreme
N, D = 3, 4
LOGIT = 1e3  # beyond it every exponential overflows, or is 0
RESIDUAL = -40  # 2^-40 is about 1e-12


class Drawn(NamedTuple):
    """Arguments by name (None: not given), the shape of the outputs or of each of them, and parameters.

    `alone`: the cotangent has one entry a row, so that small entries of a Jacobian do not hide behind large ones.
    """

    arguments: Mapping[str, Any]
    shape: tuple[int, ...] | Mapping[str, tuple[int, ...]] = ()
    parameters: Mapping[str, Any] = {}  # read only
    alone: bool = False


class Source:
    """Numbers for one case in a dtype, whose formula has `parameters`.

    `odd` is true in every second case: what may be left out is then given. `style` is that of the regime extreme, empty
    in the others. There are `n` examples of `d` entries, and one of one where the style is single. The ends of the
    range are those that products of `factors` numbers, and sums of some, do not leave.
    """

    def __init__(
        self,
        rng: np.random.Generator,
        regime: str,
        seed: int,
        parameters: Mapping[str, Any],
        dtype: str = "float64",
        factors: int = 1,
    ):
        self.rng, self.regime, self.seed, self.odd = rng, regime, seed, bool(seed % 2)
        self.parameters = parameters
        self.style = STYLES[(seed + seed // len(STYLES)) % len(STYLES)] if regime == "extreme" else ""
        self.n, self.d = (1, 1) if self.style == "single" else (N, D)
        digits, least, greatest = format_of(dtype)[1]
        self.least, self.greatest = (least, greatest) if factors == 1 else (least // factors, (greatest - 8) // factors)
        self.normal = self.least + digits - 1  # exponent of the least normal number
        self.top = float(np.ldexp(2.0 - 2.0 ** (1 - digits), self.greatest))
        self.roundoff = 2.0**-digits

    def sizes(self, *shape: int) -> Array:
        """Numbers > 0 of the sizes of the style, all of them floats of the dtype once they are rounded to it.

        Beside each other they are from the middle of the range, so that a square and its cotangent are in it.
        """
        low, high = {
            "huge": (self.greatest - 3.0, self.greatest + 1.0),
            "tiny": (self.least, self.normal + 4.0),
            "residual": (self.least, 0.0),
        }.get(self.style, (self.least / 2, self.greatest / 2))
        x = np.minimum(2.0 ** self.rng.uniform(low, high - 1e-3, shape), self.top)
        if self.style == "ends":
            return np.asarray(self.rng.choice([2.0**self.least, 2.0**self.normal, 1.0, self.top], shape))
        return np.asarray(x)

    def real(self, *shape: int, decades: float = 4) -> Array:
        """Real numbers. Some are 0 where the style is ends."""
        if self.style:
            zeros = self.rng.choice([0.0, 1.0], shape, p=[0.25, 0.75]) if self.style == "ends" else 1.0
            return self.signs(*shape) * self.sizes(*shape) * zeros
        x = self.rng.standard_normal(shape)
        return x * 10 ** self.rng.uniform(-decades, decades, shape) if self.regime == "wide" else x

    def logits(self, *shape: int) -> Array:
        """Scores: saturated where the regime is wide; ±1e3 and ±1e300, as far as the dtype has them, where extreme."""
        x = self.rng.standard_normal(shape)
        if self.style == "residual":  # all but equal
            return self.rng.standard_normal((*shape[:-1], 1)) + self.real(*shape) * 2.0**RESIDUAL
        if self.style == "huge":
            return np.clip(x * self.rng.choice([LOGIT, 1e300], shape), -self.top / 4, self.top / 4)
        if self.style == "ends":
            far = min(1e300, self.top / 4)
            return self.rng.choice([0.0, 2.0**self.least, min(LOGIT, far), -min(LOGIT, far), far, -far], shape)
        if self.style:
            return self.real(*shape) / 4
        return x * self.rng.uniform(1, 60) if self.regime == "wide" else 2 * x

    def embeddings(self, n: int, d: int) -> Array:
        """Rows of real numbers, none of them all 0."""
        x = self.real(n, d)
        return np.where(np.any(x != 0, -1, keepdims=True), x, 1.0) if self.style else x

    def positive(self, *shape: int) -> Array:
        """Numbers > 0."""
        if self.style:
            return self.sizes(*shape)
        x = np.exp(self.rng.standard_normal(shape) * (6 if self.regime == "wide" else 1))
        return np.clip(x, 2.0**self.least, self.top)

    def counts(self, *shape: int) -> Array:
        """Numbers ≥ 0, some of them 0 where the style is ends."""
        x = self.positive(*shape)
        return x * self.rng.integers(0, 2, shape) if self.style == "ends" else x

    def close(self, x: Array) -> Array:
        """Numbers close to x in the regime near, and within 1e-12 in the style residual, else any."""
        if self.style == "residual":
            apart = self.rng.uniform(self.least, max(RESIDUAL, self.least + 4), x.shape)
            return x + self.signs(*x.shape) * 2.0**apart
        return x * (1 + 1e-3 * self.rng.standard_normal(x.shape)) if self.regime == "near" else self.real(*x.shape)

    def unit(self, *shape: int) -> Array:
        """Numbers inside (0, 1); 0 and 1 too where the style is ends."""
        if self.style == "ends":
            return self.rng.choice([0.0, 2.0**self.least, 0.5, 1 - self.roundoff, 1.0], shape)
        if self.style:
            small = 2.0 ** self.rng.uniform(self.least, -1, shape)
            return np.where(self.rng.integers(0, 2, shape) == 0, small, 1 - np.maximum(small, self.roundoff))
        z = np.clip(self.logits(*shape), -14, 14)  # in float32 as well, no result is 1
        return np.asarray(1 / (1 + np.exp(-z)))

    def rows(self, n: int | None = None, d: int | None = None) -> Array:
        """Distributions: in the regime extreme with entries down to subnormal, or of a single 1 where it is ends."""
        n, d = self.n if n is None else n, self.d if d is None else d
        if self.style:
            small = 2.0 ** self.rng.uniform(self.least, -8, (n, d)) * (self.style != "ends")
            certain = np.arange(d) == self.rng.integers(0, d, (n, 1))
            return np.where(certain, 1 - (small * ~certain).sum(-1, keepdims=True), small)
        e = np.exp(np.clip(self.logits(n, d), -20, 20))
        return np.asarray(e / e.sum(-1, keepdims=True))

    def labels(self) -> Array:
        """Class labels, (n,): of one class alone where the style is ends."""
        x = self.rng.integers(0, self.d, self.n)
        return np.full_like(x, x[0]) if self.style == "ends" else x

    def signs(self, *shape: int) -> Array:
        """−1 and +1."""
        return self.rng.choice([-1.0, 1.0], shape)

    def weight(self, *shape: int) -> Array | None:
        """Weights, in every second case: of all sizes in the regime extreme, some 0 where the style is ends."""
        if not self.odd:
            return None
        if not self.style:
            return self.rng.uniform(0.25, 4, shape)
        if self.style in ("huge", "tiny"):
            return self.sizes(*shape)
        x = 2.0 ** self.rng.uniform(self.least / 4, self.greatest / 4, shape)
        if self.style == "ends":
            x *= self.rng.integers(0, 2, shape)
            x.flat[0] = self.rng.uniform(0.25, 4)  # a mean over nothing is undefined
        return x


Draw = Callable[[Source], Drawn]
