"""Rules that know the norms of a layer: by hand, their scales, and bad input."""

import numpy as np
import pytest

from reference.updates import adamw, adaptive_clipping, fromage, lamb, lars, novograd

W, G = np.array([[3.0, 0.0], [0.0, 4.0]]), np.array([[0.0, 6.0], [8.0, 0.0]])  # norms 5 and 10


def moved(step, w=W, g=G, state=None, **given):
    return step([w], [g], state, **given)[0][0] - w


def test_lars_moves_by_a_share_of_the_length_of_the_layer():
    np.testing.assert_allclose(moved(lars, eta=0.5, trust=0.25), -0.5 * 0.25 * 5 / 10 * G)
    np.testing.assert_allclose(moved(lars, g=1e200 * G, eta=0.5, trust=0.25), -0.5 * 0.25 * 5 / 10 * G)
    np.testing.assert_allclose(moved(lars, w=0 * W, eta=0.5), -0.5 * G)  # the ratio is 1


def test_lamb_is_adamw_scaled_to_the_length_of_the_layer():
    g = np.random.default_rng(0).standard_normal((2, 2))
    step = moved(adamw, g=g, eta=1.0, lam=0.3, eps=1e-6)
    np.testing.assert_allclose(moved(lamb, g=g, eta=0.5, lam=0.3), 0.5 * 5 / np.linalg.norm(step) * step, rtol=1e-12)


def test_novograd_begins_with_the_direction_and_keeps_one_number():
    (w,), state = novograd([W], [G], eta=0.5, eps=0.0)
    np.testing.assert_allclose(w - W, -0.5 * G / 10)
    assert state["q"][0].tolist() == [[100.0]]
    _, state = novograd([w], [2 * G], state, beta2=0.5)
    np.testing.assert_allclose(state["q"][0], [[250.0]])


def test_fromage_does_not_lengthen_a_layer_whose_gradient_is_across():
    w = fromage([W], [G], eta=0.75)[0][0]
    assert np.linalg.norm(w) == pytest.approx(5.0, rel=1e-15)
    np.testing.assert_allclose(w, (W - 0.75 * 0.5 * G) / 1.25)


def test_rows_are_clipped_each_to_a_share_of_its_own_length():
    np.testing.assert_allclose(moved(adaptive_clipping, eta=1.0, clip=0.5), -np.array([[0, 1.5], [2.0, 0]]))
    np.testing.assert_allclose(moved(adaptive_clipping, eta=1.0, clip=2.5), -G)  # within the limit
    np.testing.assert_allclose(moved(adaptive_clipping, w=0 * W, eta=1.0, clip=0.5, eps=0.5), -np.sign(G) / 4)
    flat = moved(adaptive_clipping, W.ravel(), G.ravel(), eta=1.0, clip=0.5)  # without rows: all of it
    np.testing.assert_allclose(flat, -0.25 * G.ravel())


@pytest.mark.parametrize("step", [lars, lamb, novograd, fromage], ids=lambda f: f.__name__)
def test_the_size_of_a_gradient_does_not_count(step):
    free = {"eps": 0.0} if step is not fromage else {"least": 0.0}
    plain = moved(step, **free)
    for k in (-600, 600):
        np.testing.assert_allclose(moved(step, g=G * 2.0**k, **free), plain, rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: moved(lars, trust=-1.0), "trust = -1.0; need trust ≥ 0"),
        (lambda: moved(fromage, least=-1.0), "need least ≥ 0"),
        (lambda: moved(adaptive_clipping, clip=0.0), "need clip > 0"),
        (lambda: moved(novograd, beta2=1.0), "need 0 ≤ beta2 < 1"),
        (lambda: moved(novograd, state={"t": 1, "m": [W], "q": [1.0]}), r"state\['q'\] does not fit"),
        (lambda: moved(lars, g=G[0]), r"gradient 0 has shape \(2,\)"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(ValueError, match=said):
        call()
