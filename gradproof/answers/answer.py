"""An answer, and the sides that give one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gradproof.cases.case import Case
from reference.formula import Array


class Answer(NamedTuple):
    """What a side says to a case: outputs by name, and the gradient of ⟨cotangent, outputs⟩ by argument."""

    outputs: Mapping[str, Array]
    gradients: Mapping[str, Array]

    @property
    def quantities(self) -> dict[str, Any]:
        """Everything by the name of its quantity: outputs, then gradients by argument."""
        return {**self.outputs, **{f"∂/∂{name}": g for name, g in self.gradients.items()}}


Side = Callable[[Case], Answer]
