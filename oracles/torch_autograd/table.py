"""All forward definitions by id, and which of them are PyTorch's own."""

from __future__ import annotations

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

OWN: dict[str, Definition] = {**activations.OWN, **costs.OWN, **regularizers.OWN, **layers.OWN, **updates.OWN}
COMPOSED: dict[str, Definition] = {
    **activations.COMPOSED, **costs.COMPOSED,
    **preferences.COMPOSED, **divergences.COMPOSED, **sequences.COMPOSED, **regularizers.COMPOSED, **layers.COMPOSED,
}  # fmt: skip
DEFINITIONS: dict[str, Definition] = {**OWN, **COMPOSED}
SLOPES = {**activations.SLOPES, **costs.SLOPES, **layers.SLOPES, **updates.SLOPES}  # where OWN has not all gradients
NATIVE: dict[str, Definition] = {**OWN, **costs.NATIVE, **regularizers.NATIVE}  # with torch's defaults
