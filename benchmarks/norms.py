"""The norm of every example's own gradient: ours without any of these gradients, the others by making them all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

import numpy as np

from benchmarks.gradients import Disagreement, describe
from benchmarks.peers import Problem
from benchmarks.timing import take_turns
from gradproof.evidence.finding import Finding
from reference.network import per_example_norms

Call = Callable[[], Any]
NETWORKS: tuple[tuple[tuple[int, ...], int], ...] = (  # sizes and batch
    ((784, 30, 10), 10),
    ((784, 128, 10), 32),
    ((784, 512, 512, 10), 128),
)
FUNCTIONS = ("relu", "identity", "cross_entropy_probabilities")  # of the hidden layers, the last one, the cost


def problems() -> list[Problem]:
    """Every network in both dtypes."""
    return [Problem(sizes, n, dtype, *FUNCTIONS) for sizes, n in NETWORKS for dtype in ("float32", "float64")]


def ours(p: Problem) -> Call:
    """n times `reference.network.per_example_norms`, since the cost is a mean."""
    x, _, W, b = p.arrays
    y, (activations, cost), n = p.rows, p.functions, x.dtype.type(p.batch)
    return lambda: n * per_example_norms(x, y, W, b, activations, cost)


def jax_vmap(p: Problem, fused: bool = False) -> Call:
    """`jax.jit(jax.vmap(jax.grad(...)))` and a `jax.jit` of its norms, compiled beforehand; waits for the result.

    `fused` compiles both as one program, in which XLA need not store the gradients.
    """
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    x, _, W, b = p.arrays

    def cost(parameters: Any, a: Any, y: Any) -> Any:
        *hidden, (w, c) = zip(*parameters, strict=True)
        for inner, bias in hidden:
            a = jax.nn.relu(a @ inner.T + bias)
        return optax.softmax_cross_entropy(a @ w.T + c, y)

    def lengths(gradients: Any) -> Any:
        return jnp.sqrt(sum(jnp.sum(g * g, range(1, g.ndim)) for g in jax.tree.leaves(gradients)))

    gradients = jax.vmap(jax.grad(cost), (None, 0, 0))
    whole = jax.jit(lambda *given: lengths(gradients(*given)))
    first, then = jax.jit(gradients), jax.jit(lengths)
    program = whole if fused else lambda *given: then(first(*given))
    given = ([jnp.asarray(w) for w in W], [jnp.asarray(c) for c in b]), jnp.asarray(x), jnp.asarray(p.rows)
    return lambda: jax.block_until_ready(program(*given))


def torch_vmap(p: Problem) -> Call:
    """The norms of `torch.func.vmap(torch.func.grad(...))`."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    x, labels, W, b = p.arrays

    def cost(W: Any, b: Any, a: Any, label: Any) -> Any:
        for w, c in zip(W[:-1], b[:-1], strict=True):
            a = F.relu(F.linear(a, w, c))
        return F.cross_entropy(F.linear(a, W[-1], b[-1]), label)

    gradients = torch.func.vmap(torch.func.grad(cost, (0, 1)), (None, None, 0, 0))
    given = ([torch.from_numpy(q) for q in W], [torch.from_numpy(q) for q in b], torch.from_numpy(x),
             torch.from_numpy(labels))  # fmt: skip

    def call() -> Any:
        with torch.no_grad():
            dW, db = gradients(*given)
            return torch.sqrt(sum(g.flatten(1).square().sum(1) for g in (*dW, *db)))

    return call


PEERS: dict[str, Callable[[Problem], Call]] = {
    "ours": ours,
    "torch": torch_vmap,
    "jax": jax_vmap,
    "jax fused": partial(jax_vmap, fused=True),
}


def measure(
    rounds: int,
    seconds: float = 0.005,
    chosen: Sequence[Problem] | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Iterator[Finding]:
    """One finding per network and contender: seconds per call, one figure a round.  Raises Disagreement."""
    for p in problems() if chosen is None else chosen:
        where = f"norms of {describe(p)}"
        progress(where)
        calls = {who: peer(p) for who, peer in PEERS.items()}
        mine = np.asarray(calls["ours"]())
        for who, call in calls.items():
            theirs, limit = np.asarray(call()), float(np.sqrt(np.finfo(p.dtype).eps / 2))
            if theirs.dtype != p.dtype or not np.linalg.norm(theirs - mine) <= limit * np.linalg.norm(mine):
                raise Disagreement(f"{where} by {who} are {theirs[:3]} …, ours {mine[:3]} …")
        for who, times in take_turns(calls, rounds, seconds).items():
            given = {name: value for name, value in asdict(p).items() if name != "dtype"}
            more = {**given, "seconds": [float(f"{t:.4g}") for t in times]}
            yield Finding("norms", "network/gradient", where, dtype=p.dtype, side=who, more=more)
