"""First-order propagation of rounding errors through any NumPy expression.

A `Rounded` array carries its value and one row of noise per rounding made so far: row r says how far rounding r can
move it, with sign, so that errors which cancel are seen to cancel. Running a recurrence on Rounded arrays therefore
bounds, to first order, what any sequence of roundings can do to its result: the sum of the rows' magnitudes. (This
is affine arithmetic without the second-order term.)

    roundoff = Roundoff(np.float32)
    x = roundoff.exact(np.array([1.0, 2.0]))
    y = np.sqrt(x * x + 1) - x
    y.value, y.bound()

Scalars round in a dtype of their own, float64 unless told otherwise: implementations compute 1 − βᵗ and the like in
Python before they touch an array. A `Scalar` carries a plain bound, without signs.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

Array = npt.NDArray[Any]

EXACT = {np.negative, np.absolute, np.maximum, np.sign}  # operations that do not round

# ∂f/∂operand for each operand, given the operands and the result
PARTIALS: dict[np.ufunc, Callable[..., tuple[Any, ...]]] = {
    np.add: lambda x, y, z: (1.0, 1.0),
    np.subtract: lambda x, y, z: (1.0, -1.0),
    np.multiply: lambda x, y, z: (y, x),
    np.divide: lambda x, y, z: (1 / y, -z / y),
    np.sqrt: lambda x, z: (0.5 / z,),
    np.cbrt: lambda x, z: (1 / (3 * z * z),),
    np.negative: lambda x, z: (-1.0,),
    np.absolute: lambda x, z: (np.sign(x),),
    np.maximum: lambda x, y, z: (x >= y, x < y),
    np.sign: lambda x, z: (0.0,),
}


class Roundoff:
    """The roundings of one computation, in arrays of `dtype` and scalars of `scalars`.

    `roundings` says how often an implementation may round where the expression as run here rounds once. `margin` is
    the least |x|/bound over all decisions by a sign; below 1, rounding could have turned one of them.
    """

    def __init__(self, dtype: npt.DTypeLike, scalars: npt.DTypeLike = np.float64, roundings: int = 1) -> None:
        self.u = roundings * float(np.finfo(dtype).eps) / 2
        self.tiny = float(np.finfo(dtype).smallest_normal)  # underflow may be gradual or abrupt
        self.scalar_u = roundings * float(np.finfo(scalars).eps) / 2
        self.rows = 0
        self.margin = np.inf

    def exact(self, value: Array) -> Rounded:
        """`value` without an error."""
        x = np.asarray(value, np.float64)
        return Rounded(x, np.zeros((0, *x.shape)), self)

    def scalar(self, value: float) -> Scalar:
        """A hyperparameter: exact in float64, rounded to the dtype of scalars."""
        return Scalar(value, self.scalar_u * abs(value) if self.scalar_u > 2**-40 else 0.0, self)

    def rounding(self, value: Array) -> Array:
        """The largest error of rounding `value` once; an exact 0 is exact."""
        return (value != 0) * (self.u * np.abs(value) + self.tiny)

    def decide(self, gap: Any, bound: Any) -> None:
        """Note how safely the sign of a number stands above its noise."""
        with np.errstate(divide="ignore", invalid="ignore"):
            self.margin = min(self.margin, float(np.nanmin(np.abs(gap) / bound)))

    def collapse(self, numbers: Sequence[Rounded]) -> list[Rounded]:
        """The same numbers and bounds, with every number's noise in one row of its own.

        Correlations are lost, so a recurrence that feeds back on itself may be bounded too generously; one driven
        from outside is not, and costs no more at step 200 than at step 1.
        """
        self.rows = len(numbers)
        fresh = []
        for k, x in enumerate(numbers):
            noise = np.zeros((self.rows, *x.shape))
            noise[k] = x.bound()
            fresh.append(Rounded(x.value, noise, self))
        return fresh


def _both_ways(op: Callable[[Any, Any], Any], slopes: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The operator with a scalar on its left, and with one on its right."""
    return (lambda self, y: self._with(op, self, y, slopes), lambda self, x: self._with(op, x, self, slopes))


class Scalar:
    """A scalar with a bound of its error."""

    __array_priority__ = 1000  # arrays leave arithmetic with scalars to this class

    def __init__(self, value: float, error: float, roundoff: Roundoff) -> None:
        self.value, self.error, self.roundoff = float(value), float(error), roundoff

    def _with(self, op: Callable[[Any, Any], Any], x: Any, y: Any, slopes: Callable[..., tuple[float, float]]) -> Any:
        """op(x, y), one of which is self: the error by its partial derivatives, and one rounding."""
        if isinstance(x, Rounded) or isinstance(y, Rounded):
            return NotImplemented
        if isinstance(x, np.ndarray) or isinstance(y, np.ndarray):
            lift = self.roundoff.exact
            return op(lift(x) if isinstance(x, np.ndarray) else x, lift(y) if isinstance(y, np.ndarray) else y)
        p, q = (v.value if isinstance(v, Scalar) else float(v) for v in (x, y))
        z = op(p, q)
        errors = (v.error if isinstance(v, Scalar) else 0.0 for v in (x, y))
        carried = sum(abs(d) * e for d, e in zip(slopes(p, q, z), errors, strict=True) if e)
        return Scalar(z, carried + self.roundoff.scalar_u * abs(z), self.roundoff)

    __add__, __radd__ = _both_ways(operator.add, PARTIALS[np.add])
    __sub__, __rsub__ = _both_ways(operator.sub, PARTIALS[np.subtract])
    __mul__, __rmul__ = _both_ways(operator.mul, PARTIALS[np.multiply])
    __truediv__, __rtruediv__ = _both_ways(operator.truediv, PARTIALS[np.divide])
    __pow__, __rpow__ = _both_ways(
        operator.pow, lambda p, q, z: (q * z / p if p else 0.0, z * math.log(p) if p > 0 else 0.0)
    )

    def __gt__(self, y: Any) -> bool:
        """Decided by the values; the margin is noted."""
        gap = self - y
        self.roundoff.decide(gap.value, gap.error)
        return bool(gap.value > 0)


class Rounded(NDArrayOperatorsMixin):
    """An array of values (…) with the noise (rows, …) of the roundings behind it."""

    dtype = np.dtype(np.float64)  # of the values, whatever dtype is modelled

    def __init__(self, value: Array, noise: Array, roundoff: Roundoff) -> None:
        self.value, self.noise, self.roundoff = value, noise, roundoff
        self.shape = value.shape

    def copy(self) -> Rounded:
        """The number itself: nothing here is changed in place."""
        return self

    @property
    def mT(self) -> Rounded:
        """The transpose of a matrix."""
        return Rounded(self.value.mT, self.noise.mT, self.roundoff)

    def reshape(self, *shape: Any) -> Rounded:
        """The same entries in another shape."""
        value = self.value.reshape(*shape)
        return Rounded(value, self.noise.reshape(len(self.noise), *value.shape), self.roundoff)

    def __matmul__(self, other: Rounded) -> Rounded:
        """The product of two matrices; signs of errors are lost, those of different entries being summed."""
        x, y = self.value, other.value
        self.roundoff.rows += 1
        z = x @ y
        noise = np.zeros((self.roundoff.rows, *z.shape))
        sizes = np.abs(x) @ np.abs(y)
        noise[-1] = x.shape[-1] * self.roundoff.rounding(sizes) + self.bound() @ np.abs(y) + np.abs(x) @ other.bound()
        return Rounded(z, noise, self.roundoff)

    def bound(self) -> Array:
        """How far all roundings together can move the value, to first order."""
        return np.asarray(np.abs(self.noise).sum(0))

    def carried(self, slope: Any) -> Array:
        """The noise of a function of this number, to first order."""
        if type(slope) is float and slope == 1:
            return self.noise
        noise = slope * self.noise
        if not np.isfinite(slope).all():
            noise[self.noise == 0] = 0  # an exact 0 under a root stays exact, whatever its slope
        return noise

    def sum(self, axis: Any = None) -> Rounded:
        """The sum along axes, which stay with length 1, in any order: a rounding for every entry."""
        axes = tuple(range(self.value.ndim)) if axis is None else axis
        self.roundoff.rows += 1
        z = self.value.sum(axes, keepdims=True)
        noise = np.zeros((self.roundoff.rows, *z.shape))
        entries = self.value.size // max(z.size, 1)
        of_sum = entries * self.roundoff.rounding(np.abs(self.value).sum(axes, keepdims=True))
        noise[-1] = of_sum + self.bound().sum(axes, keepdims=True)  # the roundings of different entries differ in sign
        return Rounded(z, noise, self.roundoff)

    @np.errstate(divide="ignore", invalid="ignore")
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Value, linearised noise, and a fresh row for the rounding unless the operation is exact."""
        if ufunc is np.power and inputs[1:] == (0.5,):
            return np.sqrt(inputs[0])  # as NumPy itself takes this power
        if method != "__call__" or kwargs or ufunc not in PARTIALS:
            return NotImplemented
        ledger = self.roundoff
        values = [x.value if isinstance(x, (Rounded, Scalar)) else x for x in inputs]
        if ufunc is np.sign:
            ledger.decide(self.value, self.bound())
        z = ufunc(*values)
        pairs = list(zip(inputs, PARTIALS[ufunc](*values, z), strict=True))
        if ufunc in EXACT:
            noise = np.zeros((max(len(x.noise) for x in inputs if isinstance(x, Rounded)), *z.shape))
        else:
            ledger.rows += 1
            noise = np.zeros((ledger.rows, *z.shape))
            scalars = (np.abs(d) * x.error for x, d in pairs if isinstance(x, Scalar) and x.error)
            noise[-1] = sum(scalars, ledger.rounding(z))
        for x, d in pairs:
            if isinstance(x, Rounded):
                noise[: len(x.noise)] += x.carried(d)  # broadcast along axes of length 1
        return Rounded(z, noise, ledger)
