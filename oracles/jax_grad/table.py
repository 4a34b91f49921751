"""All forward definitions by id, and which of them are JAX's and Optax's own."""

from __future__ import annotations

from collections import ChainMap

from oracles.calls import Definition
from oracles.jax_grad import activations, costs, divergences, layers, preferences, regularizers, sequences, updates
from oracles.jax_grad.layers.blocks import BLOCKS

OWN: dict[str, Definition] = {
    **activations.OWN, **costs.OWN, **divergences.OWN, **regularizers.OWN, **layers.OWN, **updates.OWN,
}  # fmt: skip
COMPOSED: dict[str, Definition] = {
    **activations.COMPOSED, **costs.COMPOSED,
    **preferences.COMPOSED, **divergences.COMPOSED, **sequences.COMPOSED, **regularizers.COMPOSED, **layers.COMPOSED,
}  # fmt: skip
DEFINITIONS: dict[str, Definition] = {**OWN, **COMPOSED}
ASKED = ChainMap(DEFINITIONS, BLOCKS)  # blocks are no formulas
SLOPES = activations.SLOPES  # where OWN has not all gradients
NATIVE: dict[str, Definition] = {
    **activations.OWN, **updates.OWN, **costs.NATIVE, **regularizers.NATIVE, **layers.NATIVE,
}  # fmt: skip
