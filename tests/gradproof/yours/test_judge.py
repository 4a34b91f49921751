"""Errors and what they come to."""

import numpy as np
import pytest

from gradproof.answers.answer import Answer
from gradproof.answers.truth import Truth
from gradproof.cases.case import Case
from gradproof.yours.asked import Asking
from gradproof.yours.judge import FEW, PLANTS, controls, judge
from gradproof.yours.standard import Estimated
from oracles.floats import Truth as Rounded

X = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 1e3, 1e-9, -3.0])
ULP = 2.0**-52


def exact(y, sway=0.0):
    none = np.zeros(np.shape(y))
    return Estimated(Rounded(np.asarray(y), none, np.isnan(y), "float64"), none, none + sway)


def asked(y, sway=0.0, regime="plain", x=X):
    case = Case("f", "float64", regime, 0, {"x": x}, {"value": np.ones_like(x)})
    return [(Asking(case, {"x": "mine"}), Truth({"value": exact(y)}, {"x": exact(y, sway)}, 1.0))]


HOW = {"elementwise": True, "outputs": False, "needed": ["x"]}
ONES = np.full(X.shape, 1.5)


def judged(got, **how):
    (j,) = judge(asked(ONES, how.pop("sway", 0.0)), [Answer({}, {"mine": got})], **{**HOW, **how})
    return j


@pytest.mark.parametrize(("ulps", "verdict"), [(0, "right"), (FEW, "right"), (FEW + 1, "inaccurate"), (1e12, "wrong")])
def test_the_verdict_follows_from_the_error(ulps, verdict):
    j = judged(ONES + ulps * ULP)
    assert (j.quantity, j.argument, j.verdict) == ("∂/∂mine", "x", verdict)
    assert j.largest == ulps
    assert j.off == (X.size if verdict != "right" else 0)


def test_sums_may_be_off_by_their_terms():
    got = ONES + 20 * ULP
    assert judged(got).verdict == "inaccurate"
    assert judged(got, elementwise=False).verdict == "right"  # 8 + 16 numbers
    assert judged(got, elementwise=False, wide=True).verdict == "inaccurate"


def test_what_the_roundoff_of_the_inputs_does_is_forgiven():
    got = ONES + 1e4 * ULP
    assert judged(got).verdict == "inaccurate"
    assert judged(got, sway=1e4).verdict == "right"


def test_an_accuracy_that_is_required_decides():
    assert judged(ONES + 2 * ULP, ulp=1.0).verdict == "wrong"
    assert judged(ONES + 2 * ULP, ulp=2.0).verdict == "right"


def test_the_worst_ordinary_input_is_told_before_an_extreme_one():
    j = judged(ONES * np.where(X == 1e3, np.inf, np.where(X == 4, 1.5, 1.25)))
    assert j.worst.x == 1e3
    assert j.told.x == 4
    assert judged(ONES * np.where(X == 1e3, np.inf, 1)).told.x == 1e3


def test_what_overflows_at_extreme_inputs_alone_is_inaccurate_and_what_is_another_number_there_is_wrong():
    assert judged(ONES * np.where(X == 1e3, np.inf, 1)).verdict == "inaccurate"
    assert judged(ONES * np.where(X == 1e3, 2, 1)).verdict == "wrong"
    assert judged(ONES * np.where(X == 2, np.inf, 1)).verdict == "wrong"


@pytest.mark.parametrize("got", [np.full(X.shape, np.nan), np.full(X.shape, np.inf), -ONES])
def test_nan_and_inf_are_never_right(got):
    assert judged(got).verdict == "wrong"


def test_entries_without_a_truth_are_not_counted():
    y = np.where(X > 1, np.nan, 1.5)
    (j,) = judge(asked(y), [Answer({}, {"mine": ONES})], **HOW)
    assert (j.verdict, j.entries, j.of) == ("right", int((X <= 1).sum()), X.size)


def test_another_shape_is_wrong_but_for_one_number():
    assert judged(ONES[:2]).why == "has the shape (2,), not (8,)"
    one = np.array([1.0])
    (j,) = judge(asked(one, x=one), [Answer({}, {"mine": np.asarray(1.0)})], **HOW)
    assert j.verdict == "right"


def test_a_missing_gradient_is_wrong_where_it_is_needed():
    (j,) = judge(asked(ONES), [Answer({}, {})], **HOW)
    assert (j.verdict, j.why) == ("wrong", "has no gradient")
    assert judge(asked(ONES), [Answer({}, {})], **{**HOW, "needed": []}) == []


@pytest.mark.parametrize("elementwise", [True, False])
def test_planted_errors_are_found_unless_there_is_nothing_to_see(elementwise):
    how = {**HOW, "elementwise": elementwise}
    right = judge(asked(ONES), [Answer({}, {"mine": ONES})], **how)
    assert controls(asked(ONES), right, **how) == []
    nothing = np.zeros(X.shape)
    blind = judge(asked(nothing), [Answer({}, {"mine": nothing})], **how)
    assert len(controls(asked(nothing), blind, **how)) == len(PLANTS)
