"""From terms and their slopes to a cost: one chain rule for every reduction.

A cost returns (C, gradients). `gradients` maps the name of every floating argument that is given to an array of its
shape. The body of a cost sees float64 arrays and gives its terms, and how each term answers to each argument: a
slope has the shape of the terms, and behind it what axes of the argument belong to one term. All else is here:

    C = Σ terms/divisor,    ∂C/∂x = Σ cotangent/divisor · ∂term/∂x.

`reduction` says what becomes of the terms: "none" leaves them as they are; "sum" adds them; "mean" divides the sum by
their number, unless the record names another divisor; "batchmean" divides it by the number of examples, the
length of the first axis. The first `leading` axes are independent problems: C has their shape, and the reductions are
over the rest.

A weight of 0 takes its term out, whatever the term is. Weights may be negative: the formulas hold as they stand.
"""

from __future__ import annotations

import functools
import inspect
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.costs.arguments import CLASS, ENTRY, ROW, TERM, gathered, laid_out, taken
from reference.costs.blocks import Own, factors_of, in_blocks
from reference.costs.products import exactly, near_one, within_range
from reference.entries import CHECKS, DIGITS, check_entries
from reference.exact import wide, wide_sum
from reference.lift import QUIET, Answer, Array, checked, choice, cotangent_of, index, is_plain, named, rounded, times

Gradients = dict[str, Array]
Slopes = Mapping[str, Any]  # by argument: factors, or a function of nothing that works them out when they are asked for
Terms = tuple[Any, ...]  # (terms, slopes), or (terms, slopes, what each term counts in the mean)
Cost = Callable[..., tuple[Array, Gradients]]
FAR = 60  # powers of two from 1 beyond which weights are scaled
REDUCTIONS = ("none", "sum", "mean", "batchmean")


@dataclass(frozen=True)
class Form:
    """The form of a cost: its body, its arguments, and what `reduced` was told about it."""

    body: Callable[..., Terms]
    names: tuple[str, ...]  # of the arrays, of which the first `needed` must be given
    needed: int
    shapes: Mapping[str, str]  # what each is beside the terms
    known: Mapping[str, Any]  # parameters with their defaults
    weighted: str
    mean: str
    default: str
    classes: bool
    leading: bool
    sees_leading: bool  # whether the body takes the number of leading axes

    @functools.cached_property
    def plain(self) -> bool:
        """Whether two arrays of one shape are all it needs, and the mean is over terms."""
        kinds = {self.shapes[name] for name in self.names[: self.needed]}
        return self.needed == 2 and self.mean == "terms" and kinds <= {ENTRY, TERM, ROW}


def reduced(
    *,
    weighted: str = "",
    mean: str = "terms",
    default: str = "mean",
    classes: bool = False,
    leading: bool = True,
    **shapes: str,
) -> Callable[[Callable[..., Terms]], Cost]:
    """Lift a body, (arrays, *, parameters) ↦ (terms, slopes), to a cost with its reduction, dtype and vjp.

    `shapes` says of every argument what it is beside the terms, an ENTRY unless named. `weighted` adds an argument
    `weight` that multiplies every term: by "weights" the mean is C = Σwt/Σw, by "terms" Σwt over their number.
    `mean` is what the mean divides by: the number of "terms"; the weights of the "labels", of which the body returns
    as a third what each term counts in each class; or "each" term by what is returned so, and the sum by the number of
    terms. `default` is the reduction unless told otherwise; where it is empty, the terms are the cost. With
    `classes`, rows are along the axis after that of the examples. `leading` is false for a body of a single problem.

    Terms and slopes may be given as factors, which weights and divisors then meet one after the other: neither the
    square of a residual nor its weight overflows where the cost does not. Where a term depends on other examples the
    slopes are one function, from the cotangent of the terms to the gradients by argument.
    """

    def lift(body: Callable[..., Terms]) -> Cost:
        signature = inspect.signature(body)
        arrays = [p for p in signature.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]
        own = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY and p.name != "leading"]
        needed = sum(p.default is inspect.Parameter.empty for p in arrays)
        if weighted:
            weight = inspect.Parameter("weight", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
            arrays.insert(needed, weight)
        form = Form(
            body=body,
            names=tuple(p.name for p in arrays),
            needed=needed,
            shapes={p.name: shapes.get(p.name, ENTRY) for p in arrays},
            known={p.name: p.default for p in own},
            weighted=weighted,
            mean=mean,
            default=default,
            classes=classes,
            leading=leading,
            sees_leading="leading" in signature.parameters,
        )

        @functools.wraps(body)
        @QUIET
        def lifted(*positional: Any, **keywords: Any) -> tuple[Array, Gradients]:
            given = _bound(form, positional, keywords)
            return _evaluate(form, lifted, named(lifted, given, form.names, form.needed), None, keywords)

        @QUIET
        def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **keywords: Any) -> Answer:
            given = named(lifted, arguments, form.names, form.needed)
            value, gradients = _evaluate(form, lifted, given, cotangent, keywords)
            return {"value": value}, gradients

        keyword = inspect.Parameter.KEYWORD_ONLY
        more = [inspect.Parameter("reduction", keyword, default=default)] if default else []
        more += [inspect.Parameter("leading", keyword, default=0)] if leading else []
        lifted.__signature__ = inspect.Signature([*arrays, *own, *more])  # type: ignore[attr-defined]
        lifted.vjp = vjp  # type: ignore[attr-defined]
        lifted.form, lifted.end = form, QUIET(functools.partial(_end, form, lifted))  # type: ignore[attr-defined]
        return lifted

    return lift


def _bound(form: Form, positional: Sequence[Any], keywords: dict[str, Any]) -> dict[str, Any]:
    """The arrays by name, taken out of the keywords."""
    name = form.body.__name__
    if len(positional) > len(form.names):
        raise TypeError(f"{name} takes the arrays {', '.join(form.names)}; {len(positional)} are given")
    given = dict(zip(form.names, positional, strict=False))
    for array in form.names:
        if array in keywords:
            if array in given:
                raise TypeError(f"{name} got {array} twice")
            given[array] = keywords.pop(array)
    return given


def _options(form: Form, keywords: dict[str, Any]) -> tuple[str, int]:
    """The reduction and the number of leading axes, taken out of the keywords."""
    reduction = keywords.pop("reduction", form.default) if form.default else "none"
    choice("reduction", reduction, REDUCTIONS)
    return reduction, index("leading", keywords.pop("leading", 0)) if form.leading else 0


def _evaluate(
    form: Form,
    function: Any,
    given: Mapping[str, Any],
    cotangent: Any,
    keywords: dict[str, Any],
    wanted: Sequence[str] | None = None,
) -> tuple[Array, Gradients]:
    """The cost, and its gradients by what is wanted, all floating arguments unless told otherwise."""
    reduction, lead = _options(form, keywords)
    x, dtypes = taken(given, form.names, form.shapes)
    name, dtype = form.names[0], dtypes[form.names[0]]
    first, axis = x[name], None
    if form.shapes[name] == ROW:
        axis = min(lead + 1, first.ndim - 1) if form.classes else first.ndim - 1
    if not 0 <= lead <= first.ndim:
        raise ValueError(f"leading = {lead}, but {name} has shape {first.shape}")
    laid = laid_out(x, form.shapes, axis)
    if (record := getattr(function, "formula", None)) is not None:
        check_entries(laid, record.entries, dtypes, laid.get("weight") if form.weighted else None)
    parameters = checked(function, form.known, keywords) if keywords else {}
    if form.sees_leading:
        parameters["leading"] = lead
    weight = laid.get("weight")
    of_terms, over, power = None, np.zeros((), int), np.zeros((), int)  # terms and slopes are to be times 2^power
    by_weights = reduction == "mean" and weight is not None and (form.weighted == "weights" or form.mean == "labels")
    if by_weights:
        weight, over = _scaled(laid["weight"], lead if form.weighted else 0)
    if form.weighted:
        of_terms = laid.pop("weight", None)  # which the body does not see
    elif weight is not None:  # of which the body makes what is linear in it
        laid["weight"], power = _scaled(laid["weight"], 0)
        power = power.reshape(())
    power = power - over

    terms, slopes, *counts = _asked_of(form, laid, parameters, lead, [*dtypes] if wanted is None else wanted)

    factors = factors_of(terms)
    shape = factors[0].shape
    if lead > len(shape):
        raise ValueError(f"leading = {lead}, but {name} has shape {first.shape}: there are terms of shape {shape}")
    if reduction in ("mean", "batchmean") and 0 in shape[lead:]:
        raise ValueError(f"{form.names[0]} has shape {first.shape}: the mean over an empty batch is undefined")
    divisor: Any = 1
    if reduction == "batchmean":
        divisor = first.shape[lead] if len(shape) > lead else 1
    elif reduction == "mean":
        divisor = _divisor(form.mean if of_terms is None else form.weighted, shape, lead, weight, counts)
    value = _value(factors, of_terms, power, divisor, lead, reduction)
    lost = _lost(factors, value)
    v = None if cotangent is None else cotangent_of(cotangent, value.shape)
    if callable(slopes):
        slopes, v = slopes(np.ones(shape) if v is None else _behind(v, factors[0])), None
        lost = None  # of a term that is NaN the function itself makes NaN, where it enters

    gradients: Gradients = {}
    for name in dtypes if wanted is None else wanted:
        into = functools.partial(gathered, x=x[name], kind=form.shapes[name], axis=axis)
        if name == "weight" and by_weights:
            each, counted = (factors, None) if form.weighted else (factors_of(slopes[name]), counts[0])
            slope, exponent = _by_weight(weight, each, counted, divisor, lead, v)
            gradient = into(np.ldexp(slope, exponent - over))
        elif name == "weight" and form.weighted:
            gradient = _contracted(factors, None, v, 0 * power, divisor, into)
        elif name in slopes:
            beyond = 0 * power if name == "weight" else power
            factors_of_slope = _spoilt(factors_of(slopes[name]), lost)
            own = isinstance(slopes, Own)
            gradient = _contracted(factors_of_slope, of_terms, v, beyond, divisor, into, own)
        else:
            continue  # a switch
        gradients[name] = rounded(gradient, dtype)
    return rounded(value, dtype), gradients


def _asked_of(
    form: Form, laid: Mapping[str, Array], parameters: Mapping[str, Any], lead: int, wanted: Sequence[str]
) -> Any:
    """Terms and slopes: of rows by blocks, unless there are several problems or rows meet."""
    body = functools.partial(form.body, **parameters)
    each = [name for name in laid if form.shapes[name] != CLASS]
    rows = form.shapes[each[0]] == ROW and laid[each[0]].ndim > 1
    return in_blocks(body, laid, each, wanted) if rows and form.leading and lead == 0 else body(**laid)


def _end(form: Form, function: Any, a: Array, y: Any, lead: int, keywords: dict[str, Any]) -> tuple[Array, Array]:
    """C and ∂C/∂a alone, of outputs a and targets y, (..., n, d), at the end of a network.

    What is most often at the end of one goes there directly.
    """
    outputs, targets = form.names[:2]
    reduction = keywords.get("reduction", form.default) if keywords else form.default
    usual = form.plain and type(y) is np.ndarray and y.shape == a.shape and y.flags.c_contiguous and a.size
    usual = usual and is_plain(a) and is_plain(y)
    if not usual or (keywords and [*keywords] != ["reduction"]) or reduction not in ("sum", "mean", "batchmean"):
        given = {outputs: a, targets: y}
        value, gradients = _evaluate(form, function, given, None, {**keywords, "leading": lead}, (outputs,))
        return value, gradients[outputs]
    x = a if a.dtype.char == "d" else a.astype(np.float64)
    w = y if y.dtype.char == "d" else y.astype(np.float64)
    if entries := function.formula.entries:
        digits = min(DIGITS[a.dtype.char], DIGITS[y.dtype.char])
        for name, kind in entries.items():
            CHECKS[kind](name, x if name == outputs else w, digits)
    terms, slopes = form.body(x, w)
    factors = factors_of(terms)
    divisor = 1.0 if reduction == "sum" else float(a.shape[lead])
    if reduction == "mean":
        divisor = float(math.prod(factors[0].shape[lead:]))
    value = _value(factors, None, 0, divisor, lead, reduction)
    gradient = _contracted(_spoilt(factors_of(slopes[outputs]), _lost(factors, value)), None, None, 0, divisor)
    return rounded(value, a.dtype), rounded(gradient, a.dtype)


# ---------------------------------------------------------------- the chain rule


def _behind(x: Array, like: Array) -> Array:
    """x with axes of 1 behind its own, until it has as many as `like`."""
    return x.reshape(x.shape + (1,) * (like.ndim - x.ndim))


def _lost(factors: Sequence[Any], value: Array) -> Array | None:
    """Which terms are NaN; None where the cost shows that none is that counts."""
    return np.isnan(functools.reduce(operator.mul, factors)) if math.isnan(np.vdot(value, value)) else None


def _spoilt(slope: tuple[Any, ...], lost: Array | None) -> tuple[Any, ...]:
    """NaN where the term is: a branch that a comparison with NaN has chosen says nothing. What is 0 does not enter."""
    if lost is None:
        return slope
    first = np.asarray(slope[0])
    return np.where(_behind(lost, first) & (first != 0), np.nan, first), *slope[1:]


def _contracted(
    factors: Sequence[Any],
    weight: Array | None,
    v: Array | None,
    power: Any,
    divisor: Any,
    into: Callable[[Array], Array] = np.asarray,
    own: bool = False,
) -> Array:
    """Σ v·w·slope·2^power/divisor, in the shape of the argument, into which what belongs to several terms is summed.

    An `own` slope that is only divided is divided where it is.
    """
    if own and len(factors) == 1 and weight is None and v is None and np.ndim(divisor) == 0 and not np.any(power):
        slope = into(factors[0])
        if slope is factors[0]:
            return np.divide(slope, divisor, out=slope)

    def contracted(slope: Array) -> Array:
        if isinstance(divisor, np.ndarray) and divisor.ndim:  # one for each problem, or for each term
            return into(slope / _behind(divisor, slope))
        return into(slope) if divisor == 1 else into(slope) / divisor  # not slope·(1/N): that would round twice

    weights = [_behind(x, factors[0]) for x in (weight, v) if x is not None]
    power = power if isinstance(power, int) else _behind(np.asarray(power), factors[0])
    return within_range(contracted, factors, weights, power)


def _value(factors: Sequence[Any], weight: Array | None, power: Any, divisor: Any, lead: int, reduction: str) -> Array:
    """The terms times their weights and 2^power, or their sum over all axes but the first `lead`, over the divisor."""

    def value(terms: Array) -> Array:
        if reduction == "none":
            return terms
        axes = tuple(range(lead, terms.ndim)) if lead else None
        if isinstance(divisor, np.ndarray) and divisor.ndim > lead:  # one for each term
            return np.asarray((terms / divisor).sum(axes))
        return np.asarray(np.add.reduce(terms, axes) / divisor)

    return within_range(value, factors, () if weight is None else (weight,), power)


def _divisor(mean: str, shape: tuple[int, ...], lead: int, weight: Array | None, counts: Sequence[Array]) -> Any:
    """What the mean divides by: one number, one for each problem, or one for each term.

    Raises ValueError where there is nothing to take the mean of.
    """
    number = math.prod(shape[lead:])
    if mean == "terms":
        return number
    if mean == "each":
        return number * counts[0]
    axes = tuple(range(lead, len(shape)))
    if mean == "labels":
        by_class = counts[0].sum(axes)  # (..., d)
        if not by_class.any(-1).all():
            raise ValueError("every label is ignored: the mean over none is undefined")
        total = by_class.sum(-1) if weight is None else times(by_class, weight).sum(-1)
    else:
        total = np.asarray(weight).sum(axes)
    if (total == 0).any():
        raise ValueError("weight sums to 0: the weighted mean is undefined")
    return total


def _scaled(weight: Array, lead: int) -> tuple[Array, Array]:
    """Weights over a power of two that brings the largest of each problem near 1 if it is not, and that power.

    A weighted mean is the same for both, and neither products nor sums of such weights leave the range of floats.
    """
    largest = np.abs(weight).max(tuple(range(lead, weight.ndim)), keepdims=True, initial=0)
    exponent = np.frexp(largest)[1]
    exponent = np.where(np.abs(exponent) > FAR, exponent, 0)  # ordinary weights stay as they are
    return np.ldexp(weight, -exponent), exponent


def _by_weight(weight: Any, factors: Sequence[Any], counted: Array | None, total: Any, lead: int, v: Any) -> Any:
    """∂C/∂w of C = Σwt/Σwc, which is (t − cC)/Σwc, worked out as (t·Σ'wc − c·Σ'wt)/(Σwc)² with sums over the others.

    As mantissas and exponents. Weights of terms have c = 1. Weights of classes, (d,), meet sums over the terms of what
    each costs and counts.
    """
    shape = weight.shape
    if counted is None:
        t, e = (np.broadcast_to(x, shape).reshape(*shape[:lead], -1) for x in exactly(factors))
        w, c = weight.reshape(t.shape), np.ones(t.shape)
    else:
        near, top = near_one(factors)
        axes = tuple(range(lead, near.ndim - 1))
        (t, e), w, c = np.frexp(near.sum(axes)), weight, counted.sum(axes)
        e, shape = e + top, t.shape
    total = np.asarray(total)[..., None]
    (m, f), by_total = wide(w), others(times(c, w)) / total
    paid, f = times(m, t), e + f
    top = np.where(paid == 0, -5000, f).max(-1, keepdims=True, initial=-5000)  # a large cost of weight 0 hides none
    slope, e = wide_sum((t * by_total, e), (-c * (others(np.ldexp(paid, f - top)) / total), top))
    return times(None if v is None else v[..., None], slope / total).reshape(shape), e.reshape(shape)


def others(x: Array) -> Array:
    """For each entry the sum of all others on the last axis: all less itself, and at the largest, where that cancels,
    the sum of the rest.
    """
    m = np.abs(x).argmax(-1)[..., None]
    rest = x.copy()
    np.put_along_axis(rest, m, 0, -1)
    out = x.sum(-1, keepdims=True) - x
    np.put_along_axis(out, m, rest.sum(-1, keepdims=True), -1)
    return out
