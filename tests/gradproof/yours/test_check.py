"""The check as a whole: what is right passes over the catalogue, what is planted does not, bad input is refused."""

import hand_written as by_hand
import numpy as np
import pytest

import gradproof
from gradproof import cases
from gradproof.answers.answer import Answer
from gradproof.lookup import UsageError
from gradproof.yours.subject import Subject
from reference import CATALOGUE

ELEMENTWISE = [id for id, f in CATALOGUE.items() if f.elementwise and f.kind == "activation"]
ARRAYS = [id for id in cases.DRAWS if id.startswith(("cost/", "activation/")) and id not in ELEMENTWISE]


def ours(id, change=lambda g: g):
    """The catalogue's own formula as a subject, its gradients changed."""
    formula = CATALOGUE[id]
    if formula.elementwise:
        return gradproof.slope(lambda z: (formula.function(z)[0], change(formula.function(z)[1])))
    names = tuple(cases.draw(id, "float64", "plain", 1).arguments)

    def answer(given, v, options):
        present = {name: x for name, x in given.items() if x is not None}
        outputs, by = formula.vjp(present, v, **options)
        return Answer(outputs, {name: change(g) for name, g in by.items()})

    def anything(*given, **options):
        raise AssertionError("asked by answer alone")

    return Subject("ours", "pullback", names, ("value",), answer, anything)


@pytest.mark.parametrize("id", ELEMENTWISE[::3] + ARRAYS[::3])
def test_the_catalogue_is_right_and_a_factor_is_found(id):
    pytest.importorskip("flint")
    report = gradproof.check(ours(id), id, dtypes=["float64"])
    assert report.ok, str(report)
    planted = gradproof.check(ours(id, lambda g: 1.01 * np.asarray(g)), id, dtypes=["float64"])
    assert planted.verdict == "wrong", str(planted)


def test_a_right_formula_in_an_unstable_form_is_inaccurate_and_passes():
    pytest.importorskip("flint")
    how = {"against": "activation/tanh", "dtypes": ["float64"]}
    assert gradproof.check(gradproof.slope(by_hand.tanh), **how).verdict == "inaccurate"
    assert gradproof.assert_gradient(gradproof.slope(by_hand.tanh), **how).ok
    with pytest.raises(gradproof.WrongGradient, match="WRONG") as caught:
        gradproof.assert_gradient(gradproof.slope(by_hand.tanh), ulp=16, **how)
    assert caught.value.report.verdict == "wrong"


def test_assert_detects_is_the_other_way_round():
    inputs = {"x": (3,)}
    assert gradproof.assert_detects(gradproof.slope(by_hand.tanh_off), inputs=inputs).verdict == "wrong"
    with pytest.raises(AssertionError, match="the planted error was not found"):
        gradproof.assert_detects(gradproof.pullback(by_hand.softmax), inputs=inputs)


def test_a_gradient_that_is_always_zero_cannot_be_told():
    report = gradproof.check(gradproof.pullback(lambda x: (x.sum() * 0, lambda v: 0 * x)), inputs={"x": (3,)})
    assert report.verdict == "cannot tell"
    assert not report.ok


def test_dtypes_that_it_does_not_take_are_said():
    pytest.importorskip("flint")

    def wide(x):
        if x.dtype.itemsize < 4:
            raise TypeError("float32 or wider")
        return by_hand.tanh(x)

    report = gradproof.check(gradproof.slope(wide), "activation/tanh")
    assert report.ok
    assert "not asked in float16: raised TypeError in float16 (points 0): float32 or wider" in str(report)
    asked = gradproof.check(gradproof.slope(wide), "activation/tanh", dtypes=["float16"])
    assert asked.verdict == "broken"


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({}, r"say what tanh takes: inputs=\{'x': \(4, 3\)\}"),
        ({"inputs": {"y": (3,)}}, "inputs has y; tanh takes x"),
        ({"inputs": {"x": (3,)}, "dtypes": ["float8"]}, "dtype 'float8' is not one of float64"),
        ({"inputs": {"x": (3,)}, "ulp": 0}, "an accuracy is a number of ULP greater than 0"),
        ({"inputs": {"x": (3,)}, "ulp": float("nan")}, "an accuracy is a number of ULP greater than 0"),
        ({"inputs": {"x": (3,)}, "accumulate": "float80"}, "accumulate='float80' is not one of"),
        ({"inputs": {"x": (3,)}, "constant": ["q"]}, "tanh has no argument 'q'; it takes x"),
    ],
)
def test_what_cannot_be_asked_is_refused(how, message):
    with pytest.raises(UsageError, match=message):
        gradproof.check(gradproof.slope(by_hand.tanh), **how)


@pytest.mark.parametrize("function", [by_hand.raises, by_hand.gives_none, by_hand.gives_words, by_hand.gives_one])
def test_what_a_subject_does_is_reported_and_never_raised(function):
    report = gradproof.check(gradproof.slope(function), np.tanh, inputs={"x": (3,)})
    assert report.verdict == "broken"
    assert "BROKEN" in str(report)


@pytest.mark.parametrize("inputs", [5, "x=3", [2, 3]])
def test_inputs_that_are_no_mapping_are_refused(inputs):
    with pytest.raises(UsageError, match=r"a mapping of shapes or arrays by argument"):
        gradproof.check(gradproof.pullback(lambda x: (x, lambda v: v)), inputs=inputs)
