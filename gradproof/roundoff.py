"""First-order propagation of rounding errors through any NumPy expression.

A `Rounded` number carries its value and one row of noise per rounding made so far: row r says by how much rounding r
can move it at most, with sign, so that errors which cancel are seen to cancel. Running a recurrence on Rounded
numbers therefore bounds, to first order, what any sequence of roundings can do to its result: the sum of the rows'
magnitudes. (This is affine arithmetic without the second-order term.)

    roundoff = Roundoff(np.float32)
    x = roundoff.exact(np.array([1.0, 2.0]))
    y = np.sqrt(x * x + 1) - x
    y.value, y.bound()

Arrays round in the given dtype. Scalars (shape ()) round in a dtype of their own, float64 unless told otherwise:
implementations compute 1 − βᵗ and the like in Python before they touch an array.
"""

from __future__ import annotations

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
    np.power: lambda x, y, z: (y * z / x, 0.0),  # constant exponents only
    np.sqrt: lambda x, z: (0.5 / z,),
    np.negative: lambda x, z: (-1.0,),
    np.absolute: lambda x, z: (np.sign(x),),
    np.maximum: lambda x, y, z: (x >= y, x < y),
    np.sign: lambda x, z: (0.0,),
}
JUMPS = {np.sign, np.greater}  # decided by a sign that the noise must not be able to turn


class Roundoff:
    """The roundings of one computation, in arrays of `dtype` and scalars of `scalars`.

    `roundings` says how often an implementation may round where the expression as run here rounds once. `margin` is
    the least |x|/bound over all decisions by the sign of x; below 1, a rounding could have turned one of them.
    """

    def __init__(self, dtype: npt.DTypeLike, scalars: npt.DTypeLike = np.float64, roundings: int = 1) -> None:
        self.u = roundings * float(np.finfo(dtype).eps) / 2
        self.tiny = float(np.finfo(dtype).smallest_normal)  # underflow may be gradual or abrupt
        self.scalar_u = roundings * float(np.finfo(scalars).eps) / 2
        self.rows = 0
        self.scalar_rows = 0
        self.margin = np.inf

    def exact(self, value: Array) -> Rounded:
        """`value` without an error."""
        x = np.asarray(value, np.float64)
        return Rounded(x, np.zeros((0, *x.shape)), self)

    def scalar(self, value: float) -> Rounded:
        """A hyperparameter: exact in float64, rounded to the dtype of scalars."""
        x = Rounded(np.float64(value), np.zeros(0), self)
        return x if self.scalar_u < 2**-50 else x._rounded()

    def rounding(self, value: Any) -> Any:
        """The largest error of rounding `value` once; an exact 0 is exact."""
        size = np.abs(value)
        return self.scalar_u * size if np.shape(value) == () else np.where(size == 0, 0, self.u * size + self.tiny)

    def fresh_row(self, shape: tuple[int, ...]) -> int:
        """Open a row of noise for an array or a scalar; return how many there are."""
        if shape == ():
            self.scalar_rows += 1
            return self.scalar_rows
        self.rows += 1
        return self.rows

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


class Rounded(NDArrayOperatorsMixin):
    """A value (…) with the noise (rows, …) of the roundings behind it."""

    def __init__(self, value: Any, noise: Array, roundoff: Roundoff) -> None:
        self.value, self.noise, self.roundoff = value, noise, roundoff

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the value."""
        return np.shape(self.value)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Values are float64 whatever dtype is modelled."""
        return np.dtype(np.float64)

    def copy(self) -> Rounded:
        """The number itself: nothing here is changed in place."""
        return self

    def bound(self) -> Array:
        """How far all roundings together can move the value, to first order."""
        return np.asarray(np.abs(self.noise).sum(0))

    def _rounded(self) -> Rounded:
        """With one more rounding, of the value itself."""
        return Rounded(self.value, self._propagate([self], [1.0], self.value, rounds=True), self.roundoff)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """Value, linearised noise, and a fresh rounding unless the operation is exact."""
        if method != "__call__" or kwargs or (ufunc not in PARTIALS and ufunc not in JUMPS):
            return NotImplemented
        values = [x.value if isinstance(x, Rounded) else x for x in inputs]
        if ufunc in JUMPS:
            self._decide(inputs, values)
        value = ufunc(*values)
        if ufunc is np.greater:
            return value
        with np.errstate(divide="ignore", invalid="ignore"):
            partials = PARTIALS[ufunc](*values, value)
            noise = self._propagate(inputs, partials, value, rounds=ufunc not in EXACT)
        return Rounded(value, noise, self.roundoff)

    def _propagate(self, inputs: Sequence[Any], partials: Sequence[Any], value: Any, rounds: bool) -> Array:
        """Σ ∂f/∂x · noise of x, and a row of its own for the rounding of the value.

        Scalars that meet an array bring the sum of their noise, in that same row.
        """
        ledger, shape = self.roundoff, np.shape(value)
        noisy = [(x, d) for x, d in zip(inputs, partials, strict=True) if isinstance(x, Rounded)]
        scalars = [(x, d) for x, d in noisy if x.shape == () != shape]
        own = ledger.rounding(value) if rounds else 0.0
        rows = ledger.fresh_row(shape) if rounds or scalars else max(len(x.noise) for x, _ in noisy)
        noise = np.zeros((rows, *shape))
        for x, d in noisy:
            if x.shape == () != shape:
                own = own + np.abs(d) * x.bound()
                continue
            term = d * x.noise
            if not np.isfinite(d).all():
                term[x.noise == 0] = 0  # an exact 0 under a root stays exact, whatever its slope
            noise[: len(x.noise)] += term
        if rounds or scalars:
            noise[-1] += own
        return noise

    def _decide(self, inputs: Sequence[Any], values: Sequence[Any]) -> None:
        """Note how safely the sign of x (or of x − y) stands above its noise."""
        gap = np.abs(values[0] - values[1]) if len(values) == 2 else np.abs(values[0])
        bound = sum(x.bound() for x in inputs if isinstance(x, Rounded))
        with np.errstate(divide="ignore", invalid="ignore"):
            self.roundoff.margin = min(self.roundoff.margin, float(np.nanmin(gap / bound)))
