"""Divergences: where they vanish, what bounds them, their relations, and bad input."""

import numpy as np
import pytest

from reference.costs import generalized_kl, jensen_shannon, kl_div, total_variation

P, Q = np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]), np.array([[0.25, 0.25, 0.5], [0.75, 0.0, 0.25]])


def test_of_distributions_the_generalized_divergence_is_the_plain_one():
    a = np.log(P[:1])
    np.testing.assert_allclose(generalized_kl(a, Q[:1])[0], kl_div(a, Q[:1])[0])


def test_where_measures_agree_the_generalized_divergence_and_its_slopes_vanish_without_cancelling():
    y = np.array([[3.0, 1e-300, 1e300]])
    C, g = generalized_kl(np.log(y), y, reduction="none")
    assert (np.abs(C) <= 1e-28 * y).all()  # half the square of the rounding of log y
    np.testing.assert_allclose(g["y"], 0, atol=1e-12)
    shifted, by = generalized_kl(np.array([[2.0**-30]]), np.array([[1.0]]))
    np.testing.assert_allclose(shifted, 2.0**-61, rtol=1e-9)
    np.testing.assert_allclose(by["a"], 2.0**-30, rtol=1e-9)


def test_an_entry_of_nothing_costs_what_is_predicted():
    C, g = generalized_kl(np.array([[0.5, -np.inf]]), np.array([[0.0, 0.0]]), reduction="none")
    np.testing.assert_allclose(C, [[np.exp(0.5), 0]])
    assert g["y"][0, 0] == -np.inf


def test_total_variation_is_0_of_equals_and_1_of_what_shares_nothing():
    C, g = total_variation(P, Q, reduction="none")
    np.testing.assert_allclose(C, [0.25, 1.0])
    assert g["p"].tolist() == [[0.5, 0.0, -0.5], [-0.5, 0.5, -0.5]]
    assert (g["q"] == -g["p"]).all()
    assert not total_variation(P, P)[0]


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_of_what_shares_nothing_the_jensen_shannon_divergence_is_the_entropy_of_its_weights(beta):
    entropy = -beta * np.log(beta) - (1 - beta) * np.log(1 - beta)
    np.testing.assert_allclose(jensen_shannon(P, Q, beta=beta, reduction="none")[0][1], entropy)
    swapped = jensen_shannon(Q, P, beta=1 - beta)
    np.testing.assert_allclose(jensen_shannon(P, Q, beta=beta)[0], swapped[0])


def test_a_small_share_makes_it_the_divergence_of_the_smaller():
    """JSD_β/β → KL(p‖q) for β → 0."""
    p, q = np.array([[0.5, 0.5]]), np.array([[0.25, 0.75]])
    C = jensen_shannon(p, q, beta=1e-9)[0] / 1e-9
    np.testing.assert_allclose(C, kl_div(np.log(q), p)[0], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: generalized_kl(P, -Q), "y = -0.25 at index"),
        (lambda: total_variation(P / 2, Q), "sum of a row of p"),
        (lambda: jensen_shannon(P, Q, beta=1.0), "beta = 1.0; need 0 < beta < 1"),
        (lambda: total_variation(P, Q[:1]), "q has shape"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
