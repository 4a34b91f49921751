"""What every optimizer step shares: lists of parameters, a state carried from step to step, checked hyperparameters."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, Protocol

import numpy as np

from reference.formula import Array

State = dict[str, Any]

DECAY_RATES = {"mu", "rho", "beta1", "beta2"}


class Step(Protocol):
    """An optimizer step on a list of parameters.

    `state` is the dict that the step before returned, or None before the first step. It holds the number `t` of
    steps made and, under the names of the rule, a list of accumulators with one entry per parameter.
    """

    def __call__(
        self,
        parameters: Sequence[Array],
        gradients: Sequence[Array],
        state: State | None = None,
        **hyperparameters: Any,
    ) -> tuple[list[Array], State]:
        """Return new parameters and new state."""


def each_parameter(*arrays: str, **scalars: float) -> Callable[[Callable[..., Any]], Step]:
    """Lift a rule for one array, (w, g, t, *accumulators) ↦ (new w, *new accumulators), to lists with a state.

    `arrays` names the accumulators of the parameter's shape and dtype, which start at 0; `scalars` those that are
    one float64 number per parameter, with their start. The lifted step raises ValueError for shapes that differ,
    a state of another rule, or a hyperparameter out of range, and TypeError for arrays that are not floating,
    mixed dtypes, or an unknown hyperparameter.
    """
    slots = (*arrays, *scalars)

    def lift(rule: Callable[..., Any]) -> Step:
        name = rule.__name__

        @functools.wraps(rule)
        def step(
            parameters: Sequence[Array], gradients: Sequence[Array], state: State | None = None, **given: Any
        ) -> tuple[list[Array], State]:
            _check_arrays(name, parameters, gradients)
            if state is None:
                state = {"t": 0}
                state |= {s: [np.zeros(w.shape, w.dtype) for w in parameters] for s in arrays}
                state |= {s: [start] * len(parameters) for s, start in scalars.items()}
            _check_state(name, state, slots, arrays, parameters)
            hyperparameters = {key: _checked(name, key, value) for key, value in given.items()}
            t = state["t"] + 1
            after = []
            for k, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
                new = rule(w, g, t, *(state[s][k] for s in slots), **hyperparameters)
                after.append(new if slots else (new,))
            w_new, *accumulators = [[new[k] for new in after] for k in range(1 + len(slots))]
            return w_new, {"t": t} | dict(zip(slots, accumulators, strict=True))

        step.__signature__ = _lifted_signature(rule)  # type: ignore[attr-defined]
        return step

    return lift


def _lifted_signature(rule: Callable[..., Any]) -> inspect.Signature:
    """(parameters, gradients, state=None, *, hyperparameters with the defaults of the rule)."""
    lists = [inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in ("parameters", "gradients")]
    state = inspect.Parameter("state", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None)
    hyper = [p for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY]
    return inspect.Signature([*lists, state, *hyper])


def _checked(rule: str, name: str, value: Any) -> Any:
    """`value` as a Python float, which leaves the dtype of arrays alone; flags and other number types pass."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, Real):
        return value
    x = float(value)
    if name in DECAY_RATES:
        fits, need = 0 <= x < 1, f"0 ≤ {name} < 1"
    elif name == "threshold":
        fits, need = 4 <= x < math.inf, "threshold ≥ 4, where the rectifier is real"
    elif name == "dampening":
        fits, need = math.isfinite(x), "a finite number"
    elif name == "momentum_decay":
        fits, need = x >= 0, "momentum_decay ≥ 0; ∞ keeps the momentum constant"
    elif name == "n":
        fits, need = 1 <= x < math.inf, "n ≥ 1, the size of the training set"
    else:
        fits, need = 0 <= x < math.inf, f"0 ≤ {name} < ∞"
    if not fits:
        raise ValueError(f"{rule}: {name} = {value}; need {need}")
    return x


def _check_arrays(rule: str, parameters: Sequence[Array], gradients: Sequence[Array]) -> None:
    if len(parameters) != len(gradients):
        raise ValueError(f"{rule}: {len(parameters)} parameters but {len(gradients)} gradients; pass one each")
    for k, (w, g) in enumerate(zip(parameters, gradients, strict=True)):
        if w.shape != g.shape:
            raise ValueError(f"{rule}: gradient {k} has shape {g.shape}, its parameter has shape {w.shape}")
        if isinstance(w, np.ndarray) and isinstance(g, np.ndarray):
            if w.dtype.kind != "f":  # bfloat16 arithmetic leaves its dtype as soon as it meets a Python number
                raise TypeError(f"{rule}: parameters[{k}] has dtype {w.dtype}; keep parameters in float32 or float64")
            if g.dtype != w.dtype:
                raise TypeError(f"{rule}: gradient {k} has dtype {g.dtype}, its parameter has dtype {w.dtype}")


def _check_state(
    rule: str, state: Any, slots: Sequence[str], arrays: Sequence[str], parameters: Sequence[Array]
) -> None:
    if not isinstance(state, dict):
        raise TypeError(f"{rule}: state is {state!r}; pass the state of the step before, hyperparameters by keyword")
    if set(state) != {"t", *slots}:
        raise ValueError(f"{rule}: state has {sorted(state)}, this rule keeps {sorted(['t', *slots])}")
    for s in arrays:
        if [a.shape for a in state[s]] != [w.shape for w in parameters]:
            raise ValueError(f"{rule}: state[{s!r}] does not fit the parameters; start again with state=None")
