"""What holds of every gradient, whatever its formula: it is linear in the cotangent, keeps dtypes, writes into nobody's
arrays, says the same twice, does not mind how an array lies in memory.

A law is asked of a few cases of the standard. It holds, fails with a message, or does not apply (None).
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.yours.asked import Asking, options_of
from gradproof.yours.judge import allowed
from gradproof.yours.memory import Call, Law, Near, copied, layouts, same_again, untouched
from gradproof.yours.returned import Broken
from gradproof.yours.subject import Subject
from oracles.calls import floating
from oracles.extrapolation import ridders
from oracles.floats import format_of
from reference.formula import Array


def laws(subject: Subject, asked: Sequence[tuple[Asking, Truth]], elementwise: bool) -> list[Law]:
    """Every law, asked of up to three cases of one dtype."""
    found: dict[str, Law] = {}
    with np.errstate(all="ignore"):
        for asking, truth in asked[:3]:
            for law in _answered(_of(subject, asking, truth, elementwise)):
                before = found[law.name].holds if law.name in found else None
                if before is None or (before and law.holds is False):
                    found[law.name] = law
    return list(found.values())


def _answered(held: Iterator[Law]) -> Iterator[Law]:
    """The laws as far as they were answered: what the subject raises is one that fails."""
    try:
        yield from held
    except Broken as broken:
        yield Law("answers whatever it is asked", False, str(broken))
    except Exception as error:
        if "read-only" in str(error):
            yield Law("inputs are not overwritten", False, f"it writes into what it is given, here read-only: {error}")
            return
        yield Law("answers whatever it is asked", False, f"raised {type(error).__name__}: {error}")


def _of(subject: Subject, asking: Asking, truth: Truth, elementwise: bool) -> Iterator[Law]:
    case = asking.case
    given = {name: copied(x) for name, x in asking.given(subject).items()}
    v = {name: copied(x) for name, x in (case.cotangent or {}).items()}
    options = {**options_of(subject, case.parameters), **asking.keywords}

    def call(arguments: Mapping[str, Any], cotangent: Mapping[str, Any]) -> Answer:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = subject.answer(arguments, cotangent, options)
            return Answer({n: np.asarray(y) for n, y in found.outputs.items()},
                          {n: np.asarray(g) for n, g in found.gradients.items()})  # fmt: skip

    first = call({n: copied(x) for n, x in given.items()}, {n: copied(x) for n, x in v.items()})
    limit = allowed(asking, elementwise, False)
    near = _nearness(case.dtype, asking, truth, limit)
    yield _dtype(first, given, case.dtype)
    yield from untouched(call, given, v)  # the first to ask: what is written twice is the same the second time
    yield from _quiet(call, given, v)
    yield same_again(call, given, v, first)
    yield from layouts(call, given, v, first, near)
    if subject.linear:
        yield from _linear(call, given, v, first, near)
    if len(v) > 1 and subject.linear:
        yield _alone(call, given, v, first, near)
    if subject.counts:
        yield from _twice(call, given, v, near)
    if subject.second is not None and case.dtype == "float64":
        yield _second(subject, call, given, v, options)
    if elementwise:
        yield _shapes(call, given, v, first)
    else:
        yield _empty(call, given, v)
    yield from _sums(asking, truth, first, near)


def _nearness(dtype: str, asking: Asking, truth: Truth, limit: float) -> Near:
    """Whether two gradients by an argument are the same but for rounding."""
    format = format_of(dtype)[1]
    u, least = 2.0**-format.digits, max(2.0**-1000, 4 * 2.0**format.least)  # what is flushed is not another number
    by = {mine: truth.gradients.get(name) for name, mine in asking.names.items()}

    def near(name: str, one: Array, other: Array) -> bool:
        p, q = (np.asarray(x).astype(np.float64) for x in (one, other))
        known = by.get(name)
        sway = np.abs(q) if known is None or known.sway.shape != q.shape else np.abs(q) + np.nan_to_num(known.sway)
        with np.errstate(invalid="ignore"):
            fine = (np.abs(p - q) <= 4 * limit * u * sway + least) | (p == q) | (np.isnan(p) & np.isnan(q))
        return bool(p.shape == q.shape and fine.all())

    return near


def _dtype(first: Answer, given: Mapping[str, Any], dtype: str) -> Law:
    for name, g in first.gradients.items():
        name = name.removesuffix("²")
        if (got := np.asarray(g).dtype.name) != dtype:
            return Law("dtypes are kept", False, f"∂/∂{name} is {got} for {dtype}")
        if np.shape(g) != np.shape(given[name]):
            shapes = f"{np.shape(g)}, that of {name} {np.shape(given[name])}"
            return Law("dtypes are kept", False, f"the shape of ∂/∂{name} is {shapes}")
    for name, y in first.outputs.items():
        if (got := np.asarray(y).dtype.name) != dtype:
            return Law("dtypes are kept", False, f"{name} is {got} for {dtype}")
    return Law("dtypes are kept", True)


def _quiet(call: Call, given: Mapping[str, Any], v: Mapping[str, Any]) -> Iterator[Law]:
    """It prints nothing and leaves NumPy's global state as it was."""
    before = np.random.get_state()  # noqa: NPY002 (it is this state that may have been changed)
    np.random.random()  # noqa: NPY002 (what always sets the same seed has done so before)
    state, errors = np.random.get_state(), np.geterr()  # noqa: NPY002
    said = io.StringIO()
    with contextlib.redirect_stdout(said), np.errstate(all="ignore"):
        call(given, v)
        touched = any(np.any(p != q) for p, q in zip(state, np.random.get_state(), strict=True))  # noqa: NPY002
    changed = touched or np.geterr() != errors
    np.random.set_state(before)  # noqa: NPY002
    text = said.getvalue()
    yield Law("prints nothing", not text, f"printed {text.strip()[:60]!r}" if text else "")
    yield Law("leaves global state alone", not changed, "numpy.random's state or error settings" if changed else "")


def _linear(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], first: Answer, near: Near) -> Iterator[Law]:
    zero = call(given, {n: np.zeros_like(x) for n, x in v.items()})
    finite = [n for n, g in zero.gradients.items() if np.isfinite(np.asarray(first.gradients[n], np.float64)).all()]
    alive = [n for n in finite if np.asarray(zero.gradients[n], np.float64).any()]
    yield Law("no cotangent, no gradient", not alive, f"∂/∂{alive[0]} is not 0" if alive else "")
    narrow = any(format_of(x.dtype)[1].digits < 24 for x in v.values())
    for factor, said in (-0.5, "−v/2"), (2.0**-10, "v/1024"), (2.0**10, "1024·v"):
        if narrow and factor != -0.5:
            continue  # these may leave the range
        found = call(given, {n: x * np.asarray(factor, x.dtype) for n, x in v.items()})
        for name, g in found.gradients.items():
            by = np.asarray(first.gradients[name]).astype(np.float64)
            scaled = np.asarray(g).astype(np.float64)
            overflowed = ~np.isfinite(scaled) & (factor != -0.5)  # as an input times v may
            back = np.where(_ordinary(by, factor, v) & ~overflowed, scaled / factor, by)
            if not near(name, back, by):
                message = f"∂/∂{name} under {said} is not {factor:g} times that under v"
                yield Law("linear in the cotangent", False, message)
                return
    some = {n: np.where(np.arange(x.size).reshape(x.shape) % 2, x, np.zeros_like(x)) for n, x in v.items()}
    rest = {n: np.where(np.arange(x.size).reshape(x.shape) % 2, np.zeros_like(x), x) for n, x in v.items()}
    one, other = call(given, some), call(given, rest)
    for name, g in first.gradients.items():
        if not near(name, _total([a.gradients[name] for a in (one, other)], g), np.asarray(g)):
            yield Law("linear in the cotangent", False, f"∂/∂{name} under v + w is not the sum of those under v and w")
            return
    yield Law("linear in the cotangent", True)


def _ordinary(by: Array, factor: float, v: Mapping[str, Any]) -> Array:
    """Where a gradient scaled so stays well within the range, of what it is made of too: flushed is not nonlinear."""
    digits, least, greatest = format_of(next(iter(v.values())).dtype)[1]
    sizes = np.abs(by), np.abs(by) * abs(factor)
    low, high = 2.0 ** (least + 2 * digits), 2.0 ** (greatest - digits)
    fine = [(size >= low) & (size < high) for size in sizes]
    return np.asarray(fine[0] & fine[1])


def _total(parts: Sequence[Array], whole: Array) -> Array:
    """The sum of parts; the whole where a part of 16 bits has overflowed, which is no other number."""
    wide = [np.asarray(part).astype(np.float64) for part in parts]
    narrow = format_of(np.asarray(whole).dtype)[1].digits < 24
    lost = np.isinf(wide).any(0) & narrow
    with np.errstate(invalid="ignore"):
        return np.where(lost, np.asarray(whole).astype(np.float64), sum(wide))


def _alone(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], first: Answer, near: Near) -> Law:
    """The gradients of the outputs one by one add up to that of all together."""
    law = "outputs one by one add up"
    each = [call(given, {n: x if n == out else np.zeros_like(x) for n, x in v.items()}) for out in v]
    for name, g in first.gradients.items():
        if not near(name, _total([a.gradients[name] for a in each if name in a.gradients], g), np.asarray(g)):
            return Law(law, False, f"∂/∂{name} under the cotangents of {', '.join(v)} is not the sum")
    return Law(law, True)


def _twice(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], near: Near) -> Iterator[Law]:
    """f(x, x): the gradient by x is the sum of those by both places."""
    by = [n for n, x in given.items() if isinstance(x, np.ndarray) and floating(x) and x.size]
    for k, one in enumerate(by):
        for other in by[k + 1 :]:
            if given[one].shape != given[other].shape:
                continue
            x = given[one]
            shared, apart = call({**given, other: x}, v), call({**given, other: np.array(x)}, v)
            if one not in apart.gradients or other not in apart.gradients:
                continue
            p, q = (np.asarray(apart.gradients[n]).astype(np.float64) for n in (one, other))
            got = np.asarray(shared.gradients[one]).astype(np.float64)
            size = (np.abs(p) + np.abs(q)).max()
            fine = np.abs(got - p - q).max() <= 2.0 ** (8 - format_of(x.dtype)[1].digits) * size
            yield Law("an argument used twice counts twice", bool(fine or not np.isfinite(size)),
                      "" if fine else f"{one} and {other} the same variable: the gradient is not the sum")  # fmt: skip


def _second(subject: Subject, call: Call, given: Mapping[str, Any], v: Mapping[str, Any], options: Any) -> Law:
    """The gradient of ⟨u, gradient⟩ along D, through the backward, beside differences of the gradient."""
    law, rng = "second derivatives through its backward", np.random.default_rng(0)
    by = [n for n, x in given.items() if isinstance(x, np.ndarray) and floating(x)]
    u, D = ({n: rng.choice([-1.0, 1.0], given[n].shape) * rng.uniform(0.5, 2, given[n].shape) for n in by}
            for _ in range(2))  # fmt: skip
    try:
        found = subject.second(given, v, u, options) if subject.second else None
    except Exception:  # said not to be differentiable twice
        return Law(law, None)
    if found is None:
        return Law(law, None)

    def paired(t: float) -> float:
        moved = call({n: x + t * D[n] if n in D else x for n, x in given.items()}, v).gradients
        return sum(float((u[n] * np.asarray(moved[n])).sum()) for n in by if n in moved)

    expected, error = ridders(paired, 0.0)
    got = sum(float((np.asarray(g) * D[n]).sum()) for n, g in found.items())
    size = sum(float(np.abs(np.asarray(g) * D[n]).sum()) for n, g in found.items())
    if not np.isfinite(expected) or error > 2.0**-8 * max(abs(expected), size):
        return Law(law, None)  # differences cannot tell
    off = abs(got - expected) > 16 * error + 2.0**-20 * max(size, abs(expected))
    return Law(law, not off, f"{got:.6g} along a random direction, differences of the gradient give {expected:.6g}"
               if off else "")  # fmt: skip


SHAPES: tuple[tuple[int, ...], ...] = ((), (1,), (0,), (7,), (2, 3, 5), (2, 1, 3, 1, 2))


def _shapes(call: Call, given: Mapping[str, Any], v: Mapping[str, Any], first: Answer) -> Law:
    (name, x), *_ = given.items()
    most = max(x.size, *(int(np.prod(shape)) for shape in SHAPES))
    x, v = np.resize(x, most), {k: np.resize(w, most) for k, w in v.items()}  # once more from the start where few
    for shape in SHAPES:
        n = int(np.prod(shape))
        start = most // 2 - n // 2
        part = np.asarray(x[start : start + n]).reshape(shape)
        seeds = {k: np.asarray(w[start : start + n]).reshape(shape) for k, w in v.items()}
        try:
            got = call({**given, name: part}, seeds)
        except Exception as error:
            return Law("any shape", False, f"{type(error).__name__} for the shape {shape}: {error}")
        for what, y, all_of in ((f"∂/∂{name}", got.gradients.get(name), first.gradients.get(name)),
                                ("value", got.outputs.get("value"), first.outputs.get("value"))):  # fmt: skip
            if y is None or all_of is None:
                continue
            if np.shape(y) != shape:
                return Law("any shape", False, f"{what} has the shape {np.shape(y)} for {shape}")
            expected = np.resize(np.asarray(all_of), most)[start : start + n].reshape(shape).astype(np.float64)
            y = np.asarray(y).astype(np.float64)
            with np.errstate(invalid="ignore"):
                fine = np.isclose(y, expected, rtol=1e-2, atol=0, equal_nan=True) | (np.abs(expected) < 1e-3)
            if not fine.all():
                return Law("any shape", False, f"{what} is another one for the shape {shape}")
    return Law("any shape", True)


def _empty(call: Call, given: Mapping[str, Any], v: Mapping[str, Any]) -> Law:
    """A batch of no rows: gradients of that shape, unless it is refused."""
    rows = {len(x) for x in given.values() if np.ndim(x) > 1}
    if len(rows) != 1:
        return Law("an empty batch", None, "there is no axis of examples that all arrays have")
    (n,) = rows
    none = {name: x[:0] if np.ndim(x) and len(x) == n else x for name, x in given.items()}
    try:
        found = call(none, {name: x[:0] if np.ndim(x) and len(x) == n else x for name, x in v.items()})
    except Exception as error:  # a mean of nothing, say, may be refused
        return Law("an empty batch", None, f"refused: {error}")
    off = [name for name, g in found.gradients.items() if np.shape(g) != np.shape(none[name.rstrip("²")])]
    return Law("an empty batch", not off, f"the shape of ∂/∂{off[0]} is {np.shape(found.gradients[off[0]])}, that of "
               f"{off[0]} {np.shape(none[off[0]])}" if off else "")  # fmt: skip


def _sums(asking: Asking, truth: Truth, first: Answer, near: Near) -> Iterator[Law]:
    """Laws that this formula has: where the sum over an axis of a true gradient is 0, so is that of the subject's."""
    if format_of(asking.case.dtype)[1].digits < 24:
        return  # where a sum may be 0 by chance
    for name, g in truth.gradients.items():
        exact, mine = g.truth.hi, asking.names.get(name)
        got = first.gradients.get(mine) if mine else None
        if got is None or exact.size < 2 or not np.isfinite(exact).all() or np.shape(got) != exact.shape:
            continue
        u = 2.0 ** -format_of(asking.case.dtype)[1].digits
        for axis in range(exact.ndim):
            size = np.abs(exact).sum(axis)
            some = exact.shape[axis] > 1 and size.size and size.all()
            if not some or (np.abs(exact.sum(axis)) > 8 * u * size).any():
                continue
            what = f"∂/∂{mine} sums to 0 along axis {axis}"
            total = np.asarray(got).astype(np.float64)
            off = np.abs(total.sum(axis)) > 2.0**12 * u * np.maximum(np.abs(total).sum(axis), size)
            yield Law(what, not off.any(), f"{np.abs(total.sum(axis)).max():.3g} beside terms of {size.max():.3g}"
                      if off.any() else "")  # fmt: skip
