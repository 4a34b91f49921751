"""The truth of any formula of arrays: outputs and every gradient as balls that round to one float.

A formula is a forward definition. Its gradient is found by the tape over balls; how it answers to the inputs, by the
tape over jets, which carry the slopes by all inputs forward. So every gradient is found twice, by the way back and
by the way forward, and the two must overlap.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from flint import arb, arb_mat, ctx

from oracles.arb_truth.activations import ACTIVATIONS
from oracles.arb_truth.clipping import CLIPPING
from oracles.arb_truth.costs import COSTS
from oracles.arb_truth.definition import Forward, check_parameters, lookup
from oracles.arb_truth.functions import total
from oracles.arb_truth.jets import Jet, variables
from oracles.arb_truth.layers import LAYERS
from oracles.arb_truth.layers.blocks import BLOCKS
from oracles.arb_truth.numbers import Array, Ball, Imprecise, Scalar, Undecided, ball, working
from oracles.arb_truth.regularizers import REGULARIZERS
from oracles.arb_truth.rounding import MAXIMUM, START, settle
from oracles.arb_truth.tape import Node, backward, obstacle
from oracles.arb_truth.updates import MEETING, UPDATES, check_step
from oracles.floats import Truth, conditioned_error, format_of, ulp

DEFINITIONS: dict[str, Forward] = {**ACTIVATIONS, **COSTS, **REGULARIZERS, **LAYERS, **CLIPPING}
ASKED = ChainMap(DEFINITIONS, BLOCKS)  # blocks are no formulas
TERMS = 6  # coefficients of the longest power series: value, slope, and what tangents and jets add to that


@dataclass(frozen=True)
class Conditioned:
    """The truth of an array, and Σᵢ|xᵢ·∂y/∂xᵢ| over all float inputs x for each of its entries y.

    An entry that has no truth is NaN, and undecided: the slopes on its two sides differ, or it is not finite.
    """

    truth: Truth
    sway: Array

    def error(self, got: npt.ArrayLike) -> Array:
        """E = |got − y|/(ulp(y) + u·Σ|xᵢ·∂y/∂xᵢ|); special values as `floats.conditioned_error`."""
        # An input of 1 with the slope Σ|xᵢ·∂y/∂xᵢ| sways y as much.
        none = np.zeros(self.sway.shape, bool)
        slope = Truth(self.sway, np.zeros(self.sway.shape), none, self.truth.dtype)
        return conditioned_error(got, self.truth, np.ones(self.sway.shape), slope)


class Pullback(NamedTuple):
    """Outputs by name, gradients by argument, and how much of the formula the cotangent v sees.

    `vacuity` is ‖Jᵀv‖/(‖J‖‖v‖), J the Jacobian of all outputs by all inputs: 1 for a formula with one number as output,
    about 0 where v points along what the formula does not answer to, so that a wrong gradient could not be noticed;
    NaN where J is 0.
    """

    outputs: dict[str, Conditioned]
    gradients: dict[str, Conditioned]
    vacuity: float


def vjp(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    dtype: npt.DTypeLike | str = "float64",
    definitions: Mapping[str, Forward] = ASKED,
    **parameters: Any,
) -> tuple[dict[str, Conditioned], dict[str, Conditioned]]:
    """The truth of the outputs of `id`, and of the gradient of L = ⟨cotangent, outputs⟩ by every float argument.

    `arguments` by name: float arrays count as exact; integer and bool arrays are labels, masks, indices; None is not
    given. A real parameter may be among them, as a float array without axes: then there is a gradient by it. Of one
    output "value" the cotangent is an array of its shape, else a mapping by name, 0 for what is left out; None stands
    for ones. Given numbers of a cotangent are inputs too: the sway of a gradient counts them. Results round to `dtype`.

    An entry without a truth is NaN and undecided (both sides of a kink, an infinite slope, an input that is no finite
    number); the others stand. Of an update rule these are the outputs of one step, and there are no gradients.
    `definitions` may be a table of one's own.

    Raises KeyError for an unknown id, TypeError for arguments or parameters that the definition does not take,
    ValueError for those outside its domain, for a dtype that is not among the four and a cotangent of another shape.

    >>> outputs, gradients = vjp("cost/squared_error", {"a": [3.0, 1.0], "y": [1.0, 1.0]})
    >>> float(outputs["value"].truth.hi), gradients["a"].truth.hi.tolist()
    (2.0, [2.0, 0.0])
    """
    answer = pullback(id, arguments, cotangent, dtype=dtype, definitions=definitions, **parameters)
    return answer.outputs, answer.gradients


def pullback(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    cotangent: npt.ArrayLike | Mapping[str, npt.ArrayLike] | None = None,
    *,
    dtype: npt.DTypeLike | str = "float64",
    definitions: Mapping[str, Forward] = ASKED,
    **parameters: Any,
) -> Pullback:
    """As `vjp`, with the vacuity of the cotangent."""
    name, _ = format_of(dtype)
    if id in UPDATES and id not in definitions:
        if cotangent is not None:
            raise ValueError(f"{id} is a step, which has no gradient here: it takes no cotangent")
        f = program(id, arguments, parameters, UPDATES)
        check_step(id, f.shapes, parameters.get("t", 1))
        return Pullback(_outputs(f, name, id in MEETING, UPDATES[id].by_norm), {}, math.nan)
    f = program(id, arguments, parameters, definitions)
    with working(START, TERMS):
        first = _decided(lambda: reverse(f, cotangent))
        found = settle([first.balls], lambda _: reverse(f, cotangent).balls, name)
        sways = accurate_sways(f, cotangent, found, lookup(id, definitions).by_norm)
    pieces = _pieces(found, sways.entries, [*first.shapes.items(), *f.shapes.items()])
    m = len(first.shapes)
    return Pullback(dict(pieces[:m]), dict(pieces[m:]), sways.vacuity)


def _decided(evaluate: Callable[[], Any]) -> Any:
    """What is evaluated, at the first precision at which its branches are decided. Raises Undecided if none is."""
    while True:
        try:
            return evaluate()
        except Imprecise as obstacle:
            if ctx.prec >= MAXIMUM:
                raise Undecided(f"{obstacle}, at {ctx.prec} bits") from obstacle
        ctx.prec *= 2


def has(id: str, quantity: str = "value") -> str:
    """Whether there is a definition of `id`: "composed", as it is written out here in the arithmetic of balls, or "".

    Every quantity comes with it, since definitions are differentiated whole.
    """
    return "composed" if id in ASKED or id in UPDATES else ""


# ---------------------------------------------------------------- a formula as a function of a flat list of numbers


class Program(NamedTuple):
    """A definition with everything filled in but its float inputs."""

    run: Callable[[Sequence[Scalar]], dict[str, Array]]  # outputs by name
    inputs: list[float]  # the entries of all float arguments in turn
    shapes: dict[str, tuple[int, ...]]  # of the float arguments


def program(
    id: str,
    arguments: Mapping[str, npt.ArrayLike | None],
    parameters: Mapping[str, Any],
    definitions: Any = DEFINITIONS,
) -> Program:
    """The formula `id` as a function of its float inputs; errors as `vjp`."""
    forward: Forward = lookup(id, definitions)
    arrays = {name: np.asarray(x) for name, x in arguments.items() if x is not None}
    _check_names(id, forward, arrays)
    shapes = {name: x.shape for name, x in arrays.items() if _is_float(x)}
    for name, x in arrays.items():
        if name in shapes:
            format_of(x.dtype)
        elif x.dtype.kind not in "iub":
            raise TypeError(f"{id}: {name} has dtype {x.dtype}; pass floats, integers or bools")
        if name in forward.parameters and x.ndim:
            raise TypeError(f"{id}: parameter {name} has shape {x.shape}; pass one number, as an array without axes")
    labels = {name: x for name, x in arrays.items() if name not in shapes}
    integers = {name: x.astype(bool if x.dtype == bool else np.int64).astype(object) for name, x in labels.items()}
    inputs = [v for name in shapes for v in arrays[name].astype(np.float64).ravel().tolist()]
    fixed = {**parameters, **{name: x.item() for name, x in arrays.items() if name in forward.parameters}}
    check_parameters(id, forward.parameters, forward.requires, fixed)

    def run(numbers: Sequence[Scalar]) -> dict[str, Array]:
        rest = iter(numbers)
        named = {name: _array(rest, shapes[name]) if name in shapes else integers[name] for name in arrays}
        moving = {name: x.item() for name, x in named.items() if name in forward.parameters}
        given = check_parameters(id, forward.parameters, forward.requires, {**parameters, **moving})
        found = forward.function(**{name: x for name, x in named.items() if name not in moving}, **given)
        outputs = found if isinstance(found, dict) else {"value": found}
        return {name: np.asarray(x, object) for name, x in outputs.items()}

    return Program(run, inputs, shapes)


def _check_names(id: str, forward: Forward, arrays: Mapping[str, Array]) -> None:
    taken = inspect.signature(forward.function).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in taken):
        return
    known = {p.name for p in taken} | set(forward.parameters)
    for name in arrays:
        if name not in known:
            first = ", ".join(p.name for p in taken if p.kind is p.POSITIONAL_OR_KEYWORD)
            raise TypeError(f"{id} has no argument {name!r}; its arguments: {first}")


def _is_float(x: Array) -> bool:
    return x.dtype.kind == "f" or x.dtype.name == "bfloat16"


def _array(numbers: Iterator[Scalar], shape: tuple[int, ...]) -> Array:
    """The next numbers as an object array of this shape."""
    array = np.empty(math.prod(shape), object)
    array[:] = [next(numbers) for _ in range(array.size)]
    return array.reshape(shape)


def weights(cotangent: Any, shapes: Mapping[str, tuple[int, ...]]) -> list[float]:
    """The cotangent of outputs of these shapes, entry by entry. Raises ValueError where names or shapes do not fit."""
    if cotangent is None:
        return [1.0] * sum(math.prod(shape) for shape in shapes.values())
    if len(shapes) > 1 and not isinstance(cotangent, Mapping):
        raise ValueError(f"one cotangent, but the outputs are {', '.join(shapes)}: pass a mapping by name")
    named = cotangent if isinstance(cotangent, Mapping) else {next(iter(shapes)): cotangent}
    if unknown := sorted(set(named) - set(shapes)):
        raise ValueError(f"a cotangent of {unknown[0]!r}, but the outputs are {', '.join(shapes)}")
    flat: list[float] = []
    for name, shape in shapes.items():
        v = np.asarray(named.get(name, np.zeros(shape))).astype(np.float64)
        if v.shape != shape:
            raise ValueError(f"the cotangent of {name!r} has shape {v.shape}, the output has shape {shape}")
        flat += v.ravel().tolist()
    return flat


# ---------------------------------------------------------------- the way back


class Run(NamedTuple):
    """Outputs of a program, the cotangent v of each, and L = ⟨v, outputs⟩, whose slopes are in the leaves."""

    outputs: list[Scalar]
    shapes: dict[str, tuple[int, ...]]
    v: list[float]
    L: Scalar


def run_back(f: Program, cotangent: Any, leaves: Sequence[Scalar]) -> Run:
    """Forward from the leaves to L, and back if they are nodes."""
    arrays = f.run(leaves)
    shapes = {name: x.shape for name, x in arrays.items()}
    outputs, v = [o for x in arrays.values() for o in x.ravel()], weights(cotangent, shapes)
    L = total([o if w == 1 else o * w for o, w in zip(outputs, v, strict=True) if w])
    if isinstance(L, Node):
        backward(L)
    return Run(outputs, shapes, v, L)


class Back(NamedTuple):
    """Outputs and then the gradient, entry by entry, None for what does not exist; and the shapes of the outputs."""

    balls: list[Ball | None]
    shapes: dict[str, tuple[int, ...]]


def reverse(f: Program, cotangent: Any) -> Back:
    """Outputs and gradient at the working precision, by a tape over balls."""
    leaves = [Node(arb(x)) for x in f.inputs]
    run = run_back(f, cotangent, leaves)
    finite = bool(np.isfinite(f.inputs).all())
    values = [None if obstacle(o) else ball(o) for o in run.outputs]
    slopes = [None if p.hull or not (finite or p.cotangent.is_finite()) else p.cotangent for p in leaves]
    return Back([*values, *slopes], run.shapes)


# ---------------------------------------------------------------- a step of an update rule


def _outputs(f: Program, dtype: str, meets: bool, by_norm: bool) -> dict[str, Conditioned]:
    """The truth of outputs. Unless entries meet, each is made of the same entry of every input, or of its only one."""
    sizes = [math.prod(shape) for shape in f.shapes.values()]
    owner = np.repeat(np.arange(len(sizes)), sizes)  # which argument an input is an entry of
    place = np.concatenate([np.arange(size) if size > 1 else np.full(size, -1) for size in sizes])
    slot = np.arange(len(f.inputs)) if meets else owner  # one slope by each argument where entries do not meet

    def balls() -> list[Ball | None]:
        found = [ball(o) for x in f.run([arb(x) for x in f.inputs]).values() for o in x.ravel()]
        return [b if b.is_finite() else None for b in found]

    def moved() -> dict[str, Array]:
        by_slot = variables([0.0] * int(slot.max(initial=-1) + 1))
        return f.run([Jet(arb(x), by_slot[j].slope) for x, j in zip(f.inputs, slot, strict=True)])

    with working(START, TERMS):
        truth = settle([_decided(balls)], lambda _: balls(), dtype)
        outputs = _decided(moved)
    sway = []
    for x in outputs.values():
        for k, o in enumerate(x.ravel()):
            slopes = o.slope.entries() if isinstance(o, Jet) else []
            seen = [i for i in range(len(f.inputs)) if slopes and (meets or place[i] in (k, -1))]
            terms = [abs(arb(f.inputs[i]) * s) for i in seen if f.inputs[i] and not (s := slopes[slot[i]]).is_zero()]
            whole = _norm([arb(x) for x in f.inputs]) * _norm([slopes[slot[i]] for i in seen]) if by_norm else arb(0)
            sway.append(_upper(whole if by_norm else sum(terms, arb(0))))
    shapes = [(name, x.shape) for name, x in outputs.items()]
    return dict(_pieces(truth, np.array(sway), shapes))


# ---------------------------------------------------------------- how results answer to the inputs


class Sways(NamedTuple):
    """Upper bounds of Σ|xᵢ·∂y/∂xᵢ| for every output and every entry of the gradient, and what `Pullback` says."""

    entries: Array
    exact: Array  # bool: bounds that are known to 2^-20 of themselves
    vacuity: float


def accurate_sways(f: Program, cotangent: Any, truth: Truth, by_norm: bool) -> Sways:
    """Sways at the precision to begin with, if that says what they are to where it matters; else at the present one."""
    if ctx.prec > START:
        with contextlib.suppress(Imprecise), working(START, TERMS), np.errstate(invalid="ignore"):
            found = sways(f, cotangent, by_norm)
            forgiven = np.ldexp(found.entries, -format_of(truth.dtype)[1].digits)
            if (found.exact | (forgiven < ulp(truth.hi, truth.dtype) * 2.0**-10) | np.isnan(truth.hi)).all():
                return found
    return _decided(lambda: sways(f, cotangent, by_norm))


def sways(f: Program, cotangent: Any, by_norm: bool) -> Sways:
    """Sways at the working precision, by a tape over jets. Raises AssertionError where its two ways contradict."""
    n, inputs = len(f.inputs), [arb(x) for x in f.inputs]
    leaves = [Node(jet) for jet in variables(f.inputs)]
    run = run_back(f, cotangent, leaves)
    flat = arb_mat(1, n)
    gradient = [ball_of(leaf.cotangent) for leaf in leaves]
    for k, (leaf, forward) in enumerate(zip(leaves, _slopes(run.L, flat).entries(), strict=True)):
        if not (leaf.hull or gradient[k].overlaps(forward)):
            raise AssertionError(f"input {k}: the way back gives {gradient[k]}, the way forward {forward}")
    J = [_slopes(o, flat) for o in run.outputs]
    H = [leaf.cotangent.slope if isinstance(leaf.cotangent, Jet) else flat for leaf in leaves]
    size = _norm(inputs) if by_norm else arb(0)

    def sway(slopes: Any) -> Ball:
        if by_norm:
            return size * _norm(slopes.entries())
        pairs = zip(inputs, slopes.entries(), strict=True)
        return sum((abs(x * s) for x, s in pairs if not (x.is_zero() or s.is_zero())), arb(0))

    by_cotangent = [arb(0)] * n
    if cotangent is not None:
        rows = [(abs(arb(w)), row.entries()) for w, row in zip(run.v, J, strict=True) if w]
        by_cotangent = [sum((w * abs(row[k]) for w, row in rows), arb(0)) for k in range(n)]
    found = [*map(sway, J), *(sway(row) + extra for row, extra in zip(H, by_cotangent, strict=True))]
    vacuity = _norm(gradient) / (_norm([s for row in J for s in row.entries()]) * _norm([arb(w) for w in run.v]))
    exact = np.array([s.rel_accuracy_bits() >= 20 for s in found], bool)
    return Sways(np.array([_upper(s) for s in found]), exact, float(vacuity.mid()) if vacuity.is_finite() else math.nan)


def _upper(sway: Ball) -> float:
    """An upper bound as a float: of what lies beyond all of them the largest, which forgives less than it might."""
    return min(float(sway.upper()), sys.float_info.max) if sway.is_finite() else math.inf


def ball_of(value: Any) -> Ball:
    """The ball of a jet or a ball."""
    return value.value if isinstance(value, Jet) else value


def _slopes(u: Scalar, flat: Any) -> Any:
    """The slopes of a node over jets; `flat`, zeros, for what does not move."""
    return u.value.slope if isinstance(u, Node) and isinstance(u.value, Jet) else flat


def _norm(balls: Sequence[Ball]) -> Ball:
    return sum((b * b for b in balls), arb(0)).nonnegative_part().sqrt()


def _pieces(truth: Truth, sway: Array, shapes: Sequence[tuple[str, tuple[int, ...]]]) -> list[tuple[str, Conditioned]]:
    """Flat truths cut into arrays of these shapes."""
    pieces, start = [], 0
    for name, shape in shapes:
        part = slice(start, start := start + math.prod(shape))
        pieces.append((name, Conditioned(_shaped(truth[part], shape), sway[part].reshape(shape))))
    return pieces


def _shaped(truth: Truth, shape: tuple[int, ...]) -> Truth:
    return truth.map(lambda a: a.reshape(shape))
