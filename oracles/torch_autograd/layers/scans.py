"""PyTorch's scans, and recurrences as loops."""

from __future__ import annotations

import torch
from torch import Tensor

from oracles.calls import Definition


def _cumsum(x: Tensor, axis: int = -1) -> Tensor:
    return torch.cumsum(x, int(axis))


def _cumprod(x: Tensor, axis: int = -1) -> Tensor:
    return torch.cumprod(x, int(axis))


def _logcumsumexp(x: Tensor, axis: int = -1) -> Tensor:
    return torch.logcumsumexp(x, int(axis))


def _linear_recurrence(a: Tensor, b: Tensor, initial_state: Tensor | None = None, axis: int = -1) -> dict[str, Tensor]:
    h, states = initial_state, []
    for a_t, b_t in zip(a.unbind(int(axis)), b.unbind(int(axis)), strict=True):
        h = b_t if h is None else a_t * h + b_t
        states.append(h)
    return {"value": torch.stack(states, int(axis)), "final_state": states[-1]}


def _delta_rule(
    q: Tensor, k: Tensor, v: Tensor, beta: Tensor, initial_state: Tensor | None = None
) -> dict[str, Tensor]:
    S = v.new_zeros((*v.shape[:-2], v.shape[-1], q.shape[-1])) if initial_state is None else initial_state
    outputs = []
    for t in range(q.shape[-2]):
        q_t, k_t, v_t = (x[..., t, :] for x in (q, k, v))
        new = beta[..., t, None] * (v_t - torch.einsum("...jl,...l->...j", S, k_t))
        S = S + new[..., :, None] * k_t[..., None, :]
        outputs.append(torch.einsum("...jl,...l->...j", S, q_t))
    return {"value": torch.stack(outputs, -2), "final_state": S}


OWN: dict[str, Definition] = {
    "layer/cumsum": _cumsum,
    "layer/cumprod": _cumprod,
    "layer/logcumsumexp": _logcumsumexp,
}
COMPOSED: dict[str, Definition] = {
    "layer/linear_recurrence": _linear_recurrence,
    "layer/delta_rule": _delta_rule,
}
