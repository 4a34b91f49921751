"""Costs of several inputs at the end of a network: their form there, and the targets that they are meant for.

Such a cost returns (C, {argument: gradient}) and takes no leading axes. A network wants (C, ∂C/∂a) of outputs a and
targets y, (..., n, d) both. Targets are kept as rows of numbers; labels are rows with a 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from oracles.cost_arguments import ENDS
from reference.costs import Cost, one_hot
from reference.formula import Array, Formula

# Parameters of the costs, exact in float32: where the defaults hide something, others.
PARAMETERS: dict[str, dict[str, float]] = {
    "cost/huber_error": {"delta": 0.5},
    "cost/smooth_l1": {"beta": 0.5},
    "cost/quantile": {"tau": 0.75},
    "cost/poisson_nll_rate": {"eps": 2.0**-10},  # a rate of 0, as of a dead unit, has a finite cost
    "cost/cross_entropy_labels": {"label_smoothing": 0.125},
    "cost/tversky": {"alpha": 0.25, "beta": 0.75},
}


def ending(formula: Formula, **parameters: Any) -> Cost:
    """The cost `formula` as (a, y) ↦ (C, ∂C/∂a).  a, y: (..., n, d) -> (...), (..., n, d).

    Raises what the formula raises for outputs or targets outside its domain.
    """

    def cost(a: Array, y: Array) -> tuple[Array, Array]:
        end = ENDS[formula.id]
        C, slopes = [], []
        for outputs, targets in _batches(a, y, end.labelled):
            value, gradients = formula.function(
                **{end.outputs: outputs, end.targets: targets}, **_reduction(formula.id, end.reduction), **parameters
            )
            C.append(value)
            slopes.append(gradients[end.outputs])
        return np.array(C).reshape(a.shape[:-2]), np.array(slopes).reshape(a.shape)

    return cost


def sizes(formula: Formula, a: Array, y: Array, **parameters: Any) -> Array:
    """What few ULP of a cost refer to: its terms and what the outputs and targets bring in.  (..., n, d) -> (...).

    Σ|terms| over the divisor of their mean, and Σ|a·∂C/∂a| + Σ|y·∂C/∂y|.
    """
    end = ENDS[formula.id]
    found = []
    for outputs, targets in _batches(a, y, end.labelled):
        given = {end.outputs: outputs, end.targets: targets}
        terms = formula.function(**given, **_reduction(formula.id, "none"), **parameters)[0]
        gradients = formula.function(**given, **_reduction(formula.id, end.reduction), **parameters)[1]
        brought = sum(_products(x, gradients[name]) for name, x in given.items() if name in gradients)
        divisor = 1 if np.ndim(terms) == 0 else len(outputs) if end.reduction == "batchmean" else terms.size
        found.append(np.abs(terms).sum() / divisor + brought)
    return np.array(found, np.float64).reshape(a.shape[:-2])


def _products(x: Array, slope: Array) -> float:
    """Σ|x·slope|; 0·∞ counts as 0, as at the target 0 of a divergence."""
    return float(np.abs(np.multiply(x, slope, where=x != 0, out=np.zeros(x.shape))).sum())


def _batches(a: Array, y: Array, labelled: bool) -> Any:
    """(outputs, targets) of every leading index, labels in the place of rows where asked for."""
    rows = y.reshape(-1, *y.shape[-2:])
    return zip(a.reshape(-1, *a.shape[-2:]), rows.argmax(-1) if labelled else rows, strict=True)


def _reduction(id: str, reduction: str) -> dict[str, str]:
    return {} if id == "cost/wasserstein_critic" else {"reduction": reduction}  # a mean by definition


# ---------------------------------------------------------------- targets

MARGINS = frozenset(
    f"cost/{name}"
    for name in ("hinge", "squared_hinge", "perceptron", "hinge_embedding", "multi_margin", "multilabel_margin",
                 "multiclass_hinge", "multiclass_perceptron")
)  # fmt: skip
RESIDUALS = frozenset(f"cost/{name}" for name in ("l1", "huber_error", "smooth_l1", "quantile"))  # kinks in a − y
SIGNS = frozenset(f"cost/{name}" for name in ("hinge", "squared_hinge", "perceptron", "soft_margin", "hinge_embedding"))
INDICATORS = ("cost/multilabel_margin", "cost/multilabel_soft_margin", "cost/dice", "cost/tversky")
BETWEEN = ("cost/binary_cross_entropy", "cost/binary_cross_entropy_logits", "cost/sigmoid_focal")  # in [0, 1]
COUNTS = ("cost/poisson_nll", "cost/poisson_nll_rate")
DISTRIBUTIONS = ("cost/kl_div", "cost/jensen_shannon", "cost/cross_entropy_probabilities", "cost/poly_cross_entropy")


def draw_targets(cost: str, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random targets the cost is meant for, exact in float32 where they must sum to one.  shape: (..., n, d)."""
    if ENDS[cost].labelled:
        return one_hot(rng.integers(0, shape[-1], shape[:-1]), shape[-1])
    if cost in SIGNS:
        return rng.choice([-1.0, 1.0], shape)
    if cost in INDICATORS:
        return rng.choice([0.0, 1.0], shape)
    if cost in BETWEEN:
        return rng.choice([0.0, 0.0, 1.0, 1.0, 0.25], shape)
    if cost in COUNTS:
        return rng.poisson(2.0, shape).astype(np.float64)
    if cost in DISTRIBUTIONS:
        d = shape[-1]
        return (1 + rng.multinomial(64 - d, rng.dirichlet(np.ones(d), shape[:-1]))) / 64
    return rng.standard_normal(shape)


def fit_targets(cost: str, y: Array) -> Array:
    """Targets of a data set in the form the cost wants: 0 and 1 become −1 and 1 where it takes signs."""
    return 2 * y - 1 if cost in SIGNS else y
