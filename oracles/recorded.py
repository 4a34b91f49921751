"""Numbers that remember how they were made. NumPy only.

A published equation is read as plain NumPy code on arrays of `Number`. Nothing is differentiated while it runs:
`d(y, x)` only notes that ∂y/∂x is wanted. Each oracle then replays the record in its own arithmetic and finds the
derivatives by its own machinery (`torch_autograd.recorded.values`, `arb_truth.recorded.values`). Neither sees a
derivative formula of ours.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Real = Any  # a number of whichever arithmetic replays the record

BITS = 400  # of the balls that replay a record
_serial = itertools.count()


class Number:
    """A leaf with its float64 value, or an operation on older numbers. Arrays of it are object arrays."""

    __slots__ = ("args", "op", "serial", "value")

    def __init__(self, op: str, args: tuple[Any, ...], value: float = math.nan) -> None:
        self.op, self.args, self.value, self.serial = op, args, value, next(_serial)

    def _with(self, op: str, other: Any, *, swap: bool = False) -> Any:
        if isinstance(other, np.ndarray):
            return NotImplemented  # NumPy then goes entry by entry
        other = as_number(other)
        return Number(op, (other, self) if swap else (self, other))

    def __add__(self, other: Any) -> Any:
        return self._with("add", other)

    def __radd__(self, other: Any) -> Any:
        return self._with("add", other, swap=True)

    def __sub__(self, other: Any) -> Any:
        return self._with("sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._with("sub", other, swap=True)

    def __mul__(self, other: Any) -> Any:
        return self._with("mul", other)

    def __rmul__(self, other: Any) -> Any:
        return self._with("mul", other, swap=True)

    def __truediv__(self, other: Any) -> Any:
        return self._with("div", other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with("div", other, swap=True)

    def __neg__(self) -> Number:
        return Number("neg", (self,))

    def __pow__(self, power: Any) -> Number:
        if not isinstance(power, (int, np.integer)) or power < 1:
            raise TypeError(f"power {power!r}: only positive integers are read as repeated products; use exp and log")
        product: Number = self
        for _ in range(int(power) - 1):
            product = product * self
        return product

    def exp(self) -> Number:
        """e to this number: what `np.exp` calls on an object array."""
        return Number("exp", (self,))

    def log(self) -> Number:
        """Natural logarithm."""
        return Number("log", (self,))

    def sqrt(self) -> Number:
        """Square root."""
        return Number("sqrt", (self,))

    def erf(self) -> Number:
        """Error function."""
        return Number("erf", (self,))

    def tanh(self) -> Number:
        """Hyperbolic tangent."""
        return Number("tanh", (self,))

    # Branches are decided by the float64 value. The leaves are those very floats in every arithmetic.
    def __lt__(self, other: Any) -> bool:
        return floats([self])[0] < floats([as_number(other)])[0]

    def __gt__(self, other: Any) -> bool:
        return floats([self])[0] > floats([as_number(other)])[0]

    def __le__(self, other: Any) -> bool:
        return floats([self])[0] <= floats([as_number(other)])[0]

    def __ge__(self, other: Any) -> bool:
        return floats([self])[0] >= floats([as_number(other)])[0]

    def __abs__(self) -> Number:
        return -self if self < 0 else self

    def __bool__(self) -> bool:
        raise TypeError("a recorded number has no truth value; compare it with another number")

    def __repr__(self) -> str:
        return f"Number({self.value})" if self.op == "leaf" else f"<{self.op} #{self.serial}>"


def leaf(value: float) -> Number:
    """A number given by its exact float64 value."""
    return Number("leaf", (), float(value))


def as_number(x: Any) -> Number:
    """`x` itself where it is recorded already, else a leaf."""
    return x if isinstance(x, Number) else leaf(x)


def native(op: str, *args: Any) -> Number:
    """A function under its own name, evaluated by each oracle's own implementation of it."""
    return Number(op, tuple(as_number(a) for a in args))


def objects(nested: Any) -> Array:
    """Nested lists of numbers as an object array."""
    array = np.empty(np.shape(np.array(nested, dtype=object)), object)
    array[...] = nested
    return array


def d(y: Any, x: Any) -> Any:
    """∂y/∂x, noted for the oracles. An array x gives an array of its shape; an array y likewise, before it."""
    if isinstance(y, np.ndarray):
        rows = np.empty(y.shape, object)
        for k in np.ndindex(y.shape):
            rows[k] = d(y[k], x)
        return objects(rows.tolist())
    if isinstance(x, np.ndarray):
        gradient = np.empty(x.shape, object)
        for k in np.ndindex(x.shape):
            gradient[k] = d(y, x[k])
        return gradient
    return Number("d", (as_number(y), as_number(x)))


def prime(g: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """g′, entry by entry, for a function g of one recorded number."""

    def slope(z: Any) -> Any:
        return objects([slope(e) for e in z]) if isinstance(z, np.ndarray) else d(g(z), z)

    return slope


# ---- replaying a record ----------------------------------------------------------------------------------------


def record(wanted: Iterable[Number]) -> list[Number]:
    """Everything that `wanted` depends on, oldest first."""
    seen: dict[int, Number] = {}
    stack = list(wanted)
    while stack:
        number = stack.pop()
        if number.serial not in seen:
            seen[number.serial] = number
            stack.extend(number.args)
    return [seen[k] for k in sorted(seen)]


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv, "neg": operator.neg,
}  # fmt: skip


def definitions(exp: Any, log: Any, erf: Any, sqrt: Any, positive: Any) -> dict[str, Any]:
    """Named functions from their definitions, for an arithmetic that has these four and can tell a sign."""

    def sigmoid(z: Real) -> Real:
        return 1 / (1 + exp(-z))

    def tanh(z: Real) -> Real:
        return (exp(z) - exp(-z)) / (exp(z) + exp(-z))

    def softmax(k: Real, *z: Real) -> Real:
        return exp(z[int(float(k))]) / sum(exp(v) for v in z)

    def linear(*wab: Real) -> Real:
        n = len(wab) // 2
        return sum((wab[i] * wab[n + i] for i in range(n)), wab[-1])

    def gelu(z: Real) -> Real:
        return z * (1 + erf(z / sqrt(2 + 0 * z))) / 2

    return {
        "exp": exp, "log": log, "erf": erf, "sqrt": sqrt, "sigmoid": sigmoid, "tanh": tanh, "softmax": softmax,
        "linear": linear, "gelu": gelu, "softplus": lambda z: log(1 + exp(z)), "silu": lambda z: z * sigmoid(z),
        "mish": lambda z: z * tanh(log(1 + exp(z))), "bce": lambda a, y: -(y * log(a) + (1 - y) * log(1 - a)),
        "relu": lambda z: z if positive(z) else 0 * z, "half_square": lambda a, y: (a - y) * (a - y) / 2,
        "identity": lambda z: z, "bce_logits": lambda z, y: log(1 + exp(z)) - y * z,
    }  # fmt: skip


def floats(wanted: Sequence[Number]) -> list[float]:
    """Float64 values of numbers that contain no derivative; they decide branches."""
    named = definitions(math.exp, math.log, math.erf, math.sqrt, lambda z: z > 0) | {"tanh": math.tanh}
    values: dict[int, float] = {}
    for number in record(wanted):
        if number.op == "d":
            raise TypeError("a derivative has no value until an oracle gives it one: it cannot decide a branch")
        if number.op == "leaf":
            values[number.serial] = number.value
        else:
            function = ARITHMETIC.get(number.op) or named[number.op]
            values[number.serial] = function(*(values[a.serial] for a in number.args))
    return [values[w.serial] for w in wanted]
