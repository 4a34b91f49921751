"""Reductions in JAX."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from oracles.calls import Definition


def _maximum(x: Any, axis: int = -1) -> Any:
    return jnp.max(x, int(axis))


def _minimum(x: Any, axis: int = -1) -> Any:
    return jnp.min(x, int(axis))


def _norm(x: Any, p: float = 2.0, axis: int = -1) -> Any:
    return jnp.linalg.norm(x, p, int(axis))


def _variance(x: Any, correction: float = 1.0, axis: int = -1) -> Any:
    return jnp.var(x, int(axis), correction=correction)


def _standard_deviation(x: Any, correction: float = 1.0, axis: int = -1) -> Any:
    return jnp.std(x, int(axis), correction=correction)


OWN: dict[str, Definition] = {
    "layer/maximum": _maximum,
    "layer/minimum": _minimum,
    "layer/norm": _norm,
    "layer/variance": _variance,
    "layer/standard_deviation": _standard_deviation,
}
COMPOSED: dict[str, Definition] = {}
