"""Costs of preferences: a model is to find a chosen answer more likely than a rejected one.

Arrays are log-probabilities of whole answers, one an entry, under the model that is trained and, where a cost has
them, under a reference that is not. Each returns (C, gradients); see `reference.costs.reduction`.
"""

from __future__ import annotations

import numpy as np

from reference.activations import softplus
from reference.costs.reduction import Terms, reduced
from reference.exact import exponential
from reference.formula import Array, formula

LEAD = "(chosen[i] - rejected[i] - reference_chosen[i] + reference_rejected[i])"
H = f"(beta*{LEAD} - margin)"
MEAN = "mean over answers"
DPO_SLOPE = f"(label_smoothing/(1 + exp(-{H})) - (1 - label_smoothing)/(1 + exp({H})))/n"


def _lead(chosen: Array, rejected: Array, by_chosen: Array | None, by_rejected: Array | None) -> Array:
    """How much more the model prefers the chosen answer than the reference does; one that is not given prefers none."""
    lead = chosen - rejected
    lead = lead if by_chosen is None else lead - by_chosen
    return lead if by_rejected is None else lead + by_rejected


def _both_ways(slope: Array) -> dict[str, Array]:
    """Slopes of a function of the lead in its four terms."""
    return {"chosen": slope, "rejected": -slope, "reference_chosen": -slope, "reference_rejected": slope}


@formula(
    "cost/dpo",
    statement=f"Sum((1 - label_smoothing)*log(1 + exp(-{H})) + label_smoothing*log(1 + exp({H})), (i, 1, n))/n",
    derivative=f"beta*{DPO_SLOPE}",
    arguments=("chosen[i]", "rejected[i]", "reference_chosen[i]", "reference_rejected[i]"),
    partials={
        "rejected[i]": f"-beta*{DPO_SLOPE}",
        "reference_chosen[i]": f"-beta*{DPO_SLOPE}",
        "reference_rejected[i]": f"beta*{DPO_SLOPE}",
    },
    valid={"beta": "beta > 0", "label_smoothing": "0 <= label_smoothing <= 1"},
    assumptions=(
        MEAN,
        "without a reference it is CPO's preference term, and with a margin and log-probabilities a token SimPO",
        "label_smoothing is the share of preferences that are taken to be the wrong way round",
    ),
    sources=("rafailov-2023", "xu-2024", "meng-2024"),
)
@reduced(weighted="terms")
def dpo(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array | None = None,
    reference_rejected: Array | None = None,
    *,
    beta: float = 0.1,
    label_smoothing: float = 0.0,
    margin: float = 0.0,
) -> Terms:
    """Direct preference optimisation −(1 − ε) log σ(h) − ε log σ(−h), h = β·lead − γ.

    softplus' = σ, so the slope in h is εσ(h) − (1 − ε)σ(−h), and that in each log-probability ±β times it.
    """
    h = beta * _lead(chosen, rejected, reference_chosen, reference_rejected) - margin
    (up, s), (down, c) = softplus(h), softplus(-h)  # −log σ(∓h) and σ(±h)
    slope = beta * (label_smoothing * s - (1 - label_smoothing) * c)
    return (1 - label_smoothing) * down + label_smoothing * up, _both_ways(slope)


IPO = f"({LEAD} - 1/(2*beta))"


@formula(
    "cost/ipo",
    statement=f"Sum({IPO}**2, (i, 1, n))/n",
    derivative=f"2*{IPO}/n",
    arguments=("chosen[i]", "rejected[i]", "reference_chosen[i]", "reference_rejected[i]"),
    partials={
        "rejected[i]": f"-2*{IPO}/n",
        "reference_chosen[i]": f"-2*{IPO}/n",
        "reference_rejected[i]": f"2*{IPO}/n",
    },
    valid={"beta": "beta > 0"},
    assumptions=(MEAN, "beta is the τ of the paper"),
    sources=("azar-2023",),
)
@reduced(weighted="terms")
def ipo(
    chosen: Array,
    rejected: Array,
    reference_chosen: Array | None = None,
    reference_rejected: Array | None = None,
    *,
    beta: float = 0.1,
) -> Terms:
    """Identity preference optimisation: the squared distance of the lead from 1/(2β), whose slope is twice itself."""
    r = _lead(chosen, rejected, reference_chosen, reference_rejected) - 0.5 / beta
    return (r, r), _both_ways(2 * r)


REWARD = "(beta*y[i]*(a[i] - reference[i] - kl[i]))"
KTO_SLOPE = f"weight[i]*beta*y[i]*exp({REWARD})/(1 + exp({REWARD}))**2/n"


@formula(
    "cost/kto",
    statement=f"Sum(weight[i]/(1 + exp({REWARD})), (i, 1, n))/n",
    derivative=f"-{KTO_SLOPE}",
    arguments=("a[i]", "y[i]", "reference[i]", "kl[i]", "weight[i]"),
    partials={
        "reference[i]": KTO_SLOPE,
        "kl[i]": KTO_SLOPE,
        "weight[i]": f"1/(1 + exp({REWARD}))/n",
    },
    entries={"y": "sign"},
    valid={"beta": "beta > 0"},
    assumptions=(
        MEAN,
        "y: +1 for an answer that is wanted, −1 for one that is not; weights are their λ",
        "kl is the point of reference z₀, which training holds fixed; it broadcasts",
    ),
    sources=("ethayarajh-2024",),
)
@reduced(weighted="terms")
def kto(a: Array, y: Array, reference: Array, kl: Array | None = None, *, beta: float = 0.1) -> Terms:
    """Kahneman–Tversky optimisation w·(1 − σ(u)) = w·σ(−u), u = yβ(a − reference − kl).

    σ' = σ(u)σ(−u), so the slope in a is −yβσ(u)σ(−u), and that in reference and kl the same with the other sign. That
    in y is −β(a − reference − kl)σ(u)σ(−u).
    """
    r = a - reference if kl is None else a - reference - kl
    u = beta * y * r
    near, far = exponential(-np.abs(u))
    small = near / (1 + near * far)  # σ(−|u|) but for `far`
    hump = small / (1 + near * far) * far
    slope = beta * y * hump
    value = np.where(u > 0, small * far, 1 / (1 + near * far))
    return value, {"a": -slope, "reference": slope, "kl": slope, "y": -beta * r * hump}


ODDS_A, ODDS_B = "(chosen[i] - log(1 - exp(chosen[i])))", "(rejected[i] - log(1 - exp(rejected[i])))"
ORPO = f"1/(1 + exp({ODDS_A} - {ODDS_B}))"


@formula(
    "cost/orpo",
    statement=f"Sum(log(1 + exp({ODDS_B} - {ODDS_A})), (i, 1, n))/n",
    derivative=f"-{ORPO}/(1 - exp(chosen[i]))/n",
    arguments=("chosen[i]", "rejected[i]"),
    partials={"rejected[i]": f"{ORPO}/(1 - exp(rejected[i]))/n"},
    domain=("-oo", "0"),
    entries={"chosen": "log probability", "rejected": "log probability"},
    assumptions=(MEAN, "the term of the odds ratio alone; log-probabilities are those a token, below 0"),
    sources=("hong-2024",),
)
@reduced(weighted="terms")
def orpo(chosen: Array, rejected: Array) -> Terms:
    """Odds-ratio preference optimisation −log σ(h), h the difference of the log-odds a − log(1 − eᵃ).

    The slope of the log-odds is 1/(1 − eᵃ), that of −log σ(h) is −σ(−h).
    """
    room = [-np.expm1(q) for q in (chosen, rejected)]  # 1 − eᵃ
    odds = [q - np.log(r) for q, r in zip((chosen, rejected), room, strict=True)]
    value, c = softplus(odds[1] - odds[0])
    return value, {"chosen": -c / room[0], "rejected": c / room[1]}
