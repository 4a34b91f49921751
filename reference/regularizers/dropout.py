"""Dropout with a mask that is given: entries are kept, or all replaced by the same number."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from reference.entries import require
from reference.formula import Array, formula
from reference.lift import QUIET, Answer, checked, cotangent_of, defaults, floating, named, real, rounded, times
from reference.regularizers.outputs import Penalty

SATURATED = "1.7580993408473768599402175208123"  # λα of the paper: SELU tends to −λα
REPLACEMENT = -float(SATURATED)
SPREAD = f"sqrt((1 - rate)*(1 + rate*{SATURATED}**2))"


def with_mask(body: Callable[..., tuple[Array, Array]]) -> Penalty:
    """Lift `body`, which maps float64 activations and a mask of bools to value and slope, to any floating dtype.

    The mask is any array of 0 and 1. Raises TypeError for activations that are not floating, ValueError for a mask of
    another shape or with other entries. The vjp is v ↦ v ⊙ slope.
    """
    known = defaults(body, 2)

    def evaluate(a: Array, mask: npt.ArrayLike, parameters: Mapping[str, Any]) -> tuple[Array, Array]:
        mask = real(mask, "mask")
        if mask.shape != a.shape:
            raise ValueError(f"mask has shape {mask.shape}, a has shape {a.shape}; they must be equal")
        require((mask == 0) | (mask == 1), "mask", mask, "is neither kept (1) nor dropped (0)")
        return body(a.astype(np.float64, copy=False), mask == 1, **checked(lifted, known, parameters))

    @functools.wraps(body)
    @QUIET
    def lifted(a: npt.ArrayLike, mask: npt.ArrayLike, *positional: float, **parameters: float) -> tuple[Array, Array]:
        a = floating(a, "a")
        value, slope = evaluate(a, mask, {**dict(zip(known, positional, strict=False)), **parameters})
        return rounded(value, a.dtype), rounded(slope, a.dtype)

    @QUIET
    def vjp(arguments: Mapping[str, Any], cotangent: Any = None, **parameters: float) -> Answer:
        given = named(lifted, arguments, ("a", "mask"), 2)
        a = floating(given["a"], "a")
        value, slope = evaluate(a, given["mask"], parameters)
        gradient = times(cotangent_of(cotangent, a.shape), slope)
        return {"value": rounded(value, a.dtype)}, {"a": rounded(gradient, a.dtype)}

    lifted.vjp = vjp  # type: ignore[attr-defined]
    return lifted


@formula(
    "regularizer/dropout",
    statement="r*a",
    derivative="r",
    arguments=("a", "r"),
    entries={"mask": "indicator"},
    assumptions=(
        "r is a given mask of 0 and 1",
        "when the trained network is used, a is multiplied by 1 − rate instead",
    ),
    sources=("srivastava-2014",),
)
@with_mask
def dropout(a: Array, mask: Array) -> tuple[Array, Array]:
    """Dropout with a given mask, r ⊙ a: linear in a, so the slope is the mask itself.  Returns (value, slope).

    Forward and backward must see the same mask.
    """
    return np.where(mask, a, 0), mask.astype(np.float64)


@formula(
    "regularizer/inverted_dropout",
    statement="r*a/(1 - rate)",
    derivative="r/(1 - rate)",
    arguments=("a", "r"),
    entries={"mask": "indicator"},
    valid={"rate": "0 <= rate < 1"},
    assumptions=(
        "r is a given mask of 0 and 1",
        "rate is the share of units dropped",
        "the trained network is used as it is",
    ),
    sources=("srivastava-2014", "pytorch-dropout"),
)
@with_mask
def inverted_dropout(a: Array, mask: Array, rate: float = 0.5) -> tuple[Array, Array]:
    """Inverted dropout r ⊙ a/(1 − p): dividing by the share that is kept leaves the mean of a as it was.

    Linear in a, with slope r/(1 − p).  Returns (value, slope).
    """
    return np.where(mask, a / (1 - rate), 0), np.where(mask, 1 / (1 - rate), 0)


@formula(
    "regularizer/alpha_dropout",
    statement=f"(r*a - (1 - r)*{SATURATED} + rate*{SATURATED})/{SPREAD}",
    derivative=f"r/{SPREAD}",
    arguments=("a", "r"),
    entries={"mask": "indicator"},
    valid={"rate": "0 <= rate < 1"},
    assumptions=(
        "r is a given mask of 0 and 1",
        "rate is the share of units dropped",
        "the trained network is used as it is",
    ),
    sources=("klambauer-2017", "pytorch-alphadropout"),
)
@with_mask
def alpha_dropout(a: Array, mask: Array, rate: float = 0.5) -> tuple[Array, Array]:
    """Alpha dropout: entries become c = −λα, where SELU saturates; then all are standardised.  Returns (value, slope).

    Of entries of mean 0 and variance 1, the share p that becomes c makes the mean pc and the variance
    (1 − p)(1 + pc²). So (r ⊙ a + (1 − r)c − pc)/√((1 − p)(1 + pc²)) has mean 0 and variance 1 again. Its slope is
    r over that root.
    """
    spread = np.sqrt((1 - rate) * (1 + rate * REPLACEMENT**2))
    value = np.where(mask, a - rate * REPLACEMENT, (1 - rate) * REPLACEMENT) / spread
    return value, np.where(mask, 1 / spread, 0)
