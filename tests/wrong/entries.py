"""Wrong slopes of functions that act entry by entry: the classic mistakes, each over many formulas."""

import numpy as np
from wrong.mutants import Wrong, pullback_of, slope_of

from reference import CATALOGUE

SMOOTH = ("sigmoid", "tanh", "arctan", "softplus", "silu", "gelu", "mish", "log_cosh", "elu", "squareplus")
F64 = {"dtypes": ["float64"]}


def at(id):
    return lambda slope, z, value: CATALOGUE[id].function(value)[1]


def reciprocal(slope, z, value):
    return 1 / slope


def second(id):
    def change(slope, z, value):
        formula = CATALOGUE[id]
        return formula.curvature(z, value, slope, **formula.parameters)

    return change


def single(slope, z, value):
    return slope.astype(np.float32).astype(z.dtype)


MISTAKES = {
    "twice": (lambda slope, z, value: 2 * slope, "a factor 2 or ½ (ratio 2)"),
    "half": (lambda slope, z, value: slope / 2, "a factor 2 or ½ (ratio 0.5)"),
    "sign": (lambda slope, z, value: -slope, "the sign is wrong (ratio −1)"),
    "third": (lambda slope, z, value: slope * 1.25, "a constant factor (ratio 1.25)"),
    "zero": (lambda slope, z, value: 0 * slope, "it is zero"),
    "nan": (lambda slope, z, value: np.where(z > 1, np.nan, slope), "it is not finite in"),
    "value": (lambda slope, z, value: value, "the value is given for the derivative"),
    "missing": (lambda slope, z, value: np.ones_like(slope), "the slope g'(z) is missing"),
    "negative": (lambda slope, z, value: np.where(z < 0, 0, slope), "wrong only where x < 0: there it is zero"),
    "positive": (
        lambda slope, z, value: np.where(z > 0, -slope, slope),
        "wrong only where x > 0: there the sign is wrong",
    ),
    "tail": (
        lambda slope, z, value: np.where(np.abs(z) > 3, 3 * slope, slope),
        "wrong only where |x| > 3: there a constant factor (ratio 3)",
    ),
    "times_z": (lambda slope, z, value: slope * z, "the slope is multiplied by the input"),
    "reciprocal": (reciprocal, "it is the reciprocal of the slope"),
}
EQUAL = {("elu", "negative"), ("silu", "reciprocal"), ("mish", "reciprocal")}  # to something else, or has a pole
MADE = [
    Wrong(f"{name}-{mistake}", slope_of(f"activation/{name}", change), f"activation/{name}", cause, how=F64)
    for k, name in enumerate(SMOOTH)
    for m, (mistake, (change, cause)) in enumerate(MISTAKES.items())
    if (k + m) % 2 == 0 and (name, mistake) not in EQUAL
]
MADE += [
    Wrong(
        f"{name}-at_a",
        slope_of(f"activation/{name}", at(f"activation/{name}")),
        f"activation/{name}",
        "the slope is taken at a = g(z) instead of z",
        how=F64,
    )
    for name in ("sigmoid", "tanh", "arctan", "softplus", "silu", "gelu", "mish", "log_cosh", "gaussian", "tanhshrink")
]
MADE += [
    Wrong(
        f"{name}-second",
        slope_of(f"activation/{name}", second(f"activation/{name}")),
        f"activation/{name}",
        "it is the second derivative",
        how=F64,
    )
    for name in ("sigmoid", "tanh", "gelu", "silu")
]
MADE += [
    Wrong(
        f"{name}-float32",
        slope_of(f"activation/{name}", single),
        f"activation/{name}",
        "some of it is computed in float32",
        how=F64,
    )
    for name in ("sigmoid", "tanh", "gelu", "softplus")
]


def instead(mine, other, **fixed):
    """The slope of another formula beside the right value."""
    change = lambda slope, z, value: CATALOGUE[f"activation/{other}"].function(z, **fixed)[1]  # noqa: E731
    return slope_of(f"activation/{mine}", change)


MADE += [
    Wrong(
        f"{mine}-{other}", instead(mine, other), f"activation/{mine}", f"it is the slope of activation/{other}", how=F64
    )
    for mine, other in (
        ("gelu", "gelu_tanh"),
        ("gelu_tanh", "gelu"),
        ("silu", "hardswish"),
        ("elu", "selu"),
        ("relu6", "relu"),
        ("softsign", "tanh"),
        ("mish", "silu"),
        ("sigmoid", "hardsigmoid"),
        ("log_cosh", "huber"),
        ("hardshrink", "softshrink"),
    )
    if (mine, other) != ("hardshrink", "softshrink")
]
PARAMETERS = (
    ("softplus", "beta", 2.0),
    ("squareplus", "b", 1.0),
    ("leaky_relu", "negative_slope", 0.2),
    ("elu", "alpha", 1.5),
    ("celu", "alpha", 0.5),
    ("huber", "delta", 2.0),
    ("hardtanh", "max_val", 2.0),
)
MADE += [
    Wrong(
        f"{name}-{parameter}",
        instead(name, name, **{parameter: value}),
        f"activation/{name}",
        f"it is that of {parameter} = {value:g}",
        how=F64,
    )
    for name, parameter, value in PARAMETERS
    if name not in ("huber", "hardtanh")
]
MADE += [
    # W13: the slope in terms of the output, called with the input
    Wrong(
        "W13-sigmoid",
        slope_of("activation/sigmoid", lambda slope, z, value: z * (1 - z)),
        "activation/sigmoid",
        "in terms of the output is called with the input",
        how=F64,
    ),
    Wrong(
        "W13-tanh",
        slope_of("activation/tanh", lambda slope, z, value: 1 - z * z),
        "activation/tanh",
        "in terms of the output is called with the input",
        how=F64,
    ),
    Wrong(
        "W13-tanh-at_a",
        slope_of("activation/tanh", lambda slope, z, value: 1 - np.tanh(value) ** 2),
        "activation/tanh",
        "the slope is taken at a",
        how=F64,
    ),
    # W12: the backward differentiates the cotangent
    Wrong(
        "W12-tanh",
        pullback_of("activation/tanh", lambda g, x, v: {"z": 1 - np.tanh(v) ** 2}),
        "activation/tanh",
        "the derivative is taken at the cotangent",
        how=F64,
    ),
    Wrong(
        "W12-sigmoid",
        pullback_of("activation/sigmoid", lambda g, x, v: {"z": v * np.exp(-v) / (1 + np.exp(-v)) ** 2}),
        "activation/sigmoid",
        "the derivative is taken at the cotangent",
        how=F64,
    ),
    Wrong(
        "tanh-ignores-v",
        pullback_of("activation/tanh", seen=lambda v, x: np.ones_like(v)),
        "activation/tanh",
        "the cotangent is ignored",
        how=F64,
    ),
    Wrong(
        "tanh-mean-of-v",
        pullback_of("activation/tanh", seen=lambda v, x: np.full_like(v, v.mean())),
        "activation/tanh",
        "the mean of the cotangent",
        how=F64,
    ),
    Wrong(
        "tanh-reversed-v",
        pullback_of("activation/tanh", seen=lambda v, x: np.flip(v)),
        "activation/tanh",
        "the entries of the cotangent are reversed",
        how=F64,
    ),
    Wrong(
        "tanh-copies-v",
        pullback_of("activation/tanh", lambda g, x, v: {"z": np.array(v)}),
        "activation/tanh",
        "the cotangent itself is returned",
        how=F64,
    ),
    Wrong(
        "tanh-abs-v",
        pullback_of("activation/tanh", seen=lambda v, x: np.abs(v)),
        "activation/tanh",
        "without its sign",
        how=F64,
    ),
    # terms of the product rule
    Wrong(
        "silu-term",
        slope_of("activation/silu", lambda slope, z, value: 1 / (1 + np.exp(-z))),
        "activation/silu",
        "a term is missing: ",
        how=F64,
    ),
    Wrong(
        "tanhshrink-term",
        slope_of("activation/tanhshrink", lambda slope, z, value: np.ones_like(z)),
        "activation/tanhshrink",
        "the slope g'(z) is missing",
        how=F64,
    ),
    Wrong(
        "gelu-term",
        slope_of("activation/gelu", lambda slope, z, value: slope - z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)),
        "activation/gelu",
        "a term is missing: ",
        how=F64,
    ),
    Wrong(
        "gelu-tanh-inner",
        slope_of(
            "activation/gelu_tanh",
            lambda slope, z, value: (
                (1 + (t := np.tanh((c := np.sqrt(2 / np.pi)) * (z + 0.044715 * z**3)))) / 2 + z * (1 - t * t) / 2 * c
            ),
        ),
        "activation/gelu_tanh",
        "a factor is missing: 1 + 0.134145·z²",
        how=F64,
    ),
    Wrong(
        "gelu-term-twice",
        slope_of("activation/gelu", lambda slope, z, value: slope + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)),
        "activation/gelu",
        "has the factor 2",
        how=F64,
    ),
    Wrong(
        "relu-of-abs",
        slope_of("activation/relu", lambda slope, z, value: np.ones_like(z)),
        "activation/relu",
        "the slope g'(z) is missing",
        how=F64,
    ),
    Wrong(
        "relu6-never-ends",
        slope_of("activation/relu6", lambda slope, z, value: np.where(z > 0, 1.0, 0.0)),
        "activation/relu6",
        "it is the slope of activation/relu",
        how=F64,
    ),
    Wrong(
        "elu-linear",
        slope_of("activation/elu", lambda slope, z, value: np.where(z < 0, 1, slope)),
        "activation/elu",
        "the slope g'(z) is missing",
        how=F64,
    ),
]
