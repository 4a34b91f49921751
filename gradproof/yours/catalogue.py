"""Our own formulas through the battery that a user's function goes through, each in every way in which it is called.

A formula is asked by its public function, with the adapter that a user of such a function would take, and by
`reference.vjp`; without the arguments that are optional, and with them. It is judged by its own id, over balls. What
`conduct` asks beyond comes after. One finding is one formula × law × size of floats.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gradproof import cases
from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.cases.case import Case, as_dtype, generator
from gradproof.cases.parameters import settings
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from gradproof.yours.asked import Asking
from gradproof.yours.check import How, report_of
from gradproof.yours.conduct import conduct, of_arrays
from gradproof.yours.laws import laws
from gradproof.yours.memory import Law
from gradproof.yours.report import Report
from gradproof.yours.standard import standard_of
from gradproof.yours.subject import Subject, gradients, pullback, slope
from reference import CATALOGUE, vjp
from reference.formula import Formula

LONG = ("long doubles",)  # which steps take: whole paths are followed in them, to be compared with
SIZES = {"64 and 32 bits": ("float64", "float32"), "16 bits": ("float16", "bfloat16")}


@dataclass
class Held:
    """A law over all ways and dtypes: how often it was asked, where it failed first, and why it could not be asked."""

    asked: int = 0
    failed: str = ""
    why: str = ""

    def add(self, law: Law, way: str) -> None:
        """Take in one answer."""
        self.asked += law.holds is not None
        if law.holds is False and not self.failed:
            self.failed = f"by {way}: {law.message}"
        if law.holds is None and not self.why:
            self.why = law.message


# ---------------------------------------------------------------- subjects


def arguments(formula: Formula) -> list[tuple[str, ...]]:
    """The names of what a formula is given: what it needs, then, where there is more, what is optional too."""
    if formula.elementwise:
        return [("z",)]
    drawn = [tuple(cases.draw(formula.id, "float64", "plain", seed).arguments) for seed in (0, 1)]
    return list(dict.fromkeys(drawn))


def by_function(formula: Formula, names: Sequence[str]) -> Subject:
    """Its public function, by the adapter for what that returns; lists of arrays are spelled out."""
    function = formula.function
    if formula.elementwise:
        return slope(function)
    if formula.kind == "layer":
        return pullback(
            _spelled(formula, names, lambda given, options: function(**given, **options)), _outputs(formula, names)
        )
    if formula.kind == "cost":
        return gradients(_spelled(formula, names, lambda given, options: function(**given, **options)))
    if formula.kind == "update":
        return pullback(_spelled(formula, names, lambda given, options: _clipped(function, given, options)), names)
    if formula.kind == "activation":
        return pullback(function)
    parameters = inspect.signature(function).parameters
    if "mask" in parameters:
        return pullback(_spelled(formula, names, lambda given, options: _masked(*function(**given, **options))))
    if "activations" in parameters:
        return gradients(_spelled(formula, names, lambda given, options: _network(function, given, options)))
    if "w" in parameters:
        return gradients(_spelled(formula, names, lambda given, options: _listed(*function([given["w"]], **options))))
    return gradients(_spelled(formula, names, lambda given, options: function(**given, **options)))


def by_vjp(formula: Formula, names: Sequence[str]) -> Subject:
    """`reference.vjp` under its id."""
    outputs = _outputs(formula, names)

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        return Answer(*vjp(formula.id, given, v or None, **options))

    wrapped = _spelled(formula, names, lambda given, options: vjp(formula.id, given, None, **options))
    return Subject(formula.name, "vjp", tuple(names), outputs, answer, wrapped)


def _outputs(formula: Formula, names: Sequence[str]) -> tuple[str, ...]:
    if formula.kind == "layer":
        return tuple(cases.draw(formula.id, "float64", "plain", 0).cotangent or ())
    return tuple(names) if formula.kind == "update" else ("value",)


def _spelled(
    formula: Formula, names: Sequence[str], call: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
) -> Callable[..., Any]:
    """A function of the arrays `names`, in this order, and of the parameters of the formula by keyword."""

    def spelled(*arrays: Any, **options: Any) -> Any:
        return call(dict(zip(names, arrays, strict=True)), options)

    places = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    given = inspect.signature(formula.function).parameters.values()
    keywords = [p.replace(kind=p.KEYWORD_ONLY) for p in given
                if (p.default not in (p.empty, None) and p.name not in names) or p.name == "activations"]  # fmt: skip
    spelled.__signature__ = inspect.Signature([*places, *keywords])  # type: ignore[attr-defined]
    spelled.__name__ = formula.name
    return spelled


def _clipped(function: Any, given: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    clipped, back = function([*given.values()], **options)
    return tuple(clipped), lambda *v: tuple(back(v))


def _masked(value: Any, by: Any) -> Any:
    return value, lambda v: np.where(v == 0, 0, v * by)


def _network(function: Any, given: Mapping[str, Any], options: Mapping[str, Any]) -> Any:
    depth = len(given) // 2
    W, b = ([given[f"{kind}{k}"] for k in range(1, depth + 1)] for kind in "Wb")
    R, dW, db = function(given["x"], W, b, **options)
    return R, {f"{kind}{k}": g for kind, by in (("W", dW), ("b", db)) for k, g in enumerate(by, 1)}


def _listed(R: Any, by: Sequence[Any]) -> Any:
    return R, by[0]


# ---------------------------------------------------------------- what is asked


def measure(id: str, dtypes: Sequence[str], seed: int) -> list[Finding]:
    """One finding a law and size of floats. Needs python-flint."""
    formula = CATALOGUE[id]
    if getattr(formula.function, "vjp", None) is None:
        return [Finding("law", id, "any", verdict="undefined", why="is no function of arrays by itself")]
    found = []
    for size, those in SIZES.items():
        asked = [dtype for dtype in those if dtype in dtypes]
        held: dict[str, Held] = {}
        for way, law in _of(formula, asked, seed) if asked else ():
            held.setdefault("sums that are 0 are 0" if law.name.startswith("∂/∂") else law.name, Held()).add(law, way)
        found += [_finding(id, name, size, one) for name, one in held.items()]
    return found


def _finding(id: str, law: str, size: str, held: Held) -> Finding:
    verdict = "wrong" if held.failed else "holds" if held.asked else "undefined"
    why = held.failed or ("" if held.asked else held.why)
    return Finding("law", id, law, dtype=size, verdict=verdict, entries=held.asked, why=why)


def _of(formula: Formula, dtypes: Sequence[str], seed: int) -> Iterator[tuple[str, Law]]:
    if formula.id not in cases.DRAWS and not formula.elementwise:
        yield from _of_step(formula, dtypes, seed)
        return
    for names in arguments(formula):
        for way, subject in (("its function", by_function(formula, names)), ("vjp", by_vjp(formula, names))):
            constant = [n for n in subject.arguments if way != "vjp" and formula.kind == "regularizer"
                        and n in ("x", "y")]  # fmt: skip  # by which the function gives no gradient
            how = How(subject, standard_of(formula.id, subject, {}), None, {}, {}, constant, None, None, seed, few=True)
            yield from ((way, law) for law in of_report(report_of(how, dtypes)))
            for dtype in dtypes:
                asking = next(iter(how.asked(dtype)))
                for case in _cases(asking.case):
                    held = answered(conduct(subject, formula, replace(asking, case=case)))
                    yield from ((f"{way} in {dtype}", law) for law in held)


def _cases(case: Case) -> list[Case]:
    """A case of few numbers; with parameters off their defaults, the same one at the defaults too."""
    case = _small(case) if CATALOGUE[case.formula].elementwise else case
    moved = {name for setting in settings(case.formula) for name in setting}
    fixed = {name: p for name, p in case.parameters.items() if name not in moved}
    return [case, replace(case, parameters=fixed)] if len(fixed) < len(case.parameters) else [case]


def _small(case: Case) -> Case:
    """Few of its points, with two axes."""
    z = case.arguments["z"]
    z = z[np.abs(z.astype(np.float64)) < 8][:12].reshape(4, 3)
    v = as_dtype(np.resize([0.5, -1.0, 0.25], z.shape), case.dtype)
    return replace(case, arguments={"z": z}, cotangent={"value": v})


def answered(held: Iterator[Law]) -> Iterator[Law]:
    """The laws as far as they were answered: what is raised is one that fails."""
    try:
        with np.errstate(all="ignore"):
            yield from held
    except Exception as error:
        yield Law("answers whatever it is asked", False, f"{type(error).__name__}: {error}")


def of_report(report: Report) -> Iterator[Law]:
    """What a check comes to, as laws: its numbers, kinks and special values, then its laws."""
    if report.verdict == "broken":
        yield Law("answers whatever it is asked", False, report.broken)
        return
    yield Law("answers whatever it is asked", True)
    if off := [j for j in report.judged if j.verdict != "right"]:
        said = f"{off[0].quantity} in {off[0].dtype} is {off[0].verdict}: {off[0].why or f'{off[0].largest:.3g} ULP'}"
        yield Law("right beside the truth", False, said)
    elif report.verdict == "cannot tell":
        yield Law("right beside the truth", None, "no planted error would be seen: the gradient is 0")
    else:
        yield Law("right beside the truth", True)
    for kind, law in (("kink", "between left and right at kinks"), ("special", "the limit at ±0, ±∞ and NaN")):
        met = [edge for edge in report.edges if edge.kind == kind]
        fine = ("agrees", "convention") if kind == "kink" else ("agrees",)
        wrong = [f"{edge} ({edge.dtype})" for edge in met if edge.verdict not in fine]
        if met:
            yield Law(law, not wrong, wrong[0] if wrong else "")
    yield from report.laws


# ---------------------------------------------------------------- update rules


def _of_step(formula: Formula, dtypes: Sequence[str], seed: int) -> Iterator[tuple[str, Law]]:
    """A step has no gradient: its results are held against the laws in the place of one."""
    for dtype in dtypes:
        subject, case = step(formula, dtype, seed)
        asking = Asking(case, {name: name for name in case.arguments})
        for law in laws(subject, [(asking, Truth({}, {}, np.nan))], False):
            yield f"vjp in {dtype}", law
        held = answered(of_arrays(_results(subject), case.arguments, {}, but=LONG))
        yield from ((f"vjp in {dtype}", law) for law in held)


def _results(subject: Subject) -> Callable[..., Answer]:
    return lambda given, v=None: subject.answer(given, {}, {})


def step(formula: Formula, dtype: str, seed: int) -> tuple[Subject, Case]:
    """A step from w, dC and the accumulators of the rule, as a subject whose gradients are what it returns.

    In 16 bits the accumulators are left at their start: they are float64 there.
    """
    rng = generator(formula.id, dtype, "plain", seed)
    given = {name: as_dtype(rng.standard_normal((3, 2)), dtype) for name in ("w", "dC")}
    kept = {
        name: y for name, y in vjp(formula.id, given, t=3)[0].items() if name != "w" and y.dtype == given["w"].dtype
    }
    given |= {name: as_dtype(np.abs(rng.standard_normal(y.shape)), dtype) for name, y in kept.items() if y.ndim}

    def answer(given: Mapping[str, Any], v: Mapping[str, Any], options: Mapping[str, Any]) -> Answer:
        found, _ = vjp(formula.id, given, t=3)
        return Answer({}, {name: y for name, y in found.items() if name in given})

    subject = Subject(formula.name, "step", tuple(given), ("w",), answer, formula.function, linear=False)
    return subject, Case(formula.id, dtype, "plain", seed, given, {}, {})


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each formula."""
    dtypes = plan.those([dtype for those in SIZES.values() for dtype in those])
    for id in CATALOGUE:
        if dtypes and plan.wants(id):
            yield Task(id, functools.partial(measure, id, tuple(dtypes), plan.seed))
