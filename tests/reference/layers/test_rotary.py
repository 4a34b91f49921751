"""Rotary positions: a rotation, its inverse, and nothing but differences of positions."""

import math

import numpy as np
import pytest

from reference.layers import rotary

RNG = np.random.default_rng(11)
FORMS = pytest.mark.parametrize("options", [{}, {"interleaved": True}, {"dimension": 4}, {"base": 7.0}], ids=str)


def real(*shape):
    return RNG.standard_normal(shape)


def test_one_pair_is_turned_by_its_position():
    x, v = real(5, 2), real(5, 2)
    y, pullback = rotary(x)
    for p in range(5):
        c, s = math.cos(p), math.sin(p)
        turn = np.array([[c, -s], [s, c]])
        np.testing.assert_allclose(y[p], turn @ x[p], 1e-14)
        np.testing.assert_allclose(pullback(v)["x"][p], turn.T @ v[p], 1e-14)


@FORMS
def test_the_pullback_is_the_inverse(options):
    x, positions = real(3, 5, 6), RNG.integers(-50, 50, 5)
    y, pullback = rotary(x, positions, **options)
    np.testing.assert_allclose(pullback(y)["x"], x, 1e-13)
    np.testing.assert_allclose(rotary(y, -positions, **options)[0], x, 1e-13)


@FORMS
def test_products_see_differences_of_positions_alone(options):
    q, k = real(6), real(6)

    def product(p, r):
        return rotary(q[None], np.array([p]), **options)[0][0] @ rotary(k[None], np.array([r]), **options)[0][0]

    assert product(3, 1) == pytest.approx(product(1003, 1001), abs=1e-13)
    assert product(3, 1) != pytest.approx(product(3, 2), abs=1e-3)


def test_halves_and_neighbours_are_the_same_pairs_in_another_order():
    x = real(4, 6)
    order = [0, 2, 4, 1, 3, 5]
    np.testing.assert_array_equal(rotary(x[:, order])[0], rotary(x, interleaved=True)[0][:, order])


def test_what_lies_behind_the_dimension_stays():
    x, v = real(4, 7), real(4, 7)
    y, pullback = rotary(x, dimension=2)
    np.testing.assert_array_equal(y[:, 2:], x[:, 2:])
    np.testing.assert_array_equal(pullback(v)["x"][:, 2:], v[:, 2:])
    np.testing.assert_array_equal(y[:, :2], rotary(x[:, :2])[0])


def test_positions_far_away_are_as_exact_as_near_ones():
    """cos and sin of 10⁹·10⁻⁴·2 and 10⁹ radians; the angle itself has no float."""
    mpmath = pytest.importorskip("mpmath")
    p = 123_456_789
    y, _ = rotary(np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([p]))
    with mpmath.workdps(60):
        angles = [mpmath.mpf(p), mpmath.mpf(p) / 100]
        expected = [float(f(t)) for f in (mpmath.cos, mpmath.sin) for t in angles]
    np.testing.assert_allclose(y[0], expected, 4e-16)


def test_positions_may_differ_by_example_and_be_shared():
    x, positions = real(2, 3, 5, 4), RNG.integers(0, 9, (2, 1, 5))
    y = rotary(x, positions)[0]
    for i in range(2):
        for h in range(3):
            np.testing.assert_array_equal(y[i, h], rotary(x[i, h], positions[i, 0])[0])


@pytest.mark.parametrize(
    ("x", "positions", "options", "said"),
    [
        (real(4), None, {}, r"x has shape \(4,\); expected \(..., positions, d\)"),
        (real(3, 5), None, {}, r"x has shape \(3, 5\); need an even number"),
        (real(3, 5), None, {"dimension": 3}, "dimension = 3; need an even number of entries, at most 5"),
        (real(3, 4), None, {"dimension": 6}, "dimension = 6; need an even number of entries, at most 4"),
        (real(3, 4), None, {"dimension": 0}, "dimension = 0; need a positive integer"),
        (real(3, 4), np.arange(4), {}, r"positions have shape \(4,\); expected what broadcasts to \(3,\)"),
        (real(3, 4), np.zeros((2, 3), int), {}, r"positions have shape \(2, 3\)"),
        (real(3, 4), None, {"base": 0.0}, "base = 0.0; need base > 0"),
    ],
)
def test_what_does_not_fit_is_named(x, positions, options, said):
    with pytest.raises(ValueError, match=said):
        rotary(x, positions, **options)


def test_positions_are_integers():
    with pytest.raises(TypeError, match="positions have dtype float64; pass integers"):
        rotary(real(3, 4), np.arange(3.0))
