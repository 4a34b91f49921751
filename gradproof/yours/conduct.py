"""What our own formulas promise beyond what is asked of everybody's: what they take and refuse, and what reaches what.

Lists are taken, any byte order too; what is no float of 64 bits or fewer is refused by name and value. Nothing warns.
NaN goes through, and what has no weight does not. Independent problems, and the examples of a batch, answer as they do
by themselves. A law is asked of one case, and holds, fails with a message, or cannot be asked (None) and says why.
"""

from __future__ import annotations

import functools
import inspect
import re
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.yours.asked import Asking, options_of
from gradproof.yours.memory import Law, equal
from gradproof.yours.subject import Subject
from oracles.calls import floating
from oracles.floats import format_of
from reference.formula import Array, Formula

Given = Mapping[str, Any]
Call = Callable[..., Answer]  # of arguments, and of cotangents and options where they are not those of the case
ULPS = 8.0  # of the largest entry, between a sum and the same sum in another order
REFUSED: Mapping[str, Callable[[Array], Any]] = {
    "integers": lambda x: np.ones(x.shape, int),
    "bools": lambda x: np.ones(x.shape, bool),
    "floats": lambda x: x.astype(np.float64),
    "complex numbers": lambda x: x.astype(np.complex128),
    "objects": lambda x: x.astype(object),
    "text": lambda x: x.astype(object).astype(str),
    "long doubles": lambda x: x.astype(np.longdouble),
    "a masked array": lambda x: np.ma.masked_array(x.astype(np.float64) if floating(x) else x),
}
MOVES: tuple[Callable[[Array], Array], ...] = (  # of a row
    lambda x: -x,
    lambda x: x / 2,
    lambda x: x + 2,
    lambda x: np.roll(x, 1, -1) if x.ndim else x,
)
MAY = {"integers", "bools", "floats"}  # be taken where not the first argument is meant


def conduct(subject: Subject, formula: Formula, asking: Asking) -> Iterator[Law]:
    """Every law of these, asked of one case."""
    given, v = asking.given(subject), dict(asking.case.cotangent or {})
    usual = {**options_of(subject, asking.case.parameters), **asking.keywords}

    def call(arguments: Given, cotangent: Given = v, **options: Any) -> Answer:
        found = subject.answer(arguments, cotangent, {**usual, **options})
        return Answer({n: np.asarray(y) for n, y in found.outputs.items()},
                      {n: np.asarray(g) for n, g in found.gradients.items()})  # fmt: skip

    yield from of_arrays(call, given, v)
    yield nan(call, given)
    yield from aside(call, formula, given, v if subject.linear else {}, usual)
    yield problems(call, formula, given, v)
    if formula.reduction:
        yield nothing(call, given)
    yield examples(call, formula, given, v)


def of_arrays(call: Call, given: Given, v: Given, but: Collection[str] = ()) -> Iterator[Law]:
    """What is taken in the place of an array, and what is refused, `but` some."""
    yield quiet(call, given)
    if given[first_of(given)].dtype == np.float64:  # which a list is one of
        yield lists(call, given)
    yield byte_order(call, given, v)
    yield refusals(call, given, but)


def first_of(given: Given) -> str:
    """The argument that decides the dtype: the first floating one."""
    return next(n for n, x in given.items() if isinstance(x, np.ndarray) and floating(x))


def refused(call: Callable[..., Any], *given: Any, **options: Any) -> Exception | None:
    """What a call raises, where that is a refusal: a ValueError or a TypeError."""
    try:
        call(*given, **options)
    except (ValueError, TypeError) as error:
        return error
    return None


# ---------------------------------------------------------------- what is taken


def quiet(call: Call, given: Given) -> Law:
    """No warning, whatever stands in the first argument: 0, the ends of its format, ±∞, NaN."""
    law, name = "warns of nothing", first_of(given)
    _, (digits, least, greatest) = format_of(given[name].dtype)
    numbers = (0.0, 2.0**least, 2.0 ** (greatest - digits), np.inf, -np.inf, np.nan)
    asked = [("its case", given), *((f"{name} = {x}", {**given, name: np.full_like(given[name], x)}) for x in numbers)]
    for what, arguments in asked:
        try:
            with warnings.catch_warnings(), np.errstate(all="warn"):
                warnings.simplefilter("error")
                call(arguments)
        except Warning as warning:
            return Law(law, False, f"{what}: {type(warning).__name__}: {warning}")
        except ValueError:  # refused
            continue
    return Law(law, True)


def lists(call: Call, given: Given) -> Law:
    """Lists of numbers in the place of arrays."""
    law = "lists are taken"
    return _same(law, call({n: x.tolist() if isinstance(x, np.ndarray) else x for n, x in given.items()}), call(given))


def byte_order(call: Call, given: Given, v: Given) -> Law:
    """Arrays in the other byte order: the same bits, in that of the machine."""
    law = "byte order does not matter"

    def swapped(x: Any) -> Any:
        return x.astype(x.dtype.newbyteorder("S")) if isinstance(x, np.ndarray) else x

    if any(x.dtype.name == "bfloat16" for x in given.values() if isinstance(x, np.ndarray)):
        return Law(law, None, "bfloat16 has one byte order")
    got = call({n: swapped(x) for n, x in given.items()}, {n: swapped(x) for n, x in v.items()})
    foreign = [n for n, y in got.quantities.items() if not y.dtype.isnative]
    if foreign:
        return Law(law, False, f"{foreign[0]} has the other byte order too")
    return _same(law, got, call(given))


def refusals(call: Call, given: Given, but: Collection[str] = ()) -> Law:
    """What is no float (of the first argument), no real number (of others): a TypeError with its name and value."""
    law = "what is no number of its kind is refused by name and value"
    for name, x in given.items():
        if not isinstance(x, np.ndarray) or not x.size:
            continue
        for what, made in REFUSED.items():
            if what in but or (what in MAY and name != first_of(given)) or (what == "floats" and floating(x)):
                continue
            odd = made(x)
            if what == "long doubles" and odd.dtype == np.float64:
                continue  # on this platform they are the same
            error = refused(call, {**given, name: odd})
            said = str(error or "")
            if not isinstance(error, TypeError):
                return Law(law, False, f"{name} of {what}: {said or 'taken'}")
            stem = name.rstrip("0123456789")
            if not re.search(rf"\b({name}|{stem}|gradients|parameters)\b", said, re.IGNORECASE):
                return Law(law, False, f"{name} of {what} is refused without its name: {said}")
            if str(np.asarray(odd).ravel()[0]) not in said:
                return Law(law, False, f"{name} of {what} is refused without its value: {said}")
    return Law(law, True)


# ---------------------------------------------------------------- what reaches what


def nan(call: Call, given: Given) -> Law:
    """A NaN in an argument is one in an output and, where the gradient answers to it at all, there."""
    found = [_nan(call, given, name) for name, x in given.items() if isinstance(x, np.ndarray) and floating(x)]
    return next((law for holds in (False, True) for law in found if law.holds is holds), found[0])


def _nan(call: Call, given: Given, name: str) -> Law:
    """It is put at one entry of this argument after another, until an output answers."""
    law, x = "NaN goes through", given[name]

    def at(number: float, k: tuple[int, ...]) -> Answer:
        y = np.array(x)
        y[k] = number
        return call({**given, name: y})

    ignored = f"no output depends on {name}"
    for k in np.ndindex(x.shape):
        here = functools.partial(at, k=k)
        if error := refused(here, np.nan):
            named = "nan" in str(error)
            return Law(law, named, "" if named else f"NaN is refused by another word: {error}")
        answer = here(np.nan)
        if not any(np.isnan(y.astype(np.float64)).any() for y in answer.outputs.values()):
            if len(_answers(here, lambda found: [y.tobytes() for y in found.outputs.values()])) > 1:
                return Law(law, False, f"no output is NaN for a NaN in {name}, at {k}")
            continue
        if name not in answer.gradients or np.isnan(float(answer.gradients[name][k])):
            return Law(law, True)
        if len(_answers(here, lambda found, k=k: found.gradients[name][k].tobytes())) > 1:  # type: ignore[misc]
            return Law(law, False, f"∂/∂{name} is {answer.gradients[name][k]} where {name} is NaN, at {k}")
        ignored = f"∂/∂{name} does not depend on {name}"
    return Law(law, None, ignored)


def _answers(at: Callable[[float], Answer], seen: Callable[[Answer], Any]) -> set[Any]:
    """What is seen of the answers at some numbers, as far as they are taken."""
    numbers = (-50.0, -1.5, -0.25, 0.25, 0.75, 1.5, 50.0)
    return {str(seen(at(number))) for number in numbers if not refused(at, number)}


def aside(call: Call, formula: Formula, given: Given, v: Given, usual: Given) -> Iterator[Law]:
    """What does not enter may hold NaN or ∞: a cotangent or weight of 0, an ignored label, a mask, a penalty of 0."""
    name = first_of(given)
    x = given[name]
    if not x.ndim or not x.size:
        yield Law("a cotangent of 0 takes out what is not finite", None, "there is one number")
        return
    i = len(x) // 2
    if formula.kind == "layer":
        why = "its sums over rows are products of matrices, where 0·NaN is NaN"
        yield Law("a cotangent of 0 takes out what is not finite", None, why)
        return
    if v:
        yield _unseen(call, given, v, name, i)
    smooth = usual.get("label_smoothing", 0)  # which makes every class a little that of every example
    if "weight" in given and smooth == 0 and (labels := given.get("labels")) is not None:
        weight = np.where(np.arange(len(given["weight"])) == labels.ravel()[0], 0, given["weight"])
        where = np.unravel_index(0, labels.shape)
        yield _out("a weight of 0", call, {**given, "weight": weight.astype(x.dtype)}, name, int(where[0]))
    elif "weight" in given and smooth == 0 and len(given["weight"]) == len(x) and given["weight"].ndim:
        weight = np.array(given["weight"])
        weight[i] = 0
        yield _out("a weight of 0", call, {**given, "weight": weight}, name, i)
    if "ignore_index" in inspect.signature(formula.function).parameters:
        labels = np.array(given["labels"])
        labels[i] = -100
        yield _out("an ignored label", call, {**given, "labels": labels}, name, i, ignore_index=-100)
    if "mask" in given:
        mask = np.array(given["mask"])
        mask[i] = 0
        yield _out("a mask of 0", call, {**given, "mask": mask}, name, i)
    if formula.kind == "regularizer" and "lam" in formula.parameters:
        yield _out("a penalty with λ = 0", call, given, name, i, lam=0.0)


def _unseen(call: Call, given: Given, v: Given, name: str, i: int) -> Law:
    """The cotangent is 0 at every output that answers to row i: then no gradient does."""
    law = "a cotangent of 0 takes out what is not finite"
    before, answers = call(given), []
    for move in MOVES:
        x = np.array(given[name])
        x[i] = move(x[i])
        if not refused(call, {**given, name: x}):
            answers.append(call({**given, name: x}))
    if not answers:
        return Law(law, None, "a row cannot be moved")
    spoilt = np.array(given[name])
    spoilt[i] = np.nan
    if not refused(call, {**given, name: spoilt}):  # an output that has saturated answers to a NaN at least
        answers.append(call({**given, name: spoilt}))
    stays = {n: np.all([a.outputs[n] == before.outputs[n] for a in answers], axis=0) for n in v}
    seeds = {n: np.where(stays[n], w, 0 * w).astype(w.dtype) for n, w in v.items()}
    return _out("a cotangent of 0", lambda arguments, **options: call(arguments, seeds, **options), given, name, i)


def _out(what: str, call: Call, given: Given, name: str, i: int, **options: Any) -> Law:
    """Row i of an argument is out: with NaN or ∞ there the answer is the one without."""
    law = f"{what} takes out what is not finite"
    if error := refused(call, given, **options):
        return Law(law, None, f"refused: {error}")
    expected = call(given, **options)
    for number in (np.nan, np.inf, -np.inf):
        x = np.array(given[name])
        x[i] = number
        if error := refused(call, {**given, name: x}, **options):
            return Law(law, None, f"{number} is no entry of {name}: {error}")
        got = call({**given, name: x}, **options)
        for quantity, y in expected.gradients.items():
            if quantity != "weight" and not equal(got.gradients[quantity], y):  # by its weight it is what it would cost
                return Law(law, False, f"{number} in row {i} of {name}: ∂/∂{quantity} is another one")
        for quantity, y in expected.outputs.items():
            if y.ndim == 0 and what != "a cotangent of 0" and not equal(got.outputs[quantity], y):
                return Law(law, False, f"{number} in row {i} of {name}: {quantity} is another one")
    return Law(law, True)


# ---------------------------------------------------------------- problems and examples


def problems(call: Call, formula: Formula, given: Given, v: Given) -> Law:
    """Two problems along a leading axis are the two by themselves."""
    law = "leading axes are independent problems"
    options = {}
    if formula.kind == "cost":
        if "leading" not in inspect.signature(formula.function).parameters:
            return Law(law, None, "it is of one problem")
        options = {"leading": 1}
    if formula.kind == "update":
        return Law(law, None, "one norm or limit is over all arrays")
    if formula.kind == "layer":
        return Law(law, None, "its weights are those of all examples")
    first = given[first_of(given)]
    shared = {n for n, x in given.items() if formula.kind == "cost" and _of_classes(n, x, first)}
    other = {n: x if n in shared or not np.ndim(x) else np.flip(x, 0) for n, x in given.items()}
    both = {n: x if n in shared or not isinstance(x, np.ndarray) else np.stack([x, other[n]]) for n, x in given.items()}
    seeds = {n: np.stack([w, np.asarray(-0.5 * w, w.dtype)]) for n, w in v.items()}
    got = call(both, seeds, **options).quantities
    for k, (one, w) in enumerate(((given, v), (other, {n: s[1] for n, s in seeds.items()}))):
        for quantity, y in call(one, w).quantities.items():
            if quantity.removeprefix("∂/∂") not in shared and not _close(got[quantity][k], y):
                return Law(law, False, f"{quantity} of problem {k}")
    return Law(law, True)


def nothing(call: Call, given: Given) -> Law:
    """No example: no term, and gradients without rows."""
    law, first = "an empty batch", given[first_of(given)]
    none = {
        q: x[:0] if np.ndim(x) and len(x) == len(first) and not _of_classes(q, x, first) else x
        for q, x in given.items()
    }
    if error := refused(call, none, {}, reduction="none"):
        return Law(law, None, f"refused: {error}")
    found = call(none, {}, reduction="none")
    off = [q for q, g in found.gradients.items() if g.shape != none[q].shape]
    off += [q for q, y in found.outputs.items() if y.size]
    return Law(law, not off, f"{off[0]} has another shape" if off else "")


def _of_classes(name: str, x: Any, first: Any) -> bool:
    """Whether these are weights of classes, which all examples share: as many as the first argument has columns."""
    return name.endswith("weight") and np.ndim(x) == 1 and np.ndim(first) > 1 and len(x) == np.shape(first)[-1]


def examples(call: Call, formula: Formula, given: Given, v: Given) -> Law:
    """The examples of a batch answer as they do one by one."""
    law, name = "a batch answers as its examples do", first_of(given)
    n = len(given[name]) if given[name].ndim else 0
    if n < 2 or formula.kind not in ("activation", "cost"):
        return Law(law, None, "there are no examples that do not meet" if n > 1 else "there is one example")
    options = {"reduction": "none"} if formula.reduction else {}
    shapes = call(given, v if not options else {}, **options).outputs
    seeds = {q: np.resize([0.5, -1.0, 0.25, 2.0, -0.75], y.shape).astype(y.dtype) for q, y in shapes.items()}
    per = {q: x for q, x in given.items() if np.ndim(x) and len(x) == n and not _of_classes(q, x, given[name])}
    together = call(given, seeds, **options)
    if any(not y.ndim or len(y) != n for y in together.outputs.values()):
        return Law(law, None, "it is one number for all examples")
    x = np.array(given[name])
    x[1:] = x[:-1]
    if not refused(call, {**given, name: x}, seeds, **options):
        moved = call({**given, name: x}, seeds, **options)
        if any(not equal(y[0], together.outputs[q][0]) for q, y in moved.outputs.items()):
            return Law(law, None, "examples answer to each other")
    for i in range(n):
        row = {q: y[i : i + 1] for q, y in per.items()}
        alone = call({**given, **row}, {q: y[i : i + 1] for q, y in seeds.items()}, **options)
        for q, y in alone.quantities.items():
            if (q in alone.outputs or q[3:] in per) and not _close(y, together.quantities[q][i : i + 1]):
                return Law(law, False, f"{q} of example {i} is another one")
    return Law(law, True)


def _same(law: str, got: Answer, expected: Answer) -> Law:
    """To the last bit, as far as both say something."""
    for quantity, y in expected.quantities.items():
        other = got.quantities.get(quantity, y)
        if other.dtype != y.dtype or not equal(other, y):
            return Law(law, False, f"{quantity} is another one")
    return Law(law, True)


def _close(got: Array, expected: Array) -> bool:
    p, q = np.asarray(got).astype(np.float64), np.asarray(expected).astype(np.float64)
    _, (digits, least, _) = format_of(np.asarray(expected).dtype)
    size = np.abs(q[np.isfinite(q)]).max(initial=0)
    with np.errstate(invalid="ignore"):
        fine = (np.abs(p - q) <= ULPS * 2.0**-digits * size + 2.0**least) | (p == q) | (np.isnan(p) & np.isnan(q))
    return p.shape == q.shape and bool(fine.all())
