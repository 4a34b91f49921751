"""What a subject is judged by, the best there is: a formula of the catalogue, a forward over balls, another's autodiff,
a complex step, an extrapolated difference quotient. Each says how strong it is.

An answer that is not exact comes with two figures an entry: the error that it estimates for itself, which is nobody
else's fault, and how far it moves when all inputs move by one rounding error, which is forgiven. The latter is
measured by moving them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradproof.answers.truth import Truth
from gradproof.cases.case import Case
from gradproof.lookup import UsageError, find
from gradproof.yours.asked import wide_arrays
from gradproof.yours.returned import Broken, named_outputs
from gradproof.yours.subject import Subject, subject_of
from oracles.calls import floating
from oracles.floats import Truth as Rounded
from oracles.floats import conditioned_error, format_of, ulp_exponent
from reference.formula import Array, Formula

FORWARD = 400  # floats: of more, some entries are taken at random where each costs evaluations of the forward
ENTRIES = 16  # so many in each case
SHAKES = 2  # moves of the last bits, which show the roundoff of an estimate
NOISE = 4.0  # on the root mean square of what roundoff does to an estimate
MOVES = 4  # random moves of all inputs by ± one rounding error
STEP = 2.0**-40  # of such a move in float64, where the roundoff of the standard itself would hide a smaller one


Estimate = Callable[[Case], tuple[dict[str, Array], dict[str, Array], dict[str, Array]]]  # …, errors of the gradients


@dataclass(frozen=True)
class Standard:
    """Where the truth comes from. `said` is for the report, `strength` one of its rungs, from exact to extrapolated.

    `formula` is that of the catalogue, if it is one, and `parameters` those it is asked with. `judges_values` is False
    where the outputs are the subject's own. With `by_truth` hypotheses are asked of the truth, for the formula itself
    is judged.
    """

    said: str
    strength: str
    truth: Callable[[Case], Truth]
    formula: Formula | None = None
    judges_values: bool = True
    by_truth: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)
    estimate: Estimate | None = None  # what the truth is made of, where it is not exact
    values: Callable[[Case], Mapping[str, Array]] | None = None  # the outputs alone, where that is cheaper
    along: Callable[[Case, Mapping[str, Array]], tuple[float, float]] | None = None  # ⟨gradient, D⟩, and its error


@dataclass(frozen=True)
class Estimated:
    """The truth of an array as estimated in float64: with its own error, and Σ|xᵢ·∂y/∂xᵢ| as measured."""

    truth: Rounded
    slack: Array
    sway: Array

    def error(self, got: Any) -> Array:
        """As that of an exact truth, less what the estimate may be off by."""
        y = np.asarray(got).astype(np.float64)
        beyond = np.maximum(np.abs(y - self.truth.hi) - self.slack, 0) * np.sign(y - self.truth.hi)
        with np.errstate(invalid="ignore"):
            y = np.where(np.isfinite(y) & np.isfinite(self.truth.hi), self.truth.hi + beyond, y)
        none = np.zeros(self.sway.shape)
        slope = Rounded(self.sway, none, none.astype(bool), self.truth.dtype)
        return conditioned_error(y, self.truth, np.ones(self.sway.shape), slope)


def standard_of(against: Any, subject: Subject, parameters: Mapping[str, Any]) -> Standard:
    """What `against` names; None stands for the subject's own outputs. Raises UsageError for what is no standard."""
    curved = subject.form == "objective"
    if isinstance(against, str):
        formula, more = find(against)
        return _catalogue(formula, {**more, **parameters}, curved)
    if against is None:
        return _own(subject)
    if isinstance(against, Subject):
        return _autodiff(against, curved)
    if not callable(against):
        raise UsageError(f"against={against!r}: not an id, a forward function or a gradproof.torch_function(…)")
    if next(iter(_parameters(against)), "") == "xp":
        return _array_api(against, subject.outputs, curved)
    try:
        other = subject_of(against)
    except UsageError:
        if curved:
            raise UsageError(
                f"{subject.name} gives second derivatives: judge it by a formula or a torch or JAX function"
            ) from None
        return _numpy(_named(against, subject.outputs), subject.outputs)
    return _autodiff(other, curved)


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def of_formula(formula: Formula) -> Standard:
    """The truth of a formula, which is itself judged by it. Raises ImportError without python-flint."""
    return replace(_catalogue(formula, {}, curved=False), by_truth=True)


def _catalogue(formula: Formula, parameters: Mapping[str, Any], curved: bool) -> Standard:
    from oracles import arb_truth
    from oracles.arb_truth.curvature import curvature

    taken = inspect.signature(formula.function).parameters
    known = dict.fromkeys([*formula.parameters, *(n for n, p in taken.items() if p.default not in (p.empty, None))])
    for name in parameters:
        if name not in known and name in taken:
            raise UsageError(
                f"{name} is no parameter of {formula.id} but an argument, which the cases vary: leave it out here; a "
                f"function that takes {name} is asked with it"
            )
        if name not in known:
            raise UsageError(f"{formula.id} has no parameter {name!r}; there are {', '.join(known) or 'none'}")

    def truth(case: Case) -> Truth:
        given: dict[str, Any] = {**parameters, **case.parameters}
        if formula.elementwise:
            return _points(formula.id, case, given)
        found = Truth(*arb_truth.pullback(formula.id, case.arguments, case.cotangent, dtype=case.dtype, **given))
        if curved:  # a boosting objective
            by = next(iter(case.arguments))
            found.gradients[f"{by}²"] = curvature(formula.id, case.arguments, by, case.cotangent, dtype=case.dtype,
                                                  **given)  # fmt: skip
        return found

    said = ", ".join([formula.id, *(f"{name} = {value}" for name, value in parameters.items())])
    return Standard(f"{said}, over balls", "exact", truth, formula, parameters=parameters)


def _points(id: str, case: Case, parameters: Mapping[str, Any]) -> Truth:
    """Value and slope at very many points, under a cotangent of powers of two, by which the slope is scaled exactly."""
    from oracles.arb_truth import Conditioned, truths

    (z,) = case.arguments.values()
    x = z.astype(np.float64)
    value, slope, curvature = truths(id, x, (0, 1, 2), dtype=case.dtype, **parameters)
    with np.errstate(invalid="ignore", over="ignore"):
        sways = [np.nan_to_num(np.abs(x * by.hi), posinf=0) for by in (slope, curvature)]
    v = np.asarray((case.cotangent or {"value": np.ones(x.shape)})["value"]).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        slope = _scaled(slope, v)
    return Truth({"value": Conditioned(value, sways[0])}, {"z": Conditioned(slope, sways[1] * np.abs(v))}, 1.0)


def _scaled(y: Rounded, v: Array) -> Rounded:
    """y·v for powers of two v, and no truth where y overflowed and y·v need not."""
    lost = np.isinf(y.hi) & (np.abs(v) < 1)
    hi = np.where(lost, np.nan, y.hi * v)
    residual = y.residual * np.sign(v) * np.ldexp(np.abs(v), ulp_exponent(y.hi, y.dtype) - ulp_exponent(hi, y.dtype))
    return Rounded(hi, residual, y.undecided | lost, y.dtype)


def _named(function: Any, outputs: tuple[str, ...]) -> Any:
    """The forward with its outputs by name. Raises UsageError where the subject names others, or not so many."""

    @functools.wraps(function)
    def named(*given: Any, **options: Any) -> dict[str, Any]:
        try:
            return named_outputs(function(*given, **options), outputs)
        except Broken as broken:
            raise UsageError(f"{getattr(function, '__name__', 'the forward')} {broken}") from None

    return named


def _array_api(forward: Any, outputs: tuple[str, ...], curved: bool) -> Standard:
    from oracles.arb_truth import namespace

    function = _named(forward, outputs)

    def truth(case: Case) -> Truth:
        found = namespace.pullback_of(function, case.arguments, case.cotangent, dtype=case.dtype, **case.parameters)
        return Truth(*found)

    def estimate(case: Case) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        found = truth(case)
        return tuple({n: q.truth.hi for n, q in part.items()} for part in (found.outputs, found.gradients, {}))  # type: ignore[return-value]

    return Standard(f"{function.__name__}, over balls", "exact", _with_curvature(truth, estimate) if curved else truth)


def _autodiff(subject: Subject, curved: bool) -> Standard:
    if subject.form not in ("torch_function", "jax_function"):
        raise UsageError(f"{subject.name} is by {subject.form}: a hand-written gradient proves nothing about another")
    package = subject.form.split("_")[0]

    def estimate(case: Case) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        found = subject.answer(case.arguments, case.cotangent or {}, case.parameters)
        by = {name: np.asarray(g) for name, g in found.gradients.items()}
        return dict(found.outputs), by, {name: np.zeros(g.shape) for name, g in by.items()}

    def values(case: Case) -> Mapping[str, Array]:
        return subject.answer(case.arguments, {}, case.parameters).outputs

    truth = estimated(estimate)
    return Standard(f"{subject.name} by autodiff of {package} in float64", "autodiff",
                    _with_curvature(truth, estimate) if curved else truth,
                    values=values, estimate=estimate)  # fmt: skip


def _with_curvature(truth: Callable[[Case], Truth], estimate: Estimate) -> Callable[[Case], Truth]:
    """The second derivatives by each entry of the first argument too, as extrapolated differences of the gradient."""
    from oracles.extrapolation import ridders

    def more(case: Case) -> Truth:
        found, wide = truth(case), _wide(case)
        name, x = next(iter(wide.arguments.items()))

        def moved(i: tuple[int, ...], t: float) -> float:
            y = np.array(x)
            y[i] = t
            return float(estimate(replace(wide, arguments={**wide.arguments, name: y}))[1][name][i])

        second, error = np.zeros(x.shape), np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            second[i], error[i] = ridders(lambda t, i=i: moved(i, t), float(x[i]))  # type: ignore[misc]
        none = np.zeros(x.shape, bool)
        rounded = Rounded(second, np.zeros(x.shape), none, case.dtype)
        found.gradients[f"{name}²"] = Estimated(rounded, error, np.abs(second))
        return found

    return more


def _own(subject: Subject) -> Standard:
    """Differences of the subject's own outputs: they say whether its gradient is that of its values."""
    if not subject.values:
        raise UsageError(f"{subject.name} returns no value: say what it is the gradient of, by against=…")

    def forward(*arguments: Any, **options: Any) -> Any:
        given = dict(zip(subject.arguments, arguments, strict=True))
        try:
            if subject.forward is not None:
                return subject.forward(*arguments, **options)
            return {name: np.asarray(y) for name, y in subject.answer(given, {}, options).outputs.items()}
        except (Broken, UsageError):
            raise
        except Exception as error:  # complex numbers, which the standard tries, it need not take
            if any(np.iscomplexobj(x) for x in arguments):
                raise TypeError(str(error)) from error
            raise Broken(f"raised {type(error).__name__}: {error}") from error

    found = _numpy(forward, subject.outputs)
    return replace(found, said="differences of its own values, extrapolated", judges_values=False)


def _numpy(forward: Any, outputs: tuple[str, ...]) -> Standard:
    from oracles.extrapolation import pullback_of, ridders

    name = getattr(forward, "__name__", "the forward")

    def values(case: Case) -> dict[str, Array]:
        found = forward(*case.arguments.values(), **case.parameters)
        return {n: np.asarray(y) for n, y in named_outputs(found, outputs).items()}

    def estimate(case: Case) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        return pullback_of(forward, case.arguments, case.cotangent or {}, outputs, _some(case), **case.parameters)

    def along(case: Case, D: Mapping[str, Array]) -> tuple[float, float]:
        wide = _wide(case)
        middle, v = values(wide), wide.cotangent or {}

        def paired(t: float) -> float:
            moved = values(replace(wide, arguments={n: x + t * D.get(n, 0) for n, x in wide.arguments.items()}))
            return sum(float((np.asarray(v.get(n, 1)) * (y - middle[n])).sum()) for n, y in moved.items())

        with np.errstate(all="ignore"):
            return ridders(paired, 0.0)

    return Standard(f"{name} in float64, by complex step where it is analytic, else extrapolated differences",
                    "differences", estimated(estimate), values=values, along=along, estimate=estimate)  # fmt: skip


def _some(case: Case) -> dict[str, Array] | None:
    """Which entries to ask for where there are many: ENTRIES in all, at random, some of every argument."""
    sizes = {n: x.size for n, x in case.arguments.items() if isinstance(x, np.ndarray) and floating(x)}
    if sum(sizes.values()) <= FORWARD:
        return None
    rng = np.random.default_rng([case.seed, len(case.regime)])
    most = max(1, ENTRIES // len(sizes))
    return {n: rng.choice(size, min(size, most), replace=False) for n, size in sizes.items()}


def estimated(estimate: Estimate) -> Callable[[Case], Truth]:
    """The truth of a case from estimates in float64, with their errors and what moves of the inputs do to them."""

    def truth(case: Case) -> Truth:
        name, format = format_of(case.dtype)
        wide = _wide(case)
        step = max(STEP, 2.0**-format.digits)
        with np.errstate(all="ignore"):
            outputs, gradients, slack = estimate(wide)
            moves = MOVES if _some(wide) is None else MOVES // 2
            moved = [estimate(_moved(wide, step, k)) for k in range(moves)]
            if name == "float64":  # its own roundoff counts: what the last bits of the inputs do to it
                shaken = [estimate(_moved(wide, 2.0**-52, k))[1] for k in range(moves, moves + SHAKES)]
                slack = {q: slack[q] + NOISE * _spread(y, [s[q] for s in shaken]) for q, y in gradients.items()}
        found = []
        for k, middle in enumerate((outputs, gradients)):
            found.append({
                q: _estimated(y, [m[k][q] for m in moved], slack.get(q) if k else None, step, name)
                for q, y in middle.items()
            })  # fmt: skip
        return Truth(found[0], found[1], np.nan)

    return truth


def _estimated(y: Array, moved: list[Array], slack: Array | None, step: float, dtype: str) -> Estimated:
    y = np.asarray(y, np.float64)
    sway, none = _spread(y, moved) / step, np.zeros(y.shape)
    return Estimated(Rounded(y, none, np.isnan(y), dtype), none if slack is None else slack, np.nan_to_num(sway))


def _spread(y: Array, others: list[Array]) -> Array:
    """The root mean square of their distance from y."""
    with np.errstate(all="ignore"):
        return np.asarray(np.sqrt(np.mean([(np.asarray(m, np.float64) - y) ** 2 for m in others], axis=0)))


def _wide(case: Case) -> Case:
    """The case in float64."""
    given, seeds = wide_arrays(case.arguments), wide_arrays(case.cotangent or {})
    return replace(case, dtype="float64", arguments=given, cotangent=seeds)


def _moved(case: Case, step: float, seed: int) -> Case:
    rng = np.random.default_rng(seed)

    def move(x: Any) -> Any:
        return x * (1 + step * rng.choice([-1.0, 1.0], x.shape)) if isinstance(x, np.ndarray) and floating(x) else x

    given = {name: move(x) for name, x in case.arguments.items()}
    seeds = {name: move(v) for name, v in (case.cotangent or {}).items()}
    return Case(case.formula, case.dtype, case.regime, case.seed, given, seeds, case.parameters)
