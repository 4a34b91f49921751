"""The end of a network where no number is out of the ordinary: a cost's body, and one division."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from reference.costs.blocks import factors_of
from reference.lift import Array, split


def ordinary_end(cost: Any, lead: int) -> Callable[[Array, Array, Array], Array] | None:
    """(a, y, out) ↦ C and out = ∂C/∂a for outputs and targets of one shape in float64, with `lead` leading axes.

    Entries are not looked at, and nothing is kept in range: where C is not finite, `at_end` is to be asked. None for a
    cost that needs more than outputs and targets, or is none of the catalogue.
    """
    function, given = split(cost)
    form = getattr(function, "form", None)
    if form is None or not form.plain or {*given} - {"reduction"} or not function.formula.prediction:
        return None
    reduction = given.get("reduction", form.default)
    if reduction not in ("sum", "mean", "batchmean"):
        return None

    def end(a: Array, y: Array, out: Array) -> Array:
        terms, slopes = form.body(a, y)
        t = functools.reduce(operator.mul, factors_of(terms))
        slope = functools.reduce(operator.mul, factors_of(slopes[form.names[0]]))
        divisor = {"sum": 1, "batchmean": a.shape[lead]}.get(reduction) or math.prod(t.shape[lead:])
        np.divide(slope, divisor, out, casting="same_kind")
        value: Array = np.add.reduce(t, tuple(range(lead, t.ndim)) if lead else None) / divisor
        return value

    return end
