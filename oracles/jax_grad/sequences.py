"""Costs of sequences in JAX, forward in time."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition
from oracles.jax_grad.costs import reduce


def _crf(
    z: Any,
    transitions: Any,
    labels: Any,
    start: Any = None,
    end: Any = None,
    lengths: Any = None,
    reduction: str = "mean",
) -> Any:
    n, T, K = z.shape
    frames = jnp.full(n, T) if lengths is None else lengths
    begin, close = (jnp.zeros(K, z.dtype) if q is None else q for q in (start, end))

    def term(x: Any, y: Any, length: Any) -> Any:
        y = jnp.where(jnp.arange(T) < length, y, 0)
        alpha, score = begin + x[0], begin[y[0]] + x[0, y[0]]
        for t in range(1, T):
            onward = jax.nn.logsumexp(alpha[:, None] + transitions, 0) + x[t]
            alpha = jnp.where(t < length, onward, alpha)
            score = jnp.where(t < length, score + transitions[y[t - 1], y[t]] + x[t, y[t]], score)
        last = close[y[jnp.maximum(length - 1, 0)]]
        return jnp.where(length > 0, jax.nn.logsumexp(alpha + close) - score - last, 0)

    return reduce(jax.vmap(term)(z, labels, frames), reduction)


def _transducer(
    a: Any, labels: Any, input_lengths: Any = None, target_lengths: Any = None, blank: int = 0, reduction: str = "mean"
) -> Any:
    n, T, above, _ = a.shape
    frames = jnp.full(n, T) if input_lengths is None else input_lengths
    lengths = jnp.full(n, above - 1) if target_lengths is None else target_lengths

    def term(x: Any, row: Any, frame: Any, length: Any) -> Any:
        alpha: dict[tuple[int, int], Any] = {(0, 0): jnp.zeros((), x.dtype)}
        for t in range(T):
            for u in range(above):
                ways = [alpha[t - 1, u] + x[t - 1, u, blank]] if t else []
                ways += [alpha[t, u - 1] + x[t, u - 1, row[u - 1]]] if u else []
                if ways:
                    alpha[t, u] = jax.nn.logsumexp(jnp.stack(ways))
        table = jnp.stack([alpha[t, u] for t in range(T) for u in range(above)]).reshape(T, above)
        return -table[frame - 1, length] - x[frame - 1, length, blank]

    inside = jnp.where(jnp.arange(above - 1) < lengths[:, None], labels, 0)
    return reduce(jax.vmap(term)(a, inside, frames, lengths), reduction)


COMPOSED: dict[str, Definition] = {"cost/crf": _crf, "cost/transducer": _transducer}
