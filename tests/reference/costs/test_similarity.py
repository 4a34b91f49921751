import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference.costs.similarity import cosine_distance, cosine_embedding, nt_xent, triplet_margin


@given(st.floats(1e-7, 1e-2))
def test_nearly_parallel_vectors_keep_their_distance(angle):
    a, b = np.array([[1.0, 0.0]]), np.array([[1.0, angle]])
    t = angle * angle
    exact = t / (math.sqrt(1 + t) * (math.sqrt(1 + t) + 1))  # 1 − 1/√(1 + t) without cancellation
    value, gradients = cosine_distance(a, b)
    assert math.isclose(float(value), exact, rel_tol=2**-49)
    # ∂(1 − cos)/∂a = (0, −sin), the sine of the angle between them
    np.testing.assert_allclose(gradients["a"], [[0.0, -angle / math.sqrt(1 + t)]], rtol=2**-49)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1.0, 1e300])
def test_lengths_do_not_matter(scale):
    a, b = np.array([[3.0, 4.0]]), np.array([[4.0, 3.0]])
    value, gradients = cosine_distance(a * scale, b / 7)
    assert math.isclose(float(value), 1 - 24 / 25, rel_tol=2**-47)
    expected = -(np.array([[4.0, 3.0]]) / 5 - 24 / 25 * a / 5) / 5
    np.testing.assert_allclose(gradients["a"] * scale, expected, rtol=2**-47)


def test_parallel_and_opposite_vectors_have_no_slope():
    a = np.array([[1.0, 2.0, 3.0]])
    for b, distance in ((2 * a, 0.0), (-4 * a, 2.0)):
        value, gradients = cosine_distance(a, b)
        assert value == distance
        assert not gradients["a"].any()
        assert not gradients["b"].any()


def test_cosine_embedding_at_a_right_angle_meets_the_margin():
    a, b = np.array([[1.0, 0.0]] * 2), np.array([[0.0, 1.0]] * 2)
    value, gradients = cosine_embedding(a, b, [1, -1], reduction="none")
    assert value.tolist() == [1.0, 0.0]
    assert gradients["a"].tolist() == [[0.0, -1.0], [0.0, 0.0]]


def test_triplets():
    value, gradients = triplet_margin([[0.0, 0.0]], [[3.0, 4.0]], [[0.0, 2.0]])
    assert value == 1 + 5 - 2
    np.testing.assert_allclose(gradients["a"], [[-0.6, -0.8 + 1.0]], rtol=2**-51)
    assert gradients["c"].tolist() == [[0.0, -1.0]]
    coincident = triplet_margin([[1.0]], [[1.0]], [[1.5]])[1]
    assert coincident["b"] == 0
    far = triplet_margin([[0.0]], [[1e200]], [[-1e200]], margin=1.0)[1]  # their squares would overflow
    assert far["a"] == -2


def test_nt_xent_of_one_pair_and_of_learned_pairs():
    z = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    value, gradients = nt_xent(z, [0, 0, 1, 1], temperature=0.5)
    assert math.isclose(float(value), math.log1p(2 * math.exp(-2)), rel_tol=2**-50)
    assert nt_xent(z[:2], [0, 0])[0] == 0
    learned, gradients = nt_xent(z, [0, 0, 1, 1], temperature=0.01)
    assert math.isclose(float(learned), 2 * math.exp(-100), rel_tol=1e-13)
    assert gradients["z"].any()


ROW = np.array([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cosine_distance(0 * ROW, ROW), "row 0 of a is zero: its direction is undefined"),
        (lambda: cosine_distance(ROW, 0 * ROW), "row 0 of b is zero"),
        (lambda: cosine_embedding(ROW, ROW, [0]), r"y = 0.0 at index \(0,\) is not a label"),
        (lambda: cosine_embedding(ROW, ROW, [[1]]), r"y has shape \(1, 1\); expected \(1,\)"),
        (lambda: triplet_margin(ROW, ROW, ROW, margin=0.0), "margin = 0.0; need margin > 0"),
        (lambda: triplet_margin(ROW, ROW, ROW[:, :1]), "c has shape"),
        (lambda: nt_xent(np.eye(2), [0, 1]), "labels are all different"),
        (lambda: nt_xent(np.eye(2), [0, 0], temperature=0.0), "temperature = 0.0; need temperature > 0"),
        (lambda: nt_xent(np.zeros((2, 2)), [0, 0]), "row 0 of z is zero"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
