"""Update rules: one step as its paper defines it, for arrays of numbers. Outputs alone: nothing is differentiated."""

from oracles.arb_truth.updates import averages, distances, matrices, moments, norms, scaled
from oracles.arb_truth.updates.rule import MEETING, UPDATES, check_step

__all__ = ["MEETING", "UPDATES", "averages", "check_step", "distances", "matrices", "moments", "norms", "scaled"]
