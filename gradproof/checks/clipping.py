"""Gradient clipping: value and backward against torch and Optax, and what they do at the edges.

The tolerance for clipping by norm is the rounding bound of its two reductions over n entries: ‖g‖² and ⟨ĝ, v⟩ carry
a relative error of at most nu each, whatever the order of summation, and every further operation one u. Both sides
may use theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.evidence.verdicts import Verdict
from reference.formula import Array
from reference.updates.clipping import clip_by_norm, clip_by_value

CASES = 100
SEED = 21
SHAPES = ((5, 4), (5,), (3, 5))
OURS = {"update/clip_by_value": clip_by_value, "update/clip_by_norm": clip_by_norm}
TORCH_EPS = 1e-6  # what torch is found to add to the norm: the probe "length after clipping" measures it


def _flat(arrays: Sequence[Array]) -> Array:
    return np.concatenate([np.ravel(a) for a in arrays]).astype(np.float64)


def _draw(rng: np.random.Generator, dtype: str) -> tuple[list[Array], list[Array], float]:
    """Gradients and random cotangents; the limit lies on either side of the norm."""
    g, v = ([rng.standard_normal(s).astype(dtype) for s in SHAPES] for _ in range(2))
    return g, v, float(rng.choice([0.3, 0.9, 1.1]) * np.linalg.norm(_flat(g)))


def _tolerances(g: Array, v: Array, limit: float, u: float) -> tuple[Array, Array]:
    """Bounds for value and backward of clipping by norm, entry by entry."""
    norm = float(np.linalg.norm(g))
    scale = min(1.0, limit / norm)
    unit = np.abs(g) / norm
    reductions = (g.size + 8) * u
    return reductions * scale * np.abs(g), reductions * scale * (np.abs(v) + 3 * unit * float(unit @ np.abs(v)))


def agreement(oracles: Mapping[str, ModuleType]) -> list[dict[str, Any]]:
    """Evidence rows: worst difference over its tolerance, for value and backward, per function and dtype."""
    rows = []
    for who, oracle in oracles.items():
        for id, ours in OURS.items():
            for dtype in ("float32", "float64"):
                rng = np.random.default_rng(SEED)
                u = float(np.finfo(dtype).eps) / 2
                worst = {"value": 0.0, "value, ε put in": 0.0, "backward": 0.0}
                for _ in range(CASES):
                    g, v, limit = _draw(rng, dtype)
                    limit = 0.5 if id.endswith("value") else limit
                    clipped, pullback = ours(g, limit)
                    theirs = _flat(oracle.clip(id, g, limit))
                    back = _flat(oracle.clip_pullback(id, g, limit, v))
                    if id.endswith("value"):
                        tolerance = (np.zeros(1), np.zeros(1))
                    else:
                        tolerance = _tolerances(_flat(g), _flat(v), limit, u)
                    norm = float(np.linalg.norm(_flat(g)))
                    with_eps = _flat(g) * min(1.0, limit / (norm + TORCH_EPS))
                    for quantity, difference, bound in (
                        ("value", np.abs(_flat(clipped) - theirs), tolerance[0]),
                        ("value, ε put in", np.abs(with_eps - theirs), tolerance[0]),
                        ("backward", np.abs(_flat(pullback(v)) - back), tolerance[1]),
                    ):
                        with np.errstate(divide="ignore", invalid="ignore"):
                            ratio = np.where(difference == 0, 0, difference / (2 * bound))
                        worst[quantity] = max(worst[quantity], float(ratio.max()))
                for quantity in ("value", "backward"):
                    verdict, why = Verdict.agrees, ""
                    if worst[quantity] == 0:
                        verdict = Verdict.exact
                    elif worst[quantity] > 1:
                        verdict, why = Verdict.unknown, "outside the rounding bound, and nothing explains it"
                        if quantity == "value" and worst["value, ε put in"] <= 1:
                            verdict, why = Verdict.convention, "the norm is divided by after adding 10⁻⁶"
                    rows.append({"part": "clip", "id": id, "who": who, "dtype": dtype, "quantity": quantity,
                                 "cases": CASES, "ratio": float(f"{worst[quantity]:.3g}"), "verdict": verdict.value,
                                 "why": why})  # fmt: skip
    return rows


Side = tuple[
    Callable[[str, Sequence[Array], float], Any], Callable[[str, Sequence[Array], float, Sequence[Array]], Any]
]


def _ours() -> Side:
    return (
        lambda id, g, limit: OURS[id](g, limit)[0],
        lambda id, g, limit, v: OURS[id](g, limit)[1](v),
    )


def edges(oracles: Mapping[str, ModuleType]) -> list[dict[str, Any]]:
    """Evidence rows: clipping at its edges, by us and by each oracle."""
    sides: dict[str, Side] = {"ours": _ours(), **{w: (o.clip, o.clip_pullback) for w, o in oracles.items()}}
    value, norm = "update/clip_by_value", "update/clip_by_norm"
    g34, v12 = np.array([3.0, 4.0]), np.array([1.0, 2.0])
    spikes = np.full(2, 1e30, np.float32)
    probes: list[tuple[str, str, Callable[[Side], Any]]] = [
        ("length after clipping, over the limit, −1 (‖g‖ = 5, limit 0.001)", norm,
         lambda s: float(np.linalg.norm(s[0](norm, [g34], 1e-3)[0])) / 1e-3 - 1),
        ("backward at ‖g‖ = limit, g = (3, 4), v = (1, 2)", norm, lambda s: s[1](norm, [g34], 5.0, [v12])[0].tolist()),
        ("backward at g = 0, v = (1, 2)", norm, lambda s: s[1](norm, [0 * g34], 1.0, [v12])[0].tolist()),
        ("length of a clipped float32 (10³⁰, 10³⁰), limit 1", norm,
         lambda s: float(np.linalg.norm(s[0](norm, [spikes], 1.0)[0]))),
        ("g = (∞, 1), limit 1", norm, lambda s: s[0](norm, [np.array([np.inf, 1.0])], 1.0)[0].tolist()),
        ("g = 0, limit 0", norm, lambda s: s[0](norm, [0 * g34], 0.0)[0].tolist()),
        ("backward at g = limit = 1, v = 1", value, lambda s: s[1](value, [np.ones(1)], 1.0, [np.ones(1)])[0].tolist()),
        ("g = NaN, limit 1", value, lambda s: s[0](value, [np.full(1, np.nan)], 1.0)[0].tolist()),
    ]  # fmt: skip
    rows = []
    for topic, id, probe in probes:
        for who, side in sides.items():
            try:
                with np.errstate(all="ignore"):
                    measured = _text(probe(side))
            except ValueError as error:
                measured = f"ValueError: {error}"
            rows.append({"part": "clip edge", "topic": topic, "id": id, "who": who, "measured": measured})
    return rows


def _text(x: Any) -> str:
    if isinstance(x, list):
        return "(" + ", ".join(_text(e) for e in x) + ")"
    return "NaN" if math.isnan(x) else f"{x:.4g}"
