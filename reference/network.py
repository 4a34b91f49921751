"""A network of dense layers and its gradient: the four equations of backpropagation.

    δᴸ = ∇ₐC ⊙ g'(zᴸ)                 BP1
    δˡ = (δˡ⁺¹ Wˡ⁺¹) ⊙ g'(zˡ)         BP2
    ∂C/∂bˡ = Σ δˡ                     BP3, summed over the examples of the batch
    ∂C/∂Wˡ = (δˡ)ᵀ aˡ⁻¹               BP4

Examples are rows: x is (n, d_in), Wˡ is (d_out, d_in), bˡ is (d_out,), δˡ is (n, d_out). Any leading axes are
independent networks, computed at once. The cost is a mean over examples, so δᴸ already carries the 1/n.

Arrays are computed with in their own dtype, those of 16 bits in float64 and rounded once at the end.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reference.activations import Pullback
from reference.formula import Array, formula
from reference.lift import QUIET, floating, is_plain, rounded, split

if TYPE_CHECKING:
    from reference.regularizers import Regularizer

Activation = Callable[[Array], tuple[Array, "Array | Pullback"]]
EndCost = Callable[..., Any]  # a cost of the catalogue, as it is or with some of its parameters (`functools.partial`)

# Of one equation alone there is nothing to ask: every side answers with the gradient of a whole network.
UNANSWERED = dict.fromkeys(("torch", "jax", "truth", "finite_difference"), "answers for whole networks alone")


class Forward(NamedTuple):
    """What feeding forward leaves behind: zˡ, aˡ (a[0] = x) and the pullback δ-from-cotangent of each layer."""

    z: list[Array]
    a: list[Array]
    pullbacks: list[Pullback]


class Backward(NamedTuple):
    """Cost and gradients, with the pre-activations z, activations a and deltas on the way."""

    cost: Array
    dW: list[Array]
    db: list[Array]
    delta: list[Array]
    z: list[Array]
    a: list[Array]


def _pullback(slope: Array | Pullback) -> Pullback:
    """v ↦ v ⊙ g'(z) for an elementwise activation; a vector activation brings its own pullback."""
    return slope if callable(slope) else lambda v: v * slope


@formula(
    "network/bp1",
    statement="Derivative(C, z[L, j])",
    derivative="Derivative(C, a[L, j])*Derivative(g(z[L, j]), z[L, j])",
    arguments=("z[L, j]",),
    sources=("backprop-05", "backprop-summary-2019", "nielsen-2015"),
    unanswered=UNANSWERED,
)
def output_error(dC_da: Array, pullback: Pullback) -> Array:
    """BP1, the error of the output layer: δᴸ = ∇ₐC ⊙ g'(zᴸ).

    Chain rule through aᴸ_j = g(zᴸ_j), the only path from zᴸ_j to C (a vector activation sums its paths in
    its pullback).
    """
    return pullback(dC_da)


@formula(
    "network/bp2",
    statement="Derivative(C, z[l, j])",
    derivative="Sum(w[l + 1, k, j]*delta[l + 1, k], (k, 1, d))*Derivative(g(z[l, j]), z[l, j])",
    arguments=("z[l, j]",),
    sources=("backprop-05", "backprop-summary-2019", "dong-2016", "nielsen-2015"),
    unanswered=UNANSWERED,
)
def hidden_error(delta_above: Array, W_above: Array, pullback: Pullback, out: Array | None = None) -> Array:
    """BP2, the error of a hidden layer from the one above: δˡ = (δˡ⁺¹ Wˡ⁺¹) ⊙ g'(zˡ).

    zˡ_j reaches C through every zˡ⁺¹_k, and ∂zˡ⁺¹_k/∂zˡ_j = wˡ⁺¹_kj g'(zˡ_j); the chain rule sums over k.
    """
    return pullback(np.matmul(delta_above, W_above, out))


@formula(
    "network/bp3",
    statement="Derivative(C, b[l, j])",
    derivative="delta[l, j]",
    arguments=("b[l, j]",),
    assumptions=("for a batch: summed over its examples",),
    sources=("backprop-05", "backprop-summary-2019", "nielsen-2015"),
    unanswered=UNANSWERED,
)
def bias_gradient(delta: Array, out: Array | None = None) -> Array:
    """BP3: ∂C/∂bˡ = δˡ, because ∂zˡ_j/∂bˡ_j = 1.  (n, d_out) -> (d_out,), summed over the batch."""
    return np.add.reduce(delta, -2, out=out)


@formula(
    "network/bp4",
    statement="Derivative(C, w[l, j, k])",
    derivative="a[l - 1, k]*delta[l, j]",
    arguments=("w[l, j, k]",),
    assumptions=("for a batch: summed over its examples",),
    sources=("backprop-05", "backprop-summary-2019", "dong-2016", "nielsen-2015"),
    unanswered=UNANSWERED,
)
def weight_gradient(delta: Array, a_below: Array, out: Array | None = None) -> Array:
    """BP4: ∂C/∂Wˡ = (δˡ)ᵀaˡ⁻¹, because ∂zˡ_j/∂wˡ_jk = aˡ⁻¹_k.  The product sums over the batch."""
    return np.matmul(delta.mT, a_below, out)


def weighted_input(a_below: Array, W: Array, b: Array, out: Array | None = None) -> Array:
    """zˡ = aˡ⁻¹Wˡᵀ + bˡ.  (n, d_in), (d_out, d_in), (d_out,) -> (n, d_out)."""
    return np.add(np.matmul(a_below, W.mT, out), b if b.ndim == 1 else b[..., None, :], out)


def check_shapes(x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Activation]) -> None:
    """Raise ValueError naming the first layer that does not fit, with both shapes."""
    if not len(W) == len(b) == len(activations) or not W:
        raise ValueError(f"{len(W)} weights, {len(b)} biases, {len(activations)} activations: one each per layer")
    if x.ndim < 2 or x.shape[-2] == 0:
        raise ValueError(f"x has shape {x.shape}; expected (n examples, d_in) with n ≥ 1: use x[None] for one example")
    width = x.shape[-1:]
    for layer, (w, c) in enumerate(zip(W, b, strict=True), 1):
        units, features = w.shape[-2:-1], w.shape[-1:]
        if not units or not c.ndim:
            raise ValueError(
                f"layer {layer}: W has shape {w.shape}, b has shape {c.shape}; need (d_out, d_in), (d_out,)"
            )
        if features != width:
            source = "x" if layer == 1 else f"layer {layer - 1}"
            raise ValueError(
                f"layer {layer}: W has shape {w.shape}, but {source} gives {width[0]} features, not {features[0]}"
            )
        if c.shape[-1:] != units:
            raise ValueError(f"layer {layer}: b has shape {c.shape}, but W has shape {w.shape}: {units[0]} units")
        width = units


def layers(x: Any, W: Sequence[Any], b: Sequence[Any]) -> tuple[Array, Sequence[Array], Sequence[Array], bool]:
    """x, W and b as arrays of floats, and whether any has 16 bits. Raises TypeError naming one that is not floating."""
    if all(map(is_plain, (x, *W, *b))):
        return x, W, b, False
    x = floating(x, "x")
    W = [floating(w, f"W[{k}]") for k, w in enumerate(W)]
    b = [floating(c, f"b[{k}]") for k, c in enumerate(b)]
    return x, W, b, any(q.dtype.itemsize == 2 for q in (x, *W, *b))


def feedforward(
    x: npt.ArrayLike, W: Sequence[npt.ArrayLike], b: Sequence[npt.ArrayLike], activations: Sequence[Activation]
) -> Forward:
    """zˡ = aˡ⁻¹Wˡᵀ + bˡ and aˡ = gˡ(zˡ) for every layer.  Raises ValueError where shapes do not fit."""
    x, W, b, short = layers(x, W, b)
    check_shapes(x, W, b, activations)
    if not short:
        return _forward(x, W, b, activations)
    f, dtype = _forward(wide(x), [*map(wide, W)], [*map(wide, b)], activations), x.dtype

    def rounding(pullback: Pullback) -> Pullback:
        return lambda v: rounded(pullback(wide(v)), dtype)

    z, a = [rounded(q, dtype) for q in f.z], [rounded(q, dtype) for q in f.a]
    return Forward(z, a, [*map(rounding, f.pullbacks)])


def _forward(x: Array, W: Sequence[Array], b: Sequence[Array], activations: Sequence[Activation]) -> Forward:
    forward = Forward([], [x], [])
    for w, c, g in zip(W, b, activations, strict=True):
        z = weighted_input(forward.a[-1], w, c)  # (n, d_out)
        a, slope = g(z)
        forward.z.append(z)
        forward.a.append(a)
        forward.pullbacks.append(_pullback(slope))
    return forward


def wide(x: npt.ArrayLike) -> Array:
    """An array in float64, in the order of C."""
    return np.asarray(x, np.float64, order="C")


def at_end(cost: EndCost, a: Array, y: npt.ArrayLike) -> tuple[Array, Array]:
    """C and ∂C/∂a of outputs a and targets y: the leading axes of a are independent problems.  (..., n, d).

    Raises ValueError for a cost that has no place at the end of a network. Any other function is taken as it is.
    """
    function, given = split(cost)
    record = getattr(function, "formula", None)
    if record is None:
        C, dC_da = cost(a, y)
        return C, dC_da
    if not record.prediction:
        raise ValueError(f"{record.id} takes no outputs and targets of a network: its arguments are others")
    C, dC_da = function.end(a, y, a.ndim - 2, given)
    return C, dC_da


def errors(dC_da: Array, W: Sequence[Array], pullbacks: Sequence[Pullback]) -> list[Array]:
    """δ of every layer, from ∂C/∂a of the last downwards.  (n, d) each."""
    delta = [output_error(dC_da, pullbacks[-1])]  # BP1
    for pullback, W_above in zip(pullbacks[-2::-1], W[:0:-1], strict=True):
        delta.insert(0, hidden_error(delta[0], W_above, pullback))  # BP2
    return delta


def backprop(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    W: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    activations: Sequence[Activation],
    cost: EndCost,
    regularizer: Regularizer | None = None,
) -> Backward:
    """Cost and every gradient of a dense network by BP1–BP4.

    x: (n, d_in), y: targets as `cost` takes them, W[l]: (d_out, d_in), b[l]: (d_out,). The cost is one of the catalogue
    that has a `prediction` in its record, or `functools.partial` of it with other parameters, or any function
    (a, y) ↦ (C, ∂C/∂a). Raises ValueError where shapes do not fit, naming the layer, or the cost is none for a
    network, and whatever the cost raises for bad targets; TypeError for an array that is not floating.

    >>> import numpy as np
    >>> from reference.activations import identity
    >>> from reference.costs import quadratic
    >>> g = backprop(np.array([[2.0]]), np.array([[1.0]]), [np.array([[3.0]])], [np.zeros(1)], [identity], quadratic)
    >>> float(g.cost), g.dW[0].tolist(), g.db[0].tolist()  # C = ½(6 − 1)², δ = 5, ∂C/∂w = 5·2
    (12.5, [[10.0]], [5.0])
    """
    x, W, b, short = layers(x, W, b)
    check_shapes(x, W, b, activations)
    if short:
        g = backprop(wide(x), y, [*map(wide, W)], [*map(wide, b)], activations, cost, regularizer)
        return shortened(g, x, W, b)
    z, a, pullbacks = _forward(x, W, b, activations)
    C, dC_da = at_end(cost, a[-1], y)
    delta = errors(dC_da, W, pullbacks)
    db = [bias_gradient(d) for d in delta]  # BP3
    dW = [weight_gradient(d, below) for d, below in zip(delta, a[:-1], strict=True)]  # BP4
    if regularizer is not None:
        R, dR = regularizer(W)
        C, dW = C + beside(R, C), [g + r for g, r in zip(dW, dR, strict=True)]
    return Backward(C, dW, db, delta, z, a)


def per_example_norms(
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    W: Sequence[npt.ArrayLike],
    b: Sequence[npt.ArrayLike],
    activations: Sequence[Activation],
    cost: EndCost,
) -> Array:
    """The norm of what each example adds to the gradient, without any example's gradient.  Arguments as `backprop`.

    Example i adds the rank-one matrix δˡᵢ(aˡ⁻¹ᵢ)ᵀ to ∂C/∂Wˡ and δˡᵢ to ∂C/∂bˡ, so its norm is √Σ ‖δˡᵢ‖²(‖aˡ⁻¹ᵢ‖² + 1)
    over the layers. Where C is a mean over n examples, the gradient of an example's own cost is n times what it adds.
    (..., n) in the dtype of x, from float64. Raises what `backprop` raises.

    >>> import numpy as np
    >>> from reference.activations import identity
    >>> from reference.costs import quadratic
    >>> x, y, W, b = np.array([[2.0], [0.0]]), np.array([[1.0], [3.0]]), [np.array([[3.0]])], [np.zeros(1)]
    >>> own = 2 * per_example_norms(x, y, W, b, [identity], quadratic)  # √(5²(2² + 1)), √(3²(0² + 1))
    >>> (own**2).round(9).tolist()
    [125.0, 9.0]
    """
    x, W, b, short = layers(x, W, b)
    check_shapes(x, W, b, activations)
    if short:
        return rounded(per_example_norms(wide(x), y, [*map(wide, W)], [*map(wide, b)], activations, cost), x.dtype)
    _, a, pullbacks = _forward(x, W, b, activations)
    delta = errors(at_end(cost, a[-1], y)[1], W, pullbacks)
    each = [_length(d) * np.hypot(_length(below), 1) for d, below in zip(delta, a[:-1], strict=True)]
    return rounded(functools.reduce(np.hypot, each), x.dtype)


def beside(R: Array, C: Array) -> Array:
    """The penalty of each network, (...), for costs that may have more axes behind: those of examples not reduced."""
    return np.reshape(R, np.shape(R) + (1,) * (np.ndim(C) - np.ndim(R)))


@QUIET
def _length(rows: Array) -> Array:
    """‖row‖ in float64, where no square overflows or vanishes.  (..., n, d) -> (..., n)."""
    rows = wide(rows)
    square = np.vecdot(rows, rows)
    if square.min(initial=1) > 1e-280 and square.max(initial=1) < np.inf:
        return np.sqrt(square)
    largest = np.abs(rows).max(-1, keepdims=True, initial=0)
    near = rows / np.where((largest == 0) | ~np.isfinite(largest), 1, largest)
    return np.where(np.isinf(largest), largest, largest * np.sqrt(np.vecdot(near, near))[..., None])[..., 0]


def shortened(g: Backward, x: Array, W: Sequence[Array], b: Sequence[Array]) -> Backward:
    """What was computed in float64, each in the dtype of its parameter, everything else in that of x."""
    cost, *rest = (rounded(np.asarray(q), x.dtype) for q in (g.cost, *g.delta, *g.z, *g.a))
    L = len(W)
    dW, db = ([rounded(d, p.dtype) for d, p in zip(ds, ps, strict=True)] for ds, ps in ((g.dW, W), (g.db, b)))
    return Backward(cost, dW, db, rest[:L], rest[L : 2 * L], rest[2 * L :])
