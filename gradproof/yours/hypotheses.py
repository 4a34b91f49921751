"""What a wrong gradient may be instead: each hypothesis says in words what was done, and predicts the numbers.

Most are the right gradient of a slightly other question: another cotangent, another point, a weight left out, another
parameter, another formula. Those are asked of the formula itself in float64, or of the standard where it is no formula.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradproof.answers.factors import NEAR, close
from gradproof.cases.case import Case
from gradproof.yours.asked import wide_arrays
from gradproof.yours.returned import Broken
from gradproof.yours.standard import Standard
from oracles.calls import floating
from oracles.floats import format_of
from reference import CATALOGUE
from reference.formula import Array, Formula

SETTINGS = (0.0, 1e-8, 1e-5, 0.01, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0)  # where a fit of a parameter begins
FITS = 12  # steps of Gauss and Newton
PLAIN = (2.0**-4, 8.0)  # |x| where an elementwise function is compared


@dataclass(frozen=True)
class Seen:
    """One wrong array: the case, what was got and the truth, which is NaN where nothing is to be explained.

    `quantity` is the name of an output, or "∂/∂" and that of an argument by the standard's names.
    """

    standard: Standard
    case: Case
    quantity: str
    got: Array
    truth: Array

    @property
    def argument(self) -> str:
        """The argument that it is the gradient by; empty for an output."""
        return self.quantity.removeprefix("∂/∂").removesuffix("²") if self.quantity.startswith("∂/∂") else ""

    @property
    def x(self) -> Array:
        """That argument in float64, or the first one."""
        given = self.case.arguments
        return np.asarray(given[self.argument or next(iter(given))]).astype(np.float64)

    @property
    def parameters(self) -> dict[str, Any]:
        """By name: those of the formula, of the standard and of the case."""
        formula = self.standard.formula
        return {**(formula.parameters if formula else {}), **self.standard.parameters, **self.case.parameters}

    @property
    def v(self) -> Array | None:
        """The cotangent of the only output."""
        seeds = [*(self.case.cotangent or {}).values()]
        return np.asarray(seeds[0]).astype(np.float64) if len(seeds) == 1 else None

    def right(self, arguments: Mapping[str, Any] | None = None, cotangent: Any = None, **options: Any) -> Array | None:
        """The quantity for other arguments, cotangents or parameters; None where there is none."""
        given = {**self.case.arguments, **(arguments or {})}
        seeds = {**(self.case.cotangent or {}), **(cotangent or {})}
        found = right(self.standard, dataclasses.replace(self.case, arguments=given, cotangent=seeds), **options)
        return found.get(self.quantity)

    def value(self) -> Array | None:
        """The right value, of a function with one output."""
        found = right(self.standard, self.case)
        outputs = [y for name, y in found.items() if not name.startswith("∂/∂")]
        return outputs[0] if len(outputs) == 1 else None

    def others(self) -> dict[str, Array]:
        """The other floating arguments, in float64."""
        given = self.case.arguments.items()
        return {
            n: np.asarray(x).astype(np.float64)
            for n, x in given
            if n != self.argument and isinstance(x, np.ndarray) and floating(x)
        }

    def near(self) -> float:
        """How well a hypothesis must fit, relative to the largest entry."""
        return max(NEAR, 64 * 2.0 ** -format_of(self.case.dtype)[1].digits)

    def fits(self, predicted: Any) -> bool:
        """Whether this is what was got."""
        if predicted is None or np.shape(predicted) != self.got.shape:
            return False
        here = ~np.isnan(self.truth) if self.truth.shape == self.got.shape else np.ones(self.got.shape, bool)
        p = np.asarray(predicted)[here]
        return bool(p.size and np.isfinite(p).all()) and close(self.got[here], p, 0.0, self.near())

    def fits_as(self, reduced: Array) -> bool:
        """Whether what was got, brought into shape, is the truth."""
        return close(reduced, self.truth, 0.0, self.near())


Predict = Callable[[Seen], Any]
Hypothesis = tuple[str, Predict]


def right(standard: Standard, case: Case, **options: Any) -> dict[str, Array]:
    """Outputs and gradients by quantity in float64; empty for a question that is refused."""
    wide = wide_arrays(case.arguments)
    seeds = {n: np.asarray(v).astype(np.float64) for n, v in (case.cotangent or {}).items()}
    parameters = {**standard.parameters, **case.parameters, **options}
    try:
        with np.errstate(all="ignore"):
            if standard.formula is not None and not standard.by_truth:
                outputs, gradients = standard.formula.vjp(wide, seeds or None, **parameters)
                return {**outputs, **{f"∂/∂{n}": g for n, g in gradients.items()}}
            asked = dataclasses.replace(
                case,
                dtype="float64",
                arguments=wide,
                cotangent=seeds or None,
                parameters={**case.parameters, **options},
            )
            if standard.estimate is not None:
                outputs, gradients, _ = standard.estimate(asked)
                return {**outputs, **{f"∂/∂{n}": g for n, g in gradients.items()}}
            return {name: q.truth.hi for name, q in standard.truth(asked).quantities.items()}
    except (Broken, ValueError, TypeError, LookupError, ArithmeticError, IndexError):
        return {}


def fitting(hypotheses: Iterator[Hypothesis], seen: Sequence[Seen]) -> Iterator[str]:
    """The words of every hypothesis that explains all of these arrays."""
    for words, predict in hypotheses:
        with np.errstate(all="ignore"):
            if all(s.fits(predict(s)) for s in seen):
                yield words


def elementwise(s: Seen) -> bool:
    """Whether the truth acts entry by entry on one array."""
    return s.standard.formula is not None and s.standard.formula.elementwise


# ---------------------------------------------------------------- the cotangent


def of_the_cotangent(s: Seen) -> Iterator[Hypothesis]:
    """What may be done to a cotangent instead of pulling it back."""
    seeds = s.case.cotangent or {}
    if all((np.asarray(v) == 1).all() for v in seeds.values()):
        return
    yield "the cotangent is ignored, as if it were ones", lambda s: s.right(None, _each(s, np.ones_like))
    yield "the cotangent itself is returned (dx = v): the derivative is missing", lambda s: s.v
    for name in seeds if len(seeds) > 1 else ():
        yield (
            f"the cotangent of the output {name} is ignored",
            (
                lambda s, name=name: s.right(None, {name: np.zeros_like(s.case.cotangent[name])})  # type: ignore[misc]
            ),
        )
    for times, words in ((True, ""), (False, ", and not multiplied by it")):
        yield f"the derivative is taken at the cotangent, not at the input{words}", (
            lambda s, times=times: None if s.v is None or s.v.shape != s.x.shape else  # type: ignore[misc]
            s.right({s.argument: s.v}) if times else s.right({s.argument: s.v}, _each(s, np.ones_like))
        )  # fmt: skip
    yield (
        "the mean of the cotangent is taken for each of its entries",
        (lambda s: s.right(None, _each(s, lambda v: np.full_like(v, v.mean())))),
    )
    yield (
        "the sum of the cotangent is taken for each of its entries",
        (lambda s: s.right(None, _each(s, lambda v: np.full_like(v, v.sum())))),
    )
    yield "the entries of the cotangent are reversed", lambda s: s.right(None, _each(s, np.flip))
    yield "the cotangent is taken without its sign", lambda s: s.right(None, _each(s, np.abs))
    yield "the cotangent is multiplied twice", lambda s: s.right(None, _each(s, lambda v: v * v))
    if s.v is not None and s.v.ndim == 0 and s.truth.ndim:
        yield (
            "only the first entry is there: a cotangent of shape () is read as a full array",
            lambda s: _first(s.truth),
        )
    yield "only the first entry of the cotangent is read", lambda s: s.right(None, _each(s, _first))


def _each(s: Seen, change: Callable[[Array], Array]) -> dict[str, Array]:
    return {name: change(np.asarray(v).astype(np.float64)) for name, v in (s.case.cotangent or {}).items()}


def _first(v: Array) -> Array:
    return np.where(np.arange(v.size).reshape(v.shape) == 0, v, 0.0)


# ---------------------------------------------------------------- the point


def of_the_point(s: Seen) -> Iterator[Hypothesis]:
    """The derivative at another point, or another thing than the derivative there."""

    def at_a(s: Seen) -> Any:
        a = s.value()
        return None if a is None or a.shape != s.x.shape else s.right({s.argument: a})

    yield "the slope is taken at a = g(z) instead of z", at_a
    yield "the value is given for the derivative", lambda s: s.value()
    if elementwise(s):
        yield "the slope in terms of the output is called with the input", _in_terms_of_the_output
        yield "the slope g'(z) is missing", lambda s: np.ones(s.got.shape) if s.v is None else s.v
        formula = s.standard.formula
        if formula is not None and formula.curvature is not None:
            yield "it is the second derivative", _second
        yield "the slope is multiplied by the input", lambda s: s.truth * s.x
        yield "the slope is divided by the input", lambda s: s.truth / s.x
        yield "it is the square of the slope", lambda s: _by_v(s, lambda slope: slope**2)
        yield "it is the root of the slope", lambda s: _by_v(s, np.sqrt)
        yield "it is the reciprocal of the slope", lambda s: _by_v(s, lambda slope: 1 / slope)
        yield "the slope is taken at −z", lambda s: s.right({s.argument: -s.x})
        yield "the slope is taken at |z|", lambda s: s.right({s.argument: np.abs(s.x)})
    else:
        yield "it is taken at minus the argument", lambda s: s.right({s.argument: -s.x})


def _slope(s: Seen) -> Array:
    return s.truth if s.v is None else s.truth / s.v


def _by_v(s: Seen, change: Callable[[Array], Array]) -> Array:
    return change(_slope(s)) * (1 if s.v is None else s.v)


def _in_terms_of_the_output(s: Seen) -> Any:
    """Where the slope is c₀ + c₁a + c₂a², as of sigmoid and tanh, that polynomial of the input."""
    a, slope = s.value(), _slope(s)
    if a is None:
        return None
    fine = np.isfinite(a) & np.isfinite(slope)
    c = np.linalg.lstsq(np.vander(a[fine], 3), slope[fine], rcond=None)[0]
    if not close(np.vander(a[fine], 3) @ c, slope[fine]):
        return None
    return np.polyval(c, s.x) * (1 if s.v is None else s.v)


def _second(s: Seen) -> Any:
    formula = s.standard.formula
    assert formula is not None
    assert formula.curvature is not None
    parameters = {**formula.parameters, **s.standard.parameters, **s.case.parameters}
    value, slope = formula.function(s.x, **parameters)
    curvature = formula.curvature(s.x, value, slope, **parameters)
    return np.broadcast_to(curvature, s.x.shape) * (1 if s.v is None else s.v)


# ---------------------------------------------------------------- other arguments, parameters, formulas


def of_other_arguments(s: Seen) -> Iterator[Hypothesis]:
    """Another argument left out, as if it were 1 or 0."""
    for name in s.others():
        yield (
            f"{name} is left out, as if it were 1",
            lambda s, name=name: s.right({name: np.ones_like(s.others()[name])}),  # type: ignore[misc]
        )
    for name in s.others():
        yield (
            f"{name} is left out, as if it were 0",
            (lambda s, name=name: s.right({name: np.zeros_like(s.others()[name])})),  # type: ignore[misc]
        )
    if s.standard.formula is not None:
        required = _needed(s.standard.formula)
        for name in s.case.arguments:
            if name not in required and name != s.argument:
                yield f"{name} is left out", lambda s, name=name: s.right({name: None})  # type: ignore[misc]


def _needed(formula: Formula) -> list[str]:
    parameters = inspect.signature(formula.function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]


def of_options(s: Seen) -> Iterator[Hypothesis]:
    """An option of the case that is not heeded."""
    formula = s.standard.formula
    if formula is None:
        return
    for name, given in s.case.parameters.items():
        taken = inspect.signature(formula.function).parameters
        if name not in taken:
            continue
        default = taken[name].default
        if given != default:
            yield f"{name} is not heeded ({name} = {given})", lambda s, name=name, default=default: s.right(  # type: ignore[misc]
                None, None, **{name: default})  # fmt: skip


def of_shares(s: Seen) -> Iterator[Hypothesis]:
    """A parameter between 0 and 1 on the wrong side, or shared out among one class too few."""
    for name, p in s.parameters.items():
        if isinstance(p, (bool, str)) or not isinstance(p, (int, float)) or not 0 < p < 1:
            continue
        yield f"{name} and 1 − {name} are exchanged", lambda s, name=name: s.right(  # type: ignore[misc]
            None, None, **{name: 1 - s.parameters[name]})  # fmt: skip
        yield f"{name} goes to the other classes alone: {name}/(V − 1) for {name}/V each", lambda s, name=name: (  # type: ignore[misc]
            _to_the_others(s, name))  # fmt: skip


def _to_the_others(s: Seen, name: str) -> Array | None:
    """What a parameter adds, V/(V − 1) times: the gradient is affine in a share."""
    classes, none = s.x.shape[-1] if s.x.ndim else 1, s.right(None, None, **{name: 0.0})
    return None if none is None or classes < 2 else none + (s.truth - none) * classes / (classes - 1)


def fitted(seen: Sequence[Seen]) -> Iterator[str]:
    """Parameters of the standard of which another value explains the numbers, in words."""
    s = seen[0]
    for name, p in s.parameters.items():
        if isinstance(p, (bool, str)) or not isinstance(p, (int, float)):
            continue
        q = _fit(s, name, float(p))
        if q is None or not all(t.fits(t.right(None, None, **{name: q})) for t in seen[1:]):
            continue
        if not next(fitting(of_shares(s), seen), ""):  # which says more
            yield f"it is that of {name} = {q:.6g}, not {p:.6g}"


def _fit(s: Seen, name: str, p: float) -> float | None:
    """The value of a parameter that gives what was got, by Gauss and Newton from several beginnings."""
    here = ~np.isnan(s.truth)

    def off(q: float) -> Array | None:
        found = s.right(None, None, **{name: q})
        if found is None or np.shape(found) != s.got.shape or not np.isfinite(found[here]).all():
            return None
        return np.asarray(s.got[here] - found[here])

    for q in (1 - p, *SETTINGS):
        if q != p and s.fits(s.right(None, None, **{name: q})):
            return q
    begins = []
    for q in (p, *SETTINGS):
        if (r := off(q)) is not None:
            begins.append((float(np.sum(r * r)), q))
    for _, q in sorted(begins)[:2]:
        for _ in range(FITS):
            if s.fits(s.right(None, None, **{name: q})):
                return q if abs(q - p) > NEAR * max(abs(p), NEAR) else None
            step = 1e-6 * max(abs(q), 1e-3)
            one, other = off(q), off(q + step)
            if one is None or other is None:
                break
            slope = (other - one) / step
            size = float(np.sum(slope * slope))
            if not size or not np.isfinite(size):
                break
            q -= float(np.sum(slope * one)) / size
    return None


def of_other_formulas(s: Seen) -> Iterator[Hypothesis]:
    """Every formula of the catalogue that can be asked the same."""
    mine = s.standard.formula
    if mine is None:
        return
    for other in CATALOGUE.values():
        if other.id == mine.id or other.elementwise != mine.elementwise:
            continue
        if other.kind not in ("activation", "cost", "regularizer"):
            continue
        what = "slope" if other.elementwise and s.argument else "gradient" if s.argument else "value"
        yield f"it is the {what} of {other.id}", lambda s, other=other: _of(s, other)  # type: ignore[misc]


def _of(s: Seen, other: Formula) -> Any:
    mine = s.standard.formula
    assert mine is not None
    names = dict(zip(_needed(mine), _needed(other), strict=False))
    if len(_needed(mine)) != len(_needed(other)) or (s.argument and s.argument not in names):
        return None
    arguments = {names[n]: x for n, x in s.case.arguments.items() if n in names}
    taken = inspect.signature(other.function).parameters
    options = {n: p for n, p in {**s.standard.parameters, **s.case.parameters}.items() if n in taken}
    asked = dataclasses.replace(s.case, arguments=arguments, parameters=options)
    try:
        found = right(dataclasses.replace(s.standard, formula=other, parameters={}, by_truth=False), asked)
    except AssertionError:
        return None
    return found.get(f"∂/∂{names[s.argument]}" if s.argument else s.quantity)


def right_of(s: Seen, other: Formula) -> Any:
    """The quantity by another update rule, from those accumulators that it has too."""
    taken = inspect.signature(other.function).parameters
    arguments = {n: x for n, x in s.case.arguments.items() if n in other.arguments}
    options = {n: p for n, p in s.case.parameters.items() if n in taken or n == "t"}
    asked = dataclasses.replace(s.case, arguments=arguments, parameters=options)
    other_standard = dataclasses.replace(s.standard, formula=other, parameters={}, by_truth=False)
    return right(other_standard, asked).get(s.quantity)
