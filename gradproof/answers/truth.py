"""The truth as one more side: exact answers over balls, each rounded to one float."""

from __future__ import annotations

from typing import Any, NamedTuple

from gradproof.cases.case import Case

STRENGTH = "balls: exact, rounded once"


class Truth(NamedTuple):
    """Outputs and gradients as `oracles.arb_truth.Conditioned`, and how much of the pullback the cotangent reaches."""

    outputs: dict[str, Any]
    gradients: dict[str, Any]
    reach: float  # ‖Jᵀw‖/(‖J‖‖w‖): 0 if the pullback kills the cotangent, and no error could be seen

    @property
    def quantities(self) -> dict[str, Any]:
        """Everything by the name of its quantity, as those of an answer."""
        return {**self.outputs, **{f"∂/∂{name}": g for name, g in self.gradients.items()}}


def truth(case: Case) -> Truth:
    """The exact answer. Raises ImportError without python-flint, and AtKink where slopes differ from both sides."""
    from oracles import arb_truth

    return Truth(*arb_truth.vjp(case.formula, case.arguments, case.cotangent, dtype=case.dtype, **case.parameters))
