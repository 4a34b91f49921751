"""Between logits and probabilities, for complex arrays."""

from __future__ import annotations

import numpy as np
from scipy.special import expm1, log1p

from oracles.calls import Array, Definition
from oracles.finite_difference.functions import log_softmax


def _log1mexp(z: Array) -> Array:
    return np.where(z.real < 1, np.log(-expm1(-z)), log1p(-np.exp(-z)))


def _gumbel_softmax(z: Array, noise: Array, temperature: float = 1.0) -> Array:
    return np.exp(log_softmax((z + noise) / temperature))


DEFINITIONS: dict[str, Definition] = {"layer/log1mexp": _log1mexp, "layer/gumbel_softmax": _gumbel_softmax}
