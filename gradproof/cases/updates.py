"""Steps of update rules: a parameter, its gradient, and accumulators that are not at their start but in step 1.

plain   numbers as they come
wide    magnitudes over many powers of ten, gradients and accumulators apart from one another
near    where terms all but cancel: a moment against the gradient, a maximum of two numbers that are all but equal
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SHAPE = (2, 3)
TIMES = (1, 1, 2, 3, 5, 30, 1000, 1_000_000)  # which step it is
LEAST = 1e-290  # of an entry: its products with 1 − β and η are normal numbers of float64
SMALLEST, LARGEST = 1e-6, 3e4  # of what is a square, or a size: no format overflows or underflows

Accumulators = Callable[[Source, Array], Mapping[str, Any]]  # as they are before a step with this gradient


def _numbers(s: Source) -> Array:
    x = s.real(*SHAPE)
    return np.copysign(np.maximum(np.abs(x), LEAST), x)


def _sizes(s: Source) -> Array:
    return np.clip(s.positive(*SHAPE), SMALLEST, LARGEST)


def _all_but(s: Source, x: Array) -> Array:
    """Close to x in the regime near, else any number."""
    return np.asarray(s.close(x))


def _against(s: Source, g: Array, share: str) -> Array:
    """A moment that all but takes the gradient away: βm ≈ −(1 − β)g in the regime near."""
    beta = s.parameters[share]
    return _all_but(s, -(1 - beta) / beta * g) if beta else _numbers(s)


def _of_size(s: Source, x: Array) -> Array:
    """Positive numbers, close to x in the regime near."""
    return np.clip(np.abs(_all_but(s, x)), SMALLEST, LARGEST) if s.regime == "near" else _sizes(s)


def _velocity(s: Source, g: Array) -> dict[str, Array]:
    mu = s.parameters["mu"]
    return {"b": _all_but(s, -g / mu) if mu else _numbers(s)}


def _moments(s: Source, g: Array) -> dict[str, Array]:
    return {"m": _against(s, g, "beta1"), "v": _sizes(s)}


def _amsgrad(s: Source, g: Array) -> dict[str, Array]:
    moments = _moments(s, g)
    beta2 = s.parameters["beta2"]
    return {**moments, "v_max": _of_size(s, beta2 * moments["v"] + (1 - beta2) * g * g)}


def _nadam(s: Source, g: Array) -> dict[str, Any]:
    return {**_moments(s, g), "P": np.asarray(s.rng.uniform(0.05, 0.95))}


def _adamax(s: Source, g: Array) -> dict[str, Array]:
    return {"m": _against(s, g, "beta1"), "u": _of_size(s, np.abs(g) / s.parameters["beta2"])}


def _centered(s: Source, g: Array) -> dict[str, Array]:
    return {"s": _sizes(s), "m": _all_but(s, g), "b": _numbers(s)}


def _adan(s: Source, g: Array) -> dict[str, Array]:
    return {"m": _against(s, g, "beta1"), "v": _numbers(s), "n": _sizes(s), "p": _all_but(s, g)}


def _cocob(s: Source, g: Array) -> dict[str, Array]:
    largest = _of_size(s, np.abs(g))
    return {"x0": _numbers(s), "L": largest, "G": largest + _sizes(s), "R": _sizes(s), "C": _all_but(s, g)}


def _one(s: Source) -> Array:
    """A number that is kept for a whole array."""
    return _sizes(s)[:1, :1]


def _travelled(s: Source, g: Array) -> dict[str, Array]:
    return {"x0": _numbers(s), "r": _one(s), "G": _one(s)}


RULES: dict[str, Accumulators] = {
    "update/sgd": lambda s, g: {},
    "update/sgd_l2": lambda s, g: {},
    "update/momentum": _velocity,
    "update/nesterov": _velocity,
    "update/sgdw": _velocity,
    "update/adagrad": lambda s, g: {"G": _sizes(s)},
    "update/rmsprop": lambda s, g: {"v": _sizes(s), "b": _numbers(s)},
    "update/rmsprop_centered": _centered,
    "update/adadelta": lambda s, g: {"v": _sizes(s), "d": _sizes(s)},
    "update/adam": _moments,
    "update/adamw": _moments,
    "update/amsgrad": _amsgrad,
    "update/nadam": _nadam,
    "update/radam": _moments,
    "update/adamax": _adamax,
    "update/yogi": _moments,
    "update/adabelief": lambda s, g: {"m": _all_but(s, g), "v": _sizes(s)},
    "update/adan": _adan,
    "update/sign_sgd": lambda s, g: {},
    "update/signum": lambda s, g: {"m": _against(s, g, "beta1")},
    "update/rprop": lambda s, g: {"s": _sizes(s), "p": _numbers(s)},
    "update/lion": lambda s, g: {"m": _against(s, g, "beta1")},
    "update/asgd": lambda s, g: {"a": _numbers(s)},
    "update/lookahead": lambda s, g: {"s": _numbers(s)},
    "update/schedule_free_sgd": lambda s, g: {"z": _numbers(s)},
    "update/schedule_free_adamw": lambda s, g: {"z": _numbers(s), "v": _sizes(s)},
    "update/optimistic_gradient_descent": lambda s, g: {"p": _all_but(s, g)},
    "update/optimistic_adam": lambda s, g: {**_moments(s, g), "p": _numbers(s)},
    "update/ademamix": lambda s, g: {**_moments(s, g), "n": _against(s, g, "beta3")},
    "update/simplified_ademamix": lambda s, g: {"m": _all_but(s, -g), "v": _sizes(s)},
    "update/adopt": _moments,
    "update/acprop": lambda s, g: {"m": _all_but(s, g), "v": _sizes(s)},
    "update/sophia": lambda s, g: {"m": _against(s, g, "beta1"), "h": _sizes(s)},
    "update/madgrad": lambda s, g: {"x0": _numbers(s), "G": _sizes(s), "s": _all_but(s, -g)},
    "update/cocob": _cocob,
    "update/polyak_sgd": lambda s, g: {},
    "update/dog": _travelled,
    "update/dowg": _travelled,
    "update/dadapt_adamw": lambda s, g: {
        "m": _against(s, g, "beta1"),
        "q": _sizes(s),
        "p": _numbers(s),
        "D": _one(s),
        "r": _one(s),
    },
    "update/prodigy": lambda s, g: {
        "m": _against(s, g, "beta1"),
        "q": _sizes(s),
        "p": _numbers(s),
        "x0": _numbers(s),
        "D": _one(s),
        "r": _one(s),
    },
    "update/momo": lambda s, g: {"m": _against(s, g, "beta1"), "F": _one(s), "r": _one(s)},
    "update/momo_adam": lambda s, g: {"m": _against(s, g, "beta1"), "q": _sizes(s), "F": _one(s), "r": _one(s)},
    "update/sam": lambda s, g: {"c": _numbers(s)},
    "update/adafactor": lambda s, g: {"r": _sizes(s)[:, :1], "c": _sizes(s)[:1]},
    "update/sm3": lambda s, g: {"m": _numbers(s), "r": _sizes(s)[:, :1], "c": _sizes(s)[:1]},
    "update/muon": lambda s, g: {"m": _against(s, g, "mu")},
    "update/centralize": lambda s, g: {},
    "update/clip_by_block_rms": lambda s, g: {},
    "update/normalize_by_update_norm": lambda s, g: {},
    "update/lbfgs": lambda s, g: {"s": _numbers(s), "y": _numbers(s)},
    "update/lars": lambda s, g: {"b": _numbers(s)},
    "update/lamb": lambda s, g: {"m": _against(s, g, "beta1"), "q": _sizes(s)},
    "update/novograd": lambda s, g: {"m": _numbers(s), "q": _one(s)},
    "update/fromage": lambda s, g: {},
    "update/adaptive_clipping": lambda s, g: {},
}


def _step(accumulators: Accumulators) -> Draw:
    def draw(s: Source) -> Drawn:
        t, w, g = int(s.rng.choice(TIMES)), _numbers(s), _numbers(s)
        kept = accumulators(s, g) if t > 1 else {}
        return Drawn({"w": w, "dC": g, **kept}, {}, {"t": t})

    return draw


DRAWS: dict[str, Draw] = {id: _step(accumulators) for id, accumulators in RULES.items()}
