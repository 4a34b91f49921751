"""The probes tell conventions of costs apart: a side that does the other thing is read as such."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from gradproof.conventions.costs import accepts, probes, slope_of, value_of, weighted_mean
from gradproof.conventions.probe import read
from reference import CATALOGUE

RESIDUAL = {"a": [[2.0]], "y": [[0.0]]}


def side(value, **gradients):
    """A side with one answer; a `value` that is a function is told the options."""

    def native(id, arguments, **options):
        return {"value": value(**options) if callable(value) else np.array(value)}, gradients

    return SimpleNamespace(native=native)


MEAN = weighted_mean("l1", a=[[1.0], [2.0]], y=[[0.0], [0.0]], weight=[[1.0], [3.0]])  # the weighted sum is 7
FACTOR = value_of("factor", "squared_error", "residual 2", {"no ½": 4.0, "½": 2.0}, **RESIDUAL)
SLOPE = slope_of("slope", "l1", "residual 2", "a", {"½": 0.5}, **RESIDUAL)


def test_a_reading_is_a_name_only_where_the_number_is_that_of_the_convention():
    assert read(2.0, {"one": 1.0, "two": 2.0}) == "two"
    assert read(2.0 + 1e-5, {"two": 2.0}) == "2.00001"
    assert (read(math.inf, {"no bound": math.inf}), read(math.nan, {"zero": 0.0})) == ("no bound", "NaN")


@pytest.mark.parametrize(
    ("probe", "answering", "reading"),
    [
        (MEAN, side(lambda reduction: 7.0 if reduction == "sum" else 7 / 2), "the number of terms"),
        (MEAN, side(lambda reduction: 7.0 if reduction == "sum" else 7 / 4), "the sum of the weights"),
        (MEAN, side(lambda reduction: 7.0 if reduction == "sum" else 7 / 3), "3"),
        (FACTOR, side(2.0), "½"),
        (FACTOR, side([1.0, 3.0]), "no ½"),
        (SLOPE, side(2.0, a=np.array([[0.5]])), "½"),
        (SLOPE, side(2.0), "no gradient"),
        (accepts("a row that sums to 2", "l1", **RESIDUAL), side(np.nan), "NaN"),
    ],
)  # fmt: skip
def test_a_convention_is_read_off_the_number(probe, answering, reading):
    assert probe.ask(answering)[1] == reading


def test_options_in_combination_are_asked_and_ours_is_the_reading_of_torch():
    (probe,) = (p for p in probes() if p.topic == "smoothing, weights and an ignored label")
    cost = CATALOGUE[probe.id].function
    assert (
        probe.ask(side(1.125 * math.log(2)))[1] == "each class by its own weight, over the weights of the labels left"
    )
    assert probe.ask(side(1.5 * math.log(2)))[1] == "each class by its own weight, over all labels"
    ours = SimpleNamespace(native=lambda id, given, **options: ({"value": cost(**given, **options)[0]}, {}))
    assert probe.ask(ours)[0] == pytest.approx(1.125 * math.log(2))
    torch = pytest.importorskip("torch")
    theirs = torch.nn.functional.cross_entropy(
        torch.zeros(3, 2), torch.tensor([0, 0, 1]), torch.tensor([2.0, 3.0]), ignore_index=1, label_smoothing=0.5
    )
    assert probe.ask(side(theirs.item()))[1] == probe.ask(ours)[1]


@pytest.mark.parametrize(
    ("id", "value", "reading"),
    [
        ("l1", lambda terms: terms.sum(), "sum"),
        ("l1", lambda terms: terms.sum() / len(terms), "mean over examples"),
        ("l1", lambda terms: terms, "none: one number an entry"),
        ("triplet_margin", lambda terms: terms, "none: one number a term"),
        ("ctc", lambda terms: terms.mean(), "mean over examples"),
    ],
)
def test_a_reduction_is_read_off_the_value(id, value, reading):
    def native(asked, arguments, **options):
        return {"value": value(CATALOGUE[asked].function(**arguments, **options, reduction="none")[0])}, {}

    (probe,) = (p for p in probes() if p.id == f"cost/{id}" and p.topic == "reduction by default")
    assert probe.ask(SimpleNamespace(native=native))[1] == reading
