"""Muon: the directions that it makes alike, and what it cannot take."""

import numpy as np
import pytest

from reference.layers import newton_schulz
from reference.updates import muon

RNG = np.random.default_rng(7)
W, G = RNG.standard_normal((2, 2, 3))
CUBIC = {"a": 1.5, "b": -0.5, "c": 0.0, "iterations": 40}


@pytest.mark.parametrize(
    ("shape", "long"), [((2, 5), 1.0), ((5, 2), 2.5**0.5), ((3, 2, 2), 1.0), ((4,), 2.0), ((), 1.0)]
)
def test_every_direction_of_a_step_is_as_long(shape, long):
    g = RNG.standard_normal(shape)
    (w,), state = muon([np.zeros(shape)], [g], eta=0.5, eps=0.0, **CUBIC)
    rows = shape[0] if shape else 1
    np.testing.assert_allclose(np.linalg.svd(w.reshape(rows, -1))[1], 0.5 * long, rtol=1e-12)
    (w,), _ = muon([np.zeros(shape)], [g], eta=0.5, eps=0.0, adjust="match_rms_adamw", **CUBIC)
    largest = max(rows, g.size // rows)
    np.testing.assert_allclose(np.linalg.svd(w.reshape(rows, -1))[1], 0.1 * largest**0.5, rtol=1e-12)
    np.testing.assert_allclose(state["m"][0], 0.05 * g, rtol=1e-14)


def test_the_second_step_orthogonalises_the_average():
    (w,), state = muon([W], [G], mu=0.5)
    other = G[::-1]
    for nesterov, u in ((True, 0.125 * G + 0.75 * other), (False, 0.25 * G + 0.5 * other)):
        (new,), _ = muon([w], [other], state, mu=0.5, lam=0.5, nesterov=nesterov)
        np.testing.assert_allclose(new, 0.99 * w - 0.02 * newton_schulz(u)[0], rtol=1e-13)


@pytest.mark.parametrize("scale", [2.0**-1000, 2.0**1020])
def test_gradients_of_any_size_give_the_same_step(scale):
    np.testing.assert_allclose(muon([W], [scale * G], eps=0.0)[0][0], muon([W], [G], eps=0.0)[0][0], rtol=1e-14)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"adjust": "rms"}, "adjust = 'rms' is not one of original, match_rms_adamw"),
        ({"iterations": -1}, "iterations = -1; need iterations ≥ 0"),
        ({"iterations": 0.5}, "iterations = 0.5"),
        ({"mu": 1.0}, "mu = 1.0; need 0 ≤ mu < 1"),
        ({"a": np.inf}, "a = inf is not finite"),
    ],
)
def test_bad_input_is_named(given, says):
    with pytest.raises(ValueError, match=says):
        muon([W], [G], **given)
