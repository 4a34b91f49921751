"""Optimizer steps that look at the sign of the gradient alone; how they are read: `reference.updates.optimizers`.

Their size is that of the step, whatever the size of the gradient, so they do not answer to small changes of it: every
derivative is 0, off the jumps where a sign changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.formula import Array, formula
from reference.updates.steps import each_parameter, sign_of

JUMP = "derivative: off the jump where the sign changes; sign 0 = 0"
NO_TORCH = {"torch": "torch.optim has none"}
SIZE = "Piecewise((eta, t <= 1), (s, True))"  # of the step before


@formula(
    "update/sign_sgd",
    statement="w - eta*sign(dC)",
    derivative="0",
    arguments=("dC", "w"),
    assumptions=(JUMP,),
    sources=("bernstein-2018", "optax-sign-sgd"),
    unanswered=NO_TORCH,
)
@each_parameter()
def sign_sgd(w: Array, g: Array, t: int, *, eta: float = 0.01) -> Any:
    """Sign descent w ← w − η sign g: steepest where the largest entry of a step is what is bounded."""
    return w - eta * np.sign(g)


@formula(
    "update/signum",
    statement="w - eta*sign(beta1*m + (1 - beta1)*dC)",
    derivative="0",
    arguments=("dC", "w", "m"),
    assumptions=(JUMP, "m starts at 0; its sign needs no correction of that"),
    sources=("bernstein-2018", "optax-signum"),
    unanswered=NO_TORCH,
)
@each_parameter("m")
def signum(w: Array, g: Array, t: int, m: Array, *, eta: float = 0.01, beta1: float = 0.9) -> Any:
    """Signum: sign descent on the moving average m ← βm + (1 − β)g of the gradient."""
    new = beta1 * m + (1 - beta1) * g
    return w - eta * sign_of(new, beta1, m, g), new


@formula(
    "update/rprop",
    statement=f"w - Piecewise((Min({SIZE}*eta_plus, largest)*sign(dC), And(p*dC > 0, {SIZE}*eta_plus >= smallest)),"
    f" (smallest*sign(dC), p*dC > 0), (0, p*dC < 0), ({SIZE}*sign(dC), True))",
    derivative="0",
    arguments=("dC", "w", "s", "p", "t"),
    assumptions=(
        "s, the size of steps, starts at η, and p, the gradient before, at 0",
        "where the sign has changed there is no step, and p becomes 0: the next step is one of the new size",
        "Optax 0.2.8 moves by the step before: its first moves nothing",
        JUMP,
    ),
    sources=("riedmiller-braun-1993", "igel-huesken-2000"),
)
@each_parameter("s", "p")
def rprop(
    w: Array, g: Array, t: int, s: Array, p: Array,
    *, eta: float = 0.01, eta_minus: float = 0.5, eta_plus: float = 1.2, smallest: float = 1e-6, largest: float = 50.0,
) -> Any:  # fmt: skip
    """Resilient propagation: a size s for every entry, × η₊ while its sign stays, × η₋ and no step where it changes.

    s is kept between `smallest` and `largest`. All that is taken from the gradient is its sign, here and in the step
    after it.
    """
    s = 0 * np.sign(g) + eta if t == 1 else s
    turn = np.sign(g) * np.sign(p)  # 1: as before, −1: the other way, 0: there was none
    same, back = np.maximum(turn, 0), np.maximum(-turn, 0)
    grown, shrunk = (_between(smallest, factor * s, largest) for factor in (eta_plus, eta_minus))
    s = same * grown + back * shrunk + (1 - same - back) * s
    g = (1 - back) * g
    return w - s * np.sign(g), s, g


def _between(low: Any, x: Array, high: Any) -> Any:
    """x clipped to [low, high]: of maxima alone, which every arithmetic has that steps are run in."""
    return np.maximum(-np.maximum(-x, -1 * high), low)
