"""Scans along any axis, of one step and of several; factors of 0, states that are given and that are not."""

from __future__ import annotations

from typing import Any

from gradproof.cases.source import Draw, Drawn, Source
from reference.formula import Array

SHAPES = (((2, 5), -1), ((4, 3), 0), ((2, 3, 2), 1), ((3, 1), -1), ((6,), -1), ((2, 4), -2))  # shape and axis, by seed


def _placed(s: Source) -> tuple[tuple[int, ...], dict[str, Any]]:
    shape, axis = SHAPES[s.seed % len(SHAPES)]
    return shape, {"axis": axis} if axis != -1 else {}


def _cumsum(s: Source) -> Drawn:
    shape, parameters = _placed(s)
    return Drawn({"x": s.real(*shape)}, shape, parameters)


def _cumprod(s: Source) -> Drawn:
    """In every second case some factors are 0."""
    shape, parameters = _placed(s)
    x = s.real(*shape)
    return Drawn({"x": x * (s.rng.uniform(size=shape) > 0.3) if s.odd else x}, shape, parameters)


def _logcumsumexp(s: Source) -> Drawn:
    shape, parameters = _placed(s)
    x = s.logits(*shape)
    return Drawn({"x": x if s.regime != "near" else 1e-3 * x + s.real(1)}, shape, parameters)


def _state(s: Source, *shape: int) -> Array | None:
    return s.real(*shape) if s.odd else None


def _linear_recurrence(s: Source) -> Drawn:
    """Near: factors all but 1, of either sign."""
    shape, parameters = _placed(s)
    rest = list(shape)
    rest.pop(parameters.get("axis", -1))
    a = s.real(*shape) if s.regime != "near" else s.signs(*shape) + 1e-3 * s.real(*shape)
    given = {"a": a, "b": s.real(*shape), "initial_state": _state(s, *rest)}
    return Drawn(given, {"value": shape, "final_state": tuple(rest)}, parameters)


DELTA = (((3,), 2, 4), ((2, 3), 2, 1), ((4,), 3, 2), ((2, 1), 4, 3), ((1, 2), 1, 3), ((2,), 3, 4))  # (..., T), d, m


def _delta_rule(s: Source) -> Drawn:
    """Near: keys of length 1 and a strength near 1, so that what is written replaces what was there."""
    steps, d, m = DELTA[s.seed % len(DELTA)]
    k = s.real(*steps, d, decades=1)
    beta = s.unit(*steps)
    if s.regime == "near":
        k, beta = k / (k * k).sum(-1, keepdims=True) ** 0.5, 1 + 1e-3 * s.real(*steps)
    state = (*steps[:-1], m, d)
    given = {"q": s.real(*steps, d, decades=1), "k": k, "v": s.real(*steps, m, decades=1), "beta": beta,
             "initial_state": _state(s, *state)}  # fmt: skip
    return Drawn(given, {"value": (*steps, m), "final_state": state})


DRAWS: dict[str, Draw] = {
    "cumsum": _cumsum,
    "cumprod": _cumprod,
    "logcumsumexp": _logcumsumexp,
    "linear_recurrence": _linear_recurrence,
    "delta_rule": _delta_rule,
}
