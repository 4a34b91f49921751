"""Networks small enough to compute with a pencil: every value and every gradient is an exact fraction.

Where a sigmoid is used its pre-activation is 0, so that σ = ½ and σ′ = ¼. All numbers are multiples of powers
of two, so that float64 holds them exactly and an implementation can be asked for equality.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

HALF, QUARTER, EIGHTH = Fraction(1, 2), Fraction(1, 4), Fraction(1, 8)


@dataclass(frozen=True)
class Worked:
    """One example through a network, W[l] as (units, inputs), and what comes out.

    `activations` and `cost` are names of formulas. `C` is None where the cost is not a fraction.
    """

    id: str
    source: str
    says: str
    x: list[Any]
    y: list[Any]
    W: list[Any]
    b: list[Any]
    activations: list[str]
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
        activations=["relu", "identity"],
        cost="quadratic",
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
        says="The 2-3-2 network of Valchanov's notes, W being its w and u transposed. "
        "∂L/∂w₁₁ = [½·¼·1 − ½·¼·3]·¼·1 = −1/16.",
        x=[1, -1],
        y=[0, 1],
        W=[[[1, 1], [2, 2], [-1, -1]], [[1, -2, 1], [3, -1, -2]]],
        b=[[0, 0, 0], [0, 0]],
        activations=["sigmoid", "sigmoid"],
        cost="quadratic",
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
        activations=["sigmoid", "sigmoid"],
        cost="bce",
        z=[[0, 0], [0]],
        a=[[HALF, HALF], [HALF]],
        delta=[[-HALF, QUARTER], [-HALF]],
        dW=[[[-1, -HALF], [HALF, QUARTER]], [[-QUARTER, -QUARTER]]],
        db=[[-HALF, QUARTER], [-HALF]],
        C=None,
    ),
)
