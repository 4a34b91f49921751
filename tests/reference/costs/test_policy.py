"""Costs of policies: normalisers of clipped ratios, and which estimator of a divergence has whose gradient."""

import re

import numpy as np
import pytest

from reference.costs import grpo_clip, kl_k1, kl_k3, ppo_clip, quadratic

RNG = np.random.default_rng(2)
A, OLD = RNG.standard_normal((2, 3, 4)) / 4
ADVANTAGE = np.array([1.5, -0.5, 2.0])
LENGTHS = np.array([4, 1, 2])


@pytest.mark.parametrize(
    ("normaliser", "divisor"), [("sequence", 3 * LENGTHS), ("token", [7] * 3), ("group", [12] * 3)]
)
def test_each_token_is_divided_by_what_the_normaliser_says(normaliser, divisor):
    C, g = grpo_clip(A, OLD, ADVANTAGE, LENGTHS, normaliser=normaliser)
    there = np.arange(4) < LENGTHS[:, None]
    terms, by = ppo_clip(A, OLD, ADVANTAGE[:, None], reduction="none")
    share = there / np.reshape(divisor, (3, 1))
    assert pytest.approx((terms * share).sum(), rel=1e-14) == C
    assert g["a"] == pytest.approx(by["a"] * share, rel=1e-14)
    each = [ppo_clip(A[i], OLD[i], [ADVANTAGE[i]] * 4, reduction="none")[1]["advantage"] for i in range(3)]
    assert g["advantage"] == pytest.approx((np.array(each) * share).sum(-1), rel=1e-13)


def test_normalisers_agree_on_answers_of_one_length():
    found = [grpo_clip(A, OLD, ADVANTAGE, normaliser=name)[0].item() for name in ("sequence", "token", "group")]
    assert found == pytest.approx([found[0]] * 3, rel=1e-14)


def test_tokens_beyond_the_length_may_be_anything():
    a, advantage = A.copy(), ADVANTAGE.copy()
    a[1, 1:], a[2], advantage[2] = np.nan, np.inf, np.nan
    C, g = grpo_clip(a, OLD, advantage, [4, 1, 0])
    assert np.isfinite(C)
    assert not g["a"][1, 1:].any()
    assert (g["a"][2].any(), g["advantage"][2]) == (False, 0)


def test_a_tiny_range_is_not_lost_beside_one():
    _, g = ppo_clip([-1.0], [-1.0], [2.0], high=1e-30)
    assert g["a"] == [-2.0], "the ratio is 1, below 1 + high"
    _, g = ppo_clip([-1.0], [-1.0], [2.0], high=0.0)
    assert g["a"] == [0]


def test_an_advantage_of_0_takes_a_ratio_of_any_size_out():
    C, g = ppo_clip([1e4], [0.0], [0.0])
    assert (C, g["a"], g["old"], g["advantage"]) == (0, 0, 0, -np.inf)
    C, g = grpo_clip([[1e4, 0.0]], [[0.0, 0.0]], [0.0])
    assert (C, g["a"].any(), g["old"].any(), g["advantage"]) == (0, False, False, -np.inf)
    assert np.isnan(ppo_clip([np.nan], [0.0], [0.0])[0])


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"normaliser": "batch"}, ValueError, "normaliser = 'batch' is not one of sequence, token, group"),
        ({"lengths": [4, 1]}, ValueError, "lengths have shape (2,); expected (3,)"),
        ({"lengths": [4, 1, 5]}, ValueError, "lengths = 5 at index (2,) is outside 0 … 4, the number of tokens"),
        ({"lengths": [4.0, 1.0, 2.0]}, TypeError, "lengths"),
        ({"advantage": np.ones(2)}, ValueError, "advantage has shape (2,)"),
        ({"low": 2.0}, ValueError, "low = 2.0; need 0 ≤ low ≤ 1"),
        (
            {"a": np.float64(1), "old": 0.0, "advantage": 1.0},
            ValueError,
            "a has shape (); expected (n answers, T tokens)",
        ),
    ],
)
def test_bad_input_is_said(change, error, said):
    with pytest.raises(error, match=re.escape(said)):
        grpo_clip(**{"a": A, "old": OLD, "advantage": ADVANTAGE, "lengths": LENGTHS, **change})


def test_which_estimator_has_whose_gradient():
    """In expectation over the policy p, exactly: k1 gives 0, k2 the gradient of KL(p‖q), k3 that of KL(q‖p)."""
    z = np.array([0.3, -1.0, 0.7])
    p, q = np.exp(z) / np.exp(z).sum(), np.array([0.5, 0.2, 0.3])
    log_p, log_q = np.log(p), np.log(q)

    def through_samples(cost):
        """Σ_x p(x) ∂k(x)/∂log p(x) · ∂log p(x)/∂z."""
        _, g = cost(log_p, log_q, reduction="sum")
        slope = p * g["a"]
        return slope - p * slope.sum()

    reverse = p * (log_p - log_q - p @ (log_p - log_q))
    assert through_samples(kl_k1) == pytest.approx(np.zeros(3), abs=1e-16)
    assert through_samples(quadratic) == pytest.approx(reverse, rel=1e-14)
    assert through_samples(kl_k3) == pytest.approx(p - q, rel=1e-14)
    values = [p @ cost(log_p, log_q, reduction="none")[0] for cost in (kl_k1, kl_k3)]
    assert values == pytest.approx([p @ (log_p - log_q)] * 2, rel=1e-14), "both are unbiased"


def test_one_answer_by_itself_is_one_of_a_group_of_one():
    a, old = np.array([0.1, 0.2]), np.array([0.1, 0.1])
    alone, g = grpo_clip(a, old, np.array(2.0))
    grouped, by = grpo_clip(a[None], old[None], np.array([2.0]))
    assert alone == grouped
    np.testing.assert_array_equal(g["a"], by["a"][0])
