"""JAX's answer: `jax.nn` and `optax` where they have the function, else its plain `jnp` definition; then `grad`.

Everything is compiled as a whole by `jit`, as JAX is used. A network is one program per shape and dtype:
activations and cost are chosen at run time by `lax.switch`, so that a cross product of thousands of configurations
compiles a handful of programs. Importing this module switches JAX to 64-bit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

from oracles.cost_arguments import ENDS, MATRIX_PENALTIES
from oracles.jax_grad import costs as optax_costs
from oracles.jax_grad import regularizers as jax_penalties

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

NAME = "jax"
VERSION = str(jax.__version__)

Definition = Callable[..., Any]


def _softplus(z: Any, beta: float = 1.0) -> Any:
    return jax.nn.softplus(z) if beta == 1 else jax.nn.softplus(beta * z) / beta


ELEMENTWISE: dict[str, Definition] = {
    "activation/identity": jax.nn.identity,
    "activation/sigmoid": jax.nn.sigmoid,
    "activation/tanh": jnp.tanh,
    "activation/relu": jax.nn.relu,
    "activation/relu6": jax.nn.relu6,
    "activation/squared_relu": lambda z: jax.nn.relu(z) ** 2,
    "activation/leaky_relu": lambda z, negative_slope=0.01: jax.nn.leaky_relu(z, negative_slope),
    "activation/prelu": lambda z, weight=0.25: jnp.where(z > 0, z, weight * z),
    "activation/rrelu": lambda z, lower=1 / 8, upper=1 / 3: jnp.where(z > 0, z, (lower + upper) / 2 * z),
    "activation/elu": lambda z, alpha=1.0: jax.nn.elu(z, alpha),
    "activation/celu": lambda z, alpha=1.0: jax.nn.celu(z, alpha),
    "activation/selu": jax.nn.selu,
    "activation/softplus": _softplus,
    "activation/softsign": jax.nn.soft_sign,
    "activation/silu": jax.nn.silu,
    "activation/gelu": lambda z: jax.nn.gelu(z, approximate=False),
    "activation/gelu_tanh": lambda z: jax.nn.gelu(z, approximate=True),
    "activation/mish": jax.nn.mish,
    "activation/hardtanh": lambda z, min_val=-1.0, max_val=1.0: (
        jax.nn.hard_tanh(z) if (min_val, max_val) == (-1, 1) else jnp.clip(z, min_val, max_val)
    ),
    "activation/hardsigmoid": jax.nn.hard_sigmoid,
    "activation/hardswish": jax.nn.hard_swish,
    "activation/hardshrink": lambda z, lambd=0.5: jnp.where(jnp.abs(z) > lambd, z, 0),
    "activation/softshrink": lambda z, lambd=0.5: jnp.where(z > lambd, z - lambd, jnp.where(z < -lambd, z + lambd, 0)),
    "activation/tanhshrink": lambda z: z - jnp.tanh(z),
    "activation/threshold": lambda z, threshold=0.0, value=0.0: jnp.where(z > threshold, z, value),
    "activation/logsigmoid": jax.nn.log_sigmoid,
    "activation/squareplus": lambda z, b=4.0: jax.nn.squareplus(z, b),
    "activation/sparse_plus": jax.nn.sparse_plus,
    "activation/sparse_sigmoid": jax.nn.sparse_sigmoid,
    "activation/gaussian": lambda z: jnp.exp(-z * z),
    "activation/exp": jnp.exp,
    "activation/arctan": jnp.arctan,
    "activation/log_cosh": lambda z: optax.log_cosh(z),
    "activation/huber": lambda z, delta=1.0: optax.huber_loss(z, delta=delta),
}


def _halves(gate: Definition) -> Definition:
    """a ⊙ gate(b) for the halves a, b of the last axis."""

    def gated(z: Any) -> Any:
        a, b = jnp.split(z, 2, -1)
        return a * gate(b)

    return gated


ROWWISE: dict[str, Definition] = {
    "activation/softmax": lambda z, temperature=1.0: jax.nn.softmax(z / temperature, -1),
    "activation/softmin": lambda z, temperature=1.0: jax.nn.softmax(-z / temperature, -1),
    "activation/log_softmax": lambda z, temperature=1.0: jax.nn.log_softmax(z / temperature, -1),
    "activation/logsumexp": lambda z, temperature=1.0: temperature * jax.nn.logsumexp(z / temperature, -1),
    "activation/glu": lambda z: jax.nn.glu(z, -1),
    "activation/geglu": _halves(lambda b: jax.nn.gelu(b, approximate=False)),
    "activation/swiglu": _halves(jax.nn.silu),
    "activation/reglu": _halves(jax.nn.relu),
    "activation/maxout": lambda z, pieces=2: z.reshape(*z.shape[:-1], -1, int(pieces)).max(-1),
    "activation/l2_normalize": lambda z: z / jnp.linalg.norm(z, axis=-1, keepdims=True),
}

# Written out from the definition, since jax and optax have no such function; all others are their own.
COMPOSED = frozenset(
    f"activation/{name}"
    for name in ("squared_relu", "prelu", "rrelu", "hardshrink", "softshrink", "tanhshrink", "threshold", "gaussian",
                 "softmin", "geglu", "swiglu", "reglu", "maxout", "l2_normalize")
)  # fmt: skip


def _over_examples(per_entry: Any) -> Any:
    """Sum over the outputs, mean over the examples.  (..., n, d) -> (...)."""
    return per_entry.sum((-2, -1)) / per_entry.shape[-2]


def _over_entries(per_entry: Any) -> Any:
    """Mean over outputs and examples.  (..., n, d) -> (...)."""
    return per_entry.mean((-2, -1))


COSTS: dict[str, Definition] = {
    "cost/quadratic": lambda a, y: _over_examples(optax.l2_loss(a, y)),
    "cost/mse": lambda a, y: _over_entries(optax.squared_error(a, y)),
    "cost/mae": lambda a, y: _over_entries(jnp.abs(a - y)),
    "cost/huber": lambda a, y, delta=1.0: _over_entries(optax.huber_loss(a, y, delta=delta)),
    "cost/bce": lambda a, y: _over_examples(-jax.scipy.special.xlogy(y, a) - jax.scipy.special.xlog1py(1 - y, -a)),
    "cost/bce_logits": lambda z, y: _over_examples(optax.sigmoid_binary_cross_entropy(z, y)),
    "cost/cross_entropy": lambda a, y: _over_examples(-jax.scipy.special.xlogy(y, a)),
    "cost/nll": lambda a, y: _over_examples(-y * a),
    "cost/softmax_cross_entropy": lambda z, y: optax.softmax_cross_entropy(z, y).mean(-1),
    **{id: optax_costs.ending(id) for id in ENDS},
}

REGULARIZERS: dict[str, Definition] = {
    "regularizer/none": lambda w: 0 * w.sum((-2, -1)),
    "regularizer/l2": lambda w, lam=0.1, n=1: lam / (2 * n) * jnp.square(w).sum((-2, -1)),
    "regularizer/l1": lambda w, lam=0.1: lam * jnp.abs(w).sum((-2, -1)),
    "regularizer/elastic_net": lambda w, lam=0.1, mix=0.5: (
        lam * (mix * jnp.abs(w) + (1 - mix) / 2 * jnp.square(w)).sum((-2, -1))
    ),
    **{id: jax_penalties.stacked(id) for id in MATRIX_PENALTIES},
}


def cache_programs(folder: str) -> None:
    """Keep compiled programs in `folder` between runs."""
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def forget_programs() -> None:
    """Drop every compiled program from memory: a process that meets thousands of them would keep them all."""
    _program.cache_clear()
    _vjp_program.cache_clear()
    jax.clear_caches()


@functools.cache
def _vjp_program(f: Definition, parameters: tuple[tuple[str, float], ...]) -> Any:
    """One jitted program of a definition: value, and pullback of a cotangent v, or of ones."""

    def pair(x: Any, *rest: Any, v: Any = None) -> tuple[Any, Any]:
        value, back = jax.vjp(lambda x: f(x, *rest, **dict(parameters)), x)
        return value, back(jnp.ones_like(value) if v is None else v)[0]

    return jax.jit(pair)


def _vjp(f: Definition, parameters: Mapping[str, float], *arrays: Any, v: Any = None) -> tuple[Any, Any]:
    value, slope = _vjp_program(f, tuple(sorted(parameters.items())))(*map(jnp.asarray, arrays), v=v)
    return np.asarray(value), np.asarray(slope)


def elementwise(id: str, z: Any, **parameters: float) -> tuple[Any, Any]:
    """Value and slope of an activation at every entry of z, in the dtype of z (NumPy in, NumPy out)."""
    return _vjp(ELEMENTWISE[id], parameters, z)


def pullback(id: str, z: Any, v: Any, **parameters: float) -> tuple[Any, Any]:
    """Value of a row-wise activation and the pullback of the cotangent v."""
    return _vjp(ROWWISE[id], parameters, z, v=jnp.asarray(v))


def cost(id: str, a: Any, y: Any, **parameters: float) -> tuple[Any, Any]:
    """Cost and its gradient with respect to a.  a, y: (..., n, d) -> (...), (..., n, d)."""
    return _vjp(COSTS[id], parameters, a, y)


def regularizer(id: str, w: Any, **parameters: float) -> tuple[Any, Any]:
    """Penalty of one weight matrix and its gradient."""
    return _vjp(REGULARIZERS[id], parameters, w)


def _switch(index: Any, branches: Sequence[Definition], z: Any) -> Any:
    """`lax.switch`, with each branch's own `vjp` taken behind the switch of the backward pass.

    Left to itself JAX makes every branch hand over what any branch keeps for the backward pass, which takes longer
    to compile than to compute again.
    """

    @jax.custom_vjp  # type: ignore[untyped-decorator]
    def chosen(z: Any) -> Any:
        return lax.switch(index, branches, z)

    def pullback(z: Any, v: Any) -> Any:
        return (lax.switch(index, [lambda z, v, f=f: jax.vjp(f, z)[1](v)[0] for f in branches], z, v),)

    chosen.defvjp(lambda z: (chosen(z), z), pullback)
    return chosen(z)


@functools.cache
def _program(
    activations: tuple[str, ...],
    outputs: tuple[str, ...],
    costs: tuple[str, ...],
    regularizers: tuple[str, ...],
    given: tuple[tuple[str, tuple[tuple[str, float], ...]], ...],
) -> Any:
    """One jitted program that can be any network and cost drawn from these ids (parameters fixed).

    Each of the regularizers has its block of the first axis.
    """
    parameters = {id: dict(values) for id, values in given}
    table = {**ELEMENTWISE, **ROWWISE, **COSTS, **REGULARIZERS}

    def branches(ids: tuple[str, ...]) -> list[Definition]:
        return [functools.partial(table[id], **parameters.get(id, {})) for id in ids]

    penalties = branches(regularizers)

    def penalty(w: Any) -> Any:
        if len(penalties) == 1:
            return penalties[0](w)
        blocks = jnp.split(w, len(penalties))
        return jnp.concatenate([f(block) for f, block in zip(penalties, blocks, strict=True)])

    def total(p: Any, x: Any, y: Any, hidden: Any, output: Any, cost: Any) -> Any:
        W, b = p
        a = x
        for layer, (w, c) in enumerate(zip(W, b, strict=True), 1):
            z = a @ w.mT + c[..., None, :]
            last = layer == len(W)
            a = _switch(output if last else hidden, branches(outputs if last else activations), z)
        C = _switch(cost, [lambda a, f=f: f(a, y) for f in branches(costs)], a)
        for w in W:
            C = C + penalty(w)
        return C.sum(), C

    return jax.jit(jax.grad(total, has_aux=True))


def network(
    x: Any,
    y: Any,
    W: Sequence[Any],
    b: Sequence[Any],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str | Sequence[str] = "regularizer/none",
    parameters: Mapping[str, Mapping[str, float]] | None = None,
    among: Sequence[Sequence[str]] | None = None,
) -> tuple[Any, list[Any], list[Any]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network, for all leading axes at once.

    `regularizer` is one id, or one for each of as many equal blocks of the first axis. `among` are the (activations,
    outputs, costs) that one compiled program shall cover; by default just those asked for.
    """
    choice = (hidden, output, cost)
    families = tuple(tuple(f) for f in among) if among else tuple((id,) for id in choice)
    regularizers = (regularizer,) if isinstance(regularizer, str) else tuple(regularizer)
    given = tuple(sorted((id, tuple(sorted(p.items()))) for id, p in (parameters or {}).items()))
    indices = [family.index(id) for family, id in zip(families, choice, strict=True)]
    (dW, db), C = _program(*families, regularizers, given)((list(W), list(b)), x, y, *indices)
    return np.asarray(C), [np.asarray(g) for g in dW], [np.asarray(g) for g in db]
