"""Optimizer steps from where the parameter started: dual averaging, and bets on coins.

How they are read: `reference.updates.optimizers`; x0 is the parameter as it was before the first step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.optimizers import COUPLED
from reference.updates.steps import SMALL, each_parameter, exactly

NO_TORCH = {"torch": "torch.optim has none"}
START = "Piecewise((w, t <= 1), (x0, True))"

L = "((eta + eps)*sqrt(t))"
CUBE = f"(G + {L}*dC**2)**(1/3)"
SUM = f"(s + {L}*dC)"


@formula(
    "update/madgrad",
    statement=f"(1 - mu)*({START} - {SUM}/({CUBE} + eps)) + mu*w",
    derivative=f"-(1 - mu)*({L}/({CUBE} + eps) - {SUM}*2*{L}*dC/(3*({CUBE})**2*({CUBE} + eps)**2))",
    arguments=("dC", "w", "x0", "G", "s", "t"),
    assumptions=(
        "λₜ = (η + ε)√t: ε joins the rate, as implemented; the paper has η√t",
        "ε is added outside the cube root",
        "G and s start at 0, x0 at w",
        COUPLED,
    ),
    sources=("defazio-jelassi-2022", "optax-contrib-madgrad"),
    unanswered=NO_TORCH,
)
@each_parameter("x0", "G", "s")
def madgrad(
    w: Array, g: Array, t: int, x0: Array, G: Array, s: Array,
    *, eta: float = 0.01, mu: float = 0.9, eps: float = 1e-6,
) -> Any:  # fmt: skip
    """MADGRAD: G ← G + λₜg², s ← s + λₜg, z = x₀ − s/(∛G + ε), w ← (1 − μ)z + μw, with λₜ = (η + ε)√t.

    With K = ∛G, ∂K/∂g = 2λₜg/(3K²): quotient rule on s/(K + ε).
    """
    x0 = 1 * (w if t == 1 else x0)
    rate = exactly(lambda eta, eps: eta + eps, eta, eps) * t**0.5
    old, G, s = G, G + rate * g * g, s + rate * g
    z = x0 - s / (_cube_root(G, old, rate, g) + eps)
    return (1 - mu) * z + mu * w, x0, G, s


def _cube_root(new: Array, old: Array, rate: Any, g: Array) -> Any:
    """∛(old + rate·g²), `new` as far as the range of floats goes."""
    root = np.cbrt(new)
    if not isinstance(new, (np.ndarray, np.generic)) or not np.any(lost := np.isinf(new) | (new < SMALL)):
        return root
    k = np.where(np.isinf(new), 150, -150)
    scaled = np.ldexp(old, -6 * k) + rate * np.ldexp(g, -3 * k) ** 2
    return np.where(lost, np.ldexp(np.cbrt(scaled), 2 * k), root)


LARGEST = "Max(Piecewise((eps, t <= 1), (L, True)), Abs(eta*dC))"
MORE = "Piecewise((0, Piecewise((eps, t <= 1), (L, True)) > Abs(eta*dC)), (eta*sign(dC), True))"
SPREAD = f"Max(G + Abs(eta*dC) + {LARGEST}, alpha*{LARGEST})"
WIDER = f"Piecewise((eta*sign(dC) + {MORE}, G + Abs(eta*dC) + {LARGEST} > alpha*{LARGEST}), (alpha*{MORE}, True))"
WON = f"(R - eta*dC*(w - {START}))"
WEALTH = f"({LARGEST} + Max({WON}, 0))"
RICHER = f"({MORE} + Piecewise((-eta*(w - {START}), {WON} > 0), (0, True)))"


@formula(
    "update/cocob",
    statement=f"{START} + (C - eta*dC)*{WEALTH}/({LARGEST}*{SPREAD})",
    derivative=f"((C - eta*dC)*({RICHER} - {WEALTH}*({MORE}/{LARGEST} + {WIDER}/{SPREAD})) - eta*{WEALTH})"
    f"/({LARGEST}*{SPREAD})",
    arguments=("dC", "w", "x0", "L", "G", "R", "C", "t"),
    assumptions=(
        "η multiplies the gradient; 1 is the paper's rule, which needs no learning rate",
        "L starts at ε, x0 at w, all else at 0",
        "derivative: off the jumps where |dC| is the largest so far, and where a maximum changes",
        COUPLED,
    ),
    sources=("orabona-tommasi-2017", "optax-contrib-cocob"),
    unanswered=NO_TORCH,
)
@each_parameter("x0", "L", "G", "R", "C")
def cocob(
    w: Array, g: Array, t: int, x0: Array, L: Array, G: Array, R: Array, C: Array,
    *, eta: float = 1.0, alpha: float = 100.0, eps: float = 1e-8,
) -> Any:  # fmt: skip
    """COCOB: every entry bets on the outcomes c = −g, with wealth L + R, of which C/(L·max(G + L, αL)) is put.

    L ← max(L, |c|), G ← G + |c|, R ← max(R + c(w − x₀), 0), C ← C + c, w ← x₀ + C/(L·max(G + L, αL))·(L + R).
    Product and quotient rule over the five, each of which answers to |c| or to c.
    """
    x0 = 1 * (w if t == 1 else x0)
    c = eta * -g
    size = np.abs(c)
    L = np.maximum(0 * size + eps if t == 1 else L, size)
    G, R, C = G + size, np.maximum(R + c * (w - x0), 0), C + c
    return x0 + C / L * ((1 + R / L) / np.maximum(G / L + 1, alpha)), x0, L, G, R, C
