"""Clipping: what it keeps, and its vector-Jacobian product against differences of the function itself."""

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference.updates.clipping import clip_by_norm, clip_by_value, global_norm

SHAPES = ((3, 2), (4,), ())
entries = st.floats(-1e3, 1e3)
lists = st.tuples(*(hnp.arrays(np.float64, s, elements=entries) for s in SHAPES)).map(list)


def draw(seed, dtype=np.float64):
    rng = np.random.default_rng(seed)
    return [np.asarray(rng.standard_normal(s), dtype) for s in SHAPES]


def dot(a, b):
    return sum(float((x * y).sum()) for x, y in zip(a, b, strict=True))


def directional(clip, g, d, h=1e-6):
    """(clip(g + hd) − clip(g − hd))/2h."""
    up, down = (clip([x + s * h * y for x, y in zip(g, d, strict=True)])[0] for s in (1, -1))
    return [(a - b) / (2 * h) for a, b in zip(up, down, strict=True)]


@pytest.mark.parametrize("limit", [0.5, 1.5, 100.0])
@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm])
def test_the_backward_is_the_transpose_of_the_derivative(clip, limit):
    g, v, d = draw(1), draw(2), draw(3)
    forward = dot(v, directional(lambda x: clip(x, limit), g, d))
    assert dot(clip(g, limit)[1](v), d) == pytest.approx(forward, rel=1e-7)


def test_taking_the_backward_for_the_identity_would_be_found():
    g, v, d = draw(1), draw(2), draw(3)
    forward = dot(v, directional(lambda x: clip_by_norm(x, 0.5), g, d))
    assert dot(v, d) != pytest.approx(forward, rel=0.1)


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


@pytest.mark.parametrize("clip", [clip_by_value, clip_by_norm])
def test_dtype_is_kept_and_nothing_is_changed(clip):
    g = draw(4, np.float32)
    before = [x.copy() for x in g]
    clipped, pullback = clip(g, 0.5)
    assert {x.dtype for x in [*clipped, *pullback(g)]} == {np.dtype(np.float32)}
    inside, identity = clip(g, 100.0)
    for x in [*clipped, *inside, *identity(g)]:
        if x.ndim:  # NumPy hands out 0-d results as scalars, which cannot be written to
            x[...] = 7
    assert all((a == b).all() for a, b in zip(g, before, strict=True))


def test_nothing_to_clip():
    assert clip_by_norm([])[0] == []
    assert global_norm([np.zeros((0, 3))]) == 0


@pytest.mark.parametrize("limit", [0.0, -1.0, np.inf, np.nan])
def test_limits_that_make_no_sense(limit):
    with pytest.raises(ValueError, match=r"max_norm = .*; need 0 < max_norm < ∞"):
        clip_by_norm([np.ones(2)], limit)
    with pytest.raises(ValueError, match=r"max_value = "):
        clip_by_value([np.ones(2)], limit)


def test_a_gradient_without_direction_is_named():
    with pytest.raises(ValueError, match=r"gradients\[1\]\[0, 2\] = inf"):
        clip_by_norm([np.ones(2), np.array([[1.0, 2.0, np.inf]])])
    with pytest.raises(ValueError, match=r"gradients\[0\]\[1\] = nan"):
        clip_by_norm([np.array([0.0, np.nan])])


def test_integers_are_refused():
    with pytest.raises(TypeError, match=r"gradients\[0\] has dtype int64"):
        clip_by_norm([np.ones(2, int)])
