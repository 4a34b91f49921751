"""Training parity of blocks: ours, torch and jax from the same weights through the same batches, by gradient steps.

In exact arithmetic their costs would stay equal; how they part shows what rounding does over a training run.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gradproof.answers.frameworks import sides
from gradproof.cases.blocks import matrix, of_block
from gradproof.cases.case import Case, as_dtype
from gradproof.cases.data import dataset
from gradproof.evidence.finding import Finding, short
from gradproof.tasks import Plan, Task
from reference.formula import Array
from reference.updates.optimizers import sgd

Arrays = dict[str, Array]

DTYPES = ("float64", "float32")
STEPS, BATCH = 200, 8
RECORDED = (1, 2, 5, 10, 20, 50, 100, 150, STEPS)
LAST = 20  # batches whose mean is the cost at the end, and at the beginning
TEXT = (
    "a gradient goes back the way its value came. what was multiplied is multiplied again, by the other factor; "
    "what was added is handed on as it is; and where a value went two ways, what comes back on both is added. "
)
LETTERS = sorted(set(TEXT))
PLACES, WIDTH, BLOCKS = 12, 16, 2  # of the language model: letters of a row, entries of each, blocks
DIGITS = 10


def text(rng: np.random.Generator) -> Arrays:
    """Pieces of the text, and the letters that follow them."""
    letters = np.array([LETTERS.index(letter) for letter in TEXT])
    at = rng.integers(0, len(letters) - PLACES, (BATCH, 1)) + np.arange(PLACES)  # (n, T)
    return {"tokens": letters[at], "labels": letters[at + 1]}


def digits(rng: np.random.Generator, shape: tuple[int, ...]) -> Arrays:
    """Pictures of digits, each of this shape.  (n, *shape), (n,)."""
    x, y = dataset("digits")
    chosen = rng.integers(0, len(x), BATCH)
    return {"x": x[chosen].reshape(BATCH, *shape), "labels": y[chosen].argmax(-1)}


def language_model(rng: np.random.Generator) -> Arrays:
    """Two blocks with heads that share a key, norms of weight 1."""
    blocks = [of_block(rng, WIDTH, 2 * WIDTH, heads=4, kv_heads=2, entries=4) for _ in range(BLOCKS)]
    ones = {"norm1": np.ones((BLOCKS, WIDTH)), "norm2": np.ones((BLOCKS, WIDTH)), "last_norm": np.ones(WIDTH)}
    tables = {"embedding": matrix(rng, len(LETTERS), WIDTH), "positions": matrix(rng, PLACES, WIDTH)}
    return {**tables, **{name: np.stack([block[name] for block in blocks]) for name in blocks[0]}, **ones}


def convolutional_network(rng: np.random.Generator) -> Arrays:
    """4 channels of 8 × 8, then 8 channels of 2 × 2."""
    kernels = {"kernel1": matrix(rng, 4, 1, 3, 3), "kernel2": matrix(rng, 8, 4, 3, 3)}
    biases = {"bias1": np.zeros(4), "bias2": np.zeros(8), "bias": np.zeros(DIGITS)}
    return {**kernels, **biases, "weight": matrix(rng, DIGITS, 8 * 2 * 2)}


def lstm_classifier(rng: np.random.Generator) -> Arrays:
    """12 units, which read 8 rows of 8 pixels."""
    weights = {"weight_x": matrix(rng, 4 * 12, 8), "weight_h": matrix(rng, 4 * 12, 12)}
    return {**weights, "bias": np.zeros(4 * 12), "weight": matrix(rng, DIGITS, 12), "out_bias": np.zeros(DIGITS)}


@dataclass(frozen=True)
class Learning:
    """A block that learns, the learning rate, what draws its first weights and a batch, and its options."""

    block: str
    eta: float
    weights: Callable[[np.random.Generator], Arrays]
    batch: Callable[[np.random.Generator], Arrays]
    options: Mapping[str, int] = field(default_factory=dict)


LEARNING = (
    Learning("block/language_model", 0.3, language_model, text, {"heads": 4, "kv_heads": 2}),
    Learning("block/convolutional_network", 0.1, convolutional_network, functools.partial(digits, shape=(1, 8, 8))),
    Learning("block/lstm_classifier", 0.3, lstm_classifier, functools.partial(digits, shape=(8, 8))),
)


def costs(task: Learning, dtype: str, seed: int, names: Sequence[str]) -> dict[str, Array]:
    """The cost of the batch of every step, by side, each with weights of its own.  (STEPS,) each."""
    rng = np.random.default_rng(seed)
    start = {name: as_dtype(w, dtype) for name, w in task.weights(rng).items()}
    answering = sides(names)
    weights = {side: [*start.values()] for side in answering}
    found = {side: np.empty(STEPS) for side in answering}
    for step in range(STEPS):
        batch = {name: as_dtype(x, dtype) if x.dtype.kind == "f" else x for name, x in task.batch(rng).items()}
        for side, answer in answering.items():
            arguments = {**batch, **dict(zip(start, weights[side], strict=True))}
            said = answer(Case(task.block, dtype, "training", seed, arguments, None, task.options))
            found[side][step] = said.outputs["value"]
            weights[side] = sgd(weights[side], [said.gradients[name] for name in start], eta=task.eta)[0]
    return found


def parity(task: Learning, dtype: str, seed: int, names: Sequence[str]) -> list[Finding]:
    """How the costs of each pair of sides part over the steps, |C − C′|/C, and what each side has learned."""
    by_side = costs(task, dtype, seed, names)
    found = []
    for one, other in itertools.combinations(by_side, 2):
        apart = np.abs(by_side[one] - by_side[other]) / by_side[one]  # (STEPS,)
        shown = [short(float(apart[step - 1]), 3) for step in RECORDED]
        found.append(Finding("parity", task.block, dtype=dtype, side=f"{one}-{other}", max=short(float(apart.max()), 3),
                             more={"unit": "|C − C′|/C", "steps": RECORDED, "differences": shown}))  # fmt: skip
    for side, C in by_side.items():
        more = {"before": short(float(C[:LAST].mean())), "after": short(float(C[-LAST:].mean()))}
        found.append(Finding("learned", task.block, dtype=dtype, side=side, more=more))
    return found


def tasks(plan: Plan) -> Iterator[Task]:
    """A task for each block that learns and dtype."""
    for task in LEARNING:
        for dtype in plan.those(DTYPES) if plan.wants(task.block) else ():
            call = functools.partial(parity, task, dtype, plan.seed, plan.oracles)
            yield Task(f"training of {task.block} in {dtype}", call, 4)
