"""Questions that tell what is meant by the name of a regularizer, each answered by a number.

A probe asks one side: ours, or an oracle with its own functions and defaults. A reading is a name only if the measured
number is that convention's to six digits; else the numbers speak for themselves. Where a framework has no function of
its own, only the gradient at ties and zeros is asked, of the regularizer written out in its operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradproof.conventions.probe import Probe, number, read
from reference import CATALOGUE, vjp
from reference.regularizers.dropout import REPLACEMENT

MASK = np.arange(1000).reshape(10, 100) % 4 > 0  # the entries that we keep


def ours(id: str, arguments: Mapping[str, Any], **given: Any) -> Any:
    """What we have under the name of a regularizer: weight decay of a layer, a dropout of our own, or the penalty."""
    if "b" in arguments:
        decay = vjp(id, {"w": arguments["w"]}, None, **given)[1]["w"]
        return {"w": decay, "b": 0 * arguments["b"]}, {}
    if id.endswith("dropout"):
        arguments = {**arguments, "mask": MASK}
    return vjp(id, arguments, None, **given)


# ---------------------------------------------------------------- the kinds of question


def _arguments(id: str, x: Any, **others: Any) -> dict[str, Any]:
    """x under the name that the formula gives its first argument."""
    first = next(iter(CATALOGUE[id].arguments)).split("[")[0]
    return {first: np.asarray(x, np.float64), **{name: np.asarray(y) for name, y in others.items()}}


def value_of(
    topic: str, name: str, what: str, candidates: Mapping[str, float], x: Any, given: Mapping[str, Any] = {}
) -> Probe:
    """The value that a function of this name gives by default, or with the options `given` of ours."""
    id = f"regularizer/{name}"

    def ask(side: Any) -> tuple[Any, str]:
        outputs, _ = side.native(id, _arguments(id, x), **(given if side.NAME == "ours" else OF_PRACTICE.get(name, {})))
        if "value" not in outputs:  # it changes weights instead
            raise LookupError("no such function")
        value = outputs["value"]
        if np.ndim(value):
            return value.tolist(), "none: one number an example, " + ", ".join(number(float(v)) for v in value)
        return float(value), read(float(value), candidates)

    return Probe(topic, id, what, ask)


def practice_of(
    topic: str, name: str, what: str, output: str, measure: Callable[[Any], Any], candidates: Mapping[str, float],
    arguments: Mapping[str, Any], **given: Any,
) -> Probe:  # fmt: skip
    """A number measured on what a framework's own function makes of arrays."""
    id = f"regularizer/{name}"

    def ask(side: Any) -> tuple[Any, str]:
        outputs, _ = side.native(id, {key: np.asarray(x, np.float64) for key, x in arguments.items()}, **given)
        if output not in outputs:
            raise LookupError("a penalty only" if side.NAME == "ours" else "no such function")
        measured = float(measure(outputs[output]))
        return measured, read(measured, candidates)

    return Probe(topic, id, what, ask)


def gradient_at(topic: str, name: str, what: str, x: Any, *, y: Any = None, **given: Any) -> Probe:
    """The gradient, rows in brackets."""
    id = f"regularizer/{name}"

    def ask(side: Any) -> tuple[Any, str]:
        arguments = _arguments(id, x, **({} if y is None else {"y": y}))
        gradient = side.vjp(id, arguments, None, **given)[1][next(iter(arguments))]
        return gradient.tolist(), "; ".join("(" + ", ".join(map(_figure, row)) + ")" for row in gradient)

    return Probe(topic, id, what, ask)


def _figure(x: float) -> str:
    return number(float(f"{x + 0.0:.4g}")) if math.isnan(x) or abs(x) > 1e-15 else "0"


# ---------------------------------------------------------------- the questions

W = [[2.0]]
LAYER = {"w": W, "b": [3.0]}
ONES = np.ones(MASK.shape)
SHORT = [[3e-3, 4e-3]]  # of length 5e-3
ROWS = [[3.0, 4.0], [0.0, 1.0]]
ZEROS = [[0.0, 0.0], [0.0, 0.0]]
ZERO_ROW = [[0.0, 0.0], [3.0, 4.0]]
EQUAL = [[2.0, 0.0], [0.0, 2.0]]
TWOS = [[2.0, 2.0], [2.0, 2.0]]
IDENTITY = "activation/identity"
OF_PRACTICE = {"max_norm": {"limit": 3.0}}  # what the practice of a framework cannot do without
LN2 = math.log(2)


def _factors() -> list[Probe]:
    one = {"lam": 1.0}
    decay = "one step of SGD at gradient 0, η = 1, "
    return [
        practice_of("factor", "l2", decay + "w = 2, λ = 0.1", "w", lambda w: w[0, 0],
                    {"½λw²": 0.2, "λw²": 0.4}, LAYER, lam=0.1),
        practice_of("biases", "l2", decay + "b = 3, λ = 0.1", "b", lambda b: b[0],
                    {"left alone": 0.0, "decayed": 0.3}, LAYER, lam=0.1),
        practice_of("λ by default", "l2", decay + "w = 2", "w", lambda w: w[0, 0] / 2,
                    {"0": 0.0, "0.1": 0.1}, LAYER),
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
    id = f"regularizer/{name}"

    def ask(side: Any) -> tuple[Any, str]:
        if side.NAME != "ours":
            raise LookupError("no such function")
        network = {"x": np.ones((1, 1)), "W1": np.full((1, 1), 3.0), "b1": np.zeros(1)}
        value = float(side.vjp(id, network, None, activations=(IDENTITY,), **given)[0]["value"])
        return value, read(value, candidates)

    return Probe("factor", id, what, ask)


def _smoothing(side: Any) -> tuple[Any, str]:
    """The slope at the label is what smoothing takes from it."""
    arguments = {"z": np.zeros((1, 4)), "y": np.array([0])}
    taken = float(side.vjp("regularizer/label_smoothing", arguments, None, eps=0.2)[1]["z"][0, 0])
    return taken, read(taken, {"ε/d to every class": 0.15, "ε/(d − 1) to the others": 0.2})


def _constraints() -> list[Probe]:
    ones = {"a": ONES}
    spread = math.sqrt(0.75 * (1 + 0.25 * REPLACEMENT**2))  # of a unit variance, where a quarter becomes −λα
    return [
        practice_of("as a constraint: what is scaled", "max_norm", "rows (3, 4) and (0, 1), limit 3", "w",
                    lambda w: np.linalg.norm(w[1]),
                    {"each row by itself": 1.0, "all entries as one": 3 / math.sqrt(26)}, {"w": ROWS}, limit=3.0),
        practice_of("as a constraint: ε", "max_norm", "a row of length 0.005, limit 0.001: length/limit", "w",
                    lambda w: np.linalg.norm(w) / 1e-3,
                    {"none": 1.0, "1e-7 is added to the norm": 5e-3 / (5e-3 + 1e-7)}, {"w": SHORT}, limit=1e-3),
        practice_of("as a constraint: length after the first step", "spectral_norm", "W = diag(1, 0.99)", "w",
                    lambda w: np.linalg.svd(w, compute_uv=False)[0], {"1": 1.0}, {"w": np.diag([1.0, 0.99])}),
        practice_of("as a constraint: W = 0", "spectral_norm", "first entry of what becomes of it", "w",
                    lambda w: w[0, 0], {"0": 0.0}, {"w": ZEROS}),
        practice_of("kept entries", "dropout", "ones", "value", np.max, {"left as they are": 1.0}, ones),
        practice_of("kept entries", "inverted_dropout", "ones, rate ¼", "value", np.max,
                    {"divided by 1 − rate": 4 / 3, "left as they are": 1.0}, ones, rate=0.25),
        practice_of("dropped entries", "alpha_dropout", "ones, rate ¼", "value", np.min,
                    {"SELU's least −λα, then standardised": 0.75 * REPLACEMENT / spread, "−λα": REPLACEMENT, "0": 0.0},
                    ones, rate=0.25),
        practice_of("kept entries", "alpha_dropout", "ones, rate ¼", "value", np.max,
                    {"standardised with what is dropped": (1 - 0.25 * REPLACEMENT) / spread,
                     "divided by 1 − rate": 4 / 3, "left as they are": 1.0}, ones, rate=0.25),
        practice_of("rate 1", "alpha_dropout", "largest of ones", "value", np.max, {"0": 0.0}, ones, rate=1.0),
        practice_of("rate 0", "inverted_dropout", "largest of ones", "value", np.max, {"1": 1.0}, ones, rate=0.0),
        practice_of("rate 1", "inverted_dropout", "largest of ones", "value", np.max, {"0": 0.0}, ones, rate=1.0),
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


def _flat_network(side: Any) -> tuple[Any, str]:
    network = {"x": np.ones((1, 2)), "W1": np.zeros((1, 2)), "b1": np.zeros(1)}
    given = {"activations": (IDENTITY,), "lam": 1.0, "target": 1.0}
    gradient = side.vjp("regularizer/gradient_penalty", network, None, **given)[1]["W1"]
    return gradient.tolist(), "(" + ", ".join(map(_figure, gradient[0])) + ")"


def _nonsense() -> list[Probe]:
    topic = "input that makes no sense"
    return [
        practice_of(topic, "l2", "λ = −1: taken off w = 2", "w", lambda w: w[0, 0], {}, LAYER, lam=-1.0),
        practice_of(topic, "max_norm", "limit −1: length of (3, 4)", "w", np.linalg.norm, {}, {"w": [[3.0, 4.0]]},
                    limit=-1.0),
        practice_of(topic, "inverted_dropout", "rate 1.5: largest of ones", "value", np.max, {}, {"a": ONES}, rate=1.5),
        gradient_at(topic, "label_smoothing", "ε = 1.5", [[0.0, 0.0]], y=[0], eps=1.5),
        gradient_at(topic, "label_smoothing", "label 2 of two classes", [[0.0, 0.0]], y=[2]),
        value_of(topic, "max_norm", "limit 0", {}, [[3.0, 4.0]], given={"limit": 0.0}),
    ]  # fmt: skip


def probes() -> list[Probe]:
    """Every question, in the order of the page."""
    return [*_factors(), *_constraints(), *_ties(), *_nonsense()]
