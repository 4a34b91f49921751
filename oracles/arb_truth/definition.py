"""Forward definitions over power series of balls: one line per activation, and no derivative anywhere.

A definition takes a `flint.arb_series` z and returns the series of g(z); its coefficients are what the
exact-truth oracle differentiates with: expanded at x + t, coefficient 1 is g'(x) and twice coefficient 2 is
g''(x). Parameters are exact: a float counts as the number that it is. A parameter may itself be a series,
which gives the derivative with respect to it.

A piecewise function is the list of its pieces from left to right and of the breakpoints between them, so
that one-sided derivatives are the series of the piece on that side. Vector activations take and return a
list of numbers and use nothing but arithmetic, `exp`, `log` and `sqrt` of these.

Where e^z would leave the range of exponents (|z| > 10^20 or so) or cost thousands of bits, a definition is
written in the equal form that does not; both forms hold for every z, so the choice decides nothing.
"""

from __future__ import annotations

import ast
import difflib
import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, NamedTuple

from flint import arb, arb_series, ctx, fmpq

Series = Any  # flint.arb_series
Ball = Any  # flint.arb
Number = Any  # what definitions compute with: a ball, a series, or a node of a tape over balls
Parameter = Any  # float, or an arb_series to differentiate with respect to it


@contextmanager
def working(precision: int, terms: int) -> Iterator[None]:
    """Compute with `precision` bits and power series of `terms` coefficients, and put FLINT's globals back."""
    before = ctx.prec, ctx.cap
    ctx.prec, ctx.cap = precision, terms
    try:
        yield
    finally:
        ctx.prec, ctx.cap = before


# ---------------------------------------------------------------- building blocks


def sigmoid(z: Series) -> Series:
    """1/(1 + e⁻ᶻ) = eᶻ/(1 + eᶻ)."""
    if z[0] < 0:
        e = z.exp()
        return e / (1 + e)
    return 1 / (1 + (-z).exp())


def tanh(z: Series) -> Series:
    """(eᶻ − e⁻ᶻ)/(eᶻ + e⁻ᶻ)."""
    if z[0] < 0:
        e = (2 * z).exp()
        return (e - 1) / (e + 1)
    e = (-2 * z).exp()
    return (1 - e) / (1 + e)


def softplus(z: Series) -> Series:
    """log(1 + eᶻ) = z + log(1 + e⁻ᶻ)."""
    if z[0] > 0:
        return z + (1 + (-z).exp()).log()
    return (1 + z.exp()).log()


def normal_cdf(z: Series) -> Series:
    """Φ(z) = (1 + erf(z/√2))/2 = erfc(−z/√2)/2."""
    return (-z / arb(2).sqrt()).erfc() / 2


def tanh_cdf(z: Series) -> Series:
    """(1 + tanh u)/2 = 1/(1 + e^(−2u)) at u = √(2/π)(z + 0.044715 z³), the decimal taken as written."""
    return sigmoid(2 * (2 / arb.pi()).sqrt() * (z + arb(fmpq(44715, 10**6)) * z * z * z))


def squareplus(z: Series, b: Ball) -> Series:
    """(z + √(z² + b))/2 = (b/2)/(√(z² + b) − z)."""
    root = (z * z + b).sqrt()
    if z[0] < 0:
        return b / 2 / (root - z)
    return (z + root) / 2


def selu_scale() -> Ball:
    """λ of self-normalizing networks, the decimal as PyTorch documents it."""
    return arb(fmpq(10507009873554804934193349852946, 10**31))


def selu_alpha() -> Ball:
    """α of self-normalizing networks, the decimal as PyTorch documents it."""
    return arb(fmpq(16732632423543772848170429916717, 10**31))


def constant(c: Number, z: Series) -> Series:
    """The series of the constant function c, as long as z."""
    return c + 0 * z


# ---------------------------------------------------------------- definitions as data


@dataclass(frozen=True)
class Definition:
    """Pieces from left to right, the breakpoints between them, and parameters with their defaults.

    `owner` says which neighbour defines the value at a breakpoint; it matters only where the function jumps.
    `requires` is a condition on the parameters, in Python.
    """

    pieces: tuple[Callable[..., Series], ...]
    breakpoints: Callable[..., tuple[Number, ...]]
    parameters: Mapping[str, float]
    requires: str
    owner: tuple[str, ...]


def define(
    *pieces: Callable[..., Series],
    at: Callable[..., tuple[Number, ...]] | tuple[float, ...] = (),
    requires: str = "True",
    owner: tuple[str, ...] = (),
    **parameters: float,
) -> Definition:
    """A definition; `at` gives the breakpoints as numbers, or as a function of the parameters."""
    breakpoints = at if callable(at) else lambda **_: at
    return Definition(pieces, breakpoints, parameters, requires, owner or ("left",) * (len(pieces) - 1))


# fmt: off
ELEMENTWISE: dict[str, Definition] = {
    "activation/identity": define(lambda z: z),
    "activation/sigmoid": define(sigmoid),
    "activation/tanh": define(tanh),
    "activation/relu": define(lambda z: 0 * z, lambda z: z, at=(0,)),
    "activation/relu6": define(lambda z: 0 * z, lambda z: z, lambda z: constant(6, z), at=(0, 6)),
    "activation/leaky_relu": define(
        lambda z, negative_slope: negative_slope * z, lambda z, negative_slope: z, at=(0,), negative_slope=0.01),
    "activation/prelu": define(lambda z, weight: weight * z, lambda z, weight: z, at=(0,), weight=0.25),
    "activation/rrelu": define(
        lambda z, lower, upper: (lower + upper) / 2 * z, lambda z, lower, upper: z, at=(0,),
        lower=1 / 8, upper=1 / 3, requires="lower <= upper"),
    "activation/elu": define(
        lambda z, alpha: alpha * (z.exp() - 1), lambda z, alpha: z, at=(0,), alpha=1.0),
    "activation/celu": define(
        lambda z, alpha: alpha * ((z / alpha).exp() - 1), lambda z, alpha: z, at=(0,),
        requires="alpha > 0", alpha=1.0),
    "activation/selu": define(
        lambda z: selu_scale() * selu_alpha() * (z.exp() - 1), lambda z: selu_scale() * z, at=(0,)),
    "activation/softplus": define(lambda z, beta: softplus(beta * z) / beta, requires="beta > 0", beta=1.0),
    "activation/softsign": define(lambda z: z / (1 - z), lambda z: z / (1 + z), at=(0,)),
    "activation/silu": define(lambda z: z * sigmoid(z)),
    "activation/gelu": define(lambda z: z * normal_cdf(z)),
    "activation/gelu_tanh": define(lambda z: z * tanh_cdf(z)),
    "activation/mish": define(lambda z: z * tanh(softplus(z))),
    "activation/hardtanh": define(
        lambda z, min_val, max_val: constant(min_val, z), lambda z, min_val, max_val: z,
        lambda z, min_val, max_val: constant(max_val, z), at=lambda min_val, max_val: (min_val, max_val),
        requires="min_val < max_val", min_val=-1.0, max_val=1.0),
    "activation/hardsigmoid": define(
        lambda z: 0 * z, lambda z: (z + 3) / 6, lambda z: constant(1, z), at=(-3, 3)),
    "activation/hardswish": define(lambda z: 0 * z, lambda z: z * (z + 3) / 6, lambda z: z, at=(-3, 3)),
    "activation/hardshrink": define(
        lambda z, lambd: z, lambda z, lambd: 0 * z, lambda z, lambd: z, at=lambda lambd: (-lambd, lambd),
        owner=("right", "left"), requires="lambd >= 0", lambd=0.5),
    "activation/softshrink": define(
        lambda z, lambd: z + lambd, lambda z, lambd: 0 * z, lambda z, lambd: z - lambd,
        at=lambda lambd: (-lambd, lambd), requires="lambd >= 0", lambd=0.5),
    "activation/tanhshrink": define(lambda z: z - tanh(z)),
    "activation/threshold": define(
        lambda z, threshold, value: constant(value, z), lambda z, threshold, value: z,
        at=lambda threshold, value: (threshold,), threshold=0.0, value=0.0),
    "activation/logsigmoid": define(lambda z: -softplus(-z)),
    "activation/squareplus": define(squareplus, requires="b > 0", b=4.0),
    "activation/sparse_plus": define(lambda z: 0 * z, lambda z: (z + 1) * (z + 1) / 4, lambda z: z, at=(-1, 1)),
    "activation/sparse_sigmoid": define(
        lambda z: 0 * z, lambda z: (z + 1) / 2, lambda z: constant(1, z), at=(-1, 1)),
    "activation/gaussian": define(lambda z: (-z * z).exp()),
    "activation/exp": define(lambda z: z.exp()),
    "activation/arctan": define(lambda z: z.atan()),
    "activation/log_cosh": define(lambda z: softplus(2 * z) - z - arb(2).log()),
    "activation/squared_relu": define(lambda z: 0 * z, lambda z: z * z, at=(0,)),
    "activation/huber": define(
        lambda z, delta: delta * (-z - delta / 2), lambda z, delta: z * z / 2,
        lambda z, delta: delta * (z - delta / 2), at=lambda delta: (-delta, delta),
        requires="delta > 0", delta=1.0),
}
# fmt: on

ABSOLUTE = define(lambda z: -z, lambda z: z, at=(0,))  # |z|, for costs and regularizers


class Bound(NamedTuple):
    """A definition with its parameters filled in: functions of z alone, and the breakpoints between them."""

    pieces: tuple[Callable[[Series], Series], ...]
    breakpoints: tuple[Ball, ...]
    owner: tuple[str, ...]


def expand(g: Bound, z: Series, side: str | None = None) -> list[Series]:
    """The series of every piece that z may lie on: one, unless z meets a breakpoint.

    Where z lies exactly on a breakpoint, `side` chooses: the "left" neighbour, the "right" one, or the "owner",
    whose value the function has there.
    """
    if not g.breakpoints:
        return [g.pieces[0](z)]
    at, first, last = z[0], 0, len(g.pieces) - 1
    for k, t in enumerate(g.breakpoints):
        chosen = (g.owner[k] if side == "owner" else side) if side and at == t else None
        if at > t or chosen == "right":
            first = k + 1
        elif at < t or chosen == "left":
            last = k
            break
    return [piece(z) for piece in g.pieces[first : last + 1]]


def union(series: Sequence[Series], terms: int) -> Series:
    """Coefficient by coefficient, the smallest ball that encloses all of them."""
    result = [series[0][k] for k in range(terms)]
    for s in series[1:]:
        result = [a if a == s[k] else a.union(s[k]) for k, a in enumerate(result)]
    return arb_series(result, terms)


def evaluate(g: Bound, z: Series) -> Series:
    """g(z), enclosing every piece that z may lie on."""
    return union(expand(g, z), ctx.cap)


def bind(id: str, **parameters: Parameter) -> Bound:
    """The elementwise activation `id` with `parameters`, defaults for those left out.

    Raises KeyError for an unknown id, TypeError for a parameter that it does not have or that is no number,
    ValueError for one that is not finite or outside its domain.
    """
    return bind_definition(id, lookup(id, ELEMENTWISE), parameters)


def bind_definition(id: str, definition: Definition, parameters: Mapping[str, Parameter]) -> Bound:
    """As `bind`, for a definition at hand."""
    values = check_parameters(id, definition.parameters, definition.requires, parameters)
    # Breakpoints need numbers; a parameter that is a series counts there with its constant term.
    constants = {name: v[0] if isinstance(v, arb_series) else v for name, v in values.items()}
    pieces = tuple(functools.partial(piece, **values) for piece in definition.pieces)
    return Bound(pieces, tuple(arb(t) for t in definition.breakpoints(**constants)), definition.owner)


def check_parameters(
    id: str, defaults: Mapping[str, float], requires: str, parameters: Mapping[str, Parameter]
) -> dict[str, Number]:
    """Defaults overridden by `parameters`, as exact balls; errors as `bind`."""
    for name in parameters:
        if name not in defaults:
            known = ", ".join(defaults) or "none"
            raise TypeError(f"{id} has no parameter {name!r}; its parameters: {known}")
    values: dict[str, Number] = {}
    for name, default in defaults.items():
        given = parameters.get(name, default)
        values[name] = given if isinstance(given, arb_series) else arb(_finite(id, name, given))
    floats = {name: float(v[0] if isinstance(v, arb_series) else v) for name, v in values.items()}
    if not eval(_compiled(requires), {"__builtins__": {}}, floats):
        shown = ", ".join(f"{name} = {floats[name]!r}" for name in floats if name in _names(requires))
        raise ValueError(f"{id}: {shown}, but {requires} is required")
    return values


@functools.cache
def _compiled(condition: str) -> CodeType:
    return compile(condition, "<condition>", "eval")


def _finite(id: str, name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{id}: parameter {name} = {value!r} is not a number") from error
    if number - number != 0:
        raise ValueError(f"{id}: parameter {name} = {number!r} is not finite")
    return number


def _names(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def lookup(id: str, table: Mapping[str, Any]) -> Any:
    """The entry of `table` under `id`; KeyError naming the nearest ids."""
    try:
        return table[id]
    except KeyError:
        raise KeyError(f"no definition of {id!r}; {nearest(id, table)}") from None


def nearest(id: str, known: Iterable[str]) -> str:
    """'did you mean …' for a message, or the list of all that is known."""
    close = difflib.get_close_matches(id, list(known), n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"known: {', '.join(sorted(known))}"


# ---------------------------------------------------------------- vector activations


def _largest(z: Sequence[Number]) -> int:
    """Index of an entry that is about the largest; any choice gives the same function."""
    return max(range(len(z)), key=lambda k: float(z[k][0].mid()))


def _ratios(z: Sequence[Number], temperature: Ball) -> tuple[list[Number], Number]:
    """e^((z_k − m)/T) for every k, and their sum; m is one of the entries, so that nothing overflows."""
    m = _largest(z)
    e = [1 + 0 * z_k if k == m else ((z_k - z[m]) / temperature).exp() for k, z_k in enumerate(z)]
    return e, sum(e)


def softmax(z: Sequence[Number], temperature: Ball) -> list[Number]:
    """e^(z_j/T)/Σₖe^(z_k/T)."""
    e, total = _ratios(z, temperature)
    return [e_j / total for e_j in e]


def softmin(z: Sequence[Number], temperature: Ball) -> list[Number]:
    """Softmax of −z."""
    return softmax([-z_k for z_k in z], temperature)


def log_softmax(z: Sequence[Number], temperature: Ball) -> list[Number]:
    """z_j/T − log Σₖe^(z_k/T)."""
    log_total, m = _ratios(z, temperature)[1].log(), _largest(z)
    return [(z_j - z[m]) / temperature - log_total if j != m else -log_total for j, z_j in enumerate(z)]


def logsumexp(z: Sequence[Number], temperature: Ball) -> list[Number]:
    """T·log Σₖe^(z_k/T), one number."""
    return [z[_largest(z)] + temperature * _ratios(z, temperature)[1].log()]


def gated(z: Sequence[Number], gate: Callable[[Series], Series]) -> list[Number]:
    """a ⊙ gate(b) for the halves (a, b) of z: the second half is the gate, as in the gated linear unit."""
    half, odd = divmod(len(z), 2)
    if odd:
        raise ValueError(f"a row of {len(z)} entries cannot be halved into values and gates")
    return [a * gate(b) for a, b in zip(z[:half], z[half:], strict=True)]


def maxout(z: Sequence[Number], k: Ball) -> list[Number]:
    """The largest of each k neighbours; every entry that may be the largest is enclosed."""
    size = int(float(k))
    if len(z) % size:
        raise ValueError(f"a row of {len(z)} entries cannot be split into groups of k = {size}")
    groups = [z[start : start + size] for start in range(0, len(z), size)]
    return [union([u for u in g if not any(u[0] < v[0] for v in g)], ctx.cap) for g in groups]


def l2_normalize(z: Sequence[Number]) -> list[Number]:
    """z_j/√Σz²; not defined at z = 0."""
    inverse = 1 / sum(z_k * z_k for z_k in z).sqrt()  # a quotient 0/0 of series would pass for 0
    return [z_j * inverse for z_j in z]


@dataclass(frozen=True)
class VectorDefinition:
    """A function of a list of numbers, parameters with their defaults, and a condition on these, in Python."""

    function: Callable[..., list[Number]]
    parameters: Mapping[str, float] = field(default_factory=dict)
    requires: str = "True"


def _gated(id: str) -> VectorDefinition:
    return VectorDefinition(lambda z: gated(z, functools.partial(evaluate, bind(id))))


_WARM = ({"temperature": 1.0}, "temperature > 0")
VECTOR = {
    "activation/softmax": VectorDefinition(softmax, *_WARM),
    "activation/softmin": VectorDefinition(softmin, *_WARM),
    "activation/log_softmax": VectorDefinition(log_softmax, *_WARM),
    "activation/logsumexp": VectorDefinition(logsumexp, *_WARM),
    "activation/glu": _gated("activation/sigmoid"),
    "activation/geglu": _gated("activation/gelu"),
    "activation/swiglu": _gated("activation/silu"),
    "activation/reglu": _gated("activation/relu"),
    "activation/maxout": VectorDefinition(maxout, {"k": 2}, "k >= 1 and k % 1 == 0"),
    "activation/l2_normalize": VectorDefinition(l2_normalize),
}


def bind_vector(id: str, **parameters: Parameter) -> Callable[[Sequence[Number]], list[Number]]:
    """The vector activation `id` with `parameters`; errors as `bind`."""
    definition: VectorDefinition = lookup(id, VECTOR)
    values = check_parameters(id, definition.parameters, definition.requires, parameters)
    return functools.partial(definition.function, **values)
