"""What a subject is judged by, the best there is: a formula of the catalogue, a forward over balls, another's autodiff,
a complex step, an extrapolated difference quotient. Each says how strong it is.

An answer that is not exact comes with two figures an entry: the error that it estimates for itself, which is nobody
else's fault, and how far it moves when all inputs move by one rounding error, which is forgiven. The latter is
measured by moving them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradproof.answers.truth import Truth
from gradproof.cases.case import Case
from gradproof.lookup import UsageError, find
from gradproof.yours.subject import Subject, subject_of
from oracles.calls import floating
from oracles.floats import Truth as Rounded
from oracles.floats import conditioned_error, format_of, ulp_exponent
from reference.formula import Array, Formula

MOVES = 6  # random moves of all inputs by ± one rounding error
STEP = 2.0**-40  # of such a move in float64, where the roundoff of the standard itself would hide a smaller one


Estimate = Callable[[Case], tuple[dict[str, Array], dict[str, Array], dict[str, Array]]]  # …, errors of the gradients


@dataclass(frozen=True)
class Standard:
    """Where the truth comes from. `said` is for the report, `strength` one of its rungs, from exact to extrapolated.

    `formula` is that of the catalogue, if it is one, and `parameters` those it is asked with. `judges_values` is False
    where the outputs are the subject's own.
    """

    said: str
    strength: str
    truth: Callable[[Case], Truth]
    formula: Formula | None = None
    judges_values: bool = True
    parameters: Mapping[str, Any] = field(default_factory=dict)
    estimate: Estimate | None = None  # what the truth is made of, where it is not exact


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
    if isinstance(against, str):
        formula, more = find(against)
        return _catalogue(formula, {**more, **parameters})
    if against is None:
        return _own(subject)
    if isinstance(against, Subject):
        return _autodiff(against)
    if not callable(against):
        raise UsageError(f"against={against!r}: not an id, a forward function or a gradproof.torch_function(…)")
    if next(iter(_parameters(against)), "") == "xp":
        return _array_api(against)
    try:
        return _autodiff(subject_of(against))
    except UsageError:
        return _numpy(against, subject.outputs)


def _parameters(function: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def _catalogue(formula: Formula, parameters: Mapping[str, Any]) -> Standard:
    from oracles import arb_truth

    def truth(case: Case) -> Truth:
        given: dict[str, Any] = {**parameters, **case.parameters}
        if formula.elementwise:
            return _points(formula.id, case, given)
        return Truth(*arb_truth.pullback(formula.id, case.arguments, case.cotangent, dtype=case.dtype, **given))

    said = ", ".join([formula.id, *(f"{name} = {value}" for name, value in parameters.items())])
    return Standard(f"{said}, over balls", "exact", truth, formula, parameters=parameters)


def with_curvature(standard: Standard, case: Case, truth: Truth) -> Truth:
    """The truth with that of ∂²/∂z² by each entry of the first argument, as boosting wants it, under the name "z²".

    By extrapolated differences of the true gradient, one column after the other: rows do not depend on each other.
    """
    wide = _wide(case)
    name, z = next(iter(wide.arguments.items()))
    h = 2.0**-10 * np.maximum(1, np.abs(z))
    columns = range(z.shape[-1]) if z.ndim > 1 else [0]

    def difference(step: Array) -> Array:
        found = np.zeros(z.shape)
        for k in columns:
            alone = (np.arange(z.shape[-1]) == k) if z.ndim > 1 else np.ones(z.shape, bool)
            up, down = (
                standard.truth(replace(wide, arguments={**wide.arguments, name: z + sign * step * alone}))
                for sign in (1, -1)
            )
            slope = (up.gradients[name].truth.hi - down.gradients[name].truth.hi) / (2 * step)
            found = np.where(alone, slope, found)
        return found

    with np.errstate(all="ignore"):
        coarse, fine = difference(h), difference(h / 2)
        second = (4 * fine - coarse) / 3
        slack = np.abs(fine - coarse) + 1e-10 * np.nanmax(np.abs(second), initial=0)
    none = np.zeros(z.shape)
    rounded = Rounded(second, none, ~np.isfinite(second), format_of(case.dtype)[0])
    more = Estimated(rounded, slack, np.nan_to_num(np.abs(second) * (1 + np.abs(z))))
    return truth._replace(gradients={**truth.gradients, f"{name}²": more})


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


def _array_api(function: Any) -> Standard:
    from oracles.arb_truth import namespace

    def truth(case: Case) -> Truth:
        found = namespace.pullback_of(function, case.arguments, case.cotangent, dtype=case.dtype, **case.parameters)
        return Truth(*found)

    return Standard(f"{function.__name__}, over balls", "exact", truth)


def _autodiff(subject: Subject) -> Standard:
    if subject.form not in ("torch_function", "jax_function"):
        raise UsageError(f"{subject.name} is by {subject.form}: a hand-written gradient proves nothing about another")
    package = subject.form.split("_")[0]

    def estimate(case: Case) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        found = subject.answer(case.arguments, case.cotangent or {}, case.parameters)
        by = {name: np.asarray(g) for name, g in found.gradients.items()}
        return dict(found.outputs), by, {name: np.zeros(g.shape) for name, g in by.items()}

    return Standard(
        f"{subject.name} by autodiff of {package} in float64", "autodiff", estimated(estimate), estimate=estimate
    )


def _own(subject: Subject) -> Standard:
    """Differences of the subject's own outputs: they say whether its gradient is that of its values."""
    if not subject.values:
        raise UsageError(f"{subject.name} returns no value: say what it is the gradient of, by against=…")

    def forward(*arguments: Any, **options: Any) -> Any:
        if subject.forward is not None:
            return subject.forward(*arguments, **options)
        given = dict(zip(subject.arguments, arguments, strict=True))
        return {name: np.asarray(y) for name, y in subject.answer(given, {}, options).outputs.items()}

    found = _numpy(forward, subject.outputs)
    return Standard("differences of its own values, extrapolated", found.strength, found.truth, judges_values=False,
                    estimate=found.estimate)  # fmt: skip


def _numpy(forward: Any, outputs: tuple[str, ...]) -> Standard:
    from oracles.finite_difference.extrapolation import pullback_of

    name = getattr(forward, "__name__", "the forward")

    def estimate(case: Case) -> tuple[dict[str, Array], dict[str, Array], dict[str, Array]]:
        return pullback_of(forward, case.arguments, case.cotangent or {}, outputs, **case.parameters)

    return Standard(f"{name} in float64, by complex step where it is analytic, else extrapolated differences",
                    "differences", estimated(estimate), estimate=estimate)  # fmt: skip


def estimated(estimate: Estimate) -> Callable[[Case], Truth]:
    """The truth of a case from estimates in float64, with their errors and what moves of the inputs do to them."""

    def truth(case: Case) -> Truth:
        name, format = format_of(case.dtype)
        wide = _wide(case)
        step = max(STEP, 2.0**-format.digits)
        with np.errstate(all="ignore"):
            outputs, gradients, slack = estimate(wide)
            moved = [estimate(_moved(wide, step, k)) for k in range(MOVES)]
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
    sway = np.sqrt(np.mean([(np.asarray(m, np.float64) - y) ** 2 for m in moved], axis=0)) / step
    none = np.zeros(y.shape)
    return Estimated(Rounded(y, none, none.astype(bool), dtype), none if slack is None else slack, np.nan_to_num(sway))


def _wide(case: Case) -> Case:
    def wide(x: Any) -> Any:
        return x.astype(np.float64) if isinstance(x, np.ndarray) and floating(x) else x

    given = {name: wide(x) for name, x in case.arguments.items()}
    seeds = {name: wide(v) for name, v in (case.cotangent or {}).items()}
    return Case(case.formula, "float64", case.regime, case.seed, given, seeds, case.parameters)


def _moved(case: Case, step: float, seed: int) -> Case:
    rng = np.random.default_rng(seed)

    def move(x: Any) -> Any:
        return x * (1 + step * rng.choice([-1.0, 1.0], x.shape)) if isinstance(x, np.ndarray) and floating(x) else x

    given = {name: move(x) for name, x in case.arguments.items()}
    seeds = {name: move(v) for name, v in (case.cotangent or {}).items()}
    return Case(case.formula, case.dtype, case.regime, case.seed, given, seeds, case.parameters)
