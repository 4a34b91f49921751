"""Signs, and moments other than Adam's: by hand, against the rules they come from, and bad input."""

import numpy as np
import pytest
from updates import G, path

from reference.updates import adabelief, adam, adan, rprop, sign_sgd, signum, yogi


def test_sign_descent_moves_by_eta_whatever_the_size_and_stands_still_at_zero():
    w, _ = path(sign_sgd, [[1e-300, -1e300, 0.0]], eta=0.25)
    assert w[0].tolist() == [-0.25, 0.25, 0.0]


def test_signum_without_memory_is_sign_descent():
    np.testing.assert_array_equal(path(signum, beta1=0.0)[0], path(sign_sgd)[0])
    w, _ = path(signum, [[1.0], [-0.5], [-1.0]], beta1=0.5, eta=1.0)  # averages ½, 0, −½
    assert w[:, 0].tolist() == [-1.0, -1.0, 0.0]


def test_rprop_grows_shrinks_and_waits_by_hand():
    w, state = path(rprop, [[3.0], [1.0], [-2.0], [-1.0], [-9.0]], eta=1.0, eta_plus=1.5, largest=1.5)
    # sizes 1, 1.5, then shrunk to 0.75 without a step, 0.75 as nothing is remembered, 1.125
    assert w[:, 0].tolist() == [-1.0, -2.5, -2.5, -1.75, -0.625]
    assert state["s"][0].tolist() == [1.125]
    capped, _ = path(rprop, np.ones((9, 1)), eta=1.0, largest=2.0)
    assert np.diff(capped[:, 0])[-1] == -2.0
    _, state = path(rprop, [[(-1.0) ** t] for t in range(40)], eta=1.0, smallest=0.25)
    assert state["s"][0].tolist() == [0.25]


def test_the_signs_of_two_tiny_gradients_do_not_underflow():
    assert path(rprop, [[1e-200], [1e-200]], eta=1.0, eta_plus=2.0)[0][:, 0].tolist() == [-1.0, -3.0]


def test_yogi_of_a_constant_gradient_steps_as_adam_and_moves_v_by_a_share_of_the_square():
    g = np.full((1, 3), 2.0)
    np.testing.assert_allclose(path(yogi, g, eps=1e-8, eta=0.5)[0], path(adam, g, eta=0.5)[0])
    _, state = yogi([np.zeros(2)], [np.array([1.0, 3.0])], {"t": 1, "m": [np.zeros(2)], "v": [np.full(2, 4.0)]})
    np.testing.assert_allclose(state["v"][0], [4 - 0.001, 4 + 0.009])


@pytest.mark.parametrize("g", [1e200, 1e-200])
def test_squares_out_of_range_do_not_spoil_a_first_step(g):
    for step, other in ((yogi, {"eps": 0.0}), (adan, {"eps": 0.0})):
        np.testing.assert_allclose(path(step, [[g]], eta=0.5, **other)[0], [[-0.5]], rtol=1e-12)


def test_adabelief_looks_at_what_was_not_expected():
    """g − m of a constant gradient falls as β₁ᵗ, so that steps grow, where those of Adam are η."""
    _, state = path(adabelief, np.ones((2, 1)), beta1=0.5, beta2=0.5, eps=0.0)
    np.testing.assert_allclose(state["v"][0], [0.5 * 0.5 * 0.25 + 0.5 * 0.0625])
    zero = path(adabelief, G, beta1=0.0)[1]["v"][0]  # everything was expected
    assert (zero < 1e-15).all()


def test_adan_of_a_constant_gradient_and_without_the_change_is_adam():
    same = {"beta1": 0.9, "eta": 0.1}
    np.testing.assert_allclose(
        path(adan, G, gamma=0.0, beta3=0.999, **same)[0], path(adam, G, beta2=0.999, **same)[0], rtol=1e-12
    )
    constant = np.full((4, 2), 3.0)
    np.testing.assert_allclose(path(adan, constant, **same)[0], path(adan, constant, gamma=0.0, **same)[0])
    changed, _ = path(adan, [[1.0], [2.0]], beta1=0.0, beta2=0.0, beta3=0.0, gamma=0.5, eps=0.0, eta=1.0)
    np.testing.assert_allclose(changed[:, 0], [-1, -2])  # (2 + ½)/|2 + ½|


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: path(rprop, eta_minus=1.5), "eta_minus = 1.5; need 0 < eta_minus < 1"),
        (lambda: path(rprop, eta_plus=1.0), "eta_plus = 1.0; need eta_plus > 1"),
        (lambda: path(rprop, largest=0.0), "need largest ≥ smallest"),
        (lambda: path(adan, beta3=1.0), "beta3 = 1.0; need 0 ≤ beta3 < 1"),
        (lambda: path(signum, beta1=-0.1), "need 0 ≤ beta1 < 1"),
        (lambda: path(yogi, eps=-1.0), "need eps ≥ 0"),
    ],
)
def test_bad_hyperparameters_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
