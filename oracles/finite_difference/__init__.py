"""Derivatives by evaluating definitions at neighbouring points: a cross-check that needs no framework.

The complex step. For a definition f that is analytic, f(x + ih) = f(x) + ih·f'(x) − h²f''(x)/2 − …, so Im f(x + ih)/h
is the derivative with an error of order h². Nothing is subtracted, and h can be so small that the order does not
matter (Squire and Trapp, SIAM Review 40, 1998). What an ordinary definition cancels in its imaginary part it cancels
here too, hence the definitions below are written so that small quantities stay small: they branch on the real part
where a function is defined in pieces, or where one of two equal expressions overflows.

Central differences, (f(x + h) − f(x − h))/2h on real numbers, check the complex step itself, to about ten digits.

Parameters are those of the formula's record. A kink belongs to the piece on its right, whose slope the complex step
gives there. Where a cost is infinite, both are NaN.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import erfc, expm1, log1p

from oracles.finite_difference.costs import ENDINGS, PENALTIES, REAL

NAME = "finite_difference"

Array = npt.NDArray[Any]
Definition = Callable[..., Array]
Derive = Callable[..., Array]

STEP = 2.0**-200  # h² is lost beside any derivative, and h·f' is representable down to f' ≈ 1e-247


def complex_step(f: Callable[[Array], Array], x: Array, axes: int = 0) -> Array:
    """∂f/∂x by the complex step, one evaluation for every index of the last `axes` axes of x.

    f maps an array like x to one of its leading shape, the axes before those (all of x where axes = 0): problems on
    leading axes do not mix. Returns float64 of the shape of x.
    """
    g = np.empty(x.shape)
    for index in np.ndindex(x.shape[x.ndim - axes :]):
        moved = x.astype(np.complex128)
        moved[(..., *index)] += 1j * STEP
        g[(..., *index)] = f(moved).imag / STEP
    return g


def central_difference(f: Callable[[Array], Array], x: Array, axes: int = 0) -> Array:
    """∂f/∂x by central differences, good to about ten digits of the size of f; arguments as `complex_step`."""
    g = np.empty(x.shape)
    for index in np.ndindex(x.shape[x.ndim - axes :]):
        at = (..., *index)
        left, right = x.astype(np.float64), x.astype(np.float64)
        h = np.cbrt(np.finfo(np.float64).eps) * np.maximum(1, np.abs(right[at]))
        left[at] -= h
        right[at] += h
        g[at] = (f(right) - f(left)) / (right[at] - left[at])
    return g


# ---------------------------------------------------------------- activations


def _absolute(z: Array) -> Array:
    return np.where(z.real < 0, -z, z)


def sigmoid(z: Array) -> Array:
    """1/(1 + e⁻ᶻ)."""
    e = np.exp(-_absolute(z))  # at most 1
    return np.where(z.real < 0, e, 1) / (1 + e)


def elu(z: Array, alpha: float = 1.0) -> Array:
    """z for z ≥ 0, else α(eᶻ − 1)."""
    return np.where(z.real < 0, alpha * expm1(np.where(z.real < 0, z, 0)), z)


def softplus(z: Array, beta: float = 1.0) -> Array:
    """log(1 + e^(βz))/β."""
    return np.where(z.real < 0, 0, z) + log1p(np.exp(-_absolute(beta * z))) / beta


def gelu_tanh(z: Array) -> Array:
    """z/2·(1 + tanh u) = z·σ(2u) with u = √(2/π)(z + 0.044715 z³)."""
    return z * sigmoid(2 * np.sqrt(2 / np.pi) * (z + 0.044715 * z * z * z))


def huber(z: Array, delta: float = 1.0) -> Array:
    """z²/2 for |z| ≤ δ, else δ(|z| − δ/2)."""
    return np.where(np.abs(z.real) <= delta, z * z / 2, delta * (_absolute(z) - delta / 2))


def _below_largest(z: Array) -> tuple[Array, Array]:
    """z minus the largest entry of its row with its imaginary part, and where that is: there the rest is exactly 0."""
    m = z.real.argmax(-1)[..., None]
    return z - np.take_along_axis(z, m, -1), m


def softmax(z: Array, temperature: float = 1.0) -> Array:
    """e^(z_j/T)/Σₖe^(z_k/T) over the last axis."""
    e = np.exp(_below_largest(z)[0] / temperature)
    return np.asarray(e / e.sum(-1, keepdims=True))


def log_softmax(z: Array, temperature: float = 1.0) -> Array:
    """z_j/T − log Σₖe^(z_k/T) over the last axis."""
    below, m = _below_largest(z / temperature)
    others = np.exp(below)
    np.put_along_axis(others, m, 0, -1)
    return np.asarray(below - log1p(others.sum(-1, keepdims=True)))


ELEMENTWISE: dict[str, Definition] = {
    "activation/identity": lambda z: z,
    "activation/sigmoid": sigmoid,
    "activation/tanh": np.tanh,
    "activation/relu": lambda z: np.where(z.real < 0, 0, z),
    "activation/leaky_relu": lambda z, negative_slope=0.01: np.where(z.real < 0, negative_slope * z, z),
    "activation/elu": elu,
    "activation/softplus": softplus,
    "activation/silu": lambda z: z * sigmoid(z),
    "activation/gelu": lambda z: z * erfc(-z / np.sqrt(2)) / 2,
    "activation/gelu_tanh": gelu_tanh,
    "activation/huber": huber,
}
ROWWISE: dict[str, Definition] = {
    "activation/softmax": softmax,
    "activation/log_softmax": log_softmax,
}

# ---------------------------------------------------------------- costs: outputs a and real targets y, (..., n, d)


def _over_examples(per_entry: Array) -> Array:
    """Sum over the outputs, mean over the examples.  (..., n, d) -> (...)."""
    return np.asarray(per_entry.sum((-2, -1)) / per_entry.shape[-2])


def _over_entries(per_entry: Array) -> Array:
    """Mean over outputs and examples.  (..., n, d) -> (...)."""
    return np.asarray(per_entry.mean((-2, -1)))


def _weighted_log(y: Array, a: Array) -> Array:
    """y·log a, and 0 where y = 0; NaN where a is not positive, for the logarithm ends there."""
    inside = np.log(np.where(a.real > 0, a, 1))
    return np.where(y == 0, 0, y * np.where(a.real > 0, inside, np.nan))


def _bce_logits(z: Array, y: Array) -> Array:
    """log(1 + eᶻ) − yz: the tail log(1 + e^(−|z|)), and |z| times what the target lacks."""
    return log1p(np.exp(-_absolute(z))) + np.where(z.real < 0, -y * z, (1 - y) * z)


COSTS: dict[str, Definition] = {
    "cost/quadratic": lambda a, y: _over_examples((a - y) * (a - y)) / 2,
    "cost/mse": lambda a, y: _over_entries((a - y) * (a - y)),
    "cost/mae": lambda a, y: _over_entries(_absolute(a - y)),
    "cost/huber": lambda a, y, delta=1.0: _over_entries(huber(a - y, delta)),
    "cost/bce": lambda a, y: _over_examples(-_weighted_log(y, a) - _weighted_log(1 - y, 1 - a)),
    "cost/bce_logits": lambda z, y: _over_examples(_bce_logits(z, y)),
    "cost/cross_entropy": lambda a, y: _over_examples(-_weighted_log(y, a)),
    "cost/nll": lambda a, y: _over_examples(-y * a),
    "cost/softmax_cross_entropy": lambda z, y: _over_examples(-y * log_softmax(z)),
    **ENDINGS,
}

REGULARIZERS: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * (w * w).sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * _absolute(w).sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * _absolute(w) + (1 - mix) / 2 * w * w).sum((-2, -1))
    ),
    **PENALTIES,
}

# ---------------------------------------------------------------- value and derivative, in the dtype of the input


def _value_and_derivative(f: Callable[[Array], Array], x: Any, axes: int, derive: Derive) -> tuple[Array, Array]:
    x = np.asarray(x)
    wide = x.astype(np.float64)
    with np.errstate(over="ignore", under="ignore"):
        return np.asarray(f(wide)).astype(x.dtype), derive(f, wide, axes).astype(x.dtype)


def elementwise(id: str, z: Any, *, derive: Derive = complex_step, **parameters: float) -> tuple[Array, Array]:
    """Value and slope of an activation at every entry of z, in the dtype of z."""
    return _value_and_derivative(functools.partial(ELEMENTWISE[id], **parameters), z, 0, derive)


def pullback(id: str, z: Any, v: Any, *, derive: Derive = complex_step, **parameters: float) -> tuple[Array, Array]:
    """Value of a row-wise activation and the pullback of the cotangent v, the gradient of Σ v ⊙ g(z).  (..., d)."""
    g, z = functools.partial(ROWWISE[id], **parameters), np.asarray(z)
    pulled = _value_and_derivative(lambda x: np.asarray((v * g(x)).sum(-1)), z, 1, derive)[1]
    return g(z.astype(np.float64)).astype(z.dtype), pulled


def cost(id: str, a: Any, y: Any, *, derive: Derive = complex_step, **parameters: float) -> tuple[Array, Array]:
    """Cost and its gradient with respect to a.  a, y: (..., n, d) -> (...), (..., n, d)."""
    targets = np.asarray(y, np.float64)
    return _value_and_derivative(lambda x: COSTS[id](x, targets, **parameters), a, 2, derive)


def regularizer(id: str, w: Any, *, derive: Derive = complex_step, **parameters: float) -> tuple[Array, Array]:
    """Penalty of one weight matrix and its gradient.  w: (..., d_out, d_in) -> (...), (..., d_out, d_in).

    What is defined for real matrices alone is left to central differences.
    """
    derive = central_difference if id in REAL else derive
    return _value_and_derivative(functools.partial(REGULARIZERS[id], **parameters), w, 2, derive)


def network(
    x: Any,
    y: Any,
    W: Sequence[Any],
    b: Sequence[Any],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str | Sequence[str] = "regularizer/none",
    parameters: Mapping[str, Mapping[str, float]] | None = None,
    *,
    derive: Derive = complex_step,
) -> tuple[Array, list[Array], list[Array]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network, for all leading axes at once; one evaluation per parameter.

    `regularizer` is one id, or one for each of as many equal blocks of the first axis.
    """
    if not isinstance(regularizer, str):
        blocks = zip(*([np.split(q, len(regularizer)) for q in (x, y, *W, *b)]), regularizer, strict=True)
        found = [
            network(x, y, q[: len(W)], q[len(W) :], hidden, output, cost, id, parameters, derive=derive)
            for x, y, *q, id in blocks
        ]
        dW, db = ([np.concatenate(g) for g in zip(*(f[k] for f in found), strict=True)] for k in (1, 2))
        return np.concatenate([f[0] for f in found]), dW, db
    given = parameters or {}
    activations = {**ELEMENTWISE, **ROWWISE}
    inputs, targets = np.asarray(x, np.float64), np.asarray(y, np.float64)

    def total(W: Sequence[Array], b: Sequence[Array]) -> Array:
        a = inputs
        for layer, (w, c) in enumerate(zip(W, b, strict=True), 1):
            id = output if layer == len(W) else hidden
            a = activations[id](a @ w.mT + c[..., None, :], **given.get(id, {}))
        C = COSTS[cost](a, targets, **given.get(cost, {}))
        for w in W if regularizer not in REAL else ():
            C = C + REGULARIZERS[regularizer](w, **given.get(regularizer, {}))
        return C

    def put(q: Sequence[Array], k: int, new: Array) -> list[Array]:
        return [*q[:k], new, *q[k + 1 :]]

    dtype = np.asarray(x).dtype
    wide_W, wide_b = [np.asarray(w, np.float64) for w in W], [np.asarray(c, np.float64) for c in b]
    with np.errstate(over="ignore", under="ignore"):
        dW = [derive(lambda w, k=k: total(put(wide_W, k, w), wide_b), w, 2) for k, w in enumerate(wide_W)]
        db = [derive(lambda c, k=k: total(wide_W, put(wide_b, k, c)), c, 1) for k, c in enumerate(wide_b)]
        C = total(wide_W, wide_b)
        for k, w in enumerate(wide_W if regularizer in REAL else ()):
            penalty = functools.partial(REGULARIZERS[regularizer], **given.get(regularizer, {}))
            R, dR = _value_and_derivative(penalty, w, 2, central_difference)
            C, dW[k] = C + R, dW[k] + dR
    return C.astype(dtype), [g.astype(dtype) for g in dW], [g.astype(dtype) for g in db]
