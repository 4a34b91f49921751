"""Between logits and probabilities in JAX."""

from __future__ import annotations

from typing import Any

import jax

from oracles.calls import Definition


def _log1mexp(z: Any) -> Any:
    return jax.nn.log1mexp(z)


def _gumbel_softmax(z: Any, noise: Any, temperature: float = 1.0) -> Any:
    return jax.nn.softmax((z + noise) / temperature, -1)


OWN: dict[str, Definition] = {"layer/log1mexp": _log1mexp}
COMPOSED: dict[str, Definition] = {"layer/gumbel_softmax": _gumbel_softmax}
