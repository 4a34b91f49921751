"""What every optimizer step shares: lists of parameters, a state carried from step to step, checked hyperparameters."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, DivisionByZero, InvalidOperation, localcontext
from fractions import Fraction
from numbers import Number
from typing import Any, Protocol

import numpy as np

from reference.formula import Array
from reference.lift import QUIET, Answer, array, checked, floating, index, named, number, rounded

State = dict[str, Any]
Shape = tuple[int, ...]
Shapes = Mapping[str, Callable[[Shape], Shape]]

CONDITIONS = {  # on hyperparameters, by their name
    "eta": "eta >= 0",
    "lam": "lam >= 0",
    "eps": "eps >= 0",
    "initial": "initial >= 0",
    "n": "n >= 1",
    "mu": "0 <= mu < 1",
    "rho": "0 <= rho < 1",
    "beta1": "0 <= beta1 < 1",
    "beta2": "0 <= beta2 < 1",
    "beta3": "0 <= beta3 < 1",
    "gamma": "gamma >= 0",
    "alpha": "alpha >= 0",
    "trust": "trust >= 0",
    "least": "least >= 0",
    "clip": "clip > 0",
    "decay": "decay >= 0",
    "most": "most >= 0",
    "radius": "radius >= 0",
    "d0": "d0 > 0",
    "coefficient": "coefficient >= 0",
    "optimism": "optimism >= 0",
    "iterations": "iterations >= 0 and iterations % 1 == 0",
    "period": "period >= 1 and period % 1 == 0",
    "eta_minus": "0 < eta_minus < 1",
    "eta_plus": "eta_plus > 1",
    "smallest": "smallest >= 0",
    "largest": "largest >= smallest",
    "momentum_decay": "0 <= momentum_decay <= oo",
    "threshold": "threshold >= 4",
}


class Step(Protocol):
    """An optimizer step on a list of parameters.

    `state` is the dict that the step before returned, or None before the first step. It holds the number `t` of
    steps made and, under the names of the rule, a list of accumulators with one entry per parameter.
    """

    def __call__(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        state: State | None = None,
        **hyperparameters: Any,
    ) -> tuple[list[Array], State]:
        """Return new parameters and new state."""


# A step has no gradient here: its outputs are judged, and whole paths.
UNANSWERED = {"finite_difference": "a step is no gradient"}
SMALL = 2.0**-960  # a sum of squares below it has lost digits to underflow
DIGITS = Context(prec=60, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[DivisionByZero, InvalidOperation])
NUMPY = (np.ndarray, np.generic)


def one(shape: Shape) -> Shape:
    """The shape of one number for a whole array, with axes of length 1."""
    return (1,) * len(shape)


def _same(shape: Shape) -> Shape:
    return shape


def each_parameter(
    *arrays: str, shapes: Shapes | None = None, joint: bool = False, **scalars: float
) -> Callable[[Callable[..., Any]], Step]:
    """Lift a rule for one array, (w, g, t, *accumulators) ↦ (new w, *new accumulators), to lists with a state.

    `arrays` names the accumulators, which start at 0 and are of the parameter's shape, unless `shapes` gives another
    one for it; `scalars` those that are one float64 number per parameter, with their start. A `joint` rule steps all
    parameters as one vector, so that its norms are over all of them; what is `one` number is then the same beside each.
    A step is evaluated in float64 and the new w rounded once; the state stays
    in float64, whatever the dtype of the parameter, so that later steps lose nothing.

    The lifted step raises ValueError for shapes that differ, a state of another rule, or a hyperparameter out of range,
    and TypeError for arrays that are not floating, mixed dtypes, or an unknown hyperparameter. Its vjp takes w, dC and
    the accumulators, what is not given at its start, and the number t of the step; it has no gradients, and its
    outputs, accumulators too, are rounded once to the dtype of w.
    """
    slots = (*arrays, *scalars)
    shaped: Shapes = {s: (shapes or {}).get(s, _same) for s in arrays}

    def lift(rule: Callable[..., Any]) -> Step:
        name = rule.__name__
        known = {p.name: p.default for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY}

        def start(parameters: Sequence[Array]) -> State:
            state: State = {"t": 0}
            state |= {s: [np.zeros(shaped[s](w.shape), _wide(w)) for w in parameters] for s in arrays}
            return state | {s: [value] * len(parameters) for s, value in scalars.items()}

        @functools.wraps(rule)
        @QUIET
        def step(
            parameters: Sequence[Array], gradients: Sequence[Array], state: State | None = None, **given: Any
        ) -> tuple[list[Array], State]:
            parameters = [_array(w, f"parameters[{k}]") for k, w in enumerate(parameters)]
            gradients = [_array(g, f"gradients[{k}]") for k, g in enumerate(gradients)]
            _check_arrays(name, parameters, gradients)
            state = start(parameters) if state is None else state
            _check_state(name, state, slots, shaped, parameters)
            state = state | {s: [_array(a, f"state['{s}'][{k}]") for k, a in enumerate(state[s])] for s in arrays}
            foreign = {key: value for key, value in given.items() if key in known and _is_foreign(value)}
            own = {key: value for key, value in given.items() if key not in foreign}
            hyperparameters = {**checked(step, known, own), **foreign}
            t, after = int(state["t"]) + 1, []
            wide = ([_widened(x) for x in arrays] for arrays in (parameters, gradients))
            apart = [*zip(*wide, *(state[s] for s in slots), strict=True)]
            for w, g, *accumulators in [_joined(apart)] if joint and len(apart) > 1 else apart:
                new = rule(w, g, t, *accumulators, **hyperparameters)
                after.append(new if slots else (new,))
            after = _parted(after[0], apart) if len(after) < len(apart) else after
            w_new, *kept = [[new[k] for new in after] for k in range(1 + len(slots))]
            w_new = [_rounded_as(w, new) for w, new in zip(parameters, w_new, strict=True)]
            return w_new, {"t": t} | dict(zip(slots, kept, strict=True))

        def vjp(arguments: Mapping[str, Any], cotangent: Any = None, *, t: int = 1, **given: Any) -> Answer:
            if cotangent is not None:
                raise ValueError(f"{name} has no gradients here, so it takes no cotangent")
            x = named(step, arguments, ("w", "dC", *slots), 2)
            if index("t", t) < 1:
                raise ValueError(f"t = {t}; need the number of the step, an integer ≥ 1")
            w, dC = _array(x["w"], "w"), _array(x["dC"], "dC")
            state = start([w]) | {"t": t - 1}
            state |= {s: [_array(x[s], s).astype(_wide(w))] for s in arrays if s in x}
            state |= {s: [number(s, x[s])] for s in scalars if s in x}
            (new,), after = step([w], [dC], state, **given)
            return {"w": np.asarray(new)} | {s: _shortened(after[s][0], w.dtype) for s in slots}, {}

        step.__signature__ = _lifted_signature(rule)  # type: ignore[attr-defined]
        step.vjp = vjp  # type: ignore[attr-defined]
        step.start = start  # type: ignore[attr-defined]
        step.joint = joint  # type: ignore[attr-defined]
        step.unanswered = UNANSWERED  # type: ignore[attr-defined]
        step.valid = {key: CONDITIONS[key] for key in known if key in CONDITIONS}  # type: ignore[attr-defined]
        return step

    return lift


def _lifted_signature(rule: Callable[..., Any]) -> inspect.Signature:
    """(parameters, gradients, state=None, *, hyperparameters with the defaults of the rule)."""
    lists = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("parameters", "gradients")]
    state = inspect.Parameter("state", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    hyper = [p for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return inspect.Signature([*lists, state, *hyper])


def _array(x: Any, name: str) -> Any:
    """Floats as an array, long doubles among them, for exact paths; what behaves like an array as it is.

    Raises as `reference.lift.floating`.
    """
    if hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, np.ndarray):
        return x
    x = array(x, name)
    return x if x.dtype == np.longdouble else floating(x, name)


def _wide(w: Array) -> np.dtype[Any]:
    """The dtype in which a parameter is stepped, and that of its state: float64, or its own where that is wider."""
    return np.dtype(np.float64) if w.dtype.itemsize <= 8 else w.dtype


def _widened(w: Array) -> Array:
    return w if _wide(w) == w.dtype else w.astype(np.float64)


def _rounded_as(w: Array, new: Any) -> Any:
    """The new parameter in the dtype of the old; numbers of another arithmetic as they are."""
    return rounded(np.asarray(new), w.dtype) if isinstance(new, NUMPY) and new.dtype != w.dtype else new


@QUIET
def _shortened(x: Any, dtype: np.dtype[Any]) -> Array:
    return np.asarray(x) if dtype.itemsize > 8 else np.asarray(rounded(np.asarray(x), dtype))


def _is_foreign(x: Any) -> bool:
    """Whether x is a number of another arithmetic, such as one that carries its rounding errors along."""
    return hasattr(x, "__rtruediv__") and not isinstance(x, (Number, np.generic, np.ndarray))


def _check_arrays(rule: str, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
    if len(parameters) != len(gradients):
        raise ValueError(f"{rule}: {len(parameters)} parameters but {len(gradients)} gradients; pass one each")
    for k, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        if w.shape != g.shape:
            raise ValueError(f"{rule}: gradient {k} has shape {g.shape}, its parameter has shape {w.shape}")
        if isinstance(w, np.ndarray) and isinstance(g, np.ndarray) and g.dtype != w.dtype:
            raise TypeError(f"{rule}: gradient {k} has dtype {g.dtype}, its parameter has dtype {w.dtype}")


def _check_state(rule: str, state: Any, slots: Sequence[str], shaped: Shapes, parameters: Sequence[Array]) -> None:
    if not isinstance(state, dict):
        raise TypeError(f"{rule}: state is {state!r}; pass the state of the step before, hyperparameters by keyword")
    if set(state) != {"t", *slots}:
        raise ValueError(f"{rule}: state has {sorted(state)}, this rule keeps {sorted(['t', *slots])}")
    if not isinstance(state["t"], (int, np.integer)) or isinstance(state["t"], bool) or state["t"] < 0:
        raise ValueError(f"{rule}: state['t'] = {state['t']!r}; need the number of steps made, an integer ≥ 0")
    for s in slots:
        shapes = [shaped[s](w.shape) if s in shaped else () for w in parameters]
        if [np.shape(a) for a in state[s]] != shapes:
            raise ValueError(f"{rule}: state[{s!r}] does not fit the parameters; start again with state=None")


def _joined(apart: Sequence[Sequence[Any]]) -> list[Any]:
    """Parameters, gradients and accumulators of several arrays as those of one vector."""
    sizes = [x[0].size for x in apart]

    def vector(arrays: Sequence[Array]) -> Array:
        alike = [a.size for a in arrays] == sizes
        return np.concatenate([a.ravel() for a in arrays]) if alike else arrays[0].reshape(1)

    return [vector(arrays) for arrays in zip(*apart, strict=True)]


def _parted(new: Sequence[Array], apart: Sequence[Sequence[Any]]) -> list[tuple[Array, ...]]:
    """The same cut into the arrays that were joined; what is one number for all stands beside each."""
    sizes, olds = [x[0].size for x in apart], [(x[0], *x[2:]) for x in apart]
    ends = np.cumsum(sizes)[:-1]
    parts = [
        np.split(a, ends) if a.size == sum(sizes) and [x.size for x in old] == sizes else [a] * len(apart)
        for a, old in zip(new, zip(*olds, strict=True), strict=True)
    ]
    return [
        tuple(part.reshape(x.shape) for part, x in zip(one, old, strict=True))
        for one, old in zip(zip(*parts, strict=True), olds, strict=True)
    ]


# ---------------------------------------------------------------- what rules are made of


def exactly(formula: Callable[..., Any], *numbers: Any) -> Any:
    """A scalar such as 1 − βᵗ, or several, `formula` of numbers: in 60 digits, and rounded once, for it may cancel.

    >>> exactly(lambda beta: 1 - beta**2, 1 - 2.0**-40) == 2.0**-39 - 2.0**-80
    True
    """
    if any(map(_is_foreign, numbers)):
        return formula(*numbers)
    with localcontext(DIGITS):
        found = formula(*map(Decimal, numbers))
        return tuple(map(float, found)) if isinstance(found, tuple) else float(found)


def weight(beta: Any, t: int) -> Any:
    """1 − βᵗ, the weight of everything that a moving average from 0 has taken in by step t."""
    return exactly(lambda beta: 1 - beta**t, beta)


Parts = tuple[Any, Any, Any, Any]  # (κ, old, σ, g) of a mean square κ·old + σ·g²


def over_root(
    x: Array, new: Array, parts: Parts, eps: Any, B: Any = 1.0, least: Any = None, inside: float = 0.0
) -> Any:
    """x/(√(v/B) + ε) for a mean square v of these parts, `new` as far as the range of floats goes; 0/0 is NaN.

    `inside` has been added to v, and where `least` is larger that is taken. Where squares overflow or underflow the
    root is taken by hypot, of numbers that are scaled by S where they are small.
    """
    root = np.sqrt(new) if least is None else np.maximum(np.sqrt(least), np.sqrt(new))
    ratio = x / (root / B**0.5 + eps)
    if not isinstance(new, NUMPY):
        return ratio
    if not np.any(lost := np.isinf(new) | ((new >= 0) & (new < SMALL))):
        return ratio
    (kept, old, share, g), least = parts, 0.0 if least is None else least
    S = np.where(np.isinf(new) | (np.abs(x) > 1) | (least > 1), 1.0, 2.0**600)
    root = np.hypot(kept**0.5 * (np.sqrt(old) * S), share**0.5 * (g * S))
    root = np.maximum(np.hypot(root, inside**0.5 * S), np.sqrt(least) * S)
    return np.where(lost, (x * S) / (root / B**0.5 + eps * S), ratio)


def sign_of(average: Array, beta: Any, m: Array, g: Array) -> Any:
    """The sign of βm + (1 − β)g for `average`, that sum: in rationals where the two terms all but cancel."""
    signs = np.sign(average)
    if isinstance(average, NUMPY) and average.dtype == np.float64:
        near = np.abs(average) <= 2.0**-50 * np.abs(g) + 2.0**-1070  # where they cancel the terms are alike in size
        signs = np.array(signs)
        for k in np.argwhere(near & np.isfinite(m) & np.isfinite(g) & ((m != 0) | (g != 0))):
            i, b = tuple(k), Fraction(beta)
            exact = b * Fraction(float(m[i])) + (1 - b) * Fraction(float(g[i]))
            signs[i] = (exact > 0) - (exact < 0)
    return signs


def total(x: Array, axis: Any = None) -> Array:
    """Σx over all entries, or along some axes, which stay with length 1."""
    return np.asarray(x).sum(axis, keepdims=True) if isinstance(x, NUMPY) else x.sum(axis)


def larger(x: Any, y: Any) -> Any:
    """max(x, y) of an array and a number."""
    return np.maximum(x, y + np.zeros((1,) * max(len(np.shape(x)), 1)) if _is_foreign(y) else y)


def smaller(x: Any, y: Any) -> Any:
    """min(x, y), of maxima alone, which every arithmetic has that steps are run in."""
    return -larger(-x, -1 * y)


def hypot(x: Any, y: Any) -> Any:
    """√(x² + y²)."""
    plain = isinstance(x + y, (np.ndarray, np.generic, float))
    return np.hypot(x, y) if plain else np.sqrt(x * x + y * y)


def near_one(x: Array, axis: Any = None) -> tuple[Array, Any]:
    """x·2⁻ᵉ below 1 in size, and e; numbers of another arithmetic as they are, with the e = 0."""
    if not isinstance(x, NUMPY):
        return x, 0
    size = np.abs(x).max(axis, keepdims=True, initial=0)
    exponent = np.where(np.isfinite(size), np.frexp(size)[1], 0)
    return np.ldexp(x, -exponent), exponent


def shifted(x: Array, e: Any) -> Array:
    """x·2ᵉ."""
    if isinstance(x, NUMPY):
        return np.asarray(np.ldexp(x, e))
    return x * np.exp2(e) if np.any(e) else x


def norm(x: Array, axis: Any = None) -> Array:
    """‖x‖ = √Σx², as `total`; scaled by a power of two, so that no square leaves the range of floats."""
    near, exponent = near_one(x, axis)
    return shifted(np.sqrt(total(near * near, axis)), exponent)


def over_norm(
    x: Array, axis: Any = None, *, share: Any = None, beside: Any = None, least: Any = None, eps: Any = None
) -> Any:
    """x/(max(√(b² + s‖x‖²), least) + ε), also where ‖x‖ is beyond the range of floats; x/‖x‖ by default.

    `share` is s, `beside` b and `eps` ε; `axis` as in `norm`.

    >>> over_norm(np.array([3.0, 4.0])).tolist(), over_norm(np.array([3.0, 4.0]), least=10.0).tolist()
    ([0.6, 0.8], [0.3, 0.4])
    """

    def quotient(S: float) -> tuple[Any, Any]:
        """It with all lengths in units of 1/S, and the length."""
        y, b, floor, e = (q if S == 1 or q is None else S * q for q in (x, beside, least, eps))
        length = norm(y, axis)
        whole = length if share is None else share**0.5 * length
        whole = whole if b is None else hypot(b, whole)
        whole = whole if floor is None else larger(whole, floor)
        return y / (whole if e is None else whole + e), length

    found, length = quotient(1)
    if not isinstance(length, np.ndarray) or not np.isinf(length).any():
        return found
    return np.where(np.isinf(length), quotient(2.0**-64)[0], found)  # of up to 2^128 entries


def rms(x: Array, count: int, axis: Any = None) -> Any:
    """‖x‖/√count, also where ‖x‖ is beyond the range of floats; a count of 0 is taken for 1."""
    root = max(count, 1) ** 0.5
    found = norm(x, axis) / root
    if not isinstance(found, np.ndarray) or not np.isinf(found).any():
        return found
    return np.ldexp(norm(np.ldexp(x, -64), axis) / root, 64)


def inner(x: Array, y: Array, share: Any = 1.0) -> Any:
    """share·⟨x, y⟩, also where the sum without its share is beyond the range of floats."""
    found = total(x * y)
    if not isinstance(found, np.ndarray) or not np.isinf(found).any():
        return share * found
    return np.ldexp(share * total(np.ldexp(x, -64) * y), 64)
