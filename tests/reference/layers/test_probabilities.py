"""Between logits and probabilities: what is left of 1, and classes drawn by noise that is given."""

import re

import numpy as np
import pytest

from reference.activations import softmax
from reference.layers import gumbel_softmax, log1mexp


def test_what_is_left_of_one_is_left_twice():
    """log1mexp is its own inverse but for signs, and takes log p to log(1 − p)."""
    z = np.array([1e-20, 1e-3, 0.5, np.log(2), 1.0, 30.0])
    value, _ = log1mexp(z)
    assert -log1mexp(-value)[0] == pytest.approx(z, rel=1e-13)
    assert value[0] == np.log(1e-20)
    assert log1mexp([800.0])[0] == 0


def test_the_ends_of_log1mexp():
    value, pull = log1mexp(np.array([0.0, np.inf, 740.0]))
    assert value[:2].tolist() == [-np.inf, 0]
    assert pull(np.ones(3))["z"] == pytest.approx([np.inf, 0, np.exp(-740)])
    assert pull(np.zeros(3))["z"].tolist() == [0, 0, 0], "what does not count does not enter"


def test_what_is_no_probability_is_said():
    with pytest.raises(ValueError, match=re.escape("z = -0.5 at index (1,) is not a rate: must be ≥ 0")):
        log1mexp([1.0, -0.5])


def test_gumbel_noise_makes_samples_of_a_softmax():
    z, rng = np.log([0.5, 0.3, 0.2]), np.random.default_rng(0)
    y, _ = gumbel_softmax(np.tile(z, (20_000, 1)), rng.gumbel(size=(20_000, 3)), temperature=0.5)
    assert np.bincount(y.argmax(-1)) / 20_000 == pytest.approx(np.exp(z), abs=0.02)


def test_without_noise_it_is_a_softmax():
    z, v = np.random.default_rng(1).standard_normal((2, 3, 4))
    (y, pull), (s, plain) = gumbel_softmax(z, np.zeros_like(z), temperature=0.7), softmax(z, temperature=0.7)
    assert (y == s).all()
    assert (pull(v)["z"] == plain(v)).all()
    assert (pull(v)["noise"] == plain(v)).all()


def test_logits_and_noise_may_overflow_together():
    y, pull = gumbel_softmax([[1.5e308, 1.6e308], [2.0, 0.0]], [[1.5e308] * 2, [1.0, 1.0]], temperature=2.0)
    (s, plain), v = softmax(np.array([2.0, 0.0]), temperature=2.0), np.array([[1.0, 2.0]] * 2)
    assert y.tolist() == [[0, 1], s.tolist()]
    assert pull(v)["z"].tolist() == pull(v)["noise"].tolist() == [[0, 0], plain(v[1]).tolist()]


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: gumbel_softmax([[1.0, 2.0]], [1.0, 2.0]), ValueError, "noise has shape (2,), z has shape (1, 2)"),
        (lambda: gumbel_softmax([1.0], [0.0], temperature=0.0), ValueError, "temperature = 0.0; need temperature > 0"),
        (lambda: gumbel_softmax([1, 2], [0.0, 0.0]), TypeError, "z"),
        (lambda: gumbel_softmax(np.zeros((2, 0)), np.zeros((2, 0))), ValueError, "z has shape (2, 0)"),
    ],
)
def test_bad_input_is_said(call, error, said):
    with pytest.raises(error, match=re.escape(said)):
        call()
