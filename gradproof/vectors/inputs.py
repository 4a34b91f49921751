"""Which inputs the vectors have: hard points of elementwise activations, cases of arrays, and what must be refused.

Inputs are rounded to 32 binary digits before they are cast to a dtype, so that the last digit of an exponential or
of a singular value, which differs between machines, does not enter.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradproof import cases
from gradproof.cases.case import Case, as_dtype, generator, random_cotangent
from gradproof.cases.kinks import Place, places
from gradproof.cases.parameters import settings
from reference import CATALOGUE
from reference.formula import Array, Formula

DIGITS = 32
GROUPS = ("normal", "edge", "kink", "tail")
DRAWN = (  # group, regime and seed; the seeds go through all reductions
    ("normal", "plain", 0), ("normal", "plain", 3), ("edge", "near", 2), ("edge", "near", 4), ("tail", "wide", 1),
    ("tail", "wide", 5),
)  # fmt: skip
WIDE, ALL = ("float32", "float64"), ("float16", "bfloat16", "float32", "float64")


def formulas() -> list[Formula]:
    """Every formula that takes arrays, by id."""
    return [CATALOGUE[id] for id in sorted(CATALOGUE) if CATALOGUE[id].elementwise or id in cases.DRAWS]


def dtypes(formula: Formula) -> tuple[str, ...]:
    """The dtypes in which a formula has vectors."""
    return ALL if formula.elementwise else WIDE


# ---------------------------------------------------------------- points of elementwise activations


class Point(NamedTuple):
    """An input of an elementwise activation, its group, parameters, and in words why it is there."""

    group: str
    z: float
    why: str
    parameters: Mapping[str, float] = {}


def points(formula: Formula, dtype: str) -> Iterator[Point]:
    """Ordinary points, ends of the format, tails, and on both sides of every kink; other parameters at two points."""
    from oracles.floats import FORMATS
    from oracles.points import rounded

    format = FORMATS[dtype]
    rng = generator(formula.id, dtype, "vectors", 0)
    for z in rng.uniform(0.3, 4, 2) * [1, -1]:
        yield Point("normal", float(rounded(_short(z), dtype)), "ordinary")
    for why, z in _ends(dtype):
        yield Point("edge", z, why)
    bits = {"roundoff": format.digits, "least normal": 2 - format.least - format.digits}
    magnitudes = {f"exp(z) is the {name}": n * math.log(2) * 1.005 for name, n in bits.items()}
    magnitudes |= {f"exp(z²/2) is the {name}": math.sqrt(2 * n * math.log(2)) * 1.002 for name, n in bits.items()}
    magnitudes |= {
        "z² is below the roundoff": 1.37 * 2.0 ** -(format.digits // 2 + 1),
        "z² overflows": 1.37 * 2.0 ** (format.greatest // 2 + 1),
        "beyond a usual threshold": 20.03,
    }
    for k, (why, size) in enumerate(magnitudes.items()):
        for sign in (1, -1) if dtype in WIDE else ((-1) ** k,):
            yield Point("tail", float(rounded(_short(sign * size), dtype)), why)
    yield from _beside_kinks(formula, dtype)
    for parameters in list(settings(formula.id))[1:]:
        for z in rng.uniform(0.3, 4, 2) * [1, -1]:
            yield Point("normal", float(rounded(_short(z), dtype)), "other parameters", parameters)


def _ends(dtype: str) -> list[tuple[str, float]]:
    """Zeros, the ends of the subnormal and normal ranges, infinities and NaN."""
    from oracles.points import special

    least, below, _, *_, top, infinity = special(dtype)[12:-1].tolist()
    return [
        ("+0", 0.0), ("−0", -0.0), ("the least subnormal", least), ("the greatest subnormal, negative", -below),
        ("the greatest float", top), ("the least float", -top), ("+∞", infinity), ("−∞", -infinity), ("NaN", math.nan),
    ]  # fmt: skip


def _beside_kinks(formula: Formula, dtype: str) -> Iterator[Point]:
    from oracles.points import from_ordinal, ordinal, rounded

    for at in sorted({formula.at(kink.at) + 0.0 for kink in formula.kinks} - {0.0}):  # at 0: the subnormals
        here = int(ordinal(rounded([at], dtype), dtype)[0])
        for z in from_ordinal([here - 1, here + 1], dtype).tolist():
            yield Point("kink", z, "beside a kink")


# ---------------------------------------------------------------- cases of arrays


def arrays(formula: Formula, dtype: str) -> Iterator[tuple[str, Case]]:
    """Cases under random cotangents, each with its group.

    Fewer of an elementwise activation, which has points, and of a layer, whose arrays are large: seeds 0 to 3.
    """
    if formula.elementwise:
        draws = [("normal", "plain", 0), ("tail", "wide", 1)][: 2 if dtype in WIDE else 1]
    else:
        draws = [drawn for drawn in DRAWN if formula.kind != "layer" or drawn[2] < 4]
    for group, regime, seed in draws:
        yield group, snapped(draw(formula, dtype, regime, seed))


def draw(formula: Formula, dtype: str, regime: str, seed: int) -> Case:
    """A case of the audit, or of an elementwise activation without parameters one like it."""
    if formula.id in cases.DRAWS:
        return cases.draw(formula.id, dtype, regime, seed)
    rng = generator(formula.id, dtype, regime, seed)
    z = rng.standard_normal((2, 3)) * (2 if regime == "plain" else rng.uniform(1, 20))
    v = random_cotangent(rng, z.shape)
    given = list(settings(formula.id))
    return Case(formula.id, dtype, regime, seed, {"z": as_dtype(z, dtype)}, {"value": as_dtype(v, dtype)},
                given[seed % len(given)])  # fmt: skip


def snapped(case: Case) -> Case:
    """The case with its numbers rounded to `DIGITS` binary digits; rows that are distributions still are."""
    entries = CATALOGUE[case.formula].entries
    arguments = {name: _snap(x, entries.get(name, ""), case.dtype) for name, x in case.arguments.items()}
    cotangent = {name: _snap(v, "", case.dtype) for name, v in (case.cotangent or {}).items()}
    parameters = {name: _short(p) if isinstance(p, float) else p for name, p in case.parameters.items()}
    return dataclasses.replace(case, arguments=arguments, cotangent=cotangent or None, parameters=parameters)


def _short(x: Any, digits: int = DIGITS) -> Any:
    """x to so many binary digits; parameters in decimal stay as they are."""
    if np.ndim(x) == 0 and len(repr(float(x))) <= 8:
        return x
    m, e = np.frexp(x)
    return np.ldexp(np.rint(np.ldexp(m, digits)), e - digits)[()]


def _snap(x: Array, kind: str, dtype: str) -> Array:
    if x.dtype.kind in "iub":
        return x
    y = np.asarray(_short(x.astype(np.float64)))
    if kind == "distribution":
        y = _summing_to_one(y)
    elif kind == "log distribution":
        y = _logarithms(_summing_to_one(np.asarray(_short(np.exp(y)))))
    return as_dtype(y, dtype)


def _summing_to_one(rows: Array) -> Array:
    """The rows with their largest entry such that they sum to one."""
    out = rows.copy()
    for row in out:
        k = int(row.argmax())
        row[k] = math.fsum([1.0, *(-p for j, p in enumerate(row.tolist()) if j != k)])
    return out


def _logarithms(p: Array) -> Array:
    """Logarithms, correctly rounded, the same on every machine."""
    from flint import arb

    return np.reshape([float(arb(v).log()) for v in p.ravel().tolist()], p.shape)


def kinks(formula: Formula, dtype: str) -> Iterator[Place]:
    """The places of the audit at which every number is a float of the dtype."""
    for place in places():
        if place.case.formula == formula.id:
            exactly = {name: _exactly(x, dtype) for name, x in place.case.arguments.items()}
            given = {name: x for name, x in exactly.items() if x is not None}
            if len(given) == len(exactly):
                v = {name: as_dtype(w, dtype) for name, w in (place.case.cotangent or {}).items()} or None
                case = dataclasses.replace(place.case, dtype=dtype, arguments=given, cotangent=v)
                yield dataclasses.replace(place, case=case)


def _exactly(x: Array, dtype: str) -> Array | None:
    """x in the dtype, None where that would round it."""
    if x.dtype.kind in "iub":
        return x
    y = as_dtype(x, dtype)
    return y if np.array_equal(y.astype(np.float64), x) else None


# ---------------------------------------------------------------- what must be refused


class Refused(NamedTuple):
    """A case that is none: what is wrong with it, in words and by its flag."""

    case: Case
    why: str
    flag: str


CANDIDATES = (-1.0, 0.0, 2.0, 1.5)
BAD: dict[str, tuple[float, ...]] = {
    "probability": (1.25, -0.25), "indicator": (2,), "sign": (0,), "count": (-1,), "rate": (-0.5,),
    "variance": (0.0, -1.0), "variance or 0": (-1.0,), "log distribution": (0.5,), "log probability": (0.5,),
    "distribution": (-0.5, 1.5), "length": (99,),
}  # fmt: skip
CLASSES = {  # the axes of classes, where they are not the last of the first argument
    "cost/linear_cross_entropy": (("W", 0),),
    "cost/adaptive_log_softmax": (("head", -1), ("tails", -1)),
}
NOT_INDICES = ("cost/nt_xent",)  # labels there are any integers: those that are equal belong together


def invalid(formula: Formula, dtype: str) -> Iterator[Refused]:
    """Parameters that break a condition of the record, entries that are not what it says, shapes that do not fit."""
    base = snapped(draw(formula, dtype, "plain", 1))
    if formula.elementwise:
        base = dataclasses.replace(base, arguments={"z": as_dtype(np.array(1.0), dtype)})
    clean = dataclasses.replace(base, cotangent=None)
    for condition in formula.valid.values():
        for name, value in _breaking(formula, condition):
            parameters = {k: p for k, p in base.parameters.items() if k not in formula.parameters} | {name: value}
            arguments = {k: x for k, x in base.arguments.items() if k not in formula.learnable}
            case = dataclasses.replace(clean, parameters=parameters, arguments=arguments)
            yield Refused(case, f"{name} = {value:g}, but {condition}", "ParameterUnchecked")
    for name, kind in formula.entries.items():
        if name in base.arguments:
            for value in _bad(kind, base, formula):
                x = base.arguments[name].copy()
                x.flat[0] = value
                case = dataclasses.replace(clean, arguments={**base.arguments, name: x})
                yield Refused(case, f"an entry of {name} is {value:g}, which is no {kind}", "RangeUnchecked")
    pair = _pair(base) if formula.kind == "cost" else ()
    if pair:
        x = base.arguments[pair[1]][..., :-1]
        case = dataclasses.replace(clean, arguments={**base.arguments, pair[1]: x})
        yield Refused(case, f"{pair[1]} lacks a column that {pair[0]} has", "ShapeUnchecked")


def _breaking(formula: Formula, condition: str) -> list[tuple[str, float]]:
    """A setting of one parameter, the others at their defaults, that breaks the condition."""
    named = {**formula.parameters, **formula.valid}  # an axis has a condition, and is no parameter
    names = [name for name in named if re.search(rf"\b{name}\b", condition)]
    found = [(name, x) for name in names for x in CANDIDATES if not formula.at(condition, **{name: x})]
    return found[:1]


def _bad(kind: str, base: Case, formula: Formula) -> Sequence[float]:
    if kind != "label":
        return BAD[kind]
    if formula.id in NOT_INDICES:
        return ()
    axes = CLASSES.get(formula.id, ((next(iter(base.arguments)), -1),))
    return (sum(base.arguments[argument].shape[axis] for argument, axis in axes), -1)


def _pair(case: Case) -> tuple[str, ...]:
    """The first two arguments of floats, if they are of one shape with two axes."""
    first, *others = [name for name, x in case.arguments.items() if x.dtype.kind not in "iub"]
    shape = case.arguments[first].shape
    return next(((first, name) for name in others if case.arguments[name].shape == shape and len(shape) > 1), ())
