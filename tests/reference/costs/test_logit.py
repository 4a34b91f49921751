"""Costs on logits: nothing saturates, nothing cancels, whatever γ and ε are."""

import decimal
import math
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reference.activations import log_softmax, sigmoid, softmax
from reference.costs import (
    binary_cross_entropy,
    binary_cross_entropy_logits,
    cross_entropy,
    cross_entropy_labels,
    cross_entropy_probabilities,
    nll,
    one_hot,
    poly_cross_entropy,
    sigmoid_focal,
    softmax_focal,
)
from reference.costs.softmax import beyond_linear

HUGE = float(np.finfo(np.float64).max) / 2  # beyond, the difference of two logits overflows
LOGITS = arrays(np.float64, (2, 3), elements=st.floats(-HUGE, HUGE))
CALLS = {
    "binary": lambda z: binary_cross_entropy_logits(z, np.eye(2, 3), pos_weight=[0.5, 1, 2]),
    "focal": lambda z: sigmoid_focal(z, np.eye(2, 3), gamma=1.5),
    "labels": lambda z: cross_entropy_labels(z, [0, 1], label_smoothing=0.0),
    "softmax focal": lambda z: softmax_focal(z, [0, 1], gamma=0.5),
    "poly": lambda z: poly_cross_entropy(z, np.eye(2, 3)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@given(z=LOGITS)
def test_no_logit_makes_a_nan(call, z):
    value, gradients = call(z)
    assert not np.isnan(value)
    assert not any(np.isnan(g).any() for g in gradients.values())
    assert np.isfinite(gradients["z"]).all() or "ocal" in str(call)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_values_are_finite_where_they_should_be(call):
    z = np.array([[1e300, -1e300, -1e300], [-1e300, 1e300, -1e300]])  # every target is met
    value, gradients = call(z)
    assert value == 0
    assert not gradients["z"].any()


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("z", [37.0, 100.0, 200.0])
def test_a_small_loss_is_not_rounded_away(call, z):
    value, gradients = call(z * (2 * np.eye(2, 3) - 1))
    assert value > 0
    assert gradients["z"].all()


def chain(z, activation, cost, y):
    """Cost and ∂C/∂z through an activation, by its slope or its pullback."""
    a, back = activation(z)
    C, gradients = cost(a, y, reduction="sum")
    return C, back(gradients["a"]) if callable(back) else gradients["a"] * back


FUSED = [
    (binary_cross_entropy_logits, sigmoid, binary_cross_entropy),
    (cross_entropy_probabilities, softmax, cross_entropy),
    (cross_entropy_probabilities, log_softmax, nll),
]


@pytest.mark.parametrize(("fused", "activation", "cost"), FUSED, ids=lambda f: f.formula.name)
@given(arrays(np.float64, (3, 4), elements=st.floats(-8, 8)), st.integers(0, 99))
def test_a_fused_cost_is_its_composition(fused, activation, cost, z, seed):
    """Up to the rounding of a, which log(1 − a) and 1/(1 − a) magnify by up to 1 + e⁸."""
    y = np.random.default_rng(seed).dirichlet(np.ones(4), 3)
    magnified = 2.0**-49 * (1 + np.exp(8))
    C, gradients = fused(z, y, reduction="sum")
    for p, q in zip((C, gradients["z"]), chain(z, activation, cost, y), strict=True):
        np.testing.assert_allclose(p, q, rtol=magnified, atol=magnified)


def test_labels_stand_for_rows_with_their_one():
    z, labels, w = np.random.default_rng(3).standard_normal((4, 3)), np.array([0, 2, 1, 1]), np.array([0.5, 1.5, 3.0])
    for smoothing in (0.0, 0.3):
        options = {"label_smoothing": smoothing, "reduction": "sum"}
        value, gradients = cross_entropy_labels(z, labels, w, **options)
        same, by_rows = cross_entropy_probabilities(z, one_hot(labels, 3), w, **options)
        assert value == same
        for name in ("z", "weight"):
            np.testing.assert_array_equal(gradients[name], by_rows[name])


@pytest.mark.parametrize(
    "cost", [binary_cross_entropy_logits, cross_entropy_probabilities], ids=lambda f: f.formula.name
)
def test_on_logits_nothing_saturates(cost):
    """At confident logits the wrong class still has its full slope, and the right one its exponentially small."""
    z, right = np.array([[1000.0, -1000.0]]), np.array([[1.0, 0.0]])
    assert cost(z, right)[0] == 0
    value, gradients = cost(z, right[:, ::-1], reduction="sum")
    assert value == 2000
    assert gradients["z"].tolist() == [[1, -1]]
    z, tail = np.array([[40.0, -40.0]]), np.exp(-40.0 if cost is binary_cross_entropy_logits else -80.0)
    np.testing.assert_allclose(cost(z, right, reduction="sum")[1]["z"][0, 0], -tail / (1 + tail), rtol=2**-51)


def test_a_masked_class_costs_nothing_unless_it_is_wanted():
    z = np.array([[0.0, -np.inf, 1.0]])
    value, gradients = cross_entropy_labels(z, [0])
    assert value == pytest.approx(np.log1p(np.e), rel=2**-51)
    np.testing.assert_allclose(gradients["z"], [[-np.e / (1 + np.e), 0, np.e / (1 + np.e)]], rtol=2**-51)
    assert cross_entropy_labels(z, [1])[0] == np.inf


def test_an_infinite_logit_is_certain():
    z = np.array([[0.0, np.inf]])
    for cost in (cross_entropy_labels, softmax_focal):
        (right, by_right), (wrong, by_wrong) = cost(z, [1]), cost(z, [0])
        assert (right, wrong) == (0, np.inf)
        assert by_right["z"].tolist() == [[0, 0]]
        assert by_wrong["z"].tolist() == [[-1, 1]]


def test_without_focus_both_focal_costs_are_cross_entropies():
    rng = np.random.default_rng(4)
    z, labels = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    focal, by_focal = softmax_focal(z, labels, gamma=0.0)
    plain, by_plain = cross_entropy_labels(z, labels)
    assert math.isclose(float(focal), float(plain), rel_tol=2**-50)
    np.testing.assert_allclose(by_focal["z"], by_plain["z"], rtol=2**-48, atol=2**-54)
    y = np.eye(3)[labels]
    focal, by_focal = sigmoid_focal(z, y, gamma=0.0, alpha=0.5)
    plain, by_plain = binary_cross_entropy_logits(z, y)
    assert math.isclose(2 * float(focal), float(plain), rel_tol=2**-50)
    np.testing.assert_allclose(2 * by_focal["z"], by_plain["z"], rtol=2**-48)


def test_label_smoothing_is_a_target_mixed_with_the_uniform_one():
    z, labels = np.random.default_rng(5).standard_normal((4, 3)), np.array([0, 2, 1, 1])
    value, gradients = cross_entropy_labels(z, labels, label_smoothing=0.3)
    mixed = 0.7 * np.eye(3)[labels] + 0.1
    same, by_mixed = cross_entropy_probabilities(z, mixed)
    assert math.isclose(float(value), float(same), rel_tol=2**-49)
    np.testing.assert_allclose(gradients["z"], by_mixed["z"], rtol=2**-45, atol=2**-54)


@pytest.mark.parametrize(
    ("others", "slope"), [(False, [-0.08954, 0.08086, 0.00868]), (True, [-0.05621, 0.06420, -0.00799])]
)
def test_what_is_smoothed_is_shared_by_all_classes_or_by_the_others(others, slope):
    _, g = cross_entropy_labels([[2.0, 0.0, -1.0]], [0], label_smoothing=0.1, smooth_others=others)
    assert g["z"][0] == pytest.approx(slope, abs=5e-6)


def test_smoothing_over_the_others_is_that_over_all_with_more():
    z, labels = np.random.default_rng(1).standard_normal((3, 4)), [0, 3, 1]
    (c, g), (k, h) = (
        cross_entropy_labels(z, labels, label_smoothing=0.3, smooth_others=True),
        cross_entropy_labels(z, labels, label_smoothing=0.4),  # 0.3·d/(d − 1)
    )
    assert c == pytest.approx(k, rel=1e-14)
    assert g["z"] == pytest.approx(h["z"], rel=1e-13)
    alone, slope = cross_entropy_labels([[7.0]], [0], label_smoothing=0.3, smooth_others=True)
    assert alone == slope["z"].item() == 0, "of one class alone there are no others"


@pytest.mark.parametrize(("cap", "T"), [(2.0, 0.5), (30.0, 2.5), (math.inf, 1e-300), (1e-300, 1.0), (1e308, 1e308)])
def test_capped_and_tempered_logits_are_a_composition(cap, T):
    z = np.array([[3.0, -1.0, 0.5], [80.0, 79.0, -70.0]])
    u = z if cap == math.inf else cap * np.tanh(z / cap)
    slope = 1.0 if cap == math.inf else 1 - np.tanh(z / cap) ** 2
    plain, by_u = cross_entropy_labels(u / T, [1, 0], reduction="none")
    capped, by_z = cross_entropy_labels(z, [1, 0], softcap=cap, temperature=T, reduction="none")
    assert capped == pytest.approx(plain, rel=1e-12)
    assert by_z["z"] == pytest.approx(slope * by_u["z"] / T, rel=1e-9, abs=1e-12)


def test_capped_logits_keep_what_sets_them_apart():
    """All are saturated: the differences are 2·30·(e^(−2·20) − e^(−2·21)) and are not lost beside 30."""
    a, b = 60 * math.exp(-40) / (1 + math.exp(-40)), 60 * math.exp(-42) / (1 + math.exp(-42))
    C, _ = cross_entropy_labels([[600.0, 630.0]], [0], softcap=30.0, temperature=2.0**-50)
    assert pytest.approx(np.logaddexp(0, (a - b) * 2.0**50), rel=1e-15) == C


def test_infinite_logits_are_capped_too():
    C, g = cross_entropy_labels([[np.inf, 0.0, -np.inf]], [1], softcap=2.0, temperature=2.0)
    assert pytest.approx(np.log(np.exp(1) + 1 + np.exp(-1))) == C
    assert g["z"][0, [0, 2]].tolist() == [0, 0]
    C, _ = cross_entropy_labels([[0.0, -np.inf]], [0], temperature=2.0)
    assert C == 0


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"softcap": 0.0}, "softcap = 0.0; need 0 < softcap ≤ ∞"), ({"softcap": math.nan}, "softcap = nan is not finite"),
     ({"temperature": -1.0}, "temperature = -1.0; need temperature > 0"),
     ({"label_smoothing": 1.5, "smooth_others": True}, "label_smoothing = 1.5; need 0 ≤ label_smoothing ≤ 1")],
)  # fmt: skip
def test_what_cannot_be_done_to_logits_is_said(wrong, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        cross_entropy_labels([[0.0, 1.0]], [0], **wrong)


def test_a_masked_class_that_is_not_wanted_costs_nothing():
    value, gradients = cross_entropy_probabilities([[0.0, -math.inf]], [[1.0, 0.0]])
    assert value == 0
    assert gradients["z"].tolist() == [[0.0, 0.0]]


def test_the_slope_in_the_target_of_an_unweighted_logit_is_minus_the_logit():
    z = np.array([[-3.0, 1e-20, 200.0]])
    np.testing.assert_array_equal(binary_cross_entropy_logits(z, z * 0, reduction="sum")[1]["y"], -z)


@pytest.mark.parametrize("gamma", [0.5, 2.0, 50.0, 300.0])
@pytest.mark.parametrize("z", [-900.0, -40.0, -1.5, -0.3, -1e-3, 0.0, 1e-9, 0.7, 3.0, 60.0, 900.0])
def test_gamma_magnifies_no_error(z, gamma):
    """Against decimal arithmetic of 500 digits: (1 − p)^γ(−log p) for two classes whose logits differ by z."""
    with decimal.localcontext() as context:
        context.prec, context.Emin = 500, -(10**6)
        p = 1 / (1 + (-Decimal(z)).exp())
        miss, surprise = (-Decimal(z)).exp() * p, (1 + (-Decimal(z)).exp()).ln()
        exact = (Decimal(gamma) * miss.ln()).exp() * surprise
        sway = abs(Decimal(z)) * exact * (Decimal(gamma) * p + miss / surprise)  # what a relative change of z does
        bound = 4 * (Decimal(math.ulp(float(exact))) + Decimal(2.0**-53) * sway)
        for value in (
            sigmoid_focal(z, 1.0, alpha=1.0, gamma=gamma)[0],
            softmax_focal([[z, 0.0]], [0], gamma=gamma)[0],
            softmax_focal([[z / 2, -z / 2, -np.inf]], [0], gamma=gamma)[0],
        ):
            assert abs(Decimal(float(value)) - exact) <= bound


def test_gamma_magnifies_no_error_among_many_classes():
    """Equal logits: p = 1/d, and (1 − p)^γ·log d has no error of z in it."""
    for d in (2, 3, 10, 1000):
        with decimal.localcontext() as context:
            context.prec = 40
            exact = float((50 * (1 - 1 / Decimal(d)).ln()).exp() * Decimal(d).ln())
        assert softmax_focal(np.zeros((1, d)), [0], gamma=50.0)[0] == pytest.approx(exact, rel=2**-50)


def test_a_learned_row_of_poly_cross_entropy_keeps_its_digits():
    for z, exact in ((40.0, 1.2476594502083296e-34), (20.0, 8.496708506985714e-18)):
        row = [[z, 0.0, 1.0 if z == 40 else 0.0]]
        value, gradients = poly_cross_entropy(row, [[1.0, 0.0, 0.0]], epsilon=-1.0)
        assert value == pytest.approx(exact, rel=2**-48)
        assert np.isfinite(gradients["z"]).all()
        assert gradients["z"].all()
    for miss in np.geomspace(1e-300, 0.9, 60):
        x = float(miss)
        with decimal.localcontext() as context:
            context.prec = 700
            exact = float(-(1 - Decimal(x)).ln() - Decimal(x))
        assert beyond_linear(np.array(x), np.array(-math.log1p(-x))) == pytest.approx(exact, rel=2**-48, abs=1e-300)


def test_a_positive_weight_of_zero_takes_an_infinite_cost_out():
    z, y = [[-np.inf, -np.inf]], [[1.0, 1.0]]
    value, gradients = binary_cross_entropy_logits(z, y, pos_weight=[0.0, 2.0], reduction="none")
    assert value.tolist() == [[0, np.inf]]
    assert gradients["z"].tolist() == [[0, -2]]


@pytest.mark.parametrize(("z", "y_slope"), [(np.inf, -np.inf), (-np.inf, np.inf)])
def test_the_focal_cost_of_an_infinite_logit(z, y_slope):
    right, wrong = float(z > 0), float(z < 0)
    assert sigmoid_focal(z, right)[0] == 0
    assert sigmoid_focal(z, wrong)[0] == np.inf
    _, gradients = sigmoid_focal([z], [right])
    assert gradients["z"] == 0
    assert gradients["y"] == y_slope
