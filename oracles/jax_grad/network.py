"""A dense network as one program for all leading axes, which may be any of several.

Activations and cost are chosen at run time by `lax.switch`, so that a cross product of thousands of configurations
compiles a handful of programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from oracles.calls import Definition, Ends, bound, end_of, ended, installed_version
from oracles.jax_grad.programs import Constants, constants, remembered
from oracles.jax_grad.table import DEFINITIONS


def cost_of_problems(id: str, ends: tuple[str, str], **parameters: Any) -> Definition:
    """The cost `id` of outputs and targets (..., n, d), one number for each problem.  (..., n, d) twice -> (...)."""
    definition, reduction = ended(id, DEFINITIONS, ends, parameters)
    outputs, targets = ends
    reduced = {} if reduction is None else {"reduction": reduction}

    def cost(a: Any, y: Any) -> Any:
        def of_one(a: Any, y: Any) -> Any:
            C = definition(**{outputs: a, targets: y}, **reduced)
            return C.astype(a.dtype)  # Optax makes one-hot rows in double precision

        each = of_one
        for _ in a.shape[:-2]:
            each = jax.vmap(each)
        return each(a, y.argmax(-1) if targets == "labels" else y)

    return cost


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


@remembered
def _program(
    activations: tuple[str, ...],
    outputs: tuple[str, ...],
    costs: tuple[tuple[str, tuple[str, str]], ...],
    regularizers: tuple[str, ...],
    given: tuple[tuple[str, Constants], ...],
) -> Any:
    """One jitted program that can be any network and cost drawn from these ids (parameters fixed).

    Costs come with their ends. Each of the regularizers has its block of the first axis.
    """
    parameters = {id: {name: p for name, _, p in values} for id, values in given}

    def branches(ids: tuple[str, ...]) -> list[Definition]:
        return [bound(id, DEFINITIONS, parameters.get(id, {})) for id in ids]

    penalties = branches(regularizers)
    ending = [cost_of_problems(id, ends, **parameters.get(id, {})) for id, ends in costs]

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
        C = _switch(cost, [lambda a, f=f: f(a, y) for f in ending], a)
        for w in W:
            C = C + penalty(w)
        return C.sum(), C

    return jax.jit(jax.grad(total, has_aux=True))


@installed_version()
def network(
    x: Any,
    y: Any,
    W: Sequence[Any],
    b: Sequence[Any],
    hidden: str,
    output: str,
    cost: str,
    regularizer: str | Sequence[str] = "regularizer/none",
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
    ends: Ends = ("a", "y"),
    among: Sequence[Sequence[str]] | None = None,
) -> tuple[Any, list[Any], list[Any]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network.  x: (..., n, d_in), y: (..., n, d) -> (...), [W.shape], [b.shape].

    Leading axes are independent problems. `regularizer` is one id, or one for each of as many equal blocks of the
    first axis. `parameters` are those of each formula by its id, the cost's `reduction` among them. `ends` are the
    arguments of the cost that take outputs and targets, or a table of such pairs by cost; labels are where the rows of
    y have their 1. `among` are the (activations, outputs, costs) that one compiled program shall cover, by default
    those asked for; then `ends` is a table.
    """
    choice = (hidden, output, cost)
    families = tuple(tuple(f) for f in among) if among else tuple((id,) for id in choice)
    regularizers = (regularizer,) if isinstance(regularizer, str) else tuple(regularizer)
    taken = {*regularizers, *families[0], *families[1], *families[2]}
    given = tuple(sorted((id, constants(p)) for id, p in (parameters or {}).items() if id in taken))
    costs = tuple((id, end_of(id, ends)) for id in families[2])
    indices = [family.index(id) for family, id in zip(families, choice, strict=True)]
    (dW, db), C = _program(families[0], families[1], costs, regularizers, given)((list(W), list(b)), x, y, *indices)
    return np.asarray(C), [np.asarray(g) for g in dW], [np.asarray(g) for g in db]
