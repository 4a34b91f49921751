"""Newton–Schulz orthogonalisation as Optax has it, inside Muon: of a gradient alone, where there is no momentum."""

from __future__ import annotations

from typing import Any

import jax
from optax import contrib

from oracles.calls import Definition


def _newton_schulz(
    x: Any, a: float = 3.4445, b: float = -4.775, c: float = 2.0315, eps: float = 1e-7, iterations: int = 5
) -> Any:
    rule = contrib.scale_by_muon((a, b, c), int(iterations), 0.0, eps, nesterov=False)
    matrices = jax.vmap(lambda g: rule.update(g, rule.init(g))[0])
    return matrices(x.reshape(-1, *x.shape[-2:])).reshape(x.shape)


OWN: dict[str, Definition] = {"layer/newton_schulz": _newton_schulz}
COMPOSED: dict[str, Definition] = {}
