"""Weight decay is not L2: the same λ as a penalty in the gradient and as a decay of the step, 200 steps apart.

For plain gradient descent the two are one rule. Momentum remembers the penalty's gradient, and Adam divides it by
√v̂ like any other, so there the trajectories part. Every side computes gradients at its own parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding, short
from gradproof.training.paths import CURVATURES, STEPS, Gradient, Trajectory, digits, follow, quadratic
from reference import CATALOGUE
from reference.formula import Array

LAMBDA = 0.1
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
# family: our rule, its L2 form and its decoupled form for oracles and their hyperparameters, η on each problem
FAMILIES: dict[str, tuple[str, tuple[str, dict[str, Any]], tuple[str, dict[str, Any]], dict[str, float]]] = {
    "gradient descent": ("sgd", ("sgd_l2", {"n": 1}), ("sgdw", {"mu": 0.0}), {"quadratic": 5e-5, "digits": 0.2}),
    "momentum": ("momentum", ("momentum_l2", {"mu": 0.9}), ("sgdw", {"mu": 0.9}), {"quadratic": 5e-5, "digits": 0.05}),
    "Adam": ("adam", ("adam_l2", ADAM), ("adamw", ADAM), {"quadratic": 0.01, "digits": 0.01}),
}


def _quadratic() -> tuple[list[Array], Gradient]:
    """½Σh(w − 1)²: the minimum is not where the decay pulls."""
    start, _ = quadratic("float64")
    return start, lambda _, w: [CURVATURES * (w[0] - 1)]


def _paths(
    side: ModuleType | None, family: str, problem: str, start: Sequence[Array], gradient: Gradient
) -> tuple[Trajectory, Trajectory]:
    """Trajectories with the penalty in the gradient, and with the decay in the step."""
    rule, (l2, more), (decoupled, rest), eta = FAMILIES[family]
    h = {"eta": eta[problem], "lam": LAMBDA}
    if side is not None:
        penalised = side.trajectory(f"update/{l2}", start, gradient, STEPS, **h, **more)
        return penalised, side.trajectory(f"update/{decoupled}", start, gradient, STEPS, **h, **rest)

    def with_penalty(t: int, w: list[Array]) -> list[Array]:
        return [g + LAMBDA * p for g, p in zip(gradient(t, w), w, strict=True)]

    step = CATALOGUE[f"update/{rule}"].function
    decay = CATALOGUE[f"update/{decoupled}"].function
    return follow(step, start, with_penalty, STEPS, eta=eta[problem]), follow(
        decay, start, gradient, STEPS, **h, **rest
    )


def measure(names: Sequence[str]) -> list[Finding]:
    """‖penalised − decayed‖ over ‖decayed‖ after the last step, and both norms, of every side."""
    found = []
    for problem, (start, gradient) in {"quadratic": _quadratic(), "digits": digits("float64")}.items():
        for family, (rule, *_) in FAMILIES.items():
            for side, oracle in {"ours": None, **installed(names, "updates")}.items():
                what = f"{family}; {problem}"
                more: dict[str, Any] = {"unit": "‖p − q‖/‖q‖", "lam": LAMBDA, "steps": STEPS}
                try:
                    penalised, decayed = (path[-1][0] for path in _paths(oracle, family, problem, start, gradient))
                except LookupError as missing:
                    found.append(
                        Finding("decay", f"update/{rule}", what, side=side, why=str(missing.args[0]), more=more)
                    )
                    continue
                p, q = np.linalg.norm(penalised), np.linalg.norm(decayed)
                apart = float(np.linalg.norm(penalised - decayed) / q)
                more |= {"penalised": short(float(p)), "decayed": short(float(q))}
                found.append(Finding("decay", f"update/{rule}", what, side=side, max=short(apart), more=more))
    return found
