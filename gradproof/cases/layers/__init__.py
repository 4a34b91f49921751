"""Layers: arrays of sizes that all differ, one of them 1 now and then, and a random cotangent for every output."""

from gradproof.cases.layers import (
    attention,
    convolution,
    experts,
    heads,
    interpolation,
    linear,
    norms,
    orthogonal,
    pooling,
    probabilities,
    projections,
    recurrent,
    reductions,
    scans,
)
from gradproof.cases.source import Draw

FAMILIES = (
    attention, convolution, experts, heads, interpolation, linear, norms, orthogonal, pooling, probabilities,
    projections, recurrent, reductions, scans,
)  # fmt: skip
DRAWS: dict[str, Draw] = {f"layer/{name}": draw for family in FAMILIES for name, draw in family.DRAWS.items()}

# In the regime extreme: of how many numbers, cotangents among them, products are summed. That such sums stay in the
# range of float64 is left to who calls these layers, as it is with all products of matrices.
FACTORS = {
    "layer/linear": 2, "layer/bilinear": 3, "layer/lora": 4, "layer/gated_mlp": 4,
    "layer/convolution": 2, "layer/transposed_convolution": 2, "layer/causal_convolution": 2,
    "layer/attention": 4, "layer/multi_head_attention": 8,
    "layer/linear_recurrence": 8, "layer/delta_rule": 16,
    "layer/grid_sample": 2, "layer/load_balance": 2, "layer/batch_norm_inference": 2, "layer/lp_pooling": 2,
}  # fmt: skip
# Not asked in it: what is absorbed in a sum of the largest numbers decides there which way a saturated gate goes; and
# D^β for any β.
USUAL = frozenset({"layer/rnn", "layer/lstm", "layer/gru", "layer/local_response_norm"})
