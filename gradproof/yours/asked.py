"""What a subject is asked: the audit's own cases of a formula, or random arrays of the shapes that its author gives.

No draw stands at a fixed point: no weight is 1, no scale, no cotangent, and sizes differ from one another.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradproof import cases
from gradproof.cases.case import Case, as_dtype, generator, random_cotangent
from gradproof.cases.parameters import setting, settings
from gradproof.cases.source import USUAL, Source
from gradproof.lookup import UsageError
from gradproof.yours.subject import Subject
from oracles.calls import floating
from reference import vjp
from reference.formula import Array, Formula

POINTS, FEW = 500, 100  # of an elementwise function in float32 and float64, about
SEEDS, TRIES = 3, 24  # cases of each regime, and draws among which they are found
Inputs = Mapping[str, Any] | Callable[[np.random.Generator], Mapping[str, Any]]


@dataclass(frozen=True)
class Asking:
    """A case twice: as the standard is asked, and as the subject is, which may call its arguments otherwise.

    `names` are the subject's names by those of the standard, `keywords` what it takes by keyword of the arrays.
    """

    case: Case
    names: Mapping[str, str]
    keywords: Mapping[str, Any] = field(default_factory=dict)

    def given(self, subject: Subject) -> dict[str, Any]:
        """The arguments of the subject, in its order."""
        by = {mine: self.case.arguments[name] for name, mine in self.names.items()}
        return {name: by.get(name) for name in subject.arguments}


def of_formula(
    subject: Subject, formula: Formula, dtype: str, parameters: Mapping[str, Any], names: Mapping[str, str], seed: int,
    few: bool = False,
) -> Iterator[Asking]:  # fmt: skip
    """The cases of a catalogue formula: dense points of an elementwise one (in 16 bits every float), else arrays.

    `parameters` are fixed; others stay at the default of the record, but for those that the subject takes by keyword.
    With `few` there are few points, and one case of arrays a regime. Raises UsageError where the subject does not take
    what the formula needs.
    """
    if formula.elementwise:
        yield _points(subject, formula, dtype, parameters, few)
        for other in settings(formula.id):
            if other and other.keys() <= _keywords(subject) and not other.keys() & parameters.keys():
                yield _points(subject, formula, dtype, {**parameters, **other}, few)
        return
    if formula.id not in cases.DRAWS:
        raise UsageError(f"{formula.id} has no cases of arrays: it cannot be a standard")
    optional = _optional(formula)
    asked, said = False, ""
    ones = []
    for regime in USUAL:
        found = 0
        for k in range(seed * TRIES, (seed + 1) * TRIES):
            try:
                with np.errstate(over="ignore"):  # of numbers that a narrow dtype does not have
                    case = _drawn(subject, formula, dtype, regime, k, parameters, optional, names)
            except ValueError as error:  # drawn for options that the subject does not take
                said = said or str(error)
                continue
            by_keyword = {n: case.arguments[n] for n in optional & _keywords(subject) if n in case.arguments}
            asking = Asking(case, named(subject, formula, case, names, by_keyword), by_keyword)
            if len(asking.names) < len(subject.arguments):  # what is optional is not there in every case
                continue
            yield asking
            asked = True
            found += 1
            if found == 1 and (one := _batch_of_one(asking, optional)) is not None:
                ones.append(one)
            if found == (1 if few else SEEDS):
                break
    yield from ones
    if not asked:
        takes = ", ".join(subject.arguments)
        raise UsageError(f"{subject.name} takes {takes}; no case of {formula.id} has all of them{said and f': {said}'}")


def _batch_of_one(asking: Asking, optional: set[str]) -> Asking | None:
    """The first row of a case by itself, with the cotangent that fits; None where that is no case of the formula."""
    case = asking.case
    rows = {np.shape(x)[0] for name, x in case.arguments.items() if np.ndim(x) and name not in optional}
    if len(rows) != 1 or rows == {1}:
        return None
    n = rows.pop()
    given = {name: x[:1] if np.ndim(x) and len(x) == n else x for name, x in case.arguments.items()}
    try:
        outputs, _ = vjp(case.formula, wide_arrays(given), None, **case.parameters)
    except (TypeError, ValueError, LookupError):
        return None
    cotangent = {}
    for name, y in outputs.items():
        v = np.asarray((case.cotangent or {})[name])
        v = v[:1] if v.shape != np.shape(y) and v.ndim else v
        if v.shape != np.shape(y):
            return None
        cotangent[name] = v
    return replace(asking, case=replace(case, arguments=given, cotangent=cotangent, regime=f"{case.regime}, one row,"))


def wide_arrays(given: Mapping[str, Any]) -> dict[str, Any]:
    """Floating arrays in float64, and all else as it is."""
    return {n: as_dtype(x, "float64") if isinstance(x, np.ndarray) and floating(x) else x for n, x in given.items()}


def _points(subject: Subject, formula: Formula, dtype: str, parameters: Mapping[str, Any], few: bool) -> Asking:
    from oracles import points

    numbers = {name: float(p) for name, p in parameters.items()}
    usual = all(formula.parameters.get(name) == p for name, p in numbers.items())
    narrow = usual and not few and dtype in ("float16", "bfloat16")  # every float, at the defaults
    x = points.every(dtype) if narrow else points.dense(formula.id, dtype, FEW if few else POINTS, **numbers)
    z = as_dtype(x, dtype)
    v = np.ones(z.shape)
    if subject.linear:  # powers of two, so that the truth times them is exact; no two neighbours need be equal
        rng = generator(formula.id, dtype, "points", 0)
        v = rng.choice([-1.0, 1.0], z.shape) * rng.choice([0.25, 0.5, 1.0], z.shape)
    case = Case(formula.id, dtype, "points", 0, {"z": z}, {"value": as_dtype(v, dtype)}, parameters)
    return Asking(case, {"z": subject.arguments[0]})


def _optional(formula: Formula) -> set[str]:
    signature = inspect.signature(formula.function)
    return {name for name, p in signature.parameters.items() if p.default is None}


def _keywords(subject: Subject) -> set[str]:
    """Options that the function takes by keyword."""
    return {p.name for p in _signature(subject) if p.default is not p.empty}


def _signature(subject: Subject) -> list[inspect.Parameter]:
    """The parameters of the function, of a pair those of its forward; none where it does not say."""
    function = subject.wrapped[0] if isinstance(subject.wrapped, tuple) else subject.wrapped
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        return []


def _drawn(
    subject: Subject, formula: Formula, dtype: str, regime: str, seed: int, parameters: Mapping[str, Any],
    optional: set[str], names: Mapping[str, str],
) -> Case:  # fmt: skip
    chosen = {name: p for name, p in setting(formula.id, seed).items() if name in _keywords(subject)}
    settled = {**formula.parameters, **chosen, **parameters}
    drawn = cases.DRAWS[formula.id](Source(generator(formula.id, dtype, regime, seed), regime, seed, settled, dtype))
    taken = len(subject.arguments)
    given = {name: x for name, x in drawn.arguments.items() if x is not None and name not in formula.parameters}
    needed = [name for name in given if name not in optional]
    if not names:
        # Optional arguments, such as weights, are asked for where the subject has a place for them.
        wanted = [*needed, *(name for name in given if name in optional)][:taken]
        taken_by_name = {*wanted, *subject.arguments, *_keywords(subject)}
        given = {name: x for name, x in given.items() if name in taken_by_name}
    else:
        given = {name: x for name, x in given.items() if name in names}
    if missing := [name for name in needed if name not in given]:
        takes = ", ".join(subject.arguments)
        raise UsageError(f"{subject.name} takes {takes}; {formula.id} needs {', '.join(missing)} too")
    if "ignore_index" in drawn.parameters and "ignore_index" not in _keywords(subject):  # every row counts then
        ignored = drawn.parameters["ignore_index"]
        given = {name: np.where(x == ignored, 0, x) if x.dtype.kind == "i" else x for name, x in given.items()}
    if "blank" in drawn.parameters and "blank" not in _keywords(subject):  # it stays at its default
        usual, blank = formula.parameters["blank"], drawn.parameters["blank"]
        given = {name: np.where(x == usual, blank, x) if name == "labels" else x for name, x in given.items()}
    if subject.form == "objective":
        given = _examples(given)
    typed = {name: _typed(x, dtype) for name, x in given.items()}
    options = {name: p for name, p in drawn.parameters.items() if name in _keywords(subject) or name == "activations"}
    options |= {**chosen, **parameters}
    if subject.form == "objective" and formula.reduction:
        options["reduction"] = "sum"
    outputs, _ = vjp(formula.id, wide_arrays(given), None, **options)  # whose shapes are those of the cotangents
    rng = generator(formula.id, dtype, regime, seed, " cotangent")
    cotangent = {name: as_dtype(random_cotangent(rng, np.shape(y)), dtype) for name, y in outputs.items()}
    if not subject.linear:
        cotangent = {name: as_dtype(np.ones(np.shape(y)), dtype) for name, y in outputs.items()}
    return Case(formula.id, dtype, regime, seed, typed, cotangent, options)


def _examples(given: Mapping[str, Array]) -> dict[str, Array]:
    """One prediction an example, as boosting has them, (n,), where the arrays go together entry by entry."""
    shapes = {np.shape(x) for x in given.values()}
    return {name: x.ravel() for name, x in given.items()} if len(shapes) == 1 else dict(given)


def named(
    subject: Subject, formula: Formula, case: Case, names: Mapping[str, str], but: Collection[str] = ()
) -> dict[str, str]:
    """The subject's name of every argument of the formula, `but` some: as given, else by name, else in order."""
    mine = dict(names)
    asked = [name for name in case.arguments if name not in but]
    for name in asked:
        if name not in mine and name in subject.arguments:
            mine[name] = name
    rest = [name for name in subject.arguments if name not in mine.values()]
    for name in asked:
        if name not in mine:
            if not rest:
                unnamed = f"{subject.name} has no argument for {name} of {formula.id}"
                raise UsageError(f"{unnamed}: pass names={{'{name}': …}}")
            mine[name] = rest.pop(0)
    if strangers := [m for m in mine.values() if m not in subject.arguments]:
        raise UsageError(f"{subject.name} has no argument {strangers[0]!r}; it takes {', '.join(subject.arguments)}")
    return {name: m for name, m in mine.items() if name in case.arguments}


def of_inputs(
    subject: Subject, inputs: Inputs, dtype: str, parameters: Mapping[str, Any],
    shapes: Callable[[Case], Mapping[str, Any]], seed: int,
) -> Iterator[Asking]:  # fmt: skip
    """Cases of one's own arrays. `inputs` says of every argument its shape, for random numbers, or its array as it is;
    or it is a function of a random generator that returns them. `shapes` gives the outputs of a case.

    Raises UsageError for inputs that are not those of the subject.
    """
    for regime in ("plain", "wide", "small"):
        for k in range(seed * SEEDS, (seed + 1) * SEEDS):
            rng = generator(subject.name, dtype, regime, k)
            given = inputs(rng) if callable(inputs) else {n: _random(rng, x, regime) for n, x in inputs.items()}
            if sorted(given) != sorted(subject.arguments):
                raise UsageError(
                    f"inputs has {', '.join(map(str, given))}; {subject.name} takes {', '.join(subject.arguments)}"
                )
            arguments = {n: _typed(given[n], dtype) for n in subject.arguments}
            case = Case(subject.name, dtype, regime, k, arguments, None, parameters)
            cotangent = {
                n: as_dtype(random_cotangent(rng, np.shape(y)) if subject.linear else np.ones(np.shape(y)), dtype)
                for n, y in shapes(case).items()
            }
            if subject.linear and k % SEEDS and len(cotangent) > 1:  # one output alone, in turn
                alone = list(cotangent)[(k + len(regime)) % len(cotangent)]
                cotangent = {n: x if n == alone else np.zeros_like(x) for n, x in cotangent.items()}
            yield Asking(Case(subject.name, dtype, regime, k, arguments, cotangent, parameters),
                         {n: n for n in subject.arguments})  # fmt: skip


SCALES = {"plain": (1.0, 1.0), "wide": (2.0**-6, 2.0**6), "small": (2.0**-10, 2.0**-10)}


def _random(rng: np.random.Generator, given: Any, regime: str) -> Any:
    if not isinstance(given, tuple) or not all(isinstance(n, (int, np.integer)) for n in given):
        return np.asarray(given)
    low, high = SCALES[regime]
    return rng.standard_normal(given) * np.exp(rng.uniform(np.log(low), np.log(high), given))


def _typed(x: Any, dtype: str) -> Array:
    x = np.asarray(x)
    return as_dtype(x, dtype) if floating(x) else x


def sizes(given: Sequence[Any]) -> int:
    """How many numbers are among these arrays: as many terms as any sum of them can have."""
    return sum(x.size for x in given if isinstance(x, np.ndarray) and floating(x))


def options_of(subject: Subject, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the subject takes by keyword: it has the others built in."""
    taken = _signature(subject)
    if any(p.kind is p.VAR_KEYWORD for p in taken):
        return dict(parameters)
    return {p.name: parameters[p.name] for p in taken if p.name in parameters}
