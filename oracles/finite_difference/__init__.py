"""Derivatives by evaluating definitions at neighbouring points: an answer that needs no framework.

The complex step. For a definition f that is analytic, f(x + ih) = f(x) + ih·f'(x) − h²f''(x)/2 − …, so Im f(x + ih)/h
is the derivative with an error of order h². Nothing is subtracted, and h can be so small that the order does not
matter (Squire and Trapp, SIAM Review 40, 1998). What an ordinary definition cancels in its imaginary part it cancels
here too, hence definitions are written so that small quantities stay small: they branch on the real part where a
function is defined in pieces, or where one of two equal expressions overflows.

Central differences, (f(x + h) − f(x − h))/2h on real numbers, check the complex step itself, to about ten digits; what
is defined for real numbers alone (`regularizers.REAL`) has no other derivative here.

A kink belongs to the piece on its right, whose slope the complex step gives there. Where a cost is infinite, it and its
gradient are NaN. Every evaluation is in float64, and one is needed for every entry of an argument, but for activations
and regularizers of weights, whose entries, rows or matrices do not mix: this is for small arrays.

There is no update rule here, for a step has no gradient to take and would be its formula written again.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from oracles.calls import Answer, Array, arrays, as_arrays, check, cotangents, find, floats, named
from oracles.finite_difference.network import network
from oracles.finite_difference.regularizers import REAL
from oracles.finite_difference.step import Derive, central_difference, complex_step
from oracles.finite_difference.table import AXES, DEFINITIONS

__all__ = ["DEFINITIONS", "NAME", "VERSION", "central_difference", "complex_step", "has", "native", "network", "vjp"]

NAME = "finite_difference"
VERSION = np.__version__


def vjp(
    id: str, arguments: Mapping[str, Any], cotangent: Any = None, *, derive: Derive = complex_step, **parameters: Any
) -> Answer:
    """The outputs of the formula `id`, and the gradient of ⟨cotangent, outputs⟩ by every floating array.

    The dtype of the first floating array is kept; a single output is called "value", and None stands for a cotangent
    of ones. Raises LookupError for an id or an option that there is not.
    """
    definition = find(id, DEFINITIONS)
    given = arrays(id, arguments)
    check(id, definition, given, parameters)
    by = floats(given)
    dtype = next(given[name].dtype for name in given if name in by)
    wide = {name: x.astype(np.float64) if name in by else x for name, x in given.items()}
    with np.errstate(all="ignore"):
        outputs = named(definition(**wide, **parameters))
        v = {name: x.astype(np.float64) for name, x in cotangents(as_arrays(cotangent), outputs).items()}

        def paired(name: str, leading: int, x: Array) -> Array:
            """⟨cotangent, outputs⟩ with another array in the place of `name`, over all axes but the leading ones."""
            moved = named(definition(**{**wide, name: x}, **parameters))
            products = [v[k] * out for k, out in moved.items()]
            return np.asarray(sum(p.sum(tuple(range(leading, p.ndim))) for p in products))

        gradients = {}
        for name in (name for name in given if name in by):
            n = wide[name].ndim
            along_last = parameters.get("axis", -1) in (-1, n - 1)  # else rows are not what lies behind leading axes
            axes = AXES.get((id, name), n) if along_last else n
            leading = n - axes
            step = central_difference if id in REAL else derive
            gradients[name] = step(functools.partial(paired, name, leading), wide[name], axes).astype(dtype)
        return {name: np.asarray(x).astype(dtype) for name, x in outputs.items()}, gradients


def has(id: str, quantity: str = "value") -> str:
    """Whether a formula is defined: "composed", as everything is here, or ""."""
    return "composed" if id in DEFINITIONS else ""


def native(id: str, arguments: Mapping[str, Any], **options: Any) -> Answer:
    """There is no framework behind this oracle. Raises LookupError."""
    raise LookupError("no such function")
