"""Activations: forward definitions, one line each, and no derivative anywhere.

The definition of an elementwise activation takes a power series z and returns the series of g(z); its coefficients are
what derivatives are read from: expanded at x + t, coefficient 1 is g'(x) and twice coefficient 2 is g''(x). A vector
activation takes a row of numbers and returns a row, or one number.

Where e^z would leave the range of exponents (|z| > 10^20 or so) or cost thousands of bits, a definition is written in
the equal form that does not; both forms hold for every z, so the choice decides nothing.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from flint import arb, fmpq

from oracles.arb_truth import definition
from oracles.arb_truth.definition import Bound, Definition, Forward, check_parameters, define, fill, lookup
from oracles.arb_truth.functions import (
    about_largest,
    applied,
    by_row,
    dot,
    elementwise,
    entrywise,
    exponentials,
    largest,
    log,
    surprises,
    total,
)
from oracles.arb_truth.numbers import Array, Ball, Scalar, Series

Row = Sequence[Scalar]

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


@entrywise
def softplus_of(u: Scalar) -> Scalar:
    """Softplus of any scalar, which may carry derivatives."""
    return applied(softplus, u)


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


def constant(c: Ball, z: Series) -> Series:
    """The series of the constant function c, as long as z."""
    return c + 0 * z


# ---------------------------------------------------------------- elementwise

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
        requires="min_val <= max_val", min_val=-1.0, max_val=1.0),
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
    "activation/softplus_threshold": define(
        lambda z, beta, threshold: softplus(beta * z) / beta, lambda z, beta, threshold: z,
        at=lambda beta, threshold: (threshold / beta,), requires="beta > 0", beta=1.0, threshold=20.0),
    "activation/logsigmoid": define(lambda z: -softplus(-z)),
    "activation/squareplus": define(squareplus, requires="b > 0", b=4.0),
    "activation/sparse_plus": define(lambda z: 0 * z, lambda z: (z + 1) * (z + 1) / 4, lambda z: z, at=(-1, 1)),
    "activation/sparse_sigmoid": define(
        lambda z: 0 * z, lambda z: (z + 1) / 2, lambda z: constant(1, z), at=(-1, 1)),
    "activation/gaussian": define(lambda z: (-z * z).exp()),
    "activation/exp": define(lambda z: z.exp(), rising=True),
    "activation/arctan": define(lambda z: z.atan()),
    "activation/log_cosh": define(lambda z: softplus(2 * z) - z - arb(2).log()),
    "activation/squared_relu": define(lambda z: 0 * z, lambda z: z * z, at=(0,)),
    "activation/huber": define(
        lambda z, delta: delta * (-z - delta / 2), lambda z, delta: z * z / 2,
        lambda z, delta: delta * (z - delta / 2), at=lambda delta: (-delta, delta),
        requires="delta > 0", delta=1.0),
}
# fmt: on


def bind(id: str, **parameters: Any) -> Bound:
    """The elementwise activation `id` with `parameters`, defaults for those left out.

    Raises KeyError for an unknown id, else as `definition.check_parameters`.
    """
    return definition.bind(id, lookup(id, ELEMENTWISE), parameters)


def _of_z(activation: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which says that z is the only array it takes."""
    z = inspect.Parameter("z", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    activation.__signature__ = inspect.Signature([z])  # type: ignore[attr-defined]
    return activation


def entry_by_entry(g: Definition) -> Forward:
    """An elementwise activation as a function of an array z."""

    def activation(z: Array, **parameters: Scalar) -> Any:
        bound = fill(g, parameters)
        return np.frompyfunc(lambda u: elementwise(bound, u), 1, 1)(z)

    return Forward(_of_z(activation), g.parameters, g.requires)


# ---------------------------------------------------------------- rows


def _cooled(z: Row, temperature: Scalar) -> Row:
    """z/T."""
    return z if isinstance(temperature, arb) and temperature == 1 else [z_k / temperature for z_k in z]


def softmax(z: Row, temperature: Scalar) -> list[Scalar]:
    """e^(z_j/T)/Σₖe^(z_k/T)."""
    e = exponentials(_cooled(z, temperature))
    whole = total(e)
    return [e_j / whole for e_j in e]


def softmin(z: Row, temperature: Scalar) -> list[Scalar]:
    """Softmax of −z."""
    return softmax([-z_k for z_k in z], temperature)


def log_softmax(z: Row, temperature: Scalar) -> list[Scalar]:
    """z_j/T − log Σₖe^(z_k/T)."""
    return [-s for s in surprises(_cooled(z, temperature))]


def logsumexp(z: Row, temperature: Scalar) -> Scalar:
    """T·log Σₖe^(z_k/T), one number."""
    cool = _cooled(z, temperature)
    return z[about_largest(cool)] + temperature * log(total(exponentials(cool)))


def logmeanexp(z: Row) -> Scalar:
    """log(Σₖe^z_k/d), one number."""
    return z[about_largest(z)] + log(total(exponentials(z)) / len(z))


def gated(z: Row, gate: Bound) -> list[Scalar]:
    """a ⊙ gate(b) for the halves (a, b) of z: the second half is the gate, as in the gated linear unit."""
    half, odd = divmod(len(z), 2)
    if odd:
        raise ValueError(f"a row of {len(z)} entries cannot be halved into values and gates")
    return [a * elementwise(gate, b) for a, b in zip(z[:half], z[half:], strict=True)]


def maxout(z: Row, k: int) -> list[Scalar]:
    """The largest of each k neighbours."""
    if len(z) % k:
        raise ValueError(f"a row of {len(z)} entries cannot be split into groups of k = {k}")
    return [largest(z[start : start + k]) for start in range(0, len(z), k)]


def l2_normalize(z: Row) -> list[Scalar]:
    """z_j/√Σz²; not defined at z = 0."""
    inverse = 1 / dot(z, z).sqrt()
    return [z_j * inverse for z_j in z]


def row_by_row(function: Callable[..., Any], requires: str = "True", **parameters: Any) -> Forward:
    """A vector activation as a function of an array z, with its rows along `axis`."""

    def activation(z: Array, axis: int = -1, **given: Any) -> Array:
        value = by_row(functools.partial(function, **given), np.moveaxis(z, axis, -1))
        return np.moveaxis(value, -1, axis) if value.ndim == z.ndim else value

    return Forward(_of_z(activation), {**parameters, "axis": -1}, requires)


def _gated(id: str) -> Forward:
    return row_by_row(functools.partial(gated, gate=bind(id)))


VECTOR: dict[str, Forward] = {
    "activation/softmax": row_by_row(softmax, "temperature > 0", temperature=1.0),
    "activation/softmin": row_by_row(softmin, "temperature > 0", temperature=1.0),
    "activation/log_softmax": row_by_row(log_softmax, "temperature > 0", temperature=1.0),
    "activation/logsumexp": row_by_row(logsumexp, "temperature > 0", temperature=1.0),
    "activation/logmeanexp": row_by_row(logmeanexp),
    "activation/glu": _gated("activation/sigmoid"),
    "activation/geglu": _gated("activation/gelu"),
    "activation/swiglu": _gated("activation/silu"),
    "activation/reglu": _gated("activation/relu"),
    "activation/maxout": row_by_row(maxout, "k >= 1 and k % 1 == 0", k=2),
    "activation/l2_normalize": row_by_row(l2_normalize),
}
ACTIVATIONS: dict[str, Forward] = {**{id: entry_by_entry(g) for id, g in ELEMENTWISE.items()}, **VECTOR}


def bind_vector(id: str, **parameters: Any) -> Callable[[Array], Array]:
    """The vector activation `id` with `parameters`, of the last axis of an array; errors as `bind`."""
    forward: Forward = lookup(id, VECTOR)
    return functools.partial(forward.function, **check_parameters(id, forward.parameters, forward.requires, parameters))
