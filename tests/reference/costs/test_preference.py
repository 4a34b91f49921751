"""Costs of preferences and policies: what is known of them at special points, their relations, and bad input."""

import re

import numpy as np
import pytest

from reference.costs import cpo, dpo, ipo, kl_k3, kto, orpo, ppo_clip, quadratic, simpo, squared_error

A, B = np.array([-1.0, -20.0, -3.5]), np.array([-2.0, -20.0, -0.25])


def test_a_model_that_prefers_nothing_pays_log_2_and_answers_by_half_of_beta():
    C, g = dpo(B, B, reference_chosen=A, reference_rejected=A, beta=0.3, reduction="none")
    np.testing.assert_allclose(C, np.log(2))
    for name, sign in {"chosen": -1, "rejected": 1, "reference_chosen": 1, "reference_rejected": -1}.items():
        np.testing.assert_allclose(g[name], sign * 0.15)


def test_a_reference_shifts_the_lead_and_a_margin_raises_what_it_has_to_be():
    whole = dpo(A, B, reference_chosen=B, reference_rejected=A, beta=0.5)[0]
    np.testing.assert_allclose(whole, dpo(2 * (A - B), np.zeros(3), beta=0.5)[0])
    np.testing.assert_allclose(dpo(A, B, beta=0.5, margin=0.75)[0], dpo(A - 1.5, B, beta=0.5)[0])
    assert set(dpo(A, B)[1]) == {"chosen", "rejected"}


def test_labels_smoothed_by_half_ask_for_no_preference():
    _, g = dpo(A, A, label_smoothing=0.5)
    assert not g["chosen"].any()
    np.testing.assert_allclose(dpo(A, B, label_smoothing=1.0)[0], dpo(B, A)[0])


def test_saturated_preferences_lose_no_digit():
    C, g = dpo(np.array([900.0]), np.array([0.0]), beta=0.5)
    np.testing.assert_allclose(C, np.exp(-450))
    np.testing.assert_allclose(g["chosen"], -0.5 * np.exp(-450))
    C, g = kto(np.array([7000.0]), np.array([1.0]), np.array([0.0]))
    np.testing.assert_allclose(C, np.exp(-700), rtol=1e-12)
    np.testing.assert_allclose(g["a"], -0.1 * np.exp(-700), rtol=1e-12)


def test_ipo_is_a_squared_error_of_the_lead():
    C, g = ipo(A, B, beta=0.25)
    other, by = squared_error(A - B, np.full(3, 2.0))
    np.testing.assert_allclose(C, other)
    np.testing.assert_allclose(g["chosen"], by["a"])


def test_kto_of_both_signs_is_one_and_the_point_of_reference_is_broadcast():
    up, down = (kto(A, np.full(3, y), B, kl=np.array([0.5]), reduction="none") for y in (1.0, -1.0))
    np.testing.assert_allclose(up[0] + down[0], 1)
    np.testing.assert_allclose(up[1]["kl"], up[1]["reference"].sum(keepdims=True))


def test_odds_of_equal_likelihoods_are_one():
    C, g = orpo(A, A)
    np.testing.assert_allclose(C, np.log(2))
    np.testing.assert_allclose(g["chosen"], -g["rejected"])
    np.testing.assert_allclose(g["chosen"], -0.5 / 3 / -np.expm1(A))


@pytest.mark.parametrize(
    ("ratio", "advantage", "counts", "slope"),
    [
        (1.0, 2.0, 1.0, -2.0),
        (1.5, 2.0, 1.25, 0.0),
        (0.25, 2.0, 0.25, -0.5),
        (0.25, -2.0, 0.5, 0.0),
        (1.5, -2.0, 1.5, 3.0),
        (1.25, 2.0, 1.25, 0.0),  # at the ends: the clipped side
        (0.5, -2.0, 0.5, 0.0),
    ],
)
def test_a_ratio_counts_until_it_is_clipped_on_the_side_where_that_is_less(ratio, advantage, counts, slope):
    C, g = ppo_clip([np.log(ratio)], [0.0], [advantage], low=0.5, high=0.25)
    np.testing.assert_allclose(C, -counts * advantage, rtol=1e-15)
    np.testing.assert_allclose(g["a"], [slope], rtol=1e-15, atol=0)
    np.testing.assert_allclose(g["old"], [-slope], rtol=1e-15, atol=0)
    np.testing.assert_allclose(g["advantage"], [-counts], rtol=1e-15)


def test_estimators_of_a_divergence_agree_to_second_order():
    """k3 is k2 up to r³/6, to all digits of a difference of 1e-9; k2 is the quadratic cost."""
    r = np.array([1e-9, -1e-5, 0.1])
    k3, g = kl_k3(np.zeros(3), r, reduction="none")
    np.testing.assert_allclose(k3, quadratic(r, np.zeros(3), reduction="none")[0] * (1 + r / 3 + r**2 / 12), rtol=1e-4)
    np.testing.assert_allclose(k3[0], 5e-19 * (1 + 1e-9 / 3), rtol=1e-15)
    np.testing.assert_allclose(g["a"], -np.expm1(r))
    assert (kl_k3(A, B, reduction="none")[0] >= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dpo(A, B, beta=0.0), "beta = 0.0; need beta > 0"),
        (lambda: dpo(A, B, label_smoothing=1.5), "label_smoothing = 1.5; need 0 ≤ label_smoothing ≤ 1"),
        (lambda: dpo(A, B[:2]), r"rejected has shape \(2,\)"),
        (lambda: kto(A, np.zeros(3), B), "y = 0.0 at index .* is not a label"),
        (lambda: orpo(-A, B), "chosen = 1.0 at index .* is not the logarithm of a probability"),
        (lambda: ppo_clip(A, B, A, low=-0.1), "low = -0.1; need 0 ≤ low ≤ 1"),
    ],
)
def test_what_is_no_preference_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_odds_at_their_ends_keep_every_digit_and_have_their_limits():
    chosen, rejected = np.array([[0.0, -np.inf, -1e-320, -5e-324, -1.0], [-1.0, -2.0, -1.0, -5e-324, -np.inf]])
    value, g = orpo(chosen, rejected, reduction="none")
    np.testing.assert_allclose(value, [0, np.inf, 1e-320 / np.expm1(1), np.log(2), 0], rtol=1e-3)  # one is subnormal
    np.testing.assert_allclose(g["chosen"], [-1 / np.expm1(1), -1, -1 / np.expm1(1), -np.inf, 0])
    np.testing.assert_allclose(g["rejected"][[0, 1, 3, 4]], [0, 1 / -np.expm1(-2), np.inf, 0])
    assert orpo(np.array([-0.5]), np.array([0.0]))[1]["rejected"] == np.inf
    small = orpo(np.array([-1e-320]), np.array([-1.0]), np.array([1e300]))
    np.testing.assert_allclose(
        small[0], float(np.float64(1e-320) * 2.0**900) / np.expm1(1) * (1e300 / 2.0**900), rtol=1e-15
    )
    there = orpo(np.array([-1e-320]), np.array([-1e-320]), np.array([1e-300]))[1]["chosen"]
    np.testing.assert_allclose(there, -0.5 / (1e-320 * 2.0**900) * (1e-300 * 2.0**900), rtol=1e-15)


def test_cpo_is_dpo_without_a_reference_and_the_likelihood_of_the_chosen_answer():
    (C, g), (D, by) = cpo(A, B, beta=0.5, label_smoothing=0.1, alpha=0.75), dpo(A, B, beta=0.5, label_smoothing=0.1)
    assert pytest.approx(D - 0.75 * A.mean(), rel=1e-14) == C
    assert g["chosen"] == pytest.approx(by["chosen"] - 0.25, rel=1e-14)
    assert g["rejected"] == pytest.approx(by["rejected"], rel=1e-14)
    assert cpo(A, B, alpha=0.0)[0] == dpo(A, B)[0]


def test_simpo_is_dpo_of_log_probabilities_a_token():
    n, m = np.array([2, 10, 1]), np.array([4, 20, 3])
    (C, g), (D, by) = simpo(A, B, n, m, beta=2.5, margin=0.5), dpo(A / n, B / m, beta=2.5, margin=0.5)
    assert pytest.approx(D, rel=1e-14) == C
    assert g["chosen"] == pytest.approx(by["chosen"] / n, rel=1e-13)
    assert g["rejected"] == pytest.approx(by["rejected"] / m, rel=1e-13)


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: simpo(A, B, [1, 2, 0], [1, 1, 1]), ValueError, "chosen_lengths = 0 at index (2,) is no length of an"),
        (lambda: simpo(A, B, [1, 2, 1], [1, 1]), ValueError, "rejected_lengths have shape (2,); expected (3,)"),
        (lambda: simpo(A, B, [1.0, 2.0, 1.0], [1, 1, 1]), TypeError, "chosen_lengths"),
        (lambda: cpo(A, B, alpha=-1.0), ValueError, "alpha = -1.0; need alpha ≥ 0"),
        (lambda: cpo(A, B, beta=0.0), ValueError, "beta = 0.0; need beta > 0"),
    ],
)
def test_what_cpo_and_simpo_cannot_take_is_said(call, error, said):
    with pytest.raises(error, match=re.escape(said)):
        call()
