"""Costs of sequences in PyTorch, forward in time: it has CTC alone by itself."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition
from oracles.torch_autograd.costs import reduce


def _crf(
    z: Tensor,
    transitions: Tensor,
    labels: Tensor,
    start: Tensor | None = None,
    end: Tensor | None = None,
    lengths: Tensor | None = None,
    reduction: str = "mean",
) -> Tensor:
    terms = []
    for i, x in enumerate(z):
        T = len(x) if lengths is None else int(lengths[i])
        if T == 0:
            terms.append(0 * x.sum())
            continue
        y = labels[i, :T].long()
        begin, close = (torch.zeros_like(x[0]) if q is None else q for q in (start, end))
        alpha = begin + x[0]
        for t in range(1, T):
            alpha = torch.logsumexp(alpha[:, None] + transitions, 0) + x[t]
        score = begin[y[0]] + x[torch.arange(T), y].sum() + transitions[y[:-1], y[1:]].sum() + close[y[-1]]
        terms.append(torch.logsumexp(alpha + close, 0) - score)
    return reduce(torch.stack(terms), reduction)


def _transducer(
    a: Tensor,
    labels: Tensor,
    input_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    blank: int = 0,
    reduction: str = "mean",
) -> Tensor:
    terms = []
    for i, x in enumerate(a):
        T = len(x) if input_lengths is None else int(input_lengths[i])
        U = labels.shape[1] if target_lengths is None else int(target_lengths[i])
        alpha: dict[tuple[int, int], Tensor] = {(0, 0): 0 * x[0, 0, 0]}
        for t in range(T):
            for u in range(U + 1):
                ways = [alpha[t - 1, u] + x[t - 1, u, blank]] if t else []
                ways += [alpha[t, u - 1] + x[t, u - 1, labels[i, u - 1]]] if u else []
                if ways:
                    alpha[t, u] = torch.logsumexp(torch.stack(ways), 0)
        terms.append(-alpha[T - 1, U] - x[T - 1, U, blank])
    return reduce(torch.stack(terms), reduction)


COMPOSED: dict[str, Definition] = {"cost/crf": _crf, "cost/transducer": _transducer}
