"""Kinks: inside of the two slopes is a convention, outside is wrong. Special values: a limit missed is inaccurate."""

import hand_written as by_hand
import numpy as np
import pytest

import gradproof
from gradproof.yours.edges import bisected


def edges(report, kind):
    return [e for e in report.edges if e.kind == kind]


def test_inside_is_a_convention_outside_is_wrong():
    pytest.importorskip("flint")
    inside = gradproof.check(gradproof.slope(by_hand.relu), "activation/relu", dtypes=["float64", "float32"])
    assert inside.verdict == "right"
    assert [(e.verdict, e.got, e.left, e.right) for e in edges(inside, "kink")] == 2 * [("convention", 0, 0, 1)]
    assert "∂/∂x is 0 at the kink 0, in [0, 1]: a convention (float64, float32)" in str(inside)
    outside = gradproof.check(gradproof.slope(by_hand.relu_beyond), "activation/relu", dtypes=["float64"])
    assert outside.verdict == "wrong"
    assert "∂/∂x is 2 at the kink 0, outside [0, 1]: wrong" in str(outside)


def test_kinks_of_arrays_are_those_written_down():
    pytest.importorskip("flint")

    def beyond(z, y):
        m = 1 - y * z
        return np.maximum(m, 0).mean(), np.where(m > 0, -y, np.where(m == 0, 5, 0)) / z.size

    right = gradproof.check(gradproof.gradients(by_hand.hinge), "cost/hinge", dtypes=["float64"])
    (edge,) = edges(right, "kink")
    assert (edge.verdict, edge.left, edge.right) == ("convention", -1, 0)
    wrong = gradproof.check(gradproof.gradients(beyond), "cost/hinge", dtypes=["float64"])
    assert wrong.verdict == "wrong"
    assert [j.verdict for j in wrong.judged] == ["right", "right"]  # nothing else would have found it


def test_kinks_without_a_record_are_found_by_bisection():
    def forward(x):
        return np.maximum(x, 0)

    def how(function):
        return gradproof.check(gradproof.slope(function), forward, inputs={"x": (20,)}, dtypes=["float64"])

    (edge,) = edges(how(by_hand.relu), "kink")
    assert (edge.verdict, edge.left, edge.right) == ("convention", 0, 1)
    assert how(by_hand.relu_beyond).verdict == "wrong"


@pytest.mark.parametrize(
    ("forward", "kinks"),
    [
        (np.tanh, []),
        (np.abs, [0]),
        (lambda x: np.clip(x, -1, 1.25), [-1, 1.25]),
        (lambda x: np.where(x > 0.5, x * x, 0.25 + 0 * x), [0.5]),
        (np.sign, []),  # the value jumps
        (lambda x: np.sin(3 * x), []),
        (lambda x: np.where(x > 0, np.inf, x), []),
    ],
)
def test_bisection_finds_kinks_and_nothing_else(forward, kinks):
    with np.errstate(all="ignore"):
        assert bisected(forward) == kinks


def test_a_missed_limit_is_inaccurate():
    pytest.importorskip("flint")
    report = gradproof.check(gradproof.slope(by_hand.silu), "activation/silu", dtypes=["float64"])
    assert report.verdict == "inaccurate"
    assert "∂/∂x is nan at x = inf; the limit is 1.0: inaccurate (float64)" in str(report)
    fine = gradproof.check(gradproof.slope(by_hand.tanh), "activation/tanh", dtypes=["float64"])
    assert edges(fine, "special")
    assert "special values (±0, ±inf, NaN, subnormal, huge): the limits" in str(fine)


def test_nan_that_is_not_passed_on_is_said_and_no_reason_to_fail():
    pytest.importorskip("flint")
    report = gradproof.check(gradproof.slope(by_hand.relu), "activation/relu", dtypes=["float64"])
    assert report.verdict == "right"
    assert "∂/∂x is 0.0 at x = nan, which it does not pass on: a convention" in str(report)


def test_a_subject_that_refuses_what_is_not_finite_is_judged_by_the_rest():
    pytest.importorskip("flint")

    def refusing(x):
        if not np.isfinite(x).all():
            raise ValueError("finite numbers only")
        return by_hand.tanh(x)

    report = gradproof.check(gradproof.slope(refusing), "activation/tanh", dtypes=["float64"])
    assert report.ok
    assert not edges(report, "special")
