"""All forward definitions by id, and which of them are PyTorch's own."""

from __future__ import annotations

from collections import ChainMap

from oracles.calls import Definition
from oracles.torch_autograd import (
    activations,
    costs,
    divergences,
    layers,
    preferences,
    regularizers,
    sequences,
    updates,
)
from oracles.torch_autograd.layers.blocks import BLOCKS

OWN: dict[str, Definition] = {**activations.OWN, **costs.OWN, **regularizers.OWN, **layers.OWN, **updates.OWN}
COMPOSED: dict[str, Definition] = {
    **activations.COMPOSED, **costs.COMPOSED,
    **preferences.COMPOSED, **divergences.COMPOSED, **sequences.COMPOSED, **regularizers.COMPOSED, **layers.COMPOSED,
}  # fmt: skip
DEFINITIONS: dict[str, Definition] = {**OWN, **COMPOSED}
ASKED = ChainMap(DEFINITIONS, BLOCKS)  # blocks are no formulas
SLOPES = {**activations.SLOPES, **costs.SLOPES, **layers.SLOPES, **updates.SLOPES}  # where OWN has not all gradients
# with torch's defaults
NATIVE: dict[str, Definition] = {**OWN, **costs.NATIVE, **regularizers.NATIVE, **layers.NATIVE}
