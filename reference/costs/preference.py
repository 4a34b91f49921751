"""Costs of preferences: a model is to find a chosen answer more likely than a rejected one.

Arrays are log-probabilities of whole answers, one an entry, under the model that is trained and, where a cost has
them, under a reference that is not. Each returns (C, gradients); see `reference.costs.reduction`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reference.activations import softplus
from reference.costs.arguments import LABEL
from reference.costs.reduction import Terms, reduced
from reference.costs.regression import residual
from reference.entries import require
from reference.exact import exponential, ratio
from reference.formula import Array, formula
from reference.lift import integers, times

LEAD = "(chosen[i] - rejected[i] - reference_chosen[i] + reference_rejected[i])"
H = f"(beta*{LEAD} - margin)"
MEAN = "mean over answers"
DPO_SLOPE = f"(label_smoothing/(1 + exp(-{H})) - (1 - label_smoothing)/(1 + exp({H})))/n"


def _preferred(
    chosen: Array, rejected: Array, by_chosen: Array | None, by_rejected: Array | None
) -> tuple[Array, float]:
    """How much more the model prefers the chosen answer than the reference does; one that is not given prefers none."""
    return residual(chosen, rejected, by_chosen, None if by_rejected is None else -by_rejected)


def _both_ways(slope: Array, *more: float) -> dict[str, tuple[Any, ...]]:
    """Slopes of a function of the lead in its four terms."""
    there, back = (slope, *more), (-slope, *more)
    return {"chosen": there, "rejected": back, "reference_chosen": back, "reference_rejected": there}


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
        "without a reference it is the preference term of cost/cpo",
        "label_smoothing is the share of preferences that are taken to be the wrong way round",
    ),
    sources=("rafailov-2023",),
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
    lead, scale = _preferred(chosen, rejected, reference_chosen, reference_rejected)
    terms, slope = _logistic(beta * lead - margin / scale, scale, label_smoothing)
    return (terms, scale), _both_ways(slope, beta)


def _logistic(part: Array, scale: float, epsilon: float) -> tuple[Array, Array]:
    """−(1 − ε) log σ(h) − ε log σ(−h) over `scale`, and its slope in h, for h = scale·part."""
    h = scale * part
    (up, s), (down, c) = softplus(h), softplus(-h)  # −log σ(∓h) and σ(±h)
    up, down = (np.where(np.isinf(h), np.maximum(q, 0), u / scale) for q, u in ((part, up), (-part, down)))
    return times(1 - epsilon, down) + times(epsilon, up), epsilon * s - (1 - epsilon) * c


G = "(beta*(chosen[i] - rejected[i]))"
CPO_SLOPE = f"beta*(label_smoothing/(1 + exp(-{G})) - (1 - label_smoothing)/(1 + exp({G})))"


@formula(
    "cost/cpo",
    statement=f"Sum((1 - label_smoothing)*log(1 + exp(-{G})) + label_smoothing*log(1 + exp({G}))"
    " - alpha*chosen[i], (i, 1, n))/n",
    derivative=f"({CPO_SLOPE} - alpha)/n",
    arguments=("chosen[i]", "rejected[i]"),
    partials={"rejected[i]": f"-{CPO_SLOPE}/n"},
    valid={"beta": "beta > 0", "label_smoothing": "0 <= label_smoothing <= 1", "alpha": "alpha >= 0"},
    assumptions=(MEAN, "alpha weighs the log-likelihood of the chosen answer, which keeps the model near it"),
    sources=("xu-2024",),
)
@reduced(weighted="terms")
def cpo(
    chosen: Array, rejected: Array, *, beta: float = 0.1, label_smoothing: float = 0.0, alpha: float = 1.0
) -> Terms:
    """Contrastive preference optimisation −(1 − ε) log σ(h) − ε log σ(−h) − α·chosen, h = β(chosen − rejected).

    The first two are those of `dpo` without a reference; the last adds −α to the slope in chosen.
    """
    lead, scale = _preferred(chosen, rejected, None, None)
    terms, slope = _logistic(beta * lead, scale, label_smoothing)
    return (terms - alpha * (chosen / scale), scale), {"chosen": beta * slope - alpha, "rejected": (-slope, beta)}


EACH = "(chosen[i]/x[i] - rejected[i]/y[i])"
SIMPO_SLOPE = (
    f"beta*(label_smoothing/(1 + exp(margin - beta*{EACH})) - (1 - label_smoothing)/(1 + exp(beta*{EACH} - margin)))"
)


@formula(
    "cost/simpo",
    statement=f"Sum((1 - label_smoothing)*log(1 + exp(margin - beta*{EACH}))"
    f" + label_smoothing*log(1 + exp(beta*{EACH} - margin)), (i, 1, n))/n",
    derivative=f"{SIMPO_SLOPE}/x[i]/n",
    arguments=("chosen[i]", "rejected[i]"),
    partials={"rejected[i]": f"-{SIMPO_SLOPE}/y[i]/n"},
    valid={"beta": "beta > 0", "label_smoothing": "0 <= label_smoothing <= 1"},
    assumptions=(
        MEAN,
        "x and y are the lengths of both answers, integers ≥ 1: log-probabilities of whole answers count by the token",
        "the margin is their γ, which libraries also take as a share of beta",
    ),
    sources=("meng-2024",),
)
@reduced(weighted="terms", chosen_lengths=LABEL, rejected_lengths=LABEL)
def simpo(
    chosen: Array,
    rejected: Array,
    chosen_lengths: Array,
    rejected_lengths: Array,
    *,
    beta: float = 2.0,
    label_smoothing: float = 0.0,
    margin: float = 1.0,
) -> Terms:
    """Simple preference optimisation: `dpo` of log-probabilities a token and no reference, with a margin.

    h = β(chosen/|chosen| − rejected/|rejected|) − γ, so the slopes are those of `dpo` over the lengths. Raises
    TypeError for lengths that are no integers, ValueError for lengths of another shape and below 1.
    """
    sizes = []
    for name, lengths in (("chosen_lengths", chosen_lengths), ("rejected_lengths", rejected_lengths)):
        lengths = integers(lengths, name)
        if lengths.shape != chosen.shape:
            raise ValueError(f"{name} have shape {lengths.shape}; expected {chosen.shape}: one for each answer")
        require(lengths >= 1, name, lengths, "is no length of an answer: must be ≥ 1")
        sizes.append(lengths.astype(np.float64))
    lead, scale = residual(chosen / sizes[0], rejected / sizes[1])
    terms, slope = _logistic(beta * lead - margin / scale, scale, label_smoothing)
    return (terms, scale), {"chosen": (slope, beta, 1 / sizes[0]), "rejected": (-slope, beta, 1 / sizes[1])}


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
    lead, scale = _preferred(chosen, rejected, reference_chosen, reference_rejected)
    r = lead - 0.5 / scale / beta
    return (r, r, scale, scale), _both_ways(r, 2 * scale)


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
    r, scale = residual(a, reference, kl)
    u = beta * scale * y * r
    near, far = exponential(-np.abs(u))
    small = near / (1 + near * far)  # σ(−|u|) but for `far`
    hump = small / (1 + near * far) * far
    slope = y * hump
    value = np.where(u > 0, small * far, 1 / (1 + near * far))
    by_a, by_others = (-slope, beta), (slope, beta)
    return value, {"a": by_a, "reference": by_others, "kl": by_others, "y": (-hump, r, scale, beta)}


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
    """Odds-ratio preference optimisation log(1 + R), R the odds of the rejected over those of the chosen answer.

    The odds are eᵃ/(1 − eᵃ), and the slope of their logarithm is 1/(1 − eᵃ), so the slopes are ∓R/(1 + R) over that
    room of the answer itself. R > 1 if and only if the rejected one is the likelier, so that the least of R and 1/R is
    S = e^(−|a − b|)·(lesser room)/(larger room), a product of two numbers ≤ 1; and log R is a sum of two numbers ≥ 0.
    In R/(1 + R)/(1 − eᵃ) the room of the chosen answer cancels where R < 1: it may be 0.
    """
    ahead = rejected - chosen
    by_chosen, by_rejected = 0 - np.expm1(chosen), 0 - np.expm1(rejected)  # 1 − eᵃ, +0 where a is 0
    lesser, larger = np.minimum(by_chosen, by_rejected), np.maximum(by_chosen, by_rejected)
    near, far = exponential(-np.abs(ahead))
    share, worse = lesser / larger, ahead > 0  # worse: R > 1
    deep = share < 2.0**-900  # there S is log(1 + S), and made over `fall`
    s, fall = near * np.where(deep, lesser * 2.0**600 / larger, share), np.where(deep, 2.0**-600, 1)
    log_share = np.where(share < 2.0**-1000, np.log(larger) - np.log(lesser), -np.log(share))
    whole = 1 + s * fall * far
    terms = np.where(worse, ahead + log_share + np.log1p(s * fall * far), np.where(deep, s, np.log1p(s)))
    far, fall = np.where(worse, 1, far), np.where(worse, 1, fall)
    return (terms, fall, far), {
        "chosen": (*ratio(-np.where(worse, 1, near) / whole, larger), far),
        "rejected": (*ratio(np.where(worse, 1, s) / whole, by_rejected), fall, far),
    }
