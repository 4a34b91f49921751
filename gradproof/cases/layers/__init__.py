"""Layers: arrays of sizes that all differ, one of them 1 now and then, and a random cotangent for every output."""

from gradproof.cases.layers import norms, recurrent
from gradproof.cases.source import Draw

DRAWS: dict[str, Draw] = {f"layer/{name}": draw for family in (norms, recurrent) for name, draw in family.DRAWS.items()}
