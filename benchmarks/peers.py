"""The same gradient six times: a function each that takes a problem and returns what is to be timed.

Everything that a training loop does once (moving arrays, compiling, making parameters) is done before; the call that
is returned computes (C, [∂C/∂W], [∂C/∂b]) anew. Everybody gets W as (d_out, d_in) and z = x Wᵀ + b, and the targets
in the form that is best for them: torch takes labels, which it has a faster path for, the others one-hot rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reference import CATALOGUE, plan
from reference.costs import one_hot
from reference.formula import Array
from reference.network import backprop

Call = Callable[[], tuple[Any, Any, Any]]


@dataclass(frozen=True)
class Problem:
    """A dense network with random parameters and one mini-batch.

    `hidden`, `output` and `cost` are names in the catalogue: quadratic, or cross_entropy_probabilities of logits.
    """

    sizes: tuple[int, ...]
    batch: int
    dtype: str
    hidden: str
    output: str
    cost: str

    @cached_property
    def arrays(self) -> tuple[Array, Array, list[Array], list[Array]]:
        """x: (n, d_in), labels: (n,), W[l]: (d_out, d_in), b[l]: (d_out,), so scaled that no unit saturates."""
        rng = np.random.default_rng(0)
        shapes = list(zip(self.sizes[1:], self.sizes[:-1], strict=True))
        W = [(rng.standard_normal(shape) / np.sqrt(shape[1])).astype(self.dtype) for shape in shapes]
        b = [(0.1 * rng.standard_normal(d_out)).astype(self.dtype) for d_out, _ in shapes]
        x = rng.standard_normal((self.batch, self.sizes[0])).astype(self.dtype)
        return x, rng.integers(0, self.sizes[-1], self.batch), W, b

    @property
    def rows(self) -> Array:
        """The labels as one-hot rows: (n, d)."""
        return one_hot(self.arrays[1], self.sizes[-1], self.dtype)

    @property
    def activations(self) -> list[str]:
        """The name of the activation of each layer."""
        return [self.hidden] * (len(self.sizes) - 2) + [self.output]

    @property
    def functions(self) -> tuple[list[Any], Any]:
        """Our activation of each layer, and our cost."""
        activations = [CATALOGUE[f"activation/{name}"].function for name in self.activations]
        return activations, CATALOGUE[f"cost/{self.cost}"].function


def ours(p: Problem) -> Call:
    """`reference.network.backprop`."""
    x, _, W, b = p.arrays
    y, (activations, cost) = p.rows, p.functions

    def call() -> tuple[Any, Any, Any]:
        g = backprop(x, y, W, b, activations, cost)
        return g.cost, g.dW, g.db

    return call


def planned(p: Problem) -> Call:
    """`reference.plan`, made beforehand."""
    x, _, W, b = p.arrays
    y, (activations, cost) = p.rows, p.functions
    gradient = plan(p.sizes, activations, cost, p.batch, p.dtype)

    def call() -> tuple[Any, Any, Any]:
        C, (dW, db) = gradient(x, y, W, b)
        return C, dW, db

    return call


def matrix_products(p: Problem) -> Call:
    """The floor: the matrix products of feedforward and backprop in NumPy, same shapes and layout, nothing else."""
    x, _, W, _ = p.arrays
    rng = np.random.default_rng(1)  # not zeros: processors are faster at multiplying those
    a = [x, *(rng.standard_normal((p.batch, d)).astype(p.dtype) for d in p.sizes[1:])]

    def call() -> tuple[Any, Any, Any]:
        for w, below in zip(W, a[:-1], strict=True):
            below @ w.mT  # z
        for w, delta in zip(W[1:], a[2:], strict=True):
            delta @ w  # BP2
        return None, [delta.mT @ below for delta, below in zip(a[1:], a[:-1], strict=True)], None  # BP4

    return call


def torch_eager(p: Problem) -> Call:
    """Native functions of `torch.nn.functional` and backward()."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(1)
    x, labels, W, b = p.arrays
    X, rows = torch.from_numpy(x), torch.from_numpy(p.rows)
    targets = torch.from_numpy(labels)
    weights, biases = ([torch.from_numpy(q.copy()).requires_grad_() for q in parameters] for parameters in (W, b))
    native = {"relu": F.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh, "identity": lambda z: z}
    activations = [native[name] for name in p.activations]

    def cost(a: Any) -> Any:
        if p.cost == "quadratic":
            return F.mse_loss(a, rows, reduction="sum") / (2 * p.batch)
        return F.cross_entropy(a, targets)

    def call() -> tuple[Any, Any, Any]:
        for parameter in (*weights, *biases):
            parameter.grad = None
        a = X
        for w, c, g in zip(weights, biases, activations, strict=True):
            a = g(F.linear(a, w, c))
        C = cost(a)
        C.backward()
        return C.detach(), [w.grad for w in weights], [c.grad for c in biases]

    return call


def jax_jit(p: Problem) -> Call:
    """`jax.jit(jax.value_and_grad(...))`, compiled beforehand; waits for the result."""
    import jax
    import jax.numpy as jnp
    import optax

    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    x, _, W, b = p.arrays
    native = {"relu": jax.nn.relu, "sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "identity": jax.nn.identity}
    activations = [native[name] for name in p.activations]

    def cost(parameters: Any, a: Any, y: Any) -> Any:
        for w, c, g in zip(*parameters, activations, strict=True):
            a = g(a @ w.T + c)
        if p.cost == "quadratic":
            return optax.l2_loss(a, y).sum() / p.batch
        return optax.softmax_cross_entropy(a, y).mean()

    program = jax.jit(jax.value_and_grad(cost))
    parameters = [jnp.asarray(w) for w in W], [jnp.asarray(c) for c in b]
    X, Y = jnp.asarray(x), jnp.asarray(p.rows)

    def call() -> tuple[Any, Any, Any]:
        C, (dW, db) = jax.block_until_ready(program(parameters, X, Y))
        return C, dW, db

    return call


def hips_autograd(p: Problem) -> Call:
    """HIPS autograd's `value_and_grad` of a NumPy forward pass."""
    import autograd.numpy as anp
    from autograd import value_and_grad
    from autograd.scipy.special import expit, logsumexp

    x, _, W, b = p.arrays
    y, L = p.rows, len(W)
    native = {"relu": lambda z: anp.maximum(z, 0), "sigmoid": expit, "tanh": anp.tanh, "identity": lambda z: z}
    activations = [native[name] for name in p.activations]

    def cost(parameters: Any) -> Any:
        a = x
        for w, c, g in zip(parameters[:L], parameters[L:], activations, strict=True):
            a = g(anp.dot(a, w.T) + c)
        if p.cost == "quadratic":
            return anp.sum((a - y) ** 2) / (2 * p.batch)
        return anp.sum(logsumexp(a, 1) - anp.sum(a * y, 1)) / p.batch

    differentiated = value_and_grad(cost)

    def call() -> tuple[Any, Any, Any]:
        C, gradient = differentiated([*W, *b])
        return C, gradient[:L], gradient[L:]

    return call


PEERS: dict[str, Callable[[Problem], Call]] = {
    "ours": ours,
    "planned": planned,
    "torch": torch_eager,
    "jax": jax_jit,
    "autograd": hips_autograd,
}
