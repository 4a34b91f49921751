"""What a test is there to find: the dictionary of bug types, each with the public defects that motivated it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradproof.cases.case import Case
from reference import CATALOGUE


class Flag(NamedTuple):
    """A bug type: what is done wrong, when usual tests do not see it, and where it happened."""

    bug: str
    hidden: str
    seen: tuple[str, ...]


FLAGS: dict[str, Flag] = {
    "BranchMoved": Flag(
        "A comparison or constant at a branch is rounded, so that the neighbour of a kink gets the other branch.",
        "inputs far from the branch",
        ("reports/frameworks.md: jax hardsigmoid at 0x1.7ffffffffffffp+1", "reports/frameworks.md: sparse_sigmoid"),
    ),
    "Cancellation": Flag(
        "Terms that all but cancel are subtracted after they have been rounded; few or no digits are left.",
        "inputs near 1, or a tolerance that is absolute",
        ("reports/frameworks.md: jax tanh and tanhshrink", "reports/frameworks.md: torch cosine_embedding"),
    ),
    "CotangentCopied": Flag(
        "The pullback hands the cotangent on instead of multiplying by the Jacobian.",
        "a cross-entropy behind it that expects just this",
        ("darknet PR#96",),
    ),
    "CotangentDifferentiated": Flag(
        "The slope is taken at the cotangent instead of at the input: 1 − tanh²(v).",
        "a test of the forward pass alone",
        ("numpy_neural_network#6",),
    ),
    "CotangentIgnored": Flag(
        "The cotangent does not enter, as if it were all ones.",
        "a test under sum(), whose cotangent is ones",
        ("Liger-Kernel#678", "Liger-Kernel#968"),
    ),
    "DividesByInput": Flag(
        "A quotient by the input stands for a derivative, which is NaN at 0.",
        "no zero among the inputs",
        ("burn#3864",),
    ),
    "DivisorDiffers": Flag(
        "Forward and backward divide by different numbers, as where the mean is over weights.",
        "equal weights, sizes that divide",
        ("burn#5604", "pytorch#198119"),
    ),
    "GradientMissing": Flag(
        "The gradient by a weight or a learned parameter is never given.",
        "only the gradient by the input is compared",
        ("unsloth#4533", "candle#3568"),
    ),
    "IntermediateOverflow": Flag(
        "A square or an exponential on the way overflows, though the result is an ordinary number.",
        "inputs of moderate size",
        ("reports/frameworks.md: torch and jax gelu_tanh", "reports/frameworks.md: torch log_cosh and soft_margin"),
    ),
    "Kink": Flag(
        "At a kink any slope between left and right is a subgradient; one outside is an error.",
        "random inputs, which never meet a kink",
        ("reports/kinks.md: jax triplet_margin where a = b is NaN",),
    ),
    "NarrowConstant": Flag(
        "A constant is written in single precision, and used in double.",
        "a tolerance of 1e-6",
        ("reports/frameworks.md: torch hardsigmoid, slope 1/6",),
    ),
    "ParameterUnchecked": Flag(
        "A parameter outside its range is used, and a number comes out that means nothing.",
        "sensible parameters",
        ("reports/conventions.md: optax adam takes beta1 = 1.5",),
    ),
    "RangeUnchecked": Flag(
        "An argument outside its range, as a label of no class, is used.",
        "clean data",
        ("pytorch#5296", "pytorch#152437", "Paddle#10945"),
    ),
    "SaturatedSlope": Flag(
        "1 − p underflows to 0 for p near 1, or a tail is cut off: 0 where the truth is an ordinary number.",
        "inputs near 0, or a tolerance that is absolute",
        ("reports/frameworks.md: torch and jax sigmoid at 36.74", "reports/frameworks.md: cross_entropy_labels"),
    ),
    "ScalarCotangent": Flag(
        "A cotangent without axes is read as an array of the input's shape, or taken for 1.",
        "a cotangent of 1, or of full shape",
        ("FlagGems#5212",),
    ),
    "SecondOutput": Flag(
        "Of several outputs, the cotangent of all but the first is dropped.",
        "a loss on the first output",
        ("flash-attention#1817",),
    ),
    "ShapeUnchecked": Flag(
        "Arrays whose shapes do not fit are read as if they did.",
        "equal shapes",
        ("jittor PR#548",),
    ),
    "ShortcutThreshold": Flag(
        "Beyond a threshold an approximation replaces the function before it is good to all digits.",
        "single precision, where it is good",
        ("reports/frameworks.md: torch softplus at 20.03",),
    ),
    "SlopeOfOutput": Flag(
        "A slope in terms of the output is called with the input, or the reverse: 1 − tanh²(tanh z).",
        "inputs near 0",
        ("neural2d#40",),
    ),
    "SmoothingConvention": Flag(
        "Label smoothing gives a/K to every class, or a/(K − 1) to the others.",
        "no smoothing",
        ("Megatron-LM#7452", "Liger-Kernel PR#1260"),
    ),
    "SoftmaxTwice": Flag(
        "Logits pass through softmax before a cost that has a softmax of its own.",
        "flat logits",
        ("transformers#45120",),
    ),
    "SquareOnly": Flag(
        "Rows and columns are mixed up, or a loop passes the end of the shorter side.",
        "square matrices",
        ("pytorch#171704",),
    ),
    "SubnormalFlushed": Flag(
        "A subnormal input is taken as 0, and gets the slope of the other branch.",
        "no subnormal inputs",
        ("reports/frameworks.md: jax relu at the least subnormal",),
    ),
    "TiesCounted": Flag(
        "Where several are the largest, the shares they get do not add up.",
        "no ties among random numbers",
        ("tinygrad#12296",),
    ),
}

SOFTMAX_INSIDE = ("cross_entropy_labels", "cross_entropy_probabilities", "softmax_focal", "poly_cross_entropy")


def of_point(id: str, dtype: str, z: float, value: float, slope: float) -> Iterator[str]:
    """The flags of an elementwise activation at one point, given the exact value and slope."""
    from oracles.floats import FORMATS

    format = FORMATS[dtype]
    least_normal = math.ldexp(1.0, format.least + format.digits - 1)
    tiny = any(0 < abs(y) < 2.0**-12 for y in (value, slope))
    if 0 < abs(z) < least_normal:
        yield "SubnormalFlushed"
    elif 0 < abs(z) < math.ldexp(1.0, -(format.digits // 2)):
        yield "Cancellation"
    if z == 0:
        yield "DividesByInput"
    if tiny and abs(z) > 1:
        yield "SaturatedSlope"
    if math.ldexp(1.0, format.greatest // 2) < abs(z) < math.inf and math.isfinite(value) and math.isfinite(slope):
        yield "IntermediateOverflow"
    if 20 < abs(z) < 20.5:
        yield "ShortcutThreshold"
    if id in ("activation/sigmoid", "activation/tanh") and 0.3 < abs(z) < 4:
        yield "SlopeOfOutput"
    if id in ("activation/hardsigmoid", "activation/hardswish") and dtype == "float64" and abs(z) < 3:
        yield "NarrowConstant"


def of_case(case: Case) -> Iterator[str]:
    """The flags of a case of arrays under a random cotangent."""
    formula = CATALOGUE[case.formula]
    yield from _of_cotangent(case)
    if formula.kind == "activation":
        yield "CotangentDifferentiated" if formula.elementwise else "CotangentCopied"
    if {"weight", "pos_weight", *formula.learnable} & case.arguments.keys():
        yield "GradientMissing"
    if "weight" in case.arguments and case.parameters.get("reduction", formula.reduction) == "mean":
        yield "DivisorDiffers"
    if formula.name == "label_smoothing" or case.parameters.get("label_smoothing"):
        yield "SmoothingConvention"
    if formula.name in SOFTMAX_INSIDE:
        yield "SoftmaxTwice"
    if formula.kind == "regularizer" and any(x.ndim == 2 and len(set(x.shape)) > 1 for x in case.arguments.values()):
        yield "SquareOnly"
    if case.regime == "near":
        yield "Cancellation"
    if case.regime == "wide":
        yield "SaturatedSlope" if {"z", "a"} & case.arguments.keys() else "IntermediateOverflow"


def _of_cotangent(case: Case) -> Iterator[str]:
    given = case.cotangent or {}
    if len(given) > 1:
        yield "SecondOutput"
    if any(np.ndim(v) for v in given.values()):
        yield "CotangentIgnored"
    elif given:
        yield "ScalarCotangent"
