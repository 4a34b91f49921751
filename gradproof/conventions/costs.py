"""Questions that tell what is meant by the name of a cost, each answered by a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

import numpy as np

from gradproof.cases import DRAWS, draw
from gradproof.conventions.probe import INF, Probe, number, read
from reference import CATALOGUE

Call = Callable[..., "tuple[Any, Mapping[str, Any]]"]  # (inputs, **options) -> value, gradients
Ask = Callable[[Call], "tuple[Any, str]"]


def _probe(topic: str, name: str, what: str, ask: Ask) -> Probe:
    """A question that is asked of the function of one id, called with its own defaults."""
    id = f"cost/{name}"

    def of(side: Any) -> tuple[Any, str]:
        def call(inputs: Mapping[str, Any], **options: Any) -> tuple[Any, Mapping[str, Any]]:
            outputs, gradients = side.native(id, inputs, **options)
            return outputs["value"], gradients

        return ask(call)

    return Probe(topic, id, what, of)


def _arrays(**inputs: Any) -> dict[str, Any]:
    return {name: np.asarray(x) for name, x in inputs.items()}


# ---------------------------------------------------------------- the kinds of question


def value_of(
    topic: str, id: str, what: str, candidates: Mapping[str, float], options: Any = None, **inputs: Any
) -> Probe:
    """The value (the sum, where there are several) at one input."""

    def ask(call: Call) -> tuple[Any, str]:
        value = float(np.sum(call(_arrays(**inputs), **(options or {}))[0]))
        return value, read(value, candidates)

    return _probe(topic, id, what, ask)


def slope_of(
    topic: str, id: str, what: str, argument: str, candidates: Mapping[str, float], options: Any = None, **inputs: Any
) -> Probe:
    """The first entry of the gradient with respect to one argument."""

    def ask(call: Call) -> tuple[Any, str]:
        gradients = call(_arrays(**inputs), **(options or {}))[1]
        if argument not in gradients:
            return None, "no gradient"
        slope = float(np.ravel(gradients[argument])[0])
        return slope, read(slope, candidates)

    return _probe(topic, id, what, ask)


def value_and_slope(topic: str, id: str, what: str, argument: str, options: Any = None, **inputs: Any) -> Probe:
    """Value and first slope, both as numbers."""

    def ask(call: Call) -> tuple[Any, str]:
        value, gradients = call(_arrays(**inputs), **(options or {}))
        numbers = [float(np.sum(value)), float(np.ravel(gradients[argument])[0])]
        return numbers, f"{number(numbers[0])}, slope {number(numbers[1])}"

    return _probe(topic, id, what, ask)


def reduction(id: str) -> Probe:
    """What the terms of two or more examples become by default."""
    examples = "pairs" if id == "nt_xent" else "examples"
    case = draw(f"cost/{id}", "float64", "plain", int(id == "ctc"))  # whose targets then differ in length
    options = {name: given for name, given in case.parameters.items() if name != "reduction"}

    def ask(call: Call) -> tuple[Any, str]:
        function = CATALOGUE[case.formula].function
        terms, _ = function(**case.arguments, **options, reduction="none")
        n = len(next(iter(case.arguments.values())))
        value = np.asarray(call(case.arguments, **options)[0])
        if value.shape:
            return list(value.shape), "none: one number " + ("an entry" if value.ndim > 1 else "a term")
        names = {f"mean over {examples}" if terms.ndim == 1 else "mean over entries": terms.mean(),
                 f"mean over {examples}": terms.sum() / n, "sum": terms.sum()}  # fmt: skip
        if "target_lengths" in case.arguments:
            size = case.arguments["target_lengths"]
            names["mean over examples, each over its number of labels"] = (terms / np.maximum(size, 1)).mean()
            names["mean over all labels"] = terms.sum() / size.sum()
        return float(value), read(float(value), names)

    return _probe("reduction by default", id, "random inputs", ask)


def weighted_mean(id: str, **inputs: Any) -> Probe:
    """By what the mean of two terms of weights 1 and 3 is divided."""

    def ask(call: Call) -> tuple[Any, str]:
        total, _ = call(_arrays(**inputs), reduction="sum")
        mean, _ = call(_arrays(**inputs), reduction="mean")
        divisor = float(total) / float(mean)
        return divisor, read(divisor, {"the sum of the weights": 4.0, "the number of terms": 2.0})

    return _probe("a weighted mean divides by", id, "two terms of weights 1 and 3", ask)


def differentiates(id: str, argument: str) -> Probe:
    """Whether there is a gradient with respect to an argument."""
    with_weights = argument in ("weight", "pos_weight")  # which every second case has
    case = draw(f"cost/{id}", "float64", "plain", int(with_weights))
    ignored = {name: given for name, given in case.parameters.items() if name == "ignore_index"}

    def ask(call: Call) -> tuple[Any, str]:
        given = argument in call(case.arguments, **ignored)[1]
        return given, "yes" if given else "no"

    return _probe(f"gradient with respect to {argument}", id, "random inputs", ask)


def accepts(what: str, id: str, options: Any = None, **inputs: Any) -> Probe:
    """What a call that makes no sense comes to."""

    def ask(call: Call) -> tuple[Any, str]:
        value = float(np.sum(call(_arrays(**inputs), **(options or {}))[0]))
        return value, f"{number(value)}"

    return _probe("input that makes no sense", id, what, ask)


# ---------------------------------------------------------------- the questions

ONE, TWO = [[1.0]], [[2.0]]
HALVES = [[0.5, 0.5]]
LOG_HALVES = np.log(HALVES)
PAIR = {"a": [[1.0], [2.0]], "y": [[0.0], [0.0]], "weight": [[1.0], [3.0]]}
LN2 = math.log(2)
SMALL = [[1e-10, 0.0]]  # a vector far shorter than any eps


def _regression() -> list[Probe]:
    return [
        value_of("factor", "squared_error", "residual 2", {"no ½": 4.0, "½": 2.0}, a=TWO, y=[[0.0]]),
        value_of("factor", "quadratic", "residual 2", {"no ½": 4.0, "½": 2.0}, a=TWO, y=[[0.0]]),
        value_of("factor", "huber_error", "residual 3, δ = 2", {"δ(|r| − δ/2)": 4.0, "|r| − δ/2": 2.0}, {"delta": 2.0},
                 a=[[3.0]], y=[[0.0]]),
        value_of("factor", "smooth_l1", "residual 3, β = 2", {"δ(|r| − δ/2)": 4.0, "|r| − β/2": 2.0}, {"beta": 2.0},
                 a=[[3.0]], y=[[0.0]]),
        value_of("limit", "smooth_l1", "residual 3, β = 0", {"the absolute error": 3.0}, {"beta": 0.0},
                 a=[[3.0]], y=[[0.0]]),
        weighted_mean("l1", **PAIR),
        weighted_mean("squared_error", **PAIR),
        weighted_mean("huber_error", **PAIR),
        value_of("ε", "poisson_nll_rate", "rate 0, count 1", {"none: ∞": INF, "log(a + 1e-8)": -math.log(1e-8)},
                 a=[[0.0]], y=ONE),
        value_and_slope("0·log 0", "poisson_nll_rate", "rate 0, count 0", "a", a=[[0.0]], y=[[0.0]]),
        value_of("at the threshold", "poisson_nll", "full, log-rate 0, count 1",
                 {"Stirling's part not yet": 1.0, "with it": 1 + math.log(2 * math.pi) / 2 - 1}, {"full": True},
                 a=[[0.0]], y=ONE),
        value_of("ε", "gaussian_nll", "variance 0, residual 1e-3",
                 {"the variance is at least 1e-6": (math.log(1e-6) + 1) / 2}, a=[[1e-3]], y=[[0.0]], v=[[0.0]]),
        slope_of("slope where ε replaces the variance", "gaussian_nll", "variance 1e-8, residual 2e-3", "v",
                 {"0, that of a clamp": 0.0, "as if the variance were 1e-6": (1 - 4e-6 / 1e-6) / 2e-6,
                  "of the formula": (1 - 4e-6 / 1e-8) / 2e-8}, a=[[2e-3]], y=[[0.0]], v=[[1e-8]]),
        value_of("constant", "gaussian_nll", "a = y, variance 1",
                 {"left out": 0.0, "½log 2π": math.log(2 * math.pi) / 2}, a=ONE, y=ONE, v=ONE),
    ]  # fmt: skip


def _probabilities() -> list[Probe]:
    return [
        value_and_slope("0·log 0", "kl_div", "y = (0, 1): slope in y of the zero", "y", a=LOG_HALVES, y=[[0.0, 1.0]]),
        value_of("reduction of the divergence", "kl_div", "two rows (1, 0) against (½, ½), each log 2",
                 {"mean over examples": LN2, "mean over entries": LN2 / 2, "sum": 2 * LN2},
                 a=np.log([[0.5, 0.5]] * 2), y=[[1.0, 0.0]] * 2),
        value_of("β weighs", "jensen_shannon", "p = (0.7, 0.3), q = (0.4, 0.6), β = 0.1",
                 {"p, and 1 − β weighs q": _jensen(0.1), "q, and 1 − β weighs p": _jensen(0.9)}, {"beta": 0.1},
                 p=[[0.7, 0.3]], q=[[0.4, 0.6]]),
        value_of("logarithms clamped", "binary_cross_entropy", "a = 0, y = 1", {"no: ∞": INF, "at −100": 100.0},
                 a=[[0.0]], y=ONE),
        value_of("logarithms clamped", "binary_cross_entropy", "a = 1e-60, y = 1",
                 {"no": 60 * math.log(10), "at −100": 100.0}, a=[[1e-60]], y=ONE),
        slope_of("slope where the logarithm is clamped", "binary_cross_entropy", "a = 1e-60, y = 1", "a",
                 {"−1/a": -1e60, "0": 0.0, "−1/1e-12": -1e12}, a=[[1e-60]], y=ONE),
        value_and_slope("0·log 0", "binary_cross_entropy", "a = y = 0", "a", a=[[0.0]], y=[[0.0]]),
        weighted_mean("binary_cross_entropy", a=[[0.5], [0.25]], y=[[1.0], [1.0]], weight=[[1.0], [3.0]]),
        differentiates("kl_div", "y"),
        differentiates("binary_cross_entropy", "y"),
        differentiates("binary_cross_entropy", "weight"),
        differentiates("gaussian_nll", "v"),
        differentiates("poisson_nll", "y"),
    ]  # fmt: skip


def _jensen(b: float) -> float:
    """b·KL(p‖m) + (1 − b)·KL(q‖m) for m = b·p + (1 − b)·q."""
    p, q = np.array([0.7, 0.3]), np.array([0.4, 0.6])
    m = b * p + (1 - b) * q
    return float(np.sum(b * p * np.log(p / m) + (1 - b) * q * np.log(q / m)))


LABELLED: dict[str, Any] = {"labels": [0, 1], "weight": [1.0, 3.0]}


def _logits() -> list[Probe]:
    logits = [[0.0, 1.0], [2.0, 0.0]]
    rows = {"z": logits, "y": [[1.0, 0.0], [0.0, 1.0]], "weight": [1.0, 3.0]}
    # with ε = ½, weights (1, 3) and equal logits: q = w·(¾, ¼) against q = (¾, ¼)·w_y
    smooth = {"each class by its own weight": (0.75 + 3 * 0.25) * LN2, "all by the label's weight": LN2}
    # the same where two of three labels are left: 2·(¾·2 + ¼·3) = 4.5
    divisors = {"the weights of the labels left": 4, "the labels left": 2, "all labels": 3}
    together = {f"each class by its own weight, over {by}": 4.5 / n * LN2 for by, n in divisors.items()}
    soft = [[0.5]]
    return [
        weighted_mean("nll_labels", a=np.log([[0.5, 0.5], [0.75, 0.25]]), **LABELLED),
        weighted_mean("cross_entropy_labels", z=logits, **LABELLED),
        weighted_mean("cross_entropy_probabilities", **rows),
        weighted_mean("binary_cross_entropy_logits", z=[[0.0], [1.0]], y=[[1.0], [0.0]], weight=[[1.0], [3.0]]),
        weighted_mean("multi_margin", z=logits, **LABELLED),
        value_of("smoothing and weights", "cross_entropy_labels", "label 0 of two, ε = ½, weights 1 and 3", smooth,
                 {"label_smoothing": 0.5, "reduction": "sum"}, z=[[0.0, 0.0]], labels=[0], weight=[1.0, 3.0]),
        value_of("smoothing, weights and an ignored label", "cross_entropy_labels",
                 "mean of labels 0, 0 and 1, ε = ½, weights 2 and 3, label 1 ignored", together,
                 {"label_smoothing": 0.5, "ignore_index": 1}, z=[[0.0, 0.0]] * 3, labels=[0, 0, 1], weight=[2.0, 3.0]),
        value_of("the label −100", "cross_entropy_labels", "labels 0 and −100, all defaults", {"is ignored": LN2},
                 z=[[0.0, 0.0]] * 2, labels=[0, -100]),
        value_of("every label ignored", "cross_entropy_labels", "mean", {}, {"ignore_index": 1},
                 z=[[0.0, 0.0]], labels=[1]),
        value_of("every label ignored", "cross_entropy_labels", "sum", {}, {"ignore_index": 1, "reduction": "sum"},
                 z=[[0.0, 0.0]], labels=[1]),
        value_of("logit −∞ of probability 0", "cross_entropy_probabilities", "z = (0, −∞), y = (1, 0)", {},
                 z=[[0.0, -INF]], y=[[1.0, 0.0]]),
        value_and_slope("largest logits", "cross_entropy_labels", "z = (1e308, −1e308), label 0", "z",
                        z=[[1e308, -1e308]], labels=[0]),
        value_and_slope("largest logits", "binary_cross_entropy_logits", "z = 1e308, y = 1", "z", z=[[1e308]], y=ONE),
        value_and_slope("a confident mistake in float32", "sigmoid_focal", "z = −100, y = 1, γ = 2, α = ½", "z",
                        {"alpha": 0.5}, z=np.array([[-100]], np.float32), y=np.array([[1]], np.float32)),
        value_of("weight of class 1 by default", "sigmoid_focal", "z = 0, y = 1",
                 {"¼": LN2 / 16, "none": LN2 / 4, "½": LN2 / 8}, z=[[0.0]], y=ONE),
        value_of("targets between 0 and 1", "sigmoid_focal", "z = 1, y = ½, α = ½, γ = 2",
                 {"mean of the costs of both classes": _focal_mean(1.0),
                  "cross-entropy times (1 − p)^γ of the mean p": _focal_product(1.0)}, {"alpha": 0.5},
                 z=ONE, y=soft),
        value_of("ε by default", "poly_cross_entropy", "equal logits of two", {"2": LN2 + 1, "1": LN2 + 0.5},
                 z=[[0.0, 0.0]], y=[[1.0, 0.0]]),
        differentiates("cross_entropy_labels", "weight"),
        differentiates("cross_entropy_probabilities", "weight"),
        differentiates("cross_entropy_probabilities", "y"),
        differentiates("binary_cross_entropy_logits", "weight"),
        differentiates("binary_cross_entropy_logits", "pos_weight"),
        differentiates("nll_labels", "weight"),
        differentiates("multi_margin", "weight"),
        differentiates("multilabel_soft_margin", "weight"),
        differentiates("soft_margin", "y"),
        differentiates("margin_ranking", "y"),
    ]  # fmt: skip


def _focal_mean(z: float) -> float:
    p = 1 / (1 + math.exp(-z))
    return (-((1 - p) ** 2) * math.log(p) - p**2 * math.log(1 - p)) / 4


def _focal_product(z: float) -> float:
    p = 1 / (1 + math.exp(-z))
    return -(math.log(p) + math.log(1 - p)) / 2 * 0.25 / 2


def _margins() -> list[Probe]:
    tie = {"label 0": [[1.0, 1.0, 1.0]]}
    return [
        value_of("margin by default", "hinge_embedding", "z = 0, y = −1", {"1": 1.0, "0": 0.0}, z=[[0.0]], y=[[-1]]),
        value_of("margin by default", "margin_ranking", "a = b", {"1": 1.0, "0": 0.0}, a=ONE, b=ONE, y=ONE),
        value_of("margin by default", "cosine_embedding", "cos = ½, y = −1", {"0": 0.5, "½": 0.0},
                 a=[[1.0, 0.0]], b=[[0.5, math.sqrt(0.75)]], y=[-1]),
        value_of("margin by default", "multi_margin", "equal scores of two", {"1, over the classes": 0.5, "1": 1.0},
                 z=[[0.0, 0.0]], labels=[0]),
        value_of("power and weight", "multi_margin", "slack 2, p = 2, weight 3",
                 {"the weight outside": 3 * 4 / 2, "the weight inside": 9 * 4 / 2}, {"p": 2},
                 z=[[0.0, 1.0]], labels=[0], weight=[3.0, 1.0]),
        slope_of("share of tied classes", "multiclass_hinge", "z = (2, 2, 0), label 2", "z",
                 {"equal": 0.5, "the first has all": 1.0, "all have all": 1.0}, z=[[2.0, 2.0, 0.0]], labels=[2]),
        slope_of("label among the largest", "multiclass_perceptron", "z = (1, 1, 1), label 0", "z",
                 {"0": 0.0, "an equal share less 1": 1 / 3 - 1}, z=tie["label 0"], labels=[0]),
        slope_of("at the margin", "hinge", "yz = 1", "z", {"0": 0.0, "−1": -1.0, "−½": -0.5}, z=ONE, y=ONE),
        slope_of("at the margin", "perceptron", "z = 0, y = 1", "z", {"0": 0.0, "−1": -1.0, "−½": -0.5},
                 z=[[0.0]], y=ONE),
        slope_of("at the margin", "margin_ranking", "a = b, y = 1", "a", {"0": 0.0, "−1": -1.0, "−½": -0.5},
                 a=ONE, b=ONE, y=ONE),
    ]  # fmt: skip


def _embeddings() -> list[Probe]:
    return [
        value_of("ε", "cosine_distance", "two equal vectors of length 1e-10",
                 {"none": 0.0, "norms are at least 1e-8": 1 - 1e-20 / 1e-16},
                 a=SMALL, b=SMALL),
        value_and_slope("a vector of zeros", "cosine_distance", "a = 0", "a", a=[[0.0, 0.0]], b=[[1.0, 0.0]]),
        value_of("ε", "cosine_embedding", "two equal vectors of length 1e-10, y = 1",
                 {"none": 0.0, "1e-12 is added to both squares": 1 - 1e-20 / (1e-20 + 1e-12)}, a=SMALL, b=SMALL, y=[1]),
        slope_of("slope at distance 0", "triplet_margin", "a = b, c = a + ½, one dimension", "b",
                 {"0": 0.0, "1 or −1": -1.0}, a=[[0.0]], b=[[0.0]], c=[[0.5]]),
        value_of("ε", "triplet_margin", "a = b = 0, c = 1, margin 1",
                 {"none": 0.0, "1e-6 on the difference": 2e-6,
                  "1e-6 on the square": 1 + 1e-3 - math.sqrt(1 + 1e-6)},
                 {"margin": 1.0}, a=[[0.0]], b=[[0.0]], c=[[1.0]]),
        value_of("temperature by default", "nt_xent", "pairs of equal, the others at right angles",
                 {f"{T:g}": math.log1p(2 * math.exp(-1 / T)) for T in (0.07, 0.1, 0.5)},
                 z=[[1.0, 0.0]] * 2 + [[0.0, 1.0]] * 2, labels=[0, 0, 1, 1]),
        value_of("denominator", "nt_xent", "three of one label, one other, T = 1",
                 _denominators(), {"temperature": 1.0}, z=THREE, labels=[0, 0, 0, 1]),
        value_of("smooth", "dice", "a = 1, y = 0, smooth = 1",
                 {"1 above, 1 below": 0.5, "1 above, ½(a + y) + 1 below": 1 / 3, "2 above, 2 below": 1 / 3},
                 {"smooth": 1.0}, a=ONE, y=[[0.0]]),
        value_of("empty masks", "dice", "a = y = 0, defaults", {"0": 0.0}, a=[[0.0]], y=[[0.0]]),
        value_of("empty masks", "dice", "a = y = 0, smooth = 0", {}, {"smooth": 0.0}, a=[[0.0]], y=[[0.0]]),
        slope_of("slope of an empty target", "dice", "a = ½, y = 0, smooth = 0", "a", {"0": 0.0}, {"smooth": 0.0},
                 a=[[0.5]], y=[[0.0]]),
    ]  # fmt: skip


THREE = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]]


def _denominators() -> dict[str, float]:
    z = np.array(THREE)
    c = z @ z.T
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    own = np.mean([math.log(math.exp(c[i, j]) + math.exp(c[i, 3])) - c[i, j] for i, j in pairs])
    every = np.mean([math.log(sum(math.exp(c[i, k]) for k in range(4) if k != i)) - c[i, j] for i, j in pairs])
    return {"the pair itself and other labels": float(own), "every other row": float(every)}


def _nonsense() -> list[Probe]:
    empty = np.zeros((0, 2))
    return [
        accepts("a probability of 1.2 as the target", "binary_cross_entropy", a=HALVES, y=[[1.2, 0.0]]),
        accepts("a probability of 1.2 as the target", "binary_cross_entropy_logits", z=HALVES, y=[[1.2, 0.0]]),
        accepts("a probability of 1.2 as the prediction", "binary_cross_entropy", a=[[1.2, 0.5]], y=[[1.0, 0.0]]),
        accepts("a target row that sums to 1.5", "cross_entropy_probabilities", z=HALVES, y=[[1.0, 0.5]]),
        accepts("a target row that sums to 1.5", "kl_div", a=LOG_HALVES, y=[[1.0, 0.5]]),
        accepts("a negative probability", "kl_div", a=LOG_HALVES, y=[[1.5, -0.5]]),
        accepts("the label −1", "cross_entropy_labels", z=HALVES, labels=[-1]),
        accepts("the label 2 of two classes", "cross_entropy_labels", z=HALVES, labels=[2]),
        accepts("the label 2 of two classes", "multiclass_hinge", z=HALVES, labels=[2]),
        accepts("a variance of −1", "gaussian_nll", a=ONE, y=ONE, v=[[-1.0]]),
        accepts("a count of −1", "poisson_nll", a=ONE, y=[[-1.0]]),
        accepts("a rate of −1", "poisson_nll_rate", a=[[-1.0]], y=ONE),
        accepts("weights that sum to 0", "cross_entropy_labels", z=HALVES, labels=[0], weight=[0.0, 0.0]),
        accepts("weights that sum to 0", "squared_error", a=ONE, y=TWO, weight=[[0.0]]),
        accepts("a class 0 where −1 and 1 are meant", "hinge", z=ONE, y=[[0.0]]),
        accepts("a class 0 where −1 and 1 are meant", "cosine_embedding", a=[[1.0, 0.0]], b=[[1.0, 1.0]], y=[0]),
        accepts("shapes (2, 1) and (1, 2)", "squared_error", a=[[1.0], [2.0]], y=[[1.0, 2.0]]),
        accepts("shapes (2, 1) and (1, 2)", "huber_error", a=[[1.0], [2.0]], y=[[1.0, 2.0]]),
        accepts("shapes (2, 1) and (1, 2)", "binary_cross_entropy_logits", z=[[1.0], [2.0]], y=[[1.0, 0.0]]),
        accepts("the blank as a label", "ctc", a=[LOG_HALVES], labels=[[0]]),
        accepts("two frames of one", "ctc", a=[LOG_HALVES], labels=[[1]], input_lengths=[2]),
        accepts("two labels of one", "ctc", a=[LOG_HALVES], labels=[[1]], target_lengths=[2]),
        accepts("an empty batch", "squared_error", a=empty, y=empty),
        accepts("an empty batch", "cross_entropy_labels", z=empty, labels=np.zeros(0, int)),
    ]  # fmt: skip


def probes() -> list[Probe]:
    """Every question, in the order of the page."""
    reducible = [
        id.split("/")[1]
        for id in DRAWS
        if id.startswith("cost/") and "reduction" in signature(CATALOGUE[id].function).parameters
    ]
    asked = [reduction(name) for name in reducible]
    for questions in (_regression, _probabilities, _logits, _margins, _embeddings, _nonsense):
        asked += questions()
    return asked
