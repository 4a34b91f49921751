"""Networks small enough to compute with a pencil: every value and every gradient is an exact fraction.

Where a sigmoid is used its pre-activation is 0, so that σ = ½ and σ′ = ¼. All numbers are multiples of powers
of two, so that float64 holds them exactly and an implementation can be asked for equality.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

HALF, QUARTER, EIGHTH = Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)


@dataclass(frozen=True)
class Worked:
    """One example through a network, W[l] as (units, inputs), and what comes out.

    `hidden`, `output` and `cost` are ids of formulas; the cost is a sum over the outputs. `C` is None where it is not a
    fraction.
    """

    id: str
    source: str
    says: str
    x: list[Any]
    y: list[Any]
    W: list[Any]
    b: list[Any]
    hidden: str
    output: str
    cost: str
    z: list[Any]
    a: list[Any]
    delta: list[Any]
    dW: list[Any]
    db: list[Any]
    C: Fraction | None


EXAMPLES = (
    Worked(
        id="relu-2-2-1",
        source="gradproof",
        says="One rectifier is on, one is off: nothing flows back through the second.",
        x=[1, 2],
        y=[1],
        W=[[[HALF, QUARTER], [-1, HALF]], [[3, 2]]],
        b=[[0, -HALF], [-1]],
        hidden="activation/relu",
        output="activation/identity",
        cost="cost/quadratic",
        z=[[1, -HALF], [2]],
        a=[[1, 0], [2]],
        delta=[[3, 0], [1]],
        dW=[[[3, 6], [0, 0]], [[1, 0]]],
        db=[[3, 0], [1]],
        C=HALF,
    ),
    Worked(
        id="sigmoid-2-3-2",
        source="valchanov-365",
        says="The 2-3-2 network of Valchanov's notes, W being its w and u transposed. ∂L/∂w₁₁ = [½·¼·1 − "
        "½·¼·3]·¼·1 = −1/16.",
        x=[1, -1],
        y=[0, 1],
        W=[[[1, 1], [2, 2], [-1, -1]], [[1, -2, 1], [3, -1, -2]]],
        b=[[0, 0, 0], [0, 0]],
        hidden="activation/sigmoid",
        output="activation/sigmoid",
        cost="cost/quadratic",
        z=[[0, 0, 0], [0, 0]],
        a=[[HALF, HALF, HALF], [HALF, HALF]],
        delta=[[-Fraction(1, 16), -Fraction(1, 32), Fraction(3, 32)], [EIGHTH, -EIGHTH]],
        dW=[
            [
                [-Fraction(1, 16), Fraction(1, 16)],
                [-Fraction(1, 32), Fraction(1, 32)],
                [Fraction(3, 32), -Fraction(3, 32)],
            ],
            [[Fraction(1, 16)] * 3, [-Fraction(1, 16)] * 3],
        ],
        db=[[-Fraction(1, 16), -Fraction(1, 32), Fraction(3, 32)], [EIGHTH, -EIGHTH]],
        C=QUARTER,
    ),
    Worked(
        id="entropy-2-2-1",
        source="deriving-backprop",
        says="Two sigmoid layers and cross-entropy: dz⁽²⁾ = a⁽²⁾ − y = −½, and dz⁽¹⁾ = W⁽²⁾ᵀdz⁽²⁾ * ¼. C is log 2.",
        x=[2, 1],
        y=[1],
        W=[[[1, -2], [HALF, -1]], [[4, -2]]],
        b=[[0, 0], [-1]],
        hidden="activation/sigmoid",
        output="activation/sigmoid",
        cost="cost/binary_cross_entropy",
        z=[[0, 0], [0]],
        a=[[HALF, HALF], [HALF]],
        delta=[[-HALF, QUARTER], [-HALF]],
        dW=[[[-1, -HALF], [HALF, QUARTER]], [[-QUARTER, -QUARTER]]],
        db=[[-HALF, QUARTER], [-HALF]],
        C=None,
    ),
)


def w11(x: Any, t: Any, w: Any, u: Any, b1: Any, b2: Any) -> Any:
    """∂L/∂w₁₁ of the 2-3-2 network as Valchanov's notes write it out (section 4), rows and all.

    x: (2,), t: (2,), w: (2, 3), u: (3, 2), b1: (3,), b2: (2,), arrays of float64.
    """
    h = 1 / (1 + np.exp(-(x @ w + b1)))
    y = 1 / (1 + np.exp(-(h @ u + b2)))
    bracket = (y[0] - t[0]) * y[0] * (1 - y[0]) * u[0, 0] + (y[1] - t[1]) * y[1] * (1 - y[1]) * u[0, 1]
    return bracket * h[0] * (1 - h[0]) * x[0]
