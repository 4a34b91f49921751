"""JAX's layers with its own defaults, where those of `OWN` are ours or it has more than that: for conventions."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from oracles.calls import Definition


def _standardize(x: Any, axis: int = -1, **options: Any) -> Any:
    return jax.nn.standardize(x, axis, **{{"eps": "epsilon"}.get(name, name): p for name, p in options.items()})


def _lstm(x: Any, h0: Any, c0: Any, weight_x: Any, weight_h: Any) -> dict[str, Any]:
    """Its sequences lie with the example first, and its states under the number of the layer."""
    try:
        from jax.experimental.rnn import lstm_ref
    except ImportError as error:
        raise LookupError(f"not in this version: {error}") from error
    zero, lengths = jnp.zeros(len(weight_x), x.dtype), jnp.full(x.shape[1], len(x), jnp.int32)
    arrays = x.swapaxes(0, 1), h0[None], c0[None], {0: weight_x}, {0: weight_h}, {0: zero}, {0: zero}, lengths
    y, h, c = lstm_ref(*arrays, x.shape[2], h0.shape[1], 1, 0.0, False)
    return {"value": y.swapaxes(0, 1), "h": h[0], "c": c[0]}


def _conv_transpose(x: Any, weight: Any) -> Any:
    return jax.lax.conv_transpose(x, weight, (1,), "VALID", dimension_numbers=("NCH", "OIH", "NCH"))


def _reduce_window(x: Any, kernel_size: int, stride: int = 1, padding: int = 0) -> Any:
    sizes, steps, pads = (1, 1, kernel_size), (1, 1, stride), ((0, 0), (0, 0), (padding, padding))
    return jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, sizes, steps, pads)


NATIVE: dict[str, Definition] = {
    "layer/layer_norm": _standardize,
    "layer/batch_norm": lambda x, **options: _standardize(x, 0, **options),
    "layer/group_norm": lambda x, groups, **options: _standardize(x.reshape(len(x), groups, -1), **options),
    "layer/transposed_convolution": _conv_transpose,
    "layer/max_pooling": _reduce_window,
    "layer/lstm": _lstm,
    "layer/embedding": lambda weight, indices: jnp.take(weight, indices, 0),
    "layer/variance": lambda x, **options: jnp.var(x, -1, **options),
    "layer/standard_deviation": lambda x, **options: jnp.std(x, -1, **options),
}
