"""The lift of regularizers of weights, from one float64 matrix to the list of all, and what penalties share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.exact import scaled
from reference.lift import QUIET, Answer, Array, checked, cotangent_of, defaults, floating, named, rounded, times

TINY = 2.0**-960  # a number below it may have lost digits
Regularizer = Callable[..., tuple[Array, list[Array]]]


def each_matrix(body: Callable[..., tuple[Array, Array]]) -> Regularizer:
    """Lift `body`, which maps a float64 array (..., m, d) to R, (...), and ∂R/∂w, to the list of all weight matrices.

    The lifted function returns (R, [∂R/∂W for each W]): R, the sum over the list, in the dtype of the first, each
    gradient in that of its own matrix. λ = 0 takes a penalty out, whatever the weights are. Its vjp is that of one
    matrix `w`. Raises TypeError for a matrix that is not floating and ValueError for one of fewer than two axes.
    """
    known = defaults(body, 1)

    def wide(w: Array, parameters: Mapping[str, Any]) -> tuple[Array, Array]:
        if parameters.get("lam") == 0:
            return np.zeros(w.shape[:-2]), np.zeros(w.shape)
        R, gradient = body(np.asarray(w, np.float64, order="C"), **parameters)
        return np.asarray(R), gradient

    @functools.wraps(body)
    @QUIET
    def lifted(W: Sequence[npt.ArrayLike], *positional: float, **parameters: float) -> tuple[Array, list[Array]]:
        parameters = checked(lifted, known, {**dict(zip(known, positional, strict=False)), **parameters})
        arrays = [_matrix(w, f"W[{k}]") for k, w in enumerate(W)]
        if not arrays:
            raise ValueError("W is empty: pass the weight matrices of a network, one or more")
        pairs = [wide(w, parameters) for w in arrays]
        R = rounded(np.asarray(sum(R for R, _ in pairs)), arrays[0].dtype)
        return R, [rounded(gradient, w.dtype) for (_, gradient), w in zip(pairs, arrays, strict=True)]

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: float) -> Answer:
        w = _matrix(named(lifted, arguments, ("w",), 1)["w"], "w")
        parameters = checked(lifted, known, parameters)
        R, gradient = wide(w, parameters)
        v = cotangent_of(cotangent, R.shape)

        def again(**other: float) -> Array:
            return wide(w, {**parameters, **other})[1]

        return {"value": rounded(R, w.dtype)}, {"w": rounded(weighed(v, gradient, parameters, again), w.dtype)}

    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


def weighed(v: Array | None, gradient: Array, parameters: Mapping[str, Any], again: Callable[..., Array]) -> Array:
    """v times a gradient. Where that leaves the range on the way, v goes with λ, in which the gradient is linear."""
    out = times(None if v is None else v[..., None, None], gradient)
    if v is None or v.ndim or not parameters.get("lam"):
        return out
    lam, lost = parameters["lam"] * abs(float(v)), ~np.isfinite(out) | (np.abs(gradient) < TINY)
    return np.where(lost, np.sign(v) * again(lam=lam), out) if lost.any() and TINY < lam < np.inf else out


def _matrix(w: npt.ArrayLike, name: str) -> Array:
    w = floating(w, name)
    if w.ndim < 2:
        raise ValueError(f"{name} has shape {w.shape}; expected a matrix (..., m, d): W is a list of matrices")
    return w


def square_sum(x: Array, factor: float, axes: int = 2) -> Array:
    """factor·Σx² over the last axes; no square overflows or vanishes on the way.  (..., m, d) -> (...)."""
    over = tuple(range(-axes, 0))
    exponent = np.frexp(np.abs(x).max(over, keepdims=True, initial=0))[1]
    near = np.ldexp(x, -exponent)
    return scaled(2 * exponent.reshape(x.shape[: x.ndim - axes]), factor, (near * near).sum(over))


def row_lengths(w: Array) -> tuple[Array, Array]:
    """‖row‖ over a power of two that brings its largest entry near 1, and that power.  (..., m, d) -> (..., m, 1) each.

    So no square overflows or vanishes.
    """
    exponent = np.frexp(np.abs(w).max(-1, keepdims=True, initial=0))[1]
    near = np.ldexp(w, -exponent)
    return np.sqrt((near * near).sum(-1, keepdims=True)), exponent


def row_norms(w: Array) -> tuple[Array, Array]:
    """‖row‖ and row/‖row‖, with 0/0 = 0.  (..., m, d) -> (..., m, 1), (..., m, d)"""
    length, exponent = row_lengths(w)
    return np.ldexp(length, exponent), np.where(length == 0, 0, np.ldexp(w, -exponent) / length)
