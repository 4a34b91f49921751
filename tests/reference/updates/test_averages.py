"""Averages of parameters, optimistic steps, dual averaging and bets: by hand, as what they become, and bad input."""

import numpy as np
import pytest
from updates import G, path

from reference.updates import (
    acprop,
    adam,
    ademamix,
    adopt,
    asgd,
    cocob,
    lookahead,
    madgrad,
    optimistic_adam,
    optimistic_gradient_descent,
    schedule_free_adamw,
    schedule_free_sgd,
    sgd,
    simplified_ademamix,
    sophia,
)


def test_asgd_is_descent_at_a_falling_rate_and_averages_the_late_parameters():
    plain, _ = path(sgd, eta=0.5)
    w, state = path(asgd, eta=0.5, lam=0.0, t0=2.0)
    np.testing.assert_allclose(w, plain)
    np.testing.assert_allclose(state["a"][0], w[3:].mean(0))  # from step t₀ + 2 on
    for alpha in (1e17, 1e300):  # no rate is left after the first step
        np.testing.assert_array_equal(path(asgd, np.ones((5, 1)), alpha=alpha)[0], -0.01)
    w, _ = path(asgd, np.ones((2, 1)), eta=1.0, lam=0.5, alpha=1.0)
    np.testing.assert_allclose(w[:, 0], [-1.0, -1.0 * (1 - 0.5 / 1.5) - 1 / 1.5])


def test_lookahead_goes_back_at_the_end_of_a_period():
    w, state = path(lookahead, np.ones((4, 1)), eta=1.0, alpha=0.25, period=2)
    assert w[:, 0].tolist() == [-1.0, -0.5, -1.5, -1.0]
    assert state["s"][0].tolist() == [-1.0]
    np.testing.assert_array_equal(path(lookahead, alpha=1.0)[0], path(sgd)[0])


def test_schedule_free_descent_averages_the_descent_of_z():
    w, state = path(schedule_free_sgd, eta=0.5, beta1=0.75)
    z = path(sgd, eta=0.5)[0]
    np.testing.assert_allclose(state["z"][0], z[-1])
    np.testing.assert_allclose(w[-1], 0.75 * z.mean(0) + 0.25 * z[-1])
    np.testing.assert_allclose(path(schedule_free_sgd, beta1=0.0)[0], path(sgd)[0])


def test_schedule_free_adamw_without_interpolation_is_adam_without_momentum():
    free, _ = path(schedule_free_adamw, eta=0.1, beta1=0.0, beta2=0.9)
    np.testing.assert_allclose(free, path(adam, eta=0.1, beta1=0.0, beta2=0.9)[0])


def test_optimistic_steps_count_the_change_once_more():
    w, _ = path(optimistic_gradient_descent, [[1.0], [3.0]], eta=1.0)
    assert w[:, 0].tolist() == [-1.0, -6.0]  # 2·3 − 1
    np.testing.assert_allclose(path(optimistic_gradient_descent, optimism=0.0)[0], path(sgd)[0])
    np.testing.assert_allclose(path(optimistic_adam, optimism=0.0)[0], path(adam)[0])
    constant = np.ones((4, 2))
    np.testing.assert_allclose(path(optimistic_adam, constant)[0], path(adam, constant)[0])


def test_optimism_settles_a_game_that_plain_descent_leaves():
    """min over x, max over y, of x·y."""
    for step, settles in ((sgd, False), (optimistic_gradient_descent, True)):
        w, state = [np.array([1.0, 1.0])], None
        for _ in range(400):
            w, state = step(w, [np.array([w[0][1], -w[0][0]])], state, eta=0.2)
        assert (np.linalg.norm(w[0]) < 1e-3) == settles


def test_ademamix_without_the_slow_average_is_adam():
    np.testing.assert_allclose(path(ademamix, alpha=0.0)[0], path(adam)[0])
    np.testing.assert_allclose(
        path(simplified_ademamix, beta1=0.0, beta2=0.999, alpha=1.0)[0], path(adam, beta1=0.0, eta=0.002, eps=1e-8)[0]
    )


def test_adopt_and_acprop_divide_by_what_was_before():
    w, state = path(adopt, [[2.0], [3.0]], eta=1.0, beta1=0.0, beta2=0.5)
    assert w[:, 0].tolist() == [0.0, -1.0]  # 3/2, clipped at 1
    assert state["v"][0].tolist() == [0.5 * 4 + 0.5 * 9]
    w, _ = path(acprop, [[2.0], [3.0]], eta=1.0, beta2=0.75, eps=0.0)
    np.testing.assert_allclose(w[:, 0], [-2.0, -2.0 - 3.0 / 2.0])


def test_sophia_is_newtons_step_where_that_is_short():
    h = np.array([4.0, 1e-3])
    (w,), state = sophia([np.zeros(2)], [np.ones(2)], {"t": 0, "m": [np.zeros(2)], "h": [h]}, eta=0.5, gamma=0.5)
    np.testing.assert_allclose(w, [-0.25, -0.5])
    np.testing.assert_array_equal(state["h"][0], h)


def test_madgrad_without_momentum_is_dual_averaging_over_a_cube_root():
    w, _ = path(madgrad, [[2.0], [-1.0]], eta=1.0, mu=0.0, eps=0.0)
    lam = np.sqrt([1.0, 2.0])
    s, v = np.cumsum(lam * [2.0, -1.0]), np.cumsum(lam * [4.0, 1.0])
    np.testing.assert_allclose(w[:, 0], -s / np.cbrt(v))


def test_cocob_first_bets_a_small_share_and_then_what_it_won():
    w, state = path(cocob, [[-1.0], [-1.0]], alpha=4.0)
    np.testing.assert_allclose(w[:, 0], [1 / 4, 2 / 4 * (1 + 0.25)])
    assert state["R"][0].tolist() == [0.25]
    np.testing.assert_allclose(path(cocob, 1e200 * G)[0], path(cocob, G)[0], rtol=1e-9)  # it has no scale


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: path(lookahead, period=0), "period = 0; need period ≥ 1"),
        (lambda: path(lookahead, period=1.5), "period = 1.5"),
        (lambda: path(asgd, alpha=-1.0), "need alpha ≥ 0"),
        (lambda: path(schedule_free_sgd, beta1=1.0), "need 0 ≤ beta1 < 1"),
        (lambda: path(optimistic_adam, optimism=-0.5), "need optimism ≥ 0"),
        (lambda: path(sophia, clip=0.0), "need clip > 0"),
        (lambda: path(madgrad, mu=1.0), "need 0 ≤ mu < 1"),
        (lambda: path(cocob, eps=-1.0), "need eps ≥ 0"),
    ],
)
def test_bad_hyperparameters_are_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
