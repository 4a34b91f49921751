"""Rules that find their own size, a quasi-Newton step, and gradients cut to a size: by hand, and bad input."""

import numpy as np
import pytest

from reference.updates import (
    adamw,
    centralize,
    clip_by_block_rms,
    dadapt_adamw,
    dog,
    dowg,
    lbfgs,
    momentum,
    momo,
    momo_adam,
    normalize_by_update_norm,
    polyak_sgd,
    prodigy,
    sam,
    sgd,
)

W, G = np.array([3.0, 0.0, -4.0]), np.array([0.0, 2.0, 1.5])  # of norms 5 and 2.5


def moved(step, w=W, g=G, state=None, **given):
    return step([w], [g], state, **given)[0][0] - w


def test_a_polyak_step_on_a_line_ends_where_the_bound_is():
    np.testing.assert_allclose(moved(polyak_sgd, value=3.0, lower=0.5, most=9.0), -2.5 / 6.25 * G)
    np.testing.assert_allclose(moved(polyak_sgd, value=3.0, most=0.125), -0.125 * G)
    np.testing.assert_allclose(moved(polyak_sgd, w=0 * W, g=1e200 * G, value=1.0), -G / 6.25 * 1e-200)
    assert moved(polyak_sgd, g=0 * G).tolist() == [0, 0, 0]


def test_dog_and_dowg_go_a_share_of_the_way_that_they_have_come():
    np.testing.assert_allclose(moved(dog, alpha=0.5, eps=0.0), -0.5 * 6 / 2.5 * G)
    np.testing.assert_allclose(moved(dowg, initial=0.25, eps=0.0), -0.25 / (0.5 * 2.5) * G)
    start = {"t": 1, "x0": [0 * W], "r": [np.array([1.0])], "G": [np.array([6.25])]}
    np.testing.assert_allclose(moved(dog, state=start, eps=0.0), -5 / np.sqrt(12.5) * G)
    np.testing.assert_allclose(moved(dowg, state=start, eps=0.0), -25 / np.sqrt(6.25 + 25 * 6.25) * G)


@pytest.mark.parametrize("step", [dadapt_adamw, prodigy], ids=lambda f: f.__name__)
def test_they_begin_as_adamw_at_a_small_rate_and_grow(step):
    first = moved(step, d0=0.01, lam=0.5, eps=1e-12)
    rate = 0.01 * np.sqrt(1 - 0.999) / (1 - 0.9)
    unscaled = moved(adamw, eta=1.0, lam=0.0, eps=1e-12)
    np.testing.assert_allclose(first, 0.01 * unscaled - 0.5 * rate * W, rtol=1e-9)
    w, state, sizes = [W], None, []
    for _ in range(60):
        w, state = step(w, [w[0] - 1.0], state, d0=1e-4)
        sizes.append(float(state["D"][0][0]))
    assert np.all(np.diff(sizes) >= 0)
    assert sizes[-1] > 10 * sizes[0]


def test_momo_is_momentum_until_the_bound_is_near():
    far, _ = momo([W], [G], eta=0.125, value=1e6)
    np.testing.assert_allclose(far[0], momentum([W], [G], eta=0.125)[0][0])
    np.testing.assert_allclose(moved(momo, eta=10.0, value=3.0, lower=0.5), -2.5 / 6.25 * G)
    assert moved(momo, value=0.5, lower=1.0).tolist() == [0, 0, 0]  # below its bound
    np.testing.assert_allclose(moved(momo, g=0 * G, eta=1.0, lam=1.0), -W / 2)
    np.testing.assert_allclose(moved(momo_adam, eta=0.125, value=1e6), moved(adamw, eta=0.125, lam=0.0))


def test_sam_climbs_and_then_descends_from_where_it_was():
    w, state = sam([W], [G], radius=0.5, eta=0.25)
    np.testing.assert_allclose(w[0], W + 0.5 * G / 2.5)
    w, state = sam(w, [2 * G], state, radius=0.5, eta=0.25)
    np.testing.assert_allclose(w[0], W - 0.5 * G)
    assert moved(sam, g=0 * G).tolist() == [0, 0, 0]


def test_two_parameters_have_one_distance_between_them():
    (p, q), state = dog([W[:1], W[1:]], [G[:1], G[1:]], alpha=0.5)
    np.testing.assert_array_equal(np.concatenate([p, q]), dog([W], [G], alpha=0.5)[0][0])
    assert state["r"][0].tolist() == state["r"][1].tolist() == [3.0]


def test_a_quasi_newton_step_takes_a_change_of_the_gradient_back_to_that_of_the_parameter():
    s, y = np.array([1.0, 2.0, -1.0]), np.array([0.5, 3.0, 1.0])
    state = {"t": 1, "s": [s], "y": [y]}
    np.testing.assert_allclose(moved(lbfgs, g=y, state=state, eta=1.0), -s)  # the secant equation Hy = s
    rho, one = 1 / (s @ y), np.eye(3)
    H = (one - rho * np.outer(s, y)) * (s @ y) / (y @ y) @ (one - rho * np.outer(y, s)) + rho * np.outer(s, s)
    np.testing.assert_allclose(moved(lbfgs, state=state, eta=0.5), -0.5 * H @ G)
    np.testing.assert_array_equal(moved(lbfgs, eta=0.5), moved(sgd, eta=0.5))  # nothing is known yet


@pytest.mark.parametrize(("of_s", "of_y", "of_g"), [(560, 560, 0), (0, -560, 0), (-560, -560, 0), (-600, 0, 700)])
def test_the_squares_of_a_quasi_newton_step_stay_in_range(of_s, of_y, of_g):
    """H of 2ⁱs, 2ʲy is 2ⁱ⁻ʲH."""
    s, y, g = np.array([1.0, 2.0]), np.array([1.0, 3.0]), np.array([1.0, 2.0])
    plain = moved(lbfgs, 0 * g, g, {"t": 1, "s": [s], "y": [y]})
    state = {"t": 1, "s": [np.ldexp(s, of_s)], "y": [np.ldexp(y, of_y)]}
    moves = moved(lbfgs, 0 * g, np.ldexp(g, of_g), state)
    np.testing.assert_array_equal(moves, np.ldexp(plain, of_s - of_y + of_g))
    np.testing.assert_allclose(1 + plain, [1 / 14, -5 / 14], rtol=1e-14)


def test_gradients_are_centred_cut_and_normalized():
    g = np.array([[1.0, 2.0, 6.0], [-1.0, 0.0, 4.0]])
    np.testing.assert_allclose(moved(centralize, 0 * g, g, eta=1.0), [[2, 1, -3], [2, 1, -3]])
    np.testing.assert_array_equal(moved(centralize, eta=0.5), moved(sgd, eta=0.5))
    np.testing.assert_allclose(moved(clip_by_block_rms, eta=1.0, clip=0.5), -0.5 * G / np.sqrt((G**2).mean()))
    np.testing.assert_allclose(moved(clip_by_block_rms, eta=1.0, clip=2.0), -G)
    np.testing.assert_allclose(moved(normalize_by_update_norm, eta=0.5, eps=0.0), -0.2 * G)
    np.testing.assert_allclose(moved(normalize_by_update_norm, g=1e-200 * G, eta=0.5, eps=0.0), -0.2 * G)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: moved(polyak_sgd, most=-1.0), "need most ≥ 0"),
        (lambda: moved(dog, alpha=-1.0), "need alpha ≥ 0"),
        (lambda: moved(prodigy, d0=0.0), "d0 = 0.0; need d0 > 0"),
        (lambda: moved(prodigy, coefficient=-1.0), "need coefficient ≥ 0"),
        (lambda: moved(sam, radius=-0.5), "need radius ≥ 0"),
        (lambda: moved(momo, value=float("nan")), "value = nan"),
        (lambda: moved(clip_by_block_rms, clip=0.0), "need clip > 0"),
        (lambda: moved(dog, state={"t": 1, "x0": [W], "r": [1.0], "G": [1.0]}), r"state\['r'\] does not fit"),
        (lambda: moved(lbfgs, state={"t": 1, "s": [W], "y": [W[:2]]}), r"state\['y'\] does not fit"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
