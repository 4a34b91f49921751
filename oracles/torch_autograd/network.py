"""A dense network as one graph with one backward, for all leading axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from oracles.calls import Definition, Ends, bound, end_of, ended, installed_version
from oracles.torch_autograd.table import DEFINITIONS
from oracles.torch_autograd.tensors import array, leaf, tensor


def cost_of_problems(id: str, ends: tuple[str, str], **parameters: Any) -> Definition:
    """The cost `id` of outputs and targets (..., n, d), one number for each problem.  (..., n, d) twice -> (...).

    The terms are torch's own, of the examples of all problems at once.
    """
    definition, reduction = ended(id, DEFINITIONS, ends, parameters)
    outputs, targets = ends

    def cost(a: Tensor, y: Tensor) -> Tensor:
        y = y.argmax(-1) if targets == "labels" else y  # (..., n) or (..., n, d)
        axes = a.ndim - 2
        if reduction is None:  # a mean by definition, with no terms
            pairs = zip(a.flatten(0, axes - 1), y.flatten(0, axes - 1), strict=True) if axes else [(a, y)]
            each = [definition(**{outputs: p, targets: q}) for p, q in pairs]
            return torch.stack(each).reshape(a.shape[:-2])
        rows = {outputs: a.flatten(0, axes), targets: y.flatten(0, axes)}
        terms = definition(**rows, reduction="none")
        terms = terms.reshape(*a.shape[:-2], -1)  # (..., n·d) or (..., n)
        if reduction == "mean":
            return terms.mean(-1)
        return terms.sum(-1) / a.shape[-2] if reduction == "batchmean" else terms.sum(-1)

    return cost


def _affine(a: Tensor, w: Tensor, c: Tensor) -> Tensor:
    """a wᵀ + c, for all leading axes.  (..., n, d_in), (..., d_out, d_in), (..., d_out) -> (..., n, d_out)."""
    if w.ndim == 2:
        return F.linear(a, w, c)
    return torch.baddbmm(c.unsqueeze(-2), a, w.mT) if w.ndim == 3 else a @ w.mT + c.unsqueeze(-2)


def _in_blocks(penalties: Sequence[Definition], w: Tensor) -> Tensor:
    """One penalty for each of as many equal blocks of the first axis of w."""
    if len(penalties) == 1:
        return penalties[0](w)
    return torch.cat([penalty(block) for penalty, block in zip(penalties, w.chunk(len(penalties)), strict=True)])


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
) -> tuple[Any, list[Any], list[Any]]:
    """Cost, ∂C/∂W and ∂C/∂b of a dense network.  x: (..., n, d_in), y: (..., n, d) -> (...), [W.shape], [b.shape].

    Leading axes are independent problems. `regularizer` is one id, or one for each of as many equal blocks of the
    first axis. `parameters` are those of each formula by its id, the cost's `reduction` among them. `ends` are the
    arguments of the cost that take outputs and targets, or a table of such pairs by cost; labels are where the rows of
    y have their 1.
    """
    given = parameters or {}
    regularizers = [regularizer] if isinstance(regularizer, str) else regularizer
    penalties = [bound(id, DEFINITIONS, given.get(id, {})) for id in regularizers]
    inner, last = (bound(id, DEFINITIONS, given.get(id, {})) for id in (hidden, output))
    weights, biases = [leaf(w) for w in W], [leaf(c) for c in b]
    a = tensor(x)
    for layer, (w, c) in enumerate(zip(weights, biases, strict=True), 1):
        a = (last if layer == len(weights) else inner)(_affine(a, w, c))
    C = cost_of_problems(cost, end_of(cost, ends), **given.get(cost, {}))(a, tensor(y))
    for w in weights:
        C = C + _in_blocks(penalties, w)
    gradients = [array(g) for g in torch.autograd.grad(C.sum(), [*weights, *biases])]
    return array(C), gradients[: len(weights)], gradients[len(weights) :]
