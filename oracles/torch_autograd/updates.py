"""PyTorch's answer to an optimizer step: `torch.optim` as it is, fed with given gradients.

Rules are looked up by formula id and take the hyperparameter names of the formula's record, each handed to the
argument of `torch.optim` that goes by its meaning. Where the two do different things with it, that is a finding of
whoever compares; nothing is bent here to agree.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

NAME = "torch"
VERSION = str(torch.__version__)

Array = npt.NDArray[Any]
Gradient = Callable[[int, list[Array]], Sequence[Array]]


def _adam(w: list[Tensor], *, eta: float, beta1: float, beta2: float, eps: float) -> Any:
    return torch.optim.Adam(w, lr=eta, betas=(beta1, beta2), eps=eps)


def _amsgrad(w: list[Tensor], *, eta: float, beta1: float, beta2: float, eps: float, bias_correction: bool) -> Any:
    if not bias_correction:
        raise LookupError("torch.optim.Adam(amsgrad=True) always corrects the bias")
    return torch.optim.Adam(w, lr=eta, betas=(beta1, beta2), eps=eps, amsgrad=True)


def _radam(w: list[Tensor], *, eta: float, beta1: float, beta2: float, eps: float, threshold: float) -> Any:
    if threshold != 5:
        raise LookupError(f"torch.optim.RAdam rectifies from ρ > 5, not {threshold}")
    return torch.optim.RAdam(w, lr=eta, betas=(beta1, beta2), eps=eps)


def _absent(name: str) -> Callable[..., Any]:
    """`torch.optim.name` should it ever appear; until then a LookupError."""

    def build(w: list[Tensor], **_: Any) -> Any:
        raise LookupError(f"torch.optim has {'a new, unmapped' if hasattr(torch.optim, name) else 'no'} {name}")

    return build


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "update/sgd": lambda w, *, eta: torch.optim.SGD(w, lr=eta),
    "update/sgd_l2": lambda w, *, eta, lam, n: torch.optim.SGD(w, lr=eta, weight_decay=lam / n),
    "update/momentum": lambda w, *, eta, mu, dampening: torch.optim.SGD(w, lr=eta, momentum=mu, dampening=dampening),
    "update/momentum_l2": lambda w, *, eta, mu, lam: torch.optim.SGD(w, lr=eta, momentum=mu, weight_decay=lam),
    "update/nesterov": lambda w, *, eta, mu: torch.optim.SGD(w, lr=eta, momentum=mu, nesterov=True),
    "update/sgdw": _absent("SGDW"),
    "update/adagrad": lambda w, *, eta, eps, initial: torch.optim.Adagrad(
        w, lr=eta, eps=eps, initial_accumulator_value=initial
    ),
    "update/rmsprop": lambda w, *, eta, rho, mu, eps: torch.optim.RMSprop(w, lr=eta, alpha=rho, momentum=mu, eps=eps),
    "update/rmsprop_centered": lambda w, *, eta, rho, mu, eps: torch.optim.RMSprop(
        w, lr=eta, alpha=rho, momentum=mu, eps=eps, centered=True
    ),
    "update/adadelta": lambda w, *, eta, rho, eps: torch.optim.Adadelta(w, lr=eta, rho=rho, eps=eps),
    "update/adam": _adam,
    "update/adam_l2": lambda w, *, eta, beta1, beta2, eps, lam: torch.optim.Adam(
        w, lr=eta, betas=(beta1, beta2), eps=eps, weight_decay=lam
    ),
    "update/adamw": lambda w, *, eta, beta1, beta2, eps, lam: torch.optim.AdamW(
        w, lr=eta, betas=(beta1, beta2), eps=eps, weight_decay=lam
    ),
    "update/amsgrad": _amsgrad,
    "update/nadam": lambda w, *, eta, beta1, beta2, eps, momentum_decay: torch.optim.NAdam(
        w, lr=eta, betas=(beta1, beta2), eps=eps, momentum_decay=momentum_decay
    ),
    "update/radam": _radam,
    "update/adamax": lambda w, *, eta, beta1, beta2, eps: torch.optim.Adamax(w, lr=eta, betas=(beta1, beta2), eps=eps),
    "update/lion": _absent("Lion"),
}
NATIVE: dict[str, Callable[..., Any]] = {
    "update/sgd": torch.optim.SGD,
    "update/momentum": torch.optim.SGD,
    "update/nesterov": functools.partial(torch.optim.SGD, nesterov=True),
    "update/adagrad": torch.optim.Adagrad,
    "update/rmsprop": torch.optim.RMSprop,
    "update/rmsprop_centered": functools.partial(torch.optim.RMSprop, centered=True),
    "update/adadelta": torch.optim.Adadelta,
    "update/adam": torch.optim.Adam,
    "update/adamw": torch.optim.AdamW,
    "update/amsgrad": functools.partial(torch.optim.Adam, amsgrad=True),
    "update/nadam": torch.optim.NAdam,
    "update/radam": torch.optim.RAdam,
    "update/adamax": torch.optim.Adamax,
}
NAMES = {"eta": "lr", "mu": "momentum", "lam": "weight_decay", "initial": "initial_accumulator_value", "rho": "alpha"}


def run(
    build: Callable[[list[Tensor]], Any], parameters: Sequence[Array], gradient: Gradient, steps: int
) -> list[list[Array]]:
    """The parameters after each step of the optimizer that `build` makes; `gradient(t, parameters)` feeds it."""
    w = [torch.from_numpy(np.array(p)) for p in parameters]
    optimizer = build(w)
    path = [[p.numpy().copy() for p in w]]
    for t in range(steps):
        for p, g in zip(w, gradient(t, path[-1]), strict=True):
            p.grad = torch.from_numpy(np.array(g))
        optimizer.step()
        path.append([p.numpy().copy() for p in w])
    return path[1:]


def trajectory(
    id: str, parameters: Sequence[Array], gradient: Gradient, steps: int, **hyperparameters: Any
) -> list[list[Array]]:
    """The parameters after each of `steps` steps of the rule `id`.

    Raises LookupError where torch.optim has no such rule or setting, saying which.
    """
    return run(lambda w: OPTIMIZERS[id](w, **hyperparameters), parameters, gradient, steps)


def native(
    id: str,
    parameters: Sequence[Array],
    gradient: Gradient,
    steps: int,
    rates: Sequence[float] = (),
    **given: Any,
) -> list[list[Array]]:
    """As `trajectory`, with torch's own default for every hyperparameter that is not given.

    `rates` are learning rates step by step. Raises LookupError where torch.optim has no such rule or argument.
    """
    if id not in NATIVE:
        raise LookupError(f"torch.optim has no {id.split('/')[1]}")
    renamed = {NAMES.get(k, k): v for k, v in given.items()}
    if "beta1" in renamed:
        renamed["betas"] = (renamed.pop("beta1"), 0.999)
    for name in renamed.keys() - inspect.signature(NATIVE[id]).parameters.keys():
        raise LookupError(f"{_title(NATIVE[id])} has no {name}")
    made: list[Any] = []

    def build(w: list[Tensor]) -> Any:
        made.append(NATIVE[id](w, **renamed))
        return made[0]

    def scheduled(t: int, w: list[Array]) -> Sequence[Array]:
        if rates:
            made[0].param_groups[0]["lr"] = rates[t]
        return gradient(t, w)

    return run(build, parameters, scheduled, steps)


def _title(native: Callable[..., Any]) -> str:
    return f"torch.optim.{getattr(native, 'func', native).__name__}"


def defaults(id: str) -> dict[str, Any]:
    """The numbers that torch.optim puts where nothing is given; empty where it has no such rule."""
    parameters = inspect.signature(NATIVE[id]).parameters.values() if id in NATIVE else ()
    numeric = (p for p in parameters if isinstance(p.default, (int, float, tuple)) and not isinstance(p.default, bool))
    return {p.name: p.default for p in numeric}


def clip(id: str, gradients: Sequence[Array], limit: float) -> list[Array]:
    """What `clip_grad_value_` and `clip_grad_norm_` make of the gradients."""
    parameters = [
        torch.nn.Parameter(torch.zeros(g.shape, dtype=torch.from_numpy(np.array(g)).dtype)) for g in gradients
    ]
    for p, g in zip(parameters, gradients, strict=True):
        p.grad = torch.from_numpy(np.array(g))
    if id == "update/clip_by_value":
        clip_grad_value_(parameters, limit)
    else:
        clip_grad_norm_(parameters, limit)
    return [p.grad.numpy() for p in parameters if p.grad is not None]


def clip_pullback(id: str, gradients: Sequence[Array], limit: float, cotangents: Sequence[Array]) -> list[Array]:
    """Autograd through clipping. The functions of torch.nn.utils record no graph, so their forward is written out."""
    g = [torch.from_numpy(np.array(x)).requires_grad_() for x in gradients]
    if id == "update/clip_by_value":
        out = [x.clamp(-limit, limit) for x in g]
    else:
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(x) for x in g]))
        scale = (limit / norm).clamp(max=1)
        out = [x * scale for x in g]
    grads = torch.autograd.grad(out, g, [torch.from_numpy(np.array(v)) for v in cotangents])
    return [x.numpy() for x in grads]
