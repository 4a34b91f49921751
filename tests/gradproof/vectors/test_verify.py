"""The score of single answers: errors in ULP as `oracles.floats` counts them, and every way to be wrong."""

import math

import numpy as np
import pytest

from gradproof.lookup import UsageError
from gradproof.vectors.numbers import written
from gradproof.vectors.verify import entry_errors, judge, outside, score
from oracles.floats import FORMATS, Truth, ulp_error

RNG = np.random.default_rng(5)
VALUES = [0.0, -0.0, 1.0, -1.5, 2.0**-1074, 1.7e308, -1.7e308, math.inf, -math.inf, math.nan]


@pytest.mark.parametrize("dtype", FORMATS)
def test_errors_are_those_of_the_audit(dtype):
    truth = np.array([v for v in VALUES for _ in VALUES])
    got = np.array(VALUES * len(VALUES))
    residual = np.where(np.isfinite(truth), RNG.uniform(-0.5, 0.5, len(truth)), 0)
    exact = {"data": [written(v) for v in truth], "residual": residual.tolist()}
    with np.errstate(all="ignore"):
        expected = ulp_error(got, Truth(truth, residual, np.zeros(len(truth), bool), dtype))
    found = entry_errors(got.tolist(), exact, dtype)
    ordinary = np.isfinite(expected) & (expected < 1e300)
    assert found[ordinary] == pytest.approx(expected[ordinary], rel=1e-12, abs=1e-12)
    assert (found[~ordinary] > 1e290).all()


def test_what_the_inputs_do_is_forgiven_and_what_has_no_truth_does_not_count():
    exact = {"data": ["0x1p+0", None], "forgiven": [3, 0]}
    assert entry_errors([1 + 8 * 2.0**-52, 5.0], exact, "float64").tolist() == [2.0, 0.0]


TEST = {
    "id": 1,
    "result": "valid",
    "comment": "",
    "outputs": {"value": {"shape": [], "data": ["0x1p+0"]}},
    "gradients": {"z": {"shape": [2], "data": ["0x1p+0", "0x1p+1"]}},
}
RIGHT = {"outputs": {"value": [1]}, "gradients": {"z": [1, "0x1p+1"]}}


def test_a_right_answer_is_right():
    assert judge(TEST, RIGHT, "float64", 4).wrong == ""


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"outputs": {"value": [1]}}, "∂/∂z is not given"),
        ({**RIGHT, "outputs": {}}, "value is not given"),
        ({**RIGHT, "gradients": {"z": [1]}}, "∂/∂z has 1 entries, not 2"),
        ({**RIGHT, "gradients": {"z": [1, 2.001]}}, "∂/∂z[1] = 2.001"),
        ({**RIGHT, "gradients": {"z": ["nan", 2]}}, "∂/∂z[0] = nan"),
        ({"refused": True}, "refused, but the input is valid"),
    ],
)
def test_a_wrong_answer_says_what_is_wrong(answer, why):
    judged = judge(TEST, answer, "float64", 4)
    assert why in judged.wrong
    assert judged.error > 4


def test_what_is_out_of_range_has_to_be_refused():
    test = {"result": "invalid", "comment": "tau = 2"}
    assert judge(test, {"refused": True}, "float64", 4).wrong == ""
    assert judge(test, RIGHT, "float64", 4).wrong == "not refused: tau = 2"


@pytest.mark.parametrize(
    "answer", [None, 1, [], {"value": 1}, {"outputs": 1}, {"outputs": {"value": ["one"]}}, {"outputs": {"value": None}}]
)
def test_an_answer_out_of_form_is_refused(answer):
    with pytest.raises(UsageError):
        judge(TEST, answer, "float64", 4)


def test_a_slope_may_lie_between_left_and_right_give_or_take_rounding():
    direction = {"direction": {"data": ["0x1p+0"]}, "left": "0x1p+0", "right": "0x0p+0", "slack": "0x0p+0"}
    for slope, fine in ((1 + 2.0**-51, True), (1 + 2.0**-40, False), (0.3, True), (-0.1, False), (math.nan, False)):
        assert (outside([slope], direction, "float64") == "") == fine
    assert outside([1 + 2.0**-22], direction, "float32") == ""


def test_what_is_not_answered_is_counted_and_unknown_tests_are_refused():
    content = {"tests": [TEST, {**TEST, "id": 2}], "dtype": "float64", "limit": 4}
    found = score("f", content, {"2": RIGHT})
    assert (found.passed, found.unanswered, found.failed, found.at) == (1, 1, {}, 2)
    with pytest.raises(UsageError, match=r"f: there is no test 3; they are 1 … 2"):
        score("f", content, {"3": RIGHT})
