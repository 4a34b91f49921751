"""Costs of policies: log-probabilities of actions under the policy that is trained, and under one before or beside it.

Each returns (C, gradients), one term an action; see `reference.costs.reduction`.
"""

from __future__ import annotations

import numpy as np

from reference.costs.arguments import LABEL, PER_ROW, lengths_of
from reference.costs.reduction import Terms, reduced
from reference.costs.regression import residual
from reference.exact import expm1_less
from reference.formula import Array, Kink, formula
from reference.lift import choice

MEAN = "mean over actions"
RATIO = "exp(a[i] - old[i])"
COUNTS = f"(x[i]*{RATIO} + (1 - x[i])*end[i])"


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
    return _clipped(a - old, advantage, low, high)


def _clipped(step: Array, advantage: Array, low: float, high: float) -> Terms:
    """−min(ρA, clip(ρ, 1 − ε₋, 1 + ε₊)A), and its slopes, for the logarithm of ρ: beside 0 a tiny ε is not lost."""
    ratio, apart = np.exp(step), np.expm1(step)  # whether a limit of any size is met, the second tells
    beyond = (advantage < 0) & (apart <= -low) | (advantage > 0) & (apart >= high)
    counts = np.where(beyond, np.where(advantage < 0, 1 - low, 1 + high), ratio)
    slope = np.where(beyond, 0, ratio)
    finite = (advantage != 0) | (ratio != np.inf)  # an advantage of 0 takes a ratio of any size out
    slope = np.where(finite, slope, 1)
    return (-np.where(finite, counts, 1), advantage), {
        "a": (-slope, advantage),
        "old": (slope, advantage),
        "advantage": -counts,
    }


TOKEN = "exp(a[i, t] - old[i, t])"
TOKEN_COUNTS = f"(x[i, t]*{TOKEN} + (1 - x[i, t])*end[i, t])"
NORMALISERS = ("sequence", "token", "group")


@formula(
    "cost/grpo_clip",
    statement=f"-Sum({TOKEN_COUNTS}*advantage[i]/u[i], (t, 1, m), (i, 1, n))",
    derivative=f"-x[i, t]*{TOKEN}*advantage[i]/u[i]",
    arguments=("a[i, t]", "old[i, t]", "advantage[i]"),
    partials={
        "old[i, t]": f"x[i, t]*{TOKEN}*advantage[i]/u[i]",
        "advantage[i]": f"-Sum({TOKEN_COUNTS}/u[i], (t, 1, m))",
    },
    kinks=(
        Kink(of="the ratio, where the advantage is 1", at="1 + high", left="-1", right="0", chosen="0"),
        Kink(of="the ratio, where the advantage is -1", at="1 - low", left="0", right="1", chosen="0"),
    ),
    entries={"lengths": "length"},
    valid={"low": "0 <= low <= 1", "high": "high >= 0"},
    assumptions=(
        "terms: one a token, as in cost/ppo_clip, with one advantage for all tokens of an answer",
        "printed with x[i, t] = 1 where the ratio counts, 0 where an end of the range does, or there is no token",
        "mean: of n answers with |o| tokens of at most m, u[i] is n·|o[i]| (normaliser sequence, as published), Σ|o|"
        " (token, as in DAPO) or n·m (group, a constant, as in Dr. GRPO)",
        "no divergence: add cost/kl_k3",
    ),
    sources=("shao-2024", "yu-2025", "liu-2025"),
)
@reduced(mean="each", leading=False, advantage=PER_ROW, lengths=LABEL)
def grpo_clip(
    a: Array,
    old: Array,
    advantage: Array,
    lengths: Array | None = None,
    *,
    low: float = 0.2,
    high: float = 0.2,
    normaliser: str = "sequence",
) -> Terms:
    """Group-relative policy optimisation: `ppo_clip` of every token of n answers.  a, old: (n, T), advantage: (n,).

    `lengths`, (n,): how many tokens of each answer count, the others may hold anything. Slopes are those of `ppo_clip`,
    each over what its normaliser divides by; an answer of no tokens counts as one of one. Raises ValueError for
    another normaliser and for lengths that do not fit.
    """
    choice("normaliser", normaliser, NORMALISERS)
    if a.ndim < 1:
        raise ValueError(f"a has shape {a.shape}; expected (n answers, T tokens)")
    T = a.shape[-1]
    sizes = lengths_of("lengths", lengths, a.shape[:-1], T, "tokens")[..., None]  # (n, 1)
    there = np.arange(T) < sizes  # (n, T)
    step, advantage = np.where(there, a - old, 0), np.where(there, advantage, 0)
    terms, slopes = _clipped(step, advantage, low, high)
    slopes["advantage"] = np.where(there, slopes["advantage"], 0)
    divisor = {"sequence": np.maximum(sizes, 1) / max(T, 1), "token": max(sizes.sum(), 1) / max(a.size, 1)}.get(
        normaliser, 1.0
    )
    return terms, slopes, np.broadcast_to(divisor, a.shape)


@formula(
    "cost/kl_k1",
    statement="Sum(a[i] - reference[i], (i, 1, n))/n",
    derivative="1/n",
    arguments=("a[i]", "reference[i]"),
    partials={"reference[i]": "-1/n"},
    assumptions=(
        "mean over samples of the policy a",
        "an unbiased estimator of KL(policy‖reference), and its slope an unbiased estimator of 0: see cost/kl_k3",
    ),
    sources=("schulman-2020",),
)
@reduced(weighted="terms")
def kl_k1(a: Array, reference: Array) -> Terms:
    """The estimator a − reference of a divergence: slopes 1 and −1, whatever the policy is."""
    lead, scale = residual(a, reference)
    one = np.ones_like(lead)
    return (lead, scale), {"a": one, "reference": -one}


@formula(
    "cost/kl_k3",
    statement="Sum(exp(reference[i] - a[i]) - 1 - (reference[i] - a[i]), (i, 1, n))/n",
    derivative="(1 - exp(reference[i] - a[i]))/n",
    arguments=("a[i]", "reference[i]"),
    partials={"reference[i]": "(exp(reference[i] - a[i]) - 1)/n"},
    assumptions=(
        "mean over samples of the policy a",
        "one of three estimators of KL(policy‖reference): k1 = a − reference, which is cost/kl_k1, k2 = (a −"
        " reference)²/2, which is cost/quadratic, and k3, which is never negative",
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
