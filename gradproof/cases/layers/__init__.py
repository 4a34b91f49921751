"""Layers: arrays of sizes that all differ, one of them 1 now and then, and a random cotangent for every output."""

from gradproof.cases.layers import attention, experts, heads, linear, norms, recurrent
from gradproof.cases.source import Draw

FAMILIES = (attention, experts, heads, linear, norms, recurrent)
DRAWS: dict[str, Draw] = {f"layer/{name}": draw for family in FAMILIES for name, draw in family.DRAWS.items()}
