"""JAX's and Optax's activations, under the names of our records, and what they do not have, written out.

z may have any shape; a vector activation acts along `axis`, the last one unless told otherwise. Learnable parameters
may be numbers or 0-d arrays; the gradient with respect to one that JAX's own function does not have comes from the
definition in `SLOPES`.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import optax

from oracles.calls import Definition, Slopes


def _softplus(z: Any, beta: float = 1.0) -> Any:
    return jax.nn.softplus(z) if beta == 1 else jax.nn.softplus(beta * z) / beta


def _hardtanh(z: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    return jax.nn.hard_tanh(z) if (min_val, max_val) == (-1, 1) else jnp.clip(z, min_val, max_val)


def _logmeanexp(z: Any, axis: int = -1) -> Any:
    if hasattr(jax.nn, "logmeanexp"):
        return jax.nn.logmeanexp(z, axis=axis)
    return jax.nn.logsumexp(z, axis) - jnp.log(z.shape[axis])


OWN: dict[str, Definition] = {
    "activation/identity": lambda z: jax.nn.identity(z) if hasattr(jax.nn, "identity") else z,
    "activation/sigmoid": lambda z: jax.nn.sigmoid(z),
    "activation/tanh": lambda z: jnp.tanh(z),
    "activation/relu": lambda z: jax.nn.relu(z),
    "activation/relu6": lambda z: jax.nn.relu6(z),
    "activation/leaky_relu": lambda z, negative_slope=0.01: jax.nn.leaky_relu(z, negative_slope),
    "activation/elu": lambda z, alpha=1.0: jax.nn.elu(z, alpha),
    "activation/celu": lambda z, alpha=1.0: jax.nn.celu(z, alpha),
    "activation/selu": lambda z: jax.nn.selu(z),
    "activation/softplus": _softplus,
    "activation/softsign": lambda z: jax.nn.soft_sign(z),
    "activation/silu": lambda z: jax.nn.silu(z),
    "activation/gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "activation/gelu_tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "activation/mish": lambda z: jax.nn.mish(z),
    "activation/hardtanh": _hardtanh,
    "activation/hardsigmoid": lambda z: jax.nn.hard_sigmoid(z),
    "activation/hardswish": lambda z: jax.nn.hard_swish(z),
    "activation/logsigmoid": lambda z: jax.nn.log_sigmoid(z),
    "activation/squareplus": lambda z, b=4.0: jax.nn.squareplus(z, b),
    "activation/sparse_plus": lambda z: jax.nn.sparse_plus(z),
    "activation/sparse_sigmoid": lambda z: jax.nn.sparse_sigmoid(z),
    "activation/exp": lambda z: jnp.exp(z),
    "activation/arctan": lambda z: jnp.arctan(z),
    "activation/log_cosh": lambda z: optax.log_cosh(z),
    "activation/huber": lambda z, delta=1.0: optax.huber_loss(z, delta=delta),
    "activation/softmax": lambda z, temperature=1.0, axis=-1: jax.nn.softmax(z / temperature, axis),
    "activation/log_softmax": lambda z, temperature=1.0, axis=-1: jax.nn.log_softmax(z / temperature, axis),
    "activation/logsumexp": lambda z, temperature=1.0, axis=-1: temperature * jax.nn.logsumexp(z / temperature, axis),
    "activation/logmeanexp": _logmeanexp,
    "activation/glu": lambda z, axis=-1: jax.nn.glu(z, axis),
}


def _leaky(z: Any, slope: Any) -> Any:
    return jnp.where(z > 0, z, slope * z)


def _softshrink(z: Any, lambd: Any = 0.5) -> Any:
    return jnp.where(z > lambd, z - lambd, jnp.where(z < -lambd, z + lambd, 0))


def _halves(gate: Definition) -> Definition:
    """a ⊙ gate(b) for the halves a, b of an axis."""

    def gated(z: Any, axis: int = -1) -> Any:
        a, b = jnp.split(z, 2, axis)
        return a * gate(b)

    return gated


def _maxout(z: Any, k: int = 2, axis: int = -1) -> Any:
    rows = jnp.moveaxis(z, axis, -1)
    return jnp.moveaxis(rows.reshape(*rows.shape[:-1], -1, int(k)).max(-1), -1, axis)


COMPOSED: dict[str, Definition] = {
    "activation/squared_relu": lambda z: jax.nn.relu(z) ** 2,
    "activation/prelu": lambda z, weight=0.25: _leaky(z, weight),
    "activation/rrelu": lambda z, lower=1 / 8, upper=1 / 3: _leaky(z, (lower + upper) / 2),
    "activation/hardshrink": lambda z, lambd=0.5: jnp.where(jnp.abs(z) > lambd, z, 0),
    "activation/softshrink": _softshrink,
    "activation/tanhshrink": lambda z: z - jnp.tanh(z),
    "activation/threshold": lambda z, threshold=0.0, value=0.0: jnp.where(z > threshold, z, value),
    "activation/gaussian": lambda z: jnp.exp(-z * z),
    "activation/softplus_threshold": lambda z, beta=1.0, threshold=20.0: jnp.where(
        beta * z > threshold, z, jax.nn.softplus(beta * z) / beta
    ),
    "activation/softmin": lambda z, temperature=1.0, axis=-1: jax.nn.softmax(-z / temperature, axis),
    "activation/geglu": _halves(lambda b: jax.nn.gelu(b, approximate=False)),
    "activation/swiglu": _halves(jax.nn.silu),
    "activation/reglu": _halves(jax.nn.relu),
    "activation/maxout": _maxout,
    "activation/l2_normalize": lambda z, axis=-1: z / jnp.linalg.norm(z, axis=axis, keepdims=True),
}

# Gradients by parameters that JAX's own function does not have.
SLOPES: dict[str, Slopes] = {
    "activation/softplus": Slopes(lambda z, beta: jax.nn.softplus(beta * z) / beta, ("beta",)),
    "activation/hardtanh": Slopes(
        lambda z, min_val=-1.0, max_val=1.0: jnp.clip(z, min_val, max_val), ("min_val", "max_val")
    ),
    **{
        f"activation/{name}": Slopes(OWN[f"activation/{name}"], ("temperature",))
        for name in ("softmax", "log_softmax", "logsumexp")
    },
}
