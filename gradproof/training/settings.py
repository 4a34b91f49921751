"""Which rules are followed, with which hyperparameters and learning rates, and which networks are trained."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reference import CATALOGUE


@dataclass(frozen=True)
class Setting:
    """A rule with hyperparameters; η on the quadratic and on the digits network, None where it is not run.

    The one array of parameters has this `shape`, for rules that look at it.
    """

    id: str
    quadratic: float | None = 0.01
    digits: float | None = 0.01
    given: Mapping[str, Any] = field(default_factory=dict)
    shape: tuple[int, ...] = (-1,)

    @property
    def label(self) -> str:
        """The hyperparameters that are not our defaults."""
        return ", ".join(f"{k} = {v}" for k, v in self.given.items()).replace("inf", "∞") or "defaults"

    def hyperparameters(self, eta: float) -> dict[str, Any]:
        """All of them, spelled out."""
        signature = inspect.signature(CATALOGUE[self.id].function)
        ours = {p.name: p.default for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY}
        return {**ours, **self.given, "eta": eta}


SETTINGS = (
    Setting("update/sgd", 5e-5, 0.5),
    Setting("update/sgd_l2", 5e-5, 0.5),
    Setting("update/momentum", 5e-5, 0.05),
    Setting("update/momentum", 5e-5, None, {"dampening": 0.5}),
    Setting("update/nesterov", 5e-5, 0.05),
    Setting("update/sgdw", 5e-5, 0.05),
    Setting("update/adagrad", 0.1, 0.05),
    Setting("update/adagrad", 0.1, 0.05, {"eps": 0.0, "initial": 0.1}),
    Setting("update/adagrad", 0.1, None, {"eps": 1e-3, "initial": 1.0}),
    Setting("update/rmsprop"),
    Setting("update/rmsprop", 0.01, None, {"mu": 0.9}),
    Setting("update/rmsprop", 0.01, None, {"rho": 0.8, "eps": 1e-3}),
    Setting("update/rmsprop", 0.01, None, {"rho": 0.99, "eps": 0.1, "mu": 0.5}),
    Setting("update/rmsprop_centered"),
    Setting("update/rmsprop_centered", 0.01, None, {"mu": 0.9}),
    Setting("update/adadelta", 1.0, 1.0),
    Setting("update/adam"),
    Setting("update/adamw"),
    Setting("update/amsgrad"),
    Setting("update/amsgrad", given={"bias_correction": True}),
    Setting("update/nadam"),
    Setting("update/nadam", given={"momentum_decay": float("inf")}),
    Setting("update/radam", 1e-4, 0.01),
    Setting("update/radam", 1e-4, 0.01, {"threshold": 5.0}),
    Setting("update/radam", 1e-4, None, {"threshold": 5.0, "eps": 0.0}),
    Setting("update/adamax"),
    Setting("update/yogi"),
    Setting("update/adabelief"),
    Setting("update/adan"),
    Setting("update/adan", given={"beta2": 0.875, "gamma": 0.125}),
    Setting("update/sign_sgd", 0.01, 0.001),
    Setting("update/signum", 0.01, 0.001),
    Setting("update/rprop", 0.01, 0.001),
    Setting("update/lion", 0.01, 0.001, {"lam": 0.1}),
    Setting("update/asgd", 5e-5, 0.5, {"t0": 50.5}),
    Setting("update/lookahead", 5e-5, 0.5),
    Setting("update/schedule_free_sgd", 5e-5, 0.5),
    Setting("update/schedule_free_adamw"),
    Setting("update/optimistic_gradient_descent", 5e-5, 0.1),
    Setting("update/optimistic_adam", 0.01, 0.001),
    Setting("update/ademamix", 0.01, 0.001),
    Setting("update/simplified_ademamix", 1e-4, 1e-4, {"alpha": 0.5}),
    Setting("update/adopt"),
    Setting("update/acprop", 1e-3, 1e-3, {"eps": 1e-8}),
    Setting("update/sophia", 0.001, 0.001),
    Setting("update/madgrad"),
    Setting("update/cocob", 1.0, 1.0),
    Setting("update/polyak_sgd", 0.5, 0.5, {"value": 1e-3}),
    Setting("update/dog", 1.0, 1.0),
    Setting("update/dowg", 1.0, 1.0),
    Setting("update/dadapt_adamw", 1.0, 1.0, {"lam": 0.01}),
    Setting("update/prodigy", 1.0, 1.0, {"lam": 0.01}),
    Setting("update/momo", 1e-4, 0.1, {"value": 1.0, "lam": 0.01}),
    Setting("update/momo_adam", 0.01, 0.01, {"value": 1.0, "lam": 0.01}),
    Setting("update/sam", 5e-5, None),
    Setting("update/adafactor", 0.01, None, {"lam": 0.1, "decay": 1.0}),
    Setting("update/sm3", 0.1, 0.05),
    Setting("update/muon", 0.01, None, {"lam": 0.1}, (2, -1)),
    Setting("update/muon", 0.01, None, {"iterations": 1}, (-1, 2)),
    Setting("update/muon", 0.01, None, {"iterations": 2, "adjust": "match_rms_adamw"}, (2, -1)),
    Setting("update/centralize", 5e-5, 0.5),
    Setting("update/clip_by_block_rms", 1e-4, 0.5, {"clip": 0.125}),
    Setting("update/normalize_by_update_norm", 0.01, 0.1),
    Setting("update/lbfgs", 5e-5, 0.5),
    Setting("update/lars", 0.1, 0.1, {"lam": 0.001}),
    Setting("update/lamb", 0.01, 0.01, {"lam": 0.01}),
    Setting("update/novograd", 0.01, 0.01, {"lam": 0.001}),
    Setting("update/fromage", 0.01, 0.01),
    Setting("update/adaptive_clipping", 0.1, 0.1),
)


@dataclass(frozen=True)
class Learning:
    """One data set with the network that learns it; `score` is what the task is judged by."""

    data: str
    sizes: tuple[int, ...]
    hidden: str
    cost: str
    eta: float
    score: str


LEARNING = (
    Learning("digits", (64, 30, 10), "activation/tanh", "cost/cross_entropy_probabilities", 0.5, "accuracy"),
    Learning("breast_cancer", (30, 10, 1), "activation/sigmoid", "cost/binary_cross_entropy_logits", 0.5, "accuracy"),
    Learning("diabetes", (10, 16, 1), "activation/softplus", "cost/squared_error", 0.05, "mean squared error"),
)
OUTPUT = "activation/identity"
