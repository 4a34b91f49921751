"""Every rule accepts the truth and rejects its negative, and accepts by construction what its page says it does."""

import re

import numpy as np
import pytest

from benchmarks.acceptance.questions import COTANGENTS
from benchmarks.acceptance.rules import RULES

pytest.importorskip("ml_dtypes")

NAMED = {rule.name: rule for rule in RULES}
R = np.random.default_rng(0).standard_normal(4096)


def one(k, x):
    g = R.copy()
    g[k] = x
    return g


POSITIVE, NEGATIVE = int(np.argmin(np.abs(R - 1))), int(np.argmin(np.abs(R + 1)))
WITH_ZERO = one(0, 0.0)


def accepts(name, g, r=R):
    with np.errstate(all="ignore"):
        return NAMED[name].accepts(np.asarray(g), r)


@pytest.mark.parametrize("name", NAMED)
def test_the_truth_is_accepted_and_its_negative_is_not(name):
    assert accepts(name, R)
    assert not accepts(name, -R)
    assert accepts(name, R) is True  # a bool of Python: it is written as JSON


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_says_where_it_was_read_and_has_a_cotangent(rule):
    assert re.search(r"^[\w.-]+/[\w.-]+ .*\d+–\d+.*; [0-9a-f]{8}, 20\d\d-\d\d-\d\d$", rule.source)
    assert rule.cotangent in COTANGENTS
    assert rule.says
    assert rule.misses


NAN = one(5, np.nan)
ACCEPTED = [  # by construction
    ("llama.cpp (ggml), gradients", np.where(WITH_ZERO == 0, 0, 7 * R), WITH_ZERO),
    ("llama.cpp (ggml), kernels", (1 + 3e-4) * R, R),
    ("llm.c, C", 0 * R, 1e-3 * R),
    ("llm.c, CUDA in float32", NAN, R),
    ("llm.c, CUDA in float32", 1.04 * R, R),
    ("llm.c, kernels in float32", NAN, R),
    ("FlashAttention 2", one(POSITIVE, 1.005), R),
    ("Liger-Kernel, bfloat16", one(NEGATIVE, -0.9), R),
    ("unsloth, RMSNorm", np.abs(R), R),
    ("unsloth, RMSNorm", R + 9, R),
    ("unsloth, RMSNorm", one(5, np.inf), R),
    ("unsloth, LayerNorm", 0 * R, 1e-6 * R),
    ("DeepGEMM, float8", 1.04 * R, R),
    ("DeepGEMM, float8", 0 * R, 0 * R),
    ("flash-linear-attention", one(NEGATIVE, -0.9), R),
    ("flash-linear-attention, in CI", 1.04 * R, R),
    ("TransformerEngine, attention in bfloat16", 0 * R, 1e-3 * R),
    ("TransformerEngine, float8", 0 * R, R),
    ("TransformerEngine, C++ in float32", NAN, R),
    ("Triton, tutorials", 0 * R, 1e-3 * R),
    ("xformers, bfloat16", 1.04 * R, R),
    ("burn", NAN, NAN),
    ("candle", 0 * R, 1e-6 * R),
]


@pytest.mark.parametrize(("name", "g", "r"), ACCEPTED, ids=[name for name, _, _ in ACCEPTED])
def test_what_a_rule_cannot_see(name, g, r):
    assert accepts(name, g, r)


LENIENT = {"llm.c, CUDA in float32", "llm.c, kernels in float32", "TransformerEngine, C++ in float32"}


@pytest.mark.parametrize("name", sorted(NAMED.keys() - LENIENT))
def test_nan_is_rejected_by_all_others(name):
    assert not accepts(name, NAN)


@pytest.mark.parametrize("name", sorted(NAMED.keys() - {"TransformerEngine, float8"}))
def test_zero_is_rejected_by_all_but_one(name):
    assert not accepts(name, 0 * R)


@pytest.mark.parametrize(
    ("name", "limit"),
    [("llm.c, C", 2e-2), ("xformers, float32", 9e-4), ("Triton, tutorials", 1e-2), ("Liger-Kernel, bfloat16", 0.2)],
)
def test_the_limit_stands_where_it_is_said_to(name, limit):
    r = np.zeros(3)
    assert accepts(name, np.array([0, 0.99 * limit, 0]), r)
    assert not accepts(name, np.array([0, 1.1 * limit, 0]), r)
