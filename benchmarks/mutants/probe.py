"""Whether a mutant that nobody noticed is the same function: its answers beside those of the formula itself.

Asked are the cases in every dtype, and the same with numbers at the ends of the range put in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof import cases
from gradproof.cases.case import Case
from gradproof.cases.kinks import places
from reference import CATALOGUE, vjp

DTYPES = ("float64", "float32", "float16", "bfloat16")
EXTREME = (0.0, -0.0, 1.0, -1.0, 1e-310, 1e-200, -1e200, 1e308, np.inf, -np.inf, np.nan)
APART = 1e-6  # relative: by so much rounding does not move what is not lost
STEP = {"w": (3, 2), "dC": (3, 2)}


@dataclass(frozen=True)
class Difference:
    """What two sides say: on how many numbers they were compared, in how many they differ, and where in earnest."""

    numbers: int = 0
    differ: int = 0
    where: str = ""


def questions(id: str) -> Iterator[tuple[str, Case]]:
    """What is asked of a formula, each with words for it."""
    if id in cases.DRAWS:
        for dtype in DTYPES:
            for case in cases.of(id, dtype, range(6)):
                yield f"{dtype} {case.name}", case
    drawn = list(cases.of(id, "float64", range(4))) if id in cases.DRAWS else []
    for place in places():
        if place.case.formula == id:
            yield place.what, place.case
    yield from _shapes(drawn)
    if CATALOGUE[id].elementwise:
        rng = np.random.default_rng(0)
        z = np.concatenate(
            [EXTREME, rng.standard_normal(200), rng.standard_normal(200) * 10 ** rng.uniform(-9, 3, 200)]
        )
        for dtype in DTYPES:
            with np.errstate(all="ignore"):
                yield dtype, Case(id, dtype, "", 0, {"z": z.astype(_dtype(dtype))}, None)
    if CATALOGUE[id].kind == "update" and id not in cases.DRAWS:
        rng = np.random.default_rng(0)
        for t in (1, 2, 9):
            arguments = {name: rng.standard_normal(shape) for name, shape in STEP.items()}
            yield f"step {t}", Case(id, "float64", "", t, arguments, None, {"t": t})
            drawn.append(Case(id, "float64", "", t, arguments, None, {"t": t}))
    for case in drawn:
        rng = np.random.default_rng(case.seed)
        for name, x in case.arguments.items():
            for extreme in EXTREME if x.dtype.kind == "f" and x.size else ():
                moved = np.array(x)
                moved.flat[rng.integers(x.size)] = extreme
                yield f"{case.name}, {name} with {extreme}", replace(case, arguments={**case.arguments, name: moved})


def _shapes(drawn: Sequence[Case]) -> Iterator[tuple[str, Case]]:
    """Cases of other shapes, which a formula takes or refuses: nothing on an axis, an axis more, an axis less."""
    changes: dict[str, Any] = {"nothing": np.s_[:0,], "no entries": np.s_[..., :0], "one entry": np.s_[..., :1],
               "none on the second": np.s_[:, :0], "one more axis": (None,), "the first": (0,)}  # fmt: skip
    for case in drawn[:2]:
        for words, part in changes.items():
            for names in (*((name,) for name in case.arguments), tuple(case.arguments)):
                try:
                    moved = {name: np.asarray(case.arguments[name][part]) for name in names}
                except IndexError:  # too few axes
                    continue
                arguments = {**case.arguments, **moved}
                yield f"{case.name}, {words} of {', '.join(names)}", replace(case, arguments=arguments, cotangent=None)


def _dtype(name: str) -> Any:
    if name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return name


def answers(id: str) -> dict[str, Any]:
    """What the formula says to every question: arrays by name, or the error that it raises."""
    said: dict[str, Any] = {}
    with np.errstate(all="ignore"):
        for what, case in questions(id):
            said[what] = _said_by(_gradients, case)
            if CATALOGUE[id].prediction and case.dtype in DTYPES[:2]:
                said[f"{what}, at the end of a network"] = _said_by(_at_end, case)
    return said


def _said_by(side: Callable[[Case], dict[str, Any]], case: Case) -> dict[str, Any] | str:
    try:
        return side(case)
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def _gradients(case: Case) -> dict[str, Any]:
    outputs, gradients = vjp(case.formula, case.arguments, case.cotangent, **case.parameters)
    return {**outputs, **{f"∂/∂{name}": g for name, g in gradients.items()}}


def _at_end(case: Case) -> dict[str, Any]:
    """A cost as a network asks for it: the targets in float64 too where they are floats."""
    record = CATALOGUE[case.formula]
    cost: Any = record.function
    a, y = (case.arguments[name] for name in (record.prediction, record.target))
    found: dict[str, Any] = {}
    for said, targets in (("", y), (" of targets in float64", y.astype(np.float64) if y.dtype.kind == "f" else y)):
        value, gradient = cost.end(a, targets, 0, {})
        found |= {f"value{said}": np.asarray(value), f"∂/∂{record.prediction}{said}": gradient}
    return found


def compare(right: Mapping[str, Any], other: Mapping[str, Any]) -> Difference:
    """The difference of two sides."""
    numbers = differ = 0
    where = ""
    for what, p in right.items():
        q = other.get(what, "no end")
        if isinstance(p, str) or isinstance(q, str):
            same = isinstance(p, str) and p == q
            numbers, differ = numbers + 1, differ + (not same)
            where = where or ("" if same else f"{what}: {_said(p)}, not {_said(q)}")
            continue
        for name, x in p.items():
            y = q.get(name)
            if y is None or y.shape != x.shape or y.dtype != x.dtype:
                return Difference(numbers + 1, differ + 1, where or f"{what}: {name} is another array")
            a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
            equal = (a == b) | (np.isnan(a) & np.isnan(b))
            numbers, differ = numbers + a.size, differ + int((~equal).sum())
            with np.errstate(all="ignore"):
                apart = ~equal & ~(np.abs(a - b) <= APART * np.maximum(np.abs(a), np.abs(b)))
            if apart.any() and not where:
                k = int(np.argmax(apart))
                where = f"{what}: {name} is {a.flat[k]:.6g}, not {b.flat[k]:.6g}"
    return Difference(numbers, differ, where)


def _said(x: Any) -> str:
    return f"an error ({x[:60]})" if isinstance(x, str) else "an answer"
