"""Update rules: one step as its paper defines it, for arrays of numbers. Outputs alone: nothing is differentiated."""

from oracles.arb_truth.updates import moments, norms
from oracles.arb_truth.updates.rule import MEETING, UPDATES, check_step

__all__ = ["MEETING", "UPDATES", "check_step", "moments", "norms"]
