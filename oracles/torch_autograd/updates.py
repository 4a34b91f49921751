"""PyTorch's answer to an optimizer step: `torch.optim` as it is, fed with given gradients; and its clipping.

Rules are looked up by formula id and take the hyperparameter names of the formula's record, each handed to the
argument of `torch.optim` that goes by its meaning. Where the two do different things with it, that is a finding of
whoever compares; nothing is bent here to agree.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from oracles.calls import Array, Definition, Slopes, arrays, check_step, rule
from oracles.torch_autograd.tensors import array, tensor

NAME = "torch"
VERSION = str(torch.__version__)

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


def _adafactor(w: list[Tensor], *, eta: float, decay: float, eps: float, least: float, clip: float, lam: float) -> Any:
    if clip < 1:
        raise LookupError(f"torch.optim.Adafactor clips at 1 or more, not at {clip}")
    return torch.optim.Adafactor(w, lr=eta, beta2_decay=-decay, eps=(eps, least), d=clip, weight_decay=lam)


def _muon(
    w: list[Tensor], *, eta: float, mu: float, lam: float, a: float, b: float, c: float, eps: float, iterations: int,
    nesterov: bool, adjust: str,
) -> Any:  # fmt: skip
    if not hasattr(torch.optim, "Muon"):
        raise LookupError("not in this version: torch.optim has no Muon")
    if any(x.ndim != 2 for x in w):
        raise LookupError("torch.optim.Muon takes matrices alone")
    return torch.optim.Muon(w, eta, lam, mu, nesterov, (a, b, c), eps, iterations, adjust)


OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "update/sgd": lambda w, *, eta: torch.optim.SGD(w, lr=eta),
    "update/sgd_l2": lambda w, *, eta, lam, n: torch.optim.SGD(w, lr=eta, weight_decay=lam / n),
    "update/momentum": lambda w, *, eta, mu, dampening: torch.optim.SGD(w, lr=eta, momentum=mu, dampening=dampening),
    "update/momentum_l2": lambda w, *, eta, mu, lam: torch.optim.SGD(w, lr=eta, momentum=mu, weight_decay=lam),
    "update/nesterov": lambda w, *, eta, mu: torch.optim.SGD(w, lr=eta, momentum=mu, nesterov=True),
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
    "update/adafactor": _adafactor,
    "update/muon": _muon,
    "update/asgd": lambda w, *, eta, lam, alpha, t0: torch.optim.ASGD(w, lr=eta, lambd=lam, alpha=alpha, t0=t0),
    "update/rprop": lambda w, *, eta, eta_minus, eta_plus, smallest, largest: torch.optim.Rprop(
        w, lr=eta, etas=(eta_minus, eta_plus), step_sizes=(smallest, largest)
    ),
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
    "update/rprop": torch.optim.Rprop,
    "update/asgd": torch.optim.ASGD,
    "update/adafactor": torch.optim.Adafactor,
    **({"update/muon": torch.optim.Muon} if hasattr(torch.optim, "Muon") else {}),
}
NAMES = {"eta": "lr", "mu": "momentum", "lam": "weight_decay", "initial": "initial_accumulator_value", "rho": "alpha"}


def run(
    build: Callable[[list[Tensor]], Any], parameters: Sequence[Array], gradient: Gradient, steps: int
) -> list[list[Array]]:
    """The parameters after each step of the optimizer that `build` makes; `gradient(t, parameters)` feeds it."""
    w = [tensor(p) for p in parameters]
    optimizer = build(w)
    path = [[array(p).copy() for p in w]]
    for t in range(steps):
        for p, g in zip(w, gradient(t, path[-1]), strict=True):
            p.grad = tensor(g)
        optimizer.step()
        path.append([array(p).copy() for p in w])
    return path[1:]


def trajectory(
    id: str, parameters: Sequence[Array], gradient: Gradient, steps: int, **hyperparameters: Any
) -> list[list[Array]]:
    """The parameters after each of `steps` steps of the rule `id`.

    Raises LookupError where torch.optim has no such rule or setting, saying which.
    """
    optimizer = rule(id, OPTIMIZERS, "torch.optim")
    return run(lambda w: optimizer(w, **hyperparameters), parameters, gradient, steps)


def native_steps(
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
    native = rule(id, NATIVE, "torch.optim")
    renamed = {NAMES.get(k, k): v for k, v in given.items()}
    if "beta1" in renamed:
        renamed["betas"] = (renamed.pop("beta1"), 0.999)
    for name in renamed.keys() - inspect.signature(native).parameters.keys():
        raise LookupError(f"{_title(native)} has no {name}")
    made: list[Any] = []

    def build(w: list[Tensor]) -> Any:
        made.append(native(w, **renamed))
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


# Where torch.optim keeps the accumulators of a rule.
STATES: dict[str, dict[str, str]] = {
    "update/momentum": {"b": "momentum_buffer"},
    "update/momentum_l2": {"b": "momentum_buffer"},
    "update/nesterov": {"b": "momentum_buffer"},
    "update/adagrad": {"G": "sum"},
    "update/rmsprop": {"v": "square_avg", "b": "momentum_buffer"},
    "update/rmsprop_centered": {"s": "square_avg", "m": "grad_avg", "b": "momentum_buffer"},
    "update/adadelta": {"v": "square_avg", "d": "acc_delta"},
    "update/adam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "update/adam_l2": {"m": "exp_avg", "v": "exp_avg_sq"},
    "update/adamw": {"m": "exp_avg", "v": "exp_avg_sq"},
    "update/amsgrad": {"m": "exp_avg", "v": "exp_avg_sq", "v_max": "max_exp_avg_sq"},
    "update/nadam": {"m": "exp_avg", "v": "exp_avg_sq", "P": "mu_product"},
    "update/radam": {"m": "exp_avg", "v": "exp_avg_sq"},
    "update/adamax": {"m": "exp_avg", "u": "exp_inf"},
    "update/rprop": {"s": "step_size", "p": "prev"},
    "update/asgd": {"a": "ax"},
    "update/adafactor": {"r": "row_var", "c": "col_var"},
    "update/muon": {"m": "momentum_buffer"},
}


def _cooled(made: int, *, eta: float, lam: float, alpha: float, t0: float) -> dict[str, Tensor]:
    """What ASGD computes at the end of a step for the next one; in float32, as there."""
    numbers = {"eta": eta / (1 + lam * eta * made) ** alpha, "mu": 1 / max(1, made - t0)}
    return {name: torch.tensor(x) for name, x in numbers.items()}


NUMBERS: dict[str, Callable[..., dict[str, Tensor]]] = {"update/asgd": _cooled}


def step(id: str, arguments: Mapping[str, Any], t: int = 1, **hyperparameters: Any) -> dict[str, Array]:
    """The t-th step of a rule from `w` at the gradient `dC`: the new `w` and accumulators, as far as torch keeps them.

    The first step starts from torch's own state; for later ones the accumulators are arguments too, by the names of
    the record. Raises LookupError where torch.optim has no such rule, setting or accumulator, saying which.
    """
    given = arrays(id, arguments)
    names = STATES.get(id, {})
    if "row_var" in names.values() and "w" in given and given["w"].ndim < 2:
        names = {"r": "variance"}
    check_step(id, given, names, t, hyperparameters.get("mu"))
    w = tensor(given["w"])
    optimizer = rule(id, OPTIMIZERS, "torch.optim")([w], **hyperparameters)
    w.grad = tensor(given["dC"])
    if t > 1:
        kept = {theirs: tensor(given[ours]) for ours, theirs in names.items() if ours in given}
        kept |= {theirs: torch.tensor(x.item()) for theirs, x in kept.items() if theirs == "mu_product"}  # float32
        numbers = NUMBERS[id](t - 1, **hyperparameters) if id in NUMBERS else {}
        optimizer.state[w].update({"step": torch.tensor(float(t - 1)), **numbers, **kept})
    optimizer.step()
    after = {ours: optimizer.state[w].get(theirs) for ours, theirs in names.items()}
    return {"w": array(w), **{name: array(x.to(w.dtype)) for name, x in after.items() if x is not None}}


# ---------------------------------------------------------------- clipping


def _in_place(clip: Callable[[list[Tensor]], Any], gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What becomes of gradients where torch.nn.utils looks for them: at parameters."""
    parameters = [torch.nn.Parameter(torch.zeros_like(g)) for g in gradients.values()]
    for p, g in zip(parameters, gradients.values(), strict=True):
        p.grad = g.detach().clone()
    clip(parameters)
    return {name: p.grad for name, p in zip(gradients, parameters, strict=True) if p.grad is not None}


OWN: dict[str, Definition] = {
    "update/clip_by_value": lambda max_value=1.0, **g: _in_place(
        lambda p: torch.nn.utils.clip_grad_value_(p, max_value), g
    ),
    "update/clip_by_norm": lambda max_norm=1.0, **g: _in_place(
        lambda p: torch.nn.utils.clip_grad_norm_(p, max_norm), g
    ),
}


def _clip_by_norm(max_norm: float = 1.0, **g: Tensor) -> dict[str, Tensor]:
    norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(x) for x in g.values()]))
    scale = (max_norm / norm).clamp(max=1)
    return {name: x * scale for name, x in g.items()}


# Every gradient is that of the forward written out: the functions of torch.nn.utils record no graph.
SLOPES: dict[str, Slopes] = {
    "update/clip_by_value": Slopes(
        lambda max_value=1.0, **g: {name: x.clamp(-max_value, max_value) for name, x in g.items()}
    ),
    "update/clip_by_norm": Slopes(_clip_by_norm),
}
