"""Clipping: what it keeps, and what its backward loses."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.updates.clipping import clip_by_norm, clip_by_value, global_norm

SHAPES = ((3, 2), (4,), ())
entries = st.floats(-1e3, 1e3)
lists = st.tuples(*(hnp.arrays(np.float64, s, elements=entries) for s in SHAPES)).map(list)


def dot(a, b):
    return sum(float((x * y).sum()) for x, y in zip(a, b, strict=True))


@given(lists, st.floats(0.01, 1e3))
def test_norm_and_direction(g, limit):
    clipped, _ = clip_by_norm(g, limit)
    assert global_norm(clipped) <= limit * (1 + 1e-14)
    norm = global_norm(g)
    if norm < limit:
        assert all((a == b).all() for a, b in zip(clipped, g, strict=True))
    else:
        for a, b in zip(clipped, g, strict=True):
            np.testing.assert_allclose(a, limit / norm * b, rtol=1e-13, atol=1e-300)


@given(lists, lists, lists)
def test_outside_the_ball_the_backward_is_symmetric_and_blind_along_g(g, u, v):
    norm = global_norm(g)
    assume(norm > 1e-3)
    _, pullback = clip_by_norm(g, norm / 2)
    size = (global_norm(u) + 1) * (global_norm(v) + 1)
    assert dot(u, pullback(v)) == pytest.approx(dot(pullback(u), v), abs=1e-12 * size)
    assert dot(g, pullback(v)) == pytest.approx(0, abs=1e-12 * size * norm)


def test_at_the_limit_the_outer_side_is_taken():
    _, pullback = clip_by_norm([np.array([3.0, 4.0])], 5.0)
    np.testing.assert_allclose(pullback([np.array([1.0, 2.0])])[0], [-0.32, 0.24], rtol=1e-14)


def test_a_zero_gradient_has_the_identity_as_backward():
    clipped, pullback = clip_by_norm([np.zeros(2)], 1.0)
    np.testing.assert_array_equal(clipped[0], 0)
    np.testing.assert_array_equal(pullback([np.array([1.0, 2.0])])[0], [1.0, 2.0])


def test_value_clipping_at_its_kinks():
    g = np.array([-2.0, -1.0, -0.5, 0.0, 1.0, np.nextafter(1, 0), np.inf])
    clipped, pullback = clip_by_value([g], 1.0)
    np.testing.assert_array_equal(clipped[0], np.clip(g, -1, 1))
    np.testing.assert_array_equal(pullback([np.ones(7)])[0], [0, 0, 1, 1, 0, 1, 0])


@pytest.mark.parametrize(
    ("dtype", "size"), [(np.float32, 1e30), (np.float32, 1e-30), (np.float64, 1e300), (np.float64, 1e-300)]
)
def test_no_square_overflows_or_vanishes(dtype, size):
    g = [np.full(2, size, dtype)]
    assert global_norm(g) == pytest.approx(float(dtype(size)) * np.sqrt(2), rel=1e-12)
    np.testing.assert_allclose(clip_by_norm(g, size * 1e-3)[0][0], size * 1e-3 / np.sqrt(2), rtol=1e-6)


def test_nothing_to_clip():
    assert clip_by_norm([])[0] == []
    assert global_norm([np.zeros((0, 3))]) == 0


def test_the_limits_are_1_unless_told_otherwise():
    g = [np.array([0.6, 0.8]), np.array([0.0])]
    clipped, pullback = clip_by_norm(g)  # exactly at the limit, where the outer side is taken
    np.testing.assert_array_equal(clipped[0], g[0])
    np.testing.assert_allclose(pullback([np.array([0.6, 0.8]), np.array([2.0])])[0], [0, 0], atol=1e-16)
    clipped, pullback = clip_by_norm([np.array([0.6, np.nextafter(0.8, 0)])])
    assert pullback([np.array([0.6, 0.8])])[0].tolist() == [0.6, 0.8]
    assert clip_by_value([np.array([1.5, -0.5])])[0][0].tolist() == [1.0, -0.5]


@pytest.mark.parametrize("scale", [5e-324, 1e-300, 1e300, 1.7e308])
def test_a_direction_is_kept_whatever_the_length(scale):
    """Of (1.7e308, 1.7e308) the norm overflows, and the direction does not."""
    g = [np.full(2, scale)]
    clipped, pullback = clip_by_norm(g, max_norm=5e-324 if scale < 1e-310 else 1e-305)
    if scale > 1e-310:
        np.testing.assert_allclose(clipped[0], 1e-305 / np.sqrt(2), rtol=1e-12)
        back = pullback([np.array([scale, 0.0])])[0]
        np.testing.assert_allclose(back, np.array([0.5, -0.5]) * 1e-305 / np.sqrt(2), rtol=1e-12)


def test_a_cotangent_for_every_array():
    for v in (np.ones(2), {"g1": np.ones(2)}, {"g1": np.ones(2), "g3": np.ones(1)}):
        with pytest.raises(ValueError, match="need a cotangent for each of g1, g2, by name"):
            clip_by_norm.vjp({"g1": np.ones(2), "g2": np.ones(1)}, v)
    _, gradients = clip_by_norm.vjp({"g1": np.array([3.0, 4.0])}, [1.0, 2.0], max_norm=5.0)
    np.testing.assert_allclose(gradients["g1"], [-0.32, 0.24], rtol=1e-14)
    with pytest.raises(TypeError, match=r"clip_by_value has the arguments g1, g2, …; got g1, h"):
        clip_by_value.vjp({"g1": np.ones(2), "h": np.ones(1)})


def test_a_gradient_without_direction_is_named():
    with pytest.raises(ValueError, match=r"gradients\[1\]\[0, 2\] = inf"):
        clip_by_norm([np.ones(2), np.array([[1.0, 2.0, np.inf]])])
    with pytest.raises(ValueError, match=r"gradients\[0\]\[1\] = nan"):
        clip_by_norm([np.array([0.0, np.nan])])


def test_nan_stays_nan_in_the_slope_and_what_no_cotangent_sees_does_not_enter():
    clipped, back = clip_by_value([[0.5, np.nan, 3.0]])
    np.testing.assert_array_equal(clipped[0], [0.5, np.nan, 1.0])
    np.testing.assert_array_equal(back([[2.0, 2.0, 2.0]])[0], [2.0, np.nan, 0.0])
    np.testing.assert_array_equal(back([[2.0, 0.0, 2.0]])[0], [2.0, 0.0, 0.0])


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm])
def test_cotangents_are_one_for_each_array_and_of_its_shape(clip):
    _, back = clip([np.ones(3), np.ones((2, 2))])
    with pytest.raises(ValueError, match="1 cotangents for 2 arrays; pass one each"):
        back([np.ones(3)])
    with pytest.raises(ValueError, match=r"cotangent has shape \(1,\), the output has shape \(3,\)"):
        back([np.ones(1), np.ones((2, 2))])
    with pytest.raises(TypeError, match="cotangent has dtype complex128"):
        back([np.ones(3, complex), np.ones((2, 2))])
