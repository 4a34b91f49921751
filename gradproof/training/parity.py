"""Training parity: ours, torch and jax from the same parameters through the same mini-batches.

Each side computes its own gradients and takes plain gradient steps. In exact arithmetic the three would stay
together; how they part shows what rounding does over a training run.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from gradproof.cases.data import dataset
from gradproof.evidence.environment import installed
from gradproof.evidence.finding import Finding
from gradproof.tasks import Plan, Task
from gradproof.training.settings import LEARNING, OUTPUT, Learning
from reference import CATALOGUE
from reference.formula import Array
from reference.network import backprop, feedforward
from reference.updates.optimizers import sgd

SUBJECT = "network/training"
DTYPES = ("float32", "float64")
STEPS, BATCH = 500, 32
RECORDED = sorted({*(2**k for k in range(9)), *range(50, STEPS + 1, 50)})


def _functions(task: Learning) -> tuple[list[Any], Any]:
    layers = [CATALOGUE[task.hidden].function] * (len(task.sizes) - 2) + [CATALOGUE[OUTPUT].function]
    return layers, CATALOGUE[task.cost].function


def _score(task: Learning, x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> float:
    out = feedforward(x, W, b, _functions(task)[0]).a[-1]
    if task.score == "accuracy":
        right = out.argmax(-1) == y.argmax(-1) if y.shape[-1] > 1 else (out > 0) == (y > 0.5)
        return float(right.mean())
    return float(((out - y) ** 2).mean())


def _gradients(task: Learning, module: ModuleType | None) -> Callable[..., tuple[list[Array], list[Array]]]:
    """(x, y, W, b) -> (∂C/∂W, ∂C/∂b) by us, or by an oracle."""
    if module is not None:
        cost = CATALOGUE[task.cost]
        ends = (cost.prediction, cost.target)
        return lambda *q: module.network(*q, task.hidden, OUTPUT, task.cost, ends=ends)[1:]

    def ours(x: Array, y: Array, W: Sequence[Array], b: Sequence[Array]) -> tuple[list[Array], list[Array]]:
        g = backprop(x, y, W, b, *_functions(task))
        return g.dW, g.db

    return ours


def parity(task: Learning, dtype: str, seed: int, names: Sequence[str]) -> list[Finding]:
    """How the parameters of each pair of sides part over the steps, and each side's score before and after.

    A distance is ‖p − q‖/‖p‖ over all weights and biases together.
    """
    oracles = installed(names, "network")
    rng = np.random.default_rng(seed)
    x, y = (q.astype(dtype) for q in dataset(task.data))
    shapes = list(zip(task.sizes[1:], task.sizes[:-1], strict=True))
    W = [(rng.standard_normal(s) / np.sqrt(s[1])).astype(dtype) for s in shapes]
    b = [np.zeros(s[0], dtype) for s in shapes]
    sides: dict[str, tuple[list[Array], list[Array]]] = dict.fromkeys(("ours", *oracles), (W, b))
    compute = {name: _gradients(task, oracles.get(name)) for name in sides}
    apart: dict[str, list[float]] = {}
    for step in range(1, STEPS + 1):
        batch = rng.integers(0, len(x), BATCH)
        for name, (weights, biases) in sides.items():
            dW, db = compute[name](x[batch], y[batch], weights, biases)
            sides[name] = (sgd(weights, dW, eta=task.eta)[0], sgd(biases, db, eta=task.eta)[0])
        if step in RECORDED:
            flat = {n: np.concatenate([np.ravel(q).astype(float) for p in s for q in p]) for n, s in sides.items()}
            for first, second in itertools.combinations(flat, 2):
                distance = np.linalg.norm(flat[first] - flat[second]) / np.linalg.norm(flat[first])
                apart.setdefault(f"{first}-{second}", []).append(float(f"{distance:.3g}"))
    found = [
        Finding("distance", SUBJECT, task.data, dtype=dtype, side=pair, max=max(distances),
                more={"unit": "‖p − q‖/‖p‖", "steps": RECORDED, "distances": distances})
        for pair, distances in apart.items()
    ]  # fmt: skip
    return found + [
        Finding("score", SUBJECT, task.data, dtype=dtype, side=name, more={
            "measure": task.score, "before": round(_score(task, x, y, W, b), 4),
            "after": round(_score(task, x, y, weights, biases), 4),
        })
        for name, (weights, biases) in sides.items()
    ]  # fmt: skip


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each data set and dtype."""
    for task in LEARNING:
        if plan.wants(task.hidden, OUTPUT, task.cost):
            for dtype in plan.those(DTYPES):
                call = functools.partial(parity, task, dtype, plan.seed, plan.oracles)
                yield Task(f"{task.data} in {dtype}", call)
