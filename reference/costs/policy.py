"""Costs of policies: log-probabilities of actions under the policy that is trained, and under one before or beside it.

Each returns (C, gradients), one term an action; see `reference.costs.reduction`.
"""

from __future__ import annotations

import numpy as np

from reference.costs.reduction import Terms, reduced
from reference.formula import Array, Kink, formula

MEAN = "mean over actions"
RATIO = "exp(a[i] - old[i])"
COUNTS = f"(x[i]*{RATIO} + (1 - x[i])*end[i])"


def expm1_less(x: Array) -> Array:
    """eˣ − 1 − x without cancellation: the series x²/2 + x³/6 + … for |x| < 1."""
    series = np.zeros_like(x)
    for k in range(20, 1, -1):
        series = (1 + series) * x / k
    small = np.abs(x) < 1
    return np.where(small, x * series, np.expm1(x) - x)


@formula(
    "cost/ppo_clip",
    statement=f"-Sum({COUNTS}*advantage[i], (i, 1, n))/n",
    derivative=f"-x[i]*{RATIO}*advantage[i]/n",
    arguments=("a[i]", "old[i]", "advantage[i]"),
    partials={"old[i]": f"x[i]*{RATIO}*advantage[i]/n", "advantage[i]": f"-{COUNTS}/n"},
    kinks=(
        Kink(of="the ratio, where the advantage is 1", at="1 + high", left="-1", right="0", chosen="0"),
        Kink(of="the ratio, where the advantage is -1", at="1 - low", left="0", right="1", chosen="0"),
    ),
    valid={"low": "0 <= low <= 1", "high": "high >= 0"},
    assumptions=(
        MEAN,
        "printed with x[i] = 1 where the ratio counts, and 0 where an end of the range does, which is then end[i]",
        "at an end of the range the slope is 0, that of the clipped side; in an advantage of 0 it is that of the ratio",
    ),
    sources=("schulman-2017",),
)
@reduced(weighted="terms")
def ppo_clip(a: Array, old: Array, advantage: Array, *, low: float = 0.2, high: float = 0.2) -> Terms:
    """Proximal policy optimisation −min(ρA, clip(ρ, 1 − ε₋, 1 + ε₊)A), ρ = e^(a − old).

    dρ/da = ρ, so where the first is less the slope in a is −ρA, in old ρA; where the second is, it is 0. In A it is
    minus the ratio that counts.
    """
    ratio, apart = np.exp(a - old), np.expm1(a - old)  # whether a limit of any size is met, the second tells
    clipped = np.clip(ratio, 1 - low, 1 + high)
    beyond = (advantage < 0) & (apart <= -low) | (advantage > 0) & (apart >= high)
    counts = np.where(beyond, clipped, ratio)
    slope = np.where(beyond, 0, ratio)
    return (-counts, advantage), {"a": (-slope, advantage), "old": (slope, advantage), "advantage": -counts}


@formula(
    "cost/kl_k3",
    statement="Sum(exp(reference[i] - a[i]) - 1 - (reference[i] - a[i]), (i, 1, n))/n",
    derivative="(1 - exp(reference[i] - a[i]))/n",
    arguments=("a[i]", "reference[i]"),
    partials={"reference[i]": "(exp(reference[i] - a[i]) - 1)/n"},
    assumptions=(
        "mean over samples of the policy a",
        "one of three estimators of KL(policy‖reference): k1 = a − reference, k2 = (a − reference)²/2, which is"
        " cost/quadratic, and k3, which is never negative",
        "differentiated through the samples' log-probabilities, k2 gives the gradient of this KL, k3 that of the"
        " reverse one, k1 gives 0, each in expectation",
    ),
    sources=("schulman-2020",),
)
@reduced(weighted="terms")
def kl_k3(a: Array, reference: Array) -> Terms:
    """The estimator e^r − 1 − r of a divergence, r = reference − a: its slope in r is e^r − 1."""
    r = reference - a
    slope = np.expm1(r)
    return expm1_less(r), {"a": -slope, "reference": slope}
