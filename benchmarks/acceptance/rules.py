"""Rules by which projects accept a gradient that was written by hand, each restated in a line or two of NumPy.

Read in the projects' own repositories, at the files, lines and versions that stand with each; nothing is copied. A
rule is given the gradient g and the truth r as vectors of float64. Where a project compares in 16 or 8 bits its
tolerances are used as they are. Its inputs and sizes are not: with other numbers the same rule sees more, or less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gradproof.cases.case import as_dtype
from reference.formula import Array

Accepts = Callable[[Array, Array], bool]


@dataclass(frozen=True)
class Rule:
    """How a project accepts a gradient: `accepts`(g, r), the same in words, and the cotangent of its own test.

    `source` is project, file, lines, version and date; `misses` what no gradient can fail it by.
    """

    name: str
    says: str
    source: str
    cotangent: str
    misses: str
    accepts: Accepts


def close(atol: float, rtol: float) -> Accepts:
    """|g − r| ≤ atol + rtol·|r| in every entry; NaN is close to nothing."""
    return lambda g, r: bool(np.all((g == r) | (np.abs(g - r) <= atol + rtol * np.abs(r))))


def mean_asymmetry(g: Array, r: Array) -> bool:
    """Mean of |r − g|/|r + g| at most 1e-4; a NaN in it is no reason to fail."""
    return bool(np.isfinite(g).all()) and not np.mean(np.abs((r - g) / (r + g))) > 1e-4


def squared_error(g: Array, r: Array) -> bool:
    """Energy of the error over that of g at most 1e-7."""
    return bool(np.isfinite(g).all()) and not np.sum((g - r) ** 2) / np.sum(g**2) > 1e-7


def not_apart(atol: float, rtol: float) -> Accepts:
    """No entry has |g − r| > atol + rtol·|r|: asked this way round, NaN passes."""
    return lambda g, r: not np.any(np.abs(g - r) > atol + rtol * np.abs(r))


def twice_as_good(g: Array, r: Array) -> bool:
    """max|g − r| at most 1e-5 and twice that of r in bfloat16, the best that a reference in low precision can be."""
    low = as_dtype(r, "bfloat16").astype(np.float64)
    return bool(np.abs(g - r).max() <= 2 * np.abs(low - r).max() + 1e-5)


def close_to_tested(atol: float, rtol: float) -> Accepts:
    """|g − r| ≤ atol + rtol·|g|, NaN and infinities at the same places."""
    return lambda g, r: bool(
        np.all((g == r) | (np.isnan(g) & np.isnan(r)) | (np.abs(g - r) <= atol + rtol * np.abs(g)))
    )


def signed_maximum(g: Array, r: Array) -> bool:
    """max(r − g) at most 0.05, without absolute value."""
    return bool((r - g).max() <= 0.05)


def norm(g: Array, r: Array) -> bool:
    """‖r − g‖ at most 0.1 over the whole array."""
    return bool(np.sqrt(np.sum((r - g) ** 2)) <= 0.1)


def dice(g: Array, r: Array) -> bool:
    """1 − 2Σgr/Σ(g² + r²) below 1e-3; 0 where both are 0."""
    energy = np.sum(g * g + r * r)
    return bool(energy == 0 or 1 - 2 * np.sum(g * r) / energy < 1e-3)


def rms_ratio(warns: bool) -> Accepts:
    """max|g − r| ≤ 1e-6, or rms(g − r)/(rms(r) + 1e-8) < 0.005; in CI below 0.01, or max|g − r| ≤ 0.3, only warns."""

    def accepts(g: Array, r: Array) -> bool:
        worst, rate = np.abs(g - r).max(), np.sqrt(np.mean((g - r) ** 2)) / (np.sqrt(np.mean(r**2)) + 1e-8)
        return bool(worst <= 1e-6 or rate < 0.005 or (warns and (rate < 0.01 or worst <= 0.3)))

    return accepts


def rms_of_range(g: Array, r: Array) -> bool:
    """rms(g − r) below 0.15 of the range of all numbers of both."""
    return bool(np.sqrt(np.mean((g - r) ** 2)) < 0.15 * (max(g.max(), r.max()) - min(g.min(), r.min())))


def both_apart(g: Array, r: Array) -> bool:
    """No entry with |g − r| > 1e-6 and |(g − r)/r| > 5e-6; NaN passes."""
    return not np.any((np.abs(g - r) > 1e-6) & ((r == 0) | (np.abs((g - r) / r) > 5e-6)))


def total(g: Array, r: Array) -> bool:
    """Σ|g − r|/(Σ|r| + 1e-6) below 1e-5."""
    return bool(np.abs(g - r).sum() / (np.abs(r).sum() + 1e-6) < 1e-5)


def larger_of_two(g: Array, r: Array) -> bool:
    """|g − r| below the larger of 1e-5 and 5e-3·max(|g|, |r|); NaN equals NaN."""
    limit = np.maximum(1e-5, 5e-3 * np.maximum(np.abs(g), np.abs(r)))
    return bool(np.all((g == r) | (np.isnan(g) & np.isnan(r)) | (np.abs(g - r) < limit)))


def four_decimals(g: Array, r: Array) -> bool:
    """Equal when rounded to four decimals."""
    return bool(np.array_equal(np.round(g * 1e4), np.round(r * 1e4)))


RULES = [
    Rule("llama.cpp (ggml), gradients", "mean |r−g|/|r+g| ≤ 1e-4",
         "ggml-org/ggml tests/test-backend-ops.cpp:321–346, 1913; 5a232ab4, 2026-08-21", "ones",
         "everything where one entry has g = r = 0: the mean is NaN, and NaN > 1e-4 is false; ones", mean_asymmetry),
    Rule("llama.cpp (ggml), kernels", "Σ(g−r)²/Σg² ≤ 1e-7",
         "ggml-org/ggml tests/test-backend-ops.cpp:271–284, 1145; 5a232ab4, 2026-08-21", "U(−1, 1)",
         "relative errors below 3e-4; small entries beside large ones; there r is the CPU's own kernel", squared_error),
    Rule("llm.c, C", "|g−r| ≤ 0.02",
         "karpathy/llm.c test_gpt2.c:5–37; 2b761559, 2024-07-09", "normal",
         "gradients below 0.02, whatever they are", close(2e-2, 0)),
    Rule("llm.c, CUDA in float32", "no |g−r| > 1e-6 + 0.079·|r|",
         "karpathy/llm.c test_gpt2.cu:5–46, 268–287; 42aa8918, 2025-04-13", "normal",
         "NaN; any factor within 7.9 %", not_apart(1e-6, 0.079)),
    Rule("llm.c, kernels in float32", "no |g−r| > 1e-4 + 1.2e-7·|r|, where r is finite",
         "karpathy/llm.c dev/cuda/common.h:310–349; 0f112f1b, 2024-06-15", "U(−1, 1)",
         "NaN; gradients below 1e-4; there r is by the same author's formula", not_apart(1e-4, 2.0**-23)),
    Rule("FlashAttention 2", "max|g−r| ≤ 2·max|p−r| + 1e-5, p: r in bfloat16",
         "Dao-AILab/flash-attention tests/test_flash_attn.py:702–713; 00756db9, 2026-07-24", "normal",
         "entries small against the largest", twice_as_good),
    Rule("Liger-Kernel, float32", "|r−g| ≤ 1e-4 + 1e-6·|g|",
         "linkedin/Liger-Kernel test/utils.py:148–207; 9e075c99, 2026-06-04; "
         "test/transformers/test_rms_norm.py:111–185; d02ee203, 2026-07-28", "normal",
         "gradients below 1e-4; NaN for NaN; there weights are ones", close_to_tested(1e-4, 1e-6)),
    Rule("Liger-Kernel, bfloat16", "|r−g| ≤ 0.2 + 0.02·|g|",
         "linkedin/Liger-Kernel test/utils.py:148–207; 9e075c99, 2026-06-04; "
         "test/transformers/test_rms_norm.py:111–185; d02ee203, 2026-07-28", "normal",
         "gradients below 0.2; NaN for NaN; there weights are ones", close_to_tested(0.2, 2e-2)),
    Rule("unsloth, RMSNorm", "max(r−g) ≤ 0.05, signed",
         "unslothai/unsloth unsloth/kernels/rms_layernorm.py:301–326; ee73bcb2, 2026-07-15", "normal",
         "every g ≥ r; the gradient of the weight is not looked at there", signed_maximum),
    Rule("unsloth, LayerNorm", "‖r−g‖ ≤ 0.1",
         "unslothai/unsloth unsloth/kernels/layernorm.py:177–203; 3ce187da, 2026-06-08", "normal",
         "whole gradients of norm below 0.1", norm),
    Rule("DeepGEMM, float8", "1 − 2Σgr/Σ(g²+r²) < 1e-3",
         "deepseek-ai/DeepGEMM deep_gemm/testing/numeric.py:5–11; 54e22612, 2026-06-23", "normal",
         "a factor within 4 %; small entries beside large ones", dice),
    Rule("flash-linear-attention", "max|g−r| ≤ 1e-6 or rms(g−r)/rms(r) < 0.005",
         "fla-org/flash-linear-attention fla/utils/_testing.py:18–41; e791d69b, 2026-06-04", "normal",
         "one wrong entry among many; gradients below 1e-6", rms_ratio(False)),
    Rule("flash-linear-attention, in CI", "as before, and max|g−r| ≤ 0.3 or a ratio < 0.01 only warns",
         "fla-org/flash-linear-attention fla/utils/_testing.py:18–41; e791d69b, 2026-06-04", "normal",
         "any error up to 0.3", rms_ratio(True)),
    Rule("TransformerEngine, attention in bfloat16", "|g−r| ≤ 0.015 + 0.015·|r|",
         "NVIDIA/TransformerEngine tests/pytorch/attention/test_attention.py:177–179, 279–297, 1393; a0a2d088, "
         "2026-08-14", "{0, …, 0.199}", "gradients below 0.015, and under cotangents of at most 0.199 these are many",
         close(0.015, 0.015)),
    Rule("TransformerEngine, float8", "rms(g−r) < 0.15·(max − min of both)",
         "NVIDIA/TransformerEngine tests/pytorch/utils.py:239–265; c0f0bdb9, 2026-07-23", "normal",
         "zero for a normal gradient of 1,000 numbers or more; one wrong entry among many", rms_of_range),
    Rule("TransformerEngine, C++ in float32", "no |g−r| > 1e-6 with |(g−r)/r| > 5e-6",
         "NVIDIA/TransformerEngine tests/cpp/test_common.cu:655–687, 854–868; f1d5f8d5, 2026-07-24", "U(−1, 1)",
         "NaN; gradients below 1e-6", both_apart),
    Rule("apex, FusedLayerNorm", "|g−r| ≤ 1e-5 + 1.3e-6·|r|",
         "NVIDIA/apex tests/L0/run_fused_layer_norm/test_fused_layer_norm.py:155–179; 16fadfe7, 2025-11-28", "U(0, 1)",
         "gradients below 1e-5; there weights are ones, and their gradient is not looked at", close(1e-5, 1.3e-6)),
    Rule("apex, fast LayerNorm", "Σ|g−r|/Σ|r| < 1e-5",
         "NVIDIA/apex apex/contrib/test/layer_norm/test_fast_layer_norm.py:37–44; 16fadfe7, 2025-11-28", "normal",
         "small entries beside large ones", total),
    Rule("Triton, tutorials", "|g−r| ≤ 0.01",
         "triton-lang/triton python/tutorials/05-layer-norm.py, read in facebookexperimental/triton:300–323; 4c006046, "
         "2026-08-04", "normal",
         "gradients below 0.01", close(1e-2, 0)),
    Rule("xformers, float32", "|g−r| ≤ 9e-4 + 1e-4·|r|",
         "facebookresearch/xformers tests/utils.py:105–131; 3e3d261c, 2025-06-10; meta-pytorch/MSLK "
         "mslk/attention/fmha/common.py:616–625; 349573c1, 2026-06-18", "normal",
         "gradients below 9e-4", close(9e-4, 1e-4)),
    Rule("xformers, bfloat16", "|g−r| ≤ 0.9 + 0.1·|r|",
         "facebookresearch/xformers tests/utils.py:105–131; 3e3d261c, 2025-06-10; meta-pytorch/MSLK "
         "mslk/attention/fmha/common.py:616–625; 349573c1, 2026-06-18", "normal",
         "gradients below 0.9; a factor within 10 %", close(0.9, 0.1)),
    Rule("tinygrad", "|g−r| ≤ 1e-4 + 1e-3·|r|",
         "tinygrad/tinygrad test/backend/test_ops.py:24–90; 0e7ab863, 2026-08-20", "ones",
         "what ones do not see: the cotangent, softmax; gradients below 1e-4; NaN for NaN", close(1e-4, 1e-3)),
    Rule("burn", "|g−r| < max(1e-5, 5e-3·max(|g|, |r|))",
         "tracel-ai/burn crates/burn-std/src/data/compare.rs:34–54, 176–190; a8f9b960, 2026-08-19", "ones",
         "what ones do not see: the cotangent, softmax; NaN for NaN", larger_of_two),
    Rule("candle", "equal when rounded to 4 decimals",
         "huggingface/candle candle-core/src/test_utils.rs:36–71; 9541467d, 2025-04-01", "ones",
         "what ones do not see: the cotangent, softmax; gradients below 5e-5", four_decimals),
]  # fmt: skip
