"""The truth as one more side: exact answers over balls, each rounded to one float."""

from __future__ import annotations

from typing import Any, NamedTuple

from gradproof.cases.case import Case

VACUOUS = 2.0**-20  # ‖Jᵀv‖/(‖J‖‖v‖) below which a test under the cotangent v could not fail


class Truth(NamedTuple):
    """Outputs and gradients as `oracles.arb_truth.Conditioned`, and how much of the formula the cotangent sees.

    `vacuity` is ‖Jᵀv‖/(‖J‖‖v‖): about 0 if the pullback kills the cotangent, so that no error could be seen; NaN where
    J is 0.
    """

    outputs: dict[str, Any]
    gradients: dict[str, Any]
    vacuity: float

    @property
    def quantities(self) -> dict[str, Any]:
        """Everything by the name of its quantity, as those of an answer."""
        return {**self.outputs, **{f"∂/∂{name}": g for name, g in self.gradients.items()}}


def truth(case: Case) -> Truth:
    """The exact answer; an entry that has none, as at a kink, is NaN. Raises ImportError without python-flint.

    In wide cases of blocks what rounds between their layers counts as what rounds inputs does.
    """
    from oracles import arb_truth

    answer = arb_truth.chained if case.formula.startswith("block/") and case.regime == "wide" else arb_truth.pullback
    return Truth(*answer(case.formula, case.arguments, case.cotangent, dtype=case.dtype, **case.parameters))
