"""A case: one thing to ask of everyone who answers."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reference.formula import Array

Cotangent = Mapping[str, Array]  # by output


@dataclass(frozen=True)
class Case:
    """A call of a formula: arguments by name, parameters, the cotangent of its outputs, and what makes it again.

    Floating arguments are of `dtype`. A formula with one output calls it "value".
    """

    formula: str
    dtype: str
    regime: str
    seed: int
    arguments: Mapping[str, Array]
    cotangent: Cotangent | None  # None: ones
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Regime and seed, by which the case is drawn again: "wide 3"."""
        return f"{self.regime} {self.seed}"


def generator(id: str, dtype: str, regime: str, seed: int, what: str = "") -> np.random.Generator:
    """The random numbers of one case, and with `what` others for the same one."""
    return np.random.default_rng([zlib.crc32(f"{id} {dtype} {regime}{what}".encode()), seed])


def random_cotangent(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Random numbers, none of them close to 0: under ones, the pullback of a softmax is 0, and one ignored is right."""
    return np.asarray(rng.choice([-1.0, 1.0], shape) * rng.uniform(0.3, 3, shape))


def as_dtype(x: Any, dtype: str) -> Array:
    """Numbers as an array of the floating dtype of that name. bfloat16 needs ml_dtypes."""
    if dtype == "bfloat16":
        import ml_dtypes

        return np.asarray(x).astype(ml_dtypes.bfloat16)
    return np.asarray(x).astype(dtype)
