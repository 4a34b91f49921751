"""Questions that tell what is meant by the name of a regularizer, each answered by a number.

A probe asks one side: ours, or an oracle with its own functions and defaults. A reading is a name only if the measured
number is that convention's to six digits; else the numbers speak for themselves. Where a framework has no function of
its own, only the gradient at ties and zeros is asked, of the regularizer written out in its operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from gradproof.checks.penalty_accuracy import input_gradient_penalty, penalty
from gradproof.conventions.costs import number, read
from reference.formula import Array

Side = Any  # penalty(id, …), input_gradient_penalty(id, …) and native(what, …) of an oracle or of ours


@dataclass(frozen=True)
class Probe:
    """A question about one regularizer: `ask(side)` gives what was measured and its reading."""

    topic: str
    id: str
    what: str
    ask: Callable[[Side], tuple[Any, str]]


# ---------------------------------------------------------------- ours

MASK = np.arange(1000).reshape(10, 100) % 4 > 0


def _native(what: str, *arrays: Array, **given: Any) -> list[Array]:
    if what == "weight decay":
        w, b = arrays
        return [penalty("regularizer/l2", w, **given)[1], 0 * b]
    if what in ("max norm", "spectral normalization"):
        raise LookupError("a penalty only")
    if what in ("dropout", "inverted_dropout"):
        return [penalty(f"regularizer/{what}", arrays[0], MASK, **given)[0]]
    return [penalty(f"regularizer/{what}", *arrays, **given)[0]]


OURS = SimpleNamespace(penalty=penalty, input_gradient_penalty=input_gradient_penalty, native=_native)

# ---------------------------------------------------------------- the kinds of question


def value_of(
    topic: str, name: str, what: str, candidates: Mapping[str, float], *arrays: Any, given: Mapping[str, Any] = {}
) -> Probe:
    """The value that a function of this name gives by default, or with the options `given` of ours."""

    def ask(side: Side) -> tuple[Any, str]:
        (value,) = side.native(name, *map(np.asarray, arrays), **(given if side is OURS else {}))
        if np.ndim(value):
            return value.tolist(), "none: one number an example, " + ", ".join(number(float(v)) for v in value)
        return float(value), read(float(value), candidates)

    return Probe(topic, f"regularizer/{name}", what, ask)


def native_of(
    topic: str, name: str, what: str, native: str, measure: Callable[..., Any], candidates: Mapping[str, float],
    *arrays: Any, **given: Any,
) -> Probe:  # fmt: skip
    """A number measured on what a framework's own function makes of arrays."""

    def ask(side: Side) -> tuple[Any, str]:
        measured = float(measure(*side.native(native, *map(np.asarray, arrays), **given)))
        return measured, read(measured, candidates)

    return Probe(topic, f"regularizer/{name}", what, ask)


def gradient_at(topic: str, name: str, what: str, *inputs: Any, **given: Any) -> Probe:
    """The gradient, rows in brackets."""

    def ask(side: Side) -> tuple[Any, str]:
        _, gradient = side.penalty(f"regularizer/{name}", *map(np.asarray, inputs), **given)
        return gradient.tolist(), "; ".join("(" + ", ".join(map(_figure, row)) + ")" for row in gradient)

    return Probe(topic, f"regularizer/{name}", what, ask)


def _figure(x: float) -> str:
    return number(float(f"{x + 0.0:.4g}")) if math.isnan(x) or abs(x) > 1e-15 else "0"


# ---------------------------------------------------------------- the questions

W, B = [[2.0]], [3.0]
ONES = np.ones(MASK.shape)
SHORT = [[3e-3, 4e-3]]  # of length 5e-3
ROWS = [[3.0, 4.0], [0.0, 1.0]]
ZEROS = [[0.0, 0.0], [0.0, 0.0]]
ZERO_ROW = [[0.0, 0.0], [3.0, 4.0]]
EQUAL = [[2.0, 0.0], [0.0, 2.0]]
TWOS = [[2.0, 2.0], [2.0, 2.0]]
LN2 = math.log(2)


def _factors() -> list[Probe]:
    one = {"lam": 1.0}
    decay = "one step of SGD at gradient 0, η = 1, "
    return [
        native_of("factor", "l2", decay + "w = 2, λ = 0.1", "weight decay", lambda w, b: w[0, 0],
                  {"½λw²": 0.2, "λw²": 0.4}, W, B, lam=0.1),
        native_of("biases", "l2", decay + "b = 3, λ = 0.1", "weight decay", lambda w, b: b[0],
                  {"left alone": 0.0, "decayed": 0.3}, W, B, lam=0.1),
        native_of("λ by default", "l2", decay + "w = 2", "weight decay", lambda w, b: w[0, 0] / 2,
                  {"0": 0.0, "0.1": 0.1}, W, B),
        value_of("factor", "l1", "w = 2, λ = 1", {"|w|": 2.0}, W, given=one),
        value_of("factor", "elastic_net", "w = 2, λ = 1, mix = ½", {"½|w| + ½·½w²": 2.0, "½|w| + ½w²": 3.0},
                 W, given=one),
        value_of("factor", "group_lasso", "row (3, 4), λ = 1", {"√d‖row‖": 5 * math.sqrt(2), "‖row‖": 5.0},
                 [[3.0, 4.0]], given=one),
        value_of("factor", "max_norm", "row (3, 4), limit 3, λ = 1",
                 {"(‖row‖ − limit)²": 4.0, "½(‖row‖ − limit)²": 2.0}, [[3.0, 4.0]], given=one),
        value_of("factor", "orthogonality", "W = 2, λ = 1", {"‖WWᵀ − I‖²": 9.0, "½‖WWᵀ − I‖²": 4.5, "‖WWᵀ − I‖": 3.0},
                 W, given=one),
        value_of("power", "spectral_norm", "σ = 3, 2; λ = 1", {"σ₁": 3.0, "σ₁²": 9.0}, np.diag([3.0, 2.0]), given=one),
        value_of("power", "nuclear_norm", "σ = 3, 2; λ = 1", {"Σσ": 5.0, "Σσ²": 13.0}, np.diag([3.0, 2.0]), given=one),
        value_of("sign and reduction", "entropy", "two rows of equal logits, λ = 1",
                 {"−entropy, mean over examples": -LN2, "entropy, mean over examples": LN2}, ZEROS, given=one),
        value_of("factor and reduction", "activity_l2", "two rows (2, 2), λ = 1",
                 {"½Σa², mean over examples": 4.0, "½Σa²": 8.0, "½ mean of a²": 2.0}, TWOS, given=one),
        value_of("reduction", "activity_l1", "two rows (2, 2), λ = 1",
                 {"Σ|a|, mean over examples": 4.0, "Σ|a|": 8.0, "mean of |a|": 2.0}, TWOS, given=one),
        _of_a_slope("jacobian", "∂a/∂x = 3, λ = 1", {"½‖∂a/∂x‖²": 4.5, "‖∂a/∂x‖²": 9.0}, lam=1.0),
        _of_a_slope("gradient_penalty", "∂a/∂x = 3, λ = target = 1", {"(‖∂a/∂x‖ − target)²": 4.0,
                    "½(‖∂a/∂x‖ − target)²": 2.0}, lam=1.0, target=1.0),
        Probe("share of a class", "regularizer/label_smoothing", "four classes, ε = 0.2", _smoothing),
    ]  # fmt: skip


def _of_a_slope(name: str, what: str, candidates: Mapping[str, float], **given: float) -> Probe:
    """The value on one example of a network a = 3x."""

    def ask(side: Side) -> tuple[Any, str]:
        if side is not OURS:
            raise LookupError("no such function")
        x, W, b = np.ones((1, 1)), [np.full((1, 1), 3.0)], [np.zeros(1)]
        value = float(side.input_gradient_penalty(f"regularizer/{name}", x, W, b, ["activation/identity"], **given)[0])
        return value, read(value, candidates)

    return Probe("factor", f"regularizer/{name}", what, ask)


def _smoothing(side: Side) -> tuple[Any, str]:
    """The slope at the label is what smoothing takes from it."""
    _, gradient = side.penalty("regularizer/label_smoothing", np.zeros((1, 4)), np.array([0]), eps=0.2)
    taken = float(gradient[0, 0])
    return taken, read(taken, {"ε/d to every class": 0.15, "ε/(d − 1) to the others": 0.2})


def _constraints() -> list[Probe]:
    return [
        native_of("as a constraint: what is scaled", "max_norm", "rows (3, 4) and (0, 1), limit 3", "max norm",
                  lambda w: np.linalg.norm(w[1]), {"each row by itself": 1.0, "all entries as one": 3 / math.sqrt(26)},
                  ROWS, limit=3.0),
        native_of("as a constraint: ε", "max_norm", "a row of length 0.005, limit 0.001: length/limit", "max norm",
                  lambda w: np.linalg.norm(w) / 1e-3, {"none": 1.0, "1e-7 is added to the norm": 5e-3 / (5e-3 + 1e-7)},
                  SHORT, limit=1e-3),
        native_of("as a constraint: length after the first step", "spectral_norm", "W = diag(1, 0.99)",
                  "spectral normalization", lambda w: np.linalg.svd(w, compute_uv=False)[0], {"1": 1.0},
                  np.diag([1.0, 0.99])),
        native_of("as a constraint: W = 0", "spectral_norm", "first entry of what becomes of it",
                  "spectral normalization", lambda w: w[0, 0], {"0": 0.0}, ZEROS),
        native_of("kept entries", "dropout", "ones", "dropout", np.max, {"left as they are": 1.0}, ONES),
        native_of("kept entries", "inverted_dropout", "ones, rate ¼", "inverted_dropout", np.max,
                  {"divided by 1 − rate": 4 / 3, "left as they are": 1.0}, ONES, rate=0.25),
        native_of("rate 0", "inverted_dropout", "largest of ones", "inverted_dropout", np.max, {"1": 1.0},
                  ONES, rate=0.0),
        native_of("rate 1", "inverted_dropout", "largest of ones", "inverted_dropout", np.max, {"0": 0.0},
                  ONES, rate=1.0),
    ]  # fmt: skip


def _ties() -> list[Probe]:
    slope = "gradient at a tie or a zero, λ = 1"
    return [
        gradient_at(slope, "l1", "w = 0", [[0.0]], lam=1.0),
        gradient_at(slope, "elastic_net", "w = 0", [[0.0]], lam=1.0),
        gradient_at(slope, "group_lasso", "a row of zeros", ZERO_ROW, lam=1.0),
        gradient_at(slope, "max_norm", "a row of zeros", ZERO_ROW, lam=1.0),
        gradient_at(slope, "max_norm", "a row as long as the limit", [[0.0, 3.0]], lam=1.0),
        gradient_at(slope, "spectral_norm", "W = 0", ZEROS, lam=1.0),
        gradient_at(slope, "spectral_norm", "σ₁ = σ₂", EQUAL, lam=1.0),
        gradient_at(slope, "nuclear_norm", "W = 0", ZEROS, lam=1.0),
        gradient_at(slope, "nuclear_norm", "rank 1 of 2", [[0.0, 3.0], [0.0, 4.0]], lam=1.0),
        gradient_at(slope, "nuclear_norm", "σ₁ = σ₂", EQUAL, lam=1.0),
        gradient_at(slope, "entropy", "a certain softmax, z = (800, 0)", [[800.0, 0.0]], lam=1.0),
        gradient_at(slope, "entropy", "a probability of 0, z = (0, −∞)", [[0.0, -math.inf]], lam=1.0),
        gradient_at(slope, "activity_l1", "a = 0", [[0.0, 0.0]], lam=1.0),
        Probe(slope, "regularizer/gradient_penalty", "input gradient 0: ∂R/∂W", _flat_network),
    ]


def _flat_network(side: Side) -> tuple[Any, str]:
    W, b = [np.zeros((1, 2))], [np.zeros(1)]
    x, identity = np.ones((1, 2)), ["activation/identity"]
    id, given = "regularizer/gradient_penalty", {"lam": 1.0, "target": 1.0}
    _, (gradient,), _ = side.input_gradient_penalty(id, x, W, b, identity, **given)
    return gradient.tolist(), "(" + ", ".join(map(_figure, gradient[0])) + ")"


def _nonsense() -> list[Probe]:
    topic = "input that makes no sense"
    return [
        native_of(topic, "l2", "λ = −1: taken off w = 2", "weight decay", lambda w, b: w[0, 0], {}, W, B, lam=-1.0),
        native_of(topic, "max_norm", "limit −1: length of (3, 4)", "max norm", np.linalg.norm, {},
                  [[3.0, 4.0]], limit=-1.0),
        native_of(topic, "inverted_dropout", "rate 1.5: largest of ones", "inverted_dropout", np.max, {},
                  ONES, rate=1.5),
        gradient_at(topic, "label_smoothing", "ε = 1.5", [[0.0, 0.0]], [0], eps=1.5),
        gradient_at(topic, "label_smoothing", "label 2 of two classes", [[0.0, 0.0]], [2]),
        value_of(topic, "max_norm", "limit 0", {}, [[3.0, 4.0]], given={"limit": 0.0}),
    ]  # fmt: skip


def probes() -> list[Probe]:
    """Every question, in the order of the page."""
    return [*_factors(), *_constraints(), *_ties(), *_nonsense()]
