"""How rounding differences grow with depth and width, beside what the propagated error predicts."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np

from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding
from gradproof.networks.configurations import DEEP
from gradproof.networks.draws import Cases
from gradproof.networks.errors import unit_roundoff
from gradproof.networks.gradients import bound, flat
from gradproof.networks.judge import distance
from gradproof.networks.tolerance import propagate
from gradproof.tasks import Plan, Task
from reference import CATALOGUE
from reference.network import backprop

SUBJECT = "network/gradient"
DEPTHS, WIDTHS = (1, 2, 4, 8, 16, 32), (4, 16, 64, 256)
DEPTH, WIDTH, BATCH, NETWORKS = 2, 16, 8, 12  # what is held while the other varies, and how many are drawn
CONSTANTS = {"shape": {"depth": DEPTH, "width": WIDTH, "batch": BATCH, "networks": NETWORKS}}


def measure(dtype: str, seed: int, names: Sequence[str]) -> list[Finding]:
    """For each pair of sides the median ‖p − q‖/‖p‖ of the whole gradient, and the median predicted ‖σ‖/‖p‖."""
    shapes = [("depth", d, d, WIDTH) for d in DEPTHS] + [("width", w, DEPTH, w) for w in WIDTHS]
    found: dict[tuple[str, str], dict[str, float]] = {}
    for along, at, depth, width in shapes:
        for pair, relative in _relative(depth, width, dtype, seed, installed(names, "network")).items():
            found.setdefault((along, pair), {})[str(at)] = float(f"{relative:.3g}")
    return [
        Finding("scaling", SUBJECT, along, dtype=dtype, side=pair, max=max(by.values()),
                more={"unit": "‖p − q‖/‖p‖", "relative": by})
        for (along, pair), by in found.items()
    ]  # fmt: skip


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each dtype."""
    if plan.wants(*DEEP):
        for dtype in plan.those(("float32", "float64")):
            yield Task(dtype, functools.partial(measure, dtype, plan.seed, plan.oracles))


def _relative(depth: int, width: int, dtype: str, seed: int, oracles: dict[str, ModuleType]) -> dict[str, float]:
    rng = np.random.default_rng([seed, depth, width])
    sizes = [width] * (depth + 1) + [3]
    shapes = list(zip(sizes[1:], sizes[:-1], strict=True))
    W = [(rng.standard_normal((NETWORKS, *s)) / np.sqrt(s[1])).astype(dtype) for s in shapes]
    b = [(0.3 * rng.standard_normal((NETWORKS, s[0]))).astype(dtype) for s in shapes]
    x = rng.standard_normal((NETWORKS, BATCH, width)).astype(dtype)
    y = rng.standard_normal((NETWORKS, BATCH, 3)).astype(dtype)
    hidden, output, cost = (CATALOGUE[id] for id in DEEP)
    g = backprop(x, y, W, b, [hidden.function] * depth + [output.function], bound(cost))
    t = propagate(g, Cases(x, y, W, b), hidden, output, cost, unit_roundoff(np.dtype(dtype)))
    answers = {"ours": flat((g.cost, g.dW, g.db))}
    for name, oracle in oracles.items():
        answers[name] = flat(oracle.network(x, y, W, b, *DEEP))
    size, sigma = answers["ours"].norm, t.sigma.norm
    found = {"predicted": float(np.median(np.sqrt(2) * sigma / size))}
    for first, second in itertools.combinations(answers, 2):
        apart = distance(answers[first], answers[second], t).norm * sigma / size
        found[f"{first}-{second}"] = float(np.median(apart))
    return found
