"""Cost and all gradients of a network, ours against everybody else's and against the bare matrix products."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.peers import PEERS, Call, Problem, matrix_products
from benchmarks.timing import take_turns
from gradproof.evidence.finding import Finding

NETWORKS: tuple[tuple[tuple[int, ...], int], ...] = (  # sizes and batch
    ((2, 3, 2), 1),
    ((30, 30, 10), 10),
    ((784, 30, 10), 10),
    ((784, 128, 10), 32),
    ((784, 512, 512, 10), 128),
    ((1024, 1024, 1024, 1024), 256),
)
COMBINATIONS = (  # hidden activation, output activation, cost
    ("relu", "identity", "cross_entropy_probabilities"),
    ("sigmoid", "sigmoid", "quadratic"),
    ("tanh", "identity", "cross_entropy_probabilities"),
)
DTYPES = ("float32", "float64")


class Disagreement(Exception):
    """Two contenders do not compute the same thing, so their times must not be compared."""


def problems() -> list[Problem]:
    """Every network with every dtype and combination."""
    return [
        Problem(sizes, batch, dtype, *combination)
        for (sizes, batch), dtype, combination in itertools.product(NETWORKS, DTYPES, COMBINATIONS)
    ]


def check_agreement(p: Problem, calls: Mapping[str, Call]) -> None:
    """Raise Disagreement unless cost and every gradient of all calls agree, in the dtype of the problem.

    They must agree to half of the digits, ‖ours − theirs‖ ≤ √u·‖ours‖: that tells another formula, factor or layout
    from rounding, also where rounding takes a unit across the kink of relu.
    """

    def named(who: str) -> dict[str, Any]:
        C, dW, db = calls[who]()
        layers = range(1, len(dW) + 1)
        names = ["C", *(f"∂C/∂W of layer {l}" for l in layers), *(f"∂C/∂b of layer {l}" for l in layers)]
        return dict(zip(names, map(np.asarray, (C, *dW, *db)), strict=True))

    mine = named("ours")
    limit = float(np.sqrt(np.finfo(p.dtype).eps / 2))
    for who in calls:
        for name, theirs in named(who).items():
            where = f"{describe(p)}: {name} by {who}"
            if theirs.dtype != p.dtype or theirs.shape != mine[name].shape:
                raise Disagreement(
                    f"{where} is {theirs.dtype} of shape {theirs.shape}, expected {p.dtype} of {mine[name].shape}"
                )
            apart = float(np.linalg.norm(mine[name] - theirs) / np.linalg.norm(mine[name]))
            if not apart <= limit:
                raise Disagreement(f"{where} differs from ours by {apart:.1e} of its norm, more than {limit:.1e}")


def describe(p: Problem) -> str:
    """One line for progress and errors, e.g. 784-30-10 batch 10 float32 relu-identity-cross_entropy_probabilities."""
    return f"{'-'.join(map(str, p.sizes))} batch {p.batch} {p.dtype} {p.hidden}-{p.output}-{p.cost}"


def measure(
    rounds: int,
    seconds: float = 0.005,
    chosen: list[Problem] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Iterator[Finding]:
    """One finding per problem and contender: seconds per call, one figure a round.  Raises Disagreement."""
    for p in problems() if chosen is None else chosen:
        progress(describe(p))
        calls = {who: peer(p) for who, peer in PEERS.items()}
        check_agreement(p, calls)
        measured = take_turns({**calls, "products": matrix_products(p)}, rounds, seconds)
        for who, times in measured.items():
            given = {name: value for name, value in asdict(p).items() if name != "dtype"}
            more = {**given, "seconds": [float(f"{t:.4g}") for t in times]}
            yield Finding("gradient", "network/gradient", describe(p), dtype=p.dtype, side=who, more=more)
